//! A child that is a copy of an object in the cluster loses the identity of that object.
#![allow(clippy::unwrap_used)]

mod support;

use k8s_openapi::api::core::v1::Service;
use kubewright_core::Children;
use kubewright_core::labels::DESIRED_HASH;
use serde_json::{Value, json};
use support::{Declares, UID, complete};

#[test]
fn a_copied_object_keeps_only_labels_and_annotations_of_its_metadata() {
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
    assert_eq!(fields, ["annotations", "labels", "name", "namespace", "ownerReferences"]);
    let owners: Vec<&Value> =
        metadata["ownerReferences"].as_array().unwrap().iter().map(|owner| &owner["uid"]).collect();
    assert_eq!(owners, [UID], "our owner is the only one");
    assert_eq!(
        (&metadata["labels"]["theirs"], &metadata["annotations"]["theirs"]),
        (&json!("1"), &json!("2"))
    );
}

#[test]
fn a_copy_of_an_applied_object_is_the_same_object() {
    let children = Children::<Declares<(Service,), ()>>::new;
    let service: Service = serde_json::from_value(json!({
        "metadata": { "name": "web", "annotations": { "a": "b" } },
        "spec": { "ports": [{ "port": 80 }] },
    }))
    .unwrap();
    let first = complete(children().with(service));
    let copy: Service = serde_json::from_value(first[0].body().clone()).unwrap();
    assert!(copy.metadata.annotations.as_ref().unwrap().contains_key(DESIRED_HASH));
    let second = complete(children().with(copy));
    assert_eq!(second[0].hash(), first[0].hash(), "it is not written again");
    assert_eq!(second[0].body(), first[0].body());
}
