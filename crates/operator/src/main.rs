//! The program: the operators of this crate.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(u8::from(operator::registry().check().is_err()))
}
