//! Commands of this program alone: `preview policy check`.
//!
//! - `args`: the command line
//! - `check` reads the cluster and prints what a policy would change; `error`: why it fails

mod args;
mod check;
mod error;

use kubewright::cli::{CommandError, Streams};

use args::{Commands, PolicyCommands, PreviewCommands};

/// Executes a command.
///
/// # Errors
/// The file or the cluster cannot be read, or the file has no policy.
pub(crate) fn run(command: Commands, streams: &mut Streams<'_>) -> Result<(), CommandError> {
    let Commands::Preview(PreviewCommands::Policy(PolicyCommands::Check(args))) = command;
    check::run(args, streams)
}
