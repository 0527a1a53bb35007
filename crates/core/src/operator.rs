//! What a developer writes: an [`Operator`].

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube_core::CustomResourceExt;
use kube_core::object::{HasSpec, HasStatus};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::children::{Children, Retire};
use crate::condition::{Condition, Verdict};
use crate::facts::Facts;
use crate::kind::{Kinds, Object, ReadKinds};
use crate::observed::Observed;
use crate::reason::Explained;
use crate::view::View;

/// A custom resource type: what `#[derive(kube::CustomResource)]` makes of a spec and a status.
pub trait CustomResource:
    Object + CustomResourceExt + HasSpec + HasStatus<Status: Serialize + DeserializeOwned + Send + Sync>
{
    /// The resource's definition.
    fn definition() -> CustomResourceDefinition {
        Self::crd()
    }
}

impl<R> CustomResource for R where
    R: Object
        + CustomResourceExt
        + HasSpec
        + HasStatus<Status: Serialize + DeserializeOwned + Send + Sync>
{
}

/// The status type of an operator's resource.
pub type StatusOf<O> = <<O as Operator>::Resource as HasStatus>::Status;

/// An operator: a function from a custom resource to the objects that should exist.
///
/// # Guarantees
/// The engine sets namespace, controller ownerReference, recommended labels and the desired-hash
/// annotation on every child; it never copies labels or annotations of the resource. It applies
/// what differs, deletes what is no longer returned and carries the resource's UID, and leaves
/// everything else alone.
///
/// # Assumptions
/// `build`, `status`, `conditions` and `verdict` are deterministic: no clock, no randomness, no
/// environment, no I/O. Time is an input: [`View::is_past`]. Settings that
/// are the same for all resources are fields of the operator.
pub trait Operator: Send + Sync + 'static {
    /// The operator's name, a DNS label: names its controller, its RBAC role and its children's
    /// `app.kubernetes.io/name`. Never change it once released.
    const NAME: &'static str;

    /// Whether `build` may say that its resource has had its time ([`Children::retire`]). The
    /// rights for that are given only where this is `true`: to delete such resources, to look
    /// at one right before, and to annotate one that was edited without a trace of when
    /// ([`Changed`](crate::time::Changed)).
    const RETIRES: bool = false;

    /// The custom resource.
    type Resource: CustomResource;

    /// The kinds that `build` returns: `(Deployment, Service, Optional<Mapping>)`.
    type Owns: Kinds;

    /// What `build` looks up: `()` or `(Metadata<Namespace>,)`. Beside kinds, their
    /// [`Metadata`](crate::Metadata) and [`Optional`](crate::Optional) ones: a
    /// [`Part`](crate::Part) of a kind, [`Selected`](crate::Selected) objects of one, and whether
    /// an optional kind that is owned is [`Served`](crate::Served). The operator's own kind may
    /// be among them.
    type Reads: ReadKinds;

    /// The objects that should exist for `resource`.
    ///
    /// # Assumptions
    /// `.status` of `resource` is no input. It says what was reported of an earlier run, or of
    /// none, and that it changed is no reason to run `build` again: who decides from it decides
    /// from something old. What an earlier object came to is for [`status`](Self::status) to
    /// tell. Only moments may be taken from there: what was promised to a person and must be kept
    /// although what it was derived from has changed, and what was seen once and is recorded
    /// nowhere else. Nobody who may only write the resource can write it.
    ///
    /// # Errors
    /// [`Invalid`] when the resource asks for something that cannot work although the schema let it
    /// pass. It is shown as a condition, and nothing is tried again until the resource, or
    /// something that was looked up, changes. The objects that were made before stay as they
    /// are, unless the operator has them [withdrawn](Invalid::withdraw).
    fn build(
        &self,
        resource: &Self::Resource,
        view: &View<'_, Self::Reads>,
    ) -> Result<Children<Self::Owns>, Invalid>;

    /// The status, from what was observed. `observedGeneration` and `conditions` are filled in by
    /// the engine.
    fn status(
        &self,
        resource: &Self::Resource,
        observed: &Observed<'_, Self::Owns>,
    ) -> StatusOf<Self>;

    /// Conditions beside `Ready`, `Reconciling` and `Stalled`, which the engine derives from the
    /// children.
    fn conditions(
        &self,
        resource: &Self::Resource,
        observed: &Observed<'_, Self::Owns>,
    ) -> Vec<Condition> {
        let _ = (resource, observed);
        Vec::new()
    }

    /// What `Ready`, `Reconciling` and `Stalled` say, in the operator's own words; `verdict` is
    /// what the engine derived from the children, and is what they say unless this says
    /// otherwise.
    ///
    /// What `build` found out is in [`Observed::facts`]: so a resource may have its children and
    /// not be ready nevertheless. A [`Verdict::Stalled`] from here is told in an Event too, and
    /// nothing is tried again until the resource, a child or something that was looked up
    /// changes. What failed is tried again whatever this says, so better let those verdicts be.
    /// It is not asked about a resource that `build` refused.
    fn verdict(
        &self,
        resource: &Self::Resource,
        observed: &Observed<'_, Self::Owns>,
        verdict: Verdict,
    ) -> Verdict {
        let _ = (resource, observed);
        verdict
    }

    /// The reasons that it gives itself, of its own conditions and of `Ready`, for the API
    /// reference. The framework's are there already.
    fn reasons() -> Vec<Explained> {
        Vec::new()
    }

    /// Example resources: generated as files, pinned by snapshots, admitted by a real API server in
    /// tests. The first should be the smallest one that works.
    fn samples() -> Vec<Sample<Self::Resource>>;
}

/// An example of a resource.
#[derive(Clone, Debug)]
pub struct Sample<R> {
    /// Which one: `minimal`, `full`; part of the file's name, a DNS label.
    pub name: &'static str,
    /// What it shows, in one sentence; a comment in the file.
    pub about: &'static str,
    /// The resource.
    pub resource: R,
}

/// A resource that asks for something that cannot work.
///
/// What was made for it while it did work is kept as it is: nothing is applied to it, and nothing
/// deleted, so that a slip of the pen takes nothing down. Where that would let somebody keep what
/// they may not have any more, say [`withdraw`](Self::withdraw).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Invalid {
    /// Why, in CamelCase, for the condition's `reason`: e.g. `HostNotAllowed`.
    pub reason: &'static str,
    /// What is wrong and what to write instead, for the condition's `message`.
    pub message: String,
    /// Whether the resource has had its time all the same.
    pub retire: Option<Retire>,
    /// Whether what was made for it before is deleted.
    pub withdraw: bool,
    /// What was told.
    pub facts: Facts,
}

impl Invalid {
    /// `reason` in CamelCase; `message` says what to write instead.
    pub fn new(reason: &'static str, message: impl Into<String>) -> Self {
        Self {
            reason,
            message: message.into(),
            retire: None,
            withdraw: false,
            facts: Facts::default(),
        }
    }

    /// The same, and the objects that were made before are deleted, as garbage collection would:
    /// all that the resource controls.
    ///
    /// For who claims something that others wait for, such as a host, or is bound by limits: an
    /// edit that is refused must not be a way to keep them. Say it only of what the resource
    /// itself asks for. What somebody else wrote and nobody understands is better left to them,
    /// with everything running as it was.
    #[must_use]
    pub fn withdraw(self) -> Self {
        Self { withdraw: true, ..self }
    }

    /// The same, and this is told to [`status`](Operator::status) and
    /// [`conditions`](Operator::conditions): see [`Children::tell`].
    #[must_use]
    pub fn tell<T: Send + Sync + 'static>(mut self, fact: T) -> Self {
        self.facts.tell(fact);
        self
    }

    /// The same, of a resource that has had its time: see [`Children::retire`].
    #[must_use]
    pub fn retire(self, reason: &'static str, message: impl Into<String>) -> Self {
        Self { retire: Some(Retire { reason, message: message.into() }), ..self }
    }
}
