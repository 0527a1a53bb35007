//! The metadata of a custom resource: what is valid there is the same for every kind.

use serde_json::{Map, Value};

use super::Problem;
use super::schema::described;
use super::suggest::closest;
use crate::path::FieldPath;

/// The fields of ObjectMeta.
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

/// All annotations of an object together, keys and values, in bytes.
const ANNOTATIONS_LIMIT: usize = 262_144;

/// Whether `text` is a DNS label: at most 63 of a-z, 0-9 and -, a letter or digit at both ends (RFC
/// 1123).
#[must_use]
pub fn is_dns_label(text: &str) -> bool {
    let inner = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-';
    (1..=63).contains(&text.len())
        && text.bytes().all(inner)
        && !text.starts_with('-')
        && !text.ends_with('-')
}

/// Whether `text` is a DNS subdomain: labels joined by dots, at most 253 characters; what objects
/// may be called.
#[must_use]
pub fn is_dns_subdomain(text: &str) -> bool {
    // A label of a name may be longer than 63, as the API server sees it.
    let label = |l: &str| {
        !l.is_empty()
            && l.split('-')
                .all(|part| part.bytes().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit()))
    };
    let ends = |l: &str| !l.starts_with('-') && !l.ends_with('-');
    text.len() <= 253 && text.split('.').all(|l| label(l) && ends(l))
}

pub(super) fn check(object: &Value, namespaced: bool) -> Vec<Problem> {
    let mut problems = Vec::new();
    let at = FieldPath::root().key("metadata");
    let Some(Value::Object(metadata)) = object.get("metadata") else {
        problems.push(
            Problem::error(&at, "is missing")
                .or_write("give the resource a name: metadata: {name: ...}".to_owned()),
        );
        return problems;
    };
    for key in metadata.keys().filter(|key| !FIELDS.contains(&key.as_str())) {
        let meant = closest(key, FIELDS).map(|name| format!("did you mean {name}?"));
        let help =
            meant.unwrap_or_else(|| "own data goes below labels, annotations, or spec".to_owned());
        problems.push(Problem::error(&at.key(key), "there is no such field").or_write(help));
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
            let message = format!("{} cannot be a name", described(&Value::String(name.clone())));
            let help = "use a-z, 0-9, - and ., with a letter or digit at both ends, at most 253 characters";
            problems.push(Problem::error(&path, message).or_write(help.to_owned()));
        }
        None | Some(Value::Null | Value::String(_))
            if metadata.get("generateName").is_some_and(Value::is_string) =>
        {
            let help = "the API server would choose a name; write one in metadata.name to see what follows from it";
            problems.push(Problem::error(&path, "is missing").or_write(help.to_owned()));
        }
        None | Some(Value::Null | Value::String(_)) => {
            problems.push(Problem::error(&path, "is missing"))
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
                Problem::error(&path, "this kind does not live in a namespace")
                    .or_write("remove it".to_owned()),
            );
        }
        Some(Value::String(text)) if is_dns_label(text) => {}
        Some(Value::String(text)) => {
            let message = format!(
                "{} cannot be the name of a namespace",
                described(&Value::String(text.clone()))
            );
            let help =
                "use a-z, 0-9 and -, with a letter or digit at both ends, at most 63 characters";
            problems.push(Problem::error(&path, message).or_write(help.to_owned()));
        }
        Some(other) => problems.push(not_a_string(&path, other)),
    }
}

fn not_a_string(path: &FieldPath, value: &Value) -> Problem {
    Problem::error(path, format!("must be a string, is {}", described(value)))
        .or_write("put it in quotes".to_owned())
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
                format!("must be a map of strings, is {}", described(other)),
            ));
        }
    };
    for (key, value) in map {
        let path = path.key(key);
        if !is_qualified_name(key) {
            let help = "write [prefix/]name: a name of at most 63 letters, digits, -, _ and ., a prefix like example.com";
            problems.push(Problem::error(&path, "this key is not valid").or_write(help.to_owned()));
        }
        match value {
            Value::String(text) if field == "labels" && !is_label_value(text) => {
                let help = "use at most 63 letters, digits, -, _ and ., with a letter or digit at both ends";
                let message = format!("{} cannot be the value of a label", described(value));
                problems.push(Problem::error(&path, message).or_write(help.to_owned()));
            }
            Value::String(_) => {}
            other => problems.push(not_a_string(&path, other)),
        }
    }
    let size: usize = map.iter().map(|(k, v)| k.len() + v.as_str().map_or(0, str::len)).sum();
    if field == "annotations" && size > ANNOTATIONS_LIMIT {
        problems.push(Problem::error(
            &path,
            format!("must have at most {ANNOTATIONS_LIMIT} bytes together, have {size}"),
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
