//! Why a pod of a preview does not run, as its node reports it: more useful than the number of
//! missing pods.

use kubewright::{ConditionType, Readiness, Selected, labels, of, reason};
use operator_api::pod::{ContainerHealth, PodHealth, SCHEDULED};

use crate::preview::kinds::{PreviewPods, PreviewView};
use crate::preview::objects::blueprint::Blueprint;

/// Reasons of `Ready` for a pod that does not run.
pub(crate) const POD_REASONS: ConditionType = ConditionType::ready(&[
    (CRASH_LOOP, "a container of a pod exits again and again; the message has its exit code"),
    (
        "CreateContainerConfigError",
        "a Secret or ConfigMap of a pod is missing, or the image may not run as its user",
    ),
    (
        "CreateContainerError",
        "a node cannot create the container of a pod; the message has its error",
    ),
    ("ErrImageNeverPull", "the pull policy is `Never`, and a node does not have the image"),
    ("ImageInspectError", "a node cannot read the image"),
    (IMAGE_PULL, "a node cannot pull the image; the message has its error"),
    ("InvalidImageName", "the image of a container is not the name of an image"),
    (FAILED, "a pod has failed, and does not start again"),
    ("RunContainerError", "a node cannot start the container of a pod; the message has its error"),
    (UNSCHEDULABLE, "no node has room for a pod; the message says what is missing"),
]);

/// The reasons of the kubelet for a container that waits permanently. Other reasons are temporary.
const WAITING: [&str; 8] = [
    CRASH_LOOP,
    IMAGE_PULL,
    "InvalidImageName",
    "ErrImageNeverPull",
    "ImageInspectError",
    "CreateContainerConfigError",
    "CreateContainerError",
    "RunContainerError",
];
const CRASH_LOOP: &str = "CrashLoopBackOff";
const IMAGE_PULL: &str = "ImagePullBackOff";
/// What the kubelet reports instead of [`IMAGE_PULL`] during each attempt.
const IMAGE_PULL_ATTEMPT: &str = "ErrImagePull";
const UNSCHEDULABLE: &str = "Unschedulable";
const FAILED: &str = "PodFailed";

/// What the kubelet reports about containers that have to wait for init containers.
const INITIALIZING: &str = "PodInitializing";

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct PodFailure {
    /// `None` if the pod may still start by itself.
    reason: Option<&'static str>,
    message: String,
}

impl PodFailure {
    /// The failure of the first pod of this preview that has one, or else what a pod waits for.
    pub(crate) fn find(blueprint: &Blueprint<'_>, view: &PreviewView<'_>) -> Option<Self> {
        let instance = blueprint.labels.get(labels::INSTANCE)?;
        let pods = view.list(
            of::<Selected<PodHealth, PreviewPods>>(),
            Some(blueprint.namespace),
            &[(labels::INSTANCE, instance)],
        );
        let mut pods = pods.iter().filter(|pod| pod.metadata.deletion_timestamp.is_none());
        let failed = pods.clone().find_map(|pod| Self::of_pod(pod));
        failed.or_else(|| pods.find_map(|pod| Self::of_slow_start(pod)))
    }

    fn of_pod(pod: &PodHealth) -> Option<Self> {
        let name = pod_name(pod);
        let failures: Vec<_> = containers(pod)
            .filter_map(|(kind, container)| Some((kind, container, of_container(container)?)))
            .collect();
        if let [(_, _, (reason, _)), ..] = failures.as_slice() {
            let texts = failures.iter().map(|(kind, container, (reason, message))| {
                format!("{kind} {}: {}", container.name, with_reason(reason, message))
            });
            let texts = texts.collect::<Vec<_>>().join("; ");
            return Some(Self { reason: Some(*reason), message: format!("pod {name}, {texts}") });
        }
        let (reason, message) = of_status(pod)?;
        let message = format!("pod {name}: {}", with_reason(reason, &message));
        Some(Self { reason: Some(reason), message })
    }

    /// The init container that the others wait for. Each starts when the one before it has ended,
    /// or, as a sidecar, has started. So it is the last one that runs.
    fn of_slow_start(pod: &PodHealth) -> Option<Self> {
        let waits = |container: &ContainerHealth| {
            let waiting = container.state.waiting.as_ref();
            waiting.is_some_and(|waiting| waiting.reason.as_deref() == Some(INITIALIZING))
        };
        let mut init = pod.status.init_container_statuses.iter().rev();
        let running = init.find(|container| container.state.running.is_some())?;
        pod.status.container_statuses.iter().any(waits).then(|| Self {
            reason: None,
            message: format!("pod {}: init container {} still runs", pod_name(pod), running.name),
        })
    }

    /// The same readiness with its cause, if it is about pods.
    pub(super) fn explain(&self, readiness: Readiness) -> Readiness {
        let is_about_pods = |reason: &str| {
            [reason::PROGRESSING, reason::REPLICAS_UNAVAILABLE, reason::PROGRESS_DEADLINE]
                .contains(&reason)
        };
        let explained = |message: String| format!("{}; {message}", self.message);
        match readiness {
            Readiness::Progressing(reason, message) if is_about_pods(reason) => {
                Readiness::Progressing(self.reason.unwrap_or(reason), explained(message))
            }
            Readiness::Stalled(reason, message) if is_about_pods(reason) => {
                Readiness::Stalled(self.reason.unwrap_or(reason), explained(message))
            }
            readiness => readiness,
        }
    }
}

fn pod_name(pod: &PodHealth) -> &str {
    pod.metadata.name.as_deref().unwrap_or_default()
}

/// The init containers, which start first, and the others. Ephemeral containers are left out: a
/// person adds one to debug a pod, and the pod does not wait for it.
fn containers(pod: &PodHealth) -> impl Iterator<Item = (&'static str, &ContainerHealth)> {
    let init = pod.status.init_container_statuses.iter().map(|c| ("init container", c));
    init.chain(pod.status.container_statuses.iter().map(|c| ("container", c)))
}

fn with_reason(reason: &str, message: &str) -> String {
    if message.is_empty() { reason.to_owned() } else { format!("{reason}: {message}") }
}

/// Why a container waits permanently.
fn of_container(container: &ContainerHealth) -> Option<(&'static str, String)> {
    let waiting = container.state.waiting.as_ref()?;
    let reason = match waiting.reason.as_deref()? {
        IMAGE_PULL_ATTEMPT => IMAGE_PULL,
        reason => WAITING.into_iter().find(|known| *known == reason)?,
    };
    let last = container.last_state.terminated.as_ref().filter(|_| reason == CRASH_LOOP);
    let Some(last) = last else {
        return Some((reason, waiting.message.clone().unwrap_or_default()));
    };
    // The message of the kubelet only has the time until the next start, which changes often.
    let cause = last.reason.as_deref().filter(|cause| *cause != "Error");
    let cause = cause.map(|cause| format!(" ({cause})")).unwrap_or_default();
    let message = format!("the program exited with code {}{cause}; see its log", last.exit_code);
    Some((reason, message))
}

/// Why a pod has no node, or has failed.
fn of_status(pod: &PodHealth) -> Option<(&'static str, String)> {
    let status = &pod.status;
    let unschedulable = status.conditions.iter().find(|condition| {
        condition.type_ == SCHEDULED
            && condition.status == "False"
            && condition.reason.as_deref() == Some(UNSCHEDULABLE)
    });
    if let Some(condition) = unschedulable {
        return Some((UNSCHEDULABLE, condition.message.clone().unwrap_or_default()));
    }
    let texts = [&status.reason, &status.message].into_iter().flatten();
    let message = texts.map(String::as_str).collect::<Vec<_>>().join(": ");
    (status.phase.as_deref() == Some("Failed")).then_some((FAILED, message))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::preview::settings::PreviewOperator;
    use crate::testing::{FakeCluster, preview, report_with, with_ambassador};

    fn pod(name: &str, instance: &str, status: &Value) -> PodHealth {
        let labels = json!({ labels::NAME: "preview", labels::INSTANCE: instance });
        let metadata = json!({ "name": name, "namespace": "shop", "labels": labels });
        serde_json::from_value(json!({ "metadata": metadata, "status": status })).unwrap()
    }

    fn waiting(reason: &str, message: &str) -> Value {
        let waiting = json!({ "waiting": { "reason": reason, "message": message } });
        json!({ "containerStatuses": [{ "name": "app", "state": waiting }] })
    }

    fn cluster(pods: &[PodHealth]) -> FakeCluster {
        pods.iter().fold(with_ambassador(), |cluster, pod| {
            cluster.with_as::<Selected<PodHealth, PreviewPods>>(pod.clone())
        })
    }

    /// The readiness of the preview `web` with these pods, whose children have this readiness.
    fn readiness(pods: &[PodHealth], of_children: &Readiness) -> Readiness {
        let operator = PreviewOperator::default();
        let route = [("Mapping", r#"{"state":"Running"}"#)];
        report_with(&operator, &preview("web"), &cluster(pods), &route, of_children).readiness
    }

    fn unavailable() -> Readiness {
        Readiness::Progressing(reason::REPLICAS_UNAVAILABLE, "0/1 replicas ready".into())
    }

    fn explained(status: &Value) -> (&'static str, String) {
        match readiness(&[pod("web-1", "web", status)], &unavailable()) {
            Readiness::Progressing(reason, message) => (reason, message),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_message_has_the_cause_before_the_number_of_pods() {
        let crashed = json!({ "containerStatuses": [{
            "name": "app",
            "state": { "waiting": {
                "reason": "CrashLoopBackOff",
                "message": "back-off 40s restarting failed container",
            } },
            "lastState": { "terminated": { "exitCode": 1, "reason": "Error" } },
        }] });
        let killed = json!({ "containerStatuses": [{
            "name": "app",
            "state": { "waiting": { "reason": "CrashLoopBackOff" } },
            "lastState": { "terminated": { "exitCode": 137, "reason": "OOMKilled" } },
        }] });
        let scheduled = json!({ "conditions": [
            {
                "type": "PodScheduled",
                "status": "False",
                "reason": "Unschedulable",
                "message": "0/2 nodes are available",
            },
        ] });
        for (status, reason, message) in [
            (
                waiting("ImagePullBackOff", "no such image"),
                "ImagePullBackOff",
                "pod web-1, container app: ImagePullBackOff: no such image; 0/1 replicas ready",
            ),
            (
                waiting("ErrImagePull", "denied"),
                "ImagePullBackOff",
                "pod web-1, container app: ImagePullBackOff: denied; 0/1 replicas ready",
            ),
            (
                waiting("InvalidImageName", ""),
                "InvalidImageName",
                "pod web-1, container app: InvalidImageName; 0/1 replicas ready",
            ),
            (
                crashed,
                "CrashLoopBackOff",
                "pod web-1, container app: CrashLoopBackOff: the program exited with code 1; see \
                 its log; 0/1 replicas ready",
            ),
            (
                killed,
                "CrashLoopBackOff",
                "pod web-1, container app: CrashLoopBackOff: the program exited with code 137 \
                 (OOMKilled); see its log; 0/1 replicas ready",
            ),
            (
                scheduled,
                "Unschedulable",
                "pod web-1: Unschedulable: 0/2 nodes are available; 0/1 replicas ready",
            ),
            (
                json!({ "phase": "Failed", "reason": "Evicted" }),
                "PodFailed",
                "pod web-1: PodFailed: Evicted; 0/1 replicas ready",
            ),
        ] {
            assert_eq!(explained(&status), (reason, message.to_owned()));
        }
    }

    #[test]
    fn each_container_that_fails_is_named_also_one_that_was_injected() {
        let waiting = |name: &str, reason: &str| {
            let waiting = json!({ "waiting": { "reason": reason } });
            json!({ "name": name, "state": waiting })
        };
        let crashed = |name: &str| {
            let mut container = waiting(name, "CrashLoopBackOff");
            container["lastState"] = json!({ "terminated": { "exitCode": 2 } });
            container
        };
        let running = json!({ "name": "app", "state": { "running": {} } });
        for (init, all, reason, message) in [
            (
                json!([waiting("mesh", "ImagePullBackOff")]),
                json!([waiting("app", "PodInitializing")]),
                "ImagePullBackOff",
                "pod web-1, init container mesh: ImagePullBackOff; 0/1 replicas ready",
            ),
            (
                json!([crashed("mesh")]),
                json!([waiting("app", "PodInitializing")]),
                "CrashLoopBackOff",
                "pod web-1, init container mesh: CrashLoopBackOff: the program exited with code \
                 2; see its log; 0/1 replicas ready",
            ),
            (
                json!([waiting("mesh", "CreateContainerConfigError")]),
                json!([waiting("app", "PodInitializing")]),
                "CreateContainerConfigError",
                "pod web-1, init container mesh: CreateContainerConfigError; 0/1 replicas ready",
            ),
            (
                json!([]),
                json!([running, crashed("sidecar")]),
                "CrashLoopBackOff",
                "pod web-1, container sidecar: CrashLoopBackOff: the program exited with code 2; \
                 see its log; 0/1 replicas ready",
            ),
            (
                json!([crashed("mesh")]),
                json!([waiting("app", "InvalidImageName")]),
                "CrashLoopBackOff",
                "pod web-1, init container mesh: CrashLoopBackOff: the program exited with code \
                 2; see its log; container app: InvalidImageName; 0/1 replicas ready",
            ),
        ] {
            let status = json!({ "initContainerStatuses": init, "containerStatuses": all });
            assert_eq!(explained(&status), (reason, message.to_owned()));
        }
    }

    #[test]
    fn an_init_container_that_runs_for_long_is_named_and_is_no_failure() {
        let state = |name: &str, state: Value| json!({ "name": name, "state": state });
        let (runs, ended) = (json!({ "running": {} }), json!({ "terminated": { "exitCode": 0 } }));
        let waits = json!({ "waiting": { "reason": "PodInitializing" } });
        let status = |app: &Value| {
            json!({
                "initContainerStatuses": [
                    state("first", ended.clone()), state("sidecar", runs.clone()),
                    state("migrate", runs.clone()), state("last", waits.clone()),
                ],
                "containerStatuses": [state("app", app.clone())],
            })
        };
        let (reason, message) = explained(&status(&waits));
        assert_eq!(reason, reason::REPLICAS_UNAVAILABLE);
        assert_eq!(message, "pod web-1: init container migrate still runs; 0/1 replicas ready");
        let (_, message) = explained(&status(&runs));
        assert_eq!(message, "0/1 replicas ready", "a sidecar runs beside the program");
    }

    #[test]
    fn temporary_states_are_not_a_cause() {
        for status in [waiting("ContainerCreating", ""), json!({ "phase": "Running" }), json!({})] {
            assert_eq!(
                explained(&status),
                (reason::REPLICAS_UNAVAILABLE, "0/1 replicas ready".to_owned())
            );
        }
    }

    #[test]
    fn pods_of_other_previews_and_pods_that_are_being_deleted_do_not_count() {
        let bad = waiting("ImagePullBackOff", "no such image");
        let other = pod("other-1", "other", &bad);
        let mut old = pod("web-0", "web", &bad);
        old.metadata.deletion_timestamp =
            serde_json::from_value(json!("2030-01-31T12:00:00Z")).unwrap();
        assert_eq!(readiness(&[other, old], &unavailable()), unavailable());
    }

    #[test]
    fn a_readiness_that_is_not_about_pods_does_not_change() {
        let bad = [pod("web-1", "web", &waiting("ImagePullBackOff", "no such image"))];
        let rejected = Readiness::Stalled(reason::NOT_OWNED, "Service web exists".into());
        assert_eq!(readiness(&bad, &rejected), rejected);
        let remains =
            Readiness::Progressing(reason::DELETE_FAILED, "Mapping web is no longer wanted".into());
        assert_eq!(readiness(&bad, &remains), remains);
        let ready = Readiness::Ready("1/1 replicas ready".into());
        assert_eq!(readiness(&bad, &ready), ready);
        let late =
            Readiness::Stalled(reason::PROGRESS_DEADLINE, "0/1 replicas ready: too late".into());
        let Readiness::Stalled(reason, message) = readiness(&bad, &late) else { panic!() };
        assert_eq!(reason, "ImagePullBackOff");
        assert!(message.ends_with("; 0/1 replicas ready: too late"), "{message}");
    }
}
