//! Checks `metadata`, which has the same rules for every kind.

use kubewright_core::names::is_dns_subdomain;
use serde_json::{Map, Value};

use super::problem::Problem;
use super::schema::describe;
use super::suggest::closest;
use crate::path::FieldPath;

/// Fields of ObjectMeta.
const FIELDS: [&str; 15] = [
    "annotations",
    "creationTimestamp",
    "deletionGracePeriodSeconds",
    "deletionTimestamp",
    "finalizers",
    "generateName",
    "generation",
    "labels",
    "managedFields",
    "name",
    "namespace",
    "ownerReferences",
    "resourceVersion",
    "selfLink",
    "uid",
];

/// Limit of the keys and values of all annotations of an object, in bytes.
const ANNOTATIONS_LIMIT: usize = 262_144;

/// Whether `text` is a DNS label (RFC 1123): 1 to 63 characters of a-z, 0-9 and -, with a letter or
/// digit at both ends.
#[must_use]
pub fn is_dns_label(text: &str) -> bool {
    let inner = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-';
    (1..=63).contains(&text.len())
        && text.bytes().all(inner)
        && !text.starts_with('-')
        && !text.ends_with('-')
}

pub(super) fn check(object: &Value, namespaced: bool) -> Vec<Problem> {
    let mut problems = Vec::new();
    let at = FieldPath::root().key("metadata");
    let Some(Value::Object(metadata)) = object.get("metadata") else {
        problems.push(
            Problem::error(&at, "is missing")
                .with_help("give the resource a name: metadata: {name: ...}".to_owned()),
        );
        return problems;
    };
    for key in metadata.keys().filter(|key| !FIELDS.contains(&key.as_str())) {
        let suggestion = closest(key, FIELDS).map(|name| format!("did you mean {name}?"));
        let help = suggestion
            .unwrap_or_else(|| "put other data in labels, annotations or spec".to_owned());
        problems.push(Problem::error(&at.key(key), "unknown field").with_help(help));
    }
    name(metadata, &at, &mut problems);
    namespace(metadata, &at, namespaced, &mut problems);
    strings(metadata, "labels", &at, &mut problems);
    strings(metadata, "annotations", &at, &mut problems);
    problems
}

fn name(metadata: &Map<String, Value>, at: &FieldPath, problems: &mut Vec<Problem>) {
    let path = at.key("name");
    match metadata.get("name") {
        Some(Value::String(name)) if is_dns_subdomain(name) => {}
        Some(Value::String(name)) if !name.is_empty() => {
            let message = format!("{} is not a valid name", describe(&Value::String(name.clone())));
            let help = "use at most 253 characters of a-z, 0-9, - and ., with a letter or digit at \
                        both ends";
            problems.push(Problem::error(&path, message).with_help(help.to_owned()));
        }
        None | Some(Value::Null | Value::String(_))
            if metadata.get("generateName").is_some_and(Value::is_string) =>
        {
            let help = "only the API server applies generateName; write metadata.name";
            problems.push(Problem::error(&path, "is missing").with_help(help.to_owned()));
        }
        None | Some(Value::Null | Value::String(_)) => {
            problems.push(Problem::error(&path, "is missing"));
        }
        Some(other) => problems.push(not_a_string(&path, other)),
    }
}

fn namespace(
    metadata: &Map<String, Value>,
    at: &FieldPath,
    namespaced: bool,
    problems: &mut Vec<Problem>,
) {
    let path = at.key("namespace");
    match metadata.get("namespace") {
        None | Some(Value::Null) => {}
        Some(Value::String(text)) if text.is_empty() => {}
        Some(Value::String(_)) if !namespaced => {
            problems.push(
                Problem::error(&path, "this kind is cluster-scoped")
                    .with_help("remove it".to_owned()),
            );
        }
        Some(Value::String(text)) if is_dns_label(text) => {}
        Some(Value::String(text)) => {
            let message =
                format!("{} is not a valid namespace name", describe(&Value::String(text.clone())));
            let help =
                "use at most 63 characters of a-z, 0-9 and -, with a letter or digit at both ends";
            problems.push(Problem::error(&path, message).with_help(help.to_owned()));
        }
        Some(other) => problems.push(not_a_string(&path, other)),
    }
}

fn not_a_string(path: &FieldPath, value: &Value) -> Problem {
    Problem::error(path, format!("must be a string, is {}", describe(value)))
        .with_help("put it in quotes".to_owned())
}

/// Labels and annotations: maps of strings with qualified keys.
fn strings(
    metadata: &Map<String, Value>,
    field: &str,
    at: &FieldPath,
    problems: &mut Vec<Problem>,
) {
    let path = at.key(field);
    let map = match metadata.get(field) {
        None | Some(Value::Null) => return,
        Some(Value::Object(map)) => map,
        Some(other) => {
            return problems.push(Problem::error(
                &path,
                format!("must be a map of strings, is {}", describe(other)),
            ));
        }
    };
    for (key, value) in map {
        let path = path.key(key);
        if !is_qualified_name(key) {
            let help = "write [prefix/]name: a name of at most 63 letters, digits, -, _ and ., \
                        a prefix like example.com";
            problems.push(Problem::error(&path, "invalid key").with_help(help.to_owned()));
        }
        match value {
            Value::String(text) if field == "labels" && !is_label_value(text) => {
                let help = "use at most 63 letters, digits, -, _ and ., with a letter or digit at \
                            both ends";
                let message = format!("{} is not a valid label value", describe(value));
                problems.push(Problem::error(&path, message).with_help(help.to_owned()));
            }
            Value::String(_) => {}
            other => problems.push(not_a_string(&path, other)),
        }
    }
    let size: usize = map.iter().map(|(k, v)| k.len() + v.as_str().map_or(0, str::len)).sum();
    if field == "annotations" && size > ANNOTATIONS_LIMIT {
        problems.push(Problem::error(
            &path,
            format!("must have at most {ANNOTATIONS_LIMIT} bytes in total, has {size}"),
        ));
    }
}

fn is_label_value(text: &str) -> bool {
    text.is_empty() || is_name_part(text)
}

fn is_name_part(text: &str) -> bool {
    let inner = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let end = |c: char| c.is_ascii_alphanumeric();
    (1..=63).contains(&text.len())
        && text.chars().all(inner)
        && text.starts_with(end)
        && text.ends_with(end)
}

fn is_qualified_name(key: &str) -> bool {
    match key.split_once('/') {
        Some((prefix, name)) => is_dns_subdomain(prefix) && is_name_part(name),
        None => is_name_part(key),
    }
}
