//! What is generated from a registry: pinned, parsed again, and held against the rules for it.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeMap;

use mall::registry;
use kubewright_core::{Children, Invalid, Observed, Operator, Registry, Sample, View};
use kubewright_manifests::{
    Artifact, Error, Options, all, check, crds, install, rbac, samples, yaml,
};
use serde_json::Value;

fn options() -> Options {
    Options::default()
}

fn in_namespaces() -> Options {
    Options { namespaces: vec!["one".into(), "two".into()], ..options() }
}

fn documents(artifacts: &[Artifact]) -> Vec<Value> {
    artifacts.iter().flat_map(|a| yaml::documents(&a.content).unwrap()).map(|d| d.value).collect()
}

fn rules(artifacts: &[Artifact], kind: &str) -> Vec<Value> {
    let roles = documents(artifacts).into_iter().filter(|d| d["kind"] == kind);
    roles.flat_map(|role| role["rules"].as_array().unwrap().clone()).collect()
}

fn strings(value: &Value) -> Vec<&str> {
    value.as_array().map(|a| a.iter().map(|v| v.as_str().unwrap()).collect()).unwrap_or_default()
}

fn shown(artifacts: &[Artifact]) -> String {
    artifacts.iter().map(|a| format!("=== {}\n{}", a.path, a.content)).collect::<Vec<_>>().concat()
}

#[test]
fn roles_of_the_whole_cluster() {
    insta::assert_snapshot!(shown(&rbac(&registry(), &options()).unwrap()));
}

#[test]
fn roles_of_two_namespaces() {
    insta::assert_snapshot!(shown(&rbac(&registry(), &in_namespaces()).unwrap()));
}

#[test]
fn installation() {
    let install = install(&registry(), &options()).unwrap();
    let text = install
        .content
        .split("---\n")
        .filter(|d| !d.contains("\nkind: CustomResourceDefinition"))
        .collect::<Vec<_>>();
    insta::assert_snapshot!(text.join("---\n"));
}

#[test]
fn definitions_and_samples() {
    let mut files = crds(&registry(), &options()).unwrap();
    files.extend(samples(&registry(), &options()).unwrap());
    insta::assert_snapshot!(shown(&files));
}

#[test]
fn no_rule_has_a_wildcard_or_a_right_to_gain_rights() {
    for options in [options(), in_namespaces()] {
        let files = rbac(&registry(), &options).unwrap();
        for rule in rules(&files, "Role").iter().chain(&rules(&files, "ClusterRole")) {
            for field in ["apiGroups", "resources", "verbs", "resourceNames"] {
                assert!(!strings(&rule[field]).iter().any(|v| v.contains('*')), "{rule}");
            }
            let verbs = strings(&rule["verbs"]);
            assert!(
                !verbs.is_empty()
                    && !verbs.iter().any(|v| [
                        "escalate",
                        "bind",
                        "impersonate",
                        "deletecollection"
                    ]
                    .contains(v))
            );
            assert!(!strings(&rule["resources"]).contains(&"secrets"), "{rule}");
        }
    }
}

#[test]
fn every_rule_says_which_declaration_needs_it() {
    for file in rbac(&registry(), &options()).unwrap() {
        let lines: Vec<&str> = file.content.lines().collect();
        for (at, _) in lines.iter().enumerate().filter(|(_, line)| line.starts_with("- apiGroups:"))
        {
            assert!(lines[at - 1].starts_with("# "), "{}:{}", file.path, at + 1);
        }
    }
}

#[test]
fn with_namespaces_nothing_namespaced_is_granted_in_the_whole_cluster() {
    let rules = rules(&rbac(&registry(), &in_namespaces()).unwrap(), "ClusterRole");
    let resources: Vec<&str> = rules.iter().flat_map(|rule| strings(&rule["resources"])).collect();
    for namespaced in ["shops", "deployments", "services", "routes", "configmaps"] {
        assert!(!resources.contains(&namespaced), "{namespaced} in {resources:?}");
    }
    assert!(resources.contains(&"namespaces") && resources.contains(&"regions"));
}

#[test]
fn definitions_are_granted_by_name_alone() {
    let rules = rules(&rbac(&registry(), &options()).unwrap(), "ClusterRole");
    let definitions: Vec<_> = rules
        .iter()
        .filter(|r| strings(&r["resources"]) == ["customresourcedefinitions"])
        .collect();
    let names: Vec<&str> = definitions.iter().flat_map(|r| strings(&r["resourceNames"])).collect();
    assert_eq!(
        names, ["routes.routes.example.net"; 2],
        "only optional kinds are waited for, by each operator that owns one"
    );
    assert!(
        definitions.iter().all(|r| r["resourceNames"].as_array().is_some_and(|n| n.len() == 1))
    );
}

struct Keeper;

impl Operator for Keeper {
    const NAME: &'static str = "keeper";
    type Resource = mall::Shop;
    type Owns = (k8s_openapi::api::core::v1::Secret,);
    type Reads = ();

    fn build(&self, _: &mall::Shop, _: &View<'_, ()>) -> Result<Children<Self::Owns>, Invalid> {
        Ok(Children::new())
    }

    fn status(&self, _: &mall::Shop, _: &Observed<'_, Self::Owns>) -> mall::ShopStatus {
        mall::ShopStatus::default()
    }

    fn samples() -> Vec<Sample<mall::Shop>> {
        Vec::new()
    }
}

#[test]
fn all_secrets_of_a_cluster_are_granted_only_on_demand() {
    let registry = Registry::new("mall").with(Keeper);
    assert!(matches!(
        rbac(&registry, &options()),
        Err(Error::SecretsEverywhere { controller: "keeper" })
    ));
    assert!(rbac(&registry, &Options { secrets_everywhere: true, ..options() }).is_ok());
    let files = rbac(&registry, &in_namespaces()).unwrap();
    assert!(rules(&files, "Role").iter().any(|r| strings(&r["resources"]) == ["secrets"]));
    assert!(!rules(&files, "ClusterRole").iter().any(|r| strings(&r["resources"]) == ["secrets"]));
}

#[test]
fn every_file_begins_with_the_command_that_makes_it() {
    const HEAD: &str = "# Made by `make everything`; do not edit.\n";
    const MARKDOWN_HEAD: &str = "<!-- Made by `make everything`; do not edit. -->\n";
    let options = Options { command: "make everything".into(), ..options() };
    let files = all(&registry(), &options).unwrap();
    assert!(files.len() >= 8);
    for file in files {
        let head = if file.path.starts_with("docs/") { MARKDOWN_HEAD } else { HEAD };
        assert!(file.content.starts_with(head), "{}", file.path);
        assert!(file.content.ends_with('\n') && !file.content.contains(" \n"), "{}", file.path);
    }
}

#[test]
fn the_same_registry_gives_the_same_bytes_ordered_by_path() {
    let (one, two) = (all(&registry(), &options()).unwrap(), all(&registry(), &options()).unwrap());
    assert_eq!(one, two);
    assert!(one.windows(2).all(|pair| pair[0].path < pair[1].path));
    let on_disk: BTreeMap<String, String> =
        one.iter().map(|a| (a.path.clone(), a.content.clone())).collect();
    assert_eq!(check(&one, &on_disk), []);
}

#[test]
fn definitions_fit_into_a_client_side_apply() {
    for document in documents(&crds(&registry(), &options()).unwrap()) {
        assert!(document.to_string().len() < kubewright_manifests::crds::CLIENT_SIDE_APPLY_LIMIT);
    }
}

#[test]
fn no_file_has_a_null_that_says_nothing() {
    for file in all(&registry(), &options()).unwrap() {
        assert!(!file.content.contains(": null"), "{}", file.path);
        let empty =
            |line: &&str| line.ends_with(": []") && !line.trim_start().starts_with("default:");
        assert_eq!(file.content.lines().find(empty), None, "{}", file.path);
    }
}

#[test]
fn two_operators_with_samples_of_one_name_are_an_error() {
    struct Twin;
    impl Operator for Twin {
        const NAME: &'static str = "twin";
        type Resource = mall::Shop;
        type Owns = ();
        type Reads = ();
        fn build(&self, _: &mall::Shop, _: &View<'_, ()>) -> Result<Children<()>, Invalid> {
            Ok(Children::new())
        }
        fn status(&self, _: &mall::Shop, _: &Observed<'_, ()>) -> mall::ShopStatus {
            mall::ShopStatus::default()
        }
        fn samples() -> Vec<Sample<mall::Shop>> {
            let one = mall::ShopOperator::samples().remove(0);
            vec![one.clone(), one]
        }
    }
    let registry = Registry::new("mall").with(Twin);
    assert!(
        matches!(samples(&registry, &options()), Err(Error::SamePath(path)) if path == "samples/shop-example-dev-minimal.yaml")
    );
}
