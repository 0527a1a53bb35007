//! The door to everything a developer does: `cargo xtask`. What the commands do lives in
//! `kubewright::devkit`.

use std::process::ExitCode;

use kubewright::devkit::{self, Project};

fn project() -> Project {
    Project::new(operator::registry(), "operator")
        .bench("kubewright-bench")
        .pure(["kubewright-core", "operator-api"])
        .alone([
            "kubewright",
            "kubewright-cli",
            "kubewright-core",
            "kubewright-devkit",
            "kubewright-manifests",
        ])
        .alone(["kubewright-runtime", "kubewright-testing", "operator-api", "kubectl-preview"])
}

fn main() -> ExitCode {
    devkit::main(&project())
}

#[cfg(test)]
mod tests {
    use kubewright::devkit::generate::{Scope, stale};

    #[test]
    fn the_generated_files_are_what_the_types_say() {
        let stale = stale(&super::project(), Scope::All).map_err(|error| error.to_string());
        assert_eq!(stale, Ok(Vec::new()), "run `cargo xtask gen`");
    }
}
