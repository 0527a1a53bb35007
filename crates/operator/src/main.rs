//! The program: the operators, with the framework's command line and one command of its own.

mod commands;

use std::process::ExitCode;

use kubewright::cli::Program;

fn main() -> ExitCode {
    Program::new(operator::registry())
        .with_settings(operator::registry_with)
        .with_commands(commands::run)
        .version(env!("CARGO_PKG_VERSION"))
        .about("Runs the operators Echo and PreviewEnvironment, built on kubewright.")
        .main()
}
