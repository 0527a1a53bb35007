//! The command line that every operator built on kubewright gets: `main` is
//! `kubewright::cli::main(registry())`.
//!
//! - `args`: subcommands and flags; `help`: help texts that depend on the registry
//! - `run`: reconciles until a stop signal arrives; `log`: its log
//! - `render`: prints the objects of resources, without a cluster
//! - `print`: prints CRDs, RBAC, samples and the installation as YAML
//! - `settings`: flags that a program adds to `run` and `render`; `commands`: subcommands that it
//!   adds
//!
//! This crate knows no operator. It parses, prints, and calls the engine and the generators.

mod args;
mod commands;
mod error;
mod help;
mod log;
mod print;
mod render;
mod run;
mod settings;
mod streams;

use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;

use clap::{ArgMatches, Args, FromArgMatches, Subcommand};
use kubewright_core::Registry;

use args::{Cli, Command};
use commands::Commands;
pub use error::{CommandError, Error};
use settings::Settings;
pub use streams::Streams;

/// The program of an operator: `fn main() -> ExitCode { kubewright::cli::main(registry()) }`.
///
/// Use [`Program`] to set a version, a description or settings.
#[must_use]
pub fn main(registry: Registry) -> ExitCode {
    Program::new(registry).main()
}

/// A program with its registry, description and settings.
#[derive(Clone, Debug)]
pub struct Program {
    registry: Registry,
    version: &'static str,
    about: Option<&'static str>,
    settings: Option<Settings>,
    commands: Option<Commands>,
}

impl Program {
    /// Creates a program with the name of its registry.
    #[must_use]
    pub fn new(registry: Registry) -> Self {
        let version = concat!("(kubewright ", env!("CARGO_PKG_VERSION"), ")");
        Self { registry, version, about: None, settings: None, commands: None }
    }

    /// Sets the output of `--version`, for example to `env!("CARGO_PKG_VERSION")`.
    #[must_use]
    pub fn version(mut self, version: &'static str) -> Self {
        self.version = version;
        self
    }

    /// Sets the first line of `--help`: the purpose of the program in one sentence.
    #[must_use]
    pub fn about(mut self, about: &'static str) -> Self {
        self.about = Some(about);
        self
    }

    /// Adds settings of the operators as flags of `run` and `render`.
    ///
    /// `registry` creates the registry for the parsed settings. That registry must have the same
    /// controllers in the same order as the registry of the program, which serves all other
    /// subcommands.
    #[must_use]
    pub fn with_settings<S: Args>(
        mut self,
        registry: impl Fn(S) -> Registry + Send + Sync + 'static,
    ) -> Self {
        self.settings = Some(Settings::new(registry));
        self
    }

    /// Adds subcommands of the program's own. `run` executes one of them.
    #[must_use]
    pub fn with_commands<C: Subcommand>(
        mut self,
        run: impl Fn(C, &mut Streams<'_>) -> Result<(), CommandError> + Send + Sync + 'static,
    ) -> Self {
        self.commands = Some(Commands::new(run));
        self
    }

    /// Runs the program with the arguments and streams of the process.
    #[must_use]
    pub fn main(self) -> ExitCode {
        Streams::with_process_streams(|streams| self.execute(std::env::args_os(), streams))
    }

    /// Runs the program; the first of `args` is the program name.
    ///
    /// The exit code is 0 for success, 1 for failure and 2 for invalid arguments.
    pub fn execute<A: Into<OsString> + Clone>(
        mut self,
        args: impl IntoIterator<Item = A>,
        streams: &mut Streams<'_>,
    ) -> ExitCode {
        let args: Vec<OsString> = args.into_iter().map(Into::into).collect();
        let name = args.first().and_then(|program| Path::new(program).file_stem()?.to_str());
        let mut command = help::command(&self.registry, name, self.version, self.about);
        if let Some(settings) = &self.settings {
            command = settings.add_to(command);
        }
        if let Some(commands) = &self.commands {
            command = commands.add_to(command);
        }
        let matches = match command.try_get_matches_from(args) {
            Ok(matches) => matches,
            Err(error) => return streams.print_usage(&error),
        };
        if let Some(commands) = self.commands.as_ref().filter(|commands| commands.has(&matches)) {
            return match commands.run(&matches, streams) {
                Ok(Ok(())) => ExitCode::SUCCESS,
                Ok(Err(error)) => streams.print_error(&Error::Command(error)),
                Err(error) => streams.print_usage(&error),
            };
        }
        let parsed = self.configure(&matches).and_then(|()| Cli::from_arg_matches(&matches));
        let cli = match parsed {
            Ok(cli) => cli,
            Err(error) => return streams.print_usage(&error),
        };
        match self.dispatch(cli.command, streams) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => streams.print_error(&error),
        }
    }

    /// Replaces the registry by the one for the parsed settings.
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
