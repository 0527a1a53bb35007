//! The operator of `PreviewEnvironment`, `platform9.com/v1`.

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{Namespace, Service};
use kubewright::labels::Labels;
use kubewright::{Children, Condition, Invalid, Metadata, ObjectKey, Observed, Operator, Optional, Sample, View};
use operator_api::ambassador::Mapping;
use operator_api::preview::{PreviewEnvironment, PreviewEnvironmentSpec, PreviewEnvironmentStatus};

use super::{deployment, host, mapping, service, status};
use crate::naming;
use crate::security::User;

/// The kinds that a preview owns.
pub(super) type Owns = (Deployment, Service, Optional<Mapping>);

/// The label by which Pod Security admission knows what to enforce in a namespace.
const ENFORCE: &str = "pod-security.kubernetes.io/enforce";
/// Its strictest value.
const RESTRICTED: &str = "restricted";

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
        host::check(of.host)?;
        Ok(Children::new()
            .with(deployment::deployment(&of, user(&of, view)))
            .with(service::service(&of))
            .with(mapping::mapping(&of)))
    }

    fn status(&self, preview: &PreviewEnvironment, observed: &Observed<'_, Self::Owns>) -> PreviewEnvironmentStatus {
        status::status(&Blueprint::of(preview), observed)
    }

    fn conditions(&self, preview: &PreviewEnvironment, observed: &Observed<'_, Self::Owns>) -> Vec<Condition> {
        vec![status::routed(&Blueprint::of(preview), observed)]
    }

    fn samples() -> Vec<Sample<PreviewEnvironment>> {
        let preview = |name, fqdn: &str| {
            let image = "inanimate/echo-server:latest".to_owned();
            PreviewEnvironment::new(name, PreviewEnvironmentSpec { image, fqdn: fqdn.to_owned() })
        };
        vec![
            Sample {
                name: "minimal",
                about: "An image under a host name of its own; the image listens on port 8080.",
                resource: preview("test-preview-environment", "preview-1.fqdn.com"),
            },
            Sample {
                name: "full",
                about: "Every field; named after the pull request that it shows.",
                resource: preview("full-preview-environment", "pr-17.previews.example.com"),
            },
        ]
    }
}

/// What a `PreviewEnvironment` asks for, and the names that follow from its own.
#[derive(Clone, Debug)]
pub(super) struct Blueprint<'a> {
    /// The resource's name, for messages.
    pub(super) resource: &'a str,
    /// Where it lives; empty while that is not known.
    pub(super) namespace: &'a str,
    /// The name of all objects.
    pub(super) name: String,
    /// By which the pods are found.
    pub(super) labels: Labels,
    /// What runs.
    pub(super) image: &'a str,
    /// Where it is reached.
    pub(super) host: &'a str,
}

impl<'a> Blueprint<'a> {
    /// What `preview` asks for.
    pub(super) fn of(preview: &'a PreviewEnvironment) -> Self {
        let resource = preview.metadata.name.as_deref().unwrap_or_default();
        Self {
            resource,
            namespace: preview.metadata.namespace.as_deref().unwrap_or_default(),
            name: naming::shared_name(&[resource]),
            labels: naming::selector(PreviewOperator::NAME, resource),
            image: &preview.spec.image,
            host: &preview.spec.fqdn,
        }
    }
}

/// Who the image may run as: most images of applications have root as their user, so that is forbidden only where the
/// namespace would not let the pods in otherwise.
fn user(of: &Blueprint<'_>, view: &View<'_, (Metadata<Namespace>,)>) -> User {
    let namespace = view.get::<Metadata<Namespace>, _>(&ObjectKey::cluster(of.namespace));
    let enforced = namespace.and_then(|n| n.metadata.labels.as_ref()?.get(ENFORCE).cloned());
    if enforced.as_deref() == Some(RESTRICTED) { User::NotRoot } else { User::OfImage }
}

#[cfg(test)]
mod tests {
    use kubewright::core::view::Fixed;

    use super::*;
    use crate::testing::{self, namespace, preview};

    fn user_in(labels: &[(&str, &str)]) -> User {
        let source = Fixed::empty().with(namespace("shop", labels)).with(namespace("other", &[(ENFORCE, RESTRICTED)]));
        user(&Blueprint::of(&preview("web")), &View::new(&source))
    }

    #[test]
    fn a_preview_is_a_deployment_a_service_and_a_route_of_one_name() {
        let names = testing::names_of(&PreviewOperator, &preview("web"));
        assert_eq!(names, ["Deployment web", "Service web", "Mapping web"]);
    }

    #[test]
    fn root_is_forbidden_exactly_where_the_namespace_forbids_it() {
        assert_eq!(user_in(&[(ENFORCE, RESTRICTED)]), User::NotRoot);
        assert_eq!(user_in(&[(ENFORCE, "baseline")]), User::OfImage);
        assert_eq!(user_in(&[("pod-security.kubernetes.io/warn", RESTRICTED)]), User::OfImage);
        assert_eq!(user_in(&[]), User::OfImage);
    }

    #[test]
    fn a_namespace_that_nobody_knows_is_taken_for_an_unrestricted_one() {
        assert_eq!(user(&Blueprint::of(&preview("web")), &View::new(&Fixed::empty())), User::OfImage);
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
