//! What a `PreviewEnvironment` asks for, and the names that follow from its own: what every file of
//! an object starts from.

use kubewright::labels::Labels;
use operator_api::preview::{
    DEFAULT_PATH, GatewayRef, PreviewEnvironment, PreviewEnvironmentSpec, Route, RouteTls,
    WhenSuspended,
};

use super::findings::Findings;
use super::kinds::NAME;
use crate::naming;

/// What a `PreviewEnvironment` asks for, where it says nothing with the administrator's choice.
#[derive(Clone, Debug)]
pub(crate) struct Blueprint<'a> {
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
    /// What was found out beside the spec: among it, what the route is.
    pub(super) findings: Findings,
}

impl<'a> Blueprint<'a> {
    /// What `preview` asks for.
    pub(crate) fn of(preview: &'a PreviewEnvironment, findings: Findings) -> Self {
        let resource = preview.metadata.name.as_deref().unwrap_or_default();
        Self {
            resource,
            namespace: preview.metadata.namespace.as_deref().unwrap_or_default(),
            name: naming::shared_name(&[resource]),
            labels: naming::selector(NAME, resource),
            spec: &preview.spec,
            findings,
        }
    }

    /// Where it is reached.
    pub(super) fn host(&self) -> &'a str {
        &self.spec.fqdn
    }

    /// How many pods are to run.
    pub(super) fn replicas(&self) -> i32 {
        if self.spec.is_suspended() || self.findings.is_held() {
            return 0;
        }
        self.findings.most_replicas.unwrap_or(i32::MAX).min(self.spec.replicas())
    }

    /// Through which Gateways the route leads, if it is an `HTTPRoute`.
    pub(super) fn gateways(&self) -> &[GatewayRef] {
        let spoken = self
            .route()
            .map(|route| route.parent_refs.as_slice())
            .filter(|named| !named.is_empty());
        spoken.unwrap_or(&self.findings.gateways)
    }

    /// What the spec says about the route, if anything.
    pub(super) fn route(&self) -> Option<&'a Route> {
        self.spec.route.as_ref()
    }

    /// The beginning of the paths that lead here.
    pub(super) fn path(&self) -> &'a str {
        self.route().map_or(DEFAULT_PATH, Route::path)
    }

    /// What the spec says about HTTPS: nothing where it is reached by HTTP.
    pub(super) fn tls(&self) -> Option<&'a RouteTls> {
        self.route()?.tls.as_ref()
    }

    /// Whether the route is gone for as long as the preview sleeps.
    pub(super) fn route_sleeps(&self) -> bool {
        let when_suspended = self.route().map(Route::when_suspended).unwrap_or_default();
        self.spec.is_suspended() && when_suspended == WhenSuspended::Remove
    }
}
