//! Whether workloads count as ready, in the sense of kstatus: one row for each state of a status.
#![allow(clippy::unwrap_used)]

mod support;

use k8s_openapi::api::apps::v1::{Deployment, StatefulSet};
use k8s_openapi::api::core::v1::Service;
use kubewright_core::Children;
use kubewright_core::health::{self, Health};
use kubewright_core::observed::{ChildState, Outcome, decode};
use kubewright_core::{KindInfo, Object};
use serde_json::{Value, json};
use support::{Page, STAMP, owner};

/// How a child of this spec and status is, as `ready`, `stalled` or a reason, and the message.
fn of<K: Object>(spec: &Value, status: &Value) -> (String, String) {
    let wanted: K =
        serde_json::from_value(json!({ "metadata": { "name": "web" }, "spec": spec })).unwrap();
    let desired =
        &STAMP.all(&owner(), Children::<(K,)>::new().with(wanted).into_vec().unwrap()).unwrap()[0];
    let metadata = json!({ "name": "web", "namespace": "ns", "uid": "u", "resourceVersion": "1", "generation": 2 });
    let object = json!({ "metadata": metadata, "status": status }).to_string();
    let observed = decode(object.as_bytes(), "test").unwrap();
    let state = ChildState { desired, observed: Some(&observed), outcome: &Outcome::InSync };
    let whole = json!({ "metadata": metadata, "spec": spec, "status": status });
    assert_eq!(
        health::of_object(&KindInfo::of::<K>(), &whole),
        health::of(&state),
        "shown as it is judged"
    );
    match health::of(&state) {
        Health::Ready { message } => ("ready".to_owned(), message),
        Health::Progressing { reason, message } => (reason.to_owned(), message),
        Health::Failed { reason, message } => (format!("stalled {reason}"), message),
    }
}

/// A status of Deployments and StatefulSets that has seen generation 2.
fn counts(replicas: i32, updated: i32, ready: i32) -> Value {
    json!({
        "observedGeneration": 2, "replicas": replicas, "updatedReplicas": updated, "readyReplicas": ready, "availableReplicas": ready,
    })
}

fn deployment(status: &Value) -> (String, String) {
    of::<Deployment>(&json!({ "replicas": 2 }), status)
}

fn says(reason: &str, message: &str) -> (String, String) {
    (reason.to_owned(), message.to_owned())
}

#[test]
fn a_deployment_is_ready_when_exactly_the_wanted_replicas_of_the_new_template_are_available() {
    assert_eq!(deployment(&counts(2, 2, 2)), says("ready", "2/2 replicas ready"));
    assert_eq!(deployment(&counts(2, 2, 1)), says("ReplicasUnavailable", "1/2 replicas ready"));
    assert_eq!(
        deployment(&counts(2, 1, 2)),
        says("Progressing", "2/2 replicas ready: 1/2 updated")
    );
}

#[test]
fn a_deployment_is_not_ready_while_replicas_are_to_stop() {
    assert_eq!(
        deployment(&counts(3, 2, 3)),
        says("Progressing", "2/2 replicas ready: 1 to stop"),
        "one of an older template"
    );
    assert_eq!(
        deployment(&counts(7, 7, 7)),
        says("Progressing", "2/2 replicas ready: 5 to stop"),
        "scaled down"
    );
}

#[test]
fn a_deployment_whose_controller_has_not_seen_the_change_is_not_ready() {
    let mut status = counts(2, 2, 2);
    status["observedGeneration"] = 1.into();
    assert_eq!(deployment(&status).0, "Progressing");
    assert_eq!(deployment(&json!({})).0, "Progressing");
    status.as_object_mut().unwrap().remove("observedGeneration");
    assert_eq!(deployment(&status).0, "Progressing", "counts of nobody knows when");
}

#[test]
fn what_the_controller_of_a_deployment_says_is_passed_on() {
    let with = |condition: Value| {
        let mut status = counts(1, 1, 0);
        status["conditions"] = json!([condition]);
        deployment(&status)
    };
    let refused = with(
        json!({ "type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": "quota" }),
    );
    assert_eq!(refused, says("PodsRefused", "0/2 replicas ready: quota"));
    let stuck = json!({ "type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded", "message": "too long" });
    assert_eq!(
        with(stuck),
        says("stalled ProgressDeadlineExceeded", "0/2 replicas ready: too long")
    );
    let other = json!({ "type": "Progressing", "status": "False", "reason": "FailedCreate", "message": "not yet" });
    assert_eq!(with(other).0, "Progressing", "only a deadline is final");
}

#[test]
fn a_stateful_set_is_not_ready_while_replicas_start_or_stop() {
    let stateful = |status: &Value| of::<StatefulSet>(&json!({ "replicas": 2 }), status).0;
    assert_eq!(stateful(&counts(2, 2, 2)), "ready");
    assert_eq!(stateful(&counts(2, 2, 1)), "ReplicasUnavailable");
    assert_eq!(stateful(&counts(3, 3, 3)), "Progressing");
}

#[test]
fn only_a_service_that_is_to_be_balanced_waits_for_an_address() {
    let service = |type_: &str, status: &Value| of::<Service>(&json!({ "type": type_ }), status).0;
    assert_eq!(service("ClusterIP", &json!({})), "ready");
    assert_eq!(service("LoadBalancer", &json!({})), "WaitingForLoadBalancer");
    assert_eq!(
        service("LoadBalancer", &json!({ "loadBalancer": { "ingress": [{ "ip": "192.0.2.1" }] } })),
        "ready"
    );
}

#[test]
fn another_resource_is_as_its_conditions_say_about_its_present_generation() {
    let page = |conditions: Value| {
        of::<Page>(&json!({ "text": "hello" }), &json!({ "conditions": conditions }))
    };
    let condition = |type_: &str, status: &str, seen: i64| json!([{ "type": type_, "status": status, "message": "it says", "observedGeneration": seen }]);
    assert_eq!(page(json!([])), says("ready", ""), "it says nothing");
    assert_eq!(page(condition("Ready", "True", 2)), says("ready", ""));
    let unseen = says("Progressing", "Page web: its controller has not seen the change yet");
    assert_eq!(page(condition("Ready", "True", 1)), unseen);
    for (type_, status) in [("Ready", "False"), ("Ready", "Unknown"), ("Reconciling", "True")] {
        assert_eq!(
            page(condition(type_, status, 2)),
            says("Progressing", "Page web: it says"),
            "{type_} {status}"
        );
    }
    assert_eq!(
        page(condition("Stalled", "True", 2)),
        says("stalled ChildFailed", "Page web: it says")
    );
    assert_eq!(page(condition("Stalled", "True", 1)), unseen);
}
