//! How the objects of a preview are, and its pods: in one word, and what is the matter.

use kube::ResourceExt;
use kube::api::DynamicObject;
use kubewright::KindInfo;
use kubewright::core::health::{self, Health};
use operator_api::preview::ROUTE_ACCEPTED;
use serde_json::Value;

use crate::preview::{Preview, said};

/// One object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) kind: String,
    pub(super) name: String,
    /// `Ready`, `Progressing`, `Failed`, `Unknown`, `Deleting`.
    pub(super) health: &'static str,
    pub(super) message: String,
}

/// Kinds of route. Each has a form of its own for what its controller says; the operator has read
/// it already.
const ROUTES: [&str; 3] = ["HTTPRoute", "Ingress", "Mapping"];
/// What every pod waits for that has just begun.
const BEGINS: [&str; 2] = ["ContainerCreating", "PodInitializing"];

/// Whether it is made for the preview with this UID: labels can be written by anybody. Pods are a
/// ReplicaSet's.
pub(super) fn belongs(kind: &KindInfo, object: &DynamicObject, uid: &str) -> bool {
    is_pod(kind)
        || object
            .owner_references()
            .iter()
            .any(|owner| owner.uid == uid && owner.controller == Some(true))
}

fn is_pod(kind: &KindInfo) -> bool {
    kind.group.is_empty() && kind.kind == "Pod"
}

pub(super) fn row(kind: &KindInfo, object: DynamicObject, preview: &Preview) -> Row {
    let (name, deleting) = (object.name_any(), object.metadata.deletion_timestamp.is_some());
    // What cannot be written as JSON did not come as JSON.
    let object = serde_json::to_value(object).unwrap_or_default();
    let (health, message) = match health::of_object(kind, &object) {
        _ if deleting => ("Deleting", String::new()),
        _ if ROUTES.contains(&&*kind.kind) => route(preview),
        Health::Ready { message } => ("Ready", message),
        Health::Progressing { message, .. } => ("Progressing", message),
        Health::Failed { message, .. } => ("Failed", message),
    };
    let trouble = if is_pod(kind) && !deleting { trouble(&object) } else { Vec::new() };
    let message = if trouble.is_empty() { message } else { trouble.join("; ") };
    Row { kind: kind.kind.to_string(), name, health, message }
}

/// What the operator says about the route.
fn route(preview: &Preview) -> (&'static str, String) {
    let Some(condition) = preview.condition(ROUTE_ACCEPTED) else {
        return ("Unknown", String::new());
    };
    let health = match condition.status.as_str() {
        "True" => "Ready",
        "False" => "Failed",
        _ => "Unknown",
    };
    (health, said(condition))
}

/// What keeps a pod from running, as its node and the scheduler say it; each container's restarts.
fn trouble(pod: &Value) -> Vec<String> {
    let list =
        |path: &str| pod.pointer(path).and_then(Value::as_array).cloned().unwrap_or_default();
    let unscheduled = list("/status/conditions")
        .into_iter()
        .filter(|c| c["type"] == "PodScheduled" && c["status"] == "False");
    let mut all: Vec<String> = unscheduled.map(|c| told(&c["reason"], &c["message"])).collect();
    for container in
        list("/status/initContainerStatuses").into_iter().chain(list("/status/containerStatuses"))
    {
        all.extend(of_container(&container));
    }
    all
}

fn of_container(container: &Value) -> Option<String> {
    let name = container["name"].as_str().unwrap_or_default();
    let restarts = container["restartCount"].as_u64().unwrap_or(0);
    let waiting = container
        .pointer("/state/waiting")
        .filter(|w| !w["reason"].as_str().is_some_and(|r| BEGINS.contains(&r)));
    let ended =
        |path: &str| container.pointer(path).filter(|t| t["reason"] != "Completed").map(exit);
    let now =
        waiting.map(|w| told(&w["reason"], &w["message"])).or_else(|| ended("/state/terminated"));
    let before = ended("/lastState/terminated").filter(|_| restarts > 0);
    let started = match (restarts, before) {
        (0, _) => None,
        (times, None) => Some(format!("started again {times} times")),
        (times, Some(exit)) => Some(format!("started again {times} times, last after {exit}")),
    };
    let parts: Vec<String> = now.into_iter().chain(started).collect();
    (!parts.is_empty()).then(|| format!("container {name}: {}", parts.join(", ")))
}

fn exit(terminated: &Value) -> String {
    let reason = terminated["reason"].as_str().unwrap_or("Error");
    terminated["exitCode"]
        .as_i64()
        .map_or_else(|| reason.to_owned(), |code| format!("{reason} with exit code {code}"))
}

fn told(reason: &Value, message: &Value) -> String {
    let parts: Vec<&str> = [reason, message]
        .into_iter()
        .filter_map(Value::as_str)
        .filter(|text| !text.is_empty())
        .collect();
    parts.join(": ")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use k8s_openapi::api::apps::v1::Deployment;
    use k8s_openapi::api::core::v1::Pod;
    use k8s_openapi::api::networking::v1::Ingress;
    use serde_json::json;

    use crate::preview::tests::{condition, preview};

    use super::*;

    fn object(value: Value) -> DynamicObject {
        serde_json::from_value(value).unwrap()
    }

    fn pod(status: &Value) -> (String, String) {
        let pod = object(json!({ "metadata": { "name": "web-1" }, "status": status }));
        let row = row(&KindInfo::of::<Pod>(), pod, &preview("web", &json!({}), &json!({})));
        (row.health.to_owned(), row.message)
    }

    fn container(state: &Value, restarts: u64, last: &Value) -> Value {
        json!({ "phase": "Pending", "containerStatuses": [{ "name": "preview", "state": state, "restartCount": restarts, "lastState": last }] })
    }

    #[test]
    fn a_pod_says_what_its_node_says() {
        let pulling =
            json!({ "waiting": { "reason": "ImagePullBackOff", "message": "no such image" } });
        let said = pod(&container(&pulling, 0, &json!({}))).1;
        assert_eq!(said, "container preview: ImagePullBackOff: no such image");
        let crashing =
            json!({ "waiting": { "reason": "CrashLoopBackOff", "message": "back-off 5m" } });
        let last = json!({ "terminated": { "reason": "OOMKilled", "exitCode": 137 } });
        let said = pod(&container(&crashing, 4, &last)).1;
        assert_eq!(
            said,
            "container preview: CrashLoopBackOff: back-off 5m, started again 4 times, last after OOMKilled with exit code 137"
        );
    }

    #[test]
    fn a_pod_that_no_node_takes_says_why() {
        let scheduled = json!({ "type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/3 nodes" });
        let status = json!({ "phase": "Pending", "conditions": [scheduled] });
        assert_eq!(pod(&status), ("Progressing".to_owned(), "Unschedulable: 0/3 nodes".to_owned()));
    }

    #[test]
    fn a_pod_that_has_just_begun_has_no_trouble() {
        let begins = json!({ "waiting": { "reason": "ContainerCreating" } });
        assert_eq!(pod(&container(&begins, 0, &json!({}))).1, "Pod web-1 is not ready");
        let ready =
            json!({ "phase": "Running", "conditions": [{ "type": "Ready", "status": "True" }] });
        assert_eq!(pod(&ready), ("Ready".to_owned(), String::new()));
    }

    #[test]
    fn a_route_is_as_the_operator_has_read_it() {
        let kind = KindInfo::of::<Ingress>();
        let of = |status: &str| {
            let conditions =
                [condition("RouteAccepted", status, "NoAddress", "no controller serves it")];
            let preview = preview(
                "web",
                &json!({}),
                &json!({ "observedGeneration": 2, "conditions": conditions }),
            );
            row(&kind, object(json!({ "metadata": { "name": "web" } })), &preview).health
        };
        assert_eq!(["True", "False", "Unknown"].map(of), ["Ready", "Failed", "Unknown"]);
    }

    #[test]
    fn only_what_the_preview_controls_belongs_to_it() {
        let kind = KindInfo::of::<Deployment>();
        let owned = |uid: &str, controller: bool| {
            let owner = json!({ "apiVersion": "a/v1", "kind": "A", "name": "web", "uid": uid, "controller": controller });
            belongs(
                &kind,
                &object(json!({ "metadata": { "name": "web", "ownerReferences": [owner] } })),
                "uid-web",
            )
        };
        assert!(owned("uid-web", true) && !owned("uid-web", false) && !owned("other", true));
        assert!(!belongs(&kind, &object(json!({ "metadata": { "name": "web" } })), "uid-web"));
    }

    #[test]
    fn what_is_being_deleted_is_told_as_such() {
        let gone =
            json!({ "metadata": { "name": "web", "deletionTimestamp": "2030-01-31T12:00:00Z" } });
        let row = row(
            &KindInfo::of::<Deployment>(),
            object(gone),
            &preview("web", &json!({}), &json!({})),
        );
        assert_eq!((row.health, row.message.as_str()), ("Deleting", ""));
    }
}
