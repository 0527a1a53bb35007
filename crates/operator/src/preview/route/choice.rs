//! What the route of a preview is where nobody chose: the first that the cluster serves of
//! HTTPRoute, Ingress and Mapping, and that its policies allow; and the class of an Ingress where
//! nobody named one.
//!
//! That the API of a kind is there does not mean that anybody serves it. An HTTPRoute needs a
//! Gateway that somebody named; an Ingress, whose API is built in, needs a class, which comes with
//! its controller.

use std::cmp::Reverse;

use k8s_openapi::api::networking::v1::IngressClass;
use kubewright::{Metadata, View};
use operator_api::ambassador::Mapping;
use operator_api::gateway::HTTPRoute;
use operator_api::preview::{GatewayRef, RouteType};

use super::verdict::NOT_SERVED;
use crate::preview::findings::{Findings, NoRoute};
use crate::preview::kinds::Reads;
use crate::preview::policy::Rules;

/// The annotation of the `IngressClass` that Kubernetes gives to an Ingress without one.
const IS_DEFAULT: &str = "ingressclass.kubernetes.io/is-default-class";

/// The first that the cluster serves. `gateways` and `class` are those that the administrator
/// named.
pub(super) fn first_served(
    gateways: &[GatewayRef],
    class: Option<&str>,
    rules: &Rules,
    view: &View<'_, Reads>,
) -> Findings {
    let allows = |type_| rules.refuses_route(type_).is_none();
    if allows(RouteType::HttpRoute) && !gateways.is_empty() && view.serves::<HTTPRoute, _>() {
        return Findings::of(RouteType::HttpRoute);
    }
    if allows(RouteType::Ingress)
        && let Some(class) = class.map(str::to_owned).or_else(|| ingress_class(view))
    {
        return Findings { ingress_class: Some(class), ..Findings::of(RouteType::Ingress) };
    }
    if allows(RouteType::Mapping) && view.serves::<Mapping, _>() {
        return Findings::of(RouteType::Mapping);
    }
    let limits = [RouteType::HttpRoute, RouteType::Ingress, RouteType::Mapping];
    let limit = limits.into_iter().find_map(|type_| rules.refuses_route(type_)).map(|limit| {
        let types: Vec<&str> = limit.value.iter().map(|type_| type_.as_str()).collect();
        format!(
            " (PreviewPolicy {} allows routes of type {} alone)",
            limit.policy,
            types.join(" or ")
        )
    });
    let message = format!(
        "nothing in this cluster serves a route{}: install a controller for the Gateway API and have the administrator of this operator \
         name its Gateway, or an ingress controller with its IngressClass, or Ambassador (Emissary-ingress), and the route is made by \
         itself",
        limit.unwrap_or_default(),
    );
    Findings::without_route(NoRoute { reason: NOT_SERVED, message, stalls: false })
}

/// The class of an Ingress that names none: what Kubernetes itself would give it, or else the
/// oldest, so that none that comes later takes the Ingresses of all previews away from the
/// controller that has them. `None` where the cluster has none.
pub(super) fn ingress_class(view: &View<'_, Reads>) -> Option<String> {
    let classes = view.list::<Metadata<IngressClass>, _>(None, &[]);
    let made = |class: &Metadata<IngressClass>| {
        class.metadata.creation_timestamp.as_ref().map(|time| time.0)
    };
    let named = |class: &Metadata<IngressClass>| class.metadata.name.clone();
    let is_default = |class: &Metadata<IngressClass>| {
        let annotations = class.metadata.annotations.as_ref();
        annotations.and_then(|all| all.get(IS_DEFAULT)).is_some_and(|value| value == "true")
    };
    // Of several, its admission plugin DefaultIngressClass takes the newest, and of those the first
    // by name.
    let default = classes
        .iter()
        .filter(|class| is_default(class))
        .min_by_key(|class| (Reverse(made(class)), named(class)));
    default
        .or_else(|| classes.iter().min_by_key(|class| (made(class), named(class))))
        .and_then(|class| named(class))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
    use k8s_openapi::jiff::Timestamp;
    use kubewright::core::view::{Fixed, Lookup, Query};

    use super::*;

    /// A class that was made in this second.
    fn class(name: &str, second: i64) -> Metadata<IngressClass> {
        let made = Time(Timestamp::from_second(second).unwrap());
        let metadata = ObjectMeta {
            name: Some(name.into()),
            creation_timestamp: Some(made),
            ..ObjectMeta::default()
        };
        Metadata { types: None, metadata, _phantom: std::marker::PhantomData }
    }

    fn default(mut class: Metadata<IngressClass>) -> Metadata<IngressClass> {
        class.metadata.annotations = Some([(IS_DEFAULT.to_owned(), "true".to_owned())].into());
        class
    }

    fn with(classes: &[Metadata<IngressClass>]) -> Fixed {
        classes.iter().fold(Fixed::empty(), |world, class| world.with(class.clone()))
    }

    /// An Ingress of this class.
    fn ingress(class: &str) -> Findings {
        Findings { ingress_class: Some(class.to_owned()), ..Findings::of(RouteType::Ingress) }
    }

    fn gateways() -> [GatewayRef; 1] {
        [GatewayRef { name: "public".into(), ..GatewayRef::default() }]
    }

    fn chosen(gateways: &[GatewayRef], world: &Fixed) -> Findings {
        first_served(gateways, None, &Rules::default(), &View::new(world))
    }

    #[test]
    fn the_first_of_http_route_ingress_and_mapping_that_is_served_is_chosen() {
        let all =
            || Fixed::empty().serving::<HTTPRoute>().serving::<Mapping>().with(class("nginx", 1));
        assert_eq!(chosen(&gateways(), &all()), Findings::of(RouteType::HttpRoute));
        assert_eq!(chosen(&[], &all()), ingress("nginx"), "nobody named a Gateway");
        let without_ingress = Fixed::empty().serving::<HTTPRoute>().serving::<Mapping>();
        assert_eq!(chosen(&[], &without_ingress), Findings::of(RouteType::Mapping));
        assert_eq!(
            chosen(&gateways(), &Fixed::empty().serving::<Mapping>()),
            Findings::of(RouteType::Mapping)
        );
    }

    #[test]
    fn an_ingress_gets_the_default_class_by_name_or_else_the_oldest_and_one_that_comes_later_changes_nothing()
     {
        let chosen = |classes: &[Metadata<IngressClass>]| chosen(&[], &with(classes));
        let (old, new) = (class("b", 1), class("a", 2));
        assert_eq!(chosen(&[]).route_type, RouteType::None);
        assert_eq!(chosen(std::slice::from_ref(&old)), ingress("b"));
        assert_eq!(
            chosen(&[default(old.clone())]),
            ingress("b"),
            "to mark the only one changes nothing either"
        );
        assert_eq!(chosen(&[old.clone(), new.clone()]), ingress("b"));
        assert_eq!(chosen(&[old.clone(), default(new.clone())]), ingress("a"));
        assert_eq!(
            chosen(&[default(old), default(new.clone())]),
            ingress("a"),
            "as Kubernetes chooses"
        );
        assert_eq!(
            chosen(&[class("b", 2), new.clone()]),
            ingress("a"),
            "of one second the first by name"
        );
        assert_eq!(chosen(&[default(class("b", 2)), default(new)]), ingress("a"));
    }

    #[test]
    fn the_class_that_the_administrator_named_is_that_of_an_ingress_and_needs_nothing_to_be_looked_up()
     {
        let world = with(&[default(class("nginx", 1))]);
        let view = View::new(&world);
        assert_eq!(
            first_served(&[], Some("traefik"), &Rules::default(), &view),
            ingress("traefik")
        );
        assert!(view.into_lookups().is_empty());
    }

    #[test]
    fn where_nothing_is_served_it_is_said_what_to_install_and_the_preview_is_ready_nevertheless() {
        let told = |world: &Fixed| chosen(&[], world).no_route.unwrap();
        let nothing = told(&Fixed::empty());
        assert_eq!((nothing.reason, nothing.stalls), ("RouteApiNotServed", false));
        for word in ["Gateway API", "ingress controller", "Ambassador"] {
            assert!(nothing.message.contains(word), "{}", nothing.message);
        }
    }

    #[test]
    fn only_that_is_looked_up_which_decides() {
        let asked = |gateways: &[GatewayRef], world: &Fixed| {
            let view = View::new(world);
            let _ = first_served(gateways, None, &Rules::default(), &view);
            let name =
                |lookup: Lookup| (lookup.kind.kind.into_owned(), lookup.query == Query::Served);
            view.into_lookups().into_iter().map(name).collect::<Vec<_>>()
        };
        let (route, ingress, mapping) =
            ("HTTPRoute".to_owned(), "IngressClass".to_owned(), "Mapping".to_owned());
        assert_eq!(
            asked(&gateways(), &Fixed::empty().serving::<HTTPRoute>()),
            [(route.clone(), true)]
        );
        assert_eq!(asked(&[], &with(&[class("nginx", 1)])), [(ingress.clone(), false)]);
        assert_eq!(
            asked(&gateways(), &Fixed::empty()),
            [(route, true), (ingress, false), (mapping, true)]
        );
    }
}
