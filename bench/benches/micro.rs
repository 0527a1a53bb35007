//! The parts of one run, each alone: build, plan, the ownership check, decoding. `cargo bench -p
//! kubewright-bench`. The queue has a bench of its own: `cargo bench -p kubewright-runtime`.
//!
//! What is measured is an Echo with a Deployment and a Service. `deployment.json` is that
//! Deployment as an API server served it: applied by this operator, ready, with the status of its
//! controller and all managedFields.

#![allow(missing_docs, clippy::expect_used)] // what a bench cannot set up, it cannot measure

use std::hint::black_box;
use std::time::Duration;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use kubewright::KindInfo;
use kubewright::Registry;
use kubewright::core::desired::Desired;
use kubewright::core::observed::{Covered, Entry, ObservedChild, decode};
use kubewright::core::ownership::covers;
use kubewright::core::plan::{Existing, Step, plan};
use kubewright::core::registry::Controller;
use kubewright::core::view::Fixed;

const DEPLOYMENT: &str = include_str!("deployment.json");
/// The owner that `deployment.json` names.
const OWNER: &str = "00000000-0000-0000-7822-2b3e56230169";

fn registry() -> Registry {
    operator::registry()
}

fn echo_controller(registry: &Registry) -> &dyn Controller {
    &**registry
        .controller_of("example.com/v1", "Echo")
        .expect("the Echo operator is part of the registry")
}

fn echo_json() -> String {
    let conditions: Vec<_> = [
        ("Ready", "True", "2/2 replicas ready"),
        ("Reconciling", "False", ""),
        ("Stalled", "False", ""),
    ]
    .map(|(type_, status, message)| {
        serde_json::json!({ "type": type_, "status": status, "reason": "Ready", "message": message,
                "observedGeneration": 1, "lastTransitionTime": "2026-01-01T00:00:00Z" })
    })
    .into();
    let status = serde_json::json!({ "replicas": 2, "readyReplicas": 2, "updatedReplicas": 2, "availableReplicas": 2, "ready": "2/2",
        "selector": "app.kubernetes.io/instance=web,app.kubernetes.io/name=echo", "observedGeneration": 1, "conditions": conditions });
    let metadata = serde_json::json!({ "name": "web", "namespace": "default", "uid": OWNER, "resourceVersion": "42", "generation": 1,
        "creationTimestamp": "2026-01-01T00:00:00Z" });
    let spec = serde_json::json!({ "replicas": 2, "text": "hello" });
    let object = serde_json::json!({ "apiVersion": "example.com/v1", "kind": "Echo", "metadata": metadata, "spec": spec, "status": status });
    object.to_string()
}

fn desired(registry: &Registry) -> Vec<Desired> {
    let controller = echo_controller(registry);
    let echo = controller.decode(echo_json().as_bytes()).expect("an Echo");
    let built = controller.build(registry.name(), &*echo, &Fixed::empty()).expect("no defect");
    built.children.expect("a valid Echo")
}

fn observed(registry: &Registry) -> ObservedChild {
    decode(DEPLOYMENT.as_bytes(), registry.name()).expect("a Deployment")
}

/// The steps for the Deployment alone.
fn steps(want: &[Desired], have: &ObservedChild) -> Vec<Step> {
    let kind: &KindInfo = &want[0].kind;
    plan(OWNER, want, &[Existing { kind, child: have }], |_| true)
}

fn building(c: &mut Criterion) {
    let registry = registry();
    let controller = echo_controller(&registry);
    let json = echo_json();
    let echo = controller.decode(json.as_bytes()).expect("an Echo");
    c.bench_function("build: an Echo's two children", |b| {
        b.iter(|| controller.build(registry.name(), black_box(&*echo), &Fixed::empty()));
    });
    c.bench_function("complete: a Deployment that is to be written", |b| {
        b.iter_batched(
            || desired(&registry).remove(0),
            |want| serde_json::to_string(&want.tree()),
            BatchSize::SmallInput,
        );
    });
}

fn planning(c: &mut Criterion) {
    let registry = registry();
    let want = &desired(&registry)[..1];
    let first_seen = observed(&registry);
    assert_eq!(
        steps(want, &first_seen),
        [Step::Keep { index: 0, learned: true }],
        "deployment.json is not what is built"
    );
    let mut known = first_seen.clone();
    known.entry = known.entry.verified(Covered::by(&want[0]));
    assert_eq!(steps(want, &known), [Step::Keep { index: 0, learned: false }]);
    c.bench_function("plan: a Deployment that is known to be in sync", |b| {
        b.iter(|| steps(want, black_box(&known)))
    });
    c.bench_function("plan: a Deployment that is seen first", |b| {
        b.iter(|| steps(want, black_box(&first_seen)))
    });
    let Entry::Unverified { fields, .. } = &first_seen.entry else {
        panic!("it was verified above")
    };
    let fields = serde_json::from_str(fields.get()).expect("fieldsV1");
    let tree = want[0].tree();
    assert_eq!(covers(&fields, &tree), Ok(()));
    c.bench_function("ownership: all paths of a Deployment", |b| {
        b.iter(|| covers(black_box(&fields), &tree))
    });
}

fn decoding(c: &mut Criterion) {
    let registry = registry();
    let controller = echo_controller(&registry);
    let json = echo_json();
    c.bench_function("decode: an Echo, typed", |b| {
        b.iter(|| controller.decode(black_box(json.as_bytes())))
    });
    c.bench_function("decode: a Deployment, as far as needed", |b| b.iter(|| observed(&registry)));
    c.bench_function("decode: a Deployment as a tree, for comparison", |b| {
        b.iter(|| serde_json::from_str::<serde_json::Value>(black_box(DEPLOYMENT)));
    });
    c.bench_function("decode: a Deployment, typed, for comparison", |b| {
        b.iter(|| {
            serde_json::from_str::<k8s_openapi::api::apps::v1::Deployment>(black_box(DEPLOYMENT))
        });
    });
}

criterion_group! {
    name = parts;
    config = Criterion::default().warm_up_time(Duration::from_secs(1)).measurement_time(Duration::from_secs(3));
    targets = building, planning, decoding
}
criterion_main!(parts);
