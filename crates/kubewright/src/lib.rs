//! Declarative, code-generated Kubernetes operators: the one crate that a user names.
//!
//! This crate has no logic of its own: it names the parts behind features.

pub use kubewright_core as core;
pub use kubewright_core::{
    Children, Class, Condition, Index, Invalid, KindInfo, Metadata, Object, ObjectKey, Observed,
    Operator, Optional, Part, Registry, Sample, Selected, Selector, Served, Shard, StatusOf,
    Timestamp, Verdict, View, labels, names,
};

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
