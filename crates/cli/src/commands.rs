//! Subcommands that a program adds.

use std::fmt;
use std::sync::Arc;

use clap::{ArgMatches, Command, Subcommand};

use crate::error::CommandError;
use crate::streams::Streams;

type Run = dyn Fn(&ArgMatches, &mut Streams<'_>) -> Result<Result<(), CommandError>, clap::Error>
    + Send
    + Sync;

/// The subcommands, and the function that executes them.
#[derive(Clone)]
pub(crate) struct Commands {
    augment: fn(Command) -> Command,
    has: fn(&str) -> bool,
    run: Arc<Run>,
}

impl fmt::Debug for Commands {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Commands").finish_non_exhaustive()
    }
}

impl Commands {
    pub(crate) fn new<C: Subcommand>(
        run: impl Fn(C, &mut Streams<'_>) -> Result<(), CommandError> + Send + Sync + 'static,
    ) -> Self {
        Self {
            augment: C::augment_subcommands,
            has: C::has_subcommand,
            run: Arc::new(move |matches, streams| {
                C::from_arg_matches(matches).map(|command| run(command, streams))
            }),
        }
    }

    pub(crate) fn add_to(&self, command: Command) -> Command {
        (self.augment)(command)
    }

    /// Whether these arguments name one of the subcommands.
    pub(crate) fn has(&self, matches: &ArgMatches) -> bool {
        matches.subcommand_name().is_some_and(self.has)
    }

    /// Executes a subcommand.
    ///
    /// # Errors
    /// An argument that cannot be used. The failure of the subcommand itself is within.
    pub(crate) fn run(
        &self,
        matches: &ArgMatches,
        streams: &mut Streams<'_>,
    ) -> Result<Result<(), CommandError>, clap::Error> {
        (self.run)(matches, streams)
    }
}
