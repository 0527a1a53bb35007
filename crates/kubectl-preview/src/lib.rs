//! `kubectl preview`: lists, shows, waits for and changes `PreviewEnvironment` resources.
//!
//! - `args`: the command line; `error`: errors and exit codes
//! - `cluster`: every request and its possible errors
//! - `preview`: one preview as the API server returned it
//! - `list`, `status`, `wait`, `open`, `change`: one module per group of subcommands
//! - `output`, `table`, `yaml`, `time`: how results are written
//!
//! The program talks to the API server alone, with the rights of its user, and never writes a
//! status. It knows nothing of how previews are built, except which kinds they own.

mod args;
mod change;
mod cluster;
mod error;
mod list;
mod open;
mod output;
mod preview;
mod status;
mod table;
mod time;
mod wait;
mod yaml;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Parser;
use jiff::Timestamp;

use crate::args::{PreviewArgs, PreviewCommand};
use crate::cluster::Cluster;
use crate::error::Error;
use crate::output::Output;

/// Runs the command line `args`, whose first element is the program's name, on the standard
/// streams of the process.
#[must_use]
pub fn run(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let output = &mut Output { out: &mut std::io::stdout(), err: &mut std::io::stderr() };
    let args = match PreviewArgs::try_parse_from(args) {
        Ok(args) => args,
        Err(error) => return output.usage(&error),
    };
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Error::Start);
    match runtime.and_then(|runtime| runtime.block_on(execute(args, output))) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            output.error(&error);
            ExitCode::from(error.exit_code())
        }
    }
}

async fn execute(args: PreviewArgs, output: &mut Output<'_>) -> Result<(), Error> {
    let cluster = Cluster::connect(args.cluster)?;
    execute_on(&cluster, args.command, Timestamp::now(), output).await
}

async fn execute_on(
    cluster: &Cluster,
    command: PreviewCommand,
    now: Timestamp,
    output: &mut Output<'_>,
) -> Result<(), Error> {
    match command {
        PreviewCommand::List(args) => list::list(cluster, &args, now, output).await,
        PreviewCommand::Status(args) => status::status(cluster, &args, now, output).await,
        PreviewCommand::Wait(args) => wait::wait(cluster, &args, output).await,
        PreviewCommand::Open(args) => open::open(cluster, &args, output).await,
        PreviewCommand::Extend(args) => change::extend(cluster, &args, now, output).await,
        PreviewCommand::Pin(args) => change::set(cluster, &args, change::PIN, output).await,
        PreviewCommand::Unpin(args) => change::set(cluster, &args, change::UNPIN, output).await,
        PreviewCommand::Sleep(args) => change::set(cluster, &args, change::SLEEP, output).await,
        PreviewCommand::Wake(args) => change::set(cluster, &args, change::WAKE, output).await,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
