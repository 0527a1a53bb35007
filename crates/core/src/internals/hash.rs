//! Stable 64-bit hashes: the same bytes give the same hash in every build and on every machine
//! (xxh3).

use std::fmt;
use std::str::FromStr;

use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

/// The hash of a desired object; the engine writes it to the object as
/// [`labels::DESIRED_HASH`](crate::labels::DESIRED_HASH).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DesiredHash(pub u64);

impl fmt::Display for DesiredHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl FromStr for DesiredHash {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        u64::from_str_radix(text, 16).map(Self)
    }
}

/// The hash of `bytes`.
#[must_use]
pub fn of(bytes: &[u8]) -> u64 {
    xxh3_64(bytes)
}

/// A streaming hasher of the same kind.
#[must_use]
pub fn hasher() -> impl std::hash::Hasher {
    xxhash_rust::xxh3::Xxh3::new()
}

/// The hash of `bytes` with a seed.
#[must_use]
pub fn seeded(bytes: &[u8], seed: u64) -> u64 {
    xxh3_64_with_seed(bytes, seed)
}
