//! What an operator owns and reads, as types: `type Owns = (Deployment, Service,
//! Optional<Mapping>)` is all that a developer writes. One entry of a declaration is here, a whole
//! declaration in `tuples`.

use std::any::TypeId;
use std::convert::Infallible;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use kube_core::Resource as _;

use super::{AnyObject, KindInfo, Object, decode_read, hide, hide_all_but_identity};

/// Labels and their values.
pub type Labels = &'static [(&'static str, &'static str)];

/// A kind whose API may not be served in a cluster (its CRD is installed by somebody else, or
/// never).
///
/// The operator works without it, and picks it up when it appears. For declarations only; no value
/// of it exists. Whether it is there is told by its `CustomResourceDefinition`, so a kind that is
/// built into Kubernetes cannot be optional ([`Registry::check`](crate::Registry::check) refuses
/// it).
pub struct Optional<K> {
    _kind: PhantomData<fn() -> K>,
    never: Infallible,
}

impl<K> fmt::Debug for Optional<K> {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.never {}
    }
}

/// In `type Reads`: `build` asks whether the API of an [`Optional`] kind that the operator owns is
/// served now, with [`View::serves`](crate::View::serves).
///
/// It needs no watch and no right of its own, because the watch of what is owned tells. So the same
/// kind has to be in `type Owns` as `Optional<K>` ([`Registry::check`](crate::Registry::check)
/// refuses it otherwise). For declarations only; no value of it exists.
pub struct Served<K> {
    _kind: PhantomData<fn() -> K>,
    never: Infallible,
}

impl<K> fmt::Debug for Served<K> {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.never {}
    }
}

/// Which objects of a kind are looked at: those that carry all of these labels.
pub trait Selector: 'static {
    /// The labels, and the value that each must have.
    const LABELS: Labels;
}

/// In `type Reads`: of a kind only the objects that `S` selects. The API server leaves out the
/// others, so that neither side pays for them: Pods of one's own, where a cluster has ten thousand.
///
/// It is looked up under this name, `view.list::<Selected<Pod, Ours>, _>(...)`, which gives `Pod`s;
/// an object that does not carry the labels is not there, whoever else reads it. With a type that
/// has only the fields that matter (what `kube::CustomResource` makes, with `schema = "disabled"`),
/// an object costs no more memory than those do. RBAC knows no labels: the right that is needed is
/// that to the whole kind. For declarations only; no value of it exists.
///
/// ```
/// # use k8s_openapi::api::core::v1::Pod;
/// # use kubewright_core::kind::Labels;
/// # use kubewright_core::{Selected, Selector, View};
/// struct Ours;
/// impl Selector for Ours {
///     const LABELS: Labels = &[("app.kubernetes.io/managed-by", "my-operator")];
/// }
/// fn pods(view: &View<'_, (Selected<Pod, Ours>,)>, namespace: &str) -> usize {
///     view.list::<Selected<Pod, Ours>, _>(Some(namespace), &[]).len()
/// }
/// ```
pub struct Selected<K, S> {
    _kind: PhantomData<fn() -> (K, S)>,
    never: Infallible,
}

impl<K, S> fmt::Debug for Selected<K, S> {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.never {}
    }
}

/// In `type Reads`: of a kind only what the type `K` has, and of the metadata only which object it
/// is: name, namespace, UID, when it was created, and since when it is being deleted.
///
/// For a type that has only the fields that matter (what `kube::CustomResource` makes, with `schema
/// = "disabled"`). Who looks one up is woken when one of those changes, and not by an edit of other
/// fields, of labels or of annotations, which nobody can see. It is looked up under this name,
/// `view.by::<ByHost, _>(..)` with `type Of = Part<Claim>`, and cannot be asked for by labels: of
/// these there are none. For declarations only; no value of it exists.
///
/// ```
/// # use kubewright_core::{Part, View};
/// # use k8s_openapi::api::core::v1::ConfigMap as Claim; // Stands for a type with a few fields.
/// fn claims(view: &View<'_, (Part<Claim>,)>, namespace: &str) -> usize {
///     view.list::<Part<Claim>, _>(Some(namespace), &[]).len()
/// }
/// ```
pub struct Part<K> {
    _kind: PhantomData<fn() -> K>,
    never: Infallible,
}

impl<K> fmt::Debug for Part<K> {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.never {}
    }
}

/// What is looked up under one name: a kind, a [`Part`] of one, or [`Selected`] objects of one.
pub trait Entry: 'static {
    /// What a look-up gives.
    type Kind: Object;
    /// What each object carries.
    const LABELS: Labels;
    /// Whether objects have their labels, so that they can be asked for by these.
    const LABELLED: bool = true;
    /// Takes away what who looks an object up does not see; a change of it wakes nobody.
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
        hide_all_but_identity(object);
    }
}

impl<K: Object, S: Selector> Entry for Selected<K, S> {
    type Kind = K;
    const LABELS: Labels = S::LABELS;
}

/// One kind in `type Owns`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnedKind {
    /// Its names.
    pub info: KindInfo,
    /// Declared as [`Optional`].
    pub optional: bool,
    /// Which Rust type it is.
    pub type_id: TypeId,
}

/// Makes an object from JSON.
pub type Decode = fn(&[u8]) -> Result<Arc<dyn AnyObject>, serde_json::Error>;

/// One kind in `type Reads`.
#[derive(Clone, Debug)]
pub struct ReadKind {
    /// Its names.
    pub info: KindInfo,
    /// Declared as [`Optional`].
    pub optional: bool,
    /// Declared as [`Metadata`](crate::Metadata): the API server is asked for the metadata alone.
    pub metadata_only: bool,
    /// What every object carries, where it is declared as [`Selected`].
    pub labels: Labels,
    /// Under which name it is looked up: the Rust type, [`Part`] or [`Selected`].
    pub type_id: TypeId,
    /// Decodes one object, as a [`View`](crate::View) shows it.
    pub decode: Decode,
}

impl ReadKind {
    /// Whether an object is among those that are declared.
    #[must_use]
    pub fn selects(&self, object: &dyn AnyObject) -> bool {
        carries(self.labels, object)
    }

    /// The selector as the API server takes it, like `app=web,tier=front`; `None` for all objects.
    #[must_use]
    pub fn selector(&self) -> Option<String> {
        let each: Vec<String> =
            self.labels.iter().map(|(label, value)| format!("{label}={value}")).collect();
        (!each.is_empty()).then(|| each.join(","))
    }
}

/// Whether an object carries all of these labels.
pub(crate) fn carries(labels: Labels, object: &dyn AnyObject) -> bool {
    let carried = object.meta().labels.as_ref();
    labels
        .iter()
        .all(|(label, value)| carried.and_then(|all| all.get(*label)).is_some_and(|is| is == value))
}

/// One entry of `type Owns`: a kind, or an [`Optional`] kind.
pub trait Declared: 'static {
    /// The kind itself.
    type Kind: Object;
    /// Whether its API may be absent.
    const OPTIONAL: bool;
}

impl<K: Object> Declared for K {
    type Kind = K;
    const OPTIONAL: bool = false;
}

impl<K: Object> Declared for Optional<K> {
    type Kind = K;
    const OPTIONAL: bool = true;
}

/// What one entry of `type Reads` comes to.
#[derive(Clone, Debug)]
pub enum Reading {
    /// Objects.
    Objects(ReadKind),
    /// Whether a kind is served.
    Served(KindInfo),
}

/// One entry of `type Reads`: a kind, a [`Part`] or [`Selected`] objects of one, each as
/// [`Optional`]; or [`Served`].
pub trait DeclaredRead: 'static {
    /// What it comes to.
    fn reading() -> Reading;
}

impl<E: Entry> DeclaredRead for E {
    fn reading() -> Reading {
        objects::<E>(false)
    }
}

impl<E: Entry> DeclaredRead for Optional<E> {
    fn reading() -> Reading {
        objects::<E>(true)
    }
}

impl<K: Object> DeclaredRead for Served<K> {
    fn reading() -> Reading {
        Reading::Served(KindInfo::of::<K>())
    }
}

fn objects<E: Entry>(optional: bool) -> Reading {
    Reading::Objects(ReadKind {
        info: KindInfo::of::<E::Kind>(),
        optional,
        metadata_only: E::Kind::metadata_api(),
        labels: E::LABELS,
        type_id: TypeId::of::<E>(),
        decode: decode_read::<E>,
    })
}

/// An entry that stands for the kind `K`: `K` itself, or [`Optional`] of it.
#[diagnostic::on_unimplemented(
    message = "`{K}` is not a kind that this operator declares",
    label = "the declaration has only `{Self}`",
    note = "add it: `type Owns = (..., {K})` for what `build` returns, `type Reads = (..., {K})` for what it looks up"
)]
pub trait StandsFor<K> {}

impl<E: Entry> StandsFor<E> for E {}
impl<E: Entry> StandsFor<E> for Optional<E> {}

/// An entry by which `build` asks whether `K` is served: [`Served`] of it.
#[diagnostic::on_unimplemented(
    message = "`{K}` is not a kind of which this operator asks whether it is served",
    label = "the declaration has only `{Self}`",
    note = "add it: `type Reads = (..., Served<{K}>)`, beside `type Owns = (..., Optional<{K}>)`"
)]
pub trait Asks<K> {}

impl<K: Object> Asks<K> for Served<K> {}

/// A place in a declaration.
#[derive(Debug)]
pub struct At<const INDEX: usize>;
