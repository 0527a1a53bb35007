//! The command line that every operator built on kubewright gets: `main` is
//! `kubewright::cli::main(registry())`.
//!
//! - `args`: what can be asked for; `help`: what is derived from the registry to explain it
//! - `run`: reconciles, until it is told to stop
//! - `render`: what a resource would become, without a cluster
//! - `print`: definitions, rights, samples, the installation, as YAML
//! - `settings`: arguments that a program adds to those that build
//! - `extension`: subcommands that a program adds, and itself as a plugin of kubectl
//!
//! No operator is known here, and nothing is decided here that an engine or a generator could
//! decide.

mod args;
mod error;
mod extension;
mod help;
mod print;
mod render;
mod run;
mod settings;
mod streams;

use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;

use clap::{ArgMatches, Args, FromArgMatches};
use kubewright_core::Registry;

use args::{Cli, Command};
pub use error::Error;
pub use extension::{Extension, Work};
use settings::Settings;
pub use streams::Streams;

/// The whole program of an operator: `fn main() -> ExitCode { kubewright::cli::main(registry()) }`.
///
/// [`Program`] is for those who want to say more about it: its version, what it is for.
#[must_use]
pub fn main(registry: Registry) -> ExitCode {
    Program::new(registry).main()
}

/// A program, and what it says about itself.
#[derive(Clone, Debug)]
pub struct Program {
    registry: Registry,
    version: &'static str,
    about: Option<&'static str>,
    extensions: Vec<Extension>,
    settings: Option<Settings>,
}

impl Program {
    /// A program that is called as its registry is.
    #[must_use]
    pub fn new(registry: Registry) -> Self {
        let version = concat!("(kubewright ", env!("CARGO_PKG_VERSION"), ")");
        Self { registry, version, about: None, extensions: Vec::new(), settings: None }
    }

    /// What `--version` says: `Program::new(registry()).version(env!("CARGO_PKG_VERSION"))`.
    #[must_use]
    pub fn version(mut self, version: &'static str) -> Self {
        self.version = version;
        self
    }

    /// What the program is for, in one sentence: the first line of `--help`.
    #[must_use]
    pub fn about(mut self, about: &'static str) -> Self {
        self.about = Some(about);
        self
    }

    /// Adds a subcommand of the program's own.
    #[must_use]
    pub fn with(mut self, extension: Extension) -> Self {
        self.extensions.push(extension);
        self
    }

    /// Adds arguments of the program's own to `run` and `render`, and says which registry follows
    /// from them: settings of its operators. It has the controllers of the one that the program
    /// was made with, in their order; that is for everything else, which no setting changes.
    #[must_use]
    pub fn configured<S: Args>(
        mut self,
        registry: impl Fn(S) -> Registry + Send + Sync + 'static,
    ) -> Self {
        self.settings = Some(Settings::new(registry));
        self
    }

    /// Does what the arguments of the process ask for.
    #[must_use]
    pub fn main(self) -> ExitCode {
        Streams::of_process(|streams| self.execute(std::env::args_os(), streams))
    }

    /// Does what `args` ask for; the first of them is the name of the program.
    ///
    /// The code is 0 when all went well, 1 when it did not, and 2 when the arguments cannot be
    /// understood; an [`Extension`] can have more. A program that is called `kubectl-NAME` is
    /// its extension of that name: a plugin of kubectl.
    pub fn execute<A: Into<OsString> + Clone>(
        mut self,
        args: impl IntoIterator<Item = A>,
        streams: &mut Streams<'_>,
    ) -> ExitCode {
        let args: Vec<OsString> = args.into_iter().map(Into::into).collect();
        if let Some(plugin) = args
            .first()
            .and_then(|program| self.extensions.iter().find(|e| e.is_called_by(program)))
        {
            return plugin.run_as_plugin(&self.registry, self.version, args, streams);
        }
        let called = args.first().and_then(|program| Path::new(program).file_stem()?.to_str());
        let command = help::command(&self.registry, called, self.version, self.about);
        let command = self
            .extensions
            .iter()
            .fold(command, |command, extension| command.subcommand(extension.command().clone()));
        let command =
            self.settings.iter().fold(command, |command, settings| settings.add_to(command));
        let matches = match command.try_get_matches_from(args) {
            Ok(matches) => matches,
            Err(error) => return streams.usage(&error),
        };
        let asked = matches.subcommand().and_then(|(name, inner)| {
            Some((self.extensions.iter().find(|e| e.name() == name)?, inner))
        });
        if let Some((extension, inner)) = asked {
            return extension.run(&self.registry, inner, streams);
        }
        let cli = match self.configure(&matches).and_then(|()| Cli::from_arg_matches(&matches)) {
            Ok(cli) => cli,
            Err(error) => return streams.usage(&error),
        };
        match self.dispatch(cli.command, streams) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => streams.failure(&error),
        }
    }

    /// Takes over the settings among the arguments.
    fn configure(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        if let Some(registry) =
            self.settings.as_ref().and_then(|settings| settings.registry(matches))
        {
            self.registry = registry?;
        }
        Ok(())
    }

    fn dispatch(self, command: Command, streams: &mut Streams<'_>) -> Result<(), Error> {
        self.registry.check()?;
        match command {
            Command::Run(args) => run::run(self.registry, args),
            Command::Render(args) => render::render(&self.registry, &args, streams),
            Command::Crds => print::crds(&self.registry, streams),
            Command::Rbac(args) => print::rbac(&self.registry, args, streams),
            Command::Samples => print::samples(&self.registry, streams),
            Command::Install(args) => print::install(&self.registry, args, streams),
        }
    }
}
