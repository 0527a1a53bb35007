//! Sources and licences of dependencies, by the rules of deny.toml. `cargo deny check` does more,
//! but this check needs only cargo.

use std::fs;
use std::path::Path;

use serde::Deserialize;

use super::error::CiError;
use super::spdx;
use crate::invocation::Invocation;

/// The used part of deny.toml.
#[derive(Deserialize)]
struct Config {
    #[serde(default)]
    graph: Graph,
    licenses: Licences,
    #[serde(default)]
    bans: Bans,
}

#[derive(Default, Deserialize)]
struct Graph {
    #[serde(default)]
    targets: Vec<String>,
}

#[derive(Deserialize)]
struct Licences {
    allow: Vec<String>,
}

#[derive(Default, Deserialize)]
struct Bans {
    #[serde(default)]
    deny: Vec<Ban>,
}

#[derive(Deserialize)]
struct Ban {
    name: String,
    reason: String,
}

/// The used part of `cargo metadata`.
#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    resolve: Resolve,
}

/// The packages that are used on the configured platforms.
#[derive(Deserialize)]
struct Resolve {
    nodes: Vec<Node>,
}

#[derive(Deserialize)]
struct Node {
    id: String,
}

#[derive(Deserialize)]
struct Package {
    id: String,
    name: String,
    version: String,
    license: Option<String>,
    source: Option<String>,
}

/// Checks all packages of the tree.
pub(super) fn check(root: &Path) -> Result<String, CiError> {
    let config = config(&root.join("deny.toml"))?;
    let platforms = config.graph.targets.iter().flat_map(|target| ["--filter-platform", target]);
    let call = Invocation::cargo()
        .args(["metadata", "--locked", "--format-version", "1"])
        .args(platforms)
        .folder(root);
    let metadata: Metadata =
        serde_json::from_str(&call.capture()?).map_err(|source| CiError::Metadata { source })?;
    let used = |package: &&Package| metadata.resolve.nodes.iter().any(|node| node.id == package.id);
    let packages: Vec<&Package> = metadata.packages.iter().filter(used).collect();
    let mut found = Vec::new();
    for package in &packages {
        found.extend(problem(package, &config)?);
    }
    if found.is_empty() {
        Ok(format!("{} packages", packages.len()))
    } else {
        Err(CiError::Licences { found: found.join("\n") })
    }
}

fn config(path: &Path) -> Result<Config, CiError> {
    let failed = |reason| CiError::Config { path: path.to_owned(), reason };
    let text = fs::read_to_string(path).map_err(|source| failed(source.to_string()))?;
    toml::from_str(&text).map_err(|error| failed(error.to_string()))
}

/// The problem of a package, if any.
fn problem(package: &Package, config: &Config) -> Result<Option<String>, CiError> {
    let Package { name, version, license, source, .. } = package;
    if let Some(ban) = config.bans.deny.iter().find(|ban| ban.name == *name) {
        return Ok(Some(format!("  {name} {version} is banned: {}", ban.reason)));
    }
    match (source, license) {
        (Some(source), _) if !source.starts_with("registry+") && !source.starts_with("sparse+") => {
            Ok(Some(format!("  {name} {version} comes from {source}, which is not a registry")))
        }
        (_, None) => Ok(Some(format!("  {name} {version} declares no licence"))),
        (_, Some(license)) if !spdx::is_allowed(license, &config.licenses.allow)? => {
            Ok(Some(format!("  {name} {version}: {license}")))
        }
        _ => Ok(None),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn problem_of(name: &str, license: Option<&str>, source: &str) -> Option<String> {
        let config = "licenses.allow = ['MIT']\n[[bans.deny]]\nname = 'bad'\nreason = 'no'";
        let package = Package {
            id: String::new(),
            name: name.to_owned(),
            version: "1.0.0".to_owned(),
            license: license.map(str::to_owned),
            source: Some(source.to_owned()),
        };
        problem(&package, &toml::from_str(config).unwrap()).unwrap()
    }

    #[test]
    fn a_package_from_a_registry_with_an_allowed_licence_passes() {
        assert_eq!(problem_of("a", Some("MIT OR GPL-3.0"), "registry+x"), None);
    }

    #[test]
    fn other_packages_are_reported_with_the_reason() {
        assert_eq!(problem_of("a", Some("GPL-3.0"), "registry+x").unwrap(), "  a 1.0.0: GPL-3.0");
        assert!(problem_of("a", None, "registry+x").unwrap().contains("declares no licence"));
        assert!(problem_of("a", Some("MIT"), "git+x").unwrap().contains("not a registry"));
        assert!(problem_of("bad", Some("MIT"), "registry+x").unwrap().contains("banned: no"));
    }

    #[test]
    fn the_error_names_a_missing_deny_toml() {
        let error = config(Path::new("/nowhere/deny.toml")).err().unwrap().to_string();
        assert!(error.starts_with("cannot read /nowhere/deny.toml"), "{error}");
    }
}
