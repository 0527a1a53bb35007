//! What the operator is named, and the kinds that a preview owns and is decided from. Watches,
//! rights and what compiles follow from these types; everything in this folder may use them, and
//! they use nothing of it.

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{Namespace, Service};
use k8s_openapi::api::networking::v1::{Ingress, IngressClass, NetworkPolicy};
use kubewright::core::kind::Labels;
use kubewright::{Metadata, Optional, Part, Selected, Selector, Served, labels};
use operator_api::ambassador::Mapping;
use operator_api::gateway::HTTPRoute;
use operator_api::pod::PodHealth;
use operator_api::preview::{PreviewClaim, PreviewPlace, PreviewPolicy};

/// Names its controller, its rights and its children's `app.kubernetes.io/name`.
pub(super) const NAME: &str = "preview";

/// The kinds that a preview owns.
pub(super) type Owns =
    (Deployment, Service, Optional<HTTPRoute>, Ingress, Optional<Mapping>, NetworkPolicy);

/// The kinds of its route, of which it has one at a time: two of one host would both get its
/// traffic.
pub(super) type Routes = (Optional<HTTPRoute>, Ingress, Optional<Mapping>);

/// What a preview is decided from beside its spec.
pub(super) type Reads = (
    Metadata<Namespace>,
    Part<PreviewClaim>,
    Part<PreviewPlace>,
    PreviewPolicy,
    Metadata<IngressClass>,
    Served<HTTPRoute>,
    Served<Mapping>,
    Selected<PodHealth, PreviewPods>,
);

/// The pods of all previews.
pub struct PreviewPods;

impl Selector for PreviewPods {
    // What the template of their Deployments has.
    const LABELS: Labels = &[(labels::NAME, NAME)];
}
