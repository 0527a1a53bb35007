//! The steps of CONTRIBUTING.md, "Add a custom resource": each test names the step that was
//! forgotten.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use kubewright::core::registry::Controller;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn sources(folder: &Path, found: &mut Vec<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(fs::read_to_string(path).unwrap());
        }
    }
}

/// The quoted value after `name = ` in a `#[kube(...)]` attribute.
fn attribute<'a>(attributes: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = attributes.split_once(&format!("{name} = \""))?;
    rest.split_once('"').map(|(value, _)| value)
}

/// Group and kind of every custom resource that crates/api defines; what belongs to others has no
/// schema of ours.
fn defined() -> BTreeSet<(String, String)> {
    let mut files = Vec::new();
    sources(&root().join("crates/api/src"), &mut files);
    let attributes = files
        .iter()
        .flat_map(|f| f.split("#[kube(").skip(1))
        .map(|a| a.split(")]\n").next().unwrap());
    attributes
        .filter(|a| !a.contains("schema = \"disabled\"") && !a.contains("schema = \"manual\""))
        .filter_map(|a| Some((attribute(a, "group")?.to_owned(), attribute(a, "kind")?.to_owned())))
        .collect()
}

fn each(check: impl Fn(&dyn Controller)) {
    let registry = operator::registry();
    for controller in registry.controllers() {
        check(&**controller);
    }
}

#[test]
fn step_3_every_custom_resource_has_an_operator_in_the_registry() {
    let known: BTreeSet<(String, String)> = operator::registry()
        .definitions()
        .iter()
        .map(|definition| (definition.kind.group.to_string(), definition.kind.kind.to_string()))
        .collect();
    let defined = defined();
    assert!(defined.len() >= 3, "crates/api is not read as it should be: {defined:?}");
    assert_eq!(
        defined, known,
        "step 3: add the operator of the new kind in crates/operator/src/registry.rs, or the kind itself where operators only read it"
    );
}

#[test]
fn step_4_every_operator_has_a_minimal_and_a_full_sample() {
    each(|controller| {
        let names: Vec<_> = controller.samples().iter().map(|s| s.name).collect();
        for wanted in ["minimal", "full"] {
            assert!(
                names.contains(&wanted),
                "step 4: samples() of {} has no {wanted:?}, only {names:?}",
                controller.name()
            );
        }
    });
}

#[test]
fn step_5_every_kind_has_its_generated_definition() {
    each(|controller| {
        let kind = controller.resource();
        let path = root().join(format!("generated/crds/{}_{}.yaml", kind.group, kind.plural));
        assert!(path.exists(), "step 5: {} is missing; run `cargo xtask gen`", path.display());
    });
}

#[test]
fn step_6_the_objects_of_every_sample_are_pinned() {
    each(|controller| {
        for sample in controller.samples() {
            let path = root().join(format!(
                "tests/tests/snapshots/sample_{}_{}.snap",
                controller.name(),
                sample.name
            ));
            assert!(
                path.exists(),
                "step 6: {} is missing; run `cargo test -p tests --test snapshots`",
                path.display()
            );
        }
    });
}

#[test]
fn step_8_the_readme_names_every_kind() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    each(|controller| {
        let kind = controller.resource();
        let named = format!("`{}` {}", kind.kind, kind.api_version());
        assert!(readme.contains(&named), "step 8: README.md does not have {named}");
    });
}
