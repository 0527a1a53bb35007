//! The conditions of a preview, without RouteAccepted and Expiring.

use kubewright::{Condition, ConditionType};
use operator_api::preview::{
    HOST_CONFLICT, LIMIT_EXCEEDED, MAY_RUN_AS_ROOT, POLICY_NOT_READABLE, REFUSAL_ANNOUNCED,
    SUSPENDED, TOO_MANY_PREVIEWS,
};

use crate::preview::admission::decision::{Announced, Decision, Refusal, RootCause, Routing};
use crate::preview::facts::Facts;
use crate::preview::lifetime::warning;
use crate::preview::objects::blueprint::Blueprint;

/// The condition of a preview whose host another preview holds.
pub(crate) const HOST_CONFLICT_CONDITION: ConditionType = ConditionType::new(
    HOST_CONFLICT,
    &[("HeldByAnother", "another preview holds the host; the message names one of this namespace")],
);
/// The condition of a preview that exceeds a limit.
pub(crate) const LIMIT_EXCEEDED_CONDITION: ConditionType = ConditionType::new(
    LIMIT_EXCEEDED,
    &[
        ("ImageNotAllowed", "a PreviewPolicy does not allow the image"),
        (POLICY_NOT_READABLE, "a PreviewPolicy cannot be read, and the preview is new"),
        (TOO_MANY_PREVIEWS, "the namespace has as many older previews as a PreviewPolicy allows"),
        (
            "TooManyReplicas",
            "a PreviewPolicy allows fewer pods than `spec.replicas`; as many as it allows run",
        ),
    ],
);
/// The condition of a preview that an edit of a policy refuses later.
pub(crate) const REFUSAL_ANNOUNCED_CONDITION: ConditionType = ConditionType::new(
    REFUSAL_ANNOUNCED,
    &[("PolicyTightened", "an edit of a PreviewPolicy takes pods or route away soon")],
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
        decision.and_then(|decision| decision.announced.as_ref()).map(refusal_announced),
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

fn refusal_announced(announced: &Announced) -> Condition {
    let when = match announced.at {
        Some(at) => format!("from {at} on"),
        None => "soon".to_owned(),
    };
    let message = format!("{when}, this preview is refused: {}", announced.refusal.message);
    Condition::new(REFUSAL_ANNOUNCED, Some(true), "PolicyTightened", message).with_warning()
}

fn suspended(blueprint: &Blueprint<'_>) -> Condition {
    Condition::new(SUSPENDED, Some(true), "SuspendedBySpec", how_to_resume(blueprint))
}

pub(super) fn how_to_resume(blueprint: &Blueprint<'_>) -> String {
    let replicas = blueprint.spec.replicas();
    format!("no pods run: set spec.suspend to false to run {replicas}")
}

/// Only a spec that asks for root warns. Most images run as root by default, and a default that
/// warns everywhere hides the warnings that matter.
fn may_run_as_root(blueprint: &Blueprint<'_>, cause: RootCause) -> Condition {
    let name = blueprint.resource;
    let condition = |reason, message| Condition::new(MAY_RUN_AS_ROOT, Some(true), reason, message);
    match cause {
        RootCause::Spec => condition(
            "AskedFor",
            format!(
                "spec.podSecurity lets {name} run as root, which its namespace warns about: \
                 remove that setting if the image does not need root"
            ),
        )
        .with_warning(),
        RootCause::Image => condition(
            "ImageDecides",
            format!(
                "the image of {name} may run as root: set spec.podSecurity.runAsNonRoot: true, or \
                 runAsUser to a user other than 0"
            ),
        ),
    }
}

#[cfg(test)]
mod tests {
    use operator_api::preview::PodSecurity;

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
            (Some(true), "ImageDecides", false)
        );
        assert_eq!(
            condition.message,
            "the image of web may run as root: set spec.podSecurity.runAsNonRoot: true, or \
             runAsUser to a user other than 0"
        );
    }

    #[test]
    fn a_spec_that_asks_for_root_warns_where_the_namespace_warns() {
        let mut web = preview("web");
        web.spec.pod_security =
            Some(PodSecurity { run_as_user: Some(0), ..PodSecurity::default() });
        let cluster = FakeCluster::empty().with(namespace("shop", &[(WARN, RESTRICTED)]));
        let report = report_in(&PreviewOperator::default(), &web, &cluster, &[]);
        let root = report.conditions.into_iter().find(|c| c.type_ == "MayRunAsRoot");
        assert_eq!(root.map(|c| (c.reason, c.warns)), Some(("AskedFor", true)));
    }
}
