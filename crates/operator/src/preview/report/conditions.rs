//! The conditions of a preview, and its readiness.

use kubewright::{Condition, ConditionType, Readiness};
use operator_api::preview::{
    HOST_CONFLICT, LIMIT_EXCEEDED, MAY_RUN_AS_ROOT, SUSPENDED, TOO_MANY_PREVIEWS,
};

use crate::preview::admission::decision::{Decision, Refusal, RootCause, Routing};
use crate::preview::admission::security::{RESTRICTED, WARN};
use crate::preview::facts::Facts;
use crate::preview::lifetime::warning;
use crate::preview::objects::blueprint::Blueprint;

/// The condition of a preview whose host another preview holds.
pub(crate) const HOST_CONFLICT_CONDITION: ConditionType = ConditionType::new(
    HOST_CONFLICT,
    &[("HeldByAnother", "another preview holds the host; the message names it")],
);
/// The condition of a preview that exceeds a limit.
pub(crate) const LIMIT_EXCEEDED_CONDITION: ConditionType = ConditionType::new(
    LIMIT_EXCEEDED,
    &[
        ("ImageNotAllowed", "a PreviewPolicy does not allow the image"),
        (TOO_MANY_PREVIEWS, "the namespace has as many older previews as a PreviewPolicy allows"),
        (
            "TooManyReplicas",
            "a PreviewPolicy allows fewer pods than `spec.replicas`; as many as it allows run",
        ),
    ],
);
/// The condition of a suspended preview.
pub(crate) const SUSPENDED_CONDITION: ConditionType =
    ConditionType::new(SUSPENDED, &[("SuspendedBySpec", "`spec.suspend` is true: no pods run")]);
/// The condition of a preview that may run as root in a namespace that warns about it.
pub(crate) const MAY_RUN_AS_ROOT_CONDITION: ConditionType = ConditionType::new(
    MAY_RUN_AS_ROOT,
    &[
        ("AskedFor", "`spec.podSecurity` allows root"),
        ("ImageDecides", "`spec.podSecurity` does not forbid root, so the image decides"),
    ],
);

/// All conditions that apply, `route` (RouteAccepted) first.
pub(crate) fn conditions(
    blueprint: &Blueprint<'_>,
    facts: &Facts,
    route: Condition,
) -> Vec<Condition> {
    let decision = facts.decision.as_ref();
    let exceeded = decision.and_then(|decision| decision.exceeded.as_ref());
    let root = decision.and_then(|decision| decision.root);
    let others = [
        decision.and_then(host_conflict),
        exceeded.map(limit_exceeded),
        blueprint.spec.is_suspended().then(|| suspended(blueprint)),
        root.map(|cause| may_run_as_root(blueprint, cause)),
        facts.expiry.as_ref().and_then(warning::condition),
    ];
    std::iter::once(route).chain(others.into_iter().flatten()).collect()
}

fn host_conflict(decision: &Decision) -> Option<Condition> {
    let message = match &decision.routing {
        Routing::Refused(Refusal { reason: HOST_CONFLICT, message, .. }) => message.clone(),
        _ => return None,
    };
    Some(Condition::new(HOST_CONFLICT, Some(true), "HeldByAnother", message))
}

/// Warns, unless Ready warns of the same limit.
fn limit_exceeded(exceeded: &Refusal) -> Condition {
    let condition =
        Condition::new(LIMIT_EXCEEDED, Some(true), exceeded.reason, exceeded.message.clone());
    if exceeded.stalls { condition } else { condition.with_warning() }
}

fn suspended(blueprint: &Blueprint<'_>) -> Condition {
    Condition::new(SUSPENDED, Some(true), "SuspendedBySpec", how_to_resume(blueprint))
}

fn how_to_resume(blueprint: &Blueprint<'_>) -> String {
    let replicas = blueprint.spec.replicas();
    format!("no pods run: set spec.suspend to false to run {replicas}")
}

fn may_run_as_root(blueprint: &Blueprint<'_>, cause: RootCause) -> Condition {
    let (name, namespace) = (blueprint.resource, blueprint.namespace);
    let (reason, problem, remedy) = match cause {
        RootCause::Spec => (
            "AskedFor",
            format!("spec.podSecurity lets {name} run as root"),
            "remove that from spec.podSecurity if the image does not need root",
        ),
        RootCause::Image => (
            "ImageDecides",
            format!("the image of {name} may run as root"),
            "set spec.podSecurity.runAsNonRoot: true, or spec.podSecurity.runAsUser to a user \
             other than 0",
        ),
    };
    let message = format!(
        "{problem}, which namespace {namespace} warns about ({WARN}={RESTRICTED}): {remedy}"
    );
    Condition::new(MAY_RUN_AS_ROOT, Some(true), reason, message).with_warning()
}

/// The readiness of a preview whose children have this readiness.
pub(crate) fn readiness(
    blueprint: &Blueprint<'_>,
    facts: &Facts,
    readiness: Readiness,
) -> Readiness {
    let readiness = match &facts.pod_failure {
        Some(failure) => failure.explain(readiness),
        None => readiness,
    };
    match (facts.decision.as_ref().map(|decision| &decision.routing), readiness) {
        (Some(Routing::Refused(refusal)), Readiness::Ready(_) | Readiness::Progressing(..))
            if refusal.stalls =>
        {
            Readiness::Stalled(refusal.reason, refusal.message.clone())
        }
        (_, Readiness::Ready(_)) if blueprint.spec.is_suspended() => {
            Readiness::Ready(format!("suspended: {}", how_to_resume(blueprint)))
        }
        (_, readiness) => readiness,
    }
}

#[cfg(test)]
mod tests {
    use crate::preview::admission::security::{RESTRICTED, WARN};
    use crate::preview::settings::PreviewOperator;
    use crate::testing::{FakeCluster, namespace, preview, report_in};

    #[test]
    fn a_default_preview_has_no_condition_about_root_unless_its_namespace_warns_about_it() {
        let root = |labels: &[(&str, &str)]| {
            let cluster = FakeCluster::empty().with(namespace("shop", labels));
            let report = report_in(&PreviewOperator::default(), &preview("web"), &cluster, &[]);
            report.conditions.into_iter().find(|condition| condition.type_ == "MayRunAsRoot")
        };
        assert_eq!(root(&[]), None);
        let Some(condition) = root(&[(WARN, RESTRICTED)]) else { panic!("no condition") };
        assert_eq!(
            (condition.status, condition.reason, condition.warns),
            (Some(true), "ImageDecides", true)
        );
        assert_eq!(
            condition.message,
            "the image of web may run as root, which namespace shop warns about \
             (pod-security.kubernetes.io/warn=restricted): set spec.podSecurity.runAsNonRoot: \
             true, or spec.podSecurity.runAsUser to a user other than 0"
        );
    }
}
