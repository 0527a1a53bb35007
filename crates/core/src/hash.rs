//! Stable 64-bit hashes: the same bytes give the same hash in every build and on every machine (xxh3).

use std::fmt;
use std::str::FromStr;

use serde::ser::{Serialize, Serializer};
use serde_json::Value;
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

/// The hash of what we want an object to be; written to the object as [`labels::DESIRED_HASH`](crate::labels::DESIRED_HASH).
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

/// The hash of a JSON value, whatever the order of the fields in its objects.
#[must_use]
pub fn of_json(value: &Value) -> u64 {
    // To write a value cannot fail: its keys are strings, and its numbers finite.
    of(&serde_json::to_vec(&Sorted(value)).unwrap_or_default())
}

/// A value that is written with the fields of its objects sorted by name.
struct Sorted<'a>(&'a Value);

impl Serialize for Sorted<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::Array(items) => serializer.collect_seq(items.iter().map(Sorted)),
            // As they are, unless some crate of the program turned on serde_json's `preserve_order`.
            Value::Object(fields) if fields.keys().is_sorted() => {
                serializer.collect_map(fields.iter().map(|(name, value)| (name, Sorted(value))))
            }
            Value::Object(fields) => {
                let mut fields: Vec<_> = fields.iter().collect();
                fields.sort_unstable_by_key(|(name, _)| *name);
                serializer.collect_map(fields.into_iter().map(|(name, value)| (name, Sorted(value))))
            }
            plain => plain.serialize(serializer),
        }
    }
}

/// The hash of `bytes` for those who know the seed.
#[must_use]
pub fn seeded(bytes: &[u8], seed: u64) -> u64 {
    xxh3_64_with_seed(bytes, seed)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_hash_of_json_is_that_of_its_text_with_sorted_fields() {
        let value = json!({ "b": [{ "d": 1.5, "c": "\u{e9}\"" }, null], "a": { "f": true, "e": {} } });
        assert_eq!(of_json(&value), of("{\"a\":{\"e\":{},\"f\":true},\"b\":[{\"c\":\"\u{e9}\\\"\",\"d\":1.5},null]}".as_bytes()));
    }
}
