//! List items that we applied, that are no longer desired, and that another manager owns as well.
//!
//! Server-side apply merges lists by keys. It removes an item that we leave out only if no other
//! manager owns the item. If one does, the item stays, and the API server may reject the object: a
//! Service cannot have two ports of one name. Others own our items after a backup was restored,
//! after `managedFields` were cleared, and after our field manager was renamed. The cure is that of
//! client-go (`csaupgrade`): the item is taken out of the other entries in `managedFields`.

use serde_json::{Map, Value, json};

use super::managed_fields::is_item;
use super::tree::Tree;

/// The steps from `fieldsV1` to an item, such as `f:spec`, `f:ports`, `k:{"port":80}`.
type Parts = Vec<String>;

/// The operations of a JSON patch (RFC 6902) that makes us, the manager `us`, the only owner of the
/// leftovers. Empty if no other manager owns one.
///
/// `object` has at least the metadata; `desired` is the complete desired object. `fields` are the
/// fields that the API server rejected, such as `spec.ports[1].name`. Only lists in one of these
/// fields or around one count.
#[must_use]
pub fn disown(object: &Value, us: &str, desired: &Tree<'_>, fields: &[&str]) -> Vec<Value> {
    let entries = object["metadata"]["managedFields"].as_array().map_or(&[][..], Vec::as_slice);
    let is_ours = |entry: &Value| {
        entry["manager"] == us && entry["operation"] == "Apply" && entry["subresource"].is_null()
    };
    let mut leftovers = Vec::new();
    if let Some(ours) = entries.iter().find(|entry| is_ours(entry)) {
        collect(&ours["fieldsV1"], desired, &mut Vec::new(), &mut leftovers);
    }
    leftovers.retain(|parts| fields.iter().any(|field| is_related(parts, field)));
    let mut operations = Vec::new();
    // An entry that is removed must not change the index of those that follow.
    for (index, entry) in entries.iter().enumerate().rev().filter(|(_, entry)| !is_ours(entry)) {
        let Some(fields) = entry["fieldsV1"].as_object() else { continue };
        let mut left = fields.clone();
        for parts in &leftovers {
            remove(&mut left, parts);
        }
        let entry = format!("/metadata/managedFields/{index}");
        if left.is_empty() && !fields.is_empty() {
            operations.push(json!({ "op": "remove", "path": entry }));
        } else if left != *fields {
            let path = format!("{entry}/fieldsV1");
            operations.push(json!({ "op": "replace", "path": path, "value": left }));
        }
    }
    if !operations.is_empty() {
        let version = &object["metadata"]["resourceVersion"];
        let test = json!({ "op": "test", "path": "/metadata/resourceVersion", "value": version });
        operations.insert(0, test);
    }
    operations
}

/// Collects the list items of our entry that `desired` does not have.
fn collect(ours: &Value, desired: &Tree<'_>, at: &mut Parts, leftovers: &mut Vec<Parts>) {
    for (part, parts) in ours.as_object().into_iter().flatten() {
        at.push(part.clone());
        match (part.strip_prefix("f:"), desired) {
            (Some(name), _) => {
                if let Some(desired) = desired.get(name) {
                    collect(parts, desired, at, leftovers);
                }
            }
            (None, Tree::Items(items)) if part != "." => {
                match items.iter().find(|item| is_item(part, item)) {
                    Some(item) => collect(parts, item, at, leftovers),
                    None => leftovers.push(at.clone()),
                }
            }
            _ => {}
        }
        at.pop();
    }
}

/// Whether the list of this item is in the rejected field, or around it.
fn is_related(parts: &Parts, field: &str) -> bool {
    // Without the indexes: `spec.ports[1].name` becomes `spec`, `ports`, `name`.
    let field = field.split('.').map(|name| name.split('[').next().unwrap_or_default());
    let list = parts.iter().filter_map(|part| part.strip_prefix("f:"));
    list.zip(field).all(|(list, field)| list == field)
}

/// Removes an item, and everything around it that has no other part.
fn remove(fields: &mut Map<String, Value>, parts: &[String]) {
    let Some((first, rest)) = parts.split_first() else { return };
    if let Some(Value::Object(inner)) = fields.get_mut(first)
        && !rest.is_empty()
    {
        let was_empty = inner.is_empty();
        remove(inner, rest);
        if was_empty || !inner.is_empty() {
            return;
        }
    }
    fields.remove(first);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn port(number: u16) -> String {
        json!({ "port": number, "protocol": "TCP" }).to_string()
    }

    /// The `fieldsV1` of an owner of these ports and of `extra`.
    fn owning(ports: &[u16], extra: &[&str]) -> Value {
        let mut spec = Map::new();
        for field in extra {
            spec.insert((*field).to_owned(), json!({}));
        }
        if !ports.is_empty() {
            let items =
                ports.iter().map(|number| (format!("k:{}", port(*number)), json!({".":{}})));
            spec.insert("f:ports".to_owned(), Value::Object(items.collect()));
        }
        json!({ "f:spec": spec })
    }

    /// The patch for a Service that wants port 8080, where others have these entries.
    fn patch(ours: &Value, others: &[Value], fields: &[&str]) -> Vec<Value> {
        let entry = |manager: &str, operation: &str, fields: &Value| -> Value {
            json!({ "manager": manager, "operation": operation, "fieldsV1": fields })
        };
        let others = others.iter().map(|fields| entry("other", "Apply", fields));
        let update = entry("us", "Update", &owning(&[443], &[]));
        let entries: Vec<_> =
            [entry("us", "Apply", ours), update].into_iter().chain(others).collect();
        let object = json!({ "metadata": { "resourceVersion": "7", "managedFields": entries } });
        let desired = json!({ "spec": { "type": "ClusterIP", "ports": [{ "port": 8080 }] } });
        disown(&object, "us", &Tree::from(&desired), fields)
    }

    const NOTHING: [Value; 0] = [];

    #[test]
    fn an_item_that_is_not_desired_gets_us_as_its_only_owner() {
        let others = [owning(&[80, 8080], &[]), owning(&[80], &["f:type"]), owning(&[80], &[])];
        let left = |index: usize, fields: Value| {
            let path = format!("/metadata/managedFields/{index}/fieldsV1");
            json!({ "op": "replace", "path": path, "value": fields })
        };
        assert_eq!(
            patch(&owning(&[80], &["f:type"]), &others, &["spec.ports[1].name"]),
            [
                json!({ "op": "test", "path": "/metadata/resourceVersion", "value": "7" }),
                json!({ "op": "remove", "path": "/metadata/managedFields/4" }),
                left(3, owning(&[], &["f:type"])),
                left(2, owning(&[8080], &[])),
            ]
        );
    }

    #[test]
    fn an_item_of_another_manager_alone_stays() {
        assert_eq!(patch(&owning(&[8080], &[]), &[owning(&[80], &[])], &["spec.ports"]), NOTHING);
        assert_eq!(patch(&owning(&[80], &[]), &[], &["spec.ports"]), NOTHING);
    }

    #[test]
    fn only_lists_that_the_api_server_rejected_count() {
        let count = |field| patch(&owning(&[80], &[]), &[owning(&[80], &[])], &[field]).len();
        let fields = ["spec.ports[1].name", "spec.ports", "spec", "spec.type", "metadata.name"];
        assert_eq!(fields.map(count), [2, 2, 2, 0, 0]);
        assert_eq!(patch(&owning(&[80], &[]), &[owning(&[80], &[])], &[]).len(), 0);
    }

    #[test]
    fn items_of_lists_within_items_and_of_sets_are_found() {
        let container = format!("k:{}", json!({ "name": "web" }));
        let [old, new] = ["OLD", "NEW"].map(|name| format!("k:{}", json!({ "name": name })));
        let env = json!({ "f:env": { old.clone(): {}, new: {} } });
        let set = json!({ "v:1": {}, "v:2": {} });
        let ours = json!({ "f:containers": { container.clone(): env }, "f:set": set });
        let desired =
            json!({ "containers": [{ "name": "web", "env": [{ "name": "NEW" }] }], "set": [2] });
        let mut leftovers = Vec::new();
        collect(&ours, &Tree::from(&desired), &mut Vec::new(), &mut leftovers);
        let expected = [vec!["f:containers", &container, "f:env", &old], vec!["f:set", "v:1"]];
        assert_eq!(leftovers, expected);
        assert!(is_related(&leftovers[0], "containers[0].env[3].name"));
        assert!(!is_related(&leftovers[0], "containers[0].image"));
    }
}
