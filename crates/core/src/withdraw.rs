//! Withdrawing a resource: the resource is invalid, and the engine deletes its objects.
//!
//! `Err(Invalid)` from `build` keeps the existing objects: a typing error stops nothing that runs.
//! [`Children::withdrawn`](crate::Children::withdrawn) is for a resource that must not keep its
//! objects. An example is a host name that other resources wait for: a resource that an edit made
//! invalid must not keep the name. The engine then deletes all objects that the resource owns, and
//! shows the reason and the message in the condition `Stalled`.
//!
//! Withdraw only if the mistake is in the resource itself. If another object is wrong, such as a
//! policy, return `Err` and keep everything that runs.
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
