//! Kinds that a cluster may not have.

use std::convert::Infallible;
use std::marker::PhantomData;

/// In `type Owns` and `type Reads`: a kind whose API may not be served, because its CRD is
/// installed by another team or not at all.
///
/// The operator works without the kind, and begins to use it when it appears: no restart is needed.
/// The kind's `CustomResourceDefinition` shows whether it is served. So a kind that is built into
/// Kubernetes cannot be optional: [`Registry::check`](crate::Registry::check) fails.
///
/// ```
/// # use k8s_openapi::api::core::v1::{ConfigMap, Service};
/// # use k8s_openapi::api::core::v1::ConfigMap as Mapping; // Stands for a kind with a CRD.
/// use kubewright_core::Optional;
/// type Owns = (Service, Optional<Mapping>); // in `impl Operator`
/// ```
pub struct Optional<K> {
    _kind: PhantomData<fn() -> K>,
    _no_value: Infallible,
}
