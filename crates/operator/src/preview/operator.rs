//! The operator of `PreviewEnvironment`, `platform9.com/v1`.

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{Namespace, Service};
use k8s_openapi::api::networking::v1::Ingress;
use kubewright::{Children, Condition, Invalid, Metadata, Observed, Operator, Optional, Sample, View};
use operator_api::ambassador::Mapping;
use operator_api::gateway::HTTPRoute;
use operator_api::preview::{GatewayRef, PreviewEnvironment, PreviewEnvironmentStatus, RouteType};

use super::blueprint::Blueprint;
use super::{confinement, deployment, host, route, samples, service, status};
use crate::naming;

/// The kinds that a preview owns.
pub(super) type Owns = (Deployment, Service, Optional<HTTPRoute>, Ingress, Optional<Mapping>);

/// Runs the `PreviewEnvironment`s of `platform9.com/v1`.
///
/// The fields are what the administrator chose for all of them; the default is to choose nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PreviewOperator {
    /// What a route is where `spec.route.type` does not say; a Mapping without it.
    pub default_route: Option<RouteType>,
    /// The Gateways of an `HTTPRoute` where `spec.route.parentRefs` names none; without any, such a route is refused.
    pub default_gateways: Vec<GatewayRef>,
}

impl PreviewOperator {
    /// What a route is where the spec does not say: what the administrator chose, and otherwise what it has always been.
    pub(super) fn default_route(&self) -> RouteType {
        self.default_route.unwrap_or(RouteType::Mapping)
    }
}

impl Operator for PreviewOperator {
    const NAME: &'static str = "preview";
    type Resource = PreviewEnvironment;
    type Owns = (Deployment, Service, Optional<HTTPRoute>, Ingress, Optional<Mapping>);
    type Reads = (Metadata<Namespace>,);

    fn build(&self, preview: &PreviewEnvironment, view: &View<'_, Self::Reads>) -> Result<Children<Self::Owns>, Invalid> {
        let of = Blueprint::of(preview, self);
        naming::check_service_name(of.resource, &of.name)?;
        host::check(of.host())?;
        let children =
            Children::new().with(deployment::deployment(&of, confinement::of_pods(&of, view)?)).with(service::service(&of));
        route::add_to(children, &of)
    }

    fn status(&self, preview: &PreviewEnvironment, observed: &Observed<'_, Self::Owns>) -> PreviewEnvironmentStatus {
        status::status(&Blueprint::of(preview, self), observed)
    }

    fn conditions(&self, preview: &PreviewEnvironment, observed: &Observed<'_, Self::Owns>) -> Vec<Condition> {
        let of = Blueprint::of(preview, self);
        std::iter::once(route::verdict(&of, observed).condition()).chain(status::suspended(&of)).collect()
    }

    fn samples() -> Vec<Sample<PreviewEnvironment>> {
        samples::samples()
    }
}

#[cfg(test)]
mod tests {
    use kubewright::core::view::Fixed;
    use operator_api::preview::{Route, WhenSuspended};

    use super::*;
    use crate::testing::{self, namespace, preview};

    #[test]
    fn a_preview_is_a_deployment_a_service_and_a_route_of_one_name() {
        let names = testing::names_of(&PreviewOperator::default(), &preview("web"));
        assert_eq!(names, ["Deployment web", "Service web", "Mapping web"]);
    }

    fn route_of(operator: &PreviewOperator, type_: Option<RouteType>) -> Vec<String> {
        let mut preview = preview("web");
        preview.spec.route = Some(Route { type_, ..Route::default() });
        testing::names_of(operator, &preview).split_off(2)
    }

    #[test]
    fn the_route_is_what_the_spec_says_and_otherwise_what_the_administrator_chose() {
        let gateway = GatewayRef { name: "public".into(), ..GatewayRef::default() };
        let chosen = |type_| PreviewOperator { default_route: type_, default_gateways: vec![gateway.clone()] };
        for (operator, spoken, expected) in [
            (chosen(None), None, &["Mapping web"][..]),
            (chosen(None), Some(RouteType::Ingress), &["Ingress web"]),
            (chosen(None), Some(RouteType::HttpRoute), &["HTTPRoute web"]),
            (chosen(None), Some(RouteType::None), &[]),
            (chosen(Some(RouteType::Ingress)), None, &["Ingress web"]),
            (chosen(Some(RouteType::HttpRoute)), None, &["HTTPRoute web"]),
            (chosen(Some(RouteType::None)), None, &[]),
            (chosen(Some(RouteType::None)), Some(RouteType::Mapping), &["Mapping web"]),
        ] {
            assert_eq!(route_of(&operator, spoken), expected, "{operator:?}, {spoken:?}");
        }
    }

    #[test]
    fn the_gateways_of_the_spec_come_before_those_of_the_administrator() {
        let gateway = |name: &str| GatewayRef { name: name.to_owned(), ..GatewayRef::default() };
        let operator = PreviewOperator { default_gateways: vec![gateway("default")], ..PreviewOperator::default() };
        let mut preview = preview("web");
        assert_eq!(Blueprint::of(&preview, &operator).gateways, [gateway("default")]);
        preview.spec.route = Some(Route { parent_refs: vec![gateway("own")], ..Route::default() });
        assert_eq!(Blueprint::of(&preview, &operator).gateways, [gateway("own")]);
    }

    #[test]
    fn a_preview_that_sleeps_keeps_its_objects_and_its_route_unless_that_is_to_go() {
        let mut preview = preview("web");
        preview.spec.suspend = Some(true);
        assert_eq!(testing::names_of(&PreviewOperator::default(), &preview), ["Deployment web", "Service web", "Mapping web"]);
        preview.spec.route = Some(Route { when_suspended: Some(WhenSuspended::Remove), ..Route::default() });
        assert_eq!(testing::names_of(&PreviewOperator::default(), &preview), ["Deployment web", "Service web"]);
        preview.spec.suspend = Some(false);
        assert_eq!(testing::names_of(&PreviewOperator::default(), &preview), ["Deployment web", "Service web", "Mapping web"]);
    }

    #[test]
    fn a_preview_wakes_up_when_its_own_namespace_changes_and_for_no_other() {
        let source = Fixed::empty();
        let view = View::new(&source);
        let _ = PreviewOperator::default().build(&preview("web"), &view);
        let lookups = view.into_lookups();
        let asked: Vec<String> = lookups.iter().map(|l| format!("{} {:?}", l.kind.resource(), l.query)).collect();
        assert_eq!(asked.len(), 1, "{asked:?}");
        assert!(lookups[0].query.matches(&namespace("shop", &[])), "{asked:?}");
        assert!(!lookups[0].query.matches(&namespace("other", &[])), "{asked:?}");
    }

    #[test]
    fn a_name_that_no_service_can_have_is_refused() {
        let refused = PreviewOperator::default().build(&preview("1-web"), &View::new(&Fixed::empty()));
        assert_eq!(refused.err().map(|invalid| invalid.reason), Some("NameNotUsable"));
    }

    #[test]
    fn a_host_that_would_take_the_traffic_of_others_is_refused() {
        let mut preview = preview("web");
        preview.spec.fqdn = "*".into();
        let refused = PreviewOperator::default().build(&preview, &View::new(&Fixed::empty()));
        assert_eq!(refused.err().map(|invalid| invalid.reason), Some("HostNotUsable"));
    }
}
