//! Why a pod of a preview does not run, as its node reports it: more useful than the number of
//! missing pods.

use kubewright::{ConditionType, Readiness, Selected, labels, of, reason};
use operator_api::pod::{ContainerHealth, PodHealth, SCHEDULED};

use crate::preview::kinds::{PreviewPods, PreviewView};
use crate::preview::objects::blueprint::Blueprint;

/// Reasons of `Ready` for a pod that does not run.
pub(crate) const POD_REASONS: ConditionType = ConditionType::ready(&[
    (CRASH_LOOP, "the program of a pod exits again and again; the message has its exit code"),
    (
        "CreateContainerConfigError",
        "a Secret or ConfigMap of a pod is missing, or the image may not run as its user",
    ),
    (
        "CreateContainerError",
        "a node cannot create the container of a pod; the message has its error",
    ),
    ("ErrImageNeverPull", "`spec.pullPolicy` is `Never`, and a node does not have the image"),
    ("ImageInspectError", "a node cannot read the image"),
    (IMAGE_PULL, "a node cannot pull the image; the message has its error"),
    ("InvalidImageName", "`spec.image` is not the name of an image"),
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

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct PodFailure {
    reason: &'static str,
    message: String,
}

impl PodFailure {
    /// The failure of the first pod of this preview that has one.
    pub(crate) fn find(blueprint: &Blueprint<'_>, view: &PreviewView<'_>) -> Option<Self> {
        let instance = blueprint.labels.get(labels::INSTANCE)?;
        let pods = view.list(
            of::<Selected<PodHealth, PreviewPods>>(),
            Some(blueprint.namespace),
            &[(labels::INSTANCE, instance)],
        );
        let mut pods = pods.iter().filter(|pod| pod.metadata.deletion_timestamp.is_none());
        pods.find_map(|pod| Self::of_pod(pod))
    }

    fn of_pod(pod: &PodHealth) -> Option<Self> {
        let mut containers = pod.status.container_statuses.iter();
        let (reason, message) = containers.find_map(of_container).or_else(|| of_status(pod))?;
        let name = pod.metadata.name.as_deref().unwrap_or_default();
        let colon = if message.is_empty() { "" } else { ": " };
        Some(Self { reason, message: format!("pod {name}: {reason}{colon}{message}") })
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
                Readiness::Progressing(self.reason, explained(message))
            }
            Readiness::Stalled(reason, message) if is_about_pods(reason) => {
                Readiness::Stalled(self.reason, explained(message))
            }
            readiness => readiness,
        }
    }
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
        json!({ "containerStatuses": [{ "state": waiting }] })
    }

    fn cluster(pods: &[PodHealth]) -> FakeCluster {
        pods.iter().fold(with_ambassador(), |cluster, pod| {
            cluster.with_as::<Selected<PodHealth, PreviewPods>>(pod.clone())
        })
    }

    /// The readiness of the preview `web` with these pods, whose children have this readiness.
    fn readiness(pods: &[PodHealth], of_children: &Readiness) -> Readiness {
        let operator = PreviewOperator::default();
        report_with(&operator, &preview("web"), &cluster(pods), &[], of_children.clone()).readiness
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
            "state": { "waiting": {
                "reason": "CrashLoopBackOff",
                "message": "back-off 40s restarting failed container",
            } },
            "lastState": { "terminated": { "exitCode": 1, "reason": "Error" } },
        }] });
        let killed = json!({ "containerStatuses": [{
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
                "pod web-1: ImagePullBackOff: no such image; 0/1 replicas ready",
            ),
            (
                waiting("ErrImagePull", "denied"),
                "ImagePullBackOff",
                "pod web-1: ImagePullBackOff: denied; 0/1 replicas ready",
            ),
            (
                waiting("InvalidImageName", ""),
                "InvalidImageName",
                "pod web-1: InvalidImageName; 0/1 replicas ready",
            ),
            (
                crashed,
                "CrashLoopBackOff",
                "pod web-1: CrashLoopBackOff: the program exited with code 1; see its log; \
                 0/1 replicas ready",
            ),
            (
                killed,
                "CrashLoopBackOff",
                "pod web-1: CrashLoopBackOff: the program exited with code 137 (OOMKilled); see \
                 its log; 0/1 replicas ready",
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
