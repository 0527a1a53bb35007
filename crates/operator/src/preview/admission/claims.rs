//! Who holds a host that several previews claim.
//!
//! A preview that holds a host keeps it while it claims the host: `status.host` records that. So an
//! edit of an older preview takes no host from a preview that runs. Of previews without this
//! record, the oldest gets the host; the others have no route until the host is free.
//!
//! A claim counts if the namespace of the preview may use the host, whatever else is wrong with the
//! preview. Otherwise a wrong policy, a missing CRD or a wrong spec would hand its host to another
//! preview, which would keep it after the correction.

use std::sync::Arc;

use k8s_openapi::api::core::v1::Namespace;
use kubewright::{Index, Metadata, ObjectKey, Ordered, Part, Rank, of};
use operator_api::preview::{HOST_CONFLICT, PreviewClaim, RouteType};

use super::applied::created;
use super::candidate::Candidate;
use super::decision::Refusal;
use super::policy::Policies;
use super::{domains, route};

/// Previews by the host that they claim. A claim is one host name, never a wildcard. The preview
/// that holds the host is first, then the oldest.
struct ByHost;

impl Index for ByHost {
    type Of = Part<PreviewClaim>;

    fn keys(claim: &PreviewClaim) -> Vec<String> {
        claim.host().map(str::to_owned).into_iter().collect()
    }
}

impl Ordered for ByHost {
    fn rank(claim: &PreviewClaim) -> Rank {
        Rank::first_if(claim.is_held()).then(Rank::oldest(&claim.metadata))
    }
}

/// Who holds the host that a preview claims.
pub(crate) enum Holding {
    /// The preview claims no host, or may not use it.
    NoClaim,
    /// The preview itself.
    Own,
    /// The preview with this claim.
    Other(Arc<PreviewClaim>),
}

impl Holding {
    pub(crate) fn find(candidate: &Candidate<'_>) -> Self {
        let own = &candidate.claim;
        let Some(host) = own.host() else { return Self::NoClaim };
        let namespace = candidate.namespace.as_deref();
        if !counts(own, namespace, &candidate.policies, candidate) {
            return Self::NoClaim;
        }
        let (key, rank) = (ObjectKey::of(&own.metadata), ByHost::rank(own));
        let is_rival = |claim: &PreviewClaim| {
            ByHost::rank(claim) < rank && ObjectKey::of(&claim.metadata) != key
        };
        let holds = |rival: &PreviewClaim| {
            let namespace = rival.metadata.namespace.as_deref().unwrap_or_default();
            let policies = Policies::selecting(namespace, created(&rival.metadata), candidate.view);
            let namespace = candidate.view.get(of::<Metadata<Namespace>>(), namespace);
            counts(rival, namespace.as_deref(), &policies, candidate)
        };
        let ends = |claim: &PreviewClaim| !is_rival(claim) || holds(claim);
        let holder = candidate.view.first(of::<ByHost>(), host, ends);
        holder.filter(|holder| is_rival(holder)).map_or(Self::Own, Self::Other)
    }

    /// Why the preview has no route: another preview holds its host.
    pub(super) fn conflict(&self, candidate: &Candidate<'_>) -> Option<Refusal> {
        let Self::Other(holder) = self else { return None };
        let host = holder.host()?;
        // The names in another namespace may be those of another tenant.
        let is_near = holder.metadata.namespace == candidate.preview.metadata.namespace;
        let name = holder.metadata.name.as_deref().unwrap_or_default();
        let who = if is_near {
            format!("PreviewEnvironment {name}")
        } else {
            "a PreviewEnvironment of another namespace".to_owned()
        };
        let message = if holder.metadata.deletion_timestamp.is_some() {
            format!(
                "{who} holds the host {host} and is being deleted: this preview gets the host \
                 when the deletion is complete"
            )
        } else {
            format!(
                "{who} holds the host {host}: write another spec.fqdn, or wait until that preview \
                 is deleted or changes its host"
            )
        };
        Some(Refusal::new(HOST_CONFLICT, message))
    }
}

/// Whether a claim counts: its preview asks for a route, and its namespace may use the host.
fn counts(
    claim: &PreviewClaim,
    namespace: Option<&Metadata<Namespace>>,
    policies: &Policies,
    candidate: &Candidate<'_>,
) -> bool {
    let settings = candidate.settings;
    let allowed = &settings.allowed_domains;
    claim.host().is_some_and(|host| {
        route::requested(claim, policies, settings) != Some(RouteType::None)
            && domains::rejection(host, namespace, allowed, policies).is_none()
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
    use kubewright::Timestamp;
    use operator_api::ambassador::Mapping;
    use operator_api::preview::{
        PodSecurity, PreviewEnvironment, PreviewEnvironmentStatus, Route, WhenSuspended,
    };
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

    fn holding(mut preview: PreviewEnvironment, host: &str) -> PreviewEnvironment {
        let host = Some(host.to_owned());
        preview.status =
            Some(PreviewEnvironmentStatus { host, ..PreviewEnvironmentStatus::default() });
        preview
    }

    fn conflict_in(preview: &PreviewEnvironment, cluster: &FakeCluster) -> Option<Refusal> {
        let (settings, view) = (PreviewOperator::default(), view_of(cluster));
        let candidate = Candidate::new(preview, &settings, &view);
        Holding::find(&candidate).conflict(&candidate)
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
    fn a_preview_that_holds_a_host_keeps_it_when_an_older_preview_claims_it() {
        let held = |name: &str, second| holding(preview(name, second), "web.example.com");
        assert_eq!(conflicts(&[preview("older", 1), held("newer", 2)]), [true, false]);
        let of_another = holding(preview("older", 1), "other.example.com");
        assert_eq!(conflicts(&[of_another, held("newer", 2)]), [true, false]);
        assert_eq!(
            conflicts(&[held("older", 1), held("newer", 2)]),
            [false, true],
            "two that saw the host free at the same time"
        );
        let mut moved = held("newer", 2);
        moved.spec.fqdn = "other.example.com".into();
        assert_eq!(conflicts(&[preview("older", 1), moved]), [false, false]);
    }

    #[test]
    fn a_preview_without_a_record_in_the_cache_does_not_wait_for_itself() {
        let (seen, own) = (holding(preview("a", 1), "web.example.com"), preview("a", 1));
        let cluster = testing::beside(testing::with_ambassador(), &seen);
        assert_eq!(conflict_in(&own, &cluster), None);
    }

    #[test]
    fn a_holder_of_the_same_namespace_is_named_and_one_of_another_namespace_is_not() {
        let (mine, elsewhere) =
            (preview("a", 1), elsewhere(preview("a", 1), "team-b", "web.example.com"));
        let message = |holder: &PreviewEnvironment| {
            let cluster = testing::beside(testing::with_ambassador(), holder);
            let refusal = conflict_in(&preview("b", 2), &cluster).unwrap();
            assert!(refusal.stalls);
            refusal.message
        };
        assert_eq!(
            message(&mine),
            "PreviewEnvironment a holds the host web.example.com: write another spec.fqdn, or \
             wait until that preview is deleted or changes its host"
        );
        let other = message(&elsewhere);
        assert!(other.starts_with("a PreviewEnvironment of another namespace holds"), "{other}");
        assert!(!other.contains("team-b"), "{other}");
    }

    #[test]
    fn a_holder_that_is_being_deleted_is_reported_as_such() {
        let mut holder = preview("a", 1);
        holder.metadata.deletion_timestamp = Some(Time(Timestamp::from_second(5).unwrap()));
        let cluster = testing::beside(testing::with_ambassador(), &holder);
        assert_eq!(
            conflict_in(&preview("b", 2), &cluster).unwrap().message,
            "PreviewEnvironment a holds the host web.example.com and is being deleted: this \
             preview gets the host when the deletion is complete"
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
        let held = |preview: &PreviewEnvironment| {
            testing::report_in(operator, preview, &cluster, &[]).status.host
        };
        assert_eq!(held(&web).is_some(), has_route, "{reason}");
        assert_ne!(held(rival).is_some(), has_route, "{reason}");
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
    fn a_claim_counts_whatever_else_is_wrong_with_its_preview() {
        let ingress = || routed(rival(), RouteType::Ingress);
        let open = || closed(&[], None, json!({}));
        let default = PreviewOperator::default;
        let case = |rival, cluster| outcome(&default(), &rival, cluster);
        assert_eq!(case(ingress(), open()), ("RouteNotInPlace", false));
        for (policy, reason) in [
            (json!({ "limits": { "previews": 0 } }), "TooManyPreviews"),
            (json!({ "imagePrefixes": ["x.example.com/"] }), "ImageNotAllowed"),
            (json!({ "routes": { "types": ["Mapping"] } }), "RouteTypeNotAllowed"),
        ] {
            assert_eq!(case(ingress(), closed(&[], None, policy)), (reason, false));
        }
        assert_eq!(case(routed(rival(), RouteType::HttpRoute), open()), ("GatewayMissing", false));
        assert!(!case(routed(rival(), RouteType::Mapping), open()).1, "Mapping is not served");
        assert!(!case(routed(rival(), RouteType::Mapping), open().serving::<Mapping>()).1);
        assert_eq!(case(rival(), open()), ("RouteApiNotServed", false), "nothing is served");
        let named = PreviewOperator {
            default_route: Some(RouteType::HttpRoute),
            default_gateways: vec![gateway("public", None, None)],
            ..default()
        };
        let served = || open().serving::<operator_api::gateway::HTTPRoute>();
        assert_eq!(outcome(&named, &rival(), served()), ("RouteNotInPlace", false));
    }

    #[test]
    fn a_claim_of_a_rejected_preview_counts() {
        let case = |rival: &PreviewEnvironment, labels: &[(&str, &str)]| {
            outcome(&PreviewOperator::default(), rival, closed(labels, None, json!({})))
        };
        let mut root = routed(rival(), RouteType::Ingress);
        root.spec.pod_security =
            Some(PodSecurity { run_as_user: Some(0), ..PodSecurity::default() });
        assert_eq!(case(&root, &[]), ("RouteNotInPlace", false));
        assert_eq!(
            case(&root, &[("pod-security.kubernetes.io/enforce", "restricted")]),
            ("PodSecurityNotAllowed", false)
        );
        let mut endless = routed(rival(), RouteType::Ingress);
        endless.spec.ttl = Some("for ever".into());
        assert_eq!(case(&endless, &[]), ("TtlNotUsable", false));
    }

    #[test]
    fn a_namespace_that_may_not_use_a_host_and_a_preview_that_gets_no_route_claim_nothing() {
        let ingress = || routed(rival(), RouteType::Ingress);
        let restricted = |policy| closed(&[], None, policy);
        let default = PreviewOperator::default;
        let case = |rival, cluster| outcome(&default(), &rival, cluster);
        assert_eq!(
            case(ingress(), restricted(json!({ "domains": ["*.other.com"] }))),
            ("HostNotAllowed", true)
        );
        assert_eq!(
            case(ingress(), closed(&[], Some("*.other.com"), json!({}))),
            ("HostNotAllowed", true)
        );
        let held = holding(ingress(), "web.example.com");
        assert_eq!(
            case(held, closed(&[], Some("*.other.com"), json!({}))),
            ("HostNotAllowed", true),
            "also a preview that held the host before"
        );
        let none = json!({ "routes": { "default": "None" } });
        assert_eq!(case(rival(), restricted(none)), ("NotRequested", true));
        let none = PreviewOperator { default_route: Some(RouteType::None), ..default() };
        assert_eq!(outcome(&none, &rival(), restricted(json!({}))), ("NotRequested", true));
    }

    #[test]
    fn a_preview_that_waits_for_a_host_counts_as_a_preview_of_its_namespace() {
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
        let (web, settings) = (preview("a", 1), PreviewOperator::default());
        assert!(matches!(Holding::find(&Candidate::new(&web, &settings, &view)), Holding::Own));
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

    #[test]
    fn a_claim_behind_the_holder_concerns_no_other_preview() {
        let holder = holding(preview("holder", 2), "web.example.com");
        let older = elsewhere(preview("older", 1), "closed", "web.example.com");
        let (web, younger) = (preview("web", 3), preview("younger", 4));
        let cluster = [&holder, &older, &web, &younger]
            .into_iter()
            .fold(FakeCluster::empty(), testing::beside);
        let (settings, view) = (PreviewOperator::default(), view_of(&cluster));
        assert!(matches!(
            Holding::find(&Candidate::new(&web, &settings, &view)),
            Holding::Other(_)
        ));
        let lookups = view.into_lookups();
        let concerns = |preview: &PreviewEnvironment| {
            let claim = PreviewClaim::from(preview);
            lookups.iter().any(|lookup| {
                lookup.kind.kind == "PreviewEnvironment" && lookup.query.matches(&claim)
            })
        };
        assert!(concerns(&holder));
        assert!(!concerns(&older) && !concerns(&web) && !concerns(&younger));
        assert!(
            concerns(&holding(preview("older", 1), "web.example.com")),
            "it would be the first"
        );
    }

    #[test]
    fn an_edit_that_has_nothing_to_do_with_the_host_changes_no_claim() {
        let before = preview("a", 1);
        let mut after = before.clone();
        after.spec.image = "example.com/app:2".into();
        after.spec.ttl = Some("1h".into());
        after.spec.revision = Some("2".into());
        assert_eq!(PreviewClaim::from(&after), PreviewClaim::from(&before));
    }
}
