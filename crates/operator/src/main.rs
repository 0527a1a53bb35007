//! The program: the operators, with the command line of the framework.

use std::process::ExitCode;

use kubewright::cli::Program;

fn main() -> ExitCode {
    Program::new(operator::registry())
        .with_settings(operator::Settings::registry)
        .version(env!("CARGO_PKG_VERSION"))
        .about("Runs Echo and PreviewEnvironment, two operators built on kubewright.")
        .with_extension(preview_cli::extension())
        .main()
}
