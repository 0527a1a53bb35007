//! Time as an input: what `build` asked about it, and when a resource was changed. There is no clock here.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
pub use k8s_openapi::jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde::de::IgnoredAny;

/// The moments that one `build` asked about, as far as they decide when it has to be asked again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Moments {
    /// The latest of those that were past.
    pub past: Option<Timestamp>,
    /// The earliest of those that were not.
    pub next: Option<Timestamp>,
}

impl Moments {
    /// The same, and one more.
    #[must_use]
    pub fn and(self, at: Timestamp, is_past: bool) -> Self {
        if is_past {
            Self { past: self.past.max(Some(at)), ..self }
        } else {
            Self { next: Some(self.next.map_or(at, |next| next.min(at))), ..self }
        }
    }
}

/// When anybody last changed the spec of a resource, as the API server recorded it: the newest time in `metadata.managedFields`
/// of an entry that has something of `.spec` and is not of the subresource `status`; without one, when it was created.
///
/// An entry is one manager's, and has one time: that of its last change of any of its fields. So (as of Kubernetes 1.36, seen in
/// `tests/tests/cluster_expiry.rs`):
///
/// - a value that is changed by apply, update or patch counts, whoever changes it; to apply the same again does not;
/// - a label or annotation counts where its manager also has fields of the spec (`kubectl apply` of a file with another label),
///   and not where it does not (`kubectl label`);
/// - the scale of a custom resource is not recorded, and does not count;
/// - nor is it recorded that a field was removed. Where its manager has no other field of the spec, its time is gone with it.
#[must_use]
pub fn changed_at(json: &[u8]) -> Option<Timestamp> {
    #[derive(Deserialize)]
    struct Outer<'a> {
        #[serde(borrow)]
        metadata: Inner<'a>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Inner<'a> {
        creation_timestamp: Option<Time>,
        #[serde(borrow, default)]
        managed_fields: Vec<Entry<'a>>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Entry<'a> {
        subresource: Option<&'a str>,
        time: Option<Time>,
        fields_v1: Option<Fields>,
    }
    #[derive(Deserialize)]
    struct Fields {
        #[serde(rename = "f:spec")]
        spec: Option<IgnoredAny>,
    }
    let Outer { metadata } = serde_json::from_slice::<Outer<'_>>(json).ok()?;
    let of_spec = |entry: &Entry<'_>| {
        entry.subresource != Some("status") && entry.fields_v1.as_ref().is_some_and(|fields| fields.spec.is_some())
    };
    let times = metadata.managed_fields.iter().filter(|entry| of_spec(entry)).filter_map(|entry| entry.time.as_ref());
    times.max().or(metadata.creation_timestamp.as_ref()).map(|time| time.0)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    /// A resource that was created at second 1, and whose managed fields are these: subresource, second, fields.
    fn changed(entries: &[(&str, i64, Value)]) -> Option<i64> {
        let entry = |(subresource, second, fields): &(&str, i64, Value)| {
            let mut entry = json!({ "manager": "m", "time": at(*second), "fieldsV1": fields });
            if !subresource.is_empty() {
                entry["subresource"] = (*subresource).into();
            }
            entry
        };
        let entries: Vec<Value> = entries.iter().map(entry).collect();
        let object = json!({ "metadata": { "creationTimestamp": at(1), "managedFields": entries }, "spec": {} });
        changed_at(object.to_string().as_bytes()).map(Timestamp::as_second)
    }

    #[test]
    fn the_newest_change_of_the_spec_by_anybody_counts() {
        let (spec, label) = (json!({ "f:spec": { "f:a": {} } }), json!({ "f:metadata": {} }));
        assert_eq!(changed(&[("", 5, spec.clone()), ("", 9, spec.clone()), ("", 7, spec.clone())]), Some(9));
        assert_eq!(changed(&[("", 5, spec.clone()), ("scale", 8, spec.clone())]), Some(8));
        assert_eq!(changed(&[("", 5, spec.clone()), ("", 9, label.clone())]), Some(5), "a label is no change of the spec");
        assert_eq!(changed(&[("", 5, spec.clone()), ("status", 9, spec)]), Some(5), "nor is a status");
        assert_eq!(changed(&[("", 9, label)]), Some(1), "it was created then");
    }

    #[test]
    fn what_has_no_times_says_nothing() {
        assert_eq!(changed_at(b"{\"metadata\":{\"name\":\"a\"}}"), None);
        assert_eq!(changed_at(b"no object"), None);
    }

    #[test]
    fn of_what_was_asked_about_what_decides_is_kept() {
        let moments = Moments::default().and(at(5), true).and(at(9), false).and(at(3), true).and(at(7), false).and(at(8), false);
        assert_eq!(moments, Moments { past: Some(at(5)), next: Some(at(7)) });
    }
}
