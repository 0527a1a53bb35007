//! Reading only some fields of a kind.

use std::convert::Infallible;
use std::marker::PhantomData;

/// In `type Reads`: only the fields that the type `K` has, and of the metadata only the identity
/// (name, namespace, UID, creation and deletion time).
///
/// `K` is a type with only the fields that `build` needs (`kube::CustomResource` with
/// `schema = "disabled"`). A change of another field, of a label or of an annotation wakes no
/// resource. The objects have no labels, so `build` cannot list them by labels.
///
/// ```
/// # use k8s_openapi::api::core::v1::ConfigMap as Claim; // Stands for a type with a few fields.
/// use kubewright_core::{Part, View, of};
/// # use kubewright_core::Declaration;
/// # struct Previews;
/// # impl Declaration for Previews {
/// #     type Owns = ();
/// #     type Reads = (Part<Claim>,); // in `impl Operator for Previews`
/// #     type Facts = ();
/// # }
/// fn claims(view: &View<'_, Previews>, namespace: &str) -> usize {
///     view.list(of::<Part<Claim>>(), Some(namespace), &[]).len()
/// }
/// ```
pub struct Part<K> {
    _kind: PhantomData<fn() -> K>,
    _no_value: Infallible,
}
