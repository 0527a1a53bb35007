//! Whether an object still is as we applied it, from `metadata.managedFields` alone.
//!
//! The API server takes a path out of our `Apply` entry whenever somebody else changes or removes what is there
//! (server-side apply, KEP-555). So an object is as we want it exactly when our entry still owns every path that we want:
//! no value is compared, nothing that the server defaulted or normalised confuses the answer, and what others add beside
//! ours does not count. The format of `fieldsV1` is that of structured-merge-diff:
//!
//! | in the entry | stands for |
//! |---|---|
//! | `f:name` | a field of a struct or a key of a map |
//! | `k:{"port":80}` | a list item by its keys |
//! | `v:"text"` | a member of a set |
//! | `.` | the item or map itself, beside its parts |
//! | an empty node | a leaf, or a whole that is atomic |

use std::fmt;

use serde_json::{Map, Value};

/// A path that we want and do not own any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    /// The path, e.g. `spec.template.spec.containers[{"name":"echo"}].image`.
    pub path: String,
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.path)
    }
}

/// Fields of `metadata` and of the object that identify it and are never owned by anybody.
const IDENTITY: [&str; 2] = ["apiVersion", "kind"];
const IDENTITY_METADATA: [&str; 2] = ["name", "namespace"];

/// Whether `fields` (our entry's `fieldsV1`) owns every path of `desired` (the complete object).
///
/// # Errors
/// The first path that it does not own. In doubt (a form that this does not know) it says so too: applying once more is
/// always right, and the answer to that is remembered.
pub fn covers(fields: &Value, desired: &Value) -> Result<(), Missing> {
    let Some(object) = desired.as_object() else { return Err(Missing { path: String::new() }) };
    for (name, value) in object.iter().filter(|(name, _)| !IDENTITY.contains(&name.as_str())) {
        match value.as_object() {
            Some(metadata) if name == "metadata" => {
                let owned = metadata.iter().filter(|(n, _)| !IDENTITY_METADATA.contains(&n.as_str()));
                let node = fields.get("f:metadata");
                for (name, value) in owned {
                    field(node.unwrap_or(&Value::Null), name, value, &Path::Root.field("metadata"))?;
                }
            }
            _ => field(fields, name, value, &Path::Root)?,
        }
    }
    Ok(())
}

/// Where we are; only turned into text when something is missing.
#[derive(Clone, Copy)]
enum Path<'a> {
    Root,
    Field(&'a Path<'a>, &'a str),
    Item(&'a Path<'a>, usize),
}

impl<'a> Path<'a> {
    fn field(&'a self, name: &'a str) -> Path<'a> {
        Path::Field(self, name)
    }

    fn missing(&self) -> Missing {
        Missing { path: self.to_string() }
    }
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Path::Root => Ok(()),
            Path::Field(Path::Root, name) => f.write_str(name),
            Path::Field(parent, name) => write!(f, "{parent}.{name}"),
            Path::Item(parent, index) => write!(f, "{parent}[{index}]"),
        }
    }
}

fn field(node: &Value, name: &str, value: &Value, parent: &Path<'_>) -> Result<(), Missing> {
    // A null is not sent by the API machinery and owns nothing.
    if value.is_null() {
        return Ok(());
    }
    let path = parent.field(name);
    match node.get(format!("f:{name}")) {
        Some(node) => covered(node, value, &path),
        None => Err(path.missing()),
    }
}

fn covered(node: &Value, value: &Value, path: &Path<'_>) -> Result<(), Missing> {
    let Some(parts) = node.as_object() else { return Err(path.missing()) };
    if parts.is_empty() {
        return Ok(());
    }
    match value {
        // A map that we want empty, and whose parts are now in the entry: not what we applied.
        Value::Object(map) if map.is_empty() => Err(path.missing()),
        Value::Object(map) => map.iter().try_for_each(|(name, value)| field(node, name, value, path)),
        Value::Array(items) if items.is_empty() => Err(path.missing()),
        Value::Array(items) => list(parts, items, path),
        // A scalar that has parts: doubt.
        _ => Err(path.missing()),
    }
}

/// A list that is a map (by keys) or a set (by value). Each part of the entry stands for one item only: items that have
/// all keys choose first, what is left is for those whose keys were left to a default.
fn list(parts: &Map<String, Value>, items: &[Value], path: &Path<'_>) -> Result<(), Missing> {
    let mut free: Vec<(&String, &Value)> = parts.iter().collect();
    let mut found: Vec<Option<&Value>> = vec![None; items.len()];
    for wanted in [Fit::Complete, Fit::Defaulted] {
        for (item, slot) in items.iter().zip(&mut found).filter(|(_, slot)| slot.is_none()) {
            let at = free.iter().position(|(name, _)| stands_for(name, item) == Some(wanted));
            *slot = at.map(|at| free.swap_remove(at).1);
        }
    }
    items.iter().zip(found).enumerate().try_for_each(|(index, (item, node))| {
        let path = Path::Item(path, index);
        node.map_or_else(|| Err(path.missing()), |node| covered(node, item, &path))
    })
}

/// How well a part of an entry fits an item.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fit {
    /// All keys, or the value, are the same.
    Complete,
    /// The keys that the item has are the same; the others were left to a default.
    Defaulted,
}

/// Whether a part of the entry (`k:{"port":80}`, `v:"text"`) can stand for `item`.
fn stands_for(name: &str, item: &Value) -> Option<Fit> {
    match name.split_once(':')? {
        ("k", keys) => {
            let Ok(Value::Object(keys)) = serde_json::from_str(keys) else { return None };
            if !keys.iter().all(|(key, value)| item.get(key).is_none_or(|wanted| wanted == value)) {
                return None;
            }
            Some(if keys.keys().all(|key| item.get(key).is_some()) { Fit::Complete } else { Fit::Defaulted })
        }
        ("v", member) => serde_json::from_str::<Value>(member).ok().filter(|member| member == item).map(|_| Fit::Complete),
        _ => None,
    }
}
