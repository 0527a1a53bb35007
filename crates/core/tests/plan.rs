//! The rules of planning.
#![allow(clippy::unwrap_used)]

mod support;

use k8s_openapi::api::core::v1::ConfigMap;
use kubewright_core::internals::desired::Desired;
use kubewright_core::internals::hash::DesiredHash;
use kubewright_core::internals::plan::{Existing, Step, Why, plan};
use kubewright_core::observed::{ApplyEntry, ControllerRef, Hashes, Holder, ObservedChild};
use kubewright_core::{Children, KindInfo, ObjectKey, labels, of};
use proptest::prelude::*;
use serde_json::value::to_raw_value;
use support::{Declares, UID, applied, complete, desired, entry};

fn steps(names: &[&str], existing: &[ObservedChild]) -> Vec<Step> {
    let kind = desired(&["x"])[0].kind.clone();
    let existing: Vec<_> = existing.iter().map(|child| Existing { kind: &kind, child }).collect();
    plan(UID, &desired(names), &existing, |_| true)
}

fn have(name: &str) -> ObservedChild {
    applied(&desired(&[name])[0])
}

#[test]
fn a_missing_object_is_created() {
    assert_eq!(steps(&["a"], &[]), [Step::Create { index: 0 }]);
}

#[test]
fn an_object_in_sync_is_kept_and_compared_once() {
    assert_eq!(steps(&["a"], &[have("a")]), [Step::Keep { index: 0, verified: true }]);
    let mut known = have("a");
    known.entry = known.entry.verified(Hashes::of(&desired(&["a"])[0]));
    assert_eq!(steps(&["a"], &[known]), [Step::Keep { index: 0, verified: false }]);
}

#[test]
fn a_changed_desired_object_is_applied_to_exactly_the_existing_one() {
    let mut old = have("a");
    old.desired_hash = Some(DesiredHash(1));
    assert_eq!(
        steps(&["a"], &[old]),
        [Step::Apply { index: 0, uid: "uid-a".into(), why: Why::Changed }]
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
    assert_eq!(
        steps(&["a"], &[other.clone()]),
        [Step::LeaveAlone { index: 0, holder: Holder::Controller(by) }]
    );
    other.controller = None;
    assert_eq!(
        steps(&["a"], &[other]),
        [Step::LeaveAlone { index: 0, holder: Holder::NoController }]
    );
}

#[test]
fn a_terminating_object_is_awaited() {
    let mut leaving = have("a");
    leaving.deleting = true;
    assert_eq!(steps(&["a"], &[leaving.clone()]), [Step::Wait { index: 0 }]);
    assert_eq!(steps(&[], &[leaving]), []);
}

#[test]
fn an_object_that_is_no_longer_desired_is_deleted_first_and_in_exactly_this_version() {
    let planned = steps(&["new"], &[have("old")]);
    let [Step::Delete { key, uid, resource_version: 10, .. }, Step::Create { index: 0 }] =
        &planned[..]
    else {
        panic!("{planned:?}")
    };
    assert_eq!((key, &**uid), (&ObjectKey::new("ns", "old"), "uid-old"));
}

#[test]
fn a_kind_that_is_not_served_is_skipped() {
    assert_eq!(plan(UID, &desired(&["a"]), &[], |_| false), [Step::Skip { index: 0 }]);
}

/// A ConfigMap of this name in an exclusive group of ConfigMaps.
fn exclusive(name: &str) -> Vec<Desired> {
    let mut config = ConfigMap::default();
    config.metadata.name = Some(name.to_owned());
    let mut children = Children::<Declares<(ConfigMap,), ()>>::new();
    children.add_exclusive(of::<(ConfigMap,)>(), config);
    complete(children)
}

fn exclusive_steps(name: &str, existing: &[ObservedChild]) -> Vec<Step> {
    let want = exclusive(name);
    let existing: Vec<_> =
        existing.iter().map(|child| Existing { kind: &want[0].kind, child }).collect();
    plan(UID, &want, &existing, |_| true)
}

#[test]
fn an_exclusive_object_is_created_when_the_older_one_is_gone() {
    let (kind, old) = (exclusive("x")[0].kind.clone(), ObjectKey::new("ns", "old"));
    let awaiting = Step::AwaitDeletion { index: 0, before: vec![(kind.clone(), old.clone())] };
    let planned = exclusive_steps("new", &[have("old")]);
    assert!(matches!(&planned[0], Step::Delete { key, .. } if *key == old), "{planned:?}");
    assert_eq!(planned[1..], *std::slice::from_ref(&awaiting));
    let mut leaving = have("old");
    leaving.deleting = true;
    assert_eq!(exclusive_steps("new", &[leaving.clone()]), std::slice::from_ref(&awaiting));
    assert_eq!(exclusive_steps("new", &[]), [Step::Create { index: 0 }]);

    let other = ObjectKey::new("ns", "other");
    assert_eq!(awaiting.clone().without(&[(&kind, &other)]), awaiting);
    assert_eq!(
        awaiting.clone().without(&[(&kind, &old)]),
        Step::Create { index: 0 },
        "gone in the same run"
    );
    assert!(!awaiting.writes());
    assert_eq!(
        steps(&["new"], &[leaving]),
        [Step::Create { index: 0 }],
        "objects of no group do not wait"
    );
}

#[test]
fn an_exclusive_object_waits_only_for_older_objects_of_its_owner_and_group() {
    let mut foreign = have("old");
    foreign.controller = None;
    assert_eq!(exclusive_steps("new", &[foreign]), [Step::Create { index: 0 }]);
    let new = applied(&exclusive("new")[0]);
    let planned = exclusive_steps("new", &[have("old"), new]);
    assert!(
        matches!(planned[..], [Step::Delete { .. }, Step::Keep { index: 0, .. }]),
        "{planned:?}"
    );
    let page = KindInfo::of::<support::Page>();
    let of_another_kind = have("old");
    let existing = [Existing { kind: &page, child: &of_another_kind }];
    let planned = plan(UID, &exclusive("new"), &existing, |_| true);
    assert!(
        matches!(planned[..], [Step::Delete { .. }, Step::Create { index: 0 }]),
        "another kind: {planned:?}"
    );
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

fn target(step: &Step, names: &[&str]) -> Option<String> {
    match step {
        Step::Create { index } | Step::Apply { index, .. } => Some(names[*index].to_owned()),
        Step::Delete { key, .. } => Some(key.name.to_string()),
        _ => None,
    }
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
        let planned = steps(&wanted, &cluster);

        let about: Vec<usize> = planned.iter().filter_map(|s| match s {
            Step::Create { index }
            | Step::Apply { index, .. }
            | Step::Keep { index, .. }
            | Step::LeaveAlone { index, .. }
            | Step::Wait { index }
            | Step::AwaitDeletion { index, .. }
            | Step::Skip { index } => Some(*index),
            Step::Delete { .. } => None,
        }).collect();
        let each: Vec<usize> = (0..wanted.len()).collect();
        prop_assert_eq!(about, each, "one step for each desired object, in order");

        for step in planned.iter().filter(|s| s.writes()) {
            let name = target(step, &wanted).unwrap();
            let there = cluster.iter().find(|c| *c.key.name == *name);
            let is_ours = |c: &ObservedChild| c.is_controlled_by(UID) && !c.deleting;
            prop_assert!(there.is_none_or(is_ours), "{step:?} on {there:?}");
            prop_assert_eq!(matches!(step, Step::Create { .. }), there.is_none());
        }
        for ours in cluster.iter().filter(|c| c.is_controlled_by(UID) && !c.deleting) {
            let deletes =
                |step: &Step| matches!(step, Step::Delete { key, .. } if *key == ours.key);
            prop_assert_eq!(planned.iter().any(deletes), !wanted.contains(&&*ours.key.name));
        }
        let last_delete = planned.iter().rposition(|s| matches!(s, Step::Delete { .. }));
        let first_other = planned.iter().position(|s| !matches!(s, Step::Delete { .. }));
        let is_first = last_delete.is_none() || first_other.is_none() || last_delete < first_other;
        prop_assert!(is_first, "deletes come first");
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
        let planned = exclusive_steps("a", &cluster);
        let last = planned.last().unwrap();
        prop_assert_eq!(matches!(last, Step::Create { .. }), ours == 0, "{:?}", planned);
        let awaits = matches!(last, Step::AwaitDeletion { before, .. } if before.len() == ours);
        prop_assert!(awaits || ours == 0, "{:?}", planned);
        cluster.retain(|c| !c.is_controlled_by(UID));
        prop_assert_eq!(exclusive_steps("a", &cluster), [Step::Create { index: 0 }]);
    }

    #[test]
    fn executing_a_plan_leads_to_a_plan_without_writes(
        wanted in proptest::sample::subsequence(NAMES.to_vec(), 0..=4),
        cluster in proptest::collection::vec(known(), 0..6),
    ) {
        let mut cluster: Vec<ObservedChild> = cluster.iter().map(object).collect();
        cluster.sort_by(|a, b| a.key.cmp(&b.key));
        cluster.dedup_by(|a, b| a.key == b.key);
        for step in steps(&wanted, &cluster) {
            match step {
                Step::Create { index } => cluster.push(applied(&desired(&wanted)[index])),
                Step::Apply { index, .. } => {
                    let now = applied(&desired(&wanted)[index]);
                    cluster.retain(|c| c.key != now.key);
                    cluster.push(now);
                }
                Step::Delete { key, .. } => cluster.retain(|c| c.key != key),
                _ => {}
            }
        }
        let again = steps(&wanted, &cluster);
        prop_assert!(!again.iter().any(Step::writes), "{again:?}");
    }
}

#[test]
fn kinds_do_not_mix() {
    let other = KindInfo::of::<support::Page>();
    let child = have("a");
    let existing = [Existing { kind: &other, child: &child }];
    let planned = plan(UID, &desired(&["a"]), &existing, |_| true);
    assert!(
        matches!(&planned[..], [Step::Delete { kind, .. }, Step::Create { .. }] if *kind == other)
    );
}
