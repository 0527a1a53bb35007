//! The operator of `PreviewPolicy`.

use std::sync::Arc;

use k8s_openapi::api::core::v1::Namespace;
use kubewright::{
    Children, Condition, ConditionType, Invalid, Metadata, ObjectKey, Observed, Operator, Optional,
    Part, Report, Sample, View, of,
};
use operator_api::preview::{PreviewPolicyStatus, PreviewRequest, StoredPolicy, TIGHTENING};

use super::census::Census;
use super::schedule::Schedule;
use crate::preview::samples;

/// The condition of a policy whose last edit does not apply to all previews yet.
const TIGHTENING_CONDITION: ConditionType = ConditionType::new(
    TIGHTENING,
    &[("Announced", "the edit applies to previews that exist after the grace period")],
);

/// The reasons of `Ready`.
const READY_REASONS: ConditionType = ConditionType::ready(&[(
    "SpecNotReadable",
    "the spec has a value that cannot be read; the last readable spec stays in effect",
)]);

/// The operator of `PreviewPolicy`.
#[derive(Clone, Copy, Debug, Default)]
pub struct PolicyOperator;

/// What `build` of a policy passes to `report`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Facts {
    schedule: Schedule,
    /// Unknown to an operator that watches only some namespaces.
    census: Option<Census>,
}

impl Operator for PolicyOperator {
    const NAME: &'static str = "preview-policy";
    const CONDITIONS: &'static [ConditionType] = &[READY_REASONS, TIGHTENING_CONDITION];
    type Resource = StoredPolicy;
    type Owns = ();
    type Reads = (Metadata<Namespace>, Optional<Part<PreviewRequest>>);
    type Facts = Facts;

    fn build(
        &self,
        policy: &StoredPolicy,
        view: &View<'_, Self>,
    ) -> Result<Children<Self>, Invalid> {
        let mut schedule = Schedule::new(policy, view.now());
        if schedule.enforced_at.is_some_and(|at| view.is_past(at)) {
            schedule = Schedule { is_enforced: true, ..Schedule::default() };
        }
        let status = Some(PreviewPolicyStatus {
            observed_generation: policy.metadata.generation,
            ..schedule.status(policy, None)
        });
        let shown = StoredPolicy::new(policy.metadata.clone(), policy.spec.clone(), status);
        // Without a census, no change of a namespace or preview wakes the policy.
        let census = view.sees_all_namespaces().then(|| {
            let namespaces = view.list(of::<Metadata<Namespace>>(), None, &[]);
            Census::new(&Arc::new(shown), &namespaces, |namespace| {
                view.list(of::<Part<PreviewRequest>>(), Some(namespace), &[])
            })
        });
        let children = match policy.spec.parsed() {
            Ok(_) => Children::new(),
            Err(error) => Children::withdrawn(Invalid::new(
                "SpecNotReadable",
                format!(
                    "{error}: correct the policy. Until then its last readable spec stays in \
                     effect (status.enforced), and it refuses new previews"
                ),
            )),
        };
        Ok(children.with_facts(Facts { schedule, census }))
    }

    fn report(
        &self,
        policy: &StoredPolicy,
        observed: &Observed<'_, Self>,
        Facts { schedule, census }: &Facts,
    ) -> Report<PreviewPolicyStatus> {
        let counted = |number: fn(&Census) -> usize| census.as_ref().map(number).map(count);
        let status = PreviewPolicyStatus {
            namespaces: counted(|census| census.namespaces),
            previews: counted(|census| census.previews),
            refused: counted(|census| census.refused.len()),
            ..schedule.status(policy, counted(|census| census.announced.len()))
        };
        let report = Report::new(observed, status);
        match announcement(schedule, census.as_ref()) {
            Some(condition) => report.with_condition(condition),
            None => report,
        }
    }

    fn samples() -> Vec<Sample<StoredPolicy>> {
        samples::policy_samples()
    }
}

fn count(number: usize) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

fn announcement(schedule: &Schedule, census: Option<&Census>) -> Option<Condition> {
    let at = schedule.enforced_at?;
    let fields: Vec<String> =
        schedule.stricter.iter().map(|field| format!("spec.{field}")).collect();
    let effect = match census.map(|census| &*census.announced) {
        None => "Undo the edit to keep previews that it would refuse.".to_owned(),
        Some([]) => "No preview loses its pods or its route then.".to_owned(),
        Some([(first, _), others @ ..]) => {
            format!("{} then: undo the edit to keep them.", losers(first, others.len()))
        }
    };
    let message = format!(
        "{} became stricter, and applies to previews that exist from {at} on. {effect}",
        fields.join(", ")
    );
    Some(Condition::new(TIGHTENING, Some(true), "Announced", message).with_warning())
}

fn losers(first: &ObjectKey, others: usize) -> String {
    match others {
        0 => format!("Preview {first} loses its pods or its route"),
        1 => format!("Preview {first} and 1 other lose their pods or their route"),
        others => format!("Preview {first} and {others} others lose their pods or their route"),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
    use kubewright::{Readiness, Timestamp};
    use operator_api::preview::{PreviewEnvironment, StoredSpec};
    use serde_json::{Value, json};

    use super::*;
    use crate::preview::PreviewOperator;
    use crate::testing::{self, FakeCluster, created_at, namespace, preview};

    /// The second in which the policy is created.
    const CREATED: i64 = 1_000;

    fn time(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    /// A policy with this spec, as the API server creates it.
    fn created(spec: &Value) -> StoredPolicy {
        let mut policy: StoredPolicy =
            serde_json::from_value(json!({ "metadata": { "name": "p" }, "spec": spec })).unwrap();
        policy.metadata.generation = Some(1);
        policy.metadata.creation_timestamp = Some(Time(time(CREATED)));
        policy
    }

    /// The cluster at this second, with previews of the namespace `shop`.
    fn cluster(previews: &[PreviewEnvironment], second: i64) -> FakeCluster {
        let cluster = testing::with_ambassador().with(namespace("shop", &[("team", "shop")]));
        previews.iter().fold(cluster.with(namespace("bare", &[])), testing::beside).at(time(second))
    }

    fn report(policy: &StoredPolicy, cluster: &FakeCluster) -> Report<PreviewPolicyStatus> {
        testing::report_in(&PolicyOperator, policy, cluster, &[])
    }

    /// The policy after the operator wrote its status at this second.
    fn observed(policy: &StoredPolicy, cluster: &FakeCluster) -> StoredPolicy {
        let mut status = report(policy, cluster).status;
        status.observed_generation = policy.metadata.generation;
        StoredPolicy::new(policy.metadata.clone(), policy.spec.clone(), Some(status))
    }

    fn edited(policy: &StoredPolicy, spec: &Value) -> StoredPolicy {
        let mut metadata = policy.metadata.clone();
        metadata.generation = metadata.generation.map(|generation| generation + 1);
        StoredPolicy::new(metadata, StoredSpec::new(spec.clone()), policy.status.clone())
    }

    /// What the policy refuses of a preview that was created in this second, and what it announces:
    /// the reasons of LimitExceeded or RouteAccepted, and of RefusalAnnounced.
    fn effect(policy: &StoredPolicy, created: i64) -> (bool, Option<String>) {
        let preview = created_at(preview("web"), created);
        let cluster = cluster(&[], created).with(policy.clone());
        let report = testing::report_in(&PreviewOperator::default(), &preview, &cluster, &[]);
        let mut conditions = report.conditions.into_iter();
        let announced = conditions.find(|condition| condition.type_ == "RefusalAnnounced");
        let is_refused = matches!(report.readiness, Readiness::Stalled(..));
        (is_refused, announced.map(|condition| condition.message))
    }

    fn strict() -> Value {
        json!({ "imagePrefixes": ["registry.example.com/"] })
    }

    #[test]
    fn a_stricter_policy_refuses_new_previews_at_once_and_others_after_the_grace_period() {
        let policy = created(&strict());
        for created in [CREATED - 1, CREATED] {
            assert_eq!(effect(&policy, created).0, created == CREATED, "before it has a status");
        }
        let old = created_at(preview("old"), CREATED - 5);
        let new = created_at(preview("new"), CREATED + 5);
        let cluster = |second| cluster(&[old.clone(), new.clone()], second);
        let policy = observed(&policy, &cluster(CREATED + 10));
        let status = policy.status.as_ref().unwrap();
        let pending = status.pending.clone().unwrap();
        assert_eq!(pending.since.0, time(CREATED), "the policy itself is new");
        assert_eq!(pending.enforced_at.as_ref().unwrap().0, time(CREATED + 610));
        assert_eq!(
            (status.namespaces, status.previews, status.refused, pending.refused),
            (Some(2), Some(2), Some(1), Some(1))
        );
        let (is_refused, announced) = effect(&policy, CREATED - 5);
        let announced = announced.unwrap();
        assert!(!is_refused);
        assert!(
            announced.starts_with(
                "from 1970-01-01T00:26:50Z on, this preview is refused: spec.image is "
            ),
            "{announced}"
        );
        assert!(effect(&policy, CREATED + 5).0);
        let announcement = report(&policy, &cluster(CREATED + 20)).conditions.remove(0);
        assert_eq!(
            (announcement.type_, announcement.reason, announcement.warns),
            ("Tightening", "Announced", true)
        );
        assert_eq!(
            announcement.message,
            "spec.imagePrefixes became stricter, and applies to previews that exist from \
             1970-01-01T00:26:50Z on. Preview shop/old loses its pods or its route then: undo the \
             edit to keep them."
        );
        // A restart of the operator does not begin the grace period again.
        let policy = observed(&policy, &cluster(CREATED + 500));
        assert_eq!(policy.status.as_ref().unwrap().pending, Some(pending));
        let policy = observed(&policy, &cluster(CREATED + 610));
        let status = policy.status.as_ref().unwrap();
        assert_eq!((status.pending.as_ref(), status.refused), (None, Some(2)));
        assert_eq!(policy.enforced(), policy.spec.parsed().ok());
        assert!(report(&policy, &cluster(CREATED + 611)).conditions.is_empty());
        assert_eq!(effect(&policy, CREATED - 5), (true, None));
    }

    #[test]
    fn a_grace_period_starts_no_preview_that_was_refused() {
        let policy = created(&strict());
        let mut old = created_at(preview("old"), CREATED - 5);
        let mut cluster = cluster(&[], CREATED + 10);
        let policy = observed(&policy, &cluster);
        cluster = cluster.with(policy);
        let readiness = |preview: &PreviewEnvironment| {
            let operator = PreviewOperator::default();
            testing::report_in(&operator, preview, &cluster, &[]).readiness
        };
        assert!(!matches!(readiness(&old), Readiness::Stalled(..)), "it runs");
        let refused = json!({ "conditions": [{
            "type": "LimitExceeded", "status": "True", "reason": "ImageNotAllowed", "message": "",
            "lastTransitionTime": "2030-01-31T12:00:00Z",
        }] });
        old.status = serde_json::from_value(refused).unwrap();
        assert!(matches!(readiness(&old), Readiness::Stalled("ImageNotAllowed", _)));
    }

    #[test]
    fn a_preview_that_a_new_policy_closed_stays_closed_after_further_edits() {
        let is_closed = |policy: &StoredPolicy| {
            let preview = created_at(preview("web"), CREATED + 5);
            let cluster = cluster(&[], CREATED + 30).with(policy.clone());
            let names = testing::names_in(&PreviewOperator::default(), &preview, &cluster);
            names.contains(&"NetworkPolicy web".to_owned())
        };
        let from = |namespace: &str| json!({ "networkPolicy": { "fromNamespaces": [namespace] } });
        let policy = observed(&created(&from("a")), &cluster(&[], CREATED + 1));
        assert!(is_closed(&policy), "the preview is new");
        let policy = observed(&edited(&policy, &from("b")), &cluster(&[], CREATED + 20));
        assert!(is_closed(&policy), "the edit of the policy is newer than the preview");
    }

    #[test]
    fn an_edit_that_is_reverted_in_time_or_allows_more_applies_at_once() {
        let cluster = |second| cluster(&[], second);
        let policy = observed(&created(&json!({})), &cluster(CREATED));
        let policy = observed(&edited(&policy, &strict()), &cluster(CREATED + 10));
        assert!(policy.status.as_ref().unwrap().pending.is_some());
        let policy = observed(&edited(&policy, &json!({})), &cluster(CREATED + 20));
        let status = policy.status.as_ref().unwrap();
        assert_eq!((status.pending.as_ref(), status.enforced.as_ref()), (None, Some(&json!({}))));
        assert_eq!(effect(&policy, CREATED + 5), (false, None));
    }

    #[test]
    fn each_edit_begins_a_grace_period_and_decides_which_previews_are_new() {
        let at = |policy: &StoredPolicy| {
            let pending = policy.status.as_ref().unwrap().pending.clone().unwrap();
            let second = |time: Time| time.0.as_second() - CREATED;
            (second(pending.since), pending.enforced_at.map(second))
        };
        let policy = observed(&created(&json!({})), &cluster(&[], CREATED));
        let policy = observed(&edited(&policy, &strict()), &cluster(&[], CREATED + 10));
        assert_eq!(at(&policy), (10, Some(610)));
        let other = json!({ "imagePrefixes": ["other.example.com/"], "gracePeriod": "1h" });
        let policy = edited(&policy, &other);
        assert!(!effect(&policy, CREATED + 15).0, "the status is about an earlier edit");
        let policy = observed(&policy, &cluster(&[], CREATED + 20));
        assert_eq!(at(&policy), (20, Some(3620)));
        let none = json!({ "imagePrefixes": ["other.example.com/"], "gracePeriod": "0s" });
        let policy = observed(&edited(&policy, &none), &cluster(&[], CREATED + 30));
        assert_eq!(policy.status.unwrap().pending, None);
    }

    #[test]
    fn a_policy_that_cannot_be_read_keeps_its_last_readable_spec_and_refuses_new_previews() {
        let old = created_at(preview("old"), CREATED - 5);
        let policy = observed(&created(&json!({})), &cluster(&[], CREATED));
        for spec in [json!({ "limits": { "maxTtl": "7x" } }), json!({ "imagePrefixes": ["a b"] })] {
            let policy = edited(&policy, &spec);
            assert_eq!(effect(&policy, CREATED + 50), (false, None), "it was not seen yet");
            let cluster = cluster(std::slice::from_ref(&old), CREATED + 10);
            let invalid = testing::rejection_in(&PolicyOperator, &policy, &cluster).unwrap();
            assert_eq!(invalid.reason(), "SpecNotReadable");
            assert!(invalid.message().starts_with("spec."), "{}", invalid.message());
            let policy = observed(&policy, &cluster);
            let status = policy.status.as_ref().unwrap();
            assert_eq!((status.enforced.as_ref(), status.refused), (Some(&json!({})), Some(0)));
            assert_eq!(effect(&policy, CREATED - 5), (false, None));
            assert_eq!(effect(&policy, CREATED + 10), (true, None));
        }
    }

    #[test]
    fn the_limits_of_a_policy_that_cannot_be_read_any_more_stay_in_effect() {
        let spec = json!({ "imagePrefixes": ["registry.example.com/"], "gracePeriod": "0s" });
        let policy = observed(&created(&spec), &cluster(&[], CREATED));
        assert_eq!(effect(&policy, CREATED - 5), (true, None));
        let policy = edited(&policy, &json!({ "limits": { "maxTtl": "7x" } }));
        let policy = observed(&policy, &cluster(&[], CREATED + 10));
        assert_eq!(effect(&policy, CREATED - 5), (true, None));
    }

    #[test]
    fn an_operator_that_watches_only_some_namespaces_counts_nothing() {
        let cluster = cluster(&[created_at(preview("old"), CREATED - 5)], CREATED + 10).limited();
        let Report { status, conditions, .. } = report(&created(&strict()), &cluster);
        assert_eq!((status.namespaces, status.previews, status.refused), (None, None, None));
        assert_eq!(status.pending.unwrap().refused, None);
        assert!(conditions[0].message.ends_with(
            "Undo the edit to keep previews that it would \
                                                 refuse."
        ));
    }

    #[test]
    fn a_policy_counts_what_it_refuses_by_number_host_and_route() {
        let previews = [
            created_at(preview("a"), CREATED),
            created_at(preview("b"), CREATED + 1),
            created_at(preview("c"), CREATED + 2),
        ];
        let refused = |spec: Value| {
            let status = report(&created(&spec), &cluster(&previews, CREATED + 10)).status;
            (status.namespaces.unwrap(), status.previews.unwrap(), status.refused.unwrap())
        };
        assert_eq!(refused(json!({ "limits": { "previews": 1 } })), (2, 3, 2));
        assert_eq!(refused(json!({ "domains": ["a.example.com"] })), (2, 3, 2));
        assert_eq!(refused(json!({ "routes": { "types": ["Ingress"] } })), (2, 3, 0));
        let types = json!({ "types": ["Ingress"], "default": "Mapping" });
        assert_eq!(refused(json!({ "routes": types })), (2, 3, 3));
        let shop = json!({ "matchLabels": { "team": "shop" } });
        let strict = json!({ "namespaceSelector": shop, "limits": { "previews": 0 } });
        assert_eq!(refused(strict), (1, 3, 3));
    }
}
