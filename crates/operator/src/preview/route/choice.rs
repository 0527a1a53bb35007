//! What the route of a preview is where nobody chose: the first that the cluster serves of HTTPRoute, Ingress and Mapping, and that its
//! policies allow.
//!
//! That the API of a kind is there does not mean that anybody serves it. An HTTPRoute needs a Gateway that somebody named; an
//! Ingress, whose API is built in, needs a class, which comes with its controller.

use k8s_openapi::api::networking::v1::IngressClass;
use kubewright::{Metadata, View};
use operator_api::ambassador::Mapping;
use operator_api::gateway::HTTPRoute;
use operator_api::preview::{GatewayRef, RouteType};

use crate::preview::findings::{Findings, NoRoute};
use crate::preview::kinds::Reads;
use crate::preview::policy::Rules;

/// The annotation of the `IngressClass` that Kubernetes gives to an Ingress without one.
const IS_DEFAULT: &str = "ingressclass.kubernetes.io/is-default-class";

/// The first that the cluster serves. `gateways` are those that the administrator named.
pub(super) fn first_served(gateways: &[GatewayRef], rules: &Rules, view: &View<'_, Reads>) -> Findings {
    let allows = |type_| rules.refuses_route(type_).is_none();
    if allows(RouteType::HttpRoute) && !gateways.is_empty() && view.serves::<HTTPRoute, _>() {
        return Findings::of(RouteType::HttpRoute);
    }
    let class = if allows(RouteType::Ingress) { ingress_class(view) } else { Class::None };
    if let Class::Default | Class::Only(_) = class {
        let ingress_class = if let Class::Only(name) = class { Some(name) } else { None };
        return Findings { ingress_class, ..Findings::of(RouteType::Ingress) };
    }
    if allows(RouteType::Mapping) && view.serves::<Mapping, _>() {
        return Findings::of(RouteType::Mapping);
    }
    let mut missing =
        vec!["install a controller for the Gateway API and have the administrator of this operator name its Gateway"];
    missing.push(match class {
        Class::Several => "or mark one of the IngressClasses as the default one",
        _ => "or an ingress controller with its IngressClass",
    });
    let limits = [RouteType::HttpRoute, RouteType::Ingress, RouteType::Mapping];
    let limit = limits.into_iter().find_map(|type_| rules.refuses_route(type_)).map(|limit| {
        let types: Vec<&str> = limit.value.iter().map(|type_| type_.as_str()).collect();
        format!(" (PreviewPolicy {} allows routes of type {} alone)", limit.policy, types.join(" or "))
    });
    let message = format!(
        "nothing in this cluster serves a route{}: {}, or Ambassador (Emissary-ingress), and the route is made by itself",
        limit.unwrap_or_default(),
        missing.join(", ")
    );
    Findings::without_route(NoRoute { reason: super::NOT_SERVED, message, stalls: false })
}

/// Which class an Ingress gets that names none.
enum Class {
    /// The one that the cluster has as its default.
    Default,
    /// There is no default, but only this one.
    Only(String),
    /// There are several, and none is the default.
    Several,
    /// There is none.
    None,
}

fn ingress_class(view: &View<'_, Reads>) -> Class {
    let classes = view.list::<Metadata<IngressClass>, _>(None, &[]);
    let is_default = |class: &Metadata<IngressClass>| {
        let annotations = class.metadata.annotations.as_ref();
        annotations.and_then(|all| all.get(IS_DEFAULT)).is_some_and(|value| value == "true")
    };
    match &*classes {
        [] => Class::None,
        all if all.iter().any(|class| is_default(class)) => Class::Default,
        [only] => only.metadata.name.clone().map_or(Class::None, Class::Only),
        _ => Class::Several,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
    use kubewright::core::view::{Fixed, Lookup, Query};

    use super::*;

    fn class(name: &str, default: bool) -> Metadata<IngressClass> {
        let annotations = default.then(|| [(IS_DEFAULT.to_owned(), "true".to_owned())].into());
        let metadata = ObjectMeta { name: Some(name.into()), annotations, ..ObjectMeta::default() };
        Metadata { types: None, metadata, _phantom: std::marker::PhantomData }
    }

    fn gateways() -> [GatewayRef; 1] {
        [GatewayRef { name: "public".into(), ..GatewayRef::default() }]
    }

    fn chosen(gateways: &[GatewayRef], world: &Fixed) -> Findings {
        first_served(gateways, &Rules::default(), &View::new(world))
    }

    #[test]
    fn the_first_of_http_route_ingress_and_mapping_that_is_served_is_chosen() {
        let all = || Fixed::empty().serving::<HTTPRoute>().serving::<Mapping>().with(class("nginx", true));
        assert_eq!(chosen(&gateways(), &all()), Findings::of(RouteType::HttpRoute));
        assert_eq!(chosen(&[], &all()), Findings::of(RouteType::Ingress), "nobody named a Gateway");
        let without_ingress = Fixed::empty().serving::<HTTPRoute>().serving::<Mapping>();
        assert_eq!(chosen(&[], &without_ingress), Findings::of(RouteType::Mapping));
        assert_eq!(chosen(&gateways(), &Fixed::empty().serving::<Mapping>()), Findings::of(RouteType::Mapping));
    }

    #[test]
    fn an_ingress_gets_the_only_class_by_name_and_none_where_it_would_be_a_guess() {
        let with = |classes: &[Metadata<IngressClass>]| {
            let world = classes.iter().fold(Fixed::empty(), |world, class| world.with(class.clone()));
            let found = chosen(&[], &world);
            (found.route_type, found.ingress_class)
        };
        assert_eq!(with(&[class("nginx", false)]), (RouteType::Ingress, Some("nginx".to_owned())));
        assert_eq!(with(&[class("nginx", false), class("traefik", true)]), (RouteType::Ingress, None));
        assert_eq!(with(&[class("nginx", false), class("traefik", false)]), (RouteType::None, None));
    }

    #[test]
    fn where_nothing_is_served_it_is_said_what_to_install_and_the_preview_is_ready_nevertheless() {
        let told = |world: &Fixed| chosen(&[], world).no_route.unwrap();
        let nothing = told(&Fixed::empty());
        assert_eq!((nothing.reason, nothing.stalls), ("RouteApiNotServed", false));
        for word in ["Gateway API", "ingress controller", "Ambassador"] {
            assert!(nothing.message.contains(word), "{}", nothing.message);
        }
        let several = told(&Fixed::empty().with(class("a", false)).with(class("b", false)));
        assert!(several.message.contains("mark one of the IngressClasses"), "{}", several.message);
    }

    #[test]
    fn only_that_is_looked_up_which_decides() {
        let asked = |gateways: &[GatewayRef], world: &Fixed| {
            let view = View::new(world);
            let _ = first_served(gateways, &Rules::default(), &view);
            let name = |lookup: Lookup| (lookup.kind.kind.into_owned(), lookup.query == Query::Served);
            view.into_lookups().into_iter().map(name).collect::<Vec<_>>()
        };
        let (route, ingress, mapping) = ("HTTPRoute".to_owned(), "IngressClass".to_owned(), "Mapping".to_owned());
        assert_eq!(asked(&gateways(), &Fixed::empty().serving::<HTTPRoute>()), [(route.clone(), true)]);
        assert_eq!(asked(&[], &Fixed::empty().with(class("nginx", true))), [(ingress.clone(), false)]);
        assert_eq!(asked(&gateways(), &Fixed::empty()), [(route, true), (ingress, false), (mapping, true)]);
    }
}
