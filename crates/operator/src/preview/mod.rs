//! The operator of `PreviewEnvironment`: a Deployment of the image, a Service in front of it, and a route from the host name.
//!
//! - `operator`: [`PreviewOperator`]
//! - `deployment`, `service`, `mapping`: the objects, all named as the PreviewEnvironment is
//! - `host`: which host names are never routed, whatever the schema let pass
//! - `status`: what is reported, and the condition [`ROUTED`]

mod deployment;
mod host;
mod mapping;
mod operator;
mod service;
mod status;

pub use operator::PreviewOperator;
pub use status::ROUTED;
