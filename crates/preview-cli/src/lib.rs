//! The command line for previews: what people and CI jobs ask about a `PreviewEnvironment`, and the
//! few fields that they change all the time. `operator preview ...`, and `kubectl preview ...`
//! where the program is called `kubectl-preview`.
//!
//! - `args`: what can be asked for; `error`: what can go wrong, and the exit code of each
//! - `cluster`: every request, and what the answers mean
//! - `preview`: a preview as it was read; `time`, `table`: how it is written for people
//! - `list`, `status`, `wait`, `open`, `change`: one for each thing to do
//!
//! It talks to the API server with the rights of whoever runs it, and to nobody else: no operator
//! has to be reachable. It never writes a status. How previews are made is not known here, but by
//! which kinds the program owns.

mod args;
mod change;
mod cluster;
mod error;
mod list;
mod open;
mod preview;
mod run;
mod status;
mod table;
mod time;
mod wait;

pub use run::extension;
