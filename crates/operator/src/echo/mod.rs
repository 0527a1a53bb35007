//! The operators of both `Echo` kinds: a Deployment of echo servers, and a Service.
//!
//! - `example_com`: [`EchoOperator`], of `example.com/v1`; `test_com`: [`TestEchoOperator`], of
//!   `test.com/v1`
//! - `blueprint`: what both ask for, in one form
//! - `objects`: the objects; `deployment`: one of them
//! - `server`: the two servers; `text`: how a text reaches a server unchanged
//! - `report`: the status
//!
//! The objects of an `example.com` Echo `web` are named `web`, those of a `test.com` Echo `web` are
//! named `web-test-com`. So two Echos of one name can run in one namespace.

mod blueprint;
mod deployment;
mod example_com;
mod objects;
mod report;
mod server;
mod test_com;
mod text;

pub use example_com::EchoOperator;
pub use test_com::TestEchoOperator;
