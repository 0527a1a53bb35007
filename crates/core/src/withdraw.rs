//! Withdrawing a resource: the resource is invalid, and the engine deletes its objects.
//!
//! `Err(Invalid)` from `build` keeps the existing objects: a typing error stops nothing that runs.
//! A withdrawn resource does not keep its objects. An example is a host name that other resources
//! wait for: a resource that an edit made invalid must not keep the name. The engine deletes all
//! objects that the resource owns, and shows the reason and the message in the condition `Stalled`.
//!
//! [`Children::withdrawn`](crate::Children::withdrawn) deletes the objects only if the resource's
//! own edit made it invalid. If something else did, such as a label or a new version of the
//! operator, everything that runs is kept, and the condition says so.
//!
//! ```
//! use kubewright_core::{Children, Invalid};
//! # use kubewright_core::Declaration;
//! # struct Previews;
//! # impl Declaration for Previews {
//! #     type Owns = ();
//! #     type Reads = ();
//! #     type Facts = ();
//! # }
//! fn build(host: &str) -> Result<Children<Previews>, Invalid> {
//!     if !host.ends_with(".example.com") {
//!         let message = format!("spec.host is {host:?}; write a host below example.com");
//!         return Ok(Children::withdrawn(Invalid::new("HostNotAllowed", message)));
//!     }
//!     Ok(Children::new())
//! }
//! ```

/// Whether an invalid resource loses its objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Withdraw {
    /// The objects stay.
    Never,
    /// The engine deletes them if the resource's own edit made it invalid.
    AfterEdit,
}
