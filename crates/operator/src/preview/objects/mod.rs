//! The objects of a preview, a file for each kind. All have the name of the preview, shortened
//! where it is too long.
//!
//! - `blueprint`: the spec of a preview, and the names that follow from its own
//! - `deployment`, `probes`: the pods; `service`; `network_policy`
//! - `http_route`, `ingress`, `mapping`: the route, one of three kinds

pub(super) mod blueprint;
pub(super) mod deployment;
pub(super) mod http_route;
pub(super) mod ingress;
pub(super) mod mapping;
pub(super) mod network_policy;
mod probes;
pub(super) mod service;
