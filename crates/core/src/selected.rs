//! Reading only the objects with some labels.

use std::convert::Infallible;
use std::marker::PhantomData;

/// Labels and their values.
pub type Labels = &'static [(&'static str, &'static str)];

/// The labels of the objects that an operator reads.
pub trait Selector: 'static {
    /// Each label and the value that it must have.
    const LABELS: Labels;
}

/// In `type Reads`: only the objects of the kind `K` that the selector `S` selects.
///
/// The API server leaves the other objects out, so neither side pays for them. An example is the
/// operator's own Pods in a cluster with ten thousand Pods. RBAC knows no labels: the operator
/// needs the right to read the whole kind. `K` may be a type with only the fields that `build`
/// needs (`kube::CustomResource` with `schema = "disabled"`), to save memory.
///
/// ```
/// use k8s_openapi::api::core::v1::Pod;
/// use kubewright_core::selected::Labels;
/// use kubewright_core::{Selected, Selector, View, of};
/// # use kubewright_core::Declaration;
/// # struct Previews;
/// # impl Declaration for Previews {
/// #     type Owns = ();
/// #     type Reads = (Selected<Pod, Ours>,); // in `impl Operator for Previews`
/// #     type Facts = ();
/// # }
/// struct Ours;
/// impl Selector for Ours {
///     const LABELS: Labels = &[("app.kubernetes.io/managed-by", "my-operator")];
/// }
/// fn pods(view: &View<'_, Previews>, namespace: &str) -> usize {
///     view.list(of::<Selected<Pod, Ours>>(), Some(namespace), &[]).len()
/// }
/// ```
pub struct Selected<K, S> {
    _kind: PhantomData<fn() -> (K, S)>,
    _no_value: Infallible,
}
