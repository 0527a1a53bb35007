//! The program: the operators, with the command line of the framework.

fn main() -> std::process::ExitCode {
    // TODO-CLI
    std::process::ExitCode::from(u8::from(operator::registry().check().is_err()))
}
