//! Whether our entry in `metadata.managedFields` still owns every path that we applied.
//!
//! The API server removes a path from our `Apply` entry when another manager changes or removes the
//! value (server-side apply, KEP-555). So an object is in sync exactly if our entry owns every
//! desired path. No value is compared: defaults, normalised values and fields that others added do
//! not matter. The format of `fieldsV1` is that of structured-merge-diff:
//!
//! | in the entry | meaning |
//! |---|---|
//! | `f:name` | a field of a struct or a key of a map |
//! | `k:{"port":80}` | a list item by its keys |
//! | `v:"text"` | a member of a set |
//! | `.` | the item or map itself, beside its parts |
//! | an empty node | a leaf, or an atomic value |

use std::borrow::Cow;
use std::fmt;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ManagedFieldsEntry;

use super::tree::Tree;

/// A desired path that we do not own any more. It prints as
/// `spec.template.spec.containers[0].image`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    /// The segments from the root of the desired object.
    pub path: Vec<Segment>,
}

/// One step of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Segment {
    /// Into a field of a struct or a key of a map.
    Field(Box<str>),
    /// Into an item of a list, by its position in the desired list.
    Item(usize),
}

impl Missing {
    /// A path of fields.
    #[must_use]
    pub fn fields(names: &[&str]) -> Self {
        Self { path: names.iter().map(|name| Segment::Field((*name).into())).collect() }
    }
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, segment) in self.path.iter().enumerate() {
            match segment {
                Segment::Field(name) if index == 0 => f.write_str(name)?,
                Segment::Field(name) => write!(f, ".{name}")?,
                Segment::Item(index) => write!(f, "[{index}]")?,
            }
        }
        Ok(())
    }
}

/// Fields that identify the object; no entry ever owns them.
const IDENTITY: [&str; 2] = ["apiVersion", "kind"];
const IDENTITY_METADATA: [&str; 2] = ["name", "namespace"];

/// Whether `fields` (our entry's `fieldsV1`) owns every path of `desired` (the complete object).
///
/// # Errors
/// The first path that it does not own. An unknown format counts as not owned: the engine then
/// applies once more, which is always correct, and remembers the answer.
pub fn covers(fields: &Tree<'_>, desired: &Tree<'_>) -> Result<(), Missing> {
    let Some(object) = desired.fields() else { return Err(Missing { path: Vec::new() }) };
    for (name, value) in object.iter().filter(|(name, _)| !IDENTITY.contains(&&**name)) {
        match value.fields() {
            Some(metadata) if name == "metadata" => {
                let owned = metadata.iter().filter(|(n, _)| !IDENTITY_METADATA.contains(&&**n));
                let node = fields.get("f:metadata");
                for (name, value) in owned {
                    field(node.unwrap_or(&Tree::Null), name, value, &Path::Root.field("metadata"))?;
                }
            }
            _ => field(fields, name, value, &Path::Root)?,
        }
    }
    Ok(())
}

/// The current path; converted to [`Missing`] only when needed.
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
        let (mut path, mut at) = (Vec::new(), *self);
        loop {
            let (parent, segment) = match at {
                Path::Root => break,
                Path::Field(parent, name) => (parent, Segment::Field(name.into())),
                Path::Item(parent, index) => (parent, Segment::Item(index)),
            };
            path.push(segment);
            at = *parent;
        }
        path.reverse();
        Missing { path }
    }
}

fn field(node: &Tree<'_>, name: &str, value: &Tree<'_>, parent: &Path<'_>) -> Result<(), Missing> {
    // The API machinery drops a null, so no entry owns it.
    if *value == Tree::Null {
        return Ok(());
    }
    let path = parent.field(name);
    match part_of_field(node, name) {
        Some(node) => covered(node, value, &path),
        None => Err(path.missing()),
    }
}

/// The part of an entry for a field of this name.
fn part_of_field<'a, 'b>(node: &'a Tree<'b>, name: &str) -> Option<&'a Tree<'b>> {
    node.fields()?
        .iter()
        .find(|(part, _)| part.strip_prefix("f:") == Some(name))
        .map(|(_, node)| node)
}

fn covered(node: &Tree<'_>, value: &Tree<'_>, path: &Path<'_>) -> Result<(), Missing> {
    let Some(parts) = node.fields() else { return Err(path.missing()) };
    if parts.is_empty() {
        return Ok(());
    }
    match value {
        // We applied an empty map, and the entry has parts: not what we applied.
        Tree::Fields(map) if map.is_empty() => Err(path.missing()),
        Tree::Fields(map) => {
            map.iter().try_for_each(|(name, value)| field(node, name, value, path))
        }
        Tree::Items(items) if items.is_empty() => Err(path.missing()),
        Tree::Items(items) => list(parts, items, path),
        // A scalar with parts: an unknown format.
        _ => Err(path.missing()),
    }
}

/// A list that is a map (by keys) or a set (by value). Each part of the entry matches one item:
/// first the items with all keys, then the items whose keys were left to a default.
fn list(parts: &[Part<'_>], items: &[Tree<'_>], path: &Path<'_>) -> Result<(), Missing> {
    let mut free: Vec<&Part<'_>> = parts.iter().collect();
    let mut found: Vec<Option<&Tree<'_>>> = vec![None; items.len()];
    for wanted in [Fit::Complete, Fit::Defaulted] {
        for (item, slot) in items.iter().zip(&mut found).filter(|(_, slot)| slot.is_none()) {
            let at = free.iter().position(|(name, _)| fit_of(name, item) == Some(wanted));
            *slot = at.map(|at| &free.swap_remove(at).1);
        }
    }
    items.iter().zip(found).enumerate().try_for_each(|(index, (item, node))| {
        let path = Path::Item(path, index);
        node.map_or_else(|| Err(path.missing()), |node| covered(node, item, &path))
    })
}

/// A part of an entry: its name and its own parts.
type Part<'a> = (Cow<'a, str>, Tree<'a>);

/// How a part of an entry matches an item.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fit {
    /// All keys, or the value, are equal.
    Complete,
    /// The keys of the item are equal; its other keys were left to a default.
    Defaulted,
}

/// Whether a part of an entry (`k:{"port":80}`, `v:"text"`) can be that of `item`.
pub(super) fn is_item(name: &str, item: &Tree<'_>) -> bool {
    fit_of(name, item).is_some()
}

/// How a part of an entry (`k:{"port":80}`, `v:"text"`) matches `item`.
fn fit_of(name: &str, item: &Tree<'_>) -> Option<Fit> {
    match name.split_once(':')? {
        ("k", keys) => {
            let Ok(Tree::Fields(keys)) = serde_json::from_str(keys) else { return None };
            if !keys.iter().all(|(key, value)| item.get(key).is_none_or(|wanted| wanted == value)) {
                return None;
            }
            Some(if keys.iter().all(|(key, _)| item.get(key).is_some()) {
                Fit::Complete
            } else {
                Fit::Defaulted
            })
        }
        ("v", member) => serde_json::from_str::<Tree<'_>>(member)
            .ok()
            .filter(|member| member == item)
            .map(|_| Fit::Complete),
        _ => None,
    }
}

/// The manager that took a path from us, as far as `metadata.managedFields` shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Taker {
    /// This manager owns the path now.
    Holds(Manager),
    /// No manager owns the path, so a manager removed it. This manager wrote last, and after us.
    Probably(Manager),
    /// No manager owns the path, and none wrote after us.
    Unknown,
}

/// A field manager.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manager {
    /// Its name.
    pub name: String,
    /// `Apply` or `Update`, and the subresource if there was one.
    pub operation: String,
    /// Whether it uses our name, for another operation than our apply.
    pub is_us: bool,
}

impl fmt::Display for Manager {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_us {
            return write!(
                f,
                "an {} under this operator's own name, {:?}",
                self.operation, self.name
            );
        }
        write!(f, "{:?} ({})", self.name, self.operation)
    }
}

/// The manager that took the path `missing` of the object `desired` from the `Apply` entry of the
/// manager `us`.
#[must_use]
pub fn taker(
    entries: &[ManagedFieldsEntry],
    us: &str,
    desired: &Tree<'_>,
    missing: &Missing,
) -> Taker {
    let text = |field: &Option<String>| field.clone().unwrap_or_default();
    let time = |entry: &&ManagedFieldsEntry| entry.time.as_ref().map(|time| time.0);
    let subresource = |entry: &ManagedFieldsEntry| text(&entry.subresource);
    let is_our_apply = |entry: &&ManagedFieldsEntry| {
        entry.manager.as_deref() == Some(us)
            && entry.operation.as_deref() == Some("Apply")
            && subresource(entry).is_empty()
    };
    let manager = |entry: &ManagedFieldsEntry| Manager {
        name: text(&entry.manager),
        operation: match &*subresource(entry) {
            "" => text(&entry.operation),
            subresource => format!("{} of its {subresource}", text(&entry.operation)),
        },
        is_us: entry.manager.as_deref() == Some(us),
    };
    let others = || entries.iter().filter(|entry| !is_our_apply(entry));
    let holds_it = |entry: &&ManagedFieldsEntry| {
        entry
            .fields_v1
            .as_ref()
            .is_some_and(|fields| holds(&Tree::from(&fields.0), desired, &missing.path))
    };
    if let Some(holder) = others().filter(holds_it).max_by_key(time) {
        return Taker::Holds(manager(holder));
    }
    // Controllers write the status often, and a status write takes no path from us.
    let since = entries.iter().find(is_our_apply).as_ref().and_then(time);
    let wrote_since =
        |entry: &&ManagedFieldsEntry| subresource(entry) != "status" && time(entry) >= since;
    others()
        .filter(wrote_since)
        .max_by_key(time)
        .map_or(Taker::Unknown, |entry| Taker::Probably(manager(entry)))
}

/// Whether an entry owns this path of `desired`, a part of it, or an atomic value around it.
fn holds(fields: &Tree<'_>, desired: &Tree<'_>, path: &[Segment]) -> bool {
    let Some((segment, rest)) = path.split_first() else { return true };
    let Some(parts) = fields.fields() else { return false };
    let next = match segment {
        Segment::Field(name) => part_of_field(fields, name).zip(desired.get(name)),
        Segment::Item(index) => desired.item(*index).and_then(|item| {
            let part =
                |wanted: Fit| parts.iter().find(|(name, _)| fit_of(name, item) == Some(wanted));
            let (_, part) = part(Fit::Complete).or_else(|| part(Fit::Defaulted))?;
            Some((part, item))
        }),
    };
    next.is_some_and(|(part, desired)| {
        part.fields().is_some_and(<[_]>::is_empty) || holds(part, desired, rest)
    })
}
