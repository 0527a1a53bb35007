//! What operators are tested against: a local control plane, the real one, without Docker.
//!
//! - [`assets`]: where its binaries come from.
//! - [`control_plane`]: bringing it up, asking how it is, taking it down.
//! - [`progress`]: telling a person what is going on meanwhile.
//! - [`home`]: where all of it is kept.
//!
//! Everything here is synchronous and needs no cluster, no container engine and no rights of an
//! administrator.

pub mod assets;
mod command;
pub mod control_plane;
mod excerpt;
pub mod home;
pub mod progress;
#[cfg(test)]
mod scratch;
