//! What the tables of cached objects have in common: list epochs and key hashes.

use std::sync::LazyLock;

use kubewright_core::internals::hash;

/// The number of a list of a collection, counted from 1. An object with an older epoch was not in
/// the last list.
pub(crate) type Epoch = u32;

/// A random seed: an attacker cannot choose names that collide.
static SEED: LazyLock<u64> = LazyLock::new(|| fastrand::u64(..));

/// The hash of the key of an object.
pub(super) fn key_hash(namespace: &str, name: &str) -> u64 {
    hash::seeded(name.as_bytes(), hash::seeded(namespace.as_bytes(), *SEED))
}
