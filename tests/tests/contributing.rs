//! The steps of CONTRIBUTING.md, "Add a custom resource": each test names the step that was
//! forgotten. A small project in a temporary folder shows that each omission is found.

#![allow(clippy::unwrap_used)]

mod steps;

use std::fs;
use std::path::Path;

use serde_json::json;
use steps::{OperatorFacts, Project, Registered, snake_case};
use tempfile::TempDir;

/// A test that this repository takes one step for every custom resource.
macro_rules! every_kind_takes {
    ($($name:ident: $step:ident;)*) => {
        $(#[test]
        fn $name() {
            assert_eq!(Project::of_repository().$step(), [""; 0]);
        })*
    };
}

every_kind_takes! {
    step_1_every_kind_has_a_documented_type_with_a_status: step_1_type;
    step_2_every_kind_has_an_operator_with_a_file_per_child: step_2_operator;
    step_3_every_type_is_in_the_registry: step_3_registry;
    step_4_every_operator_has_a_minimal_and_a_full_sample: step_4_samples;
    step_5_every_kind_has_a_generated_crd: step_5_generated_files;
    step_6_every_sample_has_a_snapshot_of_its_children: step_6_snapshots;
    step_7_every_kind_has_a_cluster_test: step_7_cluster_tests;
    step_8_the_readme_and_the_changelog_name_every_kind: step_8_documents;
}

const TYPE: &str = "crates/api/src/website/resource.rs";
const OPERATOR: &str = "crates/operator/src/website/mod.rs";
const CHILD: &str = "crates/operator/src/website/config_map.rs";
const CRD: &str = "generated/crds/example.org_websites.yaml";
const SNAPSHOT: &str = "tests/tests/snapshots/sample_website_full.snap";
const CLUSTER_TEST: &str = "tests/tests/cluster_website.rs";

/// A project with one custom resource for which all steps are done.
fn complete_project() -> (TempDir, Project) {
    let folder = tempfile::tempdir().unwrap();
    let kube = "#[kube(\n    group = \"example.org\",\n    kind = \"Website\"\n)]\n";
    for (path, text) in [
        (TYPE, kube),
        (OPERATOR, "use operator_api::website::{Website, Other};\ntype Resource = Website;\n"),
        (CHILD, ""),
        (CRD, ""),
        (SNAPSHOT, ""),
        ("tests/tests/snapshots/sample_website_minimal.snap", ""),
        (CLUSTER_TEST, "use operator_api::website::Website;\n"),
        // The test of all samples is not special to one kind.
        ("tests/tests/cluster_samples.rs", "use operator_api::website::Website;\n"),
        ("README.md", "| `Website` example.org/v1 | a site |\n"),
        ("CHANGELOG.md", "- Website (`example.org/v1`).\n"),
    ] {
        write(folder.path(), path, text);
    }
    let field = |description: &str| json!({ "type": "string", "description": description });
    let status = json!({ "observedGeneration": field("Seen."), "conditions": field("State.") });
    let schema = json!({ "properties": {
        "spec": { "properties": { "text": field("The text of the page.") } },
        "status": { "properties": status },
    } });
    let website = Registered {
        group: "example.org".to_owned(),
        version: "v1".to_owned(),
        kind: "Website".to_owned(),
        plural: "websites".to_owned(),
        schema,
        operator: Some(OperatorFacts {
            name: "website".to_owned(),
            owns: vec!["ConfigMap".to_owned()],
            samples: vec!["minimal".to_owned(), "full".to_owned()],
        }),
    };
    let project = Project { root: folder.path().to_owned(), registered: vec![website] };
    (folder, project)
}

fn write(root: &Path, path: &str, text: &str) {
    let path = root.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

/// The omissions of the complete project without the part that `forget` removes.
fn omissions_after(forget: impl FnOnce(&mut Project)) -> Vec<String> {
    let (_folder, mut project) = complete_project();
    forget(&mut project);
    project.omissions()
}

fn without_file(path: &str) -> Vec<String> {
    omissions_after(|project| fs::remove_file(project.root.join(path)).unwrap())
}

fn with_file(path: &str, text: &str) -> Vec<String> {
    omissions_after(|project| write(&project.root, path, text))
}

#[test]
fn a_complete_project_has_no_omission() {
    assert_eq!(omissions_after(|_| {}), [""; 0]);
}

#[test]
fn a_missing_type_is_step_1() {
    assert_eq!(without_file(TYPE), ["step 1: define Website example.org/v1 in crates/api/src/"],);
}

#[test]
fn a_status_without_conditions_is_step_1() {
    let omissions = omissions_after(|project| {
        let status = &mut project.registered[0].schema["properties"]["status"]["properties"];
        status.as_object_mut().unwrap().remove("conditions");
    });
    assert_eq!(omissions, ["step 1: add conditions to the status of Website example.org/v1"]);
}

#[test]
fn a_field_without_a_description_is_step_1() {
    let omissions = omissions_after(|project| {
        let spec = &mut project.registered[0].schema["properties"]["spec"];
        let items = json!({ "properties": { "url": { "type": "string" } } });
        spec["properties"]["links"] = json!({ "description": "Links.", "items": items });
    });
    assert_eq!(
        omissions,
        ["step 1: write a `///` above the field spec.links.url of Website example.org/v1"]
    );
}

#[test]
fn a_missing_operator_is_step_2() {
    let expected = "step 2: write an `impl Operator` with `type Resource = Website` for Website \
                    example.org in crates/operator/src/";
    assert_eq!(without_file(OPERATOR), [expected]);
    // An operator of a type with the same name in another module does not count.
    let other = "use operator_api::blog::Website;\ntype Resource = Website;\n";
    assert_eq!(with_file(OPERATOR, other), [expected]);
}

#[test]
fn a_kind_that_operators_only_read_needs_no_operator() {
    let omissions = omissions_after(|project| {
        project.registered[0].operator = None;
        fs::remove_file(project.root.join(OPERATOR)).unwrap();
    });
    assert_eq!(omissions, [""; 0]);
}

#[test]
fn a_child_without_a_file_of_its_own_is_step_2() {
    assert_eq!(
        without_file(CHILD),
        ["step 2: put what Website example.org/v1 creates as ConfigMap into a file \
          config_map.rs in crates/operator/src/"],
    );
}

#[test]
fn a_type_that_is_not_registered_is_step_3() {
    let omissions = omissions_after(|project| project.registered.clear());
    assert_eq!(
        omissions,
        ["step 3: add the operator of Website example.org to crates/operator/src/registry.rs, \
          or the kind with `with_definition` when operators only read it"],
    );
}

#[test]
fn a_missing_sample_is_step_4() {
    let omissions = omissions_after(|project| {
        project.registered[0].operator.as_mut().unwrap().samples.pop();
    });
    assert_eq!(omissions, ["step 4: return a sample \"full\" for Website example.org/v1"]);
}

#[test]
fn a_missing_crd_is_step_5() {
    assert_eq!(
        without_file(CRD),
        ["step 5: generated/crds/example.org_websites.yaml is missing; run `cargo xtask gen`"],
    );
}

#[test]
fn a_missing_snapshot_is_step_6() {
    assert_eq!(
        without_file(SNAPSHOT),
        ["step 6: tests/tests/snapshots/sample_website_full.snap is missing; run `cargo test -p \
          tests --test snapshots`"],
    );
}

#[test]
fn a_missing_cluster_test_is_step_7() {
    let expected = "step 7: test what is special about Website example.org in a file \
                    tests/tests/cluster_*.rs that imports website::Website";
    assert_eq!(without_file(CLUSTER_TEST), [expected]);
    assert_eq!(with_file(CLUSTER_TEST, "use operator_api::website::WebsiteSpec;\n"), [expected]);
}

#[test]
fn a_missing_line_in_the_readme_or_the_changelog_is_step_8() {
    for file in ["README.md", "CHANGELOG.md"] {
        let expected = format!("step 8: add Website example.org/v1 to {file}");
        assert_eq!(with_file(file, "Website example.org/v2\n"), [expected]);
    }
}

#[test]
fn files_are_named_after_kinds_in_snake_case() {
    for (kind, file) in [
        ("Deployment", "deployment"),
        ("NetworkPolicy", "network_policy"),
        ("HTTPRoute", "http_route"),
    ] {
        assert_eq!(snake_case(kind), file);
    }
}
