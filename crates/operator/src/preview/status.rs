//! What is reported about a preview: its pods, its URL once somebody can look at it there, and
//! whether there is a route. `observedGeneration` and the other conditions are the framework's.

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kubewright::core::health::{self, Health};
use kubewright::core::observed::{ChildState, Outcome};
use kubewright::{Condition, Observed, Verdict, labels};
use operator_api::preview::{DEFAULT_PATH, HOST_CONFLICT, PreviewEnvironmentStatus, SUSPENDED};

use super::blueprint::Blueprint;
use super::expiry::Expiry;
use super::kinds::Owns;
use super::{rollout, route};

/// What the Deployment says, and the URL once its pods are ready and there is a route.
pub(super) fn status(
    of: &Blueprint<'_>,
    observed: &Observed<'_, Owns>,
) -> PreviewEnvironmentStatus {
    let deployment = observed.status::<Deployment, _>(&of.name).unwrap_or_default();
    let ready = deployment.ready_replicas.unwrap_or(0);
    let runs = ready > 0 && observed.child::<Deployment, _>(&of.name).is_some_and(works);
    let reached = runs && route::verdict(of, observed).leads;
    PreviewEnvironmentStatus {
        url: reached.then(|| url(of)),
        expires_at: observed.facts::<Expiry>().map(|expiry| Time(expiry.at)),
        changed_at: observed.facts::<Expiry>().and_then(|expiry| expiry.changed_at).map(Time),
        revision: of.spec.revision.clone().filter(|_| rollout::is_complete(of, observed)),
        selector: Some(labels::to_query(&of.labels)),
        // The API server leaves zeros out.
        replicas: Some(deployment.replicas.unwrap_or(0)),
        ready_replicas: Some(ready),
        ready: Some(format!("{ready}/{}", of.replicas())),
        ..PreviewEnvironmentStatus::default()
    }
}

/// The condition [`SUSPENDED`], where it is so.
pub(super) fn suspended(of: &Blueprint<'_>) -> Option<Condition> {
    of.spec
        .is_suspended()
        .then(|| Condition::new(SUSPENDED, Some(true), "SuspendedBySpec", wakes(of)))
}

/// The condition [`HOST_CONFLICT`], where it is so.
pub(super) fn host_conflict(of: &Blueprint<'_>) -> Option<Condition> {
    let lost = of.findings.no_route.as_ref().filter(|no_route| no_route.reason == HOST_CONFLICT)?;
    Some(Condition::new(HOST_CONFLICT, Some(true), "HeldByAnother", lost.message.clone()))
}

/// What `Ready`, `Reconciling` and `Stalled` say: a preview that is to have a route and cannot is
/// not ready, though its pods are.
pub(super) fn verdict(of: &Blueprint<'_>, of_children: Verdict) -> Verdict {
    match (&of.findings.no_route, of_children) {
        (Some(no_route), Verdict::Ready(_) | Verdict::Progressing(..)) if no_route.stalls => {
            Verdict::Stalled(no_route.reason, no_route.message.clone())
        }
        (_, Verdict::Ready(_)) if of.spec.is_suspended() => {
            Verdict::Ready(format!("it sleeps: {}", wakes(of)))
        }
        (_, of_children) => of_children,
    }
}

fn wakes(of: &Blueprint<'_>) -> String {
    let replicas = of.spec.replicas();
    format!("no pod runs, because spec.suspend is true: set it to false, and {replicas} will")
}

fn works(deployment: &ChildState<'_>) -> bool {
    *deployment.outcome == Outcome::InSync && matches!(health::of(deployment), Health::Ready { .. })
}

/// By HTTP unless the spec says otherwise: whether a gateway has a certificate for the host is not
/// known here, and where it has one it redirects.
fn url(of: &Blueprint<'_>) -> String {
    let scheme = if of.tls().is_some() { "https" } else { "http" };
    let path = Some(of.path()).filter(|path| *path != DEFAULT_PATH).unwrap_or_default();
    format!("{scheme}://{}{path}", of.host())
}

#[cfg(test)]
mod tests {
    use operator_api::preview::{Route, RouteTls, RouteType, WhenSuspended};

    use crate::preview::PreviewOperator;
    use crate::testing::{self, conditions_of, preview, status_of};

    const RUNS: &str = r#"{"replicas":1,"readyReplicas":1,"updatedReplicas":1,"availableReplicas":1,"observedGeneration":1,
        "conditions":[{"type":"Available","status":"True"}]}"#;
    const STARTS: &str =
        r#"{"replicas":1,"updatedReplicas":1,"unavailableReplicas":1,"observedGeneration":1}"#;

    #[test]
    fn a_url_is_shown_once_the_pods_run_and_the_route_is_there() {
        let url = |children: &[(&str, &str)]| {
            status_of(&PreviewOperator::default(), &preview("web"), children).url
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
    fn the_url_is_where_the_route_leads_from() {
        let url = |route: Route, child: (&str, &str)| {
            let mut preview = preview("web");
            preview.spec.route = Some(route);
            status_of(&PreviewOperator::default(), &preview, &[("Deployment", RUNS), child]).url
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
    fn where_no_pod_is_asked_for_there_is_nothing_to_look_at() {
        let mut preview = preview("web");
        preview.spec.replicas = Some(0);
        let settled =
            r#"{"observedGeneration":1,"conditions":[{"type":"Available","status":"True"}]}"#;
        let status = status_of(
            &PreviewOperator::default(),
            &preview,
            &[("Deployment", settled), ("Mapping", "{}")],
        );
        assert_eq!((status.url, status.ready.as_deref()), (None, Some("0/0")));
    }

    #[test]
    fn a_preview_that_sleeps_says_so_and_has_no_url() {
        let mut preview = preview("web");
        preview.spec.suspend = Some(true);
        let settled = [("Deployment", r#"{"observedGeneration":1}"#), ("Mapping", "{}")];
        let status = status_of(&PreviewOperator::default(), &preview, &settled);
        assert_eq!((status.url, status.ready.as_deref()), (None, Some("0/0")));
        let conditions = conditions_of(&PreviewOperator::default(), &preview, &settled);
        let said: Vec<_> = conditions.iter().map(|c| (c.type_, c.status, c.reason)).collect();
        assert_eq!(
            said,
            [("RouteAccepted", None, "NotReported"), ("Suspended", Some(true), "SuspendedBySpec")]
        );
        assert!(
            conditions[1].message.contains("set it to false, and 1 will"),
            "{}",
            conditions[1].message
        );

        preview.spec.route =
            Some(Route { when_suspended: Some(WhenSuspended::Remove), ..Route::default() });
        let conditions = conditions_of(&PreviewOperator::default(), &preview, &settled[..1]);
        assert_eq!(
            (conditions[0].status, conditions[0].reason),
            (Some(false), "RemovedWhileSuspended")
        );

        preview.spec.suspend = Some(false);
        assert_eq!(conditions_of(&PreviewOperator::default(), &preview, &settled).len(), 1);
    }

    #[test]
    fn a_scale_knows_by_which_labels_the_pods_are_found() {
        let status = status_of(&PreviewOperator::default(), &preview("web"), &[]);
        let selector = "app.kubernetes.io/instance=web,app.kubernetes.io/name=preview";
        assert_eq!(status.selector.as_deref(), Some(selector));
    }

    #[test]
    fn the_pods_are_counted_as_the_deployment_counts_them() {
        let status =
            status_of(&PreviewOperator::default(), &preview("web"), &[("Deployment", RUNS)]);
        assert_eq!(
            (status.replicas, status.ready_replicas, status.ready.as_deref()),
            (Some(1), Some(1), Some("1/1"))
        );
        let status = status_of(&PreviewOperator::default(), &preview("web"), &[]);
        assert_eq!(
            (status.replicas, status.ready_replicas, status.ready.as_deref()),
            (Some(0), Some(0), Some("0/1"))
        );
    }
}
