//! The manager that took a path from us, from `managedFields` as an API server writes it.
#![allow(clippy::unwrap_used)]

use kubewright_core::internals::managed_fields::{self, Taker, covers, taker};
use kubewright_core::internals::tree::Tree;
use serde_json::{Value, json};

const US: &str = "our-operator";

/// A Deployment as an operator wants it.
fn desired() -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {
            "name": "web", "namespace": "shop",
            "labels": { "app.kubernetes.io/name": "echo", "app.kubernetes.io/managed-by": US },
        },
        "spec": {
            "replicas": 2,
            "selector": { "matchLabels": { "app.kubernetes.io/name": "echo" } },
            "template": { "spec": { "containers": [
                { "name": "sidecar", "image": "proxy:1" },
                { "name": "echo", "image": "echo:1", "args": ["-text=hello"],
                    "ports": [{ "containerPort": 80 }] },
            ] } },
        },
    })
}

/// Our entry after the apply of that.
fn ours() -> Value {
    json!({ "manager": US, "operation": "Apply", "apiVersion": "apps/v1",
        "time": "2026-01-01T10:00:00Z", "fieldsType": "FieldsV1",
        "fieldsV1": {
            "f:metadata": { "f:labels": {
                "f:app.kubernetes.io/managed-by": {}, "f:app.kubernetes.io/name": {},
            } },
            "f:spec": {
                "f:replicas": {}, "f:selector": {},
                "f:template": { "f:spec": { "f:containers": {
                    "k:{\"name\":\"sidecar\"}": { ".": {}, "f:image": {}, "f:name": {} },
                    "k:{\"name\":\"echo\"}": {
                        ".": {}, "f:args": {}, "f:image": {}, "f:name": {}, "f:ports": {
                            "k:{\"containerPort\":80,\"protocol\":\"TCP\"}": {
                                ".": {}, "f:containerPort": {},
                            },
                        },
                    },
                } } },
            },
        },
    })
}

/// Our entry without this path.
fn ours_without(path: &str) -> Value {
    let mut entry = ours();
    let (parent, last) = path.rsplit_once('/').unwrap();
    let last = last.replace("~1", "/");
    assert!(
        entry["fieldsV1"]
            .pointer_mut(parent)
            .unwrap()
            .as_object_mut()
            .unwrap()
            .remove(&last)
            .is_some(),
        "{path}"
    );
    entry
}

fn theirs(manager: &str, operation: &str, subresource: &str, second: u32, fields: &Value) -> Value {
    json!({ "manager": manager, "operation": operation, "subresource": subresource,
        "apiVersion": "apps/v1", "time": format!("2026-01-01T10:00:{second:02}Z"),
        "fieldsType": "FieldsV1", "fieldsV1": fields })
}

/// The entry of the Deployment's controller, which writes the status often.
fn controller() -> Value {
    let fields = json!({ "f:status": { "f:readyReplicas": {}, "f:observedGeneration": {} } });
    theirs("kube-controller-manager", "Update", "status", 59, &fields)
}

/// The missing path and its taker, as text.
fn missing_and_taker(entries: &[Value]) -> (String, String) {
    let desired = desired();
    let desired = Tree::from(&desired);
    let missing = covers(&Tree::from(&entries[0]["fieldsV1"]), &desired).unwrap_err();
    let object = json!({ "metadata": { "managedFields": entries } }).to_string();
    let entries = managed_fields::entries(object.as_bytes()).unwrap();
    let who = match taker(&entries, US, &desired, &missing) {
        Taker::Holds(manager) => manager.to_string(),
        Taker::Probably(manager) => format!("probably {manager}"),
        Taker::Unknown => "unknown".to_owned(),
    };
    (missing.to_string(), who)
}

fn row(about: &str, entries: &[Value], path: &str, who: &str) {
    assert_eq!(missing_and_taker(entries), (path.to_owned(), who.to_owned()), "{about}");
}

const CONTAINERS: &str = "/f:spec/f:template/f:spec/f:containers";

#[test]
fn the_manager_that_owns_the_lost_path_is_named() {
    let replicas = json!({ "f:spec": { "f:replicas": {} } });
    let of_container = |name: &str, fields: &Value| {
        let containers = json!({ format!("k:{{\"name\":\"{name}\"}}"): fields });
        json!({ "f:spec": { "f:template": { "f:spec": { "f:containers": containers } } } })
    };
    let of_echo = |fields: &Value| of_container("echo", fields);
    let lost = ours_without("/f:spec/f:replicas");
    let edit = theirs("kubectl-edit", "Update", "", 7, &replicas);
    row(
        "a field",
        &[lost.clone(), edit, controller()],
        "spec.replicas",
        r#""kubectl-edit" (Update)"#,
    );
    let scale = theirs("kubectl", "Update", "scale", 7, &replicas);
    row(
        "by a subresource",
        &[lost.clone(), scale, controller()],
        "spec.replicas",
        r#""kubectl" (Update of its scale)"#,
    );
    let apply = theirs("argocd", "Apply", "", 7, &replicas);
    row("by apply", &[lost.clone(), apply], "spec.replicas", r#""argocd" (Apply)"#);
    let as_us = theirs(US, "Update", "", 7, &replicas);
    row(
        "as us",
        &[lost, as_us],
        "spec.replicas",
        r#"an Update under this operator's own name, "our-operator""#,
    );

    let lost = ours_without(&format!("{CONTAINERS}/k:{{\"name\":\"echo\"}}/f:image"));
    let set = theirs("kubectl-set", "Update", "", 7, &of_echo(&json!({ "f:image": {} })));
    let path = "spec.template.spec.containers[1].image";
    row("in an item of a list", &[lost, set], path, r#""kubectl-set" (Update)"#);

    let lost = ours_without(&format!("{CONTAINERS}/k:{{\"name\":\"echo\"}}/f:ports"));
    let key = "k:{\"containerPort\":80,\"protocol\":\"TCP\"}";
    let port = json!({ "f:ports": { key: { ".": {}, "f:containerPort": {} } } });
    let mesh = theirs("mesh", "Update", "", 7, &of_echo(&port));
    row(
        "a list below an item",
        &[lost, mesh],
        "spec.template.spec.containers[1].ports",
        r#""mesh" (Update)"#,
    );

    let key = r#"/f:ports/k:{"containerPort":80,"protocol":"TCP"}/f:containerPort"#;
    let lost = ours_without(&format!("{CONTAINERS}/k:{{\"name\":\"echo\"}}{key}"));
    let mesh = theirs("mesh", "Update", "", 7, &of_echo(&port));
    let path = "spec.template.spec.containers[1].ports[0].containerPort";
    row("an item with a key that we left to a default", &[lost, mesh], path, r#""mesh" (Update)"#);

    let lost = ours_without(&format!("{CONTAINERS}/k:{{\"name\":\"echo\"}}/f:args"));
    let patched = theirs("kubectl-patch", "Update", "", 7, &of_echo(&json!({ "f:args": {} })));
    row(
        "an atomic list",
        &[lost, patched],
        "spec.template.spec.containers[1].args",
        r#""kubectl-patch" (Update)"#,
    );

    let lost = ours_without("/f:metadata/f:labels/f:app.kubernetes.io~1name");
    let label = theirs(
        "kubectl-label",
        "Update",
        "",
        7,
        &json!({ "f:metadata": { "f:labels": { "f:app.kubernetes.io/name": {} } } }),
    );
    row(
        "a label",
        &[lost, label],
        "metadata.labels.app.kubernetes.io/name",
        r#""kubectl-label" (Update)"#,
    );
}

#[test]
fn an_atomic_value_includes_every_path_in_it() {
    let whole = theirs("tool", "Update", "", 7, &json!({ "f:spec": { "f:template": {} } }));
    let lost = ours_without(&format!("{CONTAINERS}/k:{{\"name\":\"echo\"}}/f:image"));
    row(
        "an atomic value",
        &[lost, whole],
        "spec.template.spec.containers[1].image",
        r#""tool" (Update)"#,
    );
}

#[test]
fn a_manager_of_another_field_is_not_named_if_one_owns_the_lost_path() {
    let lost = ours_without("/f:spec/f:replicas");
    let beside = theirs(
        "kubectl-annotate",
        "Update",
        "",
        50,
        &json!({ "f:metadata": { "f:annotations": { "f:a": {} } } }),
    );
    let other = theirs("scaler", "Update", "", 7, &json!({ "f:spec": { "f:replicas": {} } }));
    row(
        "the later manager owns another field",
        &[lost.clone(), beside, other.clone()],
        "spec.replicas",
        r#""scaler" (Update)"#,
    );
    let later = theirs("second", "Update", "", 8, &json!({ "f:spec": { "f:replicas": {} } }));
    row("two managers own it", &[lost, later, other], "spec.replicas", r#""second" (Update)"#);

    let containers = json!({ "k:{\"name\":\"sidecar\"}": { "f:image": {} } });
    let of_other =
        json!({ "f:spec": { "f:template": { "f:spec": { "f:containers": containers } } } });
    let lost = ours_without(&format!("{CONTAINERS}/k:{{\"name\":\"echo\"}}/f:image"));
    let sidecar = theirs("mesh", "Update", "", 7, &of_other);
    let path = "spec.template.spec.containers[1].image";
    row("the same field of another item", &[lost, sidecar], path, r#"probably "mesh" (Update)"#);
}

#[test]
fn for_a_removed_path_only_a_later_writer_is_named() {
    let lost = ours_without("/f:metadata/f:labels/f:app.kubernetes.io~1name");
    let path = "metadata.labels.app.kubernetes.io/name";
    let annotation = |manager: &str, second: u32| {
        theirs(
            manager,
            "Update",
            "",
            second,
            &json!({ "f:metadata": { "f:annotations": { "f:a": {} } } }),
        )
    };
    let mut early = annotation("early", 30);
    early["time"] = json!("2026-01-01T09:59:59Z");
    row("others wrote before us", &[lost.clone(), early.clone(), controller()], path, "unknown");
    let since = [
        lost.clone(),
        early,
        annotation("one", 3),
        annotation("two", 5),
        annotation("three", 4),
        controller(),
    ];
    row("the last later writer", &since, path, r#"probably "two" (Update)"#);
    row("no other entry", &[lost], path, "unknown");
}

#[test]
fn entries_of_any_form_are_accepted() {
    let lost = ours_without("/f:spec/f:replicas");
    let odd = [
        json!({}),
        json!({ "manager": "x", "fieldsV1": [] }),
        json!({ "fieldsV1": { "f:spec": "text" } }),
    ];
    for entry in odd {
        assert_eq!(missing_and_taker(&[lost.clone(), entry]).1, "unknown");
    }
}
