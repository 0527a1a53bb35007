//! The argument by which `build` names an object.

use crate::kind::ObjectKey;

/// The name of an object: a `&str` in the namespace of the resource, or an [`ObjectKey`].
pub trait IntoKey {
    /// The key; `namespace` is that of the resource, or empty for a cluster-scoped kind.
    fn into_key(self, namespace: &str) -> ObjectKey;
}

impl IntoKey for &str {
    fn into_key(self, namespace: &str) -> ObjectKey {
        ObjectKey::new(namespace, self)
    }
}

impl IntoKey for &String {
    fn into_key(self, namespace: &str) -> ObjectKey {
        ObjectKey::new(namespace, self.as_str())
    }
}

impl IntoKey for ObjectKey {
    fn into_key(self, _: &str) -> ObjectKey {
        self
    }
}

impl IntoKey for &ObjectKey {
    fn into_key(self, _: &str) -> ObjectKey {
        self.clone()
    }
}
