//! The status of a preview. The framework adds `observedGeneration` and the conditions.

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kubewright::observed::{ChildState, Outcome};
use kubewright::{Condition, Readiness, kstatus, labels, of};
use operator_api::preview::{DEFAULT_PATH, PreviewEnvironmentStatus};

use super::acceptance::is_reachable;
use super::rollout;
use crate::preview::facts::Facts;
use crate::preview::kinds::PreviewObserved;
use crate::preview::objects::blueprint::Blueprint;

pub(crate) fn status(
    blueprint: &Blueprint<'_>,
    facts: &Facts,
    route: &Condition,
    observed: &PreviewObserved<'_>,
) -> PreviewEnvironmentStatus {
    let wanted = facts.decision.as_ref().map_or(0, |decision| decision.replicas);
    let child = observed.child(of::<Deployment>(), &blueprint.name);
    let deployment = observed.status(of::<Deployment>(), &blueprint.name).unwrap_or_default();
    // The API server leaves out zeros.
    let ready = deployment.ready_replicas.unwrap_or(0);
    let has_url = is_reachable(route) && ready > 0 && child.is_some_and(is_up);
    let shows_revision = child.is_some_and(|child| rollout::is_complete(child, wanted));
    PreviewEnvironmentStatus {
        url: has_url.then(|| url(blueprint)),
        host: facts.host.clone(),
        expires_at: facts.expiry.as_ref().map(|expiry| Time(expiry.at)),
        changed_at: facts.changed_at.map(Time),
        revision: blueprint.spec.revision.clone().filter(|_| shows_revision),
        selector: Some(labels::to_query(&blueprint.labels)),
        replicas: Some(deployment.replicas.unwrap_or(0)),
        ready_replicas: Some(ready),
        ready: Some(format!("{ready}/{wanted}")),
        ..PreviewEnvironmentStatus::default()
    }
}

fn is_up(deployment: &ChildState<'_>) -> bool {
    *deployment.outcome == Outcome::InSync
        && matches!(kstatus::child_readiness(deployment), Readiness::Ready(_))
}

/// The URL, with http unless the spec has TLS settings: whether the gateway has a certificate for
/// the host is not known here, and a gateway that has one redirects.
fn url(blueprint: &Blueprint<'_>) -> String {
    let scheme = if blueprint.tls().is_some() { "https" } else { "http" };
    let path = Some(blueprint.path()).filter(|path| *path != DEFAULT_PATH).unwrap_or_default();
    format!("{scheme}://{}{path}", blueprint.host())
}

#[cfg(test)]
mod tests {
    use operator_api::preview::{PreviewEnvironment, Route, RouteTls, RouteType, WhenSuspended};

    use crate::preview::settings::PreviewOperator;
    use crate::testing::{self, preview, report};

    const RUNS: &str = r#"{"replicas":1,"readyReplicas":1,"updatedReplicas":1,"availableReplicas":1,
        "observedGeneration":1,"conditions":[{"type":"Available","status":"True"}]}"#;
    const STARTS: &str =
        r#"{"replicas":1,"updatedReplicas":1,"unavailableReplicas":1,"observedGeneration":1}"#;

    #[test]
    fn the_url_is_reported_once_the_pods_run_and_the_route_leads_to_them() {
        let url = |children: &[(&str, &str)]| {
            report(&PreviewOperator::default(), &preview("web"), children).status.url
        };
        assert_eq!(
            url(&[("Deployment", RUNS), ("Mapping", "{}")]).as_deref(),
            Some("http://web.example.com")
        );
        assert_eq!(
            url(&[("Deployment", RUNS), ("Mapping", r#"{"state":"Running"}"#)]).as_deref(),
            Some("http://web.example.com")
        );
        assert_eq!(url(&[("Deployment", STARTS), ("Mapping", "{}")]), None);
        assert_eq!(url(&[("Deployment", RUNS), ("Mapping", r#"{"state":"Inactive"}"#)]), None);
        assert_eq!(url(&[("Deployment", RUNS)]), None);
        assert_eq!(url(&[("Mapping", "{}")]), None);
        assert_eq!(url(&[("Deployment", RUNS), ("Mapping", testing::NOT_SERVED)]), None);
    }

    #[test]
    fn the_url_has_the_scheme_and_path_of_the_route() {
        let url = |route: Route, child: (&str, &str)| {
            let mut preview = preview("web");
            preview.spec.route = Some(route);
            report(&PreviewOperator::default(), &preview, &[("Deployment", RUNS), child]).status.url
        };
        let mapping = ("Mapping", "{}");
        let path = Route { path: Some("/app".into()), ..Route::default() };
        assert_eq!(url(path.clone(), mapping).as_deref(), Some("http://web.example.com/app"));
        let tls = Route { tls: Some(RouteTls::default()), ..path };
        assert_eq!(url(tls.clone(), mapping).as_deref(), Some("https://web.example.com/app"));
        let of_type = |type_| Route { type_: Some(type_), ..Route::default() };
        let addressed = r#"{"loadBalancer":{"ingress":[{"ip":"192.0.2.1"}]}}"#;
        assert_eq!(
            url(of_type(RouteType::Ingress), ("Ingress", addressed)).as_deref(),
            Some("http://web.example.com")
        );
        assert_eq!(
            url(of_type(RouteType::Ingress), ("Ingress", "{}")),
            None,
            "no controller serves it"
        );
        assert_eq!(url(of_type(RouteType::None), mapping), None);
    }

    #[test]
    fn a_preview_without_pods_has_no_url() {
        let mut preview = preview("web");
        preview.spec.replicas = Some(0);
        let settled =
            r#"{"observedGeneration":1,"conditions":[{"type":"Available","status":"True"}]}"#;
        let status = report(
            &PreviewOperator::default(),
            &preview,
            &[("Deployment", settled), ("Mapping", "{}")],
        )
        .status;
        assert_eq!((status.url, status.ready.as_deref()), (None, Some("0/0")));
    }

    #[test]
    fn a_rejected_preview_should_run_no_pods() {
        for suspend in [None, Some(true)] {
            let mut preview = preview("web");
            preview.spec.fqdn = "*".into();
            preview.spec.suspend = suspend;
            let status = report(&PreviewOperator::default(), &preview, &[]).status;
            assert_eq!(status.ready.as_deref(), Some("0/0"));
        }
    }

    #[test]
    fn a_suspended_preview_reports_that_and_has_no_url() {
        let mut preview = preview("web");
        preview.spec.suspend = Some(true);
        let settled = [("Deployment", r#"{"observedGeneration":1}"#), ("Mapping", "{}")];
        let report = |preview: &PreviewEnvironment, children: &[(&str, &str)]| {
            report(&PreviewOperator::default(), preview, children)
        };
        let suspended = report(&preview, &settled);
        assert_eq!((suspended.status.url, suspended.status.ready.as_deref()), (None, Some("0/0")));
        let conditions: Vec<_> =
            suspended.conditions.iter().map(|c| (c.type_, c.status, c.reason)).collect();
        assert_eq!(
            conditions,
            [("RouteAccepted", None, "NotReported"), ("Suspended", Some(true), "SuspendedBySpec")]
        );
        let message = &suspended.conditions[1].message;
        assert!(message.ends_with("set spec.suspend to false to run 1"), "{message}");

        preview.spec.route =
            Some(Route { when_suspended: Some(WhenSuspended::Remove), ..Route::default() });
        let conditions = report(&preview, &settled[..1]).conditions;
        assert_eq!(
            (conditions[0].status, conditions[0].reason),
            (Some(false), "RemovedWhileSuspended")
        );

        preview.spec.suspend = Some(false);
        assert_eq!(report(&preview, &settled).conditions.len(), 1);
    }

    #[test]
    fn the_status_has_the_label_selector_of_the_pods() {
        let status = report(&PreviewOperator::default(), &preview("web"), &[]).status;
        let selector = "app.kubernetes.io/instance=web,app.kubernetes.io/name=preview";
        assert_eq!(status.selector.as_deref(), Some(selector));
    }

    #[test]
    fn the_pods_are_counted_from_the_status_of_the_deployment() {
        let status =
            report(&PreviewOperator::default(), &preview("web"), &[("Deployment", RUNS)]).status;
        assert_eq!(
            (status.replicas, status.ready_replicas, status.ready.as_deref()),
            (Some(1), Some(1), Some("1/1"))
        );
        let status = report(&PreviewOperator::default(), &preview("web"), &[]).status;
        assert_eq!(
            (status.replicas, status.ready_replicas, status.ready.as_deref()),
            (Some(0), Some(0), Some("0/1"))
        );
    }
}
