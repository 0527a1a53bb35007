//! What is reported about a preview: its pods, its URL once somebody can look at it there, and whether there is a route.
//! `observedGeneration` and the other conditions are the framework's.

use k8s_openapi::api::apps::v1::Deployment;
use kubewright::core::health::{self, Health};
use kubewright::core::observed::{ChildState, Outcome};
use kubewright::{Condition, Observed, labels};
use operator_api::ambassador::{Mapping, MappingStatus};
use operator_api::preview::PreviewEnvironmentStatus;

use super::blueprint::Blueprint;
use super::operator::Owns;
use super::{rollout, service};

/// The condition that says that the preview sleeps; there is none while it does not.
pub const SUSPENDED: &str = "Suspended";

/// The condition that says whether the host name leads to the preview.
pub const ROUTED: &str = "Routed";

/// What Ambassador's status says of a Mapping that it does not heed.
const INACTIVE: &str = "Inactive";

/// What became of the route.
enum Route {
    /// It is there.
    There,
    /// Nobody in this cluster knows what a Mapping is.
    NoApi,
    /// Ambassador does not heed it, for this reason.
    Inactive(String),
    /// It is gone for as long as the preview sleeps.
    Sleeps,
    /// It is not there yet, or somebody else holds its name; `Ready` tells more.
    NotThere,
}

/// What the Deployment says, and the URL once its pods are ready and there is a route.
pub(super) fn status(of: &Blueprint<'_>, observed: &Observed<'_, Owns>) -> PreviewEnvironmentStatus {
    let deployment = observed.status::<Deployment, _>(&of.name).unwrap_or_default();
    let ready = deployment.ready_replicas.unwrap_or(0);
    let runs = ready > 0 && observed.child::<Deployment, _>(&of.name).is_some_and(works);
    let reached = runs && matches!(route(of, observed), Route::There);
    PreviewEnvironmentStatus {
        url: reached.then(|| url(of)),
        revision: of.spec.revision.clone().filter(|_| rollout::is_complete(of, observed)),
        selector: Some(labels::to_query(&of.labels)),
        // The API server leaves zeros out.
        replicas: Some(deployment.replicas.unwrap_or(0)),
        ready_replicas: Some(ready),
        ready: Some(format!("{ready}/{}", of.replicas())),
        ..PreviewEnvironmentStatus::default()
    }
}

/// The condition [`ROUTED`].
pub(super) fn routed(of: &Blueprint<'_>, observed: &Observed<'_, Owns>) -> Condition {
    let address = service::address(of);
    match route(of, observed) {
        Route::There => Condition::new(ROUTED, Some(true), "RouteInPlace", format!("{} leads to Service {address}", of.host())),
        Route::NoApi => Condition::new(
            ROUTED,
            Some(false),
            "RouteApiNotServed",
            format!(
                "this cluster has no Mapping of getambassador.io/v3alpha1: install Ambassador (Emissary-ingress), and the route is \
                 made by itself; until then the preview is reached inside the cluster only, at http://{address}"
            ),
        ),
        Route::Inactive(why) => {
            Condition::new(ROUTED, Some(false), "RouteInactive", format!("Ambassador does not heed Mapping {}: {why}", of.name))
        }
        Route::Sleeps => Condition::new(
            ROUTED,
            Some(false),
            "RemovedWhileSuspended",
            "there is no route while spec.suspend is true, because spec.route.whenSuspended is Remove",
        ),
        Route::NotThere => {
            Condition::new(ROUTED, Some(false), "RouteNotInPlace", format!("Mapping {} is not in place; see Ready", of.name))
        }
    }
}

/// The condition [`SUSPENDED`], where it is so.
pub(super) fn suspended(of: &Blueprint<'_>) -> Option<Condition> {
    let replicas = of.spec.replicas();
    let wake = format!("no pod runs, because spec.suspend is true: set it to false, and {replicas} will");
    of.spec.is_suspended().then(|| Condition::new(SUSPENDED, Some(true), "SuspendedBySpec", wake))
}

fn route(of: &Blueprint<'_>, observed: &Observed<'_, Owns>) -> Route {
    if of.route_sleeps() {
        return Route::Sleeps;
    }
    let Some(mapping) = observed.child::<Mapping, _>(&of.name) else { return Route::NotThere };
    match mapping.outcome {
        Outcome::NotServed => Route::NoApi,
        Outcome::InSync if mapping.observed.is_some() => match mapping.status::<MappingStatus>() {
            Some(says) if says.state.as_deref() == Some(INACTIVE) => Route::Inactive(says.reason.unwrap_or_default()),
            _ => Route::There,
        },
        _ => Route::NotThere,
    }
}

fn works(deployment: &ChildState<'_>) -> bool {
    *deployment.outcome == Outcome::InSync && matches!(health::of(deployment), Health::Ready { .. })
}

/// Plain HTTP: whether the gateway has a certificate for the host is not known here, and where it has one it redirects.
fn url(of: &Blueprint<'_>) -> String {
    format!("http://{}", of.host())
}

#[cfg(test)]
mod tests {
    use operator_api::preview::{Route, WhenSuspended};

    use crate::preview::PreviewOperator;
    use crate::testing::{self, conditions_of, preview, status_of};

    const RUNS: &str = r#"{"replicas":1,"readyReplicas":1,"updatedReplicas":1,"availableReplicas":1,"observedGeneration":1,
        "conditions":[{"type":"Available","status":"True"}]}"#;
    const STARTS: &str = r#"{"replicas":1,"updatedReplicas":1,"unavailableReplicas":1,"observedGeneration":1}"#;

    #[test]
    fn a_url_is_shown_once_the_pods_run_and_the_route_is_there() {
        let url = |children: &[(&str, &str)]| status_of(&PreviewOperator, &preview("web"), children).url;
        assert_eq!(url(&[("Deployment", RUNS), ("Mapping", "{}")]).as_deref(), Some("http://web.example.com"));
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
    fn where_no_pod_is_asked_for_there_is_nothing_to_look_at() {
        let mut preview = preview("web");
        preview.spec.replicas = Some(0);
        let settled = r#"{"observedGeneration":1,"conditions":[{"type":"Available","status":"True"}]}"#;
        let status = status_of(&PreviewOperator, &preview, &[("Deployment", settled), ("Mapping", "{}")]);
        assert_eq!((status.url, status.ready.as_deref()), (None, Some("0/0")));
    }

    #[test]
    fn a_preview_that_sleeps_says_so_and_has_no_url() {
        let mut preview = preview("web");
        preview.spec.suspend = Some(true);
        let settled = [("Deployment", r#"{"observedGeneration":1}"#), ("Mapping", "{}")];
        let status = status_of(&PreviewOperator, &preview, &settled);
        assert_eq!((status.url, status.ready.as_deref()), (None, Some("0/0")));
        let conditions = conditions_of(&PreviewOperator, &preview, &settled);
        let said: Vec<_> = conditions.iter().map(|c| (c.type_, c.status, c.reason)).collect();
        assert_eq!(said, [("Routed", Some(true), "RouteInPlace"), ("Suspended", Some(true), "SuspendedBySpec")]);
        assert!(conditions[1].message.contains("set it to false, and 1 will"), "{}", conditions[1].message);

        preview.spec.route = Some(Route { when_suspended: Some(WhenSuspended::Remove) });
        let conditions = conditions_of(&PreviewOperator, &preview, &settled[..1]);
        assert_eq!((conditions[0].status, conditions[0].reason), (Some(false), "RemovedWhileSuspended"));

        preview.spec.suspend = Some(false);
        assert_eq!(conditions_of(&PreviewOperator, &preview, &settled).len(), 1);
    }

    #[test]
    fn a_scale_knows_by_which_labels_the_pods_are_found() {
        let status = status_of(&PreviewOperator, &preview("web"), &[]);
        let selector = "app.kubernetes.io/instance=web,app.kubernetes.io/name=preview";
        assert_eq!(status.selector.as_deref(), Some(selector));
    }

    #[test]
    fn the_pods_are_counted_as_the_deployment_counts_them() {
        let status = status_of(&PreviewOperator, &preview("web"), &[("Deployment", RUNS)]);
        assert_eq!((status.replicas, status.ready_replicas, status.ready.as_deref()), (Some(1), Some(1), Some("1/1")));
        let status = status_of(&PreviewOperator, &preview("web"), &[]);
        assert_eq!((status.replicas, status.ready_replicas, status.ready.as_deref()), (Some(0), Some(0), Some("0/1")));
    }

    #[test]
    fn the_condition_says_what_is_missing_for_a_route() {
        let routed = |children: &[(&str, &str)]| {
            let condition = conditions_of(&PreviewOperator, &preview("web"), children).remove(0);
            (condition.type_, condition.status, condition.reason, condition.message)
        };
        let (type_, status, reason, message) = routed(&[("Mapping", "{}")]);
        assert_eq!((type_, status, reason), ("Routed", Some(true), "RouteInPlace"));
        assert_eq!(message, "web.example.com leads to Service web.shop:80");
        let (_, status, reason, message) = routed(&[("Mapping", testing::NOT_SERVED)]);
        assert_eq!((status, reason), (Some(false), "RouteApiNotServed"));
        assert!(message.contains("install Ambassador") && message.contains("http://web.shop:80"), "{message}");
        let (_, status, reason, message) = routed(&[("Mapping", r#"{"state":"Inactive","reason":"no Host"}"#)]);
        assert_eq!((status, reason), (Some(false), "RouteInactive"));
        assert!(message.ends_with("no Host"), "{message}");
        assert_eq!(routed(&[]).2, "RouteNotInPlace");
    }
}
