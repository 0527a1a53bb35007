//! Refusing a resource and deleting what was created for it.
//!
//! `Err(Invalid)` from `build` keeps the existing objects: a typing error stops nothing that runs.
//! [`Children::withdrawn`](crate::Children::withdrawn) is for a resource that must not keep what it
//! has. An example is a host name that other resources wait for: an edit that `build` refuses must
//! not hold the name. The engine then deletes all objects that the resource controls, and shows the
//! reason and the message in the condition `Stalled`.
//!
//! Withdraw only for what the resource itself asks for. If another object is wrong, such as a
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
