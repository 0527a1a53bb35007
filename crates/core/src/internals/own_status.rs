//! The status of a resource without the parts that another client wrote.
//!
//! An operator reads its own status back: when it first saw an edit, which end it announced. Such a
//! value counts only while our entry in `managedFields` owns it. Otherwise anybody with the right
//! to write the status could, for example, let a resource expire.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::managed_fields::Entry;
use super::tree::Tree;

/// A resource as JSON, and what others wrote to its status.
#[derive(Debug)]
pub struct OwnStatus<'a> {
    /// The resource without these parts.
    pub json: Cow<'a, [u8]>,
    /// These parts.
    pub foreign: Vec<ForeignPart>,
    /// Whether the resource has a status, also if another client wrote it.
    pub has_status: bool,
}

/// A field or a condition of a status that another client wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ForeignPart {
    /// A field of the status.
    Field(String),
    /// A condition: its index in the list, and its type.
    Condition(usize, String),
}

impl fmt::Display for ForeignPart {
    /// The place as a JSON pointer (RFC 6901), such as `/status/conditions/2`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Field(name) => {
                write!(f, "/status/{}", name.replace('~', "~0").replace('/', "~1"))
            }
            Self::Condition(index, _) => write!(f, "/status/conditions/{index}"),
        }
    }
}

#[derive(Deserialize)]
struct Outer<'a> {
    #[serde(borrow)]
    metadata: Metadata<'a>,
    #[serde(borrow, default)]
    status: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata<'a> {
    #[serde(borrow, default)]
    managed_fields: Vec<Entry<'a>>,
}

/// Leaves out the fields and the conditions of the status that `manager` does not own. A field
/// within an owned field is not looked at.
///
/// # Errors
/// If `json` is no object as the API server sends it.
pub fn own_status<'a>(json: &'a [u8], manager: &str) -> Result<OwnStatus<'a>, serde_json::Error> {
    let Outer { metadata, status } = serde_json::from_slice(json)?;
    let status: Option<Tree<'_>> = status.map(|s| serde_json::from_str(s.get())).transpose()?;
    let entry = metadata.managed_fields.iter().find(|entry| entry.is_apply_of(manager, "status"));
    let fields: Option<Tree<'_>> =
        entry.and_then(|entry| entry.fields).map(|f| serde_json::from_str(f.get())).transpose()?;
    let owned = fields.as_ref().and_then(|fields| fields.get("f:status"));
    let owns = |field: &str| owned.is_some_and(|owned| owned.get(&format!("f:{field}")).is_some());
    let owns_condition = |condition: &Tree<'_>| {
        let Some(Tree::Text(type_)) = condition.get("type") else { return false };
        let key = format!("k:{}", serde_json::json!({ "type": type_ }));
        let conditions = owned.and_then(|owned| owned.get("f:conditions"));
        conditions.and_then(|all| all.get(&key)).is_some_and(|c| c.get("f:status").is_some())
    };
    let is_ours = |(field, value): &(Cow<'_, str>, Tree<'_>)| match value {
        Tree::Items(items) if field == "conditions" => items.iter().all(owns_condition),
        _ => owns(field),
    };
    let all = status.as_ref().and_then(Tree::fields).unwrap_or_default();
    let has_status = !all.is_empty();
    if all.iter().all(is_ours) {
        return Ok(OwnStatus { json: Cow::Borrowed(json), foreign: Vec::new(), has_status });
    }
    let (mut own, mut foreign) = (Vec::new(), Vec::new());
    for (field, value) in all {
        match value {
            Tree::Items(items) if field == "conditions" => {
                let ours: Vec<_> = items.iter().filter(|c| owns_condition(c)).cloned().collect();
                if !ours.is_empty() {
                    own.push((field.clone(), Tree::Items(ours)));
                }
                let others = items.iter().enumerate().filter(|(_, item)| !owns_condition(item));
                foreign.extend(others.map(|(index, item)| match item.get("type") {
                    Some(Tree::Text(type_)) => ForeignPart::Condition(index, type_.to_string()),
                    _ => ForeignPart::Condition(index, String::new()),
                }));
            }
            value if owns(field) => own.push((field.clone(), value.clone())),
            _ => foreign.push(ForeignPart::Field(field.to_string())),
        }
    }
    let mut object: Map<String, Value> = serde_json::from_slice(json)?;
    object.remove("status");
    if !own.is_empty() {
        object.insert("status".to_owned(), serde_json::to_value(Tree::Fields(own))?);
    }
    Ok(OwnStatus { json: Cow::Owned(serde_json::to_vec(&object)?), foreign, has_status })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde_json::json;

    use super::*;

    /// A resource with this status, of which our entry owns these fields.
    fn resource(status: &Value, owned: &Value) -> Vec<u8> {
        let entry = |manager: &str, operation: &str, subresource: &str, fields: &Value| {
            json!({ "manager": manager, "operation": operation, "subresource": subresource,
                "fieldsV1": { "f:status": fields } })
        };
        let all = json!({ "f:url": {}, "f:ready": {}, "f:changedAt": {} });
        let resource = json!({
            "metadata": { "name": "web", "managedFields": [
                { "manager": "kubectl", "operation": "Update", "fieldsV1": { "f:spec": {} } },
                entry("us", "Update", "status", &all),
                entry("us", "Apply", "scale", &all),
                entry("kubectl", "Apply", "status", &all),
                entry("us", "Apply", "status", owned),
            ] },
            "status": status,
        });
        serde_json::to_vec(&resource).unwrap()
    }

    /// The status that remains, and the places of what others wrote.
    fn split(status: &Value, owned: &Value) -> (Value, Vec<String>) {
        let json = resource(status, owned);
        let OwnStatus { json, foreign, has_status } = own_status(&json, "us").unwrap();
        assert!(has_status);
        let resource: Value = serde_json::from_slice(&json).unwrap();
        assert_eq!(resource["metadata"]["name"], "web");
        (resource["status"].clone(), foreign.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn a_status_of_our_own_is_not_copied() {
        let json = resource(&json!({ "ready": "1/1" }), &json!({ "f:ready": {} }));
        let own = own_status(&json, "us").unwrap();
        assert!(matches!(own.json, Cow::Borrowed(_)) && own.foreign.is_empty());
        for without in [r#"{"metadata":{}}"#, r#"{"metadata":{"managedFields":[]},"status":{}}"#] {
            let own = own_status(without.as_bytes(), "us").unwrap();
            assert!(matches!(own.json, Cow::Borrowed(_)), "{without}");
            assert!(!own.has_status, "{without}");
        }
    }

    #[test]
    fn fields_that_our_entry_does_not_own_are_left_out() {
        let status = json!({ "ready": "1/1", "a/b": "http://evil", "changedAt": null });
        assert_eq!(
            split(&status, &json!({ "f:ready": {}, "f:changedAt": {} })),
            (json!({ "ready": "1/1", "changedAt": null }), vec!["/status/a~1b".to_owned()])
        );
    }

    #[test]
    fn without_our_entry_the_whole_status_is_that_of_others() {
        let json = br#"{"metadata":{"name":"web"},"status":{"ready":"1/1","conditions":[{}]}}"#;
        let own = own_status(json, "us").unwrap();
        let resource: Value = serde_json::from_slice(&own.json).unwrap();
        assert_eq!(resource.get("status"), None);
        let ready = ForeignPart::Field("ready".to_owned());
        assert_eq!(own.foreign, [ready, ForeignPart::Condition(0, String::new())]);
    }

    #[test]
    fn a_condition_is_ours_if_its_status_is() {
        let condition = |type_: &str| json!({ "type": type_, "status": "True" });
        let all = ["Ready", "Taken", "Other"].map(condition);
        let status = json!({ "conditions": all });
        let owned = json!({ "f:conditions": {
            "k:{\"type\":\"Ready\"}": { ".": {}, "f:status": {} },
            "k:{\"type\":\"Taken\"}": { ".": {}, "f:type": {} },
        } });
        let ours = json!({ "conditions": [condition("Ready")] });
        let foreign = ["/status/conditions/1", "/status/conditions/2"].map(str::to_owned);
        assert_eq!(split(&status, &owned), (ours, foreign.to_vec()));
    }

    #[test]
    fn bytes_that_are_no_object_are_an_error() {
        assert!(own_status(b"[1]", "us").is_err());
    }
}
