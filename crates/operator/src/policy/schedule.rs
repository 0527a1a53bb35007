//! When an edit of a policy applies to previews that exist.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kubewright::Timestamp;
use kubewright::time::SignedDuration;
use operator_api::preview::{PendingPolicy, PreviewPolicyStatus, StoredPolicy};

use super::tightening::stricter;
use crate::preview::admission::applied::created;

/// Which spec applies to all previews, and when the current one does.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Schedule {
    /// Whether the current spec applies to all previews. Otherwise the one of the status does.
    pub(super) is_enforced: bool,
    /// Since when the current spec does not apply to all previews.
    pub(super) since: Option<Timestamp>,
    /// When it does. `None` if it cannot be read.
    pub(super) enforced_at: Option<Timestamp>,
    /// The fields that are stricter than before.
    pub(super) stricter: Vec<&'static str>,
}

impl Schedule {
    /// The schedule of a policy at this time. Offline, a policy applies at once.
    pub(super) fn new(policy: &StoredPolicy, now: Option<Timestamp>) -> Self {
        let enforced_now = Self { is_enforced: true, ..Self::default() };
        let Some(now) = now else { return enforced_now };
        // The status has whole seconds.
        let second = Timestamp::from_second(now.as_second()).unwrap_or(now);
        let status = policy.status.as_ref();
        let pending = status.and_then(|status| status.pending.as_ref());
        let is_readable = policy.spec.parsed().is_ok();
        let since = match (pending, status) {
            (Some(pending), Some(status))
                if is_current(status, policy) || !is_readable && pending.enforced_at.is_none() =>
            {
                pending.since.0
            }
            (_, Some(_)) => second,
            // The policy is new.
            (_, None) => created(&policy.metadata).unwrap_or(second),
        };
        let since = Some(since.min(second));
        let Ok(spec) = policy.spec.parsed() else { return Self { since, ..Self::default() } };
        let stricter = stricter(policy.enforced(), spec);
        if stricter.is_empty() {
            return enforced_now;
        }
        let grace = SignedDuration::try_from(spec.grace_period()).unwrap_or(SignedDuration::MAX);
        let latest = second.checked_add(grace).unwrap_or(Timestamp::MAX);
        let announced = status
            .filter(|status| is_current(status, policy))
            .and_then(|_| pending?.enforced_at.as_ref());
        // A clock that ran ahead cannot make the time longer than the grace period.
        let at = announced.map_or(latest, |time| time.0.min(latest));
        Self { is_enforced: false, since, enforced_at: Some(at), stricter }
    }

    /// The part of the status that previews read.
    pub(super) fn status(
        &self,
        policy: &StoredPolicy,
        refused: Option<i32>,
    ) -> PreviewPolicyStatus {
        if self.is_enforced {
            let enforced = Some(policy.spec.json().clone());
            return PreviewPolicyStatus { enforced, ..PreviewPolicyStatus::default() };
        }
        let enforced = policy.status.as_ref().and_then(|status| status.enforced.clone());
        let pending = self.since.map(|since| PendingPolicy {
            since: Time(since),
            enforced_at: self.enforced_at.map(Time),
            refused: refused.filter(|_| self.enforced_at.is_some()),
        });
        PreviewPolicyStatus { enforced, pending, ..PreviewPolicyStatus::default() }
    }
}

/// Whether a status describes the current spec.
fn is_current(status: &PreviewPolicyStatus, policy: &StoredPolicy) -> bool {
    status.observed_generation.is_some() && status.observed_generation == policy.metadata.generation
}
