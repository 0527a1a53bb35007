//! [`Rank`] and [`Place`]: the order of the objects in an ordered index.

use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use crate::kind::ObjectKey;

/// What decides the order of objects: the lowest rank comes first.
///
/// Ranks are compared part by part. All ranks of an index have the same parts. Their type is fixed,
/// so that the engine compares them without code of an operator.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rank(Vec<Part>);

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Part {
    Number(i64),
    Text(Box<str>),
}

impl Rank {
    /// The lowest number is first.
    #[must_use]
    pub fn lowest(number: i64) -> Self {
        Self(vec![Part::Number(number)])
    }

    /// Objects with `condition` come before the others.
    #[must_use]
    pub fn first_if(condition: bool) -> Self {
        Self::lowest(i64::from(!condition))
    }

    /// The oldest object is first; of the same second, the one with the lowest UID.
    #[must_use]
    pub fn oldest(meta: &ObjectMeta) -> Self {
        let created = meta.creation_timestamp.as_ref();
        let uid = meta.uid.as_deref().unwrap_or_default();
        Self::lowest(created.map_or(i64::MIN, |time| time.0.as_second()))
            .then(Self(vec![Part::Text(uid.into())]))
    }

    /// Objects of the same rank in the order of another one.
    #[must_use]
    pub fn then(mut self, next: Self) -> Self {
        self.0.extend(next.0);
        self
    }
}

/// The place of an object in the order: its rank, then its namespace and name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place(Arc<(Rank, ObjectKey)>);

impl Place {
    /// The place of the object with this key.
    #[must_use]
    pub fn new(rank: Rank, key: ObjectKey) -> Self {
        Self(Arc::new((rank, key)))
    }

    /// The object.
    #[must_use]
    pub fn key(&self) -> &ObjectKey {
        &self.0.1
    }
}

/// The end of the first objects of an order.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Last {
    /// The place of the last of them.
    Until(Place),
    /// They are all objects.
    End,
}
