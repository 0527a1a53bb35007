//! The operators of both `Echo`s: a Deployment of echo servers, and a Service in front of them.
//!
//! - `example_com`: [`EchoOperator`], of `example.com/v1`
//! - `test_com`: [`TestEchoOperator`], of `test.com/v1`
//! - `blueprint`: what both make of their resource, and then build alike
//! - `server`: what is known about the two servers; `text`: how a text reaches one of them
//!   unchanged
//! - `deployment`, `service`: the objects
//! - `status`: what is reported
//!
//! # Names
//! The objects of an `example.com` Echo `web` are named `web`, those of a `test.com` Echo `web` are
//! named `web-test-com`: two Echos of one name in one namespace, one of each group, work side by
//! side.

mod blueprint;
mod deployment;
mod example_com;
mod server;
mod service;
mod status;
mod test_com;
mod text;

#[cfg(test)]
pub(crate) use blueprint::Blueprint;
pub use example_com::EchoOperator;
#[cfg(test)]
pub(crate) use server::Server;
pub use test_com::TestEchoOperator;
