//! What a `PreviewEnvironment` asks for, and the names that follow from its own: what every file of an object starts from.

use kubewright::labels::Labels;
use operator_api::preview::{PreviewEnvironment, PreviewEnvironmentSpec, Route, WhenSuspended};

use super::PreviewOperator;
use crate::naming;

/// What a `PreviewEnvironment` asks for.
#[derive(Clone, Debug)]
pub(super) struct Blueprint<'a> {
    /// The resource's name, for messages.
    pub(super) resource: &'a str,
    /// Where it lives; empty while that is not known.
    pub(super) namespace: &'a str,
    /// The name of all objects.
    pub(super) name: String,
    /// By which the pods are found.
    pub(super) labels: Labels,
    /// The fields, as they were written.
    pub(super) spec: &'a PreviewEnvironmentSpec,
}

impl<'a> Blueprint<'a> {
    /// What `preview` asks for.
    pub(super) fn of(preview: &'a PreviewEnvironment) -> Self {
        let resource = preview.metadata.name.as_deref().unwrap_or_default();
        Self {
            resource,
            namespace: preview.metadata.namespace.as_deref().unwrap_or_default(),
            name: naming::shared_name(&[resource]),
            labels: naming::selector(<PreviewOperator as kubewright::Operator>::NAME, resource),
            spec: &preview.spec,
        }
    }

    /// Where it is reached.
    pub(super) fn host(&self) -> &'a str {
        &self.spec.fqdn
    }

    /// How many pods are to run.
    pub(super) fn replicas(&self) -> i32 {
        if self.spec.is_suspended() { 0 } else { self.spec.replicas() }
    }

    /// Whether the route is gone for as long as the preview sleeps.
    pub(super) fn route_sleeps(&self) -> bool {
        let when_suspended = self.spec.route.as_ref().map(Route::when_suspended).unwrap_or_default();
        self.spec.is_suspended() && when_suspended == WhenSuspended::Remove
    }
}
