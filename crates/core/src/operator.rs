//! What a developer writes: an [`Operator`].

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube_core::CustomResourceExt;
use kube_core::object::{HasSpec, HasStatus};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::children::Children;
use crate::condition::ConditionType;
use crate::declaration::{Declaration, Facts};
use crate::invalid::Invalid;
use crate::kind::{Kinds, Object, ReadKinds};
use crate::observed::Observed;
use crate::report::Report;
use crate::status::StatusFields;
use crate::view::View;

/// A custom resource type: what `#[derive(kube::CustomResource)]` creates from a spec and a status.
///
/// The status is [`Status`](crate::Status), or a struct of your own with the fields of
/// [`StatusFields`]. See [`status_fields!`](crate::status_fields) for the attributes that the
/// struct needs.
pub trait CustomResource:
    Object
    + CustomResourceExt
    + HasSpec
    + HasStatus<Status: StatusFields + Default + Serialize + DeserializeOwned + Send + Sync>
{
    /// The definition (CRD) of the resource.
    fn definition() -> CustomResourceDefinition {
        Self::crd()
    }
}

impl<R> CustomResource for R where
    R: Object
        + CustomResourceExt
        + HasSpec
        + HasStatus<Status: StatusFields + Default + Serialize + DeserializeOwned + Send + Sync>
{
}

/// The status type of an operator's resource.
pub type StatusOf<O> = <<O as Operator>::Resource as HasStatus>::Status;

/// An operator: a pure function from a custom resource to the objects that should exist.
///
/// A first operator implements `NAME`, the four types and [`build`](Self::build); the rest has a
/// default.
///
/// # Guarantees
/// - The engine sets the namespace, the controller owner reference, the recommended labels and the
///   desired-hash annotation of each child. It never copies labels or annotations of the resource
///   to the children.
/// - The engine applies children that differ from the cluster. It deletes objects that the resource
///   owns and that `build` no longer returns. It changes no other objects. A resource owns an
///   object if the object's `ownerReferences` name the resource, by UID, as the controller.
///
/// # Assumptions
/// `build` and `report` are deterministic: no clock, no randomness, no environment, no I/O. Time is
/// an input ([`View::is_past`]). Settings that are the same for all resources are fields of the
/// operator.
pub trait Operator: Sized + Send + Sync + 'static {
    /// The operator's name, a DNS label. It names the controller, its RBAC role, and the
    /// `app.kubernetes.io/name` of the children. Never change it after a release.
    const NAME: &'static str;

    /// The operator's own conditions with their reasons, and the reasons that it gives to `Ready`.
    /// The API reference lists them. Several condition types in this list may have the same name,
    /// such as those of different modules. The API reference then lists all their reasons together.
    const CONDITIONS: &'static [ConditionType] = &[];

    /// The custom resource.
    type Resource: CustomResource;

    /// The kinds that `build` returns: `(Deployment, Service)`, or `(ConfigMap,)` for one.
    ///
    /// Watches, rights and docs follow from this list. See [`Optional`](crate::Optional) for kinds
    /// that a cluster may not have, and [`Expires`](crate::expiry::Expires) for resources that the
    /// operator deletes when they expire.
    type Owns: Kinds;

    /// The kinds that `build` looks up: `(Secret,)`, or `()` for none.
    ///
    /// The engine runs `build` again when an object changes that the last `build` looked up.
    type Reads: ReadKinds;

    /// A value that `build` computes and [`report`](Self::report) needs: see
    /// [`Children::with_facts`]. `()` for most operators.
    type Facts: Facts;

    /// Returns the objects that should exist for `resource`.
    ///
    /// # Assumptions
    /// Do not use `resource.status`: it describes an earlier run. The exception is a time that the
    /// operator itself recorded there, such as the time when it first saw an edit.
    ///
    /// # Errors
    /// [`Invalid`] if the resource asks for something that cannot work although its schema accepts
    /// it. The resource is then *invalid*. The condition `Stalled` shows the reason and the
    /// message. The engine keeps the existing objects. It runs `build` again only after a change of
    /// the resource, a child or a looked-up object, or at a time that `build` asked about
    /// ([`View::is_past`]). To delete the objects instead, return [`Children::withdrawn`].
    fn build(
        &self,
        resource: &Self::Resource,
        view: &View<'_, Self>,
    ) -> Result<Children<Self>, Invalid>;

    /// Reports the status, the operator's own conditions and the readiness, from what was observed.
    ///
    /// The engine adds `observedGeneration` and the conditions `Ready`, `Reconciling` and
    /// `Stalled`. The default reports no fields of the operator's own, and the readiness of the
    /// children.
    ///
    /// For an invalid or [withdrawn](Children::withdrawn) resource:
    /// - `observed` has no children.
    /// - `facts` has its default value if the resource is invalid. A withdrawn resource has the
    ///   facts of its `build`.
    /// - The engine ignores the returned readiness: the resource is `Stalled`.
    fn report(
        &self,
        resource: &Self::Resource,
        observed: &Observed<'_, Self>,
        facts: &Self::Facts,
    ) -> Report<StatusOf<Self>> {
        let _ = (resource, facts);
        Report::new(observed, StatusOf::<Self>::default())
    }

    /// Returns advice for the administrator of the cluster, such as a resource that is missing
    /// there. The engine calls it once, when the operator starts, and logs each text as a warning.
    fn advice(&self, view: &View<'_, Self>) -> Vec<String> {
        let _ = view;
        Vec::new()
    }

    /// Returns example resources. They become files, snapshot tests and tests on a real API server.
    /// The first one should be the smallest that works.
    fn samples() -> Vec<Sample<Self::Resource>> {
        Vec::new()
    }
}

impl<O: Operator> Declaration for O {
    type Owns = O::Owns;
    type Reads = O::Reads;
    type Facts = O::Facts;
}

/// An example of a resource.
#[derive(Clone, Debug)]
pub struct Sample<R> {
    /// A DNS label such as `minimal` or `full`; part of the file name.
    pub name: &'static str,
    /// One sentence about what the sample shows; a comment in the file.
    pub about: &'static str,
    /// The resource.
    pub resource: R,
}
