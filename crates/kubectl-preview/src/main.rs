//! The binary `kubectl-preview`, which kubectl runs as `kubectl preview`.

use std::process::ExitCode;

fn main() -> ExitCode {
    kubectl_preview::run(std::env::args_os())
}
