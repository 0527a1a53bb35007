//! Packages that must not be in the dependency tree of a pure package.

use std::path::Path;

use super::error::CiError;
use crate::invocation::Invocation;

/// Async runtimes and HTTP clients. Each is the base crate of its kind.
const FORBIDDEN: [&str; 14] = [
    "async-std",
    "axum",
    "curl",
    "h2",
    "hyper",
    "hyper-util",
    "isahc",
    "kube-client",
    "mio",
    "reqwest",
    "smol",
    "tokio",
    "tower-http",
    "ureq",
];

/// Checks that none of `packages` depends on an async runtime or an HTTP client, including
/// dependencies of tests.
pub(super) fn check(root: &Path, packages: &[&str]) -> Result<String, CiError> {
    let mut found = Vec::new();
    for package in packages {
        let tree = tree(root, package).capture()?;
        for name in forbidden(&tree) {
            let path = Invocation::cargo()
                .args(["tree", "--locked", "--package", package, "--invert", &name])
                .folder(root)
                .capture()?;
            found.push(format!("{package} depends on {name}:\n{path}"));
        }
    }
    if found.is_empty() {
        Ok(packages.join(", "))
    } else {
        Err(CiError::Impure { found: found.join("\n") })
    }
}

/// One package per line: `tokio v1.0.0 (*)`.
fn tree(root: &Path, package: &str) -> Invocation {
    let arguments =
        ["tree", "--locked", "--package", package, "--prefix", "none", "--format", "{p}"];
    Invocation::cargo().args(arguments).folder(root)
}

/// The forbidden packages as `tokio@1.0.0`, because cargo rejects a name with two versions.
fn forbidden(tree: &str) -> Vec<String> {
    let packages = tree.lines().filter_map(|line| line.split_once(" v"));
    let mut found: Vec<String> = packages
        .filter(|(name, _)| FORBIDDEN.contains(name))
        .filter_map(|(name, rest)| Some(format!("{name}@{}", rest.split(' ').next()?)))
        .collect();
    found.sort();
    found.dedup();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_forbidden_package_is_found_by_its_full_name() {
        assert_eq!(
            forbidden("core v0.1.0 (/x)\ntokio v1.0.0\nserde v1.0.0\ntokio v1.0.0 (*)\n"),
            ["tokio@1.0.0"]
        );
        assert_eq!(forbidden("h2 v0.3.0\nh2 v0.4.0\n"), ["h2@0.3.0", "h2@0.4.0"]);
        assert_eq!(forbidden("core v0.1.0 (/x)\ntokio-stub v1.0.0\nhttp v1.0.0\n"), [""; 0]);
    }
}
