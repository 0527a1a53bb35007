//! Changes of an Echo's children by others, on a real control plane: the operator repairs its own
//! fields within a second and with one request, and keeps fields that others added. The cases cover
//! what server-side apply removes from the operator's entry in `managedFields`.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::time::{Duration, Instant};

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Service;
use kube::ResourceExt;
use kube::api::{Api, DynamicObject, Patch, PatchParams};
use kube::core::{ApiResource, GroupVersionKind};
use operator_api::echo::Echo;
use serde_json::{Value, json};
use tests::cluster::{Metrics, Operator, SOON, Sandbox, condition, describe, eventually};
use tests::fixtures::{EchoFixture, ExampleEchoFixture, echo};

/// The Echo whose children others change.
const NAME: &str = "web";
/// Another Echo: its repair shows that the operator has seen every earlier event.
const MARKER: &str = "marker";
/// Maximum time of a repair.
const REPAIR: Duration = Duration::from_secs(1);
const POD: &str = "/spec/template/spec";

/// A change by another client.
enum Change {
    Merge(Value),
    Strategic(Value),
    Scale(i32),
    /// Server-side apply by another field manager, by force.
    Apply(Value),
    /// An update under the operator's own name.
    AsOperator(Value),
}

/// The expected result of a change.
enum Then {
    /// The values at these paths are restored.
    Repaired(&'static [&'static str]),
    /// The value at this path stays as changed, and the operator writes nothing.
    Stays(String, Value),
}

struct Case {
    about: &'static str,
    kind: &'static str,
    change: Change,
    then: Then,
}

fn case(kind: &'static str, about: &'static str, change: Change, then: Then) -> Case {
    Case { about, kind, change, then }
}

fn deployment(about: &'static str, change: Change, then: Then) -> Case {
    case("Deployment", about, change, then)
}

fn service(about: &'static str, change: Change, then: Then) -> Case {
    case("Service", about, change, then)
}

/// A strategic merge patch of the operator's container.
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

/// Changes of the operator's own fields in the container.
fn changes_of_the_container() -> Vec<Case> {
    use Change::Merge;
    use Then::Repaired;
    vec![
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
            "the container replaced by another",
            // A merge patch replaces lists.
            Merge(json!({
                "spec": {
                    "template": {
                        "spec": { "containers": [{ "name": "other", "image": "nginx" }] },
                    },
                },
            })),
            Repaired(&["/spec/template/spec/containers/echo"]),
        ),
    ]
}

/// Changes and removals of the operator's own fields.
fn changes_of_own_fields() -> Vec<Case> {
    use Change::{Apply, AsOperator, Merge, Scale, Strategic};
    use Then::Repaired;
    let replica = |replicas: i32| json!({ "spec": { "replicas": replicas } });
    let mut cases = vec![
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
    ];
    cases.extend(changes_of_the_container());
    cases.extend([
        deployment(
            "a label removed",
            Merge(json!({ "metadata": { "labels": { "app.kubernetes.io/name": null } } })),
            Repaired(&["/metadata/labels"]),
        ),
        deployment(
            "a label changed",
            Merge(json!({ "metadata": { "labels": { "app.kubernetes.io/instance": "other" } } })),
            Repaired(&["/metadata/labels"]),
        ),
        deployment(
            "the desired hash removed",
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
        deployment(
            "updated under the operator's own name",
            AsOperator(replica(7)),
            Repaired(&["/spec/replicas"]),
        ),
        deployment(
            "applied by force by another manager",
            Apply(replica(6)),
            Repaired(&["/spec/replicas"]),
        ),
    ]);
    cases
}

/// Additions by others, and changes without effect.
fn additions_of_others() -> Vec<Case> {
    use Change::{Apply, Merge, Strategic};
    let port = json!({ "name": "more", "port": 81, "protocol": "TCP", "targetPort": 81 });
    let variable = |name: &str| json!({ "name": name, "value": "2" });
    let template = json!({ "annotations": { "kubectl.kubernetes.io/restartedAt": "now" } });
    vec![
        service(
            "a port added",
            Strategic(json!({ "spec": { "ports": [port] } })),
            stays("/spec/ports/more", port),
        ),
        service(
            "an annotation added",
            Merge(json!({ "metadata": { "annotations": { "other": "x" } } })),
            stays("/metadata/annotations/other", json!("x")),
        ),
        deployment(
            "an environment variable added",
            of_container(&json!({ "env": [variable("E")] })),
            stays(&format!("{POD}/containers/echo/env/E"), variable("E")),
        ),
        deployment(
            "a sidecar container added",
            of_pod(&json!({ "containers": [{ "name": "sidecar", "image": "nginx" }] })),
            stays(&format!("{POD}/containers/sidecar/image"), json!("nginx")),
        ),
        deployment(
            "an annotation added",
            Merge(json!({ "metadata": { "annotations": { "other": "x" } } })),
            stays("/metadata/annotations/other", json!("x")),
        ),
        deployment(
            "a label added",
            Merge(json!({ "metadata": { "labels": { "other": "x" } } })),
            stays("/metadata/labels/other", json!("x")),
        ),
        deployment(
            "a node selector added",
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
            "the same quantity in another notation",
            of_container(&json!({ "resources": { "limits": { "cpu": "1" } } })),
            stays(&format!("{POD}/containers/echo/resources/limits/cpu"), json!("1")),
        ),
        deployment(
            "the same value applied by another manager",
            Apply(json!({ "spec": { "replicas": 2 } })),
            stays("/spec/replicas", json!(2)),
        ),
    ]
}

/// Like a JSON pointer, but with names for the items of a list.
fn at<'a>(object: &'a Value, path: &str) -> &'a Value {
    let step = |value: &'a Value, name: &str| match value {
        Value::Array(items) => {
            items.iter().find(|item| item["name"] == name).unwrap_or(&Value::Null)
        }
        other => &other[name.replace("~1", "/")],
    };
    path.split('/').skip(1).fold(object, step)
}

/// The operator's entry in `managedFields`: the paths that it owns.
fn entry(object: &Value) -> &Value {
    let mut entries = object["metadata"]["managedFields"].as_array().into_iter().flatten();
    let own = entries.find(|e| {
        e["manager"] == operator::NAME && e["operation"] == "Apply" && e["subresource"].is_null()
    });
    own.map_or(&Value::Null, |entry| &entry["fieldsV1"])
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

async fn change_child(sandbox: &Sandbox, api: &Api<DynamicObject>, kind: &str, change: &Change) {
    let other = PatchParams { field_manager: Some("tests".into()), ..PatchParams::default() };
    let own = PatchParams { field_manager: Some(operator::NAME.into()), ..PatchParams::default() };
    let identified = |value: &Value| {
        let mut value = value.clone();
        value["apiVersion"] = if kind == "Service" { "v1".into() } else { "apps/v1".into() };
        value["kind"] = kind.into();
        value
    };
    match change {
        Change::Merge(patch) => drop(api.patch(NAME, &other, &Patch::Merge(patch)).await.unwrap()),
        Change::AsOperator(patch) => {
            drop(api.patch(NAME, &own, &Patch::Merge(patch)).await.unwrap());
        }
        Change::Strategic(patch) => {
            drop(api.patch(NAME, &other, &Patch::Strategic(patch)).await.unwrap());
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
            drop(sandbox.api::<Deployment>().patch_scale(NAME, &other, &patch).await.unwrap());
        }
    }
}

/// Changes the marker's child of the same kind and waits until the operator repairs it. The
/// operator has then handled all earlier events of the same watch. Returns the metrics.
async fn until_events_are_handled(sandbox: &Sandbox, operator: &Operator, kind: &str) -> Metrics {
    let api = children(sandbox, kind);
    let patch = json!({ "metadata": { "labels": { "app.kubernetes.io/instance": null } } });
    api.patch(MARKER, &PatchParams::default(), &Patch::Merge(patch)).await.unwrap();
    eventually(SOON, "the marker is repaired", async || {
        let marker = api.get(MARKER).await.unwrap();
        if marker.labels().contains_key("app.kubernetes.io/instance") {
            Ok(())
        } else {
            Err(describe(&marker))
        }
    })
    .await;
    operator.until_idle().await
}

async fn two_echoes(about: &str) -> (Sandbox, Operator) {
    let sandbox = Sandbox::new(about).await;
    let operator = sandbox.start_operator().await;
    sandbox
        .create(
            &echo(NAME)
                .with_replicas(2)
                .with_text("hello")
                .with_resources(&[], &[("cpu", "1000m")]),
        )
        .await;
    sandbox.create(&echo(MARKER).with_replicas(0)).await;
    sandbox.until_ready::<Echo>(NAME).await;
    sandbox.until_ready::<Echo>(MARKER).await;
    (sandbox, operator)
}

/// Runs a case; returns the time until the repair.
async fn run(sandbox: &Sandbox, operator: &Operator, case: &Case) -> Duration {
    let api = children(sandbox, case.kind);
    let (before, counted) = (read(&api, NAME).await, operator.until_idle().await);
    change_child(sandbox, &api, case.kind, &case.change).await;
    let start = Instant::now();
    if let Then::Repaired(paths) = &case.then {
        eventually(
            SOON,
            format!("the change is repaired: {} ({})", case.about, case.kind),
            async || {
                let now = read(&api, NAME).await;
                let restored = paths.iter().all(|path| at(&now, path) == at(&before, path))
                    && entry(&now) == entry(&before);
                if restored { Ok(()) } else { Err(describe(&now)) }
            },
        )
        .await;
    }
    let duration = start.elapsed();
    let after = until_events_are_handled(sandbox, operator, case.kind).await;
    let wrote = after.requests("apply") - counted.requests("apply") - 1;
    let expected = match &case.then {
        Then::Repaired(_) => 1,
        Then::Stays(path, value) => {
            let now = read(&api, NAME).await;
            assert_eq!(
                at(&now, path),
                value,
                "the operator reverted: {} ({}):\n{}",
                case.about,
                case.kind,
                describe(&now)
            );
            0
        }
    };
    assert_eq!(wrote, expected, "apply requests for: {} ({})", case.about, case.kind);
    let others = |metrics: &Metrics| {
        metrics.requests("create") + metrics.requests("delete") + metrics.requests("get")
    };
    assert_eq!(
        others(&after),
        others(&counted),
        "other requests for: {} ({})",
        case.about,
        case.kind
    );
    duration
}

#[tokio::test(flavor = "multi_thread")]
async fn the_operator_repairs_its_fields_within_a_second_and_with_one_request() {
    let (sandbox, operator) = two_echoes("drift").await;
    let mut durations: Vec<(Duration, &str)> = Vec::new();
    for case in &changes_of_own_fields() {
        durations.push((run(&sandbox, &operator, case).await, case.about));
    }
    durations.sort();
    // The median: a few slow repairs may be due to a loaded machine.
    assert!(durations[durations.len() / 2].0 < REPAIR, "{durations:?}");
    sandbox.until_ready::<Echo>(NAME).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fields_that_others_add_stay_and_cost_no_request() {
    let (sandbox, operator) = two_echoes("beside").await;
    for case in &additions_of_others() {
        run(&sandbox, &operator, case).await;
    }
    // The additions also survive an edit of the Echo.
    sandbox.merge::<Echo>(NAME, json!({ "spec": { "text": "another" } })).await;
    sandbox.until_ready::<Echo>(NAME).await;
    for case in &additions_of_others() {
        let now = read(&children(&sandbox, case.kind), NAME).await;
        let Then::Stays(path, value) = &case.then else { continue };
        assert_eq!(
            at(&now, path),
            value,
            "an edit of the Echo reverted: {} ({})",
            case.about,
            case.kind
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_child_is_created_again_within_a_second() {
    let (sandbox, operator) = two_echoes("recreate").await;
    let mut durations = Vec::new();
    for kind in ["Deployment", "Service", "Deployment", "Service", "Deployment"] {
        let api = children(&sandbox, kind);
        let (before, counted) = (api.get(NAME).await.unwrap(), operator.until_idle().await);
        api.delete(NAME, &kube::api::DeleteParams::background()).await.unwrap();
        let start = Instant::now();
        eventually(SOON, format!("the {kind} exists again"), async || {
            match api.get_opt(NAME).await.unwrap() {
                Some(now) if now.uid() != before.uid() => Ok(()),
                other => Err(describe(&other)),
            }
        })
        .await;
        durations.push(start.elapsed());
        let after = until_events_are_handled(&sandbox, &operator, kind).await;
        assert_eq!(
            after.requests("apply") - counted.requests("apply") - 1,
            1,
            "requests to create a {kind} again"
        );
    }
    durations.sort();
    assert!(durations[durations.len() / 2] < REPAIR, "{durations:?}");
    sandbox.until_ready::<Echo>(NAME).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_child_that_lost_the_label_of_the_watch_gets_the_label_back() {
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
                Err(describe(&now))
            }
        })
        .await;
        assert!(start.elapsed() < 5 * REPAIR, "{:?}", start.elapsed());
        assert_eq!(
            read(&api, NAME).await["metadata"]["uid"],
            before["metadata"]["uid"],
            "the {kind} was created again"
        );
    }
    sandbox.until_ready::<Echo>(NAME).await;
    // The operator watches the child again.
    run(&sandbox, &operator, &changes_of_own_fields()[0]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn drift_during_an_outage_is_repaired_at_the_start() {
    let (sandbox, operator) = two_echoes("away").await;
    operator.stop().await.unwrap();
    let (deployments, services) = (children(&sandbox, "Deployment"), children(&sandbox, "Service"));
    let before = (read(&deployments, NAME).await, read(&services, NAME).await);
    change_child(&sandbox, &deployments, "Deployment", &of_container(&json!({ "image": "nginx" })))
        .await;
    change_child(
        &sandbox,
        &deployments,
        "Deployment",
        &of_container(&json!({ "env": [{ "name": "E", "value": "2" }] })),
    )
    .await;
    change_child(
        &sandbox,
        &services,
        "Service",
        &Change::Merge(json!({ "spec": { "selector": { "a": "b" } } })),
    )
    .await;

    let operator = sandbox.start_operator().await;
    eventually(SOON, "all drift is repaired", async || {
        let (deployment, service) = (read(&deployments, NAME).await, read(&services, NAME).await);
        let image = format!("{POD}/containers/echo/image");
        let restored = at(&deployment, &image) == at(&before.0, &image)
            && service["spec"]["selector"] == before.1["spec"]["selector"];
        if restored {
            Ok(())
        } else {
            Err(format!("{}\n{}", describe(&deployment), describe(&service)))
        }
    })
    .await;
    let env =
        at(&read(&deployments, NAME).await, &format!("{POD}/containers/echo/env/E/value")).clone();
    assert_eq!(env, "2", "an addition stays");
    let ready: Echo = sandbox.until_ready(NAME).await;
    assert!(condition(&ready, "Ready").is_true());
    assert_eq!(
        operator.until_idle().await.requests("apply"),
        2,
        "one request for each of two changed objects"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_foreign_finalizer_on_a_deleted_child_is_kept_until_its_owner_removes_it() {
    let (sandbox, _operator) = two_echoes("finalizer").await;
    // Only the owner of a finalizer may remove it.
    sandbox
        .merge::<Service>(NAME, json!({ "metadata": { "finalizers": ["tests.example.com/hold"] } }))
        .await;
    sandbox.delete::<Service>(NAME).await;
    let waiting: Echo = sandbox.until_not_ready(NAME, "Terminating").await;
    assert!(
        condition(&waiting, "Ready").message.contains("an older Service web is being deleted"),
        "{}",
        describe(&waiting)
    );
    let held: Service = sandbox.get(NAME).await;
    assert_eq!(held.finalizers(), ["tests.example.com/hold"]);
    sandbox.merge::<Service>(NAME, json!({ "metadata": { "finalizers": null } })).await;
    sandbox.until_ready::<Echo>(NAME).await;
    let created: Service = sandbox.get(NAME).await;
    assert_ne!(created.uid(), held.uid());
}
