//! A set of objects that can be listed and watched.

use kubewright_core::KindInfo;

use crate::write::api::{Form, Query};

/// A set of objects of one kind.
#[derive(Clone, Debug)]
pub(super) struct Collection {
    pub(super) kind: KindInfo,
    /// One namespace, or all.
    pub(super) namespace: Option<String>,
    pub(super) labels: Option<String>,
    pub(super) fields: Option<String>,
    /// A shard selector, for API servers that support it.
    pub(super) shard: Option<String>,
    pub(super) form: Form,
}

impl Collection {
    /// All objects of a kind.
    pub(super) fn new(kind: KindInfo, form: Form) -> Self {
        Self { kind, namespace: None, labels: None, fields: None, shard: None, form }
    }

    /// Whether both contain the same objects, in any form.
    pub(super) fn has_objects_of(&self, other: &Self) -> bool {
        (&self.kind, &self.namespace, &self.labels, &self.fields, &self.shard)
            == (&other.kind, &other.namespace, &other.labels, &other.fields, &other.shard)
    }

    pub(super) fn path(&self) -> String {
        self.kind.path(self.namespace.as_deref())
    }

    pub(super) fn query(&self) -> Query {
        Query::default()
            .with_if("labelSelector", self.labels.as_deref())
            .with_if("fieldSelector", self.fields.as_deref())
            .with_if("shardSelector", self.shard.as_deref())
    }
}

impl std::fmt::Display for Collection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.kind.resource())?;
        self.namespace.as_deref().map_or(Ok(()), |n| write!(f, " in {n}"))
    }
}
