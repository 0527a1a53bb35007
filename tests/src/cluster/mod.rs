//! Runs operators against a real control plane: a cluster, a namespace for each test, the operator
//! in this process, and waiting. No test and no expectation lives here.
//!
//! - [`Cluster`]: the shared cluster, or [`OwnCluster`] for tests that would disturb others
//! - [`Sandbox`]: a namespace for one test, and operations on the objects in it
//! - [`Operator`]: the engine in this process, in the namespaces of one test; [`Metrics`]: its
//!   counters
//! - [`eventually`], [`throughout`]: conditions with deadlines; no test sleeps
//! - [`describe`], [`condition`]: objects in failure messages, and conditions
//!
//! Every function here panics on failure, with the last state that it saw.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::missing_panics_doc)]

mod accounts;
mod connect;
mod definitions;
mod describe;
mod metrics;
mod operator;
mod own_cluster;
mod sandbox;
mod wait;

pub use accounts::{client_of, kubeconfig_of};
pub use connect::Cluster;
pub use describe::{ConditionState, condition, describe};
pub use metrics::Metrics;
pub use operator::Operator;
pub use own_cluster::{AuditedRequest, OwnCluster};
pub use sandbox::{Namespaced, Sandbox};
pub use wait::{LONG, SOON, eventually, throughout};
