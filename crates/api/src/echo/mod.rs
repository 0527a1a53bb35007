//! `Echo` of `example.com/v1`: an echo server behind a Service.
//!
//! - `resource`: the resource and its spec
//! - `service`: the Service of the servers
//! - `status`: the status, shared with the `Echo` of `test.com`

mod resource;
mod service;
mod status;

pub use resource::{DEFAULT_REPLICAS, Echo, EchoSpec};
pub use service::{DEFAULT_PORT, EchoService, ServiceType};
pub use status::EchoStatus;
