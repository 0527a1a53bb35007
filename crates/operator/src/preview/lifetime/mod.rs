//! When a preview expires: at `spec.expiresAt`, or after `spec.ttl`; no later than a limit of an
//! administrator allows; never while it is pinned.
//!
//! - `expiry`: the decision; `announcement`: what the previous status announced, which a limit
//!   respects
//! - `warning`: the condition Expiring, and the Event of an expired preview

mod announcement;
pub(super) mod expiry;
pub(super) mod warning;
