//! The bodies of apply requests.
#![allow(clippy::unwrap_used)]

use std::borrow::Cow::Borrowed;

use serde_json::json;

use super::*;

#[test]
fn an_object_is_sent_with_its_precondition() {
    let want = crate::testing::config_map("web");
    let sent = |must| serde_json::to_value(object(&want, must)).unwrap();
    let mut expected = want.body().clone();
    expected["metadata"]["resourceVersion"] = "1".into();
    assert_eq!(sent(Precondition::Absent), expected);
    let mut expected = want.body().clone();
    expected["metadata"]["uid"] = "u".into();
    assert_eq!(sent(Precondition::Uid("u")), expected);
}

#[test]
fn a_status_is_sent_for_exactly_one_object() {
    let kind = KindInfo {
        group: Borrowed("g"),
        version: Borrowed("v1"),
        kind: Borrowed("K"),
        plural: Borrowed("ks"),
        namespaced: true,
    };
    let (key, cluster, status) =
        (ObjectKey::new("ns", "web"), ObjectKey::cluster("web"), json!({ "ready": true }));
    let sent = |key| serde_json::to_value(Status::new(&kind, key, &status, "u")).unwrap();
    let metadata = json!({ "name": "web", "namespace": "ns", "uid": "u" });
    let mut expected = json!({ "apiVersion": "g/v1", "kind": "K", "metadata": metadata });
    expected["status"] = json!({ "ready": true });
    assert_eq!(sent(&key), expected);
    assert_eq!(sent(&cluster)["metadata"], json!({ "name": "web", "uid": "u" }));
}
