//! `PreviewEnvironment` of `platform9.com/v1`: an image, running under a host name of its own, one for each pull request.
//!
//! - `resource`: the resource and its spec
//! - `host`: which host names it takes, and what it says about the others
//! - `status`: what was observed

mod host;
mod resource;
mod status;

pub use resource::{PreviewEnvironment, PreviewEnvironmentSpec};
pub use status::PreviewEnvironmentStatus;
