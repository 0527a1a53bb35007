//! A preview that asks for pods and a route, with all that decides what it gets.

use std::sync::Arc;

use k8s_openapi::api::core::v1::Namespace;
use kubewright::{Metadata, Timestamp, of};
use operator_api::preview::{GatewayRef, PreviewClaim, PreviewEnvironment};

use super::applied::created;
use super::policy::Policies;
use crate::preview::kinds::PreviewView;
use crate::preview::settings::PreviewOperator;

/// The preview of this run.
pub(crate) struct Candidate<'a> {
    pub(super) preview: &'a PreviewEnvironment,
    /// Its claim to its host.
    pub(super) claim: PreviewClaim,
    pub(super) settings: &'a PreviewOperator,
    pub(crate) policies: Policies,
    /// Its namespace, if it is known.
    pub(super) namespace: Option<Arc<Metadata<Namespace>>>,
    pub(super) view: &'a PreviewView<'a>,
}

impl<'a> Candidate<'a> {
    pub(crate) fn new(
        preview: &'a PreviewEnvironment,
        settings: &'a PreviewOperator,
        view: &'a PreviewView<'a>,
    ) -> Self {
        let namespace = preview.metadata.namespace.as_deref().unwrap_or_default();
        let policies = Policies::selecting(namespace, created(&preview.metadata), view);
        let namespace = view.get(of::<Metadata<Namespace>>(), namespace);
        let claim = PreviewClaim::from(preview);
        Self { preview, claim, settings, policies, namespace, view }
    }

    /// The same preview when the edits of policies that do not apply to it yet do, and the first
    /// time at which one of them does, as far as it is known. `None` if there is no such edit.
    pub(super) fn after_edits(&self) -> Option<(Self, Option<Timestamp>)> {
        let (policies, at) = self.policies.after_edits()?;
        let (claim, namespace) = (self.claim.clone(), self.namespace.clone());
        Some((Self { claim, policies, namespace, ..*self }, at))
    }

    /// The name of its namespace.
    pub(super) fn namespace_name(&self) -> &str {
        self.preview.metadata.namespace.as_deref().unwrap_or_default()
    }

    /// The Gateways of its `HTTPRoute`: from the spec, or else a policy, or else the settings.
    pub(super) fn gateways(&self) -> &[GatewayRef] {
        match self.preview.spec.route.as_ref().map(|route| &*route.parent_refs) {
            Some(gateways @ [_, ..]) => gateways,
            _ => self.policies.gateways().unwrap_or(&self.settings.default_gateways),
        }
    }
}
