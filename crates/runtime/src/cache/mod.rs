//! What the engine knows of the cluster, kept in step by watches: resources, owned children, read
//! objects.
//!
//! Caches decide what an event means (new, older than our own write, nothing new) and whom it
//! concerns. They send nothing.

use std::sync::LazyLock;

use kubewright_core::hash;

pub(crate) mod children;
pub(crate) mod parents;
mod pool;
pub(crate) mod reads;
pub(crate) mod written;

/// Which list of a collection: they are counted from 1. What a list did not contain is of an
/// earlier epoch.
pub(crate) type Epoch = u32;

/// A process hashes keys in its own way, so that nobody can choose names that collide.
static SEED: LazyLock<u64> = LazyLock::new(|| fastrand::u64(..));

/// The hash of an object's key, for tables.
pub(crate) fn key_hash(namespace: &str, name: &str) -> u64 {
    hash::seeded(name.as_bytes(), hash::seeded(namespace.as_bytes(), *SEED))
}
