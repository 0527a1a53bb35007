//! What `report` sees: the children of one resource after a run.

// `child`: an existing object in a cache. `decode`: how it is read from the API server's bytes.
// `state`: a desired child with its outcome.
mod child;
mod decode;
mod state;

use std::marker::PhantomData;

use serde::de::DeserializeOwned;

use crate::declaration::Declaration;
use crate::kind::{KindInfo, Object, Of, Owns};
use crate::readiness::Readiness;

pub use child::{ApplyEntry, ControllerRef, Hashes, ObservedChild};
pub use decode::{DecodeError, decode, decode_identity};
pub use state::{ChildState, Holder, Outcome};

/// A kind whose `.status` has a Rust type.
pub trait Reported: Object {
    /// That type.
    type Status: DeserializeOwned;
}

macro_rules! reported {
    ($($group:ident :: $version:ident :: { $($kind:ident => $status:ident),* $(,)? })*) => { $( $(
        impl Reported for k8s_openapi::api::$group::$version::$kind {
            type Status = k8s_openapi::api::$group::$version::$status;
        }
    )* )* };
}

reported! {
    apps::v1::{
        DaemonSet => DaemonSetStatus,
        Deployment => DeploymentStatus,
        StatefulSet => StatefulSetStatus,
    }
    batch::v1::{ CronJob => CronJobStatus, Job => JobStatus }
    core::v1::{
        PersistentVolumeClaim => PersistentVolumeClaimStatus,
        Pod => PodStatus,
        Service => ServiceStatus,
    }
    networking::v1::{ Ingress => IngressStatus }
}

/// The children of one resource after a run.
pub struct Observed<'a, O> {
    children: &'a [ChildState<'a>],
    readiness: &'a Readiness,
    declaration: PhantomData<fn() -> O>,
}

impl<O> Clone for Observed<'_, O> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<O> Copy for Observed<'_, O> {}

impl<O> std::fmt::Debug for Observed<'_, O> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Observed").field("children", &self.children).finish_non_exhaustive()
    }
}

impl<'a, O: Declaration> Observed<'a, O> {
    /// The states of all desired children, in the order in which `build` returned them, and the
    /// readiness that follows from them.
    #[must_use]
    pub fn new(children: &'a [ChildState<'a>], readiness: &'a Readiness) -> Self {
        Self { children, readiness, declaration: PhantomData }
    }

    /// All children.
    #[must_use]
    pub fn children(&self) -> &'a [ChildState<'a>] {
        self.children
    }

    /// The readiness that follows from the children and from failed requests.
    #[must_use]
    pub fn readiness(&self) -> &'a Readiness {
        self.readiness
    }

    /// One child by name: `observed.child(of::<Deployment>(), "web")`.
    #[must_use]
    pub fn child<K: Object, At>(&self, _: Of<K>, name: &str) -> Option<&'a ChildState<'a>>
    where
        O::Owns: Owns<K, At>,
    {
        let kind = KindInfo::of::<K>();
        self.children.iter().find(|c| c.desired.kind == kind && &*c.desired.key.name == name)
    }

    /// `.status` of one child: `observed.status(of::<Deployment>(), "web")`. `None` if the child
    /// has no status yet.
    #[must_use]
    pub fn status<K: Reported, At>(&self, kind: Of<K>, name: &str) -> Option<K::Status>
    where
        O::Owns: Owns<K, At>,
    {
        self.child(kind, name)?.status()
    }
}
