//! Time as an input: what `build` asked about it, and when a resource was changed. There is no
//! clock here.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
pub use k8s_openapi::jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde::de::IgnoredAny;

#[cfg(doc)]
use crate::labels::CHANGED_IN;

/// What one `build` asked about time: the moments, as far as they decide when it has to be asked
/// again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Moments {
    /// The latest of those that were past.
    pub past: Option<Timestamp>,
    /// The earliest of those that were not.
    pub next: Option<Timestamp>,
    /// Whether it asked when the resource was changed.
    pub since_change: bool,
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

/// When anybody last changed the spec of a resource, as the API server recorded it: the newest time
/// in `metadata.managedFields` of an entry that has something of `.spec` and is not of the
/// subresource `status`; without one, when it was created.
///
/// An entry is one manager's, and has one time: that of its last change of any of its fields. So
/// (as of Kubernetes 1.36, seen in `tests/tests/cluster_expiry.rs`):
///
/// - a value that is changed by apply, update or patch counts, whoever changes it; to apply the
///   same again does not;
/// - a label or annotation counts where its manager also has fields of the spec (`kubectl apply` of
///   a file with another label), and not where it does not (`kubectl label`);
/// - the scale of a custom resource is not recorded;
/// - nor is it recorded that a field was removed: where its manager has no other field of the spec,
///   its time is gone with it, and an older one would count.
///
/// The last two are edits too, for `metadata.generation` counts them. An edit that the status is
/// not about yet, and that no time tells of which is newer than the status, is
/// [`unrecorded`](Self::is_unrecorded); so is what may hide behind another edit, or
/// behind `managedFields` that somebody cleared. The engine then has the API server record it,
/// by the annotation [`CHANGED_IN`] of its own: the time of that entry counts as well. That is done
/// only for operators that delete what has had its time ([`RETIRES`](crate::Operator::RETIRES)),
/// and only where `build` asked for it ([`View::changed_at`](crate::View::changed_at)). Until it is
/// done, `status.observedGeneration` stays as it was, and nothing is deleted.
///
/// Whoever may write a resource may write its `managedFields`, too. A time that the API server's
/// clock has not come to counts as now. To have that now stand still is the operator's part: it
/// tells the time in its status, which counts while the generation is the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Changed {
    /// When, as far as it is recorded.
    pub at: Option<Timestamp>,
    /// Whether there was an edit later than that.
    pub is_unrecorded: bool,
}

#[derive(Deserialize)]
struct Outer<'a> {
    #[serde(borrow)]
    metadata: Inner<'a>,
    status: Option<Status>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    observed_generation: Option<i64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Inner<'a> {
    creation_timestamp: Option<Time>,
    uid: Option<&'a str>,
    generation: Option<i64>,
    annotations: Option<Annotations>,
    #[serde(borrow, default)]
    managed_fields: Vec<Entry<'a>>,
}

#[derive(Deserialize)]
struct Annotations {
    #[serde(rename = "kubewright.dev/changed-in-generation")]
    changed_in: Option<String>,
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
    #[serde(rename = "f:metadata")]
    metadata: Option<MetaFields>,
}

#[derive(Deserialize)]
struct MetaFields {
    #[serde(rename = "f:annotations")]
    annotations: Option<AnnotationFields>,
}

#[derive(Deserialize)]
struct AnnotationFields {
    #[serde(rename = "f:kubewright.dev/changed-in-generation")]
    changed_in: Option<IgnoredAny>,
}

impl Entry<'_> {
    fn is_of_status(&self) -> bool {
        self.subresource == Some("status")
    }

    /// Whether it tells of a change of the spec.
    fn tells(&self) -> bool {
        let noted = |fields: &Fields| {
            fields.metadata.as_ref()?.annotations.as_ref()?.changed_in.is_some().then_some(())
        };
        let of_spec = |fields: &Fields| fields.spec.is_some() || noted(fields).is_some();
        !self.is_of_status() && self.fields_v1.as_ref().is_some_and(of_spec)
    }
}

/// The newest time of those entries for which this holds.
fn newest<'a>(entries: &[Entry<'a>], holds: impl Fn(&Entry<'a>) -> bool) -> Option<Timestamp> {
    entries
        .iter()
        .filter(|entry| holds(entry))
        .filter_map(|entry| entry.time.as_ref())
        .max()
        .map(|time| time.0)
}

/// What [`CHANGED_IN`] says: the generation, and of which resource, for an annotation comes along
/// where somebody restores or copies one.
#[must_use]
pub fn note(generation: i64, uid: &str) -> String {
    format!("{generation} of {uid}")
}

impl Changed {
    /// What the JSON of a resource says.
    #[must_use]
    pub fn of(json: &[u8]) -> Self {
        let Ok(Outer { metadata, status }) = serde_json::from_slice::<Outer<'_>>(json) else {
            return Self::default();
        };
        let entries = &metadata.managed_fields;
        let (told_at, created) = (
            newest(entries, Entry::tells),
            metadata.creation_timestamp.as_ref().map(|time| time.0),
        );
        // Who restores a resource from a backup may bring its entries along, with times of before
        // it was made.
        let at = told_at.max(created);
        let (told, is) =
            (status.and_then(|status| status.observed_generation), metadata.generation);
        // A resource begins with 1; what nobody told of may have been edited since.
        let edits = is.map_or(0, |is| is - told.unwrap_or(1));
        let noted = metadata.annotations.and_then(|all| all.changed_in);
        let is_noted =
            is.is_some_and(|is| noted == Some(note(is, metadata.uid.unwrap_or_default())));
        // Within one second nobody knows: to record it once more does no harm.
        let is_older = newest(entries, Entry::is_of_status)
            .is_some_and(|status| at.is_none_or(|at| at <= status));
        // Of several edits since the last status, one with a time hides another without; and where
        // managedFields was cleared, nothing is known of any.
        let is_hidden = edits > 1
            || told.is_none() && edits > 0
            || told_at.is_none() && is.is_some_and(|is| is > 1);
        Self { at, is_unrecorded: !is_noted && (is_hidden || edits > 0 && is_older) }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::labels::CHANGED_IN;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    /// A resource that was created at second 1, and whose managed fields are these: subresource,
    /// second, fields.
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
        Changed::of(object.to_string().as_bytes()).at.map(Timestamp::as_second)
    }

    #[test]
    fn the_newest_change_of_the_spec_by_anybody_counts() {
        let (spec, label) = (json!({ "f:spec": { "f:a": {} } }), json!({ "f:metadata": {} }));
        assert_eq!(
            changed(&[("", 5, spec.clone()), ("", 9, spec.clone()), ("", 7, spec.clone())]),
            Some(9)
        );
        assert_eq!(changed(&[("", 5, spec.clone()), ("scale", 8, spec.clone())]), Some(8));
        assert_eq!(
            changed(&[("", 5, spec.clone()), ("", 9, label.clone())]),
            Some(5),
            "a label is no change of the spec"
        );
        assert_eq!(
            changed(&[("", 5, spec.clone()), ("status", 9, spec)]),
            Some(5),
            "nor is a status"
        );
        assert_eq!(changed(&[("", 9, label)]), Some(1), "it was created then");
    }

    #[test]
    fn what_has_no_times_says_nothing() {
        assert_eq!(Changed::of(b"{\"metadata\":{\"name\":\"a\"}}"), Changed::default());
        assert_eq!(Changed::of(b"no object"), Changed::default());
    }

    #[test]
    fn an_edit_without_a_time_of_its_own_is_told_from_one_that_has_one() {
        // The resource is of generation 3; its spec has a time of second 5.
        let unrecorded = |observed: Option<i64>, status: i64, noted: Option<(i64, &str)>| {
            let mut fields = vec![
                json!({ "time": at(5), "fieldsV1": { "f:spec": {} } }),
                json!({ "time": at(status), "subresource": "status", "fieldsV1": { "f:status": {} } }),
            ];
            let mut metadata = json!({ "generation": 3, "uid": "u-1" });
            if let Some((second, generation)) = noted {
                fields.push(json!({ "time": at(second), "fieldsV1": { "f:metadata": { "f:annotations": { (format!("f:{CHANGED_IN}")): {} } } } }));
                metadata["annotations"] = json!({ CHANGED_IN: generation });
            }
            metadata["managedFields"] = fields.into();
            let object =
                json!({ "metadata": metadata, "status": { "observedGeneration": observed } });
            let changed = Changed::of(object.to_string().as_bytes());
            (changed.is_unrecorded, changed.at.map(Timestamp::as_second))
        };
        assert_eq!(unrecorded(Some(2), 8, None), (true, Some(5)));
        assert_eq!(unrecorded(Some(2), 5, None), (true, Some(5)), "nobody knows which was first");
        assert_eq!(
            unrecorded(Some(2), 4, None),
            (false, Some(5)),
            "an edit with a time, and the status is not about it yet"
        );
        assert_eq!(unrecorded(Some(3), 8, None), (false, Some(5)), "the status is about it");
        assert_eq!(
            unrecorded(None, 8, None),
            (true, Some(5)),
            "it was edited before anybody told of it"
        );
        assert_eq!(
            unrecorded(Some(1), 4, None),
            (true, Some(5)),
            "two edits, and one may have come after the one with a time"
        );
        assert_eq!(unrecorded(Some(1), 4, Some((6, "3 of u-1"))), (false, Some(6)));
        assert_eq!(
            unrecorded(Some(2), 8, Some((7, "2 of u-1"))),
            (true, Some(7)),
            "there was one before, which was noted"
        );
        assert_eq!(unrecorded(Some(2), 8, Some((8, "3 of u-1"))), (false, Some(8)));
        assert_eq!(
            unrecorded(Some(2), 8, Some((7, "3 of u-0"))),
            (true, Some(7)),
            "it was noted of the one that this is a copy of"
        );
    }

    #[test]
    fn where_no_entry_is_left_an_edit_is_recorded_anew() {
        let cleared = |generation: i64| {
            let metadata = json!({ "generation": generation, "creationTimestamp": at(1), "managedFields": [] });
            let object =
                json!({ "metadata": metadata, "status": { "observedGeneration": generation } });
            Changed::of(object.to_string().as_bytes()).is_unrecorded
        };
        assert_eq!((cleared(1), cleared(2)), (false, true));
    }

    #[test]
    fn a_resource_was_not_changed_before_it_was_made() {
        let restored = json!({ "metadata": { "generation": 1, "creationTimestamp": at(100),
            "managedFields": [{ "time": at(5), "fieldsV1": { "f:spec": {} } }] } });
        let changed = Changed::of(restored.to_string().as_bytes());
        assert_eq!((changed.at, changed.is_unrecorded), (Some(at(100)), false));
    }

    #[test]
    fn of_what_was_asked_about_what_decides_is_kept() {
        let moments = Moments::default()
            .and(at(5), true)
            .and(at(9), false)
            .and(at(3), true)
            .and(at(7), false)
            .and(at(8), false);
        assert_eq!(moments, Moments { past: Some(at(5)), next: Some(at(7)), since_change: false });
    }
}
