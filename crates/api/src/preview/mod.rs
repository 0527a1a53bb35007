//! `PreviewEnvironment` of `platform9.com/v1`: an image under its own host name, for example one
//! for each pull request.
//!
//! - `resource`: the resource and its spec
//! - `program`, `probes`, `pod`: parts of the spec about the pods; `image`: the name of the image
//! - `host`, `route`: the host name, and the route from it to the pods
//! - `source`: the code that the preview shows, for people
//! - `expiry`: the end of the preview
//! - `policy`, `selector`: the resource `PreviewPolicy`, and the namespaces that it selects
//! - `claim`: the part of a preview that other previews read
//! - `status`: the observed state

mod claim;
mod expiry;
mod host;
mod image;
mod pod;
mod policy;
mod probes;
mod program;
mod resource;
mod route;
mod selector;
mod source;
mod status;

pub use claim::{PreviewClaim, PreviewClaimSpec, PreviewClaimStatus};
pub use image::is_no_image;
pub use pod::{PodSecurity, PullPolicy};
pub use policy::{PolicyNetwork, PolicyRoutes, PreviewLimits, PreviewPolicy, PreviewPolicySpec};
pub use probes::{Probe, Probes};
pub use resource::{DEFAULT_PORT, DEFAULT_REPLICAS, PreviewEnvironment, PreviewEnvironmentSpec};
pub use route::{DEFAULT_PATH, GatewayRef, Route, RouteTls, RouteType, WhenSuspended, is_path};
pub use selector::{LabelOperator, LabelRequirement, NamespaceSelector};
pub use source::Source;
pub use status::{
    EXPIRING, HOST_CONFLICT, LIMIT_EXCEEDED, MAY_RUN_AS_ROOT, NOT_ACCEPTED,
    PreviewEnvironmentStatus, ROUTE_ACCEPTED, SUSPENDED, TOO_MANY_PREVIEWS,
};
