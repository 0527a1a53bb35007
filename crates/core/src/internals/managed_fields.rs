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

use serde::Deserialize;
use serde_json::value::RawValue;

use super::tree::Tree;

/// An entry of `metadata.managedFields`: what one manager owns.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry<'a> {
    /// The name of the manager.
    #[serde(borrow, default)]
    pub manager: Cow<'a, str>,
    /// `Apply` or `Update`.
    #[serde(borrow, default)]
    pub operation: Cow<'a, str>,
    /// Such as `status`; empty for the object itself.
    #[serde(borrow, default)]
    pub subresource: Cow<'a, str>,
    /// When the manager last changed something: RFC 3339, in UTC and in seconds.
    #[serde(borrow, default)]
    pub time: Cow<'a, str>,
    /// `fieldsV1`.
    #[serde(borrow, default, rename = "fieldsV1")]
    pub fields: Option<&'a RawValue>,
}

impl<'a> Entry<'a> {
    /// Whether it is the `Apply` entry of `manager` for this subresource; empty for the object
    /// itself.
    #[must_use]
    pub fn is_apply_of(&self, manager: &str, subresource: &str) -> bool {
        self.manager == manager && self.operation == "Apply" && self.subresource == subresource
    }

    /// What it owns, if `fieldsV1` is JSON.
    #[must_use]
    pub fn tree(&self) -> Option<Tree<'a>> {
        serde_json::from_str(self.fields?.get()).ok()
    }

    /// Its manager, for a person who knows us as `us`.
    pub(super) fn describe_manager(&self, us: &str) -> Manager {
        Manager {
            name: self.manager.to_string(),
            operation: match &*self.subresource {
                "" => self.operation.to_string(),
                subresource => format!("{} of its {subresource}", self.operation),
            },
            is_us: self.manager == us,
        }
    }
}

/// The entries of an object as the API server sends it.
///
/// # Errors
/// If `json` is no such object.
pub fn entries(json: &[u8]) -> Result<Vec<Entry<'_>>, serde_json::Error> {
    #[derive(Deserialize)]
    struct Object<'a> {
        #[serde(borrow)]
        metadata: Metadata<'a>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Metadata<'a> {
        #[serde(borrow, default)]
        managed_fields: Vec<Entry<'a>>,
    }
    serde_json::from_slice(json).map(|Object { metadata }| metadata.managed_fields)
}

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

/// A list that is a map (by keys) or a set (by value).
fn list(parts: &[Part<'_>], items: &[Tree<'_>], path: &Path<'_>) -> Result<(), Missing> {
    let found = parts_of_items(parts, items);
    items.iter().zip(found).enumerate().try_for_each(|(index, (item, part))| {
        let path = Path::Item(path, index);
        part.map_or_else(|| Err(path.missing()), |part| covered(&parts[part].1, item, &path))
    })
}

/// The index of the part of each item. Each part matches one item: first the items with all keys,
/// then the items whose keys were left to a default.
pub(super) fn parts_of_items(parts: &[Part<'_>], items: &[Tree<'_>]) -> Vec<Option<usize>> {
    let mut free: Vec<usize> = (0..parts.len()).collect();
    let mut found = vec![None; items.len()];
    for wanted in [Fit::Complete, Fit::Defaulted] {
        for (item, slot) in items.iter().zip(&mut found).filter(|(_, slot)| slot.is_none()) {
            let at = free.iter().position(|part| fit_of(&parts[*part].0, item) == Some(wanted));
            *slot = at.map(|at| free.swap_remove(at));
        }
    }
    found
}

/// A part of an entry: its name and its own parts.
pub(super) type Part<'a> = (Cow<'a, str>, Tree<'a>);

/// How a part of an entry matches an item.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fit {
    /// All keys, or the value, are equal.
    Complete,
    /// The keys of the item are equal; its other keys were left to a default.
    Defaulted,
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
pub fn taker(entries: &[Entry<'_>], us: &str, desired: &Tree<'_>, missing: &Missing) -> Taker {
    let others = || entries.iter().filter(|entry| !entry.is_apply_of(us, ""));
    let holds_it = |entry: &&Entry<'_>| {
        entry.tree().is_some_and(|fields| holds(&fields, desired, &missing.path))
    };
    if let Some(holder) = others().filter(holds_it).max_by_key(|entry| &entry.time) {
        return Taker::Holds(holder.describe_manager(us));
    }
    // Controllers write the status often, and a status write takes no path from us.
    let ours = entries.iter().find(|entry| entry.is_apply_of(us, ""));
    let since = ours.map_or("", |entry| &*entry.time);
    let wrote_since = |entry: &&Entry<'_>| entry.subresource != "status" && &*entry.time >= since;
    others()
        .filter(wrote_since)
        .max_by_key(|entry| &entry.time)
        .map_or(Taker::Unknown, |entry| Taker::Probably(entry.describe_manager(us)))
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
