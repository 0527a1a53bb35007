//! What tests need to run operators against a real control plane: a cluster, a namespace of one's
//! own, the operator in this process, and waiting. What is tested is not known here.
//!
//! - [`Cluster`]: the shared one, or [`OwnCluster`] for what would disturb others
//! - [`Sandbox`]: a namespace for one test, gone when the test ends, and the verbs on objects in it
//! - [`Operator`]: the engine in this process, in the namespaces of one test; [`Metrics`] is what
//!   it counts
//! - [`eventually`], [`throughout`]: conditions with deadlines; no test sleeps
//! - [`seen`], [`condition`]: objects in words
//!
//! Tests end in a panic: everything here does, with what was last seen.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::missing_panics_doc)]

mod connect;
mod definitions;
mod extra;
mod metrics;
mod operator;
mod own;
mod sandbox;
mod wait;
mod words;

pub use connect::Cluster;
pub use extra::{client_of, kubeconfig_of};
pub use metrics::Metrics;
pub use operator::Operator;
pub use own::{Audited, OwnCluster};
pub use sandbox::{Namespaced, Sandbox};
pub use wait::{LONG, SOON, eventually, throughout};
pub use words::{Told, condition, seen};
