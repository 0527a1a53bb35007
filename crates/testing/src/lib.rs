//! A local control plane for tests of operators: the real API server, without Docker.
//!
//! - [`control_plane`]: starts, inspects and removes control planes
//! - [`assets`]: finds, downloads or builds the binaries
//! - [`progress`]: shows progress on a terminal or in a log
//! - [`home`]: the folder for binaries and clusters
//!
//! Everything here is synchronous and needs no cluster, no container engine and no root rights.

pub mod assets;
mod command;
pub mod control_plane;
mod excerpt;
pub mod home;
pub mod progress;
#[cfg(test)]
mod scratch;
