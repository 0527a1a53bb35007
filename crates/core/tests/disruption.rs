//! Which plans disrupt what runs, and what is left of them while they wait.
#![allow(clippy::unwrap_used)]

mod support;

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kubewright_core::Children;
use kubewright_core::internals::desired::Desired;
use kubewright_core::internals::hash::DesiredHash;
use kubewright_core::internals::plan::{Existing, Plan, Step, Why, plan};
use kubewright_core::observed::{ApplyEntry, ObservedChild};
use serde_json::json;
use serde_json::value::to_raw_value;
use support::{Declares, UID, applied, complete, entry};

/// A Deployment with this image, number of replicas and label, and a ConfigMap and a Secret.
fn wanted(image: &str, replicas: i32, label: &str) -> Vec<Desired> {
    let deployment: Deployment = serde_json::from_value(json!({
        "metadata": { "name": "web", "labels": { "a": label } },
        "spec": {
            "replicas": replicas,
            "selector": {},
            "template": { "spec": { "containers": [{ "name": "web", "image": image }] } },
        },
    }))
    .unwrap();
    let named = |name: &str| json!({ "metadata": { "name": name, "labels": { "a": label } } });
    let config: ConfigMap = serde_json::from_value(named("config")).unwrap();
    let secret: Secret = serde_json::from_value(named("secret")).unwrap();
    let mut children = Children::<Declares<(Deployment, ConfigMap, Secret), ()>>::new();
    complete({
        children.add(deployment).add(config).add(secret);
        children
    })
}

/// The plan for `want` where `before` was applied, changed by `edit`.
fn planned(
    before: &[Desired],
    want: &[Desired],
    edit: impl Fn(&Desired, &mut ObservedChild),
) -> Plan {
    let running = to_raw_value(&json!({ "replicas": 2 })).unwrap();
    let observed = before.iter().map(|desired| {
        let mut child = applied(desired);
        child.status = desired.template_hash().map(|_| running.clone());
        edit(desired, &mut child);
        (desired.kind.clone(), child)
    });
    let observed: Vec<_> = observed.collect();
    let existing: Vec<_> = observed.iter().map(|(kind, child)| Existing { kind, child }).collect();
    plan(UID, want, &existing, |_| true)
}

/// Whether the change from `before` to `want` disrupts what runs.
fn disrupts(before: &[Desired], want: &[Desired]) -> bool {
    planned(before, want, |_, _| {}).is_disruptive()
}

#[test]
fn another_pod_template_disrupts_and_other_changes_do_not() {
    let before = wanted("web:1", 2, "x");
    assert!(!disrupts(&before, &before));
    assert!(disrupts(&before, &wanted("web:2", 2, "x")));
    assert!(!disrupts(&before, &wanted("web:1", 2, "y")), "labels of the objects themselves");
    assert!(!disrupts(&before, &wanted("web:1", 5, "x")), "more replicas");
    assert!(!disrupts(&before, &wanted("web:1", 1, "x")), "some replicas remain");
}

#[test]
fn the_last_replica_that_goes_disrupts() {
    let before = wanted("web:1", 2, "x");
    let none = wanted("web:1", 0, "x");
    assert!(disrupts(&before, &none));
    let stopped = planned(&before, &none, |_, child| child.status = None);
    assert!(!stopped.is_disruptive(), "nothing runs");
}

#[test]
fn a_deletion_disrupts_and_a_creation_does_not() {
    let all = wanted("web:1", 2, "x");
    assert!(disrupts(&all, &all[..2]));
    assert!(!disrupts(&all[..2], &all));
}

#[test]
fn a_repair_does_not_disrupt() {
    let all = wanted("web:1", 2, "x");
    let drifted = planned(&all, &all, |desired, child| {
        let mut fields = entry(desired.body());
        fields.as_object_mut().unwrap().remove("f:spec");
        let fields = to_raw_value(&fields).unwrap().into();
        child.entry = ApplyEntry::Unverified { hash: 1, fields };
    });
    assert!(matches!(drifted.steps[0], Step::Apply { why: Why::Drift(_), .. }));
    assert!(!drifted.is_disruptive());
    assert_eq!(drifted.clone().held(), drifted, "a repair never waits");
}

#[test]
fn an_object_without_a_template_hash_may_have_any_template() {
    let all = wanted("web:1", 2, "x");
    let older = planned(&all, &all, |desired, child| {
        child.desired_hash = Some(DesiredHash(1));
        child.template_hash = None;
        let _ = desired;
    });
    assert!(older.is_disruptive());
}

#[test]
fn a_held_plan_changes_nothing_that_exists() {
    let before = wanted("web:1", 2, "x");
    let want = wanted("web:2", 2, "y");
    let plan = planned(&before, &want[..2], |_, _| {});
    assert_eq!(
        plan.describe_disruption(&want),
        "Deployment web would replace or stop its pods, and 1 more object would change"
    );
    let held = plan.held();
    assert_eq!(held, Plan { deletions: Vec::new(), steps: vec![Step::Hold, Step::Hold] });
    assert!(!held.writes());
    let created = planned(&before[..1], &want, |_, _| {}).held();
    assert_eq!(created.steps, [Step::Hold, Step::Create, Step::Create], "missing objects");
    let deleted = planned(&before, &before[..2], |_, _| {});
    assert_eq!(deleted.describe_disruption(&before), "Secret secret would be deleted");
}
