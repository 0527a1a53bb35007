//! The program: the operators, with the command line of the framework.

use std::process::ExitCode;

use kubewright::cli::Program;

fn main() -> ExitCode {
    Program::new(operator::registry())
        .configured(operator::Settings::registry)
        .version(env!("CARGO_PKG_VERSION"))
        .about("Runs Echo and PreviewEnvironment, two operators built on kubewright.")
        .main()
}
