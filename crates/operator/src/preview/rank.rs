//! Which of several previews comes first: for a host, and for a limited number.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use k8s_openapi::jiff::Timestamp;

/// Who is first. A UID is never given twice, so this is an order.
pub(super) fn rank(meta: &ObjectMeta) -> (Option<Timestamp>, Option<&str>) {
    (meta.creation_timestamp.as_ref().map(|time| time.0), meta.uid.as_deref())
}
