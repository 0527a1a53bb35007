//! The operators `Echo` (two API groups) and `PreviewEnvironment`: pure functions from a resource
//! to its objects.
//!
//! | module | contents |
//! |---|---|
//! | [`echo`] | the operators of both `Echo` kinds: a Deployment and a Service each |
//! | [`policy`] | the operator of `PreviewPolicy`: when an edit applies, and what it refuses |
//! | [`preview`] | the operator of `PreviewEnvironment`: a Deployment, a Service and a route |
//! | `workload`, `security`, `naming` | shared by all operators: Deployments, security contexts, names |
//!
//! This crate does no I/O: the binary passes [`registry`] to the framework, which does.

pub mod echo;
mod naming;
pub mod policy;
pub mod preview;
mod registry;
mod security;
#[cfg(test)]
mod testing;
mod workload;

pub use registry::{NAME, registry, registry_with};
