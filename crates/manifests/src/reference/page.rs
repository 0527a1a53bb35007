//! The page of one custom resource.

use std::fmt::Write as _;

use serde_json::Value;

use super::field::Sections;
use super::kind::Kind;
use super::markdown::{Anchors, cell, code, list, prose, table};
use super::{conditions, schema, tree};
use crate::artifact::{Error, to_yaml};
use crate::samples;

/// Headings before the fields; empty sections are omitted.
const EXAMPLE: &str = "Example";
const NAMES: &str = "Names";
const COLUMNS: &str = "Columns of kubectl get";
const CONDITIONS: &str = "Conditions";
const RULES: &str = "Rules for the whole resource";

/// Writes the page for the file at `path`.
///
/// # Errors
/// [`Error::Yaml`] for a sample that cannot be written as YAML.
pub(super) fn page(kind: &Kind, path: &str) -> Result<String, Error> {
    let versions = kind.versions();
    let mut anchors = Anchors::default();
    let mut out = String::new();
    let title = kind.name();
    anchors.next(title);
    let _ = write!(out, "# {title}\n\n{}\n", prose(kind.description()));
    let mut section = |heading: &str, body: String| {
        if !body.is_empty() {
            anchors.next(heading);
            let _ = write!(out, "\n## {heading}\n\n{}\n", body.trim_end());
        }
    };
    section(EXAMPLE, example(kind, path)?);
    section(NAMES, names(kind));
    for version in &versions {
        section(&with_version(COLUMNS, version, &versions), columns(version));
    }
    let reports = versions.iter().any(|version| has_conditions(version));
    let reconciled = kind.reconciled.as_ref().filter(|_| reports);
    section(
        CONDITIONS,
        reconciled
            .map(|reconciled| conditions::conditions(reconciled.conditions))
            .unwrap_or_default(),
    );
    for version in &versions {
        section(&with_version(RULES, version, &versions), rules(version));
    }
    let bodies: Vec<Value> = kind.samples.iter().map(samples::body).collect();
    for version in &versions {
        if versions.len() > 1 {
            let heading = format!("Version {}", version["name"].as_str().unwrap_or_default());
            anchors.next(&heading);
            let _ = write!(out, "\n# {heading}\n");
        }
        let fields = tree::fields(schema_of(version));
        let has_status_subresource = version.pointer("/subresources/status").is_some();
        let sections = Sections::new(&fields, &bodies, has_status_subresource, &mut anchors);
        sections.write(&fields, 0, &mut out);
    }
    Ok(out)
}

fn schema_of(version: &Value) -> &Value {
    &version["schema"]["openAPIV3Schema"]
}

fn has_conditions(version: &Value) -> bool {
    schema_of(version).pointer("/properties/status/properties/conditions").is_some()
}

/// Adds the version to a heading if there are several versions.
fn with_version(heading: &str, version: &Value, all: &[&Value]) -> String {
    match version["name"].as_str() {
        Some(name) if all.len() > 1 => format!("{heading}, {name}"),
        _ => heading.to_owned(),
    }
}

/// The first sample, which is the smallest, and links to the others.
fn example(kind: &Kind, path: &str) -> Result<String, Error> {
    let Some((first, others)) = kind.samples.split_first() else { return Ok(String::new()) };
    let yaml = to_yaml(path, &samples::body(first))?;
    let up = "../".repeat(path.matches('/').count());
    let link = |sample| {
        let file =
            samples::sample_path(kind.reconciled.is_some(), kind.name(), kind.group(), sample);
        format!("[{}]({up}{file}): {}", sample.name, prose(sample.about))
    };
    let more = list(others.iter().map(link));
    let more = if more.is_empty() { more } else { format!("\nMore samples:\n\n{more}") };
    Ok(format!("{}\n\n```yaml\n{yaml}```\n{more}", prose(first.about)))
}

/// Names, scope and controllers of the resource.
fn names(kind: &Kind) -> String {
    let list = |pointer: &str| {
        let all = kind.definition.pointer(pointer).and_then(Value::as_array);
        all.into_iter().flatten().filter_map(Value::as_str).map(code).collect::<Vec<_>>().join(", ")
    };
    let versions: Vec<String> =
        kind.versions().into_iter().map(|version| describe_version(kind, version)).collect();
    let row = |name: &str, text: String| (!text.is_empty()).then(|| [name.to_owned(), cell(&text)]);
    let rows = [
        row("apiVersion", versions.join("; ")),
        row("kind", code(kind.name())),
        row("plural", code(kind.text("/spec/names/plural"))),
        row("short names", list("/spec/names/shortNames")),
        row("categories", list("/spec/names/categories")),
        row("scope", kind.text("/spec/scope").to_lowercase()),
        row("`kubectl scale`", scale(kind)),
        row(
            "reconciled by",
            kind.reconciled.as_ref().map(|reconciled| code(reconciled.by)).unwrap_or_default(),
        ),
        row("owns", owns(kind)),
        row("read by", read_by(kind)),
    ];
    table(["", ""], &rows.into_iter().flatten().collect::<Vec<_>>())
}

fn describe_version(kind: &Kind, version: &Value) -> String {
    let mut text = code(&kind.api_version(version));
    if version["storage"] == true && kind.versions().len() > 1 {
        text.push_str(" (stored)");
    }
    if version["deprecated"] == true {
        let warning =
            version["deprecationWarning"].as_str().map(|warning| format!(": {}", prose(warning)));
        let _ = write!(text, " (deprecated{})", warning.unwrap_or_default());
    }
    text
}

fn scale(kind: &Kind) -> String {
    let describe = |version: &&Value| {
        let scale = version.pointer("/subresources/scale")?;
        let path = |key: &str| scale[key].as_str().map(code);
        let selector = path("labelSelectorPath")
            .map(|path| format!(", selects pods by {path}"))
            .unwrap_or_default();
        Some(format!(
            "sets {}, reads {}{selector}",
            path("specReplicasPath")?,
            path("statusReplicasPath")?
        ))
    };
    kind.versions().iter().find_map(describe).unwrap_or_default()
}

fn owns(kind: &Kind) -> String {
    let owned = |(name, optional): &(String, bool)| {
        if *optional { format!("{name} (optional)") } else { name.clone() }
    };
    let owns = kind.reconciled.iter().flat_map(|reconciled| &reconciled.owns);
    owns.map(owned).collect::<Vec<_>>().join(", ")
}

fn read_by(kind: &Kind) -> String {
    kind.read_by.iter().map(|name| code(name)).collect::<Vec<_>>().join(", ")
}

/// Columns of `kubectl get`.
fn columns(version: &Value) -> String {
    let row = |column: &Value| {
        let text = |key: &str| column[key].as_str().unwrap_or_default();
        let wide = column["priority"].as_i64().is_some_and(|priority| priority > 0);
        let name = if wide {
            format!("{} (with `-o wide`)", text("name"))
        } else {
            text("name").to_owned()
        };
        [cell(&name), cell(&prose(text("description"))), cell(&code(text("jsonPath")))]
    };
    let columns = version["additionalPrinterColumns"].as_array();
    let rows: Vec<_> = columns.into_iter().flatten().map(row).collect();
    if rows.is_empty() { String::new() } else { table(["column", "description", "path"], &rows) }
}

/// Rules of the whole resource.
fn rules(version: &Value) -> String {
    let all = schema_of(version)["x-kubernetes-validations"].as_array();
    list(all.into_iter().flatten().map(schema::rule))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde_json::json;

    use super::super::kind::Reconciled;
    use super::*;

    /// A kind without a controller, with two served versions that have the same field.
    fn kind_with_two_versions() -> Kind {
        let version = |name: &str, storage: bool, field: Value| {
            json!({
                "name": name, "served": true, "storage": storage,
                "additionalPrinterColumns": [
                    { "name": "Size", "jsonPath": ".spec.size", "priority": 1 },
                ],
                "schema": { "openAPIV3Schema": {
                    "description": "A box | of things.",
                    "x-kubernetes-validations": [
                        { "rule": "size(self.metadata.name) < 9", "message": "write a short name" },
                    ],
                    "properties": { "spec": { "type": "object", "properties": { "size": field } } },
                } },
            })
        };
        let mut old =
            version("v1beta1", false, json!({ "type": "string", "description": "How big." }));
        old["deprecated"] = true.into();
        old["deprecationWarning"] = "use v1".into();
        let mut unserved = version("v1alpha1", false, json!({}));
        unserved["served"] = false.into();
        let integer = json!({ "type": "integer", "description": "How big." });
        let definition = json!({ "spec": {
            "group": "example.dev", "scope": "Cluster",
            "names": { "kind": "Box", "plural": "boxes", "categories": ["things"] },
            "versions": [version("v1", true, integer), old, unserved],
        } });
        Kind { definition, samples: Vec::new(), reconciled: None, read_by: vec!["shelf"] }
    }

    #[test]
    fn each_served_version_has_columns_rules_and_fields_and_others_are_omitted() {
        insta::assert_snapshot!(page(&kind_with_two_versions(), "docs/api/box.md").unwrap());
    }

    #[test]
    fn only_a_reconciled_kind_has_the_conditions_of_the_engine() {
        let mut kind = kind_with_two_versions();
        let version = &mut kind.definition["spec"]["versions"][0];
        version["schema"]["openAPIV3Schema"]["properties"]["status"] =
            json!({ "properties": { "conditions": { "type": "array" } } });
        assert!(!page(&kind, "a").unwrap().contains("## Conditions"));
        kind.reconciled = Some(Reconciled { by: "boxes", owns: Vec::new(), conditions: &[] });
        let page = page(&kind, "a").unwrap();
        assert!(
            page.contains("## Conditions") && page.contains("| reconciled by | `boxes` |"),
            "{page}"
        );
    }
}
