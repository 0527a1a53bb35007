//! What `build` passes to `report` about one preview.

use kubewright::Timestamp;

use super::admission::decision::Decision;
use super::lifetime::expiry::Expiry;
use super::objects::deployment::Replacement;
use super::report::pod_failure::PodFailure;

/// What `build` of a preview passes to `report`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Facts {
    /// What the preview gets. `None` if it is rejected.
    pub(super) decision: Option<Decision>,
    /// The host that the preview holds.
    pub(super) host: Option<String>,
    pub(super) pod_failure: Option<PodFailure>,
    pub(super) replacement: Replacement,
    /// When the current spec was first seen.
    pub(super) changed_at: Option<Timestamp>,
    /// When the preview expires.
    pub(super) expiry: Option<Expiry>,
}
