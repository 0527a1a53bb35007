//! Decides what a preview gets.
//!
//! Several previews may claim one host. The oldest that can have a route holds it; the others have
//! no route until it is free. Whether a preview can have a route does not depend on who holds a
//! host, so previews never wait for each other in a circle. A preview that cannot have a route
//! holds nothing; otherwise a namespace could block hosts with previews that are never served.

use kubewright::{ConditionType, Index, Invalid, ObjectKey, Part, names, of};
use operator_api::duration;
use operator_api::preview::{HOST_CONFLICT, PreviewClaim, PreviewEnvironment};

use super::candidate::Candidate;
use super::decision::{Decision, Refusal, Routing};
use super::{host, limits, route, security};
use crate::naming;

/// Reasons of `Ready` for a lifetime that cannot be read.
pub(crate) const TTL_REASONS: ConditionType =
    ConditionType::ready(&[("TtlNotUsable", "`spec.ttl` is not a duration")]);

/// Previews by the host that they claim. A claim is one host name, never a wildcard.
struct ByHost;

impl Index for ByHost {
    type Of = Part<PreviewClaim>;

    fn keys(claim: &PreviewClaim) -> Vec<String> {
        claim.host().map(str::to_owned).into_iter().collect()
    }
}

/// Decides what a preview gets.
///
/// # Errors
/// [`Invalid`] if the preview cannot run at all.
pub(crate) fn resolve(
    preview: &PreviewEnvironment,
    candidate: &Candidate<'_>,
) -> Result<Decision, Invalid> {
    validate(candidate)?;
    let (spec, policies) = (&preview.spec, &candidate.policies);
    let blocked = limits::blocking(candidate);
    let routing = match &blocked {
        Some(refusal) => Routing::Refused(refusal.clone()),
        None => routing(preview, candidate),
    };
    let most = policies.replicas().map_or(i32::MAX, |limit| limit.value);
    let runs = blocked.is_none() && !spec.is_suspended();
    let (user, root) = security::user(candidate);
    Ok(Decision {
        routing,
        replicas: if runs { spec.replicas().min(most) } else { 0 },
        exceeded: blocked.or_else(|| limits::replicas(spec.replicas(), policies)),
        reachable_from: policies.reachable_from(),
        user,
        root,
    })
}

/// Rejects a preview that no cluster can run, although a schema accepts it.
fn validate(candidate: &Candidate<'_>) -> Result<(), Invalid> {
    let PreviewClaim { metadata, spec } = candidate.claim;
    let name = metadata.name.as_deref().unwrap_or_default();
    host::check(&spec.fqdn)?;
    naming::check_service_name(name, &names::child_name(&[name]))?;
    security::check(candidate)?;
    match spec.ttl.as_deref().filter(|_| spec.pinned != Some(true)).map(duration::parse) {
        Some(Err(error)) => {
            let message = format!("spec.ttl is not a duration: {error}");
            Err(Invalid::new("TtlNotUsable", message))
        }
        Some(Ok(_)) | None => Ok(()),
    }
}

fn routing(preview: &PreviewEnvironment, candidate: &Candidate<'_>) -> Routing {
    let routing = route::choose(candidate);
    if route::is_served(&routing, candidate.view)
        && let Some(refusal) = host_conflict(candidate)
    {
        return Routing::Refused(refusal);
    }
    match routing {
        Routing::Ingress(_) => {
            let route = preview.spec.route.as_ref();
            let class = route.and_then(|route| route.ingress_class_name.as_deref());
            Routing::Ingress(route::ingress_class(class, candidate))
        }
        routing => routing,
    }
}

/// Why the preview of this claim has no route: an older preview holds its host.
fn host_conflict(candidate: &Candidate<'_>) -> Option<Refusal> {
    let Candidate { claim, settings, view, .. } = candidate;
    let host = claim.host()?;
    let own = limits::precedence(&claim.metadata);
    let mut older = view.list_by(of::<ByHost>(), host);
    older.retain(|claim| limits::precedence(&claim.metadata) < own);
    older.sort_by(|a, b| limits::precedence(&a.metadata).cmp(&limits::precedence(&b.metadata)));
    let holds = |claim: &PreviewClaim| can_have_route(&Candidate::new(claim, settings, view));
    let holder = ObjectKey::of(&older.iter().find(|claim| holds(claim))?.metadata);
    let message = format!(
        "the older PreviewEnvironment {holder} holds the host {host}: write another spec.fqdn, or \
         wait until that preview is deleted or changes its host"
    );
    Some(Refusal::new(HOST_CONFLICT, message))
}

/// Whether a preview can have a route, without regard to other claims of its host.
fn can_have_route(candidate: &Candidate<'_>) -> bool {
    // The limits come last: counting the previews of a namespace is the most expensive check.
    route::is_served(&route::choose(candidate), candidate.view)
        && validate(candidate).is_ok()
        && limits::blocking(candidate).is_none()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use operator_api::ambassador::Mapping;
    use operator_api::preview::{PodSecurity, Route, RouteType, WhenSuspended};
    use serde_json::json;

    use super::*;
    use crate::preview::admission::domains::ALLOWED_DOMAINS;
    use crate::preview::admission::policy::tests::policy;
    use crate::preview::settings::PreviewOperator;
    use crate::testing::{self, FakeCluster, created_at, gateway, view_of};

    /// A preview `shop/NAME` of the host `web.example.com` that was created in this second.
    fn preview(name: &str, second: i64) -> PreviewEnvironment {
        let mut preview = created_at(testing::preview(name), second);
        preview.spec.fqdn = "web.example.com".into();
        preview
    }

    fn routed(mut preview: PreviewEnvironment, type_: RouteType) -> PreviewEnvironment {
        preview.spec.route = Some(Route { type_: Some(type_), ..Route::default() });
        preview
    }

    fn conflict_in(preview: &PreviewEnvironment, cluster: &FakeCluster) -> Option<Refusal> {
        let (claim, settings) = (PreviewClaim::from(preview), PreviewOperator::default());
        host_conflict(&Candidate::new(&claim, &settings, &view_of(cluster)))
    }

    /// Which of the previews do not get their host.
    fn conflicts(previews: &[PreviewEnvironment]) -> Vec<bool> {
        let cluster = previews.iter().fold(testing::with_ambassador(), testing::beside);
        previews.iter().map(|preview| conflict_in(preview, &cluster).is_some()).collect()
    }

    #[test]
    fn the_oldest_preview_holds_a_host_and_of_the_same_second_the_one_with_the_lower_uid() {
        assert_eq!(
            conflicts(&[preview("a", 2), preview("b", 1), preview("c", 3)]),
            [true, false, true]
        );
        assert_eq!(conflicts(&[preview("b", 1), preview("a", 1)]), [true, false]);
        assert_eq!(conflicts(&[preview("a", 1)]), [false]);
    }

    #[test]
    fn the_message_names_the_holder_of_the_host() {
        let mut other = preview("a", 1);
        other.metadata.namespace = Some("team-b".into());
        let elsewhere = elsewhere(preview("z", 0), "else", "y.com");
        let cluster =
            [&other, &elsewhere].into_iter().fold(testing::with_ambassador(), testing::beside);
        let refusal = conflict_in(&preview("b", 2), &cluster).unwrap();
        assert!(refusal.stalls);
        assert!(
            refusal.message.starts_with("the older PreviewEnvironment team-b/a holds the host"),
            "{}",
            refusal.message
        );
    }

    fn elsewhere(
        mut preview: PreviewEnvironment,
        namespace: &str,
        host: &str,
    ) -> PreviewEnvironment {
        preview.metadata.namespace = Some(namespace.into());
        preview.spec.fqdn = host.into();
        preview
    }

    #[test]
    fn a_preview_without_a_route_claims_no_host() {
        let without = routed(preview("a", 1), RouteType::None);
        let mut suspended = preview("b", 2);
        suspended.spec.suspend = Some(true);
        suspended.spec.route =
            Some(Route { when_suspended: Some(WhenSuspended::Remove), ..Route::default() });
        assert_eq!(conflicts(&[without, suspended.clone(), preview("c", 3)]), [false; 3]);
        suspended.spec.route = None;
        assert_eq!(
            conflicts(&[suspended, preview("c", 3)]),
            [false, true],
            "the suspended preview keeps its route"
        );
    }

    /// The outcome for `closed/rival`, which is older, and `open/web`: why the rival is not Ready,
    /// or its route not accepted, and whether `web` has the host.
    fn outcome(
        operator: &PreviewOperator,
        rival: &PreviewEnvironment,
        cluster: FakeCluster,
    ) -> (&'static str, bool) {
        let mut web = routed(preview("web", 2), RouteType::Ingress);
        web.metadata.namespace = Some("open".into());
        let cluster = [rival, &web].into_iter().fold(cluster, testing::beside);
        let reason = testing::withdrawn_in(operator, rival, &cluster).unwrap_or_else(|| {
            testing::report_in(operator, rival, &cluster, &[]).conditions[0].reason
        });
        let has_route =
            testing::names_in(operator, &web, &cluster).contains(&"Ingress web".to_owned());
        (reason, has_route)
    }

    fn rival() -> PreviewEnvironment {
        elsewhere(preview("rival", 1), "closed", "web.example.com")
    }

    /// The namespace `closed` with these labels and allowed domains, and with this policy.
    fn closed(
        labels: &[(&str, &str)],
        domains: Option<&str>,
        mut spec: serde_json::Value,
    ) -> FakeCluster {
        let mut namespace = testing::namespace("closed", &[labels, &[("team", "closed")]].concat());
        namespace.metadata.annotations =
            domains.map(|domains| [(ALLOWED_DOMAINS.to_owned(), domains.to_owned())].into());
        spec["namespaceSelector"] = json!({ "matchLabels": { "team": "closed" } });
        FakeCluster::empty().with(namespace).with(policy("p", spec))
    }

    #[test]
    fn a_preview_that_cannot_have_a_route_holds_no_host_and_reports_why() {
        let ingress = || routed(rival(), RouteType::Ingress);
        let open = || closed(&[], None, json!({}));
        let restricted = |policy| closed(&[], None, policy);
        let default = PreviewOperator::default;
        let case = |rival, cluster| outcome(&default(), &rival, cluster);
        // The control: in all other cases below only one condition differs.
        assert_eq!(case(ingress(), open()), ("RouteNotInPlace", false));
        for (policy, reason) in [
            (json!({ "limits": { "previews": 0 } }), "TooManyPreviews"),
            (json!({ "imagePrefixes": ["x.example.com/"] }), "ImageNotAllowed"),
            (json!({ "routes": { "types": ["Mapping"] } }), "RouteTypeNotAllowed"),
            (json!({ "domains": ["*.other.com"] }), "HostNotAllowed"),
        ] {
            assert_eq!(case(ingress(), restricted(policy)), (reason, true));
        }
        assert_eq!(
            case(ingress(), closed(&[], Some("*.other.com"), json!({}))),
            ("HostNotAllowed", true)
        );
        assert_eq!(case(routed(rival(), RouteType::HttpRoute), open()), ("GatewayMissing", true));
        assert!(case(routed(rival(), RouteType::Mapping), open()).1, "Mapping is not served");
        assert!(!case(routed(rival(), RouteType::Mapping), open().serving::<Mapping>()).1);
        assert_eq!(case(rival(), open()), ("RouteApiNotServed", true), "nothing is served");
        let none = json!({ "routes": { "default": "None" } });
        assert_eq!(case(rival(), restricted(none)), ("NotRequested", true));
        let none = PreviewOperator { default_route: Some(RouteType::None), ..default() };
        assert_eq!(outcome(&none, &rival(), open()), ("NotRequested", true));
        let http_route = PreviewOperator { default_route: Some(RouteType::HttpRoute), ..default() };
        assert_eq!(outcome(&http_route, &rival(), open()), ("GatewayMissing", true));
        let named =
            PreviewOperator { default_gateways: vec![gateway("public", None, None)], ..http_route };
        let served = || open().serving::<operator_api::gateway::HTTPRoute>();
        assert_eq!(outcome(&named, &rival(), served()), ("RouteNotInPlace", false));
    }

    #[test]
    fn a_rejected_preview_holds_no_host() {
        let case = |rival: &PreviewEnvironment, labels: &[(&str, &str)]| {
            outcome(&PreviewOperator::default(), rival, closed(labels, None, json!({})))
        };
        let mut root = routed(rival(), RouteType::Ingress);
        root.spec.pod_security =
            Some(PodSecurity { run_as_user: Some(0), ..PodSecurity::default() });
        assert_eq!(case(&root, &[]), ("RouteNotInPlace", false));
        assert_eq!(
            case(&root, &[("pod-security.kubernetes.io/enforce", "restricted")]),
            ("PodSecurityNotAllowed", true)
        );
        let mut unnamed = routed(rival(), RouteType::Ingress);
        unnamed.metadata.name = Some("1-rival".into());
        assert_eq!(case(&unnamed, &[]), ("NameNotUsable", true));
        let mut endless = routed(rival(), RouteType::Ingress);
        endless.spec.ttl = Some("for ever".into());
        assert_eq!(case(&endless, &[]), ("TtlNotUsable", true));
        endless.spec.pinned = Some(true);
        assert!(!case(&endless, &[]).1, "the ttl of a pinned preview is not used");
    }

    #[test]
    fn a_preview_that_waits_for_a_host_counts_as_a_preview_of_its_namespace() {
        // Otherwise the count would depend on who holds a host, and that on the count.
        let one = FakeCluster::empty()
            .with(policy("p", json!({ "limits": { "previews": 1 } })))
            .serving::<Mapping>();
        let holder = elsewhere(preview("holder", 0), "other", "web.example.com");
        let mut last = preview("b", 2);
        last.spec.fqdn = "else.example.com".into();
        let cluster = [&holder, &preview("a", 1), &last].into_iter().fold(one, testing::beside);
        let operator = PreviewOperator::default();
        let reason = |preview: &PreviewEnvironment| {
            testing::report_in(&operator, preview, &cluster, &[]).conditions[0].reason
        };
        assert_eq!(
            (reason(&holder), reason(&preview("a", 1)), reason(&last)),
            ("RouteNotInPlace", "HostConflict", "TooManyPreviews")
        );
    }

    #[test]
    fn only_claims_of_the_same_host_are_looked_up() {
        let cluster = FakeCluster::empty();
        let view = view_of(&cluster);
        let (claim, settings) = (PreviewClaim::from(&preview("a", 1)), PreviewOperator::default());
        assert_eq!(host_conflict(&Candidate::new(&claim, &settings, &view)), None);
        let lookups = view.into_lookups();
        let wakes = |preview: &PreviewEnvironment| {
            let claim = PreviewClaim::from(preview);
            lookups.iter().any(|lookup| {
                lookup.kind.kind == "PreviewEnvironment" && lookup.query.matches(&claim)
            })
        };
        assert!(wakes(&preview("b", 2)));
        assert!(!wakes(&elsewhere(preview("b", 2), "shop", "other.example.com")));
    }

    fn decision(
        settings: &PreviewOperator,
        preview: &PreviewEnvironment,
        cluster: &FakeCluster,
    ) -> Decision {
        let claim = PreviewClaim::from(preview);
        resolve(preview, &Candidate::new(&claim, settings, &view_of(cluster))).unwrap()
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
}
