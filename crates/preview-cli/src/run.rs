//! From the arguments to what is done, and to the exit code.

use std::process::ExitCode;

use clap::{ArgMatches, Args as _, Command, FromArgMatches as _};
use jiff::Timestamp;
use kubewright::Registry;
use kubewright::cli::{Extension, Streams};

use crate::args::{PreviewArgs, PreviewCommand};
use crate::cluster::Cluster;
use crate::error::{EXIT_CODES, Error};
use crate::{change, list, open, status, wait};

/// What `--help` begins with.
const ABOUT: &str = "Look at previews, wait for them, and change how long they live";
/// Examples name the program like this where they cannot know how it is called.
const PROGRAM: &str = "{}";

/// `preview`, for [`Program::with_extension`](kubewright::cli::Program::with_extension): a program with it can also be
/// called `kubectl-preview`.
#[must_use]
pub fn extension() -> Extension {
    let command = PreviewArgs::augment_args(Command::new("preview"))
        .about(ABOUT)
        .subcommand_required(true)
        .arg_required_else_help(true)
        .max_term_width(110)
        .after_help(EXIT_CODES);
    Extension::new(with_names(command), run)
}

/// Fills in how the program is called by most.
fn with_names(command: Command) -> Command {
    let names: Vec<String> =
        command.get_subcommands().map(|inner| inner.get_name().to_owned()).collect();
    names.into_iter().fold(command, |command, name| {
        command.mut_subcommand(name, |inner| {
            let help = inner.get_after_help().map(ToString::to_string).unwrap_or_default();
            inner
                .after_help(format!("{}\n\n{EXIT_CODES}", help.replace(PROGRAM, "kubectl preview")))
        })
    })
}

fn run(registry: &Registry, matches: &ArgMatches, streams: &mut Streams<'_>) -> ExitCode {
    let args = match PreviewArgs::from_arg_matches(matches) {
        Ok(args) => args,
        Err(error) => {
            streams.print_message(&error.to_string());
            return ExitCode::from(2);
        }
    };
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Error::Start);
    let done = runtime.and_then(|runtime| runtime.block_on(work(registry, args, streams)));
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            streams.print_error(&error);
            error.code()
        }
    }
}

async fn work(
    registry: &Registry,
    args: PreviewArgs,
    streams: &mut Streams<'_>,
) -> Result<(), Error> {
    let cluster = Cluster::connect(args.cluster).await?;
    let now = Timestamp::now();
    match args.command {
        PreviewCommand::List(args) => list::list(&cluster, &args, now, streams).await,
        PreviewCommand::Status(args) => {
            status::status(&cluster, registry, &args, now, streams).await
        }
        PreviewCommand::Wait(args) => wait::wait(&cluster, &args, streams).await,
        PreviewCommand::Open(args) => open::open(&cluster, &args, streams).await,
        PreviewCommand::Extend(args) => change::extend(&cluster, &args, now, streams).await,
        PreviewCommand::Pin(args) => change::set(&cluster, &args, change::PIN, streams).await,
        PreviewCommand::Unpin(args) => change::set(&cluster, &args, change::UNPIN, streams).await,
        PreviewCommand::Sleep(args) => change::set(&cluster, &args, change::SLEEP, streams).await,
        PreviewCommand::Wake(args) => change::set(&cluster, &args, change::WAKE, streams).await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command() -> Command {
        with_names(PreviewArgs::augment_args(Command::new("preview")))
    }

    #[test]
    fn the_command_line_passes_the_checks_of_its_parser() {
        command().debug_assert();
    }

    #[test]
    fn every_subcommand_has_an_example_and_says_its_exit_codes() {
        for subcommand in command().get_subcommands() {
            let help = subcommand.get_after_help().map(ToString::to_string).unwrap_or_default();
            let example = format!("\n  kubectl preview {}", subcommand.get_name());
            assert!(help.contains(&example) && help.ends_with(EXIT_CODES), "{help}");
        }
    }
}
