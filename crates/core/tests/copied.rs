//! A child that is a copy of an object in the cluster loses the identity of that object.
#![allow(clippy::unwrap_used)]

mod support;

use k8s_openapi::api::core::v1::Service;
use kubewright_core::Children;
use serde_json::{Value, json};
use support::{Declares, UID, complete};

#[test]
fn a_copied_object_keeps_only_labels_annotations_and_finalizers_of_its_metadata() {
    let copied: Service = serde_json::from_value(json!({
        "metadata": {
            "name": "web", "namespace": "ns", "uid": "u-of-the-original", "resourceVersion": "77",
            "generation": 7, "generateName": "web-", "selfLink": "/web",
            "creationTimestamp": "2026-01-01T00:00:00Z",
            "deletionTimestamp": "2026-01-02T00:00:00Z", "deletionGracePeriodSeconds": 30,
            "labels": { "theirs": "1" }, "annotations": { "theirs": "2" },
            "finalizers": ["theirs/hold"],
            "ownerReferences": [{ "apiVersion": "v1", "kind": "Other", "name": "other",
                "uid": "u-other", "controller": true }],
            "managedFields": [{ "manager": "them", "operation": "Update",
                "fieldsV1": { "f:spec": {} } }],
        },
        "spec": { "ports": [{ "port": 80 }] },
        "status": { "loadBalancer": { "ingress": [{ "ip": "10.0.0.1" }] } },
    }))
    .unwrap();
    let desired = complete(Children::<Declares<(Service,), ()>>::new().with(copied));
    let body = desired[0].body();
    assert_eq!(body.get("status"), None);
    let metadata = body["metadata"].as_object().unwrap();
    let fields: Vec<&str> = metadata.keys().map(String::as_str).collect();
    assert_eq!(
        fields,
        ["annotations", "finalizers", "labels", "name", "namespace", "ownerReferences"]
    );
    let owners: Vec<&Value> =
        metadata["ownerReferences"].as_array().unwrap().iter().map(|owner| &owner["uid"]).collect();
    assert_eq!(owners, [UID], "our owner is the only one");
    assert_eq!(
        (&metadata["labels"]["theirs"], &metadata["annotations"]["theirs"]),
        (&json!("1"), &json!("2"))
    );
    assert_eq!(metadata["finalizers"], json!(["theirs/hold"]));
}
