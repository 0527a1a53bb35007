//! The type of a preview's route, with its Gateways or its class: from the spec, or else a policy,
//! the operator's settings, or what the cluster serves.
//!
//! That an API is served does not mean that a controller implements it. So the choice needs more: a
//! Gateway that somebody named, or an IngressClass, which comes with its controller.

use std::cmp::Reverse;

use k8s_openapi::api::networking::v1::IngressClass;
use kubewright::{Metadata, of};
use operator_api::ambassador::Mapping;
use operator_api::gateway::HTTPRoute;
use operator_api::preview::{DEFAULT_PATH, PreviewClaim, Route, RouteType, is_path};

use super::candidate::Candidate;
use super::decision::{NOT_SERVED, Refusal, Routing};
use super::domains;
use super::policy::{Limit, Policies};
use crate::preview::kinds::PreviewView;
use crate::preview::settings::PreviewOperator;

/// The annotation of the `IngressClass` that Kubernetes gives to an Ingress without a class.
const IS_DEFAULT: &str = "ingressclass.kubernetes.io/is-default-class";

/// The route type that the spec, a policy or the settings ask for. `None` if none of them does.
pub(super) fn requested(
    claim: &PreviewClaim,
    policies: &Policies,
    settings: &PreviewOperator,
) -> Option<RouteType> {
    claim.spec.route_type.or_else(|| policies.default_route()).or(settings.default_route)
}

/// The route, without regard to other previews that claim the host. An Ingress has no class yet:
/// the class of a rival does not matter, and finding it would add look-ups.
pub(super) fn choose(candidate: &Candidate<'_>) -> Routing {
    let (settings, policies) = (candidate.settings, &candidate.policies);
    let chosen = requested(&candidate.claim, policies, settings);
    if chosen == Some(RouteType::None) {
        return Routing::NotRequested;
    }
    let Some(host) = candidate.claim.host() else { return Routing::RemovedWhileSuspended };
    let (namespace, domains) = (candidate.namespace.as_deref(), &settings.allowed_domains);
    if let Some(rejection) = domains::rejection(host, namespace, domains, policies) {
        let message = format!("spec.fqdn is {host}, but {rejection}: write an allowed host");
        return Routing::Refused(Refusal::new("HostNotAllowed", message));
    }
    if let Some(refusal) = path_not_usable(candidate) {
        return Routing::Refused(refusal);
    }
    let Some(type_) = chosen else { return first_served(candidate) };
    if let Some(limit) = policies.rejects_route(type_) {
        return Routing::Refused(type_not_allowed(type_, &limit));
    }
    match route_of(type_, candidate) {
        Routing::HttpRoute(gateways) if gateways.is_empty() => Routing::Refused(Refusal::new(
            "GatewayMissing",
            "an HTTPRoute needs a Gateway, and none is named: write spec.route.parentRefs, for \
             example [{name: public, namespace: gateways}], or another spec.route.type",
        )),
        routing => routing,
    }
}

/// Some controllers copy the path into a configuration file, and no schema of a Mapping checks it.
fn path_not_usable(candidate: &Candidate<'_>) -> Option<Refusal> {
    let path = candidate.preview.spec.route.as_ref().map_or(DEFAULT_PATH, Route::path);
    let message = format!(
        "spec.route.path is {path:?}, which some kinds of routes do not accept: write a path like \
         /app, of letters, digits, hyphens, underscores, dots and slashes"
    );
    (!is_path(path)).then(|| Refusal::new("PathNotUsable", message))
}

fn route_of(type_: RouteType, candidate: &Candidate<'_>) -> Routing {
    match type_ {
        RouteType::HttpRoute => Routing::HttpRoute(candidate.gateways().to_vec()),
        RouteType::Ingress => Routing::Ingress(None),
        RouteType::Mapping => Routing::Mapping,
        RouteType::None => Routing::NotRequested,
    }
}

/// The first type that policies allow and the cluster serves.
fn first_served(candidate: &Candidate<'_>) -> Routing {
    let can_be_served = |routing: &Routing| match routing {
        Routing::HttpRoute(gateways) => !gateways.is_empty() && is_served(routing, candidate.view),
        Routing::Ingress(_) => ingress_class(None, candidate).is_some(),
        _ => is_served(routing, candidate.view),
    };
    let rejected = |type_: &RouteType| candidate.policies.rejects_route(*type_);
    let allowed = RouteType::ALL.into_iter().filter(|type_| rejected(type_).is_none());
    let mut routes = allowed.clone().map(|type_| route_of(type_, candidate));
    routes.find(can_be_served).unwrap_or_else(|| {
        let limit = RouteType::ALL.iter().find_map(rejected).map(|limit| {
            format!(" (PreviewPolicy {} allows only {})", limit.policy, list(limit.value))
        });
        let needs = allowed.filter_map(needs).collect::<Vec<_>>().join("; ");
        let remedy = match &*needs {
            "" => "an administrator must let the policies of this namespace allow one in common",
            needs => needs,
        };
        let message = format!("no route type can be used{}: {remedy}", limit.unwrap_or_default());
        Routing::Refused(Refusal::new(NOT_SERVED, message).without_stalling())
    })
}

/// What a cluster needs for routes of this type.
fn needs(type_: RouteType) -> Option<&'static str> {
    match type_ {
        RouteType::HttpRoute => Some(
            "HTTPRoute needs a controller for the Gateway API, and a Gateway that \
             spec.route.parentRefs, a PreviewPolicy or --preview-gateway of the operator names",
        ),
        RouteType::Ingress => Some("Ingress needs an ingress controller with its IngressClass"),
        RouteType::Mapping => Some("Mapping needs Ambassador (Emissary-ingress)"),
        RouteType::None => None,
    }
}

fn type_not_allowed(type_: RouteType, limit: &Limit<'_, &[RouteType]>) -> Refusal {
    let (policy, allowed) = (limit.policy, list(limit.value));
    let message = format!(
        "the route type is {type_}, but PreviewPolicy {policy} allows only {allowed}: write \
         another spec.route.type"
    );
    Refusal::new("RouteTypeNotAllowed", message)
}

fn list(types: &[RouteType]) -> String {
    types.iter().map(|type_| type_.as_str()).collect::<Vec<_>>().join(" or ")
}

/// Whether there is a route, and the cluster serves its API. Ingress is built into Kubernetes.
pub(super) fn is_served(routing: &Routing, view: &PreviewView<'_>) -> bool {
    match routing {
        Routing::HttpRoute(_) => view.serves(of::<HTTPRoute>()),
        Routing::Ingress(_) => true,
        Routing::Mapping => view.serves(of::<Mapping>()),
        Routing::NotRequested | Routing::RemovedWhileSuspended | Routing::Refused(_) => false,
    }
}

/// The class of an Ingress whose spec names this class.
pub(super) fn ingress_class(spec: Option<&str>, candidate: &Candidate<'_>) -> Option<String> {
    spec.or_else(|| candidate.policies.ingress_class())
        .or(candidate.settings.default_ingress_class.as_deref())
        .map(str::to_owned)
        .or_else(|| cluster_class(candidate.view))
}

/// The default `IngressClass` of the cluster, or else the oldest: a class that is added later does
/// not take over existing Ingresses.
fn cluster_class(view: &PreviewView<'_>) -> Option<String> {
    let classes = view.list(of::<Metadata<IngressClass>>(), None, &[]);
    let created = |class: &Metadata<IngressClass>| {
        class.metadata.creation_timestamp.as_ref().map(|time| time.0)
    };
    let name = |class: &Metadata<IngressClass>| class.metadata.name.clone();
    let is_default = |class: &Metadata<IngressClass>| {
        let annotations = class.metadata.annotations.as_ref();
        annotations.and_then(|all| all.get(IS_DEFAULT)).is_some_and(|value| value == "true")
    };
    // Of several defaults, Kubernetes (the admission plugin DefaultIngressClass) takes the newest,
    // and of the same second the first by name.
    let default = classes
        .iter()
        .filter(|class| is_default(class))
        .min_by_key(|class| (Reverse(created(class)), name(class)));
    default
        .or_else(|| classes.iter().min_by_key(|class| (created(class), name(class))))
        .and_then(|class| name(class))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::preview::admission::policy::tests::policy;
    use crate::testing::{FakeCluster, gateway, preview, view_of};
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
    use k8s_openapi::jiff::Timestamp;
    use kubewright::view::{Lookup, Query};

    /// A class that was created in this second.
    fn class(name: &str, second: i64) -> Metadata<IngressClass> {
        let metadata = ObjectMeta {
            name: Some(name.into()),
            creation_timestamp: Some(Time(Timestamp::from_second(second).unwrap())),
            ..ObjectMeta::default()
        };
        Metadata { types: None, metadata, _phantom: std::marker::PhantomData }
    }

    fn default(mut class: Metadata<IngressClass>) -> Metadata<IngressClass> {
        class.metadata.annotations = Some([(IS_DEFAULT.to_owned(), "true".to_owned())].into());
        class
    }

    fn cluster_with(classes: &[Metadata<IngressClass>]) -> FakeCluster {
        classes.iter().fold(FakeCluster::empty(), |cluster, class| cluster.with(class.clone()))
    }

    fn with_gateway() -> PreviewOperator {
        PreviewOperator {
            default_gateways: vec![gateway("public", None, None)],
            ..PreviewOperator::default()
        }
    }

    fn chosen(settings: &PreviewOperator, cluster: &FakeCluster) -> Routing {
        choose(&Candidate::new(&preview("web"), settings, &view_of(cluster)))
    }

    fn refusal(settings: &PreviewOperator, cluster: &FakeCluster) -> Refusal {
        match chosen(settings, cluster) {
            Routing::Refused(refusal) => refusal,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_first_served_of_http_route_ingress_and_mapping_is_chosen() {
        let (with_gateway, without) = (with_gateway(), PreviewOperator::default());
        let serving = || FakeCluster::empty().serving::<HTTPRoute>().serving::<Mapping>();
        let all = serving().with(class("nginx", 1));
        let gateways = with_gateway.default_gateways.clone();
        assert_eq!(chosen(&with_gateway, &all), Routing::HttpRoute(gateways));
        assert_eq!(chosen(&without, &all), Routing::Ingress(None), "no Gateway is named");
        assert_eq!(chosen(&without, &serving()), Routing::Mapping);
        let only_mapping = FakeCluster::empty().serving::<Mapping>();
        assert_eq!(chosen(&with_gateway, &only_mapping), Routing::Mapping);
    }

    #[test]
    fn an_ingress_has_the_default_class_or_else_the_oldest_and_a_later_class_changes_nothing() {
        let class_of =
            |classes: &[Metadata<IngressClass>]| cluster_class(&view_of(&cluster_with(classes)));
        let named = |name: &str| Some(name.to_owned());
        let (old, new) = (class("b", 1), class("a", 2));
        assert_eq!(class_of(&[]), None);
        assert_eq!(class_of(std::slice::from_ref(&old)), named("b"));
        assert_eq!(
            class_of(&[default(old.clone())]),
            named("b"),
            "to make the only class the default changes nothing either"
        );
        assert_eq!(class_of(&[old.clone(), new.clone()]), named("b"));
        assert_eq!(class_of(&[old.clone(), default(new.clone())]), named("a"));
        assert_eq!(
            class_of(&[default(old), default(new.clone())]),
            named("a"),
            "Kubernetes chooses the newest default, too"
        );
        assert_eq!(
            class_of(&[class("b", 2), new.clone()]),
            named("a"),
            "of the same second the first by name"
        );
        assert_eq!(class_of(&[default(class("b", 2)), default(new)]), named("a"));
    }

    #[test]
    fn a_class_of_the_settings_is_used_without_a_look_up() {
        let settings = PreviewOperator {
            default_ingress_class: Some("traefik".into()),
            ..PreviewOperator::default()
        };
        let cluster = cluster_with(&[default(class("nginx", 1))]);
        let (web, view) = (preview("web"), view_of(&cluster));
        let candidate = Candidate::new(&web, &settings, &view);
        assert_eq!(choose(&candidate), Routing::Ingress(None));
        assert_eq!(ingress_class(None, &candidate).as_deref(), Some("traefik"));
        assert_eq!(kinds(view), [] as [(String, bool); 0]);
    }

    #[test]
    fn where_no_route_is_served_the_message_says_what_to_install_and_the_preview_can_be_ready() {
        let refusal = refusal(&PreviewOperator::default(), &FakeCluster::empty());
        assert_eq!((refusal.reason, refusal.stalls), ("RouteApiNotServed", false));
        assert_eq!(
            refusal.message,
            "no route type can be used: HTTPRoute needs a controller for the Gateway API, and a \
             Gateway that spec.route.parentRefs, a PreviewPolicy or --preview-gateway of the \
             operator names; Ingress needs an ingress controller with its IngressClass; Mapping \
             needs Ambassador (Emissary-ingress)"
        );
    }

    #[test]
    fn a_path_that_only_a_schema_rejects_gets_no_route_of_any_type() {
        for type_ in [RouteType::HttpRoute, RouteType::Ingress, RouteType::Mapping] {
            for (path, is_usable) in [("/app", true), ("/a;b", false), ("/a/../b", false)] {
                let mut web = preview("web");
                let path = Some(path.to_owned());
                web.spec.route = Some(Route { type_: Some(type_), path, ..Route::default() });
                let (settings, cluster) = (with_gateway(), FakeCluster::empty());
                let routing = choose(&Candidate::new(&web, &settings, &view_of(&cluster)));
                let reason = match &routing {
                    Routing::Refused(refusal) => Some(refusal.reason),
                    _ => None,
                };
                assert_eq!(reason, (!is_usable).then_some("PathNotUsable"), "{routing:?}");
            }
        }
    }

    #[test]
    fn where_policies_together_allow_no_route_type_the_message_names_one_and_what_to_change() {
        let only = |name: &str, type_: &str| {
            policy(name, serde_json::json!({ "routes": { "types": [type_] } }))
        };
        let cluster = FakeCluster::empty().with(only("a", "Ingress")).with(only("b", "Mapping"));
        assert_eq!(
            refusal(&PreviewOperator::default(), &cluster).message,
            "no route type can be used (PreviewPolicy a allows only Ingress): an administrator \
             must let the policies of this namespace allow one in common"
        );
    }

    /// The kinds that were looked up, but Namespace and PreviewPolicy, and whether only their API.
    fn kinds(view: PreviewView<'_>) -> Vec<(String, bool)> {
        let lookups = view.into_lookups().into_iter();
        let kinds = lookups.map(|l: Lookup| (l.kind.kind.into_owned(), l.query == Query::Served));
        kinds.filter(|(kind, _)| kind != "Namespace" && kind != "PreviewPolicy").collect()
    }

    #[test]
    fn only_kinds_that_decide_are_looked_up() {
        let lookups = |settings: &PreviewOperator, cluster: &FakeCluster| {
            let view = view_of(cluster);
            let _ = choose(&Candidate::new(&preview("web"), settings, &view));
            kinds(view)
        };
        let (route, ingress, mapping) =
            ("HTTPRoute".to_owned(), "IngressClass".to_owned(), "Mapping".to_owned());
        assert_eq!(
            lookups(&with_gateway(), &FakeCluster::empty().serving::<HTTPRoute>()),
            [(route.clone(), true)]
        );
        assert_eq!(
            lookups(&PreviewOperator::default(), &cluster_with(&[class("nginx", 1)])),
            [(ingress.clone(), false)]
        );
        assert_eq!(
            lookups(&with_gateway(), &FakeCluster::empty()),
            [(route, true), (ingress, false), (mapping, true)]
        );
    }
}
