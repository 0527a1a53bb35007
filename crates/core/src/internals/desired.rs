//! One object exactly as the engine applies it: what the operator built, and the metadata that the
//! engine adds.
//!
//! Most runs change nothing. So each run computes only a [`Fingerprint`]; the complete object and
//! its lasting hash are computed on demand.

use std::sync::{Arc, OnceLock};

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::child::Child;
use super::hash::{self, AppliedHash, DesiredHash};
use super::owner::Ownership;
use super::tree::Tree;
use crate::kind::{KindInfo, ObjectKey};
use crate::labels;

/// A hash of the bytes of an object as the operator built it; valid within one process.
///
/// Equal fingerprints of one child mean the same object. Different ones mean nothing yet: a
/// `HashMap` serialises in another order each time, and so may another build of the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Fingerprint(u64);

/// One object exactly as the engine applies it.
#[derive(Clone, Debug)]
pub struct Desired {
    /// Its kind.
    pub kind: KindInfo,
    /// Its namespace and name.
    pub key: ObjectKey,
    fingerprint: Fingerprint,
    built: Vec<u8>,
    ownership: Arc<Ownership>,
    exclusive: Vec<KindInfo>,
    hash: OnceLock<DesiredHash>,
    body: OnceLock<Value>,
}

impl Desired {
    pub(crate) fn new(key: ObjectKey, child: Child, ownership: Arc<Ownership>) -> Self {
        let Child { kind, json, exclusive, .. } = child;
        Self {
            fingerprint: Fingerprint(hash::of(&json)),
            kind,
            key,
            built: json,
            ownership,
            exclusive,
            hash: OnceLock::new(),
            body: OnceLock::new(),
        }
    }

    /// The kinds of its exclusive group; empty if it is in none.
    #[must_use]
    pub fn exclusive(&self) -> &[KindInfo] {
        &self.exclusive
    }

    /// The hash of the labels that name its owner.
    pub(crate) fn creator(&self) -> u64 {
        self.ownership.creator()
    }

    /// Whether the resource takes back orphans.
    pub(crate) fn adopts(&self) -> bool {
        self.ownership.adopts
    }

    /// The complete object, without identity preconditions, as a `Value`: to show and to inspect.
    #[must_use]
    pub fn body(&self) -> &Value {
        self.body.get_or_init(|| {
            serde_json::to_value(self.tree()).unwrap_or_else(|error| self.unreadable(&error))
        })
    }

    /// The complete object, without identity preconditions, as a tree: to compare and to send.
    #[must_use]
    pub fn tree(&self) -> Tree<'_> {
        let mut tree = self.without_hash();
        let desired = *self.hash.get_or_init(|| hash_of(&tree));
        let hash = AppliedHash { desired, template: pod_template(&tree).map(hash_of) };
        tree.at("metadata").at("annotations").set(labels::DESIRED_HASH, hash.to_string().into());
        tree
    }

    /// The lasting hash of [`body`](Self::body) without the annotation that carries it. The same
    /// object has the same hash in every build and on every machine.
    #[must_use]
    pub fn hash(&self) -> DesiredHash {
        *self.hash.get_or_init(|| hash_of(&self.without_hash()))
    }

    /// The hash of the pod template, if the object has one.
    #[must_use]
    pub fn template_hash(&self) -> Option<DesiredHash> {
        pod_template(&self.without_hash()).map(hash_of)
    }

    /// The hash for comparisons within this process.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    /// `.spec` as an `S`, if it has that form.
    #[must_use]
    pub fn spec<S: DeserializeOwned>(&self) -> Option<S> {
        #[derive(Deserialize)]
        struct Spec<S> {
            spec: S,
        }
        serde_json::from_slice::<Spec<S>>(&self.built).ok().map(|object| object.spec)
    }

    fn without_hash(&self) -> Tree<'_> {
        let mut tree: Tree<'_> =
            serde_json::from_slice(&self.built).unwrap_or_else(|error| self.unreadable(&error));
        // The status belongs to the kind's own controller.
        tree.remove("status");
        tree.set("apiVersion", self.kind.api_version().into());
        tree.set("kind", Tree::from(&*self.kind.kind));
        let metadata = tree.at("metadata");
        metadata.set("name", Tree::from(&*self.key.name));
        if let Some(namespace) = self.key.namespace() {
            metadata.set("namespace", namespace.into());
        }
        self.ownership.write(metadata);
        tree
    }

    /// `serde_json` wrote the bytes and `Child` checked their depth, so this does not happen.
    fn unreadable(&self, error: &serde_json::Error) -> ! {
        panic!("{} {} cannot be parsed: {error}", self.kind, self.key)
    }
}

/// The template of the pods that an object of any kind creates.
fn pod_template<'t, 'a>(tree: &'t Tree<'a>) -> Option<&'t Tree<'a>> {
    let template = tree.get("spec")?.get("template")?;
    template.get("spec")?.get("containers").map(|_| template)
}

fn hash_of(tree: &Tree<'_>) -> DesiredHash {
    // Writing a tree cannot fail: its keys are strings and its numbers finite.
    DesiredHash(hash::of(&serde_json::to_vec(tree).unwrap_or_default()))
}
