//! Subcommands that a program adds to the standard ones.

use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::process::ExitCode;

use clap::{ArgMatches, Command};
use kubewright_core::Registry;

use crate::streams::Streams;

/// Implementation of a subcommand: receives the registry and the parsed arguments, returns the exit
/// code.
pub type Action = fn(&Registry, &ArgMatches, &mut Streams<'_>) -> ExitCode;

/// Prefix of the names of kubectl plugins.
const PLUGIN: &str = "kubectl-";

/// An additional subcommand. If the program file has the name `kubectl-NAME`, the program is the
/// kubectl plugin NAME.
///
/// The name must differ from `run`, `render`, `crds`, `rbac`, `samples` and `install`.
#[derive(Clone, Debug)]
pub struct Extension {
    command: Command,
    action: Action,
}

impl Extension {
    /// Creates a subcommand from its arguments and its implementation.
    #[must_use]
    pub fn new(command: Command, action: Action) -> Self {
        Self { command, action }
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
        (self.action)(registry, matches, streams)
    }

    /// Whether the program name, the first argument, is the name of this plugin.
    pub(crate) fn is_plugin(&self, program: &OsStr) -> bool {
        let name = Path::new(program).file_stem().and_then(OsStr::to_str);
        name.and_then(|name| name.strip_prefix(PLUGIN)) == Some(self.name())
    }

    /// Runs the subcommand as a kubectl plugin.
    pub(crate) fn run_as_plugin(
        &self,
        registry: &Registry,
        version: &'static str,
        args: Vec<OsString>,
        streams: &mut Streams<'_>,
    ) -> ExitCode {
        let name = format!("kubectl {}", self.name());
        match self.command.clone().bin_name(name).version(version).try_get_matches_from(args) {
            Ok(matches) => self.run(registry, &matches, streams),
            Err(error) => streams.print_usage(&error),
        }
    }
}
