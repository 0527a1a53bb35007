//! `PreviewEnvironment` of `platform9.com/v1`: an image, running under a host name of its own, one
//! for each pull request.
//!
//! - `resource`: the resource and its spec
//! - `program`, `probes`, `pod`: what runs, how it is asked for its health, how it is confined
//! - `route`: how the host name leads there
//! - `source`: what it shows, for people to read
//! - `expiry`: when it ends
//! - `policy`, `selector`: the resource `PreviewPolicy`, what an administrator allows, and in which
//!   namespaces
//! - `claim`: what others see of it: which host it claims
//! - `host`: which host names it takes, and what it says about the others
//! - `status`: what was observed

mod claim;
mod expiry;
mod host;
mod pod;
mod policy;
mod probes;
mod program;
mod resource;
mod route;
mod selector;
mod source;
mod status;

pub use claim::{ClaimedRoute, PreviewClaim, PreviewClaimSpec, PreviewPlace, PreviewPlaceSpec};
pub use pod::{PodSecurity, PullPolicy};
pub use policy::{PolicyNetwork, PolicyRoutes, PreviewLimits, PreviewPolicy, PreviewPolicySpec};
pub use probes::{Probe, Probes};
pub use resource::{DEFAULT_PORT, DEFAULT_REPLICAS, PreviewEnvironment, PreviewEnvironmentSpec};
pub use route::{DEFAULT_PATH, GatewayRef, Route, RouteTls, RouteType, WhenSuspended};
pub use selector::{LabelOperator, LabelRequirement, NamespaceSelector};
pub use source::Source;
pub use status::{
    EXPIRING, HOST_CONFLICT, LIMIT_EXCEEDED, MAY_RUN_AS_ROOT, NOT_ACCEPTED,
    PreviewEnvironmentStatus, ROUTE_ACCEPTED, SUSPENDED, TOO_MANY_PREVIEWS,
};
