//! One entry of `type Owns` or `type Reads`, and the facts about it.

use std::any::TypeId;
use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube_core::Resource as _;

use super::decode::{Decode, without_managed_fields};
use super::names::KindInfo;
use super::object::{AnyObject, Object};
use crate::expiry::Expires;
use crate::optional::Optional;
use crate::part::Part;
use crate::selected::{Labels, Selected, Selector};
use crate::served::Served;

/// An entry is one element of `type Reads`: the type under which `build` looks objects up. It is a
/// kind, a [`Part`] of a kind, or [`Selected`] objects of a kind.
pub trait Entry: 'static {
    /// The type of the objects.
    type Kind: Object;
    /// The labels that select the objects; empty for all objects of the kind.
    const LABELS: Labels;
    /// Whether `build` sees the labels of the objects, and so can list by them; `false` for some
    /// parts.
    const LABELLED: bool = true;
    /// Removes the fields that `build` does not see. A change of such a field wakes no resource.
    fn hide(object: &mut Self::Kind) {
        hide(object);
    }
}

impl<K: Object> Entry for K {
    type Kind = K;
    const LABELS: Labels = &[];
}

impl<K: Object> Entry for Part<K> {
    type Kind = K;
    const LABELS: Labels = &[];
    const LABELLED: bool = false;
    fn hide(object: &mut K) {
        let meta = object.meta_mut();
        let ObjectMeta { name, namespace, uid, creation_timestamp, deletion_timestamp, .. } =
            std::mem::take(meta);
        *meta = ObjectMeta {
            name,
            namespace,
            uid,
            creation_timestamp,
            deletion_timestamp,
            ..ObjectMeta::default()
        };
    }
}

impl<K: Object, S: Selector> Entry for Selected<K, S> {
    type Kind = K;
    const LABELS: Labels = S::LABELS;
}

/// Removes fields that change although nothing that `build` sees changes.
fn hide<K: Object>(object: &mut K) {
    let meta = object.meta_mut();
    meta.managed_fields = None;
    meta.resource_version = None;
    if K::metadata_api() {
        // The generation counts changes of the spec, which such an object does not have.
        meta.generation = None;
    }
}

fn decode_read<E: Entry>(json: &[u8]) -> Result<Arc<dyn AnyObject>, serde_json::Error> {
    let mut object: E::Kind = serde_json::from_slice(&without_managed_fields(json))?;
    E::hide(&mut object);
    Ok(Arc::new(object))
}

/// Whether an object has all of these labels.
pub(crate) fn has_labels(labels: Labels, object: &dyn AnyObject) -> bool {
    let of_object = object.meta().labels.as_ref();
    labels.iter().all(|(label, value)| {
        of_object.and_then(|all| all.get(*label)).is_some_and(|is| is == value)
    })
}

/// One kind in `type Owns`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnedKind {
    /// Its names.
    pub info: KindInfo,
    /// Whether it is [`Optional`].
    pub optional: bool,
    /// The Rust type.
    pub type_id: TypeId,
}

/// One kind in `type Reads`.
#[derive(Clone, Debug)]
pub struct ReadKind {
    /// Its names.
    pub info: KindInfo,
    /// Whether it is [`Optional`].
    pub optional: bool,
    /// Whether it is [`Metadata`](crate::Metadata): the watch asks for metadata alone.
    pub metadata_only: bool,
    /// The labels of all objects, if it is [`Selected`].
    pub labels: Labels,
    /// The type under which `build` looks objects up: the kind, [`Part`] or [`Selected`].
    pub type_id: TypeId,
    /// Decodes one object as a [`View`](crate::View) shows it.
    pub decode: Decode,
}

impl ReadKind {
    fn of<E: Entry>(optional: bool) -> Self {
        Self {
            info: KindInfo::of::<E::Kind>(),
            optional,
            metadata_only: E::Kind::metadata_api(),
            labels: E::LABELS,
            type_id: TypeId::of::<E>(),
            decode: decode_read::<E>,
        }
    }

    /// Whether the objects are all namespaces of the cluster.
    #[must_use]
    pub fn is_all_namespaces(&self) -> bool {
        !self.optional && self.labels.is_empty() && self.info.is("Namespace")
    }

    /// Whether the entry includes an object.
    #[must_use]
    pub fn selects(&self, object: &dyn AnyObject) -> bool {
        has_labels(self.labels, object)
    }

    /// The label selector as a query, such as `app=web,tier=front`; `None` for all objects.
    #[must_use]
    pub fn selector(&self) -> Option<String> {
        let each: Vec<String> =
            self.labels.iter().map(|(label, value)| format!("{label}={value}")).collect();
        (!each.is_empty()).then(|| each.join(","))
    }
}

/// The meaning of one entry of `type Owns`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Owning {
    /// `build` returns objects of this kind.
    Kind(OwnedKind),
    /// The operator deletes its own resources when they expire.
    Expiry,
}

/// One entry of `type Owns`: a kind, an [`Optional`] kind, or [`Expires`].
pub trait OwnsEntry: 'static {
    /// Its meaning.
    fn owning() -> Owning;
}

fn owned<K: Object>(optional: bool) -> Owning {
    Owning::Kind(OwnedKind { info: KindInfo::of::<K>(), optional, type_id: TypeId::of::<K>() })
}

impl<K: Object> OwnsEntry for K {
    fn owning() -> Owning {
        owned::<K>(false)
    }
}

impl<K: Object> OwnsEntry for Optional<K> {
    fn owning() -> Owning {
        owned::<K>(true)
    }
}

impl OwnsEntry for Expires {
    fn owning() -> Owning {
        Owning::Expiry
    }
}

/// The meaning of one entry of `type Reads`.
#[derive(Clone, Debug)]
pub enum Reading {
    /// `build` looks up objects.
    Objects(ReadKind),
    /// `build` asks whether a kind is served.
    Served(KindInfo),
}

/// One entry of `type Reads`: a kind, a [`Part`] or [`Selected`] objects of one, each also as
/// [`Optional`]; or [`Served`].
pub trait ReadsEntry: 'static {
    /// Its meaning.
    fn reading() -> Reading;
}

impl<E: Entry> ReadsEntry for E {
    fn reading() -> Reading {
        Reading::Objects(ReadKind::of::<E>(false))
    }
}

impl<E: Entry> ReadsEntry for Optional<E> {
    fn reading() -> Reading {
        Reading::Objects(ReadKind::of::<E>(true))
    }
}

impl<K: Object> ReadsEntry for Served<K> {
    fn reading() -> Reading {
        Reading::Served(KindInfo::of::<K>())
    }
}

/// The entry is the kind `K`, or [`Optional`] of it.
#[diagnostic::on_unimplemented(
    message = "`{K}` is not a kind that this operator declares",
    label = "the declaration has only `{Self}`",
    note = "add it: `type Owns = (..., {K})` for a kind that `build` returns, or \
            `type Reads = (..., {K})` for a kind that `build` looks up"
)]
pub trait IsKind<K> {}

impl<E: Entry> IsKind<E> for E {}
impl<E: Entry> IsKind<E> for Optional<E> {}

/// A second candidate, so that the compiler does not infer the only kind of a declaration. It then
/// reports a missing kind with the messages here, and not as mismatched types.
pub(crate) struct Ambiguous;

impl<E: Entry> IsKind<Ambiguous> for E {}
impl<E: Entry> IsKind<Ambiguous> for Optional<E> {}

/// The entry is [`Served`] of the kind `K`.
#[diagnostic::on_unimplemented(
    message = "this operator does not declare that it asks whether `{K}` is served",
    label = "the declaration has only `{Self}`",
    note = "add it: `type Reads = (..., Served<{K}>)`, beside `type Owns = (..., Optional<{K}>)`"
)]
pub trait IsServed<K> {}

impl<K: Object> IsServed<K> for Served<K> {}
impl<K: Object> IsServed<Ambiguous> for Served<K> {}

/// The entry is [`Expires`].
#[diagnostic::on_unimplemented(
    message = "this operator does not declare that its resources expire",
    label = "the declaration has only `{Self}`",
    note = "add it: `type Owns = (..., Expires)`; the right to delete the resources follows from it"
)]
pub trait IsExpires {}

impl IsExpires for Expires {}

/// A place in a declaration; the compiler finds it.
#[derive(Debug)]
pub struct At<const INDEX: usize>;
