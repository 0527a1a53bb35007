//! The operator's name, and the kinds that it owns and reads. Watches and rights follow from these
//! types.

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{Namespace, Service};
use k8s_openapi::api::networking::v1::{Ingress, IngressClass, NetworkPolicy};
use kubewright::expiry::Expires;
use kubewright::selected::Labels;
use kubewright::{Metadata, Observed, Optional, Part, Selected, Selector, Served, View, labels};
use operator_api::ambassador::Mapping;
use operator_api::gateway::HTTPRoute;
use operator_api::pod::PodHealth;
use operator_api::preview::{PreviewClaim, StoredPolicy};
use operator_api::rollout::RolloutHealth;

use super::settings::PreviewOperator;

/// Names the controller, its rights, and the label `app.kubernetes.io/name` of its children.
pub(super) const NAME: &str = "preview";

/// The kinds that a preview owns.
pub(super) type Owns =
    (Deployment, Service, Optional<HTTPRoute>, Ingress, Optional<Mapping>, NetworkPolicy, Expires);

/// The kinds of its route. A preview has one route at a time: two routes of one host would share
/// its traffic.
pub(super) type Routes = (Optional<HTTPRoute>, Ingress, Optional<Mapping>);

/// The kinds that are read to decide what a preview gets.
pub(super) type Reads = (
    Metadata<Namespace>,
    Part<PreviewClaim>,
    StoredPolicy,
    Metadata<IngressClass>,
    Served<HTTPRoute>,
    Served<Mapping>,
    Selected<PodHealth, PreviewPods>,
    Selected<RolloutHealth, PreviewPods>,
);

/// What `build` of a preview reads.
pub(super) type PreviewView<'a> = View<'a, PreviewOperator>;
/// What `report` of a preview reads.
pub(super) type PreviewObserved<'a> = Observed<'a, PreviewOperator>;

/// Selects the pods and the Deployments of all previews.
pub struct PreviewPods;

impl Selector for PreviewPods {
    const LABELS: Labels = &[(labels::NAME, NAME)];
}
