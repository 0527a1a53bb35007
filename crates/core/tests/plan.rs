//! The rules of planning: what is written, what never is.
#![allow(clippy::unwrap_used)]

mod support;

use k8s_openapi::api::core::v1::ConfigMap;
use kubewright_core::desired::Desired;
use kubewright_core::hash::DesiredHash;
use kubewright_core::observed::{ControllerRef, Covered, Entry, Holder, ObservedChild};
use kubewright_core::plan::{Existing, Step, Why, plan};
use kubewright_core::{Children, KindInfo, ObjectKey, labels};
use proptest::prelude::*;
use serde_json::value::to_raw_value;
use support::{STAMP, UID, applied, desired, entry, owner};

fn steps(names: &[&str], existing: &[ObservedChild]) -> Vec<Step> {
    let kind = desired(&["x"])[0].kind.clone();
    let existing: Vec<_> = existing.iter().map(|child| Existing { kind: &kind, child }).collect();
    plan(UID, &desired(names), &existing, |_| true)
}

fn have(name: &str) -> ObservedChild {
    applied(&desired(&[name])[0])
}

#[test]
fn what_does_not_exist_is_created() {
    assert_eq!(steps(&["a"], &[]), [Step::Create { index: 0 }]);
}

#[test]
fn what_is_as_we_want_it_is_kept_and_that_is_learned_once() {
    assert_eq!(steps(&["a"], &[have("a")]), [Step::Keep { index: 0, learned: true }]);
    let mut known = have("a");
    known.entry = known.entry.verified(Covered::by(&desired(&["a"])[0]));
    assert_eq!(steps(&["a"], &[known]), [Step::Keep { index: 0, learned: false }]);
}

#[test]
fn a_changed_wish_is_applied_to_exactly_that_object() {
    let mut old = have("a");
    old.desired_hash = Some(DesiredHash(1));
    assert_eq!(
        steps(&["a"], &[old]),
        [Step::Apply { index: 0, uid: "uid-a".into(), why: Why::Changed }]
    );
}

#[test]
fn a_verified_entry_of_another_wish_does_not_count() {
    let mut old = have("a");
    old.entry = old.entry.verified(Covered::by(&desired(&["b"])[0]));
    assert!(matches!(steps(&["a"], &[old])[..], [Step::Apply { why: Why::Changed, .. }]));
}

#[test]
fn drift_names_the_path() {
    let want = &desired(&["a"])[0];
    let mut fields = entry(want.body());
    fields.as_object_mut().unwrap().remove("f:data");
    let mut drifted = applied(want);
    drifted.entry = Entry::Unverified { hash: 1, fields: to_raw_value(&fields).unwrap().into() };
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
    drifted.entry = Entry::Unverified { hash: 1, fields: to_raw_value(&fields).unwrap().into() };
    assert!(
        matches!(&steps(&["a"], &[drifted])[..], [Step::Apply { why: Why::Drift(path), .. }] if path.to_string().contains("desired-hash"))
    );
}

#[test]
fn cleared_managed_fields_are_applied_again() {
    let mut cleared = have("a");
    cleared.entry = Entry::Missing;
    assert!(matches!(steps(&["a"], &[cleared])[..], [Step::Apply { why: Why::Unknown, .. }]));
}

#[test]
fn a_foreign_object_is_refused_whoever_has_it() {
    let by: std::sync::Arc<ControllerRef> =
        ControllerRef { kind: "Page".into(), name: "other".into(), uid: "other-uid".into() }.into();
    let mut other = have("a");
    other.controller = Some(by.clone());
    assert_eq!(
        steps(&["a"], &[other.clone()]),
        [Step::Refuse { index: 0, holder: Holder::Controller(by) }]
    );
    other.controller = None;
    assert_eq!(steps(&["a"], &[other]), [Step::Refuse { index: 0, holder: Holder::Nobody }]);
}

#[test]
fn what_is_being_deleted_is_waited_for() {
    let mut leaving = have("a");
    leaving.deleting = true;
    assert_eq!(steps(&["a"], &[leaving.clone()]), [Step::Wait { index: 0 }]);
    assert_eq!(steps(&[], &[leaving]), []);
}

#[test]
fn what_is_no_longer_wanted_is_deleted_first_and_exactly() {
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

/// A ConfigMap of this name, of which there is one at a time, whatever it is named.
fn alone(name: &str) -> Vec<Desired> {
    let mut config = ConfigMap::default();
    config.metadata.name = Some(name.to_owned());
    let children = Children::<(ConfigMap,)>::new().with_alone_among::<(ConfigMap,), _, _>(config);
    STAMP.all(&owner(), children.into_vec().unwrap()).unwrap()
}

fn steps_alone(name: &str, existing: &[ObservedChild]) -> Vec<Step> {
    let want = alone(name);
    let existing: Vec<_> =
        existing.iter().map(|child| Existing { kind: &want[0].kind, child }).collect();
    plan(UID, &want, &existing, |_| true)
}

#[test]
fn what_there_is_one_of_at_a_time_is_made_when_the_one_before_it_is_gone_and_not_only_asked_to_go()
{
    let (kind, old) = (alone("x")[0].kind.clone(), ObjectKey::new("ns", "old"));
    let hold = Step::Hold { index: 0, before: vec![(kind.clone(), old.clone())] };
    let planned = steps_alone("new", &[have("old")]);
    assert!(matches!(&planned[0], Step::Delete { key, .. } if *key == old), "{planned:?}");
    assert_eq!(planned[1..], *std::slice::from_ref(&hold));
    let mut leaving = have("old");
    leaving.deleting = true;
    assert_eq!(steps_alone("new", &[leaving.clone()]), std::slice::from_ref(&hold));
    assert_eq!(steps_alone("new", &[]), [Step::Create { index: 0 }]);

    let other = ObjectKey::new("ns", "other");
    assert_eq!(hold.clone().without(&[(&kind, &other)]), hold);
    assert_eq!(
        hold.clone().without(&[(&kind, &old)]),
        Step::Create { index: 0 },
        "known to be gone in the same run"
    );
    assert!(!hold.writes());
    assert_eq!(steps(&["new"], &[leaving]), [Step::Create { index: 0 }], "others need not wait");
}

#[test]
fn what_there_is_one_of_at_a_time_waits_for_nothing_of_others_and_stays_where_it_is_there() {
    let mut foreign = have("old");
    foreign.controller = None;
    assert_eq!(steps_alone("new", &[foreign]), [Step::Create { index: 0 }]);
    let new = applied(&alone("new")[0]);
    let planned = steps_alone("new", &[have("old"), new]);
    assert!(
        matches!(planned[..], [Step::Delete { .. }, Step::Keep { index: 0, .. }]),
        "{planned:?}"
    );
    let page = KindInfo::of::<support::Page>();
    let of_another_kind = have("old");
    let existing = [Existing { kind: &page, child: &of_another_kind }];
    let planned = plan(UID, &alone("new"), &existing, |_| true);
    assert!(
        matches!(planned[..], [Step::Delete { .. }, Step::Create { index: 0 }]),
        "not of its group: {planned:?}"
    );
}

/// What may be known of an object in the cluster.
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
        0 => Entry::Missing,
        1 => child.entry.verified(Covered::by(&want)),
        2 => Entry::Unverified {
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
    fn nothing_foreign_is_written_every_wish_has_one_step_and_all_ours_is_accounted_for(
        wanted in proptest::sample::subsequence(NAMES.to_vec(), 0..=4),
        cluster in proptest::collection::vec(known(), 0..6),
    ) {
        let mut cluster: Vec<ObservedChild> = cluster.iter().map(object).collect();
        cluster.sort_by(|a, b| a.key.cmp(&b.key));
        cluster.dedup_by(|a, b| a.key == b.key);
        let planned = steps(&wanted, &cluster);

        let about: Vec<usize> = planned.iter().filter_map(|s| match s {
            Step::Create { index } | Step::Apply { index, .. } | Step::Keep { index, .. } | Step::Refuse { index, .. }
            | Step::Wait { index } | Step::Hold { index, .. } | Step::Skip { index } => Some(*index),
            Step::Delete { .. } => None,
        }).collect();
        prop_assert_eq!(about, (0..wanted.len()).collect::<Vec<_>>(), "one step for each wish, in order");

        for step in planned.iter().filter(|s| s.writes()) {
            let name = target(step, &wanted).unwrap();
            let there = cluster.iter().find(|c| *c.key.name == *name);
            prop_assert!(there.is_none_or(|c| c.is_controlled_by(UID) && !c.deleting), "{step:?} on {there:?}");
            prop_assert_eq!(matches!(step, Step::Create { .. }), there.is_none());
        }
        for ours in cluster.iter().filter(|c| c.is_controlled_by(UID) && !c.deleting) {
            let deleted = planned.iter().any(|s| matches!(s, Step::Delete { key, .. } if *key == ours.key));
            prop_assert_eq!(deleted, !wanted.contains(&&*ours.key.name));
        }
        let last_delete = planned.iter().rposition(|s| matches!(s, Step::Delete { .. }));
        let first_other = planned.iter().position(|s| !matches!(s, Step::Delete { .. }));
        prop_assert!(last_delete.is_none() || first_other.is_none() || last_delete < first_other, "deletes come first");
    }

    #[test]
    fn what_there_is_one_of_at_a_time_is_never_made_beside_another_and_made_when_that_is_gone(
        cluster in proptest::collection::vec(known(), 0..6),
    ) {
        let mut cluster: Vec<ObservedChild> = cluster.iter().map(object).collect();
        cluster.sort_by(|a, b| a.key.cmp(&b.key));
        cluster.dedup_by(|a, b| a.key == b.key);
        cluster.retain(|c| *c.key.name != *"a");
        let ours = cluster.iter().filter(|c| c.is_controlled_by(UID)).count();
        let planned = steps_alone("a", &cluster);
        let last = planned.last().unwrap();
        prop_assert_eq!(matches!(last, Step::Create { .. }), ours == 0, "{:?}", planned);
        let held = matches!(last, Step::Hold { before, .. } if before.len() == ours);
        prop_assert!(held || ours == 0, "{:?}", planned);
        cluster.retain(|c| !c.is_controlled_by(UID));
        prop_assert_eq!(steps_alone("a", &cluster), [Step::Create { index: 0 }]);
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
