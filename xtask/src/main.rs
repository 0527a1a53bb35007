//! `cargo xtask`: the commands of `kubewright::devkit` for this project.

mod words;

use std::process::ExitCode;

use kubewright::devkit::{self, Project};

fn project() -> Project {
    Project::new(operator::registry(), "operator")
        .bench("kubewright-bench")
        .pure(["kubewright-core", "operator-api"])
        .standalone([
            "kubewright",
            "kubewright-cli",
            "kubewright-connect",
            "kubewright-core",
            "kubewright-devkit",
            "kubewright-manifests",
        ])
        .standalone(["kubewright-runtime", "kubewright-testing", "operator-api", "kubectl-preview"])
        .words(words::words())
}

fn main() -> ExitCode {
    devkit::main(&project())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use kubewright::devkit::generate::{Scope, stale};
    use kubewright::devkit::tidy;

    #[test]
    fn the_generated_files_are_up_to_date() {
        let stale = stale(&super::project(), Scope::All).map_err(|error| error.to_string());
        assert_eq!(stale, Ok(Vec::new()), "run `cargo xtask gen`");
    }

    #[test]
    fn the_source_files_are_tidy() -> Result<(), Box<dyn std::error::Error>> {
        let root = super::project().root()?;
        let problems = tidy::problems(&root, Path::new(""), &super::words::words())?;
        let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
        assert!(lines.is_empty(), "{} problems:\n{}", lines.len(), lines.join("\n"));
        Ok(())
    }
}
