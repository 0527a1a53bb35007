//! Kubernetes operators as pure functions: the one crate that a program depends on.
//!
//! This crate has no logic of its own. [`prelude`] has the traits and types of every operator,
//! [`custom_resource!`] declares a resource, and [`builders`] create common objects. The other
//! modules are for special cases. The versions of `kube`, `k8s-openapi`, `schemars` and
//! `serde_json` that the framework uses are re-exported.

mod resource;

pub use k8s_openapi;
pub use kube;
pub use kubewright_core::{
    Children, Class, Condition, ConditionType, CustomResource, Declaration, Facts, FakeCluster,
    Index, Invalid, KindInfo, MetaCondition, Metadata, Object, ObjectKey, Observed, Of, Operator,
    Optional, OrInvalid, Ordered, Part, Rank, Readiness, Registry, RegistryError, Report, Sample,
    Selected, Selector, Served, Status, StatusFields, StatusOf, Timestamp, View, of, status_fields,
};
pub use kubewright_core::{
    builders, condition, controller, exclusive, expiry, index, kind, kstatus, labels, names,
    observed, optional, ordered, part, reason, registry, selected, served, time, view, withdraw,
};
pub use schemars;
pub use serde;
pub use serde_json;

#[cfg(feature = "cli")]
pub use kubewright_cli as cli;
#[cfg(feature = "devkit")]
pub use kubewright_devkit as devkit;
#[cfg(feature = "manifests")]
pub use kubewright_manifests as manifests;
#[cfg(feature = "runtime")]
pub use kubewright_runtime as runtime;
#[cfg(feature = "testing")]
pub use kubewright_testing as testing;

/// The traits and types of every operator: `use kubewright::prelude::*;`.
pub mod prelude {
    pub use kube::{CustomResource, KubeSchema, ResourceExt as _};
    #[cfg(feature = "cli")]
    pub use kubewright_cli::Program;
    pub use kubewright_core::{
        Children, Condition, ConditionType, Invalid, Observed, Operator, OrInvalid as _, Readiness,
        Registry, Report, Sample, Status, View, labels, names, of,
    };
    pub use serde::{Deserialize, Serialize};
}
