//! Which of several processes is responsible for a resource: a stable division by the hash of its
//! UID.
//!
//! Shard `I` of `N` has the `I`-th part of the 64-bit hashes (FNV-1a). Kubernetes divides a list or
//! a watch in the same way (KEP-5866, `shardSelector`), so a server with that feature sends each
//! shard only its own resources.
//!
//! A child has a UID of its own. So it carries a label with the first two digits of its owner's
//! hash, its bucket. The bucket does not depend on the number of shards.

use std::fmt::Write as _;

use crate::labels;

/// The number of buckets, and so the largest number of shards.
pub const MOST: u16 = 256;

/// One of several processes that divide all resources among them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    count: u16,
    index: u16,
}

/// An impossible shard.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ShardError {
    /// No shards, or too many.
    #[error("{0} shards are not possible; use 1 to {MOST}")]
    Count(u16),
    /// A number outside of the count.
    #[error(
        "shard {index} does not exist; {count} shards have the numbers 0 to {}",
        .count - 1
    )]
    Index {
        /// The number of shards.
        count: u16,
        /// The requested shard.
        index: u16,
    },
    /// The name of a Pod does not end in a number.
    #[error(
        "the Pod name {0:?} does not end in -NUMBER, as the Pods of a StatefulSet do; name the \
         shard explicitly"
    )]
    NoOrdinal(String),
}

impl Shard {
    /// Shard `index` of `count`.
    ///
    /// # Errors
    /// [`ShardError::Count`], [`ShardError::Index`].
    pub fn new(count: u16, index: u16) -> Result<Self, ShardError> {
        if count == 0 || count > MOST {
            return Err(ShardError::Count(count));
        }
        if index >= count {
            return Err(ShardError::Index { count, index });
        }
        Ok(Self { count, index })
    }

    /// The shard of a StatefulSet's Pod, whose name ends in the number.
    ///
    /// # Errors
    /// Any [`ShardError`].
    pub fn of_pod(count: u16, pod: &str) -> Result<Self, ShardError> {
        let ordinal = pod
            .rsplit_once('-')
            .map(|(_, ordinal)| ordinal)
            .filter(|o| o.bytes().all(|b| b.is_ascii_digit()));
        let index = ordinal
            .and_then(|ordinal| ordinal.parse().ok())
            .ok_or_else(|| ShardError::NoOrdinal(pod.to_owned()))?;
        Self::new(count, index)
    }

    /// The number of shards.
    #[must_use]
    pub fn count(self) -> u16 {
        self.count
    }

    /// The number of this shard, from 0.
    #[must_use]
    pub fn index(self) -> u16 {
        self.index
    }

    /// Whether the resource with this UID belongs to this shard.
    #[must_use]
    pub fn contains(self, uid: &str) -> bool {
        self.has(u128::from(hash(uid)))
    }

    fn has(self, hash: u128) -> bool {
        self.start() <= hash && hash < self.end()
    }

    /// The first hash of this shard.
    fn start(self) -> u128 {
        (u128::from(self.index) << 64) / u128::from(self.count)
    }

    /// The first hash of the next shard.
    fn end(self) -> u128 {
        (u128::from(self.index + 1) << 64) / u128::from(self.count)
    }

    /// The `shardSelector` of a list or a watch of resources.
    #[must_use]
    pub fn selector(self) -> String {
        format!("shardRange(object.metadata.uid, '{:#018x}', '{:#018x}')", self.start(), self.end())
    }

    /// The label selector of the children whose owners may belong to this shard; `None` for one
    /// shard of one.
    #[must_use]
    pub fn children(self) -> Option<String> {
        if self.count == 1 {
            return None;
        }
        let (first, last) = (self.start() >> BUCKET_SHIFT, (self.end() - 1) >> BUCKET_SHIFT);
        let mut text = format!("{} in (", labels::SHARD);
        for bucket in first..=last {
            // Writing to a String cannot fail.
            let _ = write!(text, "{}{bucket:02x}", if bucket == first { "" } else { "," });
        }
        text.push(')');
        Some(text)
    }
}

impl std::fmt::Display for Shard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} of {}", self.index, self.count)
    }
}

/// A bucket is the first two of sixteen hexadecimal digits.
const BUCKET_SHIFT: u32 = 56;

/// The value of [`labels::SHARD`] on the children of the resource with this UID.
#[must_use]
pub fn bucket(uid: &str) -> String {
    format!("{:02x}", hash(uid) >> BUCKET_SHIFT)
}

/// FNV-1a, 64 bits.
fn hash(text: &str) -> u64 {
    const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
    const PRIME: u64 = 0x0000_0100_0000_01b3;
    text.bytes().fold(OFFSET, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(PRIME))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_hash_is_that_of_the_published_vectors() {
        for (text, expected) in [
            ("", 0xcbf2_9ce4_8422_2325),
            ("a", 0xaf63_dc4c_8601_ec8c),
            ("b", 0xaf63_df4c_8601_f1a5),
            ("foobar", 0x8594_4171_f739_67e8),
            ("chongo was here!\n", 0x4681_0940_eff5_f915),
        ] {
            assert_eq!(hash(text), expected, "{text:?}");
        }
        assert_eq!(bucket("foobar"), "85");
    }

    #[test]
    fn selectors_are_written_as_the_api_documents_them() {
        let selector = |count, index| Shard::new(count, index).unwrap().selector();
        assert_eq!(
            selector(2, 0),
            "shardRange(object.metadata.uid, '0x0000000000000000', '0x8000000000000000')"
        );
        assert_eq!(
            selector(2, 1),
            "shardRange(object.metadata.uid, '0x8000000000000000', '0x10000000000000000')"
        );
        assert_eq!(
            selector(4, 2),
            "shardRange(object.metadata.uid, '0x8000000000000000', '0xc000000000000000')"
        );
        assert_eq!(
            selector(1, 0),
            "shardRange(object.metadata.uid, '0x0000000000000000', '0x10000000000000000')"
        );
        assert_eq!(
            selector(3, 1),
            "shardRange(object.metadata.uid, '0x5555555555555555', '0xaaaaaaaaaaaaaaaa')"
        );
    }

    #[test]
    fn an_impossible_shard_is_rejected_with_the_possible_numbers() {
        assert_eq!(Shard::new(3, 3), Err(ShardError::Index { count: 3, index: 3 }));
        assert_eq!(
            Shard::new(3, 3).unwrap_err().to_string(),
            "shard 3 does not exist; 3 shards have the numbers 0 to 2"
        );
        assert_eq!(Shard::new(0, 0), Err(ShardError::Count(0)));
        assert_eq!(Shard::new(257, 0), Err(ShardError::Count(257)));
        assert!(Shard::new(256, 255).is_ok());
    }

    #[test]
    fn the_number_of_a_stateful_set_pod_is_its_shard() {
        assert_eq!(Shard::of_pod(20, "web-operator-13"), Shard::new(20, 13));
        assert_eq!(Shard::of_pod(3, "operator-7"), Err(ShardError::Index { count: 3, index: 7 }));
        for name in [
            "operator-5d8f9-x2x7k",
            "operator",
            "operator-",
            "",
            "7",
            "operator-+1",
            "operator-99999999",
        ] {
            assert_eq!(
                Shard::of_pod(3, name),
                Err(ShardError::NoOrdinal(name.to_owned())),
                "{name:?}"
            );
        }
    }

    #[test]
    fn one_shard_of_one_selects_no_children_because_all_are_its_own() {
        assert_eq!(Shard::new(1, 0).unwrap().children(), None);
        assert_eq!(
            Shard::new(128, 1).unwrap().children().unwrap(),
            "kubewright.dev/shard in (02,03)"
        );
        assert_eq!(
            Shard::new(256, 255).unwrap().children().unwrap(),
            "kubewright.dev/shard in (ff)"
        );
    }

    proptest! {
        #[test]
        fn every_resource_belongs_to_exactly_one_shard_which_selects_its_children(
            uid in ".{0,40}",
            count in 1..=MOST,
        ) {
            let shard = |index| Shard::new(count, index).unwrap();
            let shards: Vec<Shard> = (0..count).map(shard).collect();
            let mine: Vec<&Shard> = shards.iter().filter(|shard| shard.contains(&uid)).collect();
            prop_assert_eq!(mine.len(), 1);
            let children = mine[0].children();
            prop_assert!(children.is_none_or(|selector| selector.contains(&bucket(&uid))));
            prop_assert_eq!((shards[0].start(), shards[shards.len() - 1].end()), (0, 1 << 64));
        }

        #[test]
        fn the_ends_of_a_shard_are_its_own_and_in_its_buckets(count in 2..=MOST, index in 0..MOST) {
            let shard = Shard::new(count, index % count).unwrap();
            let selector = shard.children().unwrap();
            prop_assert!(!shard.has(shard.end()));
            prop_assert!(shard.index == 0 || !shard.has(shard.start() - 1));
            for hash in [shard.start(), shard.end() - 1] {
                prop_assert!(shard.has(hash));
                let bucket = format!("{:02x}", hash >> BUCKET_SHIFT);
                prop_assert!(selector.contains(&bucket), "{} in {}", bucket, selector);
            }
            prop_assert!(selector.matches(',').count() <= 256 / usize::from(count) + 1);
        }
    }
}
