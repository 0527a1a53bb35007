//! Decides what a preview gets.

use std::time::Duration;

use k8s_openapi::api::networking::v1::IngressClass;
use kubewright::time::SignedDuration;
use kubewright::{ConditionType, Invalid, Metadata, Timestamp, names, of};
use operator_api::duration;
use operator_api::preview::{PreviewEnvironment, is_no_image};

use super::candidate::Candidate;
use super::claims::Holding;
use super::decision::{Announced, Decision, Refusal, Routing};
use super::{host, limits, route, security};
use crate::naming;

/// Reasons of `Ready` for fields that cannot be read. The schema checks more.
pub(crate) const FIELD_REASONS: ConditionType = ConditionType::ready(&[
    ("ImageNotUsable", "`spec.image` is not the name of an image"),
    ("TtlNotUsable", "`spec.ttl` is not a duration"),
]);

/// How long an Ingress may have no address before it counts as in place. Controllers that report
/// an address do so within a minute or two.
const ADDRESS_WAIT: Duration = Duration::from_mins(3);

/// Decides what a preview gets. The spec was first seen at `changed_at`.
///
/// # Errors
/// [`Invalid`] if the preview cannot run at all.
pub(crate) fn resolve(
    candidate: &Candidate<'_>,
    holding: &Holding,
    changed_at: Option<Timestamp>,
) -> Result<Decision, Invalid> {
    validate(candidate)?;
    let (spec, policies) = (&candidate.preview.spec, &candidate.policies);
    let (blocked, routing) = admit(candidate, holding);
    let most = policies.replicas().map_or(i32::MAX, |limit| limit.value);
    let runs = blocked.is_none() && !spec.is_suspended();
    let (user, root) = security::user(candidate);
    Ok(Decision {
        needs_no_address: needs_no_address(&routing, candidate, changed_at),
        replicas: if runs { spec.replicas().min(most) } else { 0 },
        announced: announced(candidate, holding).filter(|_| !is_refused(&routing)),
        exceeded: blocked.or_else(|| limits::replicas(spec.replicas(), policies)),
        reachable_from: policies.reachable_from(),
        routing,
        user,
        root,
    })
}

/// Why there are no pods, and the route.
fn admit(candidate: &Candidate<'_>, holding: &Holding) -> (Option<Refusal>, Routing) {
    let blocked = limits::blocking(candidate);
    let routing = match &blocked {
        Some(refusal) => Routing::Refused(refusal.clone()),
        None => routing(candidate, holding),
    };
    (blocked, routing)
}

fn is_refused(routing: &Routing) -> bool {
    matches!(routing, Routing::Refused(refusal) if refusal.stalls)
}

/// The refusal that follows when the edits of policies apply.
fn announced(candidate: &Candidate<'_>, holding: &Holding) -> Option<Announced> {
    let (candidate, at) = candidate.after_edits()?;
    match admit(&candidate, holding).1 {
        Routing::Refused(refusal) if refusal.stalls => Some(Announced { refusal, at }),
        _ => None,
    }
}

/// Rejects a preview that no cluster can run, although a schema accepts it.
fn validate(candidate: &Candidate<'_>) -> Result<(), Invalid> {
    let PreviewEnvironment { metadata, spec, .. } = candidate.preview;
    let name = metadata.name.as_deref().unwrap_or_default();
    host::check(&spec.fqdn)?;
    naming::check_service_name(name, &names::child_name(&[name]))?;
    if is_no_image(&spec.image) {
        let message = format!(
            "spec.image is {:?}, which is not the name of an image: write a name like \
             registry.example.com/team/app:1.2.3",
            spec.image
        );
        return Err(Invalid::new("ImageNotUsable", message));
    }
    security::check(candidate)?;
    match spec.ttl.as_deref().filter(|_| spec.pinned != Some(true)).map(duration::parse) {
        Some(Err(error)) => {
            let message = format!("spec.ttl is not a duration: {error}");
            Err(Invalid::new("TtlNotUsable", message))
        }
        Some(Ok(_)) | None => Ok(()),
    }
}

fn routing(candidate: &Candidate<'_>, holding: &Holding) -> Routing {
    let routing = route::choose(candidate);
    if route::is_served(&routing, candidate.view)
        && let Some(refusal) = holding.conflict(candidate)
    {
        return Routing::Refused(refusal);
    }
    match routing {
        Routing::Ingress(_) => {
            let route = candidate.preview.spec.route.as_ref();
            let class = route.and_then(|route| route.ingress_class_name.as_deref());
            Routing::Ingress(route::ingress_class(class, candidate))
        }
        routing => routing,
    }
}

/// Whether an Ingress counts as in place although it has no address. An address is all that a
/// controller reports, and some controllers report none. So after a while it counts if its class
/// exists, because the class comes with a controller.
fn needs_no_address(
    routing: &Routing,
    candidate: &Candidate<'_>,
    changed_at: Option<Timestamp>,
) -> bool {
    let Routing::Ingress(Some(class)) = routing else { return false };
    let wait = SignedDuration::try_from(ADDRESS_WAIT);
    let until = changed_at.zip(wait.ok()).and_then(|(at, wait)| at.checked_add(wait).ok());
    candidate.view.get(of::<Metadata<IngressClass>>(), class.as_str()).is_some()
        && until.is_some_and(|until| candidate.view.is_past(until))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use operator_api::preview::{Route, RouteType};
    use serde_json::json;

    use super::*;
    use crate::preview::admission::policy::tests::policy;
    use crate::preview::settings::PreviewOperator;
    use crate::testing::{self, FakeCluster, created_at, gateway, ingress_class, view_of};

    /// A preview `shop/NAME` that was created in this second.
    fn preview(name: &str, second: i64) -> PreviewEnvironment {
        created_at(testing::preview(name), second)
    }

    fn routed(mut preview: PreviewEnvironment, type_: RouteType) -> PreviewEnvironment {
        preview.spec.route = Some(Route { type_: Some(type_), ..Route::default() });
        preview
    }

    fn decision(
        settings: &PreviewOperator,
        preview: &PreviewEnvironment,
        cluster: &FakeCluster,
    ) -> Decision {
        let view = view_of(cluster);
        let candidate = Candidate::new(preview, settings, &view);
        resolve(&candidate, &Holding::find(&candidate), Timestamp::from_second(0).ok()).unwrap()
    }

    fn replicas_of(preview: &PreviewEnvironment, cluster: &FakeCluster) -> i32 {
        decision(&PreviewOperator::default(), preview, cluster).replicas
    }

    #[test]
    fn a_suspended_preview_has_no_pods_whatever_its_replicas() {
        let mut preview = preview("a", 1);
        preview.spec.replicas = Some(3);
        preview.spec.suspend = Some(true);
        assert_eq!(replicas_of(&preview, &FakeCluster::empty()), 0);
        preview.spec.suspend = Some(false);
        assert_eq!(replicas_of(&preview, &FakeCluster::empty()), 3);
    }

    #[test]
    fn gateways_come_from_the_spec_or_else_a_policy_or_else_the_settings() {
        let settings = PreviewOperator {
            default_gateways: vec![gateway("settings", None, None)],
            ..PreviewOperator::default()
        };
        let with_policy = FakeCluster::empty()
            .with(policy("p", json!({ "routes": { "parentRefs": [{ "name": "policy" }] } })));
        let gateways = |preview: &PreviewEnvironment, cluster: &FakeCluster| match decision(
            &settings, preview, cluster,
        )
        .routing
        {
            Routing::HttpRoute(gateways) => gateways,
            other => panic!("{other:?}"),
        };
        let mut preview = routed(preview("web", 1), RouteType::HttpRoute);
        assert_eq!(gateways(&preview, &FakeCluster::empty()), [gateway("settings", None, None)]);
        assert_eq!(gateways(&preview, &with_policy), [gateway("policy", None, None)]);
        preview.spec.route.as_mut().unwrap().parent_refs = vec![gateway("own", None, None)];
        assert_eq!(gateways(&preview, &with_policy), [gateway("own", None, None)]);
    }
    #[test]
    fn an_ingress_needs_no_address_after_a_while_if_its_class_exists() {
        let with_class = || FakeCluster::empty().with(ingress_class("nginx"));
        let needs_none = |name: Option<&str>, cluster: FakeCluster, second: i64| {
            let mut web = routed(preview("web", 0), RouteType::Ingress);
            web.spec.route.as_mut().unwrap().ingress_class_name = name.map(str::to_owned);
            let cluster = cluster.at(Timestamp::from_second(second).unwrap());
            decision(&PreviewOperator::default(), &web, &cluster).needs_no_address
        };
        assert!(!needs_none(Some("nginx"), with_class(), 179), "a controller may still report");
        assert!(needs_none(Some("nginx"), with_class(), 180));
        assert!(needs_none(None, with_class(), 180), "the class of the cluster");
        assert!(!needs_none(Some("ngnix"), with_class(), 10_000), "this class does not exist");
        assert!(!needs_none(None, FakeCluster::empty(), 10_000), "no controller is installed");
    }

    #[test]
    fn an_image_that_leads_elsewhere_is_rejected() {
        let mut web = preview("web", 1);
        web.spec.image = "registry.example.com/team/../other/app:1".into();
        let operator = PreviewOperator::default();
        let reason = testing::withdrawn_in(&operator, &web, &FakeCluster::empty());
        assert_eq!(reason, Some("ImageNotUsable"));
    }
}
