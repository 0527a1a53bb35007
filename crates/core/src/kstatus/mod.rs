//! Readiness in the sense of kstatus (sigs.k8s.io/cli-utils), from `.status`, the generation and
//! the desired spec alone.
//!
//! `object` has the rules for each kind, `resource` derives the readiness of a custom resource from
//! its children.

mod object;
mod resource;

pub use object::{has_status, of_child, of_object};
pub use resource::{not_owned_message, of_resource};
