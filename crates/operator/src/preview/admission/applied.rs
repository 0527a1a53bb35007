//! Which spec of a policy applies to one preview.
//!
//! An edit that makes a policy stricter applies to new previews at once. It applies to previews
//! that are older only when the policy's status says that it is enforced. Until then, such a
//! preview is refused only if both specs refuse it. A spec that cannot be read keeps the enforced
//! one in effect for older previews, and refuses new ones.

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kubewright::Timestamp;
use operator_api::preview::{PreviewPolicySpec, StoredPolicy, UnreadablePolicy};

/// The labels of a namespace.
pub(crate) type Labels = BTreeMap<String, String>;

/// A policy, and which of its specs apply to one preview.
#[derive(Clone, Debug)]
pub(crate) struct Applied {
    policy: Arc<StoredPolicy>,
    current: Content,
    /// The content before the last edit, while it still applies.
    before: Option<Content>,
    /// Whether the spec cannot be read and the preview is new.
    is_unreadable: bool,
}

/// One content of a policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Content {
    /// The policy does not exist yet, or does not select the namespace.
    Nothing,
    Spec,
    Enforced,
}

impl Applied {
    /// What of a policy applies to a preview that was created at `created`, in a namespace with
    /// these labels. `None` if the policy does not concern it.
    pub(crate) fn new(
        policy: Arc<StoredPolicy>,
        labels: &Labels,
        created: Option<Timestamp>,
    ) -> Option<Self> {
        let selecting = |content, spec: Option<&PreviewPolicySpec>| match spec {
            Some(spec) if selects(spec, labels) => content,
            Some(_) | None => Content::Nothing,
        };
        let enforced = policy.enforced();
        let before = selecting(Content::Enforced, enforced);
        let is_new = is_new(&policy, created);
        let (current, before, is_unreadable) = if let Ok(spec) = policy.spec.parsed() {
            let current = selecting(Content::Spec, Some(spec));
            let is_pending = !is_new && enforced != Some(spec);
            (current, is_pending.then_some(before), false)
        } else {
            let selector = policy.spec.selector();
            // A selector that cannot be read may select every namespace.
            let may_select = selector
                .map_or(true, |selector| selector.is_none_or(|selector| selector.matches(labels)));
            (before, None, is_new && may_select)
        };
        let concerns = current != Content::Nothing || before.is_some_and(|c| c != Content::Nothing);
        (concerns || is_unreadable).then_some(Self { policy, current, before, is_unreadable })
    }

    pub(crate) fn name(&self) -> &str {
        self.policy.name()
    }

    fn spec(&self, content: Content) -> Option<&PreviewPolicySpec> {
        match content {
            Content::Nothing => None,
            Content::Spec => self.policy.spec.parsed().ok(),
            Content::Enforced => self.policy.enforced(),
        }
    }

    /// The spec whose defaults apply.
    pub(crate) fn current(&self) -> Option<&PreviewPolicySpec> {
        self.spec(self.current)
    }

    /// Whether an edit does not apply to the preview yet.
    pub(crate) fn is_pending(&self) -> bool {
        self.before.is_some()
    }

    /// The spec that applied before the edit, if the edit is pending. `None` also if the policy had
    /// no effect then.
    pub(crate) fn before(&self) -> Option<&PreviewPolicySpec> {
        self.spec(self.before?)
    }

    /// The spec whose network access applies: that of a policy that applied before its edit, else
    /// the current one. A preview that is closed must not open because its policy is new.
    pub(crate) fn network(&self) -> Option<&PreviewPolicySpec> {
        if self.before == Some(Content::Enforced) { self.before() } else { self.current() }
    }

    /// Whether a rule of the current spec rejects the preview. While an edit is pending, the rule
    /// of the old spec must reject it as well. Returns what the current rule allows.
    pub(crate) fn rejects<'a, T>(
        &'a self,
        rule: impl Fn(&'a PreviewPolicySpec) -> Option<T>,
    ) -> Option<T> {
        let rejected = rule(self.current()?)?;
        (!self.is_pending() || self.before().and_then(rule).is_some()).then_some(rejected)
    }

    /// Why the spec cannot be read, if the preview is new.
    pub(crate) fn unreadable(&self) -> Option<&UnreadablePolicy> {
        self.policy.spec.parsed().err().filter(|_| self.is_unreadable)
    }

    /// The same policy after the edit applies to all previews, if it does not yet.
    pub(crate) fn after_edit(&self) -> Self {
        Self { before: None, ..self.clone() }
    }

    /// When the edit applies to all previews, as far as that is known.
    pub(crate) fn enforced_at(&self) -> Option<Timestamp> {
        self.before?;
        let pending = self.policy.status.as_ref()?.pending.as_ref()?;
        pending.enforced_at.as_ref().map(|time| time.0)
    }
}

fn selects(spec: &PreviewPolicySpec, labels: &Labels) -> bool {
    spec.namespace_selector.as_ref().is_none_or(|selector| selector.matches(labels))
}

/// Whether a preview is not older than the current spec of a policy. Offline, every preview is new.
fn is_new(policy: &StoredPolicy, created: Option<Timestamp>) -> bool {
    let Some(created) = created else { return true };
    match (&policy.status, pending_since(policy)) {
        (_, Some(since)) => created >= since,
        // The policy is new itself, and a file has no time.
        (None, None) => true,
        // An edit that the operator of the policy has not seen yet.
        (Some(_), None) => false,
    }
}

fn pending_since(policy: &StoredPolicy) -> Option<Timestamp> {
    let Some(status) = &policy.status else { return created(&policy.metadata) };
    // The time of an earlier edit says nothing about the current one.
    let is_current = status.observed_generation == policy.metadata.generation;
    status.pending.as_ref().filter(|_| is_current).map(|pending| pending.since.0)
}

/// When an object was created.
pub(crate) fn created(meta: &ObjectMeta) -> Option<Timestamp> {
    meta.creation_timestamp.as_ref().map(|time| time.0)
}
