//! The state of the objects and pods of a preview.

use kube::ResourceExt;
use kube::api::DynamicObject;
use kubewright_core::{KindInfo, Readiness, kstatus};
use operator_api::preview::ROUTE_ACCEPTED;
use serde_json::Value;

use crate::preview::{Preview, describe};

/// Each kind of route reports differently; the operator has evaluated the report already.
const ROUTES: [&str; 3] = ["HTTPRoute", "Ingress", "Mapping"];
/// The reasons of every container that starts.
const STARTING: [&str; 2] = ["ContainerCreating", "PodInitializing"];

/// Whether the preview owns the object: anybody can write labels. A pod belongs to a ReplicaSet,
/// so its labels must be enough.
pub(super) fn is_owned(kind: &KindInfo, object: &DynamicObject, preview: &Preview) -> bool {
    is_pod(kind)
        || object
            .owner_references()
            .iter()
            .any(|owner| owner.uid == preview.uid() && owner.controller == Some(true))
}

fn is_pod(kind: &KindInfo) -> bool {
    kind.group.is_empty() && kind.kind == "Pod"
}

/// Kind, name, state and message. States are `Ready`, `Progressing`, `Stalled`, `NotReady`,
/// `Unknown` and `Deleting`.
pub(super) fn row(kind: &KindInfo, object: DynamicObject, preview: &Preview) -> Vec<String> {
    let (name, deleting) = (object.name_any(), object.metadata.deletion_timestamp.is_some());
    // The object was read from JSON, so this cannot fail.
    let object = serde_json::to_value(object).unwrap_or_default();
    let (state, message) = match kstatus::object_readiness(kind, &object) {
        _ if deleting => ("Deleting", String::new()),
        _ if ROUTES.contains(&&*kind.kind) => route_state(preview),
        Readiness::Ready(message) => ("Ready", message),
        Readiness::Progressing(_, message) => ("Progressing", message),
        Readiness::Stalled(_, message) => ("Stalled", message),
    };
    let failures = if is_pod(kind) && !deleting { pod_failures(&object) } else { Vec::new() };
    let message = if failures.is_empty() { message } else { failures.join("; ") };
    vec![kind.kind.to_string(), name, state.to_owned(), message]
}

fn route_state(preview: &Preview) -> (&'static str, String) {
    let Some(condition) = preview.condition(ROUTE_ACCEPTED) else {
        return ("Unknown", String::new());
    };
    let state = match condition.status.as_str() {
        "True" => "Ready",
        "False" => "NotReady",
        _ => "Unknown",
    };
    (state, describe(condition))
}

/// What prevents a pod from running, as the scheduler and its node report it (such as an eviction),
/// and restarts.
fn pod_failures(pod: &Value) -> Vec<String> {
    let list = |path: &str| pod.pointer(path).and_then(Value::as_array).into_iter().flatten();
    let unscheduled = list("/status/conditions")
        .filter(|c| c["type"] == "PodScheduled" && c["status"] == "False")
        .map(reason_and_message);
    let status = Some(&pod["status"]).filter(|status| status["phase"] == "Failed");
    let failed = status.map(reason_and_message).filter(|text| !text.is_empty());
    let containers = list("/status/initContainerStatuses").chain(list("/status/containerStatuses"));
    unscheduled.chain(failed).chain(containers.filter_map(container_failure)).collect()
}

fn container_failure(container: &Value) -> Option<String> {
    let name = container["name"].as_str().unwrap_or_default();
    let waiting = container
        .pointer("/state/waiting")
        .filter(|state| !state["reason"].as_str().is_some_and(|r| STARTING.contains(&r)))
        .map(reason_and_message);
    let terminated = |path: &str| {
        container.pointer(path).filter(|state| state["reason"] != "Completed").map(exit)
    };
    let restarts = match container["restartCount"].as_u64().unwrap_or(0) {
        0 => None,
        count => Some(match terminated("/lastState/terminated") {
            None => format!("restarted {count} times"),
            Some(exit) => format!("restarted {count} times, last after {exit}"),
        }),
    };
    let parts: Vec<String> =
        waiting.or_else(|| terminated("/state/terminated")).into_iter().chain(restarts).collect();
    (!parts.is_empty()).then(|| format!("container {name}: {}", parts.join(", ")))
}

fn exit(terminated: &Value) -> String {
    let reason = terminated["reason"].as_str().unwrap_or("Error");
    match terminated["exitCode"].as_i64() {
        Some(code) => format!("{reason} with exit code {code}"),
        None => reason.to_owned(),
    }
}

fn reason_and_message(state: &Value) -> String {
    let texts = [&state["reason"], &state["message"]].into_iter().filter_map(Value::as_str);
    texts.filter(|text| !text.is_empty()).collect::<Vec<_>>().join(": ")
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

    fn web() -> Preview {
        preview("web", &json!({}), &json!({}))
    }

    /// State and message of a pod with this status.
    fn pod(status: &Value) -> [String; 2] {
        let pod = object(json!({ "metadata": { "name": "web-1" }, "status": status }));
        let row = row(&KindInfo::of::<Pod>(), pod, &web());
        assert_eq!(row[..2], ["Pod", "web-1"]);
        [row[2].clone(), row[3].clone()]
    }

    fn container(state: &Value, restarts: u64, last: &Value) -> Value {
        let container = json!({
            "name": "preview", "state": state, "restartCount": restarts, "lastState": last,
        });
        json!({ "phase": "Pending", "containerStatuses": [container] })
    }

    #[test]
    fn a_pod_shows_the_report_of_its_node() {
        let pulling =
            json!({ "waiting": { "reason": "ImagePullBackOff", "message": "no such image" } });
        let [_, message] = pod(&container(&pulling, 0, &json!({})));
        assert_eq!(message, "container preview: ImagePullBackOff: no such image");
        let crashing =
            json!({ "waiting": { "reason": "CrashLoopBackOff", "message": "back-off 5m" } });
        let last = json!({ "terminated": { "reason": "OOMKilled", "exitCode": 137 } });
        let [_, message] = pod(&container(&crashing, 4, &last));
        assert_eq!(
            message,
            "container preview: CrashLoopBackOff: back-off 5m, \
             restarted 4 times, last after OOMKilled with exit code 137"
        );
    }

    #[test]
    fn a_pod_without_a_node_shows_the_report_of_the_scheduler() {
        let scheduled = json!({
            "type": "PodScheduled", "status": "False",
            "reason": "Unschedulable", "message": "0/3 nodes",
        });
        let status = json!({ "phase": "Pending", "conditions": [scheduled] });
        assert_eq!(pod(&status), ["Progressing", "Unschedulable: 0/3 nodes"]);
    }

    #[test]
    fn a_pod_that_was_evicted_shows_the_cause() {
        let status = json!({
            "phase": "Failed", "reason": "Evicted", "message": "the node was low on memory",
        });
        assert_eq!(pod(&status), ["Stalled", "Evicted: the node was low on memory"]);
    }

    #[test]
    fn a_pod_that_starts_has_no_failure() {
        let starting = json!({ "waiting": { "reason": "ContainerCreating" } });
        let [state, message] = pod(&container(&starting, 0, &json!({})));
        assert!(state == "Progressing" && !message.contains("ContainerCreating"), "{message}");
        let ready = json!({ "type": "Ready", "status": "True" });
        let running = json!({ "phase": "Running", "conditions": [ready] });
        assert_eq!(pod(&running), ["Ready", ""]);
    }

    #[test]
    fn the_state_of_a_route_is_the_condition_of_the_operator() {
        let kind = KindInfo::of::<Ingress>();
        let state = |status: &str| {
            let accepted = condition("RouteAccepted", status, "NoAddress", "no controller");
            let status = json!({ "observedGeneration": 2, "conditions": [accepted] });
            let ingress = object(json!({ "metadata": { "name": "web" } }));
            row(&kind, ingress, &preview("web", &json!({}), &status)).remove(2)
        };
        assert_eq!(["True", "False", "Unknown"].map(state), ["Ready", "NotReady", "Unknown"]);
    }

    #[test]
    fn only_objects_that_the_preview_controls_are_its_own() {
        let is_owned_with = |owners: Value| {
            let metadata = json!({ "name": "web", "ownerReferences": owners });
            let deployment = object(json!({ "metadata": metadata }));
            is_owned(&KindInfo::of::<Deployment>(), &deployment, &web())
        };
        let owner = |uid: &str, controller: bool| {
            json!([{
                "apiVersion": "a/v1", "kind": "A", "name": "web",
                "uid": uid, "controller": controller,
            }])
        };
        assert!(is_owned_with(owner("uid-web", true)));
        assert!(!is_owned_with(owner("uid-web", false)) && !is_owned_with(owner("other", true)));
        assert!(!is_owned_with(json!([])));
    }

    #[test]
    fn an_object_that_is_being_deleted_is_shown_as_such() {
        let metadata = json!({ "name": "web", "deletionTimestamp": "2030-01-31T12:00:00Z" });
        let deployment = object(json!({ "metadata": metadata }));
        let row = row(&KindInfo::of::<Deployment>(), deployment, &web());
        assert_eq!(row, ["Deployment", "web", "Deleting", ""]);
    }
}
