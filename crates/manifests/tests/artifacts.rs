//! Generated files: snapshots, and rules that every file must satisfy.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeMap;

use kubewright_core::expiry::Expires;
use kubewright_core::{Children, Invalid, Operator, Registry, Sample, View};
use kubewright_manifests::{
    Artifact, Error, Options, artifacts, check, crds, install, rbac, samples, yaml,
};
use mall::registry;
use serde_json::Value;

fn options() -> Options {
    Options::default()
}

fn two_namespaces() -> Options {
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
    insta::assert_snapshot!(shown(&rbac(&registry(), &two_namespaces()).unwrap()));
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
fn no_rule_has_a_wildcard_or_allows_privilege_escalation() {
    for options in [options(), two_namespaces()] {
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
fn a_comment_names_the_declarations_of_every_rule() {
    for file in rbac(&registry(), &options()).unwrap() {
        let lines: Vec<&str> = file.content.lines().collect();
        for (at, _) in lines.iter().enumerate().filter(|(_, line)| line.starts_with("- apiGroups:"))
        {
            assert!(lines[at - 1].starts_with("# "), "{}:{}", file.path, at + 1);
        }
    }
}

#[test]
fn with_namespaces_no_cluster_role_grants_a_namespaced_kind() {
    let rules = rules(&rbac(&registry(), &two_namespaces()).unwrap(), "ClusterRole");
    let resources: Vec<&str> = rules.iter().flat_map(|rule| strings(&rule["resources"])).collect();
    for namespaced in ["shops", "deployments", "services", "routes", "configmaps"] {
        assert!(!resources.contains(&namespaced), "{namespaced} in {resources:?}");
    }
    assert!(resources.contains(&"namespaces") && resources.contains(&"regions"));
}

#[test]
fn rules_for_definitions_are_limited_by_name() {
    let rules = rules(&rbac(&registry(), &options()).unwrap(), "ClusterRole");
    let definitions: Vec<_> = rules
        .iter()
        .filter(|r| strings(&r["resources"]) == ["customresourcedefinitions"])
        .collect();
    let names: Vec<&str> = definitions.iter().flat_map(|r| strings(&r["resourceNames"])).collect();
    assert_eq!(
        names,
        ["routes.routes.example.net", "routes.routes.example.net", "shops.example.dev"],
        "one rule for each operator that owns the optional kind, and one for a kind that is read"
    );
    assert!(
        definitions.iter().all(|r| r["resourceNames"].as_array().is_some_and(|n| n.len() == 1))
    );
}

/// Its resources expire.
struct Sale;

impl Operator for Sale {
    const NAME: &'static str = "sale";
    type Resource = mall::Shop;
    type Owns = (k8s_openapi::api::core::v1::ConfigMap, Expires);
    type Reads = ();
    type Facts = ();

    fn build(&self, _: &mall::Shop, _: &View<'_, Self>) -> Result<Children<Self>, Invalid> {
        Ok(Children::new())
    }
}

#[test]
fn only_an_operator_with_expiry_may_delete_its_resources_and_none_may_change_them() {
    let verbs = |registry: Registry| -> Vec<String> {
        let rules = rules(&rbac(&registry, &options()).unwrap(), "ClusterRole");
        let mut of_shops = rules.iter().filter(|rule| strings(&rule["resources"]) == ["shops"]);
        let verbs = &of_shops.next().unwrap()["verbs"];
        assert!(of_shops.next().is_none(), "one rule has all verbs");
        strings(verbs).into_iter().map(str::to_owned).collect()
    };
    assert_eq!(verbs(Registry::new("mall").with(Sale)), ["get", "list", "watch", "delete"]);
    assert_eq!(verbs(Registry::new("mall").with(mall::ShopOperator)), ["list", "watch"]);
}

struct Keeper;

impl Operator for Keeper {
    const NAME: &'static str = "keeper";
    type Resource = mall::Shop;
    type Owns = (k8s_openapi::api::core::v1::Secret,);
    type Reads = ();
    type Facts = ();

    fn build(&self, _: &mall::Shop, _: &View<'_, Self>) -> Result<Children<Self>, Invalid> {
        Ok(Children::new())
    }
}

#[test]
fn access_to_every_secret_needs_an_option() {
    let registry = Registry::new("mall").with(Keeper);
    assert!(matches!(
        rbac(&registry, &options()),
        Err(Error::SecretsEverywhere { controller: "keeper" })
    ));
    assert!(rbac(&registry, &Options { secrets_everywhere: true, ..options() }).is_ok());
    let files = rbac(&registry, &two_namespaces()).unwrap();
    assert!(rules(&files, "Role").iter().any(|r| strings(&r["resources"]) == ["secrets"]));
    assert!(!rules(&files, "ClusterRole").iter().any(|r| strings(&r["resources"]) == ["secrets"]));
}

#[test]
fn every_file_starts_with_the_command_that_generates_it() {
    const HEAD: &str = "# Generated by `make everything`; do not edit.\n";
    const MARKDOWN_HEAD: &str = "<!-- Generated by `make everything`; do not edit. -->\n";
    let options = Options { command: "make everything".into(), ..options() };
    let files = artifacts(&registry(), &options).unwrap();
    assert!(files.len() >= 8);
    for file in files {
        let head = if file.path.starts_with("docs/") { MARKDOWN_HEAD } else { HEAD };
        assert!(file.content.starts_with(head), "{}", file.path);
        assert!(file.content.ends_with('\n') && !file.content.contains(" \n"), "{}", file.path);
    }
}

#[test]
fn generation_is_deterministic_and_ordered_by_path() {
    let (one, two) =
        (artifacts(&registry(), &options()).unwrap(), artifacts(&registry(), &options()).unwrap());
    assert_eq!(one, two);
    assert!(one.windows(2).all(|pair| pair[0].path < pair[1].path));
    let on_disk: BTreeMap<String, String> =
        one.iter().map(|a| (a.path.clone(), a.content.clone())).collect();
    assert_eq!(check(&one, &on_disk), []);
}

#[test]
fn definitions_are_small_enough_for_a_client_side_apply() {
    for document in documents(&crds(&registry(), &options()).unwrap()) {
        assert!(document.to_string().len() < kubewright_manifests::crds::CLIENT_SIDE_APPLY_LIMIT);
    }
}

#[test]
fn no_file_has_a_null_or_a_meaningless_empty_list() {
    for file in artifacts(&registry(), &options()).unwrap() {
        assert!(!file.content.contains(": null"), "{}", file.path);
        let empty =
            |line: &&str| line.ends_with(": []") && !line.trim_start().starts_with("default:");
        assert_eq!(file.content.lines().find(empty), None, "{}", file.path);
    }
}

#[test]
fn two_samples_with_the_same_path_are_an_error() {
    struct Twin;
    impl Operator for Twin {
        const NAME: &'static str = "twin";
        type Resource = mall::Shop;
        type Owns = ();
        type Reads = ();
        type Facts = ();
        fn build(&self, _: &mall::Shop, _: &View<'_, Self>) -> Result<Children<Self>, Invalid> {
            Ok(Children::new())
        }
        fn samples() -> Vec<Sample<mall::Shop>> {
            let one = mall::ShopOperator::samples().remove(0);
            vec![one.clone(), one]
        }
    }
    let registry = Registry::new("mall").with(Twin);
    let Err(Error::SamePath(path)) = samples(&registry, &options()) else { panic!("no error") };
    assert_eq!(path, "samples/shop-example-dev-minimal.yaml");
}
