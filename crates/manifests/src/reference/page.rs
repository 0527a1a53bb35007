//! The page of one custom resource.

use std::fmt::Write as _;

use serde_json::Value;

use super::field::Sections;
use super::markdown::{Anchors, cell, code, list, prose, table};
use super::{Kind, conditions, facts, tree};
use crate::artifact::{Error, written};
use crate::samples;

/// The headings before those of the fields, as far as there is something below them.
const EXAMPLE: &str = "Example";
const NAMES: &str = "Names";
const COLUMNS: &str = "Columns of kubectl get";
const CONDITIONS: &str = "Conditions";
const RULES: &str = "Rules for the whole resource";

/// The page at `path`.
///
/// # Errors
/// [`Error::Yaml`] for a sample that is none.
pub(super) fn page(kind: &Kind, path: &str) -> Result<String, Error> {
    let versions = kind.versions();
    let mut anchors = Anchors::default();
    let mut out = String::new();
    let title = kind.name();
    anchors.next(title);
    let _ = write!(out, "# {title}\n\n{}\n", prose(kind.about()));
    let mut section = |heading: &str, body: String| {
        if !body.is_empty() {
            anchors.next(heading);
            let _ = write!(out, "\n## {heading}\n\n{}\n", body.trim_end());
        }
    };
    section(EXAMPLE, example(kind, path)?);
    section(NAMES, names(kind));
    for version in &versions {
        section(&of_version(COLUMNS, version, &versions), columns(version));
    }
    let reports = versions.iter().any(|version| has_conditions(version));
    let reconciled = kind.reconciled.as_ref().filter(|_| reports);
    section(
        CONDITIONS,
        reconciled
            .map(|reconciled| conditions::conditions(&reconciled.reasons))
            .unwrap_or_default(),
    );
    for version in &versions {
        section(&of_version(RULES, version, &versions), rules(version));
    }
    let bodies: Vec<Value> = kind.samples.iter().map(samples::body).collect();
    for version in &versions {
        if versions.len() > 1 {
            let heading = format!("Version {}", version["name"].as_str().unwrap_or_default());
            anchors.next(&heading);
            let _ = write!(out, "\n# {heading}\n");
        }
        let schema = schema(version);
        let fields = tree::fields(schema);
        let status_apart = version.pointer("/subresources/status").is_some();
        let sections = Sections::new(&fields, &bodies, status_apart, &mut anchors);
        sections.write(&fields, 0, &mut out);
    }
    Ok(out)
}

fn schema(version: &Value) -> &Value {
    &version["schema"]["openAPIV3Schema"]
}

fn has_conditions(version: &Value) -> bool {
    schema(version).pointer("/properties/status/properties/conditions").is_some()
}

/// With the version's name, where there are several.
fn of_version(heading: &str, version: &Value, all: &[&Value]) -> String {
    match version["name"].as_str() {
        Some(name) if all.len() > 1 => format!("{heading}, {name}"),
        _ => heading.to_owned(),
    }
}

/// The first sample, which is the smallest, and where the others are.
fn example(kind: &Kind, path: &str) -> Result<String, Error> {
    let Some((first, others)) = kind.samples.split_first() else { return Ok(String::new()) };
    let yaml = written(path, &samples::body(first))?;
    let up = "../".repeat(path.matches('/').count());
    let link = |sample| {
        let file = samples::path_of(kind.reconciled.is_some(), kind.name(), kind.group(), sample);
        format!("[{}]({up}{file}): {}", sample.name, prose(sample.about))
    };
    let more = list(others.iter().map(link));
    let more = if more.is_empty() { more } else { format!("\nMore of them:\n\n{more}") };
    Ok(format!("{}\n\n```yaml\n{yaml}```\n{more}", prose(first.about)))
}

/// How it is called and reached, and who deals with it.
fn names(kind: &Kind) -> String {
    let list = |pointer: &str| {
        let all = kind.definition.pointer(pointer).and_then(Value::as_array);
        all.into_iter().flatten().filter_map(Value::as_str).map(code).collect::<Vec<_>>().join(", ")
    };
    let versions: Vec<String> =
        kind.versions().into_iter().map(|version| version_of(kind, version)).collect();
    let row = |name: &str, what: String| (!what.is_empty()).then(|| [name.to_owned(), cell(&what)]);
    let rows = [
        row("apiVersion", versions.join("; ")),
        row("kind", code(kind.name())),
        row("plural", code(kind.text("/spec/names/plural"))),
        row("short names", list("/spec/names/shortNames")),
        row("categories", list("/spec/names/categories")),
        row("scope", kind.text("/spec/scope").to_lowercase()),
        row("`kubectl scale`", scale(kind)),
        row("reconciled by", reconciled(kind)),
        row("read by", read_by(kind)),
    ];
    table(["", ""], &rows.into_iter().flatten().collect::<Vec<_>>())
}

fn version_of(kind: &Kind, version: &Value) -> String {
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
    let of = |version: &&Value| {
        let scale = version.pointer("/subresources/scale")?;
        let path = |key: &str| scale[key].as_str().map(code);
        let selector = path("labelSelectorPath")
            .map(|path| format!(", its pods are those of {path}"))
            .unwrap_or_default();
        Some(format!(
            "sets {}, reads {}{selector}",
            path("specReplicasPath")?,
            path("statusReplicasPath")?
        ))
    };
    kind.versions().iter().find_map(of).unwrap_or_default()
}

fn reconciled(kind: &Kind) -> String {
    let Some(reconciled) = &kind.reconciled else { return String::new() };
    let owned = |(name, optional): &(String, bool)| {
        if *optional { format!("{name} (where it is served)") } else { name.clone() }
    };
    let owns: Vec<String> = reconciled.owns.iter().map(owned).collect();
    let makes =
        if owns.is_empty() { String::new() } else { format!(", which makes {}", owns.join(", ")) };
    format!("{}{makes}", code(reconciled.by))
}

fn read_by(kind: &Kind) -> String {
    kind.read_by.iter().map(|name| code(name)).collect::<Vec<_>>().join(", ")
}

/// What `kubectl get` shows.
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
    if rows.is_empty() { String::new() } else { table(["column", "what it is", "path"], &rows) }
}

/// The rules of the whole resource, which belong to no field.
fn rules(version: &Value) -> String {
    let all = schema(version)["x-kubernetes-validations"].as_array();
    list(all.into_iter().flatten().map(facts::rule))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde_json::json;

    use super::super::Reconciled;
    use super::*;

    /// A kind without a controller, in two versions, with a field that both have.
    fn of_two_versions() -> Kind {
        let version = |name: &str, storage: bool, field: Value| {
            json!({
                "name": name, "served": true, "storage": storage,
                "additionalPrinterColumns": [{ "name": "Size", "jsonPath": ".spec.size", "priority": 1 }],
                "schema": { "openAPIV3Schema": {
                    "description": "A box | of things.",
                    "x-kubernetes-validations": [{ "rule": "size(self.metadata.name) < 9", "message": "write a short name" }],
                    "properties": { "spec": { "type": "object", "properties": { "size": field } } },
                } },
            })
        };
        let mut old =
            version("v1beta1", false, json!({ "type": "string", "description": "How big." }));
        old["deprecated"] = true.into();
        old["deprecationWarning"] = "use v1".into();
        let mut gone = version("v1alpha1", false, json!({}));
        gone["served"] = false.into();
        let definition = json!({ "spec": {
            "group": "example.dev", "scope": "Cluster",
            "names": { "kind": "Box", "plural": "boxes", "categories": ["things"] },
            "versions": [version("v1", true, json!({ "type": "integer", "description": "How big." })), old, gone],
        } });
        Kind { definition, samples: Vec::new(), reconciled: None, read_by: vec!["shelf"] }
    }

    #[test]
    fn each_version_has_its_columns_rules_and_fields_and_one_that_is_not_served_has_nothing() {
        insta::assert_snapshot!(page(&of_two_versions(), "docs/api/box.md").unwrap());
    }

    #[test]
    fn only_what_is_reconciled_has_the_conditions_of_the_engine() {
        let mut kind = of_two_versions();
        let conditions = json!({ "properties": { "conditions": { "type": "array" } } });
        kind.definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["status"] =
            conditions;
        assert!(!page(&kind, "a").unwrap().contains("## Conditions"));
        kind.reconciled = Some(Reconciled { by: "boxes", owns: Vec::new(), reasons: Vec::new() });
        let page = page(&kind, "a").unwrap();
        assert!(
            page.contains("## Conditions") && page.contains("| reconciled by | `boxes` |"),
            "{page}"
        );
    }
}
