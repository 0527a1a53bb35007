//! A preview that asks for pods and a route, with all that decides what it gets.

use std::sync::Arc;

use k8s_openapi::api::core::v1::Namespace;
use kubewright::{Metadata, Timestamp, of};
use operator_api::preview::{
    GatewayRef, LIMIT_EXCEEDED, POLICY_NOT_READABLE, PreviewClaim, PreviewEnvironment,
    TOO_MANY_PREVIEWS,
};

use super::applied::created;
use super::policy::Policies;
use crate::preview::kinds::PreviewView;
use crate::preview::settings::PreviewOperator;

/// The reason of a preview whose image no policy allows.
pub(super) const IMAGE_NOT_ALLOWED: &str = "ImageNotAllowed";

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

/// Whether the last status shows that a policy gives the preview no pods.
fn is_refused(preview: &PreviewEnvironment) -> bool {
    let conditions = preview.status.iter().flat_map(|status| &status.conditions);
    let is_refusal = |reason: &str| {
        [IMAGE_NOT_ALLOWED, POLICY_NOT_READABLE, TOO_MANY_PREVIEWS].contains(&reason)
    };
    conditions.into_iter().any(|it| it.type_ == LIMIT_EXCEEDED && is_refusal(&it.reason))
}

impl<'a> Candidate<'a> {
    pub(crate) fn new(
        preview: &'a PreviewEnvironment,
        settings: &'a PreviewOperator,
        view: &'a PreviewView<'a>,
    ) -> Self {
        let namespace = preview.metadata.namespace.as_deref().unwrap_or_default();
        // A grace period keeps what runs. It starts nothing.
        let since = created(&preview.metadata).filter(|_| !is_refused(preview));
        let policies = Policies::selecting(namespace, since, view);
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
