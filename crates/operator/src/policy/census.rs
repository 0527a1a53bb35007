//! The namespaces and previews that a policy concerns, and the previews that it refuses.

use std::sync::Arc;

use k8s_openapi::api::core::v1::Namespace;
use kubewright::{Metadata, ObjectKey, Rank};
use operator_api::preview::{PreviewPolicySpec, PreviewRequest, StoredPolicy};

use crate::preview::admission::applied::{Applied, created};
use crate::preview::admission::rules;

/// What a policy concerns. Each preview has the field that refuses it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Census {
    pub(super) namespaces: usize,
    pub(super) previews: usize,
    /// The previews that get no pods or no route now.
    pub(super) refused: Vec<(ObjectKey, &'static str)>,
    /// The previews that lose pods or route when the current spec applies to all.
    pub(super) announced: Vec<(ObjectKey, &'static str)>,
}

impl Census {
    /// Counts what a policy with its next status concerns. `of` returns the previews of a
    /// namespace.
    pub(super) fn new(
        policy: &Arc<StoredPolicy>,
        namespaces: &[Arc<Metadata<Namespace>>],
        of: impl Fn(&str) -> Vec<Arc<PreviewRequest>>,
    ) -> Self {
        let mut census = Self::default();
        for namespace in namespaces {
            let labels = namespace.metadata.labels.clone().unwrap_or_default();
            // A preview without a time is a new one, for which the current spec decides.
            if Applied::new(Arc::clone(policy), &labels, None).is_none() {
                continue;
            }
            census.namespaces += 1;
            let name = namespace.metadata.name.as_deref().unwrap_or_default();
            let mut previews = of(name);
            previews.sort_by_cached_key(|preview| Rank::oldest(&preview.metadata));
            census.previews += previews.len();
            for (older, preview) in previews.iter().enumerate() {
                let applied = Applied::new(Arc::clone(policy), &labels, created(&preview.metadata));
                let Some(applied) = applied else { continue };
                census.count(&applied, preview, older);
            }
        }
        census
    }

    fn count(&mut self, applied: &Applied, preview: &PreviewRequest, older: usize) {
        let key = ObjectKey::of(&preview.metadata);
        if applied.unreadable().is_some() {
            return self.refused.push((key, "spec"));
        }
        let Some(current) = applied.current() else { return };
        let refused = |field: &'static str| {
            let rule = |spec: &PreviewPolicySpec| {
                refusing(spec, preview, older).any(|other| other == field).then_some(())
            };
            applied.rejects(rule).is_some()
        };
        let fields: Vec<&'static str> = refusing(current, preview, older).collect();
        match (fields.iter().find(|field| refused(field)), fields.first()) {
            (Some(field), _) => self.refused.push((key, field)),
            (None, Some(field)) => self.announced.push((key, field)),
            (None, None) => {}
        }
    }
}

/// The fields of a spec that give a preview no pods or no route. The namespace has so many older
/// previews.
fn refusing(
    spec: &PreviewPolicySpec,
    preview: &PreviewRequest,
    older: usize,
) -> impl Iterator<Item = &'static str> {
    let request = &preview.spec;
    let type_ = request.claim.route_type;
    let type_ = type_.or_else(|| spec.routes.as_ref().and_then(|routes| routes.default));
    let host = request.claim.host.as_deref();
    let refusals = [
        ("spec.imagePrefixes", rules::rejects_image(spec, &request.image).is_some()),
        ("spec.limits.previews", rules::most_previews(spec).is_some_and(|most| older >= most)),
        ("spec.limits.replicas", rules::most_replicas(spec) == Some(0)),
        ("spec.domains", host.is_some_and(|host| rules::rejects_host(spec, host).is_some())),
        (
            "spec.routes.types",
            type_.is_some_and(|type_| rules::rejects_route(spec, type_).is_some()),
        ),
    ];
    refusals.into_iter().filter(|(_, refuses)| *refuses).map(|(field, _)| field)
}
