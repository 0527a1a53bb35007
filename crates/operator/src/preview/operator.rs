//! The operator of `PreviewEnvironment`, `platform9.com/v1`.

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{Namespace, Service};
use kubewright::{Children, Condition, Invalid, Metadata, Observed, Operator, Optional, Sample, View};
use operator_api::ambassador::Mapping;
use operator_api::preview::{PreviewEnvironment, PreviewEnvironmentStatus};

use super::blueprint::Blueprint;
use super::{confinement, deployment, host, mapping, samples, service, status};
use crate::naming;

/// The kinds that a preview owns.
pub(super) type Owns = (Deployment, Service, Optional<Mapping>);

/// Runs the `PreviewEnvironment`s of `platform9.com/v1`.
#[derive(Clone, Copy, Debug, Default)]
pub struct PreviewOperator;

impl Operator for PreviewOperator {
    const NAME: &'static str = "preview";
    type Resource = PreviewEnvironment;
    type Owns = (Deployment, Service, Optional<Mapping>);
    type Reads = (Metadata<Namespace>,);

    fn build(&self, preview: &PreviewEnvironment, view: &View<'_, Self::Reads>) -> Result<Children<Self::Owns>, Invalid> {
        let of = Blueprint::of(preview);
        naming::check_service_name(of.resource, &of.name)?;
        host::check(of.host())?;
        let mut children =
            Children::new().with(deployment::deployment(&of, confinement::of_pods(&of, view)?)).with(service::service(&of));
        if !of.route_sleeps() {
            children.add(mapping::mapping(&of));
        }
        Ok(children)
    }

    fn status(&self, preview: &PreviewEnvironment, observed: &Observed<'_, Self::Owns>) -> PreviewEnvironmentStatus {
        status::status(&Blueprint::of(preview), observed)
    }

    fn conditions(&self, preview: &PreviewEnvironment, observed: &Observed<'_, Self::Owns>) -> Vec<Condition> {
        let of = Blueprint::of(preview);
        std::iter::once(status::routed(&of, observed)).chain(status::suspended(&of)).collect()
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
        let names = testing::names_of(&PreviewOperator, &preview("web"));
        assert_eq!(names, ["Deployment web", "Service web", "Mapping web"]);
    }

    #[test]
    fn a_preview_that_sleeps_keeps_its_objects_and_its_route_unless_that_is_to_go() {
        let mut preview = preview("web");
        preview.spec.suspend = Some(true);
        assert_eq!(testing::names_of(&PreviewOperator, &preview), ["Deployment web", "Service web", "Mapping web"]);
        preview.spec.route = Some(Route { when_suspended: Some(WhenSuspended::Remove) });
        assert_eq!(testing::names_of(&PreviewOperator, &preview), ["Deployment web", "Service web"]);
        preview.spec.suspend = Some(false);
        assert_eq!(testing::names_of(&PreviewOperator, &preview), ["Deployment web", "Service web", "Mapping web"]);
    }

    #[test]
    fn a_preview_wakes_up_when_its_own_namespace_changes_and_for_no_other() {
        let source = Fixed::empty();
        let view = View::new(&source);
        let _ = PreviewOperator.build(&preview("web"), &view);
        let lookups = view.into_lookups();
        let asked: Vec<String> = lookups.iter().map(|l| format!("{} {:?}", l.kind.resource(), l.query)).collect();
        assert_eq!(asked.len(), 1, "{asked:?}");
        assert!(lookups[0].query.matches(&namespace("shop", &[])), "{asked:?}");
        assert!(!lookups[0].query.matches(&namespace("other", &[])), "{asked:?}");
    }

    #[test]
    fn a_name_that_no_service_can_have_is_refused() {
        let refused = PreviewOperator.build(&preview("1-web"), &View::new(&Fixed::empty()));
        assert_eq!(refused.err().map(|invalid| invalid.reason), Some("NameNotUsable"));
    }

    #[test]
    fn a_host_that_would_take_the_traffic_of_others_is_refused() {
        let mut preview = preview("web");
        preview.spec.fqdn = "*".into();
        let refused = PreviewOperator.build(&preview, &View::new(&Fixed::empty()));
        assert_eq!(refused.err().map(|invalid| invalid.reason), Some("HostNotUsable"));
    }
}
