//! The operator of `PreviewEnvironment`: a Deployment of the image, a Service in front of it, and a
//! route from the host name.
//!
//! - `settings`: [`PreviewOperator`], what the administrator chose; `kinds`: what it owns and
//!   reads, and its name
//! - `operator`: how the parts make a whole; `samples`: its examples; `policy_samples`: those of a
//!   `PreviewPolicy`
//! - `blueprint`: what a resource asks for, in one form
//! - `deployment`, `service`, `route`: the objects, all named as the PreviewEnvironment is; and the
//!   condition RouteAccepted
//! - `confinement`, `probes`: parts of the Deployment; and the condition MayRunAsRoot
//! - `findings`: what is found out beside the spec, from `build` to `status`; `gather`: finds it
//!   out
//! - `rank`: which of several previews comes first
//! - `policy`: what policies say about a namespace; `limits`: whether a preview asks for more;
//!   `network_policy`: the object
//! - `standing`: what a preview may have by itself; `claims`: who holds a host that several claim;
//!   `domains`: which hosts a namespace may have
//! - `host`: which host names are never routed, whatever the schema let pass
//! - `reasons`: what is said about it, in one list, for the documentation
//! - `expiry`: when it ends, and the condition Expiring
//! - `pods`: why its pods do not run
//! - `rollout`: whether all pods are of the spec
//! - `status`: what is reported, and the condition Suspended

mod blueprint;
mod claims;
mod confinement;
mod deployment;
mod domains;
mod expiry;
mod findings;
mod gather;
mod host;
mod kinds;
mod limits;
mod network_policy;
mod operator;
mod pods;
mod policy;
mod policy_samples;
mod probes;
mod rank;
mod reasons;
mod rollout;
mod route;
mod samples;
mod service;
mod settings;
mod standing;
mod status;

#[cfg(test)]
pub(crate) use blueprint::Blueprint;
pub use domains::ALLOWED_DOMAINS;
#[cfg(test)]
pub(crate) use findings::Findings;
pub use policy_samples::policy_samples;
pub use settings::PreviewOperator;
