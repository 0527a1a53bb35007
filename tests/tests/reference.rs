//! The API reference of the operators is complete: every field has a section with a description,
//! its type and its bounds.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;

use kubewright::manifests::{self, Options, crds};
use serde_json::Value;

/// The pages of the reference: name, text, and the schemas that the page documents.
fn pages() -> Vec<(String, String, Vec<Value>)> {
    let registry = operator::registry();
    let pages: BTreeMap<String, String> = manifests::reference(&registry, &Options::default())
        .unwrap()
        .into_iter()
        .map(|page| (page.path, page.content))
        .collect();
    let definitions = crds(&registry, &Options::default()).unwrap();
    let page_of = |definition: &manifests::Artifact| {
        let crd: Value = serde_saphyr::from_str(&definition.content).unwrap();
        let name = format!(
            "{}_{}",
            crd["spec"]["group"].as_str().unwrap(),
            crd["spec"]["names"]["plural"].as_str().unwrap()
        );
        let page = pages
            .get(&format!("docs/api/{name}.md"))
            .unwrap_or_else(|| panic!("the reference has no page for {name}"));
        let versions = crd["spec"]["versions"].as_array().unwrap();
        (
            name,
            page.clone(),
            versions.iter().map(|version| version["schema"]["openAPIV3Schema"].clone()).collect(),
        )
    };
    definitions.iter().map(page_of).collect()
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
        let mut sections: Vec<&str> =
            headings.filter_map(|line| line.split_once(" `")?.1.strip_suffix('`')).collect();
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
                let description = field["description"].as_str().unwrap_or_default();
                assert!(
                    description.len() > 15,
                    "{name}: {path} has no description; write a `///` above the field"
                );
            });
        }
    }
}

/// The section of a field: from its heading to the next one.
fn section<'a>(page: &'a str, path: &str) -> &'a str {
    let heading = format!("# `{path}`\n");
    let from =
        page.find(&heading).unwrap_or_else(|| panic!("{path} has no section")) + heading.len();
    page[from..].split("\n#").next().unwrap()
}

/// The bounds of a field in its schema. The section must contain each of them.
fn bounds(field: &Value) -> Vec<String> {
    const BOUNDS: [&str; 8] = [
        "minLength",
        "maxLength",
        "minItems",
        "maxItems",
        "minimum",
        "maximum",
        "minProperties",
        "maxProperties",
    ];
    let numbers = BOUNDS
        .iter()
        .filter_map(|bound| field[bound].as_f64())
        .filter(|bound| *bound != 0.0)
        .map(|bound| bound.to_string());
    let values = field["enum"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .map(|value| format!("`{value}`"));
    numbers.chain(values).collect()
}

#[test]
fn every_field_of_a_spec_has_its_type_default_bounds_and_a_valid_example() {
    let mut count = (0, 0, 0);
    for (name, page, schemas) in pages() {
        for schema in &schemas {
            walk(&schema["properties"]["spec"], "spec", &mut |path, field| {
                let section = section(&page, path);
                let type_ = field["type"].as_str().unwrap_or("integer or string");
                let type_line = section
                    .lines()
                    .find(|line| line.starts_with('*') && line.ends_with('*'))
                    .unwrap_or_default();
                let word = match type_ {
                    "array" => "list",
                    "object" if field["additionalProperties"].is_object() => "map",
                    type_ => type_,
                };
                assert!(
                    type_line.contains(word),
                    "{name}: {path} has the type {type_}, but its section has {type_line}"
                );
                if !field["default"].is_null() {
                    let default = field["default"]
                        .as_str()
                        .map_or_else(|| field["default"].to_string(), str::to_owned);
                    assert!(
                        section.contains(&format!("default `{default}`")),
                        "{name}: the section of {path} has no default {default}: {section}"
                    );
                    count.0 += 1;
                }
                for bound in bounds(field) {
                    assert!(
                        section.contains(&bound),
                        "{name}: the section of {path} has no bound {bound}: {section}"
                    );
                    count.1 += 1;
                }
                // An object needs no example of its own when its fields have examples.
                if field["properties"].is_object() && !section.contains("- Example: `") {
                    return;
                }
                let example = section
                    .lines()
                    .find_map(|line| line.strip_prefix("- Example: `")?.strip_suffix('`'));
                let example =
                    example.unwrap_or_else(|| panic!("{name}: {path} has no example: {section}"));
                let value: Value = serde_saphyr::from_str(example)
                    .unwrap_or_else(|e| panic!("{name}: {path}: {example}: {e}"));
                let fits = match type_ {
                    "array" => value.is_array(),
                    "object" => value.is_object(),
                    "boolean" => value.is_boolean(),
                    "integer" => value.is_i64(),
                    // YAML reads 17 as a number; with the schema, a client sends it as a string.
                    _ => !value.is_array() && !value.is_object(),
                };
                assert!(fits, "{name}: {path} has the type {type_}, but its example is {example}");
                count.2 += 1;
            });
        }
    }
    assert!(count.0 > 5 && count.1 > 60 && count.2 > 90, "{count:?}");
}
