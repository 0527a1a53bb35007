//! Settings that a program adds as flags to the subcommands that build children.

use std::fmt;
use std::sync::Arc;

use clap::{ArgMatches, Args, Command};
use kubewright_core::Registry;

/// Subcommands that build children.
const BUILD: [&str; 2] = ["run", "render"];

type Configure = dyn Fn(&ArgMatches) -> Result<Registry, clap::Error> + Send + Sync;

/// Flags, and the function from their values to the registry.
#[derive(Clone)]
pub(crate) struct Settings {
    augment: fn(Command) -> Command,
    configure: Arc<Configure>,
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings").finish_non_exhaustive()
    }
}

impl Settings {
    pub(crate) fn new<S: Args>(registry: impl Fn(S) -> Registry + Send + Sync + 'static) -> Self {
        let configure = move |matches: &ArgMatches| S::from_arg_matches(matches).map(&registry);
        Self { augment: S::augment_args, configure: Arc::new(configure) }
    }

    /// Adds the flags to the subcommands.
    pub(crate) fn add_to(&self, command: Command) -> Command {
        BUILD.into_iter().fold(command, |command, name| {
            command.mut_subcommand(name, |inner| self.add_flags(inner))
        })
    }

    /// Adds the flags, and keeps the description of the subcommand: clap replaces it by the doc
    /// comment of the settings type.
    fn add_flags(&self, command: Command) -> Command {
        let (about, long_about) =
            (command.get_about().cloned().unwrap_or_default(), command.get_long_about().cloned());
        let command = (self.augment)(command).about(about.clone());
        command.long_about(long_about.unwrap_or(about))
    }

    /// The registry for the arguments; `None` if the subcommand has no settings.
    pub(crate) fn registry(&self, matches: &ArgMatches) -> Option<Result<Registry, clap::Error>> {
        let (name, inner) = matches.subcommand()?;
        BUILD.contains(&name).then(|| (self.configure)(inner))
    }
}
