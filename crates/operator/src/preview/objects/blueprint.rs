//! The spec of a preview, and the names that follow from its own name.

use kubewright::labels::{self, Labels};
use kubewright::names;
use operator_api::preview::{
    DEFAULT_PATH, PreviewEnvironment, PreviewEnvironmentSpec, Route, RouteTls,
};

use crate::preview::kinds::NAME;

/// The spec of a preview, and the names that follow from its own name.
#[derive(Clone, Debug)]
pub(crate) struct Blueprint<'a> {
    /// The name of the resource.
    pub(crate) resource: &'a str,
    /// The namespace of the resource; empty if unknown.
    pub(crate) namespace: &'a str,
    /// The name of all objects.
    pub(crate) name: String,
    /// The labels that select the pods.
    pub(crate) labels: Labels,
    pub(crate) spec: &'a PreviewEnvironmentSpec,
}

impl<'a> Blueprint<'a> {
    pub(crate) fn new(preview: &'a PreviewEnvironment) -> Self {
        let resource = preview.metadata.name.as_deref().unwrap_or_default();
        Self {
            resource,
            namespace: preview.metadata.namespace.as_deref().unwrap_or_default(),
            name: names::child_name(&[resource]),
            labels: labels::selector(NAME, resource),
            spec: &preview.spec,
        }
    }

    pub(crate) fn host(&self) -> &'a str {
        &self.spec.fqdn
    }

    /// The prefix of the paths that lead to the preview.
    pub(crate) fn path(&self) -> &'a str {
        self.spec.route.as_ref().map_or(DEFAULT_PATH, Route::path)
    }

    /// The HTTPS settings; `None` for HTTP.
    pub(crate) fn tls(&self) -> Option<&'a RouteTls> {
        self.spec.route.as_ref()?.tls.as_ref()
    }
}
