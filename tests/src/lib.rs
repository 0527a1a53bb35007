//! What the tests across the crates share.

pub mod cluster;
pub mod fixtures;
pub mod policy;
pub mod route_apis;
