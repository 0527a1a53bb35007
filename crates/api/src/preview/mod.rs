//! `PreviewEnvironment` of `platform9.com/v1`: an image under its own host name, for example one
//! for each pull request.
//!
//! - `resource`: the resource and its spec
//! - `program`, `probes`, `pod`: parts of the spec about the pods; `image`: the name of the image
//! - `host`, `route`: the host name, and the route from it to the pods
//! - `source`: the code that the preview shows, for people
//! - `expiry`: the end of the preview
//! - `policy`, `policy_status`, `selector`: the resource `PreviewPolicy`, and the namespaces that
//!   it selects; `stored`: a policy whose spec may be unreadable
//! - `claim`: the parts of a preview that other previews and policies read
//! - `status`: the observed state

mod claim;
mod expiry;
mod host;
mod image;
mod pod;
mod policy;
mod policy_status;
mod probes;
mod program;
mod resource;
mod route;
mod selector;
mod source;
mod status;
mod stored;

pub use claim::{
    PreviewClaim, PreviewClaimSpec, PreviewClaimStatus, PreviewRequest, PreviewRequestSpec,
};
pub use image::is_no_image;
pub use pod::{PodSecurity, PullPolicy};
pub use policy::{PolicyNetwork, PolicyRoutes, PreviewLimits, PreviewPolicy, PreviewPolicySpec};
pub use policy_status::{PendingPolicy, PreviewPolicyStatus, TIGHTENING};
pub use probes::{Probe, Probes};
pub use resource::{DEFAULT_PORT, DEFAULT_REPLICAS, PreviewEnvironment, PreviewEnvironmentSpec};
pub use route::{DEFAULT_PATH, GatewayRef, Route, RouteTls, RouteType, WhenSuspended, is_path};
pub use selector::{LabelOperator, LabelRequirement, NamespaceSelector};
pub use source::Source;
pub use status::{
    EXPIRING, HOST_CONFLICT, LIMIT_EXCEEDED, MAY_RUN_AS_ROOT, NOT_ACCEPTED, POLICY_NOT_READABLE,
    PreviewEnvironmentStatus, REFUSAL_ANNOUNCED, ROUTE_ACCEPTED, SUSPENDED, TOO_MANY_PREVIEWS,
};
pub use stored::{StoredPolicy, StoredSpec, UnreadablePolicy};
