//! An existing object of an owned kind, as a cache holds it: identity, owner, two hashes and the
//! raw `.status`.

use std::hash::Hash;
use std::sync::Arc;

use serde_json::value::RawValue;

use crate::internals::desired::{Desired, Fingerprint};
use crate::internals::hash::DesiredHash;
use crate::kind::ObjectKey;

/// One existing object of an owned kind.
#[derive(Clone, Debug)]
pub struct ObservedChild {
    /// Its namespace and name.
    pub key: ObjectKey,
    /// Its UID.
    pub uid: Box<str>,
    /// Its version; larger is newer (KEP-5504 makes this the contract since Kubernetes 1.35).
    pub resource_version: u64,
    /// Counts changes of the spec, for kinds that have it.
    pub generation: Option<i64>,
    /// Whether it is being deleted.
    pub deleting: bool,
    /// Its controller owner reference.
    pub controller: Option<Arc<ControllerRef>>,
    /// If no owner controls it and it has our annotation: the hash of its labels that name the
    /// resource for which it was created.
    pub orphan_of: Option<u64>,
    /// The desired hash in its annotation.
    pub desired_hash: Option<DesiredHash>,
    /// The hash of its pod template in that annotation.
    pub template_hash: Option<DesiredHash>,
    /// Our `Apply` entry in `metadata.managedFields`.
    pub entry: ApplyEntry,
    /// `fieldsV1` of that entry, kept if another manager has an entry for more than the status. The
    /// other manager may own the same fields.
    pub shared_entry: Option<Arc<RawValue>>,
    /// The label on which the watch selects, if the object lacks it or has another value. The watch
    /// does not show such an object.
    pub missing_label: Option<&'static str>,
    /// `.status` as JSON.
    pub status: Option<Box<RawValue>>,
}

/// The controller owner reference of an object.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ControllerRef {
    /// The owner's kind and API group, such as `Echo.example.com` or `ConfigMap`; see
    /// [`KindInfo::is`](crate::KindInfo::is).
    pub kind: Box<str>,
    /// The owner's name.
    pub name: Box<str>,
    /// The owner's UID.
    pub uid: Box<str>,
}

/// The desired hash and the fingerprint of a desired object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hashes {
    /// The desired hash, which the engine writes to the object as an annotation.
    pub hash: DesiredHash,
    /// The fingerprint, which is valid within this process.
    pub fingerprint: Fingerprint,
}

impl Hashes {
    /// The hashes of `desired`.
    #[must_use]
    pub fn of(desired: &Desired) -> Self {
        Self { hash: desired.hash(), fingerprint: desired.fingerprint() }
    }
}

/// The `Apply` entry of our field manager in `metadata.managedFields`.
#[derive(Clone, Debug)]
pub enum ApplyEntry {
    /// There is none: we never applied the object, or somebody cleared `managedFields`.
    Missing,
    /// It was not yet compared with a desired object.
    Unverified {
        /// The hash of the bytes of `fieldsV1`.
        hash: u64,
        /// `fieldsV1`; objects that were created alike share it.
        fields: Arc<RawValue>,
    },
    /// It owns every path of a desired object.
    Verified {
        /// The hash of the bytes of `fieldsV1`.
        hash: u64,
        /// The hashes of the desired object that the entry covers.
        covers: Hashes,
    },
}

impl ApplyEntry {
    /// The hash of the entry's bytes, if there is an entry.
    #[must_use]
    pub fn hash(&self) -> Option<u64> {
        match self {
            Self::Missing => None,
            Self::Unverified { hash, .. } | Self::Verified { hash, .. } => Some(*hash),
        }
    }

    /// The same entry, verified for a desired object; its bytes are dropped.
    #[must_use]
    pub fn verified(&self, covers: Hashes) -> Self {
        self.hash().map_or(Self::Missing, |hash| Self::Verified { hash, covers })
    }
}

impl ObservedChild {
    /// Whether the object with this UID controls it.
    #[must_use]
    pub fn is_controlled_by(&self, uid: &str) -> bool {
        self.controller.as_ref().is_some_and(|c| &*c.uid == uid)
    }

    /// Keeps the verified entry of an earlier version if the bytes of the entry did not change.
    pub fn inherit(&mut self, before: &Self) {
        if before.uid == self.uid && before.entry.hash() == self.entry.hash() {
            self.entry = before.entry.clone();
        }
    }

    /// Whether the owner would plan or report differently than for `before`. Other watch events are
    /// skipped.
    #[must_use]
    pub fn differs(&self, before: &Self) -> bool {
        self.inputs() != before.inputs()
    }

    /// All that decides how the owner plans and reports.
    pub(super) fn inputs(&self) -> impl PartialEq + Hash + '_ {
        let status = self.status.as_deref().map(RawValue::get);
        let entry = self.entry.hash();
        let version = (self.deleting, self.generation, self.desired_hash, entry);
        let owner = (&self.controller, self.orphan_of);
        (&self.uid, version, owner, self.missing_label, status)
    }
}
