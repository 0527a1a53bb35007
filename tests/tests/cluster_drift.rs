//! What others do to the children of an Echo, on a real control plane: what is ours comes back
//! within a second and with one request, what they added beside it stays.
//!
//! The rows are those of server-side apply: what somebody's change takes out of our entry in
//! `managedFields`.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::time::{Duration, Instant};

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Service;
use kube::ResourceExt;
use kube::api::{Api, DynamicObject, Patch, PatchParams};
use kube::core::{ApiResource, GroupVersionKind};
use operator_api::echo::Echo;
use serde_json::{Value, json};
use tests::cluster::{Metrics, Operator, SOON, Sandbox, condition, eventually, seen};
use tests::fixtures::{AnyEcho, ExampleEcho, echo};

/// The Echo that is tampered with.
const NAME: &str = "web";
/// Another one, whose repair shows that everything before it was seen.
const MARKER: &str = "marker";
/// How soon what is ours is back.
const REPAIR: Duration = Duration::from_secs(1);
const POD: &str = "/spec/template/spec";

/// What somebody does.
enum Change {
    Merge(Value),
    Strategic(Value),
    Scale(i32),
    /// Server-side apply under another name, by force.
    Apply(Value),
    /// An update under our own name.
    AsUs(Value),
}

/// What becomes of it.
enum Then {
    /// What is at these paths is as before.
    Repaired(&'static [&'static str]),
    /// What is at this path is as they want it, and nothing was written.
    Stays(String, Value),
}

struct Row {
    about: &'static str,
    kind: &'static str,
    change: Change,
    then: Then,
}

fn on(kind: &'static str, about: &'static str, change: Change, then: Then) -> Row {
    Row { about, kind, change, then }
}

fn deployment(about: &'static str, change: Change, then: Then) -> Row {
    on("Deployment", about, change, then)
}

fn service(about: &'static str, change: Change, then: Then) -> Row {
    on("Service", about, change, then)
}

/// A strategic merge patch of the container that is ours.
fn of_container(patch: &Value) -> Change {
    let mut container = json!({ "name": "echo" });
    container.as_object_mut().unwrap().extend(patch.as_object().unwrap().clone());
    of_pod(&json!({ "containers": [container] }))
}

fn of_pod(patch: &Value) -> Change {
    Change::Strategic(json!({ "spec": { "template": { "spec": patch } } }))
}

fn stays(path: &str, value: Value) -> Then {
    Then::Stays(path.to_owned(), value)
}

/// What is changed or removed that is ours.
fn changes_of_ours() -> Vec<Row> {
    use Change::{Apply, AsUs, Merge, Scale, Strategic};
    use Then::Repaired;
    let replica = |replicas: i32| json!({ "spec": { "replicas": replicas } });
    vec![
        service(
            "a key added to the selector",
            Merge(json!({ "spec": { "selector": { "a": "b" } } })),
            Repaired(&["/spec/selector"]),
        ),
        service(
            "the selector removed",
            Merge(json!({ "spec": { "selector": null } })),
            Repaired(&["/spec/selector"]),
        ),
        service(
            "the target port changed",
            Strategic(json!({ "spec": { "ports": [{ "port": 80, "targetPort": 9 }] } })),
            Repaired(&["/spec/ports/http"]),
        ),
        service(
            "the type changed",
            Merge(json!({ "spec": { "type": "NodePort" } })),
            Repaired(&["/spec/type"]),
        ),
        deployment("scaled by the subresource", Scale(5), Repaired(&["/spec/replicas"])),
        deployment(
            "the image changed",
            of_container(&json!({ "image": "nginx" })),
            Repaired(&["/spec/template/spec/containers/echo/image"]),
        ),
        deployment(
            "the resources changed",
            of_container(&json!({ "resources": { "limits": { "cpu": "2" } } })),
            Repaired(&["/spec/template/spec/containers/echo/resources"]),
        ),
        deployment(
            "an argument appended",
            of_container(&json!({ "args": ["-text=hello", "-more"] })),
            Repaired(&["/spec/template/spec/containers/echo/args"]),
        ),
        deployment(
            "the probe's path changed",
            of_container(&json!({ "readinessProbe": { "httpGet": { "path": "/x" } } })),
            Repaired(&["/spec/template/spec/containers/echo/readinessProbe"]),
        ),
        deployment(
            "privilege escalation allowed",
            of_container(&json!({ "securityContext": { "allowPrivilegeEscalation": true } })),
            Repaired(&["/spec/template/spec/containers/echo/securityContext"]),
        ),
        deployment(
            "our container replaced by another",
            // A merge patch knows no keys of lists: it replaces them.
            Merge(
                json!({ "spec": { "template": { "spec": { "containers": [{ "name": "theirs", "image": "nginx" }] } } } }),
            ),
            Repaired(&["/spec/template/spec/containers/echo"]),
        ),
        deployment(
            "a label of ours removed",
            Merge(json!({ "metadata": { "labels": { "app.kubernetes.io/name": null } } })),
            Repaired(&["/metadata/labels"]),
        ),
        deployment(
            "a label of ours changed",
            Merge(json!({ "metadata": { "labels": { "app.kubernetes.io/instance": "other" } } })),
            Repaired(&["/metadata/labels"]),
        ),
        deployment(
            "the hash of what we want removed",
            Merge(
                json!({ "metadata": { "annotations": { "kubewright.dev/desired-hash": null } } }),
            ),
            Repaired(&["/metadata/annotations/kubewright.dev~1desired-hash"]),
        ),
        deployment(
            "managedFields cleared",
            Merge(json!({ "metadata": { "managedFields": [{}] } })),
            Repaired(&["/spec/replicas"]),
        ),
        deployment("updated under our own name", AsUs(replica(7)), Repaired(&["/spec/replicas"])),
        deployment(
            "applied by force under another name",
            Apply(replica(6)),
            Repaired(&["/spec/replicas"]),
        ),
    ]
}

/// What is added beside ours, or changes nothing.
fn additions_of_others() -> Vec<Row> {
    use Change::{Apply, Merge, Strategic};
    let port = json!({ "name": "more", "port": 81, "protocol": "TCP", "targetPort": 81 });
    let theirs = |name: &str| json!({ "name": name, "value": "2" });
    let template = json!({ "annotations": { "kubectl.kubernetes.io/restartedAt": "now" } });
    vec![
        service(
            "a port added beside ours",
            Strategic(json!({ "spec": { "ports": [port] } })),
            stays("/spec/ports/more", port),
        ),
        service(
            "an annotation added",
            Merge(json!({ "metadata": { "annotations": { "theirs": "x" } } })),
            stays("/metadata/annotations/theirs", json!("x")),
        ),
        deployment(
            "an environment variable added",
            of_container(&json!({ "env": [theirs("E")] })),
            stays(&format!("{POD}/containers/echo/env/E"), theirs("E")),
        ),
        deployment(
            "a sidecar container added",
            of_pod(&json!({ "containers": [{ "name": "sidecar", "image": "nginx" }] })),
            stays(&format!("{POD}/containers/sidecar/image"), json!("nginx")),
        ),
        deployment(
            "an annotation added",
            Merge(json!({ "metadata": { "annotations": { "theirs": "x" } } })),
            stays("/metadata/annotations/theirs", json!("x")),
        ),
        deployment(
            "a label added",
            Merge(json!({ "metadata": { "labels": { "theirs": "x" } } })),
            stays("/metadata/labels/theirs", json!("x")),
        ),
        deployment(
            "a node selector added, which is not ours",
            of_pod(&json!({ "nodeSelector": { "kubernetes.io/os": "linux" } })),
            stays(&format!("{POD}/nodeSelector"), json!({ "kubernetes.io/os": "linux" })),
        ),
        deployment(
            "restarted by an annotation of the template",
            Merge(json!({ "spec": { "template": { "metadata": template } } })),
            stays(
                "/spec/template/metadata/annotations/kubectl.kubernetes.io~1restartedAt",
                json!("now"),
            ),
        ),
        deployment(
            "the same amount written in another way",
            of_container(&json!({ "resources": { "limits": { "cpu": "1" } } })),
            stays(&format!("{POD}/containers/echo/resources/limits/cpu"), json!("1")),
        ),
        deployment(
            "the same value applied under another name",
            Apply(json!({ "spec": { "replicas": 2 } })),
            stays("/spec/replicas", json!(2)),
        ),
    ]
}

/// Like a JSON pointer, but items of a list go by their names.
fn at<'a>(object: &'a Value, path: &str) -> &'a Value {
    let step = |value: &'a Value, name: &str| match value {
        Value::Array(items) => {
            items.iter().find(|item| item["name"] == name).unwrap_or(&Value::Null)
        }
        other => &other[name.replace("~1", "/")],
    };
    path.split('/').skip(1).fold(object, step)
}

/// Our entry in `managedFields`: which paths are ours.
fn entry(object: &Value) -> &Value {
    let mut entries = object["metadata"]["managedFields"].as_array().into_iter().flatten();
    let ours = entries.find(|e| {
        e["manager"] == operator::NAME && e["operation"] == "Apply" && e["subresource"].is_null()
    });
    ours.map_or(&Value::Null, |entry| &entry["fieldsV1"])
}

fn children(sandbox: &Sandbox, kind: &str) -> Api<DynamicObject> {
    let (group, plural) =
        if kind == "Service" { ("", "services") } else { ("apps", "deployments") };
    let resource =
        ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk(group, "v1", kind), plural);
    Api::namespaced_with(sandbox.client(), sandbox.namespace(), &resource)
}

async fn read(api: &Api<DynamicObject>, name: &str) -> Value {
    serde_json::to_value(api.get(name).await.unwrap()).unwrap()
}

async fn tamper(sandbox: &Sandbox, api: &Api<DynamicObject>, kind: &str, change: &Change) {
    let them = PatchParams { field_manager: Some("tests".into()), ..PatchParams::default() };
    let us = PatchParams { field_manager: Some(operator::NAME.into()), ..PatchParams::default() };
    let identified = |value: &Value| {
        let mut value = value.clone();
        value["apiVersion"] = if kind == "Service" { "v1".into() } else { "apps/v1".into() };
        value["kind"] = kind.into();
        value
    };
    match change {
        Change::Merge(patch) => drop(api.patch(NAME, &them, &Patch::Merge(patch)).await.unwrap()),
        Change::AsUs(patch) => drop(api.patch(NAME, &us, &Patch::Merge(patch)).await.unwrap()),
        Change::Strategic(patch) => {
            drop(api.patch(NAME, &them, &Patch::Strategic(patch)).await.unwrap())
        }
        Change::Apply(patch) => {
            drop(
                api.patch(
                    NAME,
                    &PatchParams::apply("tests").force(),
                    &Patch::Apply(identified(patch)),
                )
                .await
                .unwrap(),
            );
        }
        Change::Scale(replicas) => {
            let patch = Patch::Merge(json!({ "spec": { "replicas": replicas } }));
            drop(sandbox.api::<Deployment>().patch_scale(NAME, &them, &patch).await.unwrap());
        }
    }
}

/// Tampers with the other Echo's child of the same kind, and waits until that is undone: then all
/// that came before it in the same watch was acted upon. Gives what was counted.
async fn a_round_later(sandbox: &Sandbox, operator: &Operator, kind: &str) -> Metrics {
    let api = children(sandbox, kind);
    let patch = json!({ "metadata": { "labels": { "app.kubernetes.io/instance": null } } });
    api.patch(MARKER, &PatchParams::default(), &Patch::Merge(patch)).await.unwrap();
    eventually(SOON, "the marker is repaired", async || {
        let marker = api.get(MARKER).await.unwrap();
        if marker.labels().contains_key("app.kubernetes.io/instance") {
            Ok(())
        } else {
            Err(seen(&marker))
        }
    })
    .await;
    operator.idle().await
}

async fn two_echoes(about: &str) -> (Sandbox, Operator) {
    let sandbox = Sandbox::new(about).await;
    let operator = sandbox.operate().await;
    sandbox
        .create(
            &echo(NAME)
                .with_replicas(2)
                .with_text("hello")
                .with_resources(&[], &[("cpu", "1000m")]),
        )
        .await;
    sandbox.create(&echo(MARKER).with_replicas(0)).await;
    sandbox.ready::<Echo>(NAME).await;
    sandbox.ready::<Echo>(MARKER).await;
    (sandbox, operator)
}

/// Does what the row says; gives how long a repair took.
async fn play(sandbox: &Sandbox, operator: &Operator, row: &Row) -> Duration {
    let api = children(sandbox, row.kind);
    let (before, counted) = (read(&api, NAME).await, operator.idle().await);
    tamper(sandbox, &api, row.kind, &row.change).await;
    let start = Instant::now();
    if let Then::Repaired(paths) = &row.then {
        eventually(SOON, format!("{} ({}) is undone", row.about, row.kind), async || {
            let now = read(&api, NAME).await;
            let restored = paths.iter().all(|path| at(&now, path) == at(&before, path))
                && entry(&now) == entry(&before);
            if restored { Ok(()) } else { Err(seen(&now)) }
        })
        .await;
    }
    let took = start.elapsed();
    let after = a_round_later(sandbox, operator, row.kind).await;
    let wrote = after.requests("apply") - counted.requests("apply") - 1;
    let expected = match &row.then {
        Then::Repaired(_) => 1,
        Then::Stays(path, value) => {
            let now = read(&api, NAME).await;
            assert_eq!(
                at(&now, path),
                value,
                "{} ({}) was taken back:\n{}",
                row.about,
                row.kind,
                seen(&now)
            );
            0
        }
    };
    assert_eq!(wrote, expected, "requests because of: {} ({})", row.about, row.kind);
    let others = |metrics: &Metrics| {
        metrics.requests("create") + metrics.requests("delete") + metrics.requests("get")
    };
    assert_eq!(
        others(&after),
        others(&counted),
        "other requests because of: {} ({})",
        row.about,
        row.kind
    );
    took
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_ours_comes_back_within_a_second_and_with_one_request() {
    let (sandbox, operator) = two_echoes("drift").await;
    let mut took: Vec<(Duration, &str)> = Vec::new();
    for row in &changes_of_ours() {
        took.push((play(&sandbox, &operator, row).await, row.about));
    }
    took.sort();
    // One slow repair may be the machine's fault; half of them are not.
    assert!(took[took.len() / 2].0 < REPAIR, "{took:?}");
    sandbox.ready::<Echo>(NAME).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_others_add_beside_ours_stays_and_costs_no_request() {
    let (sandbox, operator) = two_echoes("beside").await;
    for row in &additions_of_others() {
        play(&sandbox, &operator, row).await;
    }
    // All of it survives a change of ours, too.
    sandbox.merge::<Echo>(NAME, json!({ "spec": { "text": "another" } })).await;
    sandbox.ready::<Echo>(NAME).await;
    for row in &additions_of_others() {
        let now = read(&children(&sandbox, row.kind), NAME).await;
        let Then::Stays(path, value) = &row.then else { continue };
        assert_eq!(
            at(&now, path),
            value,
            "{} ({}) was taken back by an edit of ours",
            row.about,
            row.kind
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_child_that_is_deleted_is_back_within_a_second() {
    let (sandbox, operator) = two_echoes("recreate").await;
    let mut took = Vec::new();
    for kind in ["Deployment", "Service", "Deployment", "Service", "Deployment"] {
        let api = children(&sandbox, kind);
        let (before, counted) = (api.get(NAME).await.unwrap(), operator.idle().await);
        api.delete(NAME, &kube::api::DeleteParams::background()).await.unwrap();
        let start = Instant::now();
        eventually(SOON, format!("the {kind} is there again"), async || {
            match api.get_opt(NAME).await.unwrap() {
                Some(now) if now.uid() != before.uid() => Ok(()),
                other => Err(seen(&other)),
            }
        })
        .await;
        took.push(start.elapsed());
        let after = a_round_later(&sandbox, &operator, kind).await;
        assert_eq!(
            after.requests("apply") - counted.requests("apply") - 1,
            1,
            "requests to make a {kind} again"
        );
    }
    took.sort();
    assert!(took[took.len() / 2] < REPAIR, "{took:?}");
    sandbox.ready::<Echo>(NAME).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_child_without_the_label_that_it_is_watched_by_gets_it_back() {
    let (sandbox, operator) = two_echoes("managed-by").await;
    for (kind, value) in [("Deployment", Value::Null), ("Service", json!("Helm"))] {
        let api = children(&sandbox, kind);
        let before = read(&api, NAME).await;
        let patch = json!({ "metadata": { "labels": { "app.kubernetes.io/managed-by": value } } });
        api.patch(NAME, &PatchParams::default(), &Patch::Merge(patch)).await.unwrap();
        let start = Instant::now();
        eventually(SOON, format!("the {kind} has all its labels"), async || {
            let now = read(&api, NAME).await;
            if now["metadata"]["labels"] == before["metadata"]["labels"] {
                Ok(())
            } else {
                Err(seen(&now))
            }
        })
        .await;
        assert!(start.elapsed() < 5 * REPAIR, "{:?}", start.elapsed());
        assert_eq!(
            read(&api, NAME).await["metadata"]["uid"],
            before["metadata"]["uid"],
            "it is the same {kind}"
        );
    }
    sandbox.ready::<Echo>(NAME).await;
    // And it is watched again.
    play(&sandbox, &operator, &changes_of_ours()[0]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn drift_while_the_operator_was_away_is_repaired_when_it_comes_back() {
    let (sandbox, operator) = two_echoes("away").await;
    operator.stop().await.unwrap();
    let (deployments, services) = (children(&sandbox, "Deployment"), children(&sandbox, "Service"));
    let before = (read(&deployments, NAME).await, read(&services, NAME).await);
    tamper(&sandbox, &deployments, "Deployment", &of_container(&json!({ "image": "nginx" }))).await;
    tamper(
        &sandbox,
        &deployments,
        "Deployment",
        &of_container(&json!({ "env": [{ "name": "E", "value": "2" }] })),
    )
    .await;
    tamper(
        &sandbox,
        &services,
        "Service",
        &Change::Merge(json!({ "spec": { "selector": { "a": "b" } } })),
    )
    .await;

    let operator = sandbox.operate().await;
    eventually(SOON, "all drift is repaired", async || {
        let (deployment, service) = (read(&deployments, NAME).await, read(&services, NAME).await);
        let image = format!("{POD}/containers/echo/image");
        let restored = at(&deployment, &image) == at(&before.0, &image)
            && service["spec"]["selector"] == before.1["spec"]["selector"];
        if restored { Ok(()) } else { Err(format!("{}\n{}", seen(&deployment), seen(&service))) }
    })
    .await;
    let env =
        at(&read(&deployments, NAME).await, &format!("{POD}/containers/echo/env/E/value")).clone();
    assert_eq!(env, "2", "what others added stays");
    let ready: Echo = sandbox.ready(NAME).await;
    assert!(condition(&ready, "Ready").holds());
    assert_eq!(
        operator.idle().await.requests("apply"),
        2,
        "one request for each of the two that had drifted"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_elses_hold_on_an_object_lasts_while_ours_is_repaired() {
    let (sandbox, _operator) = two_echoes("finalizer").await;
    // A finalizer of somebody else on a child: it is theirs, and the child is theirs to let go.
    sandbox
        .merge::<Service>(NAME, json!({ "metadata": { "finalizers": ["tests.example.com/hold"] } }))
        .await;
    sandbox.delete::<Service>(NAME).await;
    let waiting: Echo = sandbox.not_ready(NAME, "Terminating").await;
    assert!(
        condition(&waiting, "Ready").message.contains("Service web is being deleted"),
        "{}",
        seen(&waiting)
    );
    let held: Service = sandbox.get(NAME).await;
    assert_eq!(held.finalizers(), ["tests.example.com/hold"]);
    sandbox.merge::<Service>(NAME, json!({ "metadata": { "finalizers": null } })).await;
    sandbox.ready::<Echo>(NAME).await;
    let made: Service = sandbox.get(NAME).await;
    assert_ne!(made.uid(), held.uid());
}
