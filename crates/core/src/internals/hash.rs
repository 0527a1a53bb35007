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

/// The value of the annotation [`labels::DESIRED_HASH`](crate::labels::DESIRED_HASH): the hash of
/// the whole object, and that of its pod template if it has one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct AppliedHash {
    /// The hash of the whole object.
    pub desired: DesiredHash,
    /// The hash of the pod template: another one replaces the pods.
    pub template: Option<DesiredHash>,
}

impl fmt::Display for AppliedHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.desired.fmt(f)?;
        self.template.map_or(Ok(()), |template| write!(f, "-{template}"))
    }
}

impl FromStr for AppliedHash {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (desired, template) = match text.split_once('-') {
            Some((desired, template)) => (desired, Some(template.parse()?)),
            None => (text, None),
        };
        Ok(Self { desired: desired.parse()?, template })
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
