//! Who holds a host that several previews claim: of those that may have a route for it, the oldest
//! one; of two of the same second the one with the lower UID. The others wait, and each looks only
//! at those that claim the same host. One that may have no route holds nothing, or a namespace
//! could keep others from a host by previews that are never made.
//!
//! A claim is a host's name. A wildcard is none: a preview has one host, and a route of somebody
//! else for `*.example.com` is less specific than it, whoever serves both.

use kubewright::{Index, ObjectKey, Part, View};
use operator_api::preview::{HOST_CONFLICT, PreviewClaim};

use super::findings::NoRoute;
use super::kinds::Reads;
use super::rank::rank;
use super::{PreviewOperator, standing};

/// Previews by the host that they claim.
struct ByHost;

impl Index for ByHost {
    type Of = Part<PreviewClaim>;

    fn keys(claim: &PreviewClaim) -> Vec<String> {
        claim.host().map(str::to_owned).into_iter().collect()
    }
}

/// Why the preview that claims this, and may have a route, has none: another one holds its host.
pub(super) fn lost(
    own: &PreviewClaim,
    settings: &PreviewOperator,
    view: &View<'_, Reads>,
) -> Option<NoRoute> {
    let host = own.host()?;
    let first = rank(&own.metadata);
    let mut older = view.by::<ByHost, _>(host);
    older.retain(|claim| rank(&claim.metadata) < first);
    older.sort_by(|a, b| rank(&a.metadata).cmp(&rank(&b.metadata)));
    let holder = older.iter().find(|claim| standing::may_have_route(claim, settings, view))?;
    let holder = ObjectKey::of(&holder.metadata);
    let message = format!(
        "the host {host} is held by PreviewEnvironment {holder}, which is older: this one takes over when that goes or changes its \
         host; or write another spec.fqdn"
    );
    Some(NoRoute { reason: HOST_CONFLICT, message, stalls: true })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
    use k8s_openapi::jiff::Timestamp;
    use kubewright::Operator;
    use kubewright::core::view::Fixed;
    use operator_api::ambassador::Mapping;
    use operator_api::preview::{
        GatewayRef, PodSecurity, PreviewEnvironment, Route, RouteType, WhenSuspended,
    };
    use serde_json::json;

    use super::*;
    use crate::preview::domains::ALLOWED_DOMAINS;
    use crate::preview::policy::tests::policy;
    use crate::testing;

    /// A preview `shop/NAME` of `web.example.com` that was made in this second.
    fn preview(name: &str, second: i64) -> PreviewEnvironment {
        let mut preview = testing::preview(name);
        preview.spec.fqdn = "web.example.com".into();
        preview.metadata.uid = Some(format!("uid-{name}"));
        preview.metadata.creation_timestamp = Some(Time(Timestamp::from_second(second).unwrap()));
        preview
    }

    fn routed(mut preview: PreviewEnvironment, type_: RouteType) -> PreviewEnvironment {
        preview.spec.route = Some(Route { type_: Some(type_), ..Route::default() });
        preview
    }

    fn lost_in(preview: &PreviewEnvironment, world: &Fixed) -> Option<NoRoute> {
        lost(&PreviewClaim::of(preview), &PreviewOperator::default(), &View::new(world))
    }

    /// Why each, in the presence of all, does not have its host.
    fn lost_by(previews: &[PreviewEnvironment]) -> Vec<Option<&'static str>> {
        let world = previews.iter().fold(testing::with_ambassador(), testing::beside);
        previews
            .iter()
            .map(|preview| lost_in(preview, &world).map(|no_route| no_route.reason))
            .collect()
    }

    #[test]
    fn the_oldest_holds_a_host_and_of_two_of_one_second_the_one_with_the_lower_uid() {
        let conflict = Some("HostConflict");
        assert_eq!(
            lost_by(&[preview("a", 2), preview("b", 1), preview("c", 3)]),
            [conflict, None, conflict]
        );
        assert_eq!(lost_by(&[preview("b", 1), preview("a", 1)]), [conflict, None]);
        assert_eq!(lost_by(&[preview("a", 1)]), [None]);
    }

    #[test]
    fn the_other_is_told_who_holds_it_and_what_to_do() {
        let mut other = preview("a", 1);
        other.metadata.namespace = Some("team-b".into());
        let elsewhere = elsewhere(preview("z", 0), "else", "y.com");
        let world =
            [&other, &elsewhere].into_iter().fold(testing::with_ambassador(), testing::beside);
        let no_route = lost_in(&preview("b", 2), &world).unwrap();
        assert!(no_route.stalls);
        assert!(
            no_route.message.contains("held by PreviewEnvironment team-b/a,"),
            "{}",
            no_route.message
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
    fn who_wants_no_route_now_claims_nothing() {
        let without = routed(preview("a", 1), RouteType::None);
        let mut asleep = preview("b", 2);
        asleep.spec.suspend = Some(true);
        asleep.spec.route =
            Some(Route { when_suspended: Some(WhenSuspended::Remove), ..Route::default() });
        assert_eq!(lost_by(&[without, asleep.clone(), preview("c", 3)]), [None; 3]);
        asleep.spec.route = None;
        assert_eq!(
            lost_by(&[asleep, preview("c", 3)]),
            [None, Some("HostConflict")],
            "its route is kept"
        );
    }

    /// What `closed/thief`, which is older, and `open/web` come to in this world: why `Ready` or
    /// `RouteAccepted` is not True, and whether the other one has the host.
    fn outcome(
        operator: &PreviewOperator,
        thief: &PreviewEnvironment,
        world: Fixed,
    ) -> (&'static str, bool) {
        let mut web = routed(preview("web", 2), RouteType::Ingress);
        web.metadata.namespace = Some("open".into());
        let world = [thief, &web].into_iter().fold(world, testing::beside);
        let why = match operator.build(thief, &View::new(&world)) {
            Err(invalid) => {
                assert!(invalid.withdraw, "{invalid}");
                invalid.reason
            }
            Ok(_) => testing::observed_in(operator, thief, &world, &[], |observed| {
                operator.conditions(thief, observed)[0].reason
            }),
        };
        let has_route =
            testing::names_in(operator, &web, &world).contains(&"Ingress web".to_owned());
        (why, has_route)
    }

    fn thief() -> PreviewEnvironment {
        elsewhere(preview("thief", 1), "closed", "web.example.com")
    }

    /// `closed` with these labels and annotations, and with this policy.
    fn closed(labels: &[(&str, &str)], domains: Option<&str>, spec: serde_json::Value) -> Fixed {
        let mut namespace = testing::namespace("closed", &[labels, &[("team", "closed")]].concat());
        namespace.metadata.annotations =
            domains.map(|domains| [(ALLOWED_DOMAINS.to_owned(), domains.to_owned())].into());
        let mut spec = spec;
        spec["namespaceSelector"] = json!({ "matchLabels": { "team": "closed" } });
        Fixed::empty().with(namespace).with(policy("p", spec))
    }

    #[test]
    fn who_can_have_no_route_for_a_reason_of_its_own_is_told_so_and_holds_nothing() {
        let ingress = || routed(thief(), RouteType::Ingress);
        let open = || closed(&[], None, json!({}));
        let default = PreviewOperator::default;
        let case = |thief: PreviewEnvironment, world: Fixed| outcome(&default(), &thief, world);
        // The others are decided alike, so this one has to hold the host.
        assert_eq!(case(ingress(), open()), ("RouteNotInPlace", false));
        assert_eq!(
            case(ingress(), closed(&[], None, json!({ "limits": { "previews": 0 } }))),
            ("TooManyPreviews", true)
        );
        assert_eq!(
            case(ingress(), closed(&[], None, json!({ "imagePrefixes": ["x.example.com/"] }))),
            ("ImageNotAllowed", true)
        );
        assert_eq!(
            case(ingress(), closed(&[], None, json!({ "routes": { "types": ["Mapping"] } }))),
            ("RouteTypeNotAllowed", true)
        );
        assert_eq!(
            case(ingress(), closed(&[], None, json!({ "domains": ["*.other.com"] }))),
            ("HostNotAllowed", true)
        );
        assert_eq!(
            case(ingress(), closed(&[], Some("*.other.com"), json!({}))),
            ("HostNotAllowed", true)
        );
        assert_eq!(case(routed(thief(), RouteType::HttpRoute), open()), ("GatewayMissing", true));
        assert!(case(routed(thief(), RouteType::Mapping), open()).1, "a Mapping is not served");
        assert!(!case(routed(thief(), RouteType::Mapping), open().serving::<Mapping>()).1);
        assert_eq!(case(thief(), open()), ("RouteApiNotServed", true), "nothing is served");
        assert_eq!(
            case(thief(), closed(&[], None, json!({ "routes": { "default": "None" } }))),
            ("NotRequested", true)
        );
        let none = PreviewOperator { default_route: Some(RouteType::None), ..default() };
        assert_eq!(outcome(&none, &thief(), open()), ("NotRequested", true));
        let gateway = GatewayRef { name: "public".into(), ..GatewayRef::default() };
        let http_route = PreviewOperator { default_route: Some(RouteType::HttpRoute), ..default() };
        assert_eq!(outcome(&http_route, &thief(), open()), ("GatewayMissing", true));
        let named = PreviewOperator { default_gateways: vec![gateway], ..http_route };
        let served = || open().serving::<operator_api::gateway::HTTPRoute>();
        assert_eq!(outcome(&named, &thief(), served()), ("RouteNotInPlace", false));
    }

    #[test]
    fn who_is_refused_holds_nothing() {
        let case = |thief: &PreviewEnvironment, labels: &[(&str, &str)]| {
            outcome(&PreviewOperator::default(), thief, closed(labels, None, json!({})))
        };
        let mut root = routed(thief(), RouteType::Ingress);
        root.spec.pod_security =
            Some(PodSecurity { run_as_user: Some(0), ..PodSecurity::default() });
        assert_eq!(case(&root, &[]), ("RouteNotInPlace", false));
        assert_eq!(
            case(&root, &[("pod-security.kubernetes.io/enforce", "restricted")]),
            ("PodSecurityNotAllowed", true)
        );
        let mut unnamed = routed(thief(), RouteType::Ingress);
        unnamed.metadata.name = Some("1-thief".into());
        assert_eq!(case(&unnamed, &[]), ("NameNotUsable", true));
        let mut endless = routed(thief(), RouteType::Ingress);
        endless.spec.ttl = Some("for ever".into());
        assert_eq!(case(&endless, &[]), ("TtlNotUsable", true));
        endless.spec.pinned = Some(true);
        assert!(!case(&endless, &[]).1, "its ttl is of no matter");
    }

    #[test]
    fn a_preview_that_waits_for_a_host_counts_among_those_of_its_namespace() {
        // Were it otherwise, who is counted would depend on who has a host, and that on who is
        // counted.
        let one = || {
            Fixed::empty()
                .with(policy("p", json!({ "limits": { "previews": 1 } })))
                .serving::<Mapping>()
        };
        let holder = elsewhere(preview("holder", 0), "other", "web.example.com");
        let mut last = preview("b", 2);
        last.spec.fqdn = "else.example.com".into();
        let world = [&holder, &preview("a", 1), &last].into_iter().fold(one(), testing::beside);
        let operator = PreviewOperator::default();
        let reason = |preview: &PreviewEnvironment| {
            testing::observed_in(&operator, preview, &world, &[], |observed| {
                operator.conditions(preview, observed)[0].reason
            })
        };
        assert_eq!(
            (reason(&holder), reason(&preview("a", 1)), reason(&last)),
            ("RouteNotInPlace", "HostConflict", "TooManyPreviews")
        );
    }

    #[test]
    fn only_claims_of_the_same_host_are_looked_at() {
        let world = Fixed::empty();
        let view = View::new(&world);
        assert_eq!(
            lost(&PreviewClaim::of(&preview("a", 1)), &PreviewOperator::default(), &view),
            None
        );
        let asked = view.into_lookups();
        let wakes = |preview: &PreviewEnvironment| {
            let claim = PreviewClaim::of(preview);
            asked.iter().any(|lookup| {
                lookup.kind.kind == "PreviewEnvironment" && lookup.query.matches(&claim)
            })
        };
        assert!(wakes(&preview("b", 2)));
        assert!(!wakes(&elsewhere(preview("b", 2), "shop", "other.example.com")));
    }
}
