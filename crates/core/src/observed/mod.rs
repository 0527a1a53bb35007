//! What the cluster says about children: as small as can be, because one is kept for every child.
//!
//! [`ObservedChild`] is what a cache holds: identity, owner, two hashes and the raw `.status`,
//! never the whole object. [`Observed`] is what an operator's `status` sees: the children of one
//! resource after a run.

mod decode;

use std::hash::{Hash, Hasher};
use std::marker::PhantomData;
use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use crate::desired::{Desired, Print};
use crate::error::Class;
use crate::facts::Facts;
use crate::hash::DesiredHash;
use crate::kind::{KindInfo, Kinds, Object, ObjectKey, Owns};

pub use decode::{DecodeError, decode, decode_identity};

/// One existing object of an owned kind.
#[derive(Clone, Debug)]
pub struct ObservedChild {
    /// Where it is.
    pub key: ObjectKey,
    /// Its UID.
    pub uid: Box<str>,
    /// Its version; larger is newer (an integer since etcd 3, and by contract since Kubernetes
    /// 1.35, KEP-5504).
    pub resource_version: u64,
    /// Counts changes of the spec, for kinds that have it.
    pub generation: Option<i64>,
    /// Whether it is being deleted.
    pub deleting: bool,
    /// Its controller ownerReference, if it has one.
    pub controller: Option<Arc<ControllerRef>>,
    /// What its desired-hash annotation says.
    pub desired_hash: Option<DesiredHash>,
    /// What our `Apply` entry in `metadata.managedFields` says.
    pub entry: Entry,
    /// `.status`, as it came.
    pub status: Option<Box<RawValue>>,
}

/// The controller ownerReference of an object.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ControllerRef {
    /// The owner's kind and API group as Kubernetes writes them: `Echo.example.com`, `ConfigMap`;
    /// see [`KindInfo::is`].
    pub kind: Box<str>,
    /// The owner's name.
    pub name: Box<str>,
    /// The owner's UID.
    pub uid: Box<str>,
}

/// The desired object that an entry was found to cover.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Covered {
    /// Its lasting hash.
    pub hash: DesiredHash,
    /// Its hash within this process.
    pub print: Print,
}

impl Covered {
    /// The two hashes of `desired`.
    #[must_use]
    pub fn by(desired: &Desired) -> Self {
        Self { hash: desired.hash(), print: desired.print() }
    }
}

/// Our field manager's `Apply` entry in `metadata.managedFields`.
#[derive(Clone, Debug)]
pub enum Entry {
    /// There is none: we never applied it, or somebody cleared `managedFields`.
    Missing,
    /// There is one that was not yet compared with what we want.
    Unverified {
        /// Hash of the bytes of `fieldsV1`.
        hash: u64,
        /// `fieldsV1`; objects that were made alike share it.
        fields: Arc<RawValue>,
    },
    /// It covers everything of a desired object.
    Verified {
        /// Hash of the bytes of `fieldsV1`.
        hash: u64,
        /// The desired object that it covers.
        of: Covered,
    },
}

impl Entry {
    /// Hash of the entry's bytes, if there is an entry.
    #[must_use]
    pub fn hash(&self) -> Option<u64> {
        match self {
            Self::Missing => None,
            Self::Unverified { hash, .. } | Self::Verified { hash, .. } => Some(*hash),
        }
    }

    /// The same entry, known to cover this desired object; its bytes are dropped.
    #[must_use]
    pub fn verified(&self, of: Covered) -> Self {
        self.hash().map_or(Self::Missing, |hash| Self::Verified { hash, of })
    }
}

impl ObservedChild {
    /// Whether the object with this UID controls it.
    #[must_use]
    pub fn is_controlled_by(&self, uid: &str) -> bool {
        self.controller.as_ref().is_some_and(|c| &*c.uid == uid)
    }

    /// Takes over what was learned about the same entry before, so that nothing is compared twice.
    pub fn inherit(&mut self, before: &Self) {
        if before.uid == self.uid && before.entry.hash() == self.entry.hash() {
            self.entry = before.entry.clone();
        }
    }

    /// Whether a resource that owns both would decide or report differently: the predicate on watch
    /// events.
    #[must_use]
    pub fn differs(&self, before: &Self) -> bool {
        self.shown() != before.shown()
    }

    /// All that decides what a resource that owns it does and reports.
    fn shown(&self) -> impl PartialEq + Hash + '_ {
        let status = self.status.as_deref().map(RawValue::get);
        (
            &self.uid,
            self.deleting,
            self.generation,
            self.desired_hash,
            self.entry.hash(),
            &self.controller,
            status,
        )
    }
}

/// What became of one desired child in a run.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// It exists as we want it.
    InSync,
    /// An object of that name exists and is not ours; it was left alone.
    Refused(Holder),
    /// The old one is still being deleted; it is made again when that has ended.
    Terminating,
    /// It is the only one of its group, and this one of that, no longer wanted, is still there; it
    /// is made when that is gone.
    Held(Box<str>),
    /// Its kind is [`Optional`](crate::Optional) and its API is not served in this cluster.
    NotServed,
    /// The API server did not take it.
    Failed {
        /// Whether another try can help.
        class: Class,
        /// What the API server said.
        message: String,
    },
}

/// Who holds a name that we wanted.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Holder {
    /// The object is controlled by this owner.
    Controller(Arc<ControllerRef>),
    /// The object has no controller: somebody made it by hand, or with another tool.
    Nobody,
}

/// One desired child after a run.
#[derive(Clone, Copy, Debug)]
pub struct ChildState<'a> {
    /// What we want.
    pub desired: &'a Desired,
    /// What exists, if anything of ours does.
    pub observed: Option<&'a ObservedChild>,
    /// What became of it.
    pub outcome: &'a Outcome,
}

impl ChildState<'_> {
    /// Adds to `hasher` all that a status and a verdict can depend on.
    pub fn add_to(&self, hasher: &mut impl Hasher) {
        (self.desired.print(), self.observed.map(ObservedChild::shown), self.outcome).hash(hasher);
    }

    /// `.status` as an `S`, when it exists and has that form.
    #[must_use]
    pub fn status<S: DeserializeOwned>(&self) -> Option<S> {
        serde_json::from_str(self.observed?.status.as_ref()?.get()).ok()
    }
}

/// A kind whose `.status` has a Rust type.
pub trait Reported: Object {
    /// That type.
    type Status: DeserializeOwned;
}

macro_rules! reported {
    ($($kind:ty => $status:ty),* $(,)?) => { $( impl Reported for $kind { type Status = $status; } )* };
}

reported! {
    k8s_openapi::api::apps::v1::Deployment => k8s_openapi::api::apps::v1::DeploymentStatus,
    k8s_openapi::api::apps::v1::StatefulSet => k8s_openapi::api::apps::v1::StatefulSetStatus,
    k8s_openapi::api::apps::v1::DaemonSet => k8s_openapi::api::apps::v1::DaemonSetStatus,
    k8s_openapi::api::batch::v1::Job => k8s_openapi::api::batch::v1::JobStatus,
    k8s_openapi::api::batch::v1::CronJob => k8s_openapi::api::batch::v1::CronJobStatus,
    k8s_openapi::api::core::v1::Service => k8s_openapi::api::core::v1::ServiceStatus,
    k8s_openapi::api::core::v1::PersistentVolumeClaim => k8s_openapi::api::core::v1::PersistentVolumeClaimStatus,
    k8s_openapi::api::core::v1::Pod => k8s_openapi::api::core::v1::PodStatus,
    k8s_openapi::api::networking::v1::Ingress => k8s_openapi::api::networking::v1::IngressStatus,
}

/// The children of one resource after a run: what a status may be built from.
#[derive(Clone, Copy, Debug)]
pub struct Observed<'a, O> {
    children: &'a [ChildState<'a>],
    facts: &'a Facts,
    owns: PhantomData<fn() -> O>,
}

impl<'a, O: Kinds> Observed<'a, O> {
    /// The states of all desired children, in the order in which `build` returned them.
    #[must_use]
    pub fn new(children: &'a [ChildState<'a>]) -> Self {
        Self::with(children, Facts::NONE)
    }

    /// The same, with what `build` told.
    #[must_use]
    pub fn with(children: &'a [ChildState<'a>], facts: &'a Facts) -> Self {
        Self { children, facts, owns: PhantomData }
    }

    /// What `build` told by [`Children::tell`](crate::Children::tell), as the type that it told.
    #[must_use]
    pub fn facts<T: 'static>(&self) -> Option<&'a T> {
        self.facts.get()
    }

    /// All children.
    #[must_use]
    pub fn children(&self) -> &'a [ChildState<'a>] {
        self.children
    }

    /// One child by name: `observed.child::<Deployment, _>("web")`.
    #[must_use]
    pub fn child<K: Object, At>(&self, name: &str) -> Option<&'a ChildState<'a>>
    where
        O: Owns<K, At>,
    {
        let kind = KindInfo::of::<K>();
        self.children.iter().find(|c| c.desired.kind == kind && &*c.desired.key.name == name)
    }

    /// `.status` of one child: `observed.status::<Deployment, _>("web")`. `None` while there is
    /// none.
    #[must_use]
    pub fn status<K: Reported, At>(&self, name: &str) -> Option<K::Status>
    where
        O: Owns<K, At>,
    {
        self.child::<K, At>(name)?.status()
    }
}
