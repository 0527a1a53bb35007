//! The readiness of workloads in the sense of kstatus: one row for each state of a status.
#![allow(clippy::unwrap_used)]

mod support;

use k8s_openapi::api::apps::v1::{Deployment, StatefulSet};
use k8s_openapi::api::core::v1::Service;
use kubewright_core::Children;
use kubewright_core::kstatus::{child_readiness, object_readiness, resource_readiness};
use kubewright_core::observed::{ChildState, Outcome, decode};
use kubewright_core::{Class, KindInfo, Object, Readiness};
use serde_json::{Value, json};
use support::{Declares, Page, complete};

/// The readiness of a child with this spec and status: `ready`, `stalled` or a reason, and the
/// message.
fn readiness_of<K: Object>(spec: &Value, status: &Value) -> (String, String) {
    let wanted: K =
        serde_json::from_value(json!({ "metadata": { "name": "web" }, "spec": spec })).unwrap();
    let desired = &complete(Children::<Declares<(K,), ()>>::new().with(wanted))[0];
    let metadata = json!({ "name": "web", "namespace": "ns", "uid": "u", "resourceVersion": "1",
        "generation": 2 });
    let object = json!({ "metadata": metadata, "status": status }).to_string();
    let observed = decode(object.as_bytes(), "test").unwrap();
    let state = ChildState { desired, observed: Some(&observed), outcome: &Outcome::InSync };
    let whole = json!({ "metadata": metadata, "spec": spec, "status": status });
    let readiness = child_readiness(&state);
    assert_eq!(object_readiness(&KindInfo::of::<K>(), &whole), readiness, "both functions agree");
    match readiness {
        Readiness::Ready(message) => ("ready".to_owned(), message),
        Readiness::Progressing(reason, message) => (reason.to_owned(), message),
        Readiness::Stalled(reason, message) => (format!("stalled {reason}"), message),
    }
}

/// A status of Deployments and StatefulSets that has seen generation 2.
fn counts(replicas: i32, updated: i32, ready: i32) -> Value {
    json!({
        "observedGeneration": 2, "replicas": replicas, "updatedReplicas": updated,
        "readyReplicas": ready, "availableReplicas": ready,
    })
}

fn deployment(status: &Value) -> (String, String) {
    readiness_of::<Deployment>(&json!({ "replicas": 2 }), status)
}

fn expected(reason: &str, message: &str) -> (String, String) {
    (reason.to_owned(), message.to_owned())
}

#[test]
fn a_deployment_is_ready_when_exactly_the_wanted_replicas_of_the_new_template_are_available() {
    assert_eq!(deployment(&counts(2, 2, 2)), expected("ready", "2/2 replicas ready"));
    assert_eq!(deployment(&counts(2, 2, 1)), expected("ReplicasUnavailable", "1/2 replicas ready"));
    assert_eq!(
        deployment(&counts(2, 1, 2)),
        expected("Progressing", "2/2 replicas ready: 1/2 updated")
    );
}

#[test]
fn a_deployment_is_not_ready_while_replicas_are_to_stop() {
    assert_eq!(
        deployment(&counts(3, 2, 3)),
        expected("Progressing", "2/2 replicas ready: 1 to stop"),
        "one pod of an older template"
    );
    assert_eq!(
        deployment(&counts(7, 7, 7)),
        expected("Progressing", "2/2 replicas ready: 5 to stop"),
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
    assert_eq!(deployment(&status).0, "Progressing", "counts of an unknown generation");
}

#[test]
fn conditions_of_a_deployment_are_reported() {
    let with = |condition: Value| {
        let mut status = counts(1, 1, 0);
        status["conditions"] = json!([condition]);
        deployment(&status)
    };
    let refused = with(json!({ "type": "ReplicaFailure", "status": "True",
        "reason": "FailedCreate", "message": "quota" }));
    assert_eq!(refused, expected("PodsRefused", "0/2 replicas ready: quota"));
    let stuck = json!({ "type": "Progressing", "status": "False",
        "reason": "ProgressDeadlineExceeded", "message": "too long" });
    assert_eq!(
        with(stuck),
        expected("stalled ProgressDeadlineExceeded", "0/2 replicas ready: too long")
    );
    let other = json!({ "type": "Progressing", "status": "False", "reason": "FailedCreate",
        "message": "not yet" });
    assert_eq!(with(other).0, "Progressing", "only a deadline is final");
}

#[test]
fn a_stateful_set_is_not_ready_while_replicas_start_or_stop() {
    let stateful =
        |status: &Value| readiness_of::<StatefulSet>(&json!({ "replicas": 2 }), status).0;
    assert_eq!(stateful(&counts(2, 2, 2)), "ready");
    assert_eq!(stateful(&counts(2, 2, 1)), "ReplicasUnavailable");
    assert_eq!(stateful(&counts(3, 3, 3)), "Progressing");
}

#[test]
fn only_a_service_of_type_load_balancer_waits_for_an_address() {
    let service =
        |type_: &str, status: &Value| readiness_of::<Service>(&json!({ "type": type_ }), status).0;
    assert_eq!(service("ClusterIP", &json!({})), "ready");
    assert_eq!(service("LoadBalancer", &json!({})), "WaitingForLoadBalancer");
    assert_eq!(
        service("LoadBalancer", &json!({ "loadBalancer": { "ingress": [{ "ip": "192.0.2.1" }] } })),
        "ready"
    );
}

#[test]
fn conditions_for_the_current_generation_decide_for_other_kinds() {
    let page = |conditions: Value| {
        readiness_of::<Page>(&json!({ "text": "hello" }), &json!({ "conditions": conditions }))
    };
    let condition = |type_: &str, status: &str, seen: i64| {
        let mut condition = json!({ "type": type_, "status": status, "message": "why" });
        condition["observedGeneration"] = seen.into();
        json!([condition])
    };
    assert_eq!(page(json!([])), expected("ready", ""), "no condition");
    assert_eq!(page(condition("Ready", "True", 2)), expected("ready", ""));
    let unseen = expected("Progressing", "Page web: its controller has not seen the change yet");
    assert_eq!(page(condition("Ready", "True", 1)), unseen);
    for (type_, status) in [("Ready", "False"), ("Ready", "Unknown"), ("Reconciling", "True")] {
        assert_eq!(
            page(condition(type_, status, 2)),
            expected("Progressing", "Page web: why"),
            "{type_} {status}"
        );
    }
    assert_eq!(
        page(condition("Stalled", "True", 2)),
        expected("stalled ChildFailed", "Page web: why")
    );
    assert_eq!(page(condition("Stalled", "True", 1)), unseen);
}

#[test]
fn a_child_that_the_cluster_denies_is_not_stalled_and_an_invalid_child_is() {
    let service: Service =
        serde_json::from_value(json!({ "metadata": { "name": "web" } })).unwrap();
    let desired = &complete(Children::<Declares<(Service,), ()>>::new().with(service))[0];
    let readiness = |class| {
        let outcome = Outcome::Failed { class, message: "exceeded quota: q".to_owned() };
        let state = ChildState { desired, observed: None, outcome: &outcome };
        resource_readiness(&KindInfo::of::<Page>(), &[state])
    };
    let expected = "the cluster denies Service web, and the operator retries at least once a \
                    minute: exceeded quota: q; ask an administrator to allow it, or change this \
                    Page";
    assert_eq!(readiness(Class::Denied), Readiness::Progressing("Denied", expected.to_owned()));
    assert!(matches!(readiness(Class::Transient), Readiness::Progressing("ApplyFailed", _)));
    assert!(matches!(readiness(Class::Invalid), Readiness::Stalled("ApplyFailed", _)));
}
