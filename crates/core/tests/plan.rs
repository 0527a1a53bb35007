//! The rules of planning.
#![allow(clippy::unwrap_used)]

mod support;

use k8s_openapi::api::core::v1::ConfigMap;
use kubewright_core::internals::complete::ChildMetadata;
use kubewright_core::internals::desired::Desired;
use kubewright_core::internals::hash::DesiredHash;
use kubewright_core::internals::plan::{Deletion, Existing, Plan, Step, Why, plan};
use kubewright_core::observed::{ApplyEntry, ControllerRef, Hashes, Holder, ObservedChild, decode};
use kubewright_core::{Children, KindInfo, ObjectKey, labels, of};
use proptest::prelude::*;
use serde_json::value::to_raw_value;
use support::{Declares, METADATA, UID, applied, complete, desired, entry, owner};

fn planned(names: &[&str], existing: &[ObservedChild]) -> Plan {
    let kind = desired(&["x"])[0].kind.clone();
    let existing: Vec<_> = existing.iter().map(|child| Existing { kind: &kind, child }).collect();
    plan(UID, &desired(names), &existing, |_| true)
}

/// The steps of a plan that deletes nothing.
fn steps(names: &[&str], existing: &[ObservedChild]) -> Vec<Step> {
    let Plan { deletions, steps } = planned(names, existing);
    assert_eq!(deletions, []);
    steps
}

fn have(name: &str) -> ObservedChild {
    applied(&desired(&[name])[0])
}

#[test]
fn a_missing_object_is_created() {
    assert_eq!(steps(&["a"], &[]), [Step::Create]);
}

#[test]
fn an_object_in_sync_is_kept_and_compared_once() {
    assert_eq!(steps(&["a"], &[have("a")]), [Step::Keep { verified: true }]);
    let mut known = have("a");
    known.entry = known.entry.verified(Hashes::of(&desired(&["a"])[0]));
    assert_eq!(steps(&["a"], &[known]), [Step::Keep { verified: false }]);
}

#[test]
fn a_changed_desired_object_is_applied_to_exactly_the_existing_one() {
    let mut old = have("a");
    old.desired_hash = Some(DesiredHash(1));
    assert_eq!(
        steps(&["a"], &[old]),
        [Step::Apply {
            uid: "uid-a".into(),
            why: Why::Changed,
            is_disruptive: false,
            may_leave: false
        }]
    );
}

#[test]
fn an_entry_that_was_verified_for_another_object_does_not_count() {
    let mut old = have("a");
    old.entry = old.entry.verified(Hashes::of(&desired(&["b"])[0]));
    assert!(matches!(steps(&["a"], &[old])[..], [Step::Apply { why: Why::Changed, .. }]));
}

#[test]
fn drift_names_the_path() {
    let want = &desired(&["a"])[0];
    let mut fields = entry(want.body());
    fields.as_object_mut().unwrap().remove("f:data");
    let mut drifted = applied(want);
    drifted.entry =
        ApplyEntry::Unverified { hash: 1, fields: to_raw_value(&fields).unwrap().into() };
    let [Step::Apply { why: Why::Drift(path), .. }] = &steps(&["a"], &[drifted])[..] else {
        panic!("no drift")
    };
    assert_eq!(path.to_string(), "data");
}

#[test]
fn a_changed_hash_annotation_is_drift() {
    let want = &desired(&["a"])[0];
    let mut fields = entry(want.body());
    fields["f:metadata"]["f:annotations"]
        .as_object_mut()
        .unwrap()
        .remove(&format!("f:{}", labels::DESIRED_HASH));
    let mut drifted = applied(want);
    drifted.desired_hash = Some(DesiredHash(1));
    drifted.entry =
        ApplyEntry::Unverified { hash: 1, fields: to_raw_value(&fields).unwrap().into() };
    let [Step::Apply { why: Why::Drift(path), .. }] = &steps(&["a"], &[drifted])[..] else {
        panic!("no drift")
    };
    assert!(path.to_string().contains("desired-hash"));
}

#[test]
fn an_object_without_our_label_is_applied_again_without_disruption() {
    let mut unlabelled = have("a");
    unlabelled.missing_label = Some(labels::MANAGED_BY);
    let step = Step::Apply {
        uid: "uid-a".into(),
        why: Why::Unlabelled(labels::MANAGED_BY),
        is_disruptive: false,
        may_leave: false,
    };
    assert_eq!(steps(&["a"], &[unlabelled]), [step]);
}

#[test]
fn cleared_managed_fields_are_applied_again() {
    let mut cleared = have("a");
    cleared.entry = ApplyEntry::Missing;
    assert!(matches!(steps(&["a"], &[cleared])[..], [Step::Apply { why: Why::Unknown, .. }]));
}

#[test]
fn an_object_of_another_owner_is_left_alone() {
    let by: std::sync::Arc<ControllerRef> =
        ControllerRef { kind: "Page".into(), name: "other".into(), uid: "other-uid".into() }.into();
    let mut other = have("a");
    other.controller = Some(by.clone());
    assert_eq!(steps(&["a"], &[other.clone()]), [Step::LeaveAlone(Holder::Controller(by))]);
    other.controller = None;
    assert_eq!(steps(&["a"], &[other]), [Step::LeaveAlone(Holder::NoController)]);
}

#[test]
fn a_terminating_object_is_awaited() {
    let mut leaving = have("a");
    leaving.deleting = true;
    assert_eq!(steps(&["a"], &[leaving.clone()]), [Step::Wait]);
    assert_eq!(steps(&[], &[leaving]), []);
}

#[test]
fn an_object_that_is_no_longer_desired_is_deleted_in_exactly_this_version() {
    let Plan { deletions, steps } = planned(&["new"], &[have("old")]);
    let (kind, key) = (desired(&["old"])[0].kind.clone(), ObjectKey::new("ns", "old"));
    assert_eq!(deletions, [Deletion { kind, key, uid: "uid-old".into(), resource_version: 10 }]);
    assert_eq!(steps, [Step::Create]);
}

#[test]
fn a_kind_that_is_not_served_is_skipped() {
    assert_eq!(plan(UID, &desired(&["a"]), &[], |_| false).steps, [Step::Skip]);
}

/// A ConfigMap of this name in an exclusive group of ConfigMaps.
fn exclusive(name: &str) -> Vec<Desired> {
    let mut config = ConfigMap::default();
    config.metadata.name = Some(name.to_owned());
    let mut children = Children::<Declares<(ConfigMap,), ()>>::new();
    children.add_exclusive(of::<(ConfigMap,)>(), config);
    complete(children)
}

fn exclusive_plan(name: &str, existing: &[ObservedChild]) -> Plan {
    let want = exclusive(name);
    let existing: Vec<_> =
        existing.iter().map(|child| Existing { kind: &want[0].kind, child }).collect();
    plan(UID, &want, &existing, |_| true)
}

/// The names of the objects that a plan deletes.
fn deleted(plan: &Plan) -> Vec<&str> {
    plan.deletions.iter().map(|deletion| &*deletion.key.name).collect()
}

#[test]
fn an_exclusive_object_is_created_when_the_older_one_is_gone() {
    let (kind, old) = (exclusive("x")[0].kind.clone(), ObjectKey::new("ns", "old"));
    let awaiting = Step::AwaitDeletion(vec![(kind.clone(), old.clone())]);
    let planned = exclusive_plan("new", &[have("old")]);
    assert_eq!(deleted(&planned), ["old"]);
    assert_eq!(planned.steps, std::slice::from_ref(&awaiting));
    let mut leaving = have("old");
    leaving.deleting = true;
    let planned = exclusive_plan("new", &[leaving.clone()]);
    assert_eq!(planned.steps, std::slice::from_ref(&awaiting));
    assert!(!planned.writes());
    assert_eq!(exclusive_plan("new", &[]).steps, [Step::Create]);

    let other = ObjectKey::new("ns", "other");
    assert_eq!(awaiting.clone().without(&[(&kind, &other)]), awaiting);
    assert_eq!(awaiting.without(&[(&kind, &old)]), Step::Create, "gone in the same run");
    assert_eq!(steps(&["new"], &[leaving]), [Step::Create], "objects of no group do not wait");
}

#[test]
fn an_exclusive_object_waits_only_for_older_objects_of_its_owner_and_group() {
    let mut foreign = have("old");
    foreign.controller = None;
    let planned = exclusive_plan("new", &[foreign]);
    assert_eq!((deleted(&planned), &planned.steps[..]), (vec![], &[Step::Create][..]));
    let new = applied(&exclusive("new")[0]);
    let planned = exclusive_plan("new", &[have("old"), new]);
    assert_eq!(deleted(&planned), ["old"]);
    assert!(matches!(planned.steps[..], [Step::Keep { .. }]), "{planned:?}");
    let page = KindInfo::of::<support::Page>();
    let of_another_kind = have("old");
    let existing = [Existing { kind: &page, child: &of_another_kind }];
    let planned = plan(UID, &exclusive("new"), &existing, |_| true);
    assert_eq!(deleted(&planned), ["old"]);
    assert_eq!(planned.steps, [Step::Create], "another kind");
}

/// A random state of an object in the cluster.
#[derive(Clone, Debug)]
struct Known {
    name: usize,
    owner: usize,
    deleting: bool,
    entry: usize,
    same_hash: bool,
}

const NAMES: [&str; 4] = ["a", "b", "c", "d"];
const OWNERS: [Option<&str>; 3] = [Some(UID), Some("somebody"), None];

fn known() -> impl Strategy<Value = Known> {
    (0..NAMES.len(), 0..OWNERS.len(), any::<bool>(), 0..4_usize, any::<bool>()).prop_map(
        |(name, owner, deleting, entry, same_hash)| Known {
            name,
            owner,
            deleting,
            entry,
            same_hash,
        },
    )
}

fn object(known: &Known) -> ObservedChild {
    let want = desired(&[NAMES[known.name]]).remove(0);
    let mut child = applied(&want);
    child.controller = OWNERS[known.owner]
        .map(|uid| ControllerRef { kind: "Page".into(), name: "p".into(), uid: uid.into() }.into());
    child.deleting = known.deleting;
    child.entry = match known.entry {
        0 => ApplyEntry::Missing,
        1 => child.entry.verified(Hashes::of(&want)),
        2 => ApplyEntry::Unverified {
            hash: 5,
            fields: to_raw_value(&serde_json::json!({ "f:data": {} })).unwrap().into(),
        },
        _ => child.entry,
    };
    if !known.same_hash {
        child.desired_hash = Some(DesiredHash(3));
    }
    child
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn only_our_objects_are_written_and_each_desired_object_has_one_step(
        wanted in proptest::sample::subsequence(NAMES.to_vec(), 0..=4),
        cluster in proptest::collection::vec(known(), 0..6),
    ) {
        let mut cluster: Vec<ObservedChild> = cluster.iter().map(object).collect();
        cluster.sort_by(|a, b| a.key.cmp(&b.key));
        cluster.dedup_by(|a, b| a.key == b.key);
        let planned = planned(&wanted, &cluster);

        prop_assert_eq!(planned.steps.len(), wanted.len(), "one step for each desired object");
        for (step, name) in planned.steps.iter().zip(&wanted) {
            let there = cluster.iter().find(|c| *c.key.name == **name);
            prop_assert_eq!(*step == Step::Create, there.is_none());
            if let Step::Apply { uid, .. } = step {
                let there = there.unwrap();
                let is_ours = there.is_controlled_by(UID) && !there.deleting;
                prop_assert!(is_ours && there.uid == *uid, "{step:?} on {there:?}");
            }
        }
        for object in &cluster {
            let is_ours = object.is_controlled_by(UID) && !object.deleting;
            let is_deleted = planned.deletions.iter().any(|d| d.key == object.key);
            prop_assert_eq!(is_deleted, is_ours && !wanted.contains(&&*object.key.name));
        }
    }

    #[test]
    fn an_exclusive_object_is_never_created_beside_an_older_one(
        cluster in proptest::collection::vec(known(), 0..6),
    ) {
        let mut cluster: Vec<ObservedChild> = cluster.iter().map(object).collect();
        cluster.sort_by(|a, b| a.key.cmp(&b.key));
        cluster.dedup_by(|a, b| a.key == b.key);
        cluster.retain(|c| *c.key.name != *"a");
        let ours = cluster.iter().filter(|c| c.is_controlled_by(UID)).count();
        let steps = exclusive_plan("a", &cluster).steps;
        prop_assert_eq!(steps == [Step::Create], ours == 0, "{:?}", steps);
        let awaits = matches!(&steps[..], [Step::AwaitDeletion(before)] if before.len() == ours);
        prop_assert!(awaits || ours == 0, "{:?}", steps);
        cluster.retain(|c| !c.is_controlled_by(UID));
        prop_assert_eq!(exclusive_plan("a", &cluster).steps, [Step::Create]);
    }

    #[test]
    fn executing_a_plan_leads_to_a_plan_without_writes(
        wanted in proptest::sample::subsequence(NAMES.to_vec(), 0..=4),
        cluster in proptest::collection::vec(known(), 0..6),
    ) {
        let mut cluster: Vec<ObservedChild> = cluster.iter().map(object).collect();
        cluster.sort_by(|a, b| a.key.cmp(&b.key));
        cluster.dedup_by(|a, b| a.key == b.key);
        let Plan { deletions, steps } = planned(&wanted, &cluster);
        cluster.retain(|c| !deletions.iter().any(|deletion| deletion.key == c.key));
        for (step, want) in steps.iter().zip(&desired(&wanted)) {
            if matches!(step, Step::Create | Step::Apply { .. }) {
                cluster.retain(|c| c.key != want.key);
                cluster.push(applied(want));
            }
        }
        let again = planned(&wanted, &cluster);
        prop_assert!(!again.writes(), "{again:?}");
    }
}

#[test]
fn kinds_do_not_mix() {
    let other = KindInfo::of::<support::Page>();
    let child = have("a");
    let existing = [Existing { kind: &other, child: &child }];
    let planned = plan(UID, &desired(&["a"]), &existing, |_| true);
    assert!(matches!(&planned.deletions[..], [Deletion { kind, .. }] if *kind == other));
    assert_eq!(planned.steps, [Step::Create]);
}

/// A ConfigMap of the Page without an owner, and a ConfigMap `a` that the Page wants. The Page
/// takes orphans back if `adopts`.
fn orphaned(adopts: bool, edit: impl Fn(&mut serde_json::Value)) -> Step {
    let mut config = ConfigMap::default();
    config.metadata.name = Some("a".to_owned());
    let children = Children::<Declares<(ConfigMap,), ()>>::new().with(config);
    let children = children.into_content().unwrap().children.unwrap();
    let want = ChildMetadata { adopts, ..METADATA }.complete(&owner(), children).unwrap();
    let mut object = want[0].body().clone();
    let metadata = object["metadata"].as_object_mut().unwrap();
    metadata.remove("ownerReferences");
    metadata.insert("uid".into(), "restored".into());
    metadata.insert("resourceVersion".into(), "7".into());
    edit(&mut object["metadata"]);
    let object = decode(object.to_string().as_bytes(), METADATA.manager).unwrap();
    let existing = [Existing { kind: &want[0].kind, child: &object }];
    plan(UID, &want, &existing, |_| true).steps.remove(0)
}

#[test]
fn an_orphan_is_taken_back_only_where_that_is_allowed() {
    assert_eq!(orphaned(false, |_| {}), Step::LeaveAlone(Holder::Orphan));
    let expected = Step::Apply {
        uid: "restored".into(),
        why: Why::Orphan,
        is_disruptive: false,
        may_leave: false,
    };
    assert_eq!(orphaned(true, |_| {}), expected);
    let deleting =
        orphaned(true, |metadata| metadata["deletionTimestamp"] = "2030-01-01T00:00:00Z".into());
    assert_eq!(deleting, Step::Wait);
}

#[test]
fn an_object_of_another_creator_or_owner_is_never_taken_back() {
    for (label, value) in [
        (labels::MANAGED_BY, "another-operator"),
        (labels::NAME, "another-controller"),
        (labels::INSTANCE, "another-page"),
    ] {
        let step = orphaned(true, |metadata| metadata["labels"][label] = value.into());
        assert_eq!(step, Step::LeaveAlone(Holder::NoController), "{label}");
    }
    let unannotated = orphaned(true, |metadata| metadata["annotations"] = serde_json::json!({}));
    assert_eq!(unannotated, Step::LeaveAlone(Holder::NoController));
    let owned = orphaned(true, |metadata| {
        let owner = serde_json::json!({ "apiVersion": "v1", "kind": "X", "name": "x", "uid": "x" });
        metadata["ownerReferences"] = serde_json::json!([owner]);
        metadata["ownerReferences"][0]["controller"] = true.into();
    });
    assert!(matches!(owned, Step::LeaveAlone(Holder::Controller(_))), "{owned:?}");
}
