//! Shared code of the tests across crates: fixtures, and helpers for tests on a control plane.

pub mod cluster;
pub mod experiments;
pub mod fixtures;
pub mod hello;
pub mod policy;
pub mod programs;
pub mod route_apis;
pub mod routes;
