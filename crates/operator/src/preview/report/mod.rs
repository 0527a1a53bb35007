//! What a preview reports: status, conditions and readiness.
//!
//! - `status`: the fields of the status; `rollout`: whether all pods are of the current spec
//! - `acceptance`: the condition RouteAccepted; `route`: its value for each kind of route;
//!   `http_route`: the answers of Gateways
//! - `conditions`: the other conditions, but Expiring of `lifetime`; `readiness`: the readiness
//! - `pod_failure`: why a pod does not run

pub(super) mod acceptance;
pub(super) mod conditions;
mod http_route;
pub(super) mod pod_failure;
pub(super) mod readiness;
mod rollout;
pub(super) mod route;
pub(super) mod status;
