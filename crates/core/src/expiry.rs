//! Resources that expire: the operator deletes its own resource after a time.
//!
//! Declare [`Expires`] in `type Owns`: the right to delete the resources follows from it. Ask in
//! `build` whether the time is past ([`View::is_past`](crate::View::is_past)), and call
//! [`Children::expire`](crate::Children::expire) if it is. Also return the children: the deletion
//! of the resource can wait, and until then the engine deletes each child that `build` does not
//! return.
//!
//! ```
//! use k8s_openapi::api::core::v1::ConfigMap;
//! use kubewright_core::expiry::Expires;
//! use kubewright_core::{Children, Timestamp, View};
//! # use kubewright_core::Declaration;
//! # struct Previews;
//! # impl Declaration for Previews {
//! #     type Owns = (ConfigMap, Expires); // in `impl Operator for Previews`
//! #     type Reads = ();
//! #     type Facts = ();
//! # }
//! fn expire(children: &mut Children<Previews>, view: &View<'_, Previews>, end: Timestamp) {
//!     if view.is_past(end) {
//!         children.expire("Expired", format!("spec.expiresAt {end} is past"));
//!     }
//! }
//! ```
//!
//! # Guarantees
//! - The engine deletes exactly the version that `build` saw, so a later edit wins.
//! - The engine deletes nothing before the API server's clock agrees that the time is past.
//! - A limiter bounds the deletions per minute (`--expirations-per-minute`). A restart does not
//!   raise the limit.
//! - An Event on the resource gives the reason and the message.

use std::convert::Infallible;

/// In `type Owns`: the operator may delete its own resources when they expire.
pub struct Expires {
    _no_value: Infallible,
}

/// Why a resource expired.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expired {
    /// The Event's reason, in CamelCase.
    pub reason: &'static str,
    /// The Event's message.
    pub message: String,
}
