//! The program: the operators, with the command line of the framework.

use std::process::ExitCode;

use kubewright::cli::Program;

// Caches live long and come from several threads at once: this one takes less memory for them, and less time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    Program::new(operator::registry())
        .version(env!("CARGO_PKG_VERSION"))
        .about("Runs Echo and PreviewEnvironment, two operators built on kubewright.")
        .main()
}
