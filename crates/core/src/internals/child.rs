//! One object as the operator built it, before the engine completes it.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use crate::kind::{KindInfo, Object};
use crate::labels::DESIRED_HASH;

/// One object as the operator built it. Its Rust type is erased; its kind is declared.
#[derive(Clone, Debug)]
pub struct Child {
    pub(crate) kind: KindInfo,
    pub(crate) namespace: Option<String>,
    pub(crate) name: Option<String>,
    /// The object as JSON, with the metadata that an operator may set.
    pub(crate) json: Vec<u8>,
    /// The kinds of its exclusive group, if it is in one.
    pub(crate) exclusive: Vec<KindInfo>,
}

/// A defect in an operator's `build`.
#[derive(Debug, thiserror::Error)]
pub enum ChildError {
    /// The object has no name.
    #[error(
        "build returned a {0} without metadata.name; set a name (names::child_name builds a valid \
         one)"
    )]
    Unnamed(Box<str>),
    /// Two objects of one kind have this name.
    #[error("build returned {0} twice; give each child a name of its own")]
    Twice(Box<str>),
    /// The object cannot be written as JSON.
    #[error("build returned a {0} that is not JSON ({1}); use string keys and finite numbers")]
    NotJson(Box<str>, #[source] serde_json::Error),
    /// The object is nested more deeply than JSON parsers accept.
    #[error("build returned a {0} with more than {MAX_DEPTH} nested levels; make it flatter")]
    TooDeep(Box<str>),
    /// A namespaced resource cannot own a cluster-scoped object.
    #[error(
        "build returned the cluster-scoped {0} for a namespaced resource, which cannot own it \
         (garbage collection could not delete it); make the custom resource cluster-scoped"
    )]
    ClusterScoped(Box<str>),
    /// A namespaced resource can own objects in its own namespace only.
    #[error("build returned {0} outside of the resource's namespace {1}; omit metadata.namespace")]
    OtherNamespace(Box<str>, Box<str>),
    /// The exclusive group has a kind that the operator does not own.
    #[error(
        "exclusive for {0}: the group contains {1}, which is not in `type Owns`; add it there, or \
         remove it from the group"
    )]
    GroupNotOwned(Box<str>, String),
    /// The exclusive group does not contain the kind of the object itself.
    #[error("exclusive for {0}: the group does not contain its own kind; add it to the type list")]
    NotInGroup(Box<str>),
    /// Two objects of one exclusive group.
    #[error("{0} and {1} are in one exclusive group; return only one of them")]
    NotExclusive(Box<str>, Box<str>),
    /// A child of a cluster-scoped resource has no namespace.
    #[error("build returned {0} without a namespace for a cluster-scoped resource; set one")]
    NoNamespace(Box<str>),
}

/// The usual size of an object as JSON, in bytes. Growing the buffer step by step took a tenth of a
/// run that changes nothing.
const USUAL_SIZE: usize = 2048;

/// The depth of nesting that `serde_json` reads.
const MAX_DEPTH: usize = 127;

impl Child {
    pub(crate) fn new<K: Object>(mut object: K) -> Result<Self, ChildError> {
        let kind = KindInfo::of::<K>();
        // The object may be a copy of one that was looked up: drop its identity, what others hold
        // its deletion for, and the hash of its last form, with which it would differ each time.
        let ObjectMeta { name, namespace, labels, mut annotations, .. } =
            std::mem::take(object.meta_mut());
        if let Some(annotations) = &mut annotations {
            annotations.remove(DESIRED_HASH);
        }
        *object.meta_mut() = ObjectMeta { labels, annotations, ..ObjectMeta::default() };
        let not_json = |source| ChildError::NotJson((*kind.kind).into(), source);
        let mut json = Vec::with_capacity(USUAL_SIZE);
        serde_json::to_writer(&mut json, &object).map_err(not_json)?;
        if !json.starts_with(b"{") {
            return Err(not_json(serde::ser::Error::custom("it is not an object")));
        }
        if is_too_deep(&json) {
            return Err(ChildError::TooDeep((*kind.kind).into()));
        }
        let not_empty = |text: &String| !text.is_empty();
        let (namespace, name) = (namespace.filter(not_empty), name.filter(not_empty));
        Ok(Self { kind, namespace, name, json, exclusive: Vec::new() })
    }

    /// Its kind.
    #[must_use]
    pub fn kind(&self) -> &KindInfo {
        &self.kind
    }
}

/// Whether `json` has more than [`MAX_DEPTH`] nested levels.
fn is_too_deep(json: &[u8]) -> bool {
    // Most objects do not even have that many objects and lists; counting them is cheap.
    if json.iter().filter(|byte| matches!(byte, b'{' | b'[')).count() <= MAX_DEPTH {
        return false;
    }
    let (mut depth, mut in_text, mut bytes) = (0_usize, false, json.iter());
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => in_text = !in_text,
            // An escaped character ends no text.
            b'\\' => drop(bytes.next()),
            b'{' | b'[' if !in_text => depth += 1,
            b'}' | b']' if !in_text => depth -= 1,
            _ => {}
        }
        if depth > MAX_DEPTH {
            return true;
        }
    }
    false
}
