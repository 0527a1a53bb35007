//! Everything that sends requests, and what limits them.
//!
//! - `transport`, `api`, `patch`, `yaml`: requests; `liveness`: silent connections
//! - `apply`, `conflict`, `leftovers`: writes of children
//! - `status`, `written`: writes of the status
//! - `events`: Kubernetes Events
//! - `limiter`: a rate per minute, fair by namespace; `rollouts`: changes that no edit causes;
//!   `throttle`: writes of one object; `slots`: requests at one time

pub(crate) mod api;
pub(crate) mod apply;
pub(crate) mod conflict;
pub(crate) mod events;
mod leftovers;
pub(crate) mod limiter;
pub(crate) mod liveness;
pub(crate) mod patch;
pub(crate) mod rollouts;
pub(crate) mod slots;
pub(crate) mod status;
pub(crate) mod throttle;
pub mod transport;
pub(crate) mod written;
mod yaml;
