//! The API reference of the operators here: complete, and with a word about everything.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;

use kubewright::manifests::{self, Options, crds};
use serde_json::Value;

/// The reference's pages by their names, each with the schemas that it is about.
fn pages() -> Vec<(String, String, Vec<Value>)> {
    let registry = operator::registry();
    let pages: BTreeMap<String, String> =
        manifests::reference(&registry, &Options::default()).unwrap().into_iter().map(|page| (page.path, page.content)).collect();
    let definitions = crds(&registry, &Options::default()).unwrap();
    let of = |definition: &manifests::Artifact| {
        let crd: Value = serde_saphyr::from_str(&definition.content).unwrap();
        let name = format!("{}_{}", crd["spec"]["group"].as_str().unwrap(), crd["spec"]["names"]["plural"].as_str().unwrap());
        let page = pages.get(&format!("docs/api/{name}.md")).unwrap_or_else(|| panic!("{name} has no page"));
        let versions = crd["spec"]["versions"].as_array().unwrap();
        (name, page.clone(), versions.iter().map(|version| version["schema"]["openAPIV3Schema"].clone()).collect())
    };
    definitions.iter().map(of).collect()
}

/// Calls `check` with the path and the schema of each field.
fn walk(schema: &Value, path: &str, check: &mut dyn FnMut(&str, &Value)) {
    for (name, inner) in schema["properties"].as_object().into_iter().flatten() {
        let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        check(&path, inner);
        walk(inner, &path, check);
    }
    for (keyword, each) in [("items", "[]"), ("additionalProperties", ".*")] {
        if schema[keyword].is_object() {
            walk(&schema[keyword], &format!("{path}{each}"), check);
        }
    }
}

#[test]
fn every_field_has_exactly_one_section() {
    let all = pages();
    assert!(all.len() >= 3);
    for (name, page, schemas) in all {
        let mut fields = Vec::new();
        for schema in &schemas {
            walk(schema, "", &mut |path, _| fields.push(path.to_owned()));
        }
        fields.sort();
        assert!(fields.len() > 15, "{name}: {fields:?}");
        let headings = page.lines().filter(|line| line.starts_with('#'));
        let mut sections: Vec<&str> = headings.filter_map(|line| line.split_once(" `")?.1.strip_suffix('`')).collect();
        sections.sort_unstable();
        assert_eq!(sections, fields, "{name}");
    }
}

#[test]
fn every_field_is_described() {
    for (name, _, schemas) in pages() {
        for schema in &schemas {
            assert!(schema["description"].is_string(), "{name}: the resource has no description");
            walk(schema, "", &mut |path, field| {
                let words = field["description"].as_str().unwrap_or_default();
                assert!(words.len() > 15, "{name}: {path} has no description; write a `///` above the field");
            });
        }
    }
}
