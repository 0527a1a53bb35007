//! Subcommands of a program's own, beside those that every program has. What they do is not known
//! here.

use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::process::ExitCode;

use clap::{ArgMatches, Command};
use kubewright_core::Registry;

use crate::streams::Streams;

/// What a subcommand does: it gets what the program reconciles and its arguments as they were
/// parsed, and gives the exit code.
pub type Work = fn(&Registry, &ArgMatches, &mut Streams<'_>) -> ExitCode;

/// How kubectl finds its plugins: programs of this name, with the plugin's name behind it.
const PLUGIN: &str = "kubectl-";

/// A subcommand of a program's own, and a plugin of kubectl where the program is called
/// `kubectl-NAME`.
///
/// Its name is none of `run`, `render`, `crds`, `rbac`, `samples`, `install`.
#[derive(Clone, Debug)]
pub struct Extension {
    command: Command,
    work: Work,
}

impl Extension {
    /// The subcommand that `command` describes, which does `work`.
    #[must_use]
    pub fn new(command: Command, work: Work) -> Self {
        Self { command, work }
    }

    pub(crate) fn command(&self) -> &Command {
        &self.command
    }

    pub(crate) fn name(&self) -> &str {
        self.command.get_name()
    }

    pub(crate) fn run(
        &self,
        registry: &Registry,
        matches: &ArgMatches,
        streams: &mut Streams<'_>,
    ) -> ExitCode {
        (self.work)(registry, matches, streams)
    }

    /// Whether the program's own name, the first of its arguments, makes it this plugin.
    pub(crate) fn is_called_by(&self, program: &OsStr) -> bool {
        let name = Path::new(program).file_stem().and_then(OsStr::to_str);
        name.and_then(|name| name.strip_prefix(PLUGIN)) == Some(self.name())
    }

    /// Does what `args` ask the plugin for.
    pub(crate) fn run_as_plugin(
        &self,
        registry: &Registry,
        version: &'static str,
        args: Vec<OsString>,
        streams: &mut Streams<'_>,
    ) -> ExitCode {
        let typed = format!("kubectl {}", self.name());
        match self.command.clone().bin_name(typed).version(version).try_get_matches_from(args) {
            Ok(matches) => self.run(registry, &matches, streams),
            Err(error) => streams.usage(&error),
        }
    }
}
