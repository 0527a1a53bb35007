//! Fields that we no longer want and that another manager owns as well.
//!
//! Server-side apply removes a field that we drop only if no other manager owns the field. So
//! before such an apply, the engine removes these fields from the entries of the other managers.
//! Fields that we never wanted stay theirs.

use super::managed_fields::{Entry, Manager, parts_of_items};
use super::tree::Tree;

/// An entry of another manager that owns fields that we drop.
#[derive(Clone, Debug, PartialEq)]
pub struct Leftover<'a> {
    /// The index of the entry in `metadata.managedFields`.
    pub index: usize,
    /// The manager.
    pub manager: Manager,
    /// The first of the fields, such as `spec.ports[{"port":80,"protocol":"TCP"}]`.
    pub path: String,
    /// The `fieldsV1` of the entry without these fields. `None` if it owns nothing else.
    pub rest: Option<Tree<'a>>,
}

/// What other managers own of the fields that our entry has and `desired` lacks.
#[must_use]
pub fn leftovers<'a>(entries: &[Entry<'a>], us: &str, desired: &Tree<'_>) -> Vec<Leftover<'a>> {
    let ours = entries.iter().find(|entry| entry.is_apply_of(us, "")).and_then(Entry::tree);
    let Some(dropped) = ours.and_then(|ours| dropped(&ours, desired)) else { return Vec::new() };
    let leftover = |(index, entry): (usize, &Entry<'a>)| {
        let mut rest = entry.tree().filter(|_| !entry.is_apply_of(us, ""))?;
        let path = remove(&mut rest, &dropped, "")?;
        let rest = Some(rest).filter(|rest| !is_empty(rest));
        Some(Leftover { index, manager: entry.describe_manager(us), path, rest })
    };
    entries.iter().enumerate().filter_map(leftover).collect()
}

/// The part of our entry that `desired` (the complete object) lacks. `None` if it lacks nothing.
#[must_use]
pub fn dropped<'a>(entry: &Tree<'a>, desired: &Tree<'_>) -> Option<Tree<'a>> {
    let parts = entry.fields()?;
    let items = if let Tree::Items(items) = desired { items.as_slice() } else { &[] };
    let mut wanted = vec![None; parts.len()];
    for (item, part) in items.iter().zip(parts_of_items(parts, items)) {
        if let Some(part) = part {
            wanted[part] = Some(item);
        }
    }
    let lacks = |((name, part), item): (&(_, Tree<'a>), Option<&Tree<'_>>)| {
        let name: &std::borrow::Cow<'a, str> = name;
        let wanted = match name.strip_prefix("f:") {
            // The API machinery drops a null.
            Some(field) => desired.get(field).filter(|value| **value != Tree::Null),
            None => item,
        };
        let lacking = match wanted {
            _ if name == "." => None,
            Some(wanted) => dropped(part, wanted),
            None => Some(part.clone()),
        };
        Some((name.clone(), lacking?))
    };
    let lacking: Vec<_> = parts.iter().zip(wanted).filter_map(lacks).collect();
    (!lacking.is_empty()).then_some(Tree::Fields(lacking))
}

/// Removes from an entry what `dropped` has. Returns the first removed path.
fn remove(entry: &mut Tree<'_>, dropped: &Tree<'_>, path: &str) -> Option<String> {
    let Tree::Fields(parts) = entry else { return None };
    let mut first = None;
    parts.retain_mut(|(name, part)| {
        let Some(dropped) = dropped.get(name) else { return true };
        let path = join(path, name);
        if is_whole(name, dropped) {
            first.get_or_insert(path);
            return false;
        }
        let Some(removed) = remove(part, dropped, &path) else { return true };
        first.get_or_insert(removed);
        !is_empty(part)
    });
    first
}

/// Whether the part goes with all that others own of it: a leaf, an atomic value, or an item of a
/// list that we added. An item without the fields that it needs would make the object invalid.
fn is_whole(name: &str, dropped: &Tree<'_>) -> bool {
    is_empty(dropped) || name.starts_with("k:") && dropped.get(".").is_some()
}

fn is_empty(tree: &Tree<'_>) -> bool {
    tree.fields().is_none_or(<[_]>::is_empty)
}

/// The path of a part, for a person.
fn join(path: &str, part: &str) -> String {
    match part.split_once(':') {
        Some(("f", field)) if path.is_empty() => field.to_owned(),
        Some(("f", field)) => format!("{path}.{field}"),
        Some((_, item)) => format!("{path}[{item}]"),
        // The item or map itself.
        None => path.to_owned(),
    }
}
