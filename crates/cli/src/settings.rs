//! Settings of a program's own: what an administrator chooses for all resources, as arguments of
//! the subcommands that build. What they are is not known here.

use std::fmt;
use std::sync::Arc;

use clap::{ArgMatches, Args, Command};
use kubewright_core::Registry;

/// The subcommands that have them: those that build children.
const BUILD: [&str; 2] = ["run", "render"];

type Configure = dyn Fn(&ArgMatches) -> Result<Registry, clap::Error> + Send + Sync;

/// Arguments, and the registry that they make.
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

    /// The command line with these arguments.
    pub(crate) fn add_to(&self, command: Command) -> Command {
        BUILD.into_iter().fold(command, |command, name| {
            command.mut_subcommand(name, |inner| self.augmented(inner))
        })
    }

    /// What the subcommand is for stays as it is: what is said about the settings as a whole is no
    /// description of it.
    fn augmented(&self, command: Command) -> Command {
        let (about, more) =
            (command.get_about().cloned().unwrap_or_default(), command.get_long_about().cloned());
        let command = (self.augment)(command).about(about.clone());
        command.long_about(more.unwrap_or(about))
    }

    /// The registry as the arguments want it; `None` where the subcommand has none of these.
    pub(crate) fn registry(&self, matches: &ArgMatches) -> Option<Result<Registry, clap::Error>> {
        let (name, inner) = matches.subcommand()?;
        BUILD.contains(&name).then(|| (self.configure)(inner))
    }
}
