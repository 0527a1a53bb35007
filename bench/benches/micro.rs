//! The parts of one run, each alone: build, plan, the ownership check, decoding. Run it with
//! `cargo bench -p kubewright-bench`. The queue has a bench of its own in `kubewright-runtime`.
//!
//! The objects are an Echo with its Deployment and its Service. `deployment.json` is that
//! Deployment as an API server returned it: applied by this operator, ready, with all
//! `managedFields`.

#![allow(missing_docs, clippy::expect_used)] // a missing fixture must end the bench

use std::hint::black_box;
use std::time::Duration;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use kubewright::controller::Controller;
use kubewright::observed::{ApplyEntry, Hashes, ObservedChild, decode};
use kubewright::{FakeCluster, KindInfo, Registry};
use kubewright_core::internals::desired::Desired;
use kubewright_core::internals::managed_fields::covers;
use kubewright_core::internals::plan::{Existing, Step, plan};
use serde_json::{Value, json};

const DEPLOYMENT: &str = include_str!("deployment.json");
/// The owner in `deployment.json`.
const OWNER: &str = "00000000-0000-0000-7822-2b3e56230169";

fn echo_controller(registry: &Registry) -> &dyn Controller {
    &**registry.controller_of("example.com/v1", "Echo").expect("the registry has an Echo operator")
}

fn echo_json() -> String {
    let conditions = [
        ("Ready", "True", "2/2 replicas ready"),
        ("Reconciling", "False", ""),
        ("Stalled", "False", ""),
    ]
    .map(|(type_, status, message)| {
        json!({
            "type": type_, "status": status, "reason": "Ready", "message": message,
            "observedGeneration": 1, "lastTransitionTime": "2026-01-01T00:00:00Z",
        })
    });
    let echo = json!({
        "apiVersion": "example.com/v1",
        "kind": "Echo",
        "metadata": {
            "name": "web", "namespace": "default", "uid": OWNER, "resourceVersion": "42",
            "generation": 1, "creationTimestamp": "2026-01-01T00:00:00Z",
        },
        "spec": { "replicas": 2, "text": "hello" },
        "status": {
            "replicas": 2, "readyReplicas": 2, "updatedReplicas": 2, "availableReplicas": 2,
            "ready": "2/2", "observedGeneration": 1, "conditions": conditions,
            "selector": "app.kubernetes.io/instance=web,app.kubernetes.io/name=echo",
        },
    });
    echo.to_string()
}

fn desired(registry: &Registry) -> Vec<Desired> {
    let controller = echo_controller(registry);
    let echo = controller.decode(echo_json().as_bytes()).expect("an Echo");
    let built = controller.build(registry.name().into(), &*echo, &FakeCluster::empty());
    built.expect("no defect").children.expect("a valid Echo")
}

fn observed(registry: &Registry) -> ObservedChild {
    decode(DEPLOYMENT.as_bytes(), registry.name()).expect("a Deployment")
}

/// The steps for the Deployment alone.
fn steps(want: &[Desired], have: &ObservedChild) -> Vec<Step> {
    let kind: &KindInfo = &want[0].kind;
    plan(OWNER, want, &[Existing { kind, child: have }], |_| true).steps
}

fn building(c: &mut Criterion) {
    let registry = operator::registry();
    let controller = echo_controller(&registry);
    let echo = controller.decode(echo_json().as_bytes()).expect("an Echo");
    let cluster = FakeCluster::empty();
    c.bench_function("build: the two children of an Echo", |b| {
        b.iter(|| controller.build(registry.name().into(), black_box(&*echo), &cluster));
    });
    c.bench_function("complete: a Deployment before a write", |b| {
        b.iter_batched(
            || desired(&registry).remove(0),
            |want| serde_json::to_string(&want.tree()),
            BatchSize::SmallInput,
        );
    });
}

fn planning(c: &mut Criterion) {
    let registry = operator::registry();
    let want = &desired(&registry)[..1];
    let first_seen = observed(&registry);
    let kept = [Step::Keep { verified: true }];
    assert_eq!(steps(want, &first_seen), kept, "deployment.json is not what is built");
    let mut known = first_seen.clone();
    known.entry = known.entry.verified(Hashes::of(&want[0]));
    assert_eq!(steps(want, &known), [Step::Keep { verified: false }]);
    c.bench_function("plan: a Deployment that is known to be in sync", |b| {
        b.iter(|| steps(want, black_box(&known)));
    });
    c.bench_function("plan: a Deployment at first sight", |b| {
        b.iter(|| steps(want, black_box(&first_seen)));
    });
    let ApplyEntry::Unverified { fields, .. } = &first_seen.entry else {
        panic!("a decoded entry is not verified yet")
    };
    let fields = serde_json::from_str(fields.get()).expect("fieldsV1");
    let tree = want[0].tree();
    assert_eq!(covers(&fields, &tree), Ok(()));
    c.bench_function("ownership: all paths of a Deployment", |b| {
        b.iter(|| covers(black_box(&fields), &tree));
    });
}

fn decoding(c: &mut Criterion) {
    let registry = operator::registry();
    let controller = echo_controller(&registry);
    let json = echo_json();
    c.bench_function("decode: an Echo, typed", |b| {
        b.iter(|| controller.decode(black_box(json.as_bytes())));
    });
    c.bench_function("decode: a Deployment, as far as needed", |b| b.iter(|| observed(&registry)));
    c.bench_function("decode: a Deployment as a tree, for comparison", |b| {
        b.iter(|| serde_json::from_str::<Value>(black_box(DEPLOYMENT)));
    });
    c.bench_function("decode: a Deployment, typed, for comparison", |b| {
        b.iter(|| {
            serde_json::from_str::<k8s_openapi::api::apps::v1::Deployment>(black_box(DEPLOYMENT))
        });
    });
}

criterion_group! {
    name = parts;
    config = Criterion::default()
        .warm_up_time(Duration::from_secs(1))
        .measurement_time(Duration::from_secs(3));
    targets = building, planning, decoding
}
criterion_main!(parts);
