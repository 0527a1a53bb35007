//! What a policy would refuse, before it is applied.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::Namespace;
use kubewright::{Metadata, ObjectKey};
use operator_api::preview::{
    PreviewPolicyStatus, PreviewRequest, StoredPolicy, StoredSpec, UnreadablePolicy,
};

use super::census::Census;
use super::tightening::stricter;

/// What a policy concerns and refuses, and what changes if it is applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// The number of namespaces that the policy selects.
    pub namespaces: usize,
    /// The number of previews in these namespaces.
    pub previews: usize,
    /// The fields that are stricter than in the policy of the cluster.
    pub stricter: Vec<&'static str>,
    /// How long previews that exist keep what they have.
    pub grace_period: Duration,
    /// The previews that the policy refuses already.
    pub refused: usize,
    /// The previews that would lose their pods or their route.
    pub lost: Vec<Refused>,
    /// The previews that would get them back.
    pub freed: Vec<ObjectKey>,
}

/// A preview, and the field of the policy that refuses it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// The preview.
    pub preview: ObjectKey,
    /// Such as `spec.imagePrefixes`.
    pub field: &'static str,
}

/// Compares a spec with the policy of its name in the cluster, if there is one.
///
/// # Errors
/// [`UnreadablePolicy`] if the spec cannot be read.
pub fn check(
    spec: &StoredSpec,
    current: Option<&StoredPolicy>,
    namespaces: &[Arc<Metadata<Namespace>>],
    previews: &[Arc<PreviewRequest>],
) -> Result<Check, UnreadablePolicy> {
    let readable = spec.parsed().map_err(Clone::clone)?;
    let census = |policy: StoredPolicy| {
        Census::new(&Arc::new(policy), namespaces, |namespace| {
            let is_there = |preview: &&Arc<PreviewRequest>| {
                preview.metadata.namespace.as_deref() == Some(namespace)
            };
            previews.iter().filter(is_there).cloned().collect()
        })
    };
    let before = current.cloned().map(census).unwrap_or_default();
    // As if the policy already applied to all previews.
    let enforced = Some(spec.json().clone());
    let status = Some(PreviewPolicyStatus { enforced, ..PreviewPolicyStatus::default() });
    let metadata = current.map(|policy| policy.metadata.clone()).unwrap_or_default();
    let after = census(StoredPolicy::new(metadata, spec.clone(), status));
    let keys = |refused: &[(ObjectKey, &str)]| -> HashSet<ObjectKey> {
        refused.iter().map(|(key, _)| key.clone()).collect()
    };
    let (now, then) = (keys(&before.refused), keys(&after.refused));
    let lost = after.refused.into_iter().filter(|(key, _)| !now.contains(key));
    let freed = before.refused.iter().map(|(key, _)| key).filter(|key| !then.contains(key));
    Ok(Check {
        namespaces: after.namespaces,
        previews: after.previews,
        stricter: stricter(current.and_then(StoredPolicy::enforced), readable),
        grace_period: readable.grace_period(),
        refused: now.len(),
        lost: lost.map(|(preview, field)| Refused { preview, field }).collect(),
        freed: freed.cloned().collect(),
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::preview::admission::policy::tests::policy;
    use crate::testing::{created_at, namespace, preview};

    fn checked(spec: Value, current: Option<&StoredPolicy>) -> Check {
        let previews: Vec<_> = (1..=3)
            .map(|number| created_at(preview(&format!("p{number}")), number))
            .map(|preview| Arc::new(PreviewRequest::from(&preview)))
            .collect();
        let namespaces = [namespace("shop", &[]), namespace("other", &[])].map(Arc::new);
        check(&StoredSpec::new(spec), current, &namespaces, &previews).unwrap()
    }

    fn names(refused: &[Refused]) -> Vec<(&str, &str)> {
        refused.iter().map(|refused| (&*refused.preview.name, refused.field)).collect()
    }

    #[test]
    fn a_new_policy_lists_each_preview_that_it_would_refuse_with_the_field() {
        let check = checked(
            json!({ "limits": { "previews": 2 }, "domains": ["p2.example.com", "p3.example.com"] }),
            None,
        );
        assert_eq!((check.namespaces, check.previews, check.refused), (2, 3, 0));
        assert_eq!(check.stricter, ["limits.previews", "domains"]);
        assert_eq!(check.grace_period, Duration::from_mins(10));
        assert_eq!(names(&check.lost), [("p1", "spec.domains"), ("p3", "spec.limits.previews")]);
    }

    #[test]
    fn an_edit_lists_only_what_it_changes() {
        let current = policy("p", json!({ "limits": { "previews": 1 } }));
        let check =
            checked(json!({ "limits": { "previews": 2 }, "gracePeriod": "0s" }), Some(&current));
        assert_eq!((check.refused, check.lost.len(), check.grace_period), (2, 0, Duration::ZERO));
        assert_eq!(check.freed, [ObjectKey::new("shop", "p2")]);
        let check = checked(json!({ "limits": { "previews": 0 } }), Some(&current));
        assert_eq!((check.refused, names(&check.lost)), (2, vec![("p1", "spec.limits.previews")]));
    }

    #[test]
    fn a_spec_that_cannot_be_read_is_an_error() {
        let spec = StoredSpec::new(json!({ "limits": { "maxTtl": "7x" } }));
        assert!(check(&spec, None, &[], &[]).is_err());
    }
}
