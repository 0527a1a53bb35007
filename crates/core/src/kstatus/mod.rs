//! Readiness in the sense of kstatus (sigs.k8s.io/cli-utils): a convention for the status of
//! Kubernetes objects, which Argo CD and Flux use.
//!
//! The functions use only `.status`, the generation and the desired spec of an object.
//!
//! `object` has the rules for each kind, `resource` derives the readiness of a custom resource from
//! its children.

mod object;
mod resource;

pub use object::{child_readiness, has_status, object_readiness};
pub use resource::{not_owned_message, resource_readiness};
