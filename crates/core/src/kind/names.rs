//! The names of a kind and of an object.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::object::{Object, Scope};

/// The API groups of Kubernetes itself whose names have a dot, without `.k8s.io`.
const BUILT_IN: [&str; 17] = [
    "admissionregistration",
    "apiextensions",
    "apiregistration",
    "authentication",
    "authorization",
    "certificates",
    "coordination",
    "discovery",
    "events",
    "flowcontrol.apiserver",
    "internal.apiserver",
    "networking",
    "node",
    "rbac.authorization",
    "resource",
    "scheduling",
    "storage",
];

/// The names of a kind: group, version, kind, plural, and its scope.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KindInfo {
    /// API group, empty for the core group.
    pub group: Cow<'static, str>,
    /// API version, e.g. `v1`.
    pub version: Cow<'static, str>,
    /// Kind in CamelCase, e.g. `Deployment`.
    pub kind: Cow<'static, str>,
    /// Plural as in URLs and RBAC, e.g. `deployments`.
    pub plural: Cow<'static, str>,
    /// Whether objects live in a namespace.
    pub namespaced: bool,
}

impl KindInfo {
    /// The names of `K`.
    #[must_use]
    pub fn of<K: Object>() -> Self {
        Self {
            group: K::group(&()),
            version: K::version(&()),
            kind: K::kind(&()),
            plural: K::plural(&()),
            namespaced: <K::Scope as Scope>::NAMESPACED,
        }
    }

    /// `apps/v1`, or `v1` for the core group.
    #[must_use]
    pub fn api_version(&self) -> String {
        if self.group.is_empty() {
            self.version.to_string()
        } else {
            format!("{}/{}", self.group, self.version)
        }
    }

    /// `deployments.apps`, or `services` for the core group: the name of its CRD, and the resource
    /// argument of `kubectl get`.
    #[must_use]
    pub fn resource(&self) -> String {
        if self.group.is_empty() {
            self.plural.to_string()
        } else {
            format!("{}.{}", self.plural, self.group)
        }
    }

    /// Whether `group_kind` names this kind: `Deployment.apps`, or `Service` for the core group.
    #[must_use]
    pub fn is(&self, group_kind: &str) -> bool {
        match group_kind.strip_prefix(&*self.kind) {
            Some("") => self.group.is_empty(),
            Some(rest) => rest.strip_prefix('.') == Some(&*self.group) && !self.group.is_empty(),
            None => false,
        }
    }

    /// Whether the API server itself serves this kind, without a `CustomResourceDefinition` or an
    /// aggregated server.
    ///
    /// The group decides: the group of a CRD has a dot and is none of Kubernetes' own.
    #[must_use]
    pub fn is_built_in(&self) -> bool {
        let is_own = |area: &str| BUILT_IN.contains(&area);
        !self.group.contains('.') || self.group.strip_suffix(".k8s.io").is_some_and(is_own)
    }

    /// The URL path of the collection, in one namespace or in all.
    #[must_use]
    pub fn path(&self, namespace: Option<&str>) -> String {
        let root = if self.group.is_empty() { "/api" } else { "/apis" };
        let api_version = self.api_version();
        match namespace.filter(|_| self.namespaced) {
            Some(namespace) => {
                format!("{root}/{api_version}/namespaces/{namespace}/{}", self.plural)
            }
            None => format!("{root}/{api_version}/{}", self.plural),
        }
    }
}

impl fmt::Display for KindInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.kind)
    }
}

/// The namespace and the name of an object.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObjectKey {
    /// Namespace, empty for cluster-scoped kinds.
    pub namespace: Arc<str>,
    /// Name.
    pub name: Arc<str>,
}

impl ObjectKey {
    /// The key of an object in a namespace.
    #[must_use]
    pub fn new(namespace: impl Into<Arc<str>>, name: impl Into<Arc<str>>) -> Self {
        Self { namespace: namespace.into(), name: name.into() }
    }

    /// The key of a cluster-scoped object.
    #[must_use]
    pub fn cluster(name: impl Into<Arc<str>>) -> Self {
        Self::new("", name)
    }

    /// The key of an object, from its metadata.
    #[must_use]
    pub fn of(meta: &ObjectMeta) -> Self {
        Self::new(
            meta.namespace.as_deref().unwrap_or_default(),
            meta.name.as_deref().unwrap_or_default(),
        )
    }

    /// The namespace; `None` for a cluster-scoped object.
    #[must_use]
    pub fn namespace(&self) -> Option<&str> {
        Some(&*self.namespace).filter(|n| !n.is_empty())
    }
}

impl fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.namespace() {
            Some(namespace) => write!(f, "{namespace}/{}", self.name),
            None => f.write_str(&self.name),
        }
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::ConfigMap;

    use super::*;

    #[test]
    fn a_kind_differs_from_a_kind_of_the_same_name_in_another_group() {
        let kind = |group: &'static str| KindInfo {
            group: Cow::Borrowed(group),
            ..KindInfo::of::<ConfigMap>()
        };
        assert!(kind("").is("ConfigMap") && kind("a.b").is("ConfigMap.a.b"));
        for other in ["ConfigMap.", "ConfigMap.a", "ConfigMaps", "Config", ""] {
            assert!(!kind("").is(other) && !kind("a.b").is(other), "{other}");
        }
        assert!(!kind("a.b").is("ConfigMap") && !kind("").is("ConfigMap.a.b"));
    }
}
