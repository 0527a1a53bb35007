//! The operators: `Echo` (of two API groups) and `PreviewEnvironment`, as pure functions from a
//! resource to its objects.
//!
//! | module | what lives there |
//! |---|---|
//! | [`echo`] | the operators of both `Echo`s: a Deployment and a Service each |
//! | [`preview`] | the operator of `PreviewEnvironment`: a Deployment, a Service and a route |
//! | [`Settings`] | what an administrator chooses for all resources, as arguments |
//! | `workload`, `security`, `naming` | what all of them share: the frame of a Deployment, how pods are confined, names |
//!
//! Nothing here does any I/O: the binary hands [`registry`] to the framework, which does.

pub mod echo;
mod naming;
pub mod preview;
mod registry;
mod security;
mod settings;
#[cfg(test)]
mod testing;
mod workload;

pub use registry::{NAME, registry};
pub use settings::Settings;
