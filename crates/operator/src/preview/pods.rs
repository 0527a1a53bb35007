//! Why the pods of a preview do not run, in the words of their nodes: what a person sees first,
//! before how many there are.

use kubewright::core::reason;
use kubewright::{Selected, Verdict, View, labels};
use operator_api::pod::{ContainerHealth, PodHealth, SCHEDULED};

use super::blueprint::Blueprint;
use super::kinds::{PreviewPods, Reads};

/// Reasons of a container that waits for good, as the kubelet writes them; what is not among them
/// comes and goes.
const WAITS: [&str; 8] = [
    CRASHES,
    PULL,
    "InvalidImageName",
    "ErrImageNeverPull",
    "ImageInspectError",
    "CreateContainerConfigError",
    "CreateContainerError",
    "RunContainerError",
];
/// The program ends again and again.
const CRASHES: &str = "CrashLoopBackOff";
/// There is no such image, or it may not be pulled.
const PULL: &str = "ImagePullBackOff";
/// The same, at each try.
const PULL_TRY: &str = "ErrImagePull";
/// There is no node for it.
const UNSCHEDULABLE: &str = "Unschedulable";
/// The pod has ended, and should not have.
const FAILED: &str = "PodFailed";

/// Why a pod does not run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Trouble {
    reason: &'static str,
    message: String,
}

impl Trouble {
    /// Of the first pod of a preview that has any.
    pub(super) fn of(of: &Blueprint<'_>, view: &View<'_, Reads>) -> Option<Self> {
        let instance = of.labels.get(labels::INSTANCE)?;
        let pods = view.list::<Selected<PodHealth, PreviewPods>, _>(
            Some(of.namespace),
            &[(labels::INSTANCE, instance)],
        );
        pods.iter()
            .filter(|pod| pod.metadata.deletion_timestamp.is_none())
            .find_map(|pod| Self::in_pod(pod))
    }

    fn in_pod(pod: &PodHealth) -> Option<Self> {
        let (reason, said) =
            pod.status.container_statuses.iter().find_map(waits).or_else(|| ends(pod))?;
        let name = pod.metadata.name.as_deref().unwrap_or_default();
        let colon = if said.is_empty() { "" } else { ": " };
        Some(Self { reason, message: format!("pod {name}: {reason}{colon}{said}") })
    }

    /// The same verdict with its cause, where that is what it is about.
    pub(super) fn explain(&self, verdict: Verdict) -> Verdict {
        let about_pods = |why: &str| {
            [reason::PROGRESSING, reason::REPLICAS_UNAVAILABLE, reason::PROGRESS_DEADLINE]
                .contains(&why)
        };
        let both = |message: String| format!("{}; {message}", self.message);
        match verdict {
            Verdict::Progressing(why, message) if about_pods(why) => {
                Verdict::Progressing(self.reason, both(message))
            }
            Verdict::Stalled(why, message) if about_pods(why) => {
                Verdict::Stalled(self.reason, both(message))
            }
            verdict => verdict,
        }
    }
}

/// Why a container waits for good.
fn waits(container: &ContainerHealth) -> Option<(&'static str, String)> {
    let waiting = container.state.waiting.as_ref()?;
    let said =
        waiting.reason.as_deref().map(|reason| if reason == PULL_TRY { PULL } else { reason })?;
    let reason = WAITS.into_iter().find(|reason| *reason == said)?;
    let last = container.last_state.terminated.as_ref().filter(|_| reason == CRASHES);
    let message = last.map_or_else(
        || waiting.message.clone().unwrap_or_default(),
        |last| {
            // The kubelet tells how long it waits, which is longer each time.
            let why = last
                .reason
                .as_deref()
                .filter(|why| *why != "Error")
                .map(|why| format!(" ({why})"))
                .unwrap_or_default();
            format!("the program ended with exit code {}{why}; its log says why", last.exit_code)
        },
    );
    Some((reason, message))
}

/// Why a pod has no node, or has ended.
fn ends(pod: &PodHealth) -> Option<(&'static str, String)> {
    let status = &pod.status;
    let unscheduled = status
        .conditions
        .iter()
        .find(|condition| condition.type_ == SCHEDULED && condition.status == "False");
    if let Some(condition) =
        unscheduled.filter(|condition| condition.reason.as_deref() == Some(UNSCHEDULABLE))
    {
        return Some((UNSCHEDULABLE, condition.message.clone().unwrap_or_default()));
    }
    let said = [&status.reason, &status.message]
        .into_iter()
        .flatten()
        .map(String::as_str)
        .collect::<Vec<_>>()
        .join(": ");
    (status.phase.as_deref() == Some("Failed")).then_some((FAILED, said))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use kubewright::core::view::Fixed;
    use kubewright::{Operator, Selected};
    use operator_api::preview::PreviewEnvironment;
    use serde_json::{Value, json};

    use super::*;
    use crate::preview::PreviewOperator;
    use crate::testing::{observed_in, preview, with_ambassador};

    fn pod(name: &str, instance: &str, status: &Value) -> PodHealth {
        let labels = json!({ labels::NAME: "preview", labels::INSTANCE: instance });
        let metadata = json!({ "name": name, "namespace": "shop", "labels": labels });
        serde_json::from_value(json!({ "metadata": metadata, "status": status })).unwrap()
    }

    fn waiting(reason: &str, message: &str) -> Value {
        json!({ "containerStatuses": [{ "state": { "waiting": { "reason": reason, "message": message } } }] })
    }

    fn world(pods: &[PodHealth]) -> Fixed {
        pods.iter().fold(with_ambassador(), |world, pod| {
            world.with_as::<Selected<PodHealth, PreviewPods>>(pod.clone())
        })
    }

    fn verdict_of(preview: &PreviewEnvironment, pods: &[PodHealth], verdict: &Verdict) -> Verdict {
        let operator = PreviewOperator::default();
        observed_in(&operator, preview, &world(pods), &[], |observed| {
            operator.verdict(preview, observed, verdict.clone())
        })
    }

    fn unavailable() -> Verdict {
        Verdict::Progressing(reason::REPLICAS_UNAVAILABLE, "0/1 replicas ready".into())
    }

    fn told(status: &Value) -> (&'static str, String) {
        match verdict_of(&preview("web"), &[pod("web-1", "web", status)], &unavailable()) {
            Verdict::Progressing(reason, message) => (reason, message),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_cause_is_said_before_the_count() {
        let crashed = json!({ "containerStatuses": [{
            "state": { "waiting": { "reason": "CrashLoopBackOff", "message": "back-off 40s restarting failed container" } },
            "lastState": { "terminated": { "exitCode": 1, "reason": "Error" } },
        }] });
        let killed = json!({ "containerStatuses": [{
            "state": { "waiting": { "reason": "CrashLoopBackOff" } },
            "lastState": { "terminated": { "exitCode": 137, "reason": "OOMKilled" } },
        }] });
        let scheduled = json!({ "conditions": [
            { "type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/2 nodes are available" },
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
                "pod web-1: CrashLoopBackOff: the program ended with exit code 1; its log says why; 0/1 replicas ready",
            ),
            (
                killed,
                "CrashLoopBackOff",
                "pod web-1: CrashLoopBackOff: the program ended with exit code 137 (OOMKilled); its log says why; 0/1 replicas ready",
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
            assert_eq!(told(&status), (reason, message.to_owned()));
        }
    }

    #[test]
    fn what_comes_and_goes_is_no_cause() {
        for status in [waiting("ContainerCreating", ""), json!({ "phase": "Running" }), json!({})] {
            assert_eq!(
                told(&status),
                (reason::REPLICAS_UNAVAILABLE, "0/1 replicas ready".to_owned())
            );
        }
    }

    #[test]
    fn only_pods_of_the_preview_that_are_to_stay_count() {
        let bad = waiting("ImagePullBackOff", "no such image");
        let other = pod("other-1", "other", &bad);
        let mut old = pod("web-0", "web", &bad);
        old.metadata.deletion_timestamp =
            serde_json::from_value(json!("2030-01-31T12:00:00Z")).unwrap();
        assert_eq!(verdict_of(&preview("web"), &[other, old], &unavailable()), unavailable());
    }

    #[test]
    fn what_has_another_cause_is_left_as_it_is() {
        let bad = [pod("web-1", "web", &waiting("ImagePullBackOff", "no such image"))];
        let refused = Verdict::Stalled(reason::NOT_OWNED, "Service web exists".into());
        assert_eq!(verdict_of(&preview("web"), &bad, &refused), refused);
        let left =
            Verdict::Progressing(reason::DELETE_FAILED, "Mapping web is no longer wanted".into());
        assert_eq!(verdict_of(&preview("web"), &bad, &left), left);
        let ready = Verdict::Ready("1/1 replicas ready".into());
        assert_eq!(verdict_of(&preview("web"), &bad, &ready), ready);
        let given_up =
            Verdict::Stalled(reason::PROGRESS_DEADLINE, "0/1 replicas ready: too late".into());
        let Verdict::Stalled(reason, message) = verdict_of(&preview("web"), &bad, &given_up) else {
            panic!()
        };
        assert_eq!(reason, "ImagePullBackOff");
        assert!(message.ends_with("; 0/1 replicas ready: too late"), "{message}");
    }
}
