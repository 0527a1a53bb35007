//! Which watches are merged.

use std::borrow::Cow;

use kubewright_core::KindInfo;

use super::*;

fn watch(kind: &str, labels: Option<&str>, form: Form, optional: bool, controller: usize) -> Watch {
    let name = |name: &str| Cow::Owned(name.to_owned());
    let kind = KindInfo {
        group: name(""),
        version: name("v1"),
        kind: name(kind),
        plural: name("plural"),
        namespaced: true,
    };
    let labels = labels.map(str::to_owned);
    let collection = Collection { labels, ..Collection::new(kind, form) };
    Watch { collection, controllers: vec![controller], optional, sinks: Vec::new() }
}

#[test]
fn watches_of_the_same_objects_are_merged() {
    let merged = merge(vec![
        watch("A", None, Form::Metadata, true, 0),
        watch("A", None, Form::Full, false, 1),
        watch("A", Some("ours"), Form::Metadata, false, 0),
        watch("B", None, Form::Metadata, true, 0),
    ]);
    let merged: Vec<_> = merged
        .iter()
        .map(|w| (&*w.collection.kind.kind, w.collection.form, w.optional, &w.controllers[..]))
        .collect();
    assert_eq!(
        merged,
        [
            ("A", Form::Full, false, &[0, 1][..]),
            ("A", Form::Metadata, false, &[0][..]),
            ("B", Form::Metadata, true, &[0][..]),
        ]
    );
}

#[test]
fn each_optional_kind_has_one_watch_of_its_definition() {
    let kinds = group_by_kind(vec![
        watch("A", None, Form::Full, true, 0),
        watch("B", None, Form::Full, true, 0),
        watch("A", Some("ours"), Form::Full, true, 1),
    ]);
    assert_eq!(kinds.iter().map(Vec::len).collect::<Vec<_>>(), [2, 1]);
}
