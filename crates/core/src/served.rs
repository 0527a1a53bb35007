//! Asking whether a cluster serves a kind.

use std::convert::Infallible;
use std::marker::PhantomData;

/// In `type Reads`: `build` asks with [`View::serves`](crate::View::serves) whether the API of an
/// owned [`Optional`](crate::Optional) kind is served, to choose between kinds.
///
/// The entry needs no watch and no right of its own: the watch of the owned kind answers. So
/// [`Registry::check`](crate::Registry::check) requires `Optional<K>` in `type Owns`.
///
/// ```
/// # use k8s_openapi::api::core::v1::ConfigMap as Mapping; // Stands for a kind with a CRD.
/// # use kubewright_core::{Declaration, Optional};
/// use kubewright_core::{Served, View, of};
/// # struct Previews;
/// # impl Declaration for Previews {
/// #     type Owns = (Optional<Mapping>,);
/// #     type Reads = (Served<Mapping>,); // in `impl Operator for Previews`
/// #     type Facts = ();
/// # }
/// fn route(view: &View<'_, Previews>) -> &'static str {
///     if view.serves(of::<Mapping>()) { "Mapping" } else { "Ingress" }
/// }
/// ```
pub struct Served<K> {
    _kind: PhantomData<fn() -> K>,
    _no_value: Infallible,
}
