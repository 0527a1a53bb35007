//! Written YAML has the same meaning for readers of YAML 1.1 and 1.2. Every field that is read has
//! its line.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use kubewright_core::internals::printable::is_unsafe;
use kubewright_manifests::path::FieldPath;
use kubewright_manifests::yaml::{
    comment, comment_above, documents, each_document, list_item, to_yaml,
};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

/// Strings that YAML 1.1 readers parse as a boolean, number, time, null, merge or default.
const TRAPS: [&str; 49] = [
    "yes",
    "Yes",
    "YES",
    "no",
    "No",
    "on",
    "On",
    "off",
    "OFF",
    "y",
    "Y",
    "n",
    "N",
    "true",
    "True",
    "FALSE",
    "~",
    "null",
    "Null",
    "NULL",
    "",
    "12:30",
    "1:30:45",
    "190:20:30.15",
    "=",
    "<<",
    "1e3",
    "1E+3",
    "0o7",
    "0x1F",
    "0b1",
    "012",
    "-017",
    "1_000",
    "1.",
    ".5",
    "+1",
    "-1",
    "1.5",
    ".inf",
    "-.INF",
    ".nan",
    "2001-01-01",
    "2001-12-14t21:59:43.10-05:00",
    "- a",
    "? a",
    "a: b",
    "a #b",
    "!x",
];

#[test]
fn strings_that_old_readers_misread_are_quoted_as_values_and_keys() {
    for trap in TRAPS {
        let value = to_yaml(&json!({ "k": trap })).unwrap();
        let scalar = value.strip_prefix("k: ").unwrap_or_else(|| panic!("{trap:?} -> {value}"));
        assert!(scalar.starts_with(['"', '\'']), "{trap:?} is written as {scalar}");
        let item = to_yaml(&json!([trap])).unwrap();
        assert!(
            item.starts_with("- \"") || item.starts_with("- '"),
            "{trap:?} is written as {item}"
        );
        let mut map = Map::new();
        map.insert(trap.to_owned(), json!(1));
        let key = to_yaml(&Value::Object(map)).unwrap();
        assert!(key.starts_with(['"', '\'']), "the key {trap:?} is written as {key}");
    }
}

#[test]
fn ordinary_strings_are_not_quoted() {
    let yaml = to_yaml(&json!([
        "web",
        "nginx:1.27",
        "0.0.0.0:8080",
        "a-b_c.d",
        "10m",
        "64Mi",
        "60s",
        "/livez"
    ]))
    .unwrap();
    assert!(!yaml.contains('"') && !yaml.contains('\''), "{yaml}");
}

#[test]
fn keys_have_the_order_of_kubernetes_then_the_alphabetical_order() {
    let yaml = to_yaml(&json!({
        "spec": {"template": {
            "spec": {"containers": [{"image": "i", "name": "c", "args": []}]},
            "metadata": {"labels": {}},
        }},
        "kind": "Deployment",
        "data": {},
        "metadata": {"labels": {"name": "b", "a": "c"}, "namespace": "ns", "name": "web"},
        "apiVersion": "apps/v1",
    }))
    .unwrap();
    let keys: Vec<&str> =
        yaml.lines().map(|l| l.trim_start_matches([' ', '-']).split(':').next().unwrap()).collect();
    let wanted = "apiVersion kind metadata name namespace labels name a spec template metadata \
                  labels spec containers name args image data";
    assert_eq!(keys, wanted.split(' ').collect::<Vec<_>>(), "{yaml}");
}

#[test]
fn no_line_ends_with_a_space() {
    let yaml =
        to_yaml(&json!({"description": "one\n\ntwo", "list": [[{"a": "b\n\n\nc"}]], "empty": {}}))
            .unwrap();
    assert!(yaml.lines().all(|line| !line.ends_with(' ')), "{yaml:?}");
    let long = format!("{}   b", "a b ".repeat(19));
    let spaces = json!({"description": "one\n  \ntwo ", "other": "a\n\nb", "long": long});
    let yaml = to_yaml(&spaces).unwrap();
    assert!(yaml.lines().all(|line| !line.ends_with(' ')), "{yaml:?}");
    assert_eq!(documents(&yaml).unwrap()[0].value, spaces);
}

#[test]
fn a_text_with_a_tab_is_quoted_because_kubectl_rejects_it_in_a_block() {
    assert_eq!(to_yaml(&json!({"a": "\tx\ny\n"})).unwrap(), "a: \"\\tx\\ny\\n\"\n");
}

#[test]
fn characters_that_control_a_terminal_are_escapes_in_texts_keys_and_comments() {
    let text: String = ('\0'..='\u{ffff}').filter(|&c| is_unsafe(c)).collect();
    let key = "a\u{202e}\"\\";
    let value = json!({"text": text, "lines": "a\n\u{202e}b\n", key: [{key: "x"}], "k": {key: {}}});
    let yaml = to_yaml(&value).unwrap();
    assert!(!yaml.contains(|c| c != '\n' && is_unsafe(c)), "{yaml:?}");
    assert_eq!(documents(&yaml).unwrap()[0].value, value);
    assert!(!comment(&text).contains(|c| c != '\n' && is_unsafe(c)));
}

#[test]
fn a_comment_is_inserted_above_its_line_with_the_same_indentation() {
    assert_eq!(comment("a\n\nb"), "# a\n#\n# b\n");
    assert_eq!(list_item("why", &json!({"a": 1})).unwrap(), "# why\n- a: 1\n");
    let yaml =
        to_yaml(&json!({"spec": {"strategy": {"type": "Recreate"}, "list": [{"a": 1}]}})).unwrap();
    let commented = comment_above(&yaml, "strategy:", "why").unwrap();
    assert!(commented.contains("  # why\n  strategy:\n"), "{commented}");
    assert!(comment_above(&yaml, "missing:", "why").is_err());
}

#[test]
fn every_field_has_its_line() {
    let text = concat!(
        "# a comment\n---\napiVersion: v1\nkind: A\n---\n# another\n---\nkind: B\n",
        "spec:\n  ports:\n  - name: x\n    port: 80\n  text: |\n    ---\n",
    );
    let all = documents(text).unwrap();
    assert_eq!(all.iter().map(|d| d.number).collect::<Vec<_>>(), [1, 2]);
    let spec = FieldPath::root().key("spec");
    let line = |path: &FieldPath| all[1].position(path).line;
    assert_eq!(line(&FieldPath::root()), 8);
    assert_eq!(line(&spec), 9);
    assert_eq!(line(&spec.key("ports").index(0).key("port")), 12);
    assert_eq!(line(&spec.key("ports").index(0).key("missing")), 11);
    assert_eq!(line(&spec.key("text")), 13);
    assert_eq!(all[1].value["spec"]["text"], "---\n");
    assert_eq!(all[0].position(&FieldPath::root().key("kind")).line, 4);
}

#[test]
fn a_broken_document_does_not_hide_the_others() {
    let text = "a: 1\n---\na: 1\nb: 2\na: 3\n---\nb: [1,\n---\nc: 1\n";
    let all = each_document(text);
    assert_eq!(all.len(), 4);
    let twice = all[1].as_ref().unwrap_err();
    assert_eq!(
        (twice.position.line, twice.message.as_str()),
        (5, "the key \"a\" appears twice in this map; remove one of them")
    );
    let open = all[2].as_ref().unwrap_err();
    assert_eq!((open.position.line, open.message.as_str()), (7, "unclosed bracket '['"));
    assert!(all[0].is_ok() && all[3].is_ok());
    assert!(documents(text).is_err());
}

#[test]
fn plain_scalars_have_the_same_types_as_in_kubectl() {
    let read = |text: &str| documents(&format!("v: {text}")).unwrap()[0].value["v"].clone();
    for (text, value) in [
        ("yes", json!(true)),
        ("Off", json!(false)),
        ("\"yes\"", json!("yes")),
        ("010", json!(8)),
        ("0o10", json!(8)),
        ("0x10", json!(16)),
        ("1_000", json!(1000)),
        ("12:30", json!("12:30")),
        ("2001-01-01", json!("2001-01-01")),
        ("~", Value::Null),
        ("9007199254740993", json!(9_007_199_254_740_993_u64)),
    ] {
        assert_eq!(read(text), value, "{text}");
    }
}

#[test]
fn json_is_read_too() {
    let all =
        documents("{\n\t\"kind\": \"A\",\n\t\"spec\": {\"n\": 1.5, \"u\": \"\\u00e9\\n\"}\n}\n")
            .unwrap();
    assert_eq!(all[0].value, json!({"kind": "A", "spec": {"n": 1.5, "u": "é\n"}}));
    assert_eq!(all[0].position(&FieldPath::root().key("spec")).line, 3);
}

fn any_value() -> impl Strategy<Value = Value> {
    let text = prop_oneof![
        ".{0,12}",
        "[a\"\\\\ :\\-\u{1b}\u{9b}\u{61c}\u{200e}\u{2028}\u{202a}-\u{202e}\u{2066}]{1,8}",
        "[ \\n\\t:#a\\-|>'\"]{0,12}",
        "(?s)[a-z ]{60,100}\\n{0,3}.{0,5}",
        proptest::sample::select(&TRAPS[..]).prop_map(str::to_owned),
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_filter("finite", |f| f.is_finite()).prop_map(Value::from),
        text.clone().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 5, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            proptest::collection::btree_map(text.clone(), inner, 0..5)
                .prop_map(|m| Value::Object(m.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 2000,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]
    #[test]
    fn written_values_are_read_back_unchanged(value in any_value()) {
        // The document is an object, like every Kubernetes object.
        let value = json!({ "spec": value });
        let yaml = to_yaml(&value).unwrap();
        prop_assert!(yaml.lines().all(|line| !line.ends_with(' ')), "{:?}", yaml);
        prop_assert!(!yaml.contains(|c| c != '\n' && is_unsafe(c)), "{:?}", yaml);
        // An independent YAML 1.2 reader, and the reader of this crate.
        let fail = |error: &dyn std::fmt::Display| TestCaseError::fail(format!("{error}\n{yaml}"));
        let back: Value = serde_saphyr::from_str(&yaml).map_err(|e| fail(&e))?;
        prop_assert_eq!(&back, &value, "{}", yaml);
        let own = documents(&yaml).map_err(|e| fail(&e))?;
        prop_assert_eq!(&own[0].value, &value, "{}", yaml);
    }

    #[test]
    fn no_text_makes_the_reader_panic(text in "(?s).{0,80}") {
        let _ = each_document(&text);
    }
}
