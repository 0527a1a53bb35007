//! The queue of the engine: `cargo bench -p kubewright-runtime`.

#![allow(missing_docs, clippy::expect_used)] // a bench may panic

use std::time::Duration;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use key::WorkKey;
use kubewright_core::ObjectKey;
use work::queue::Queue;
use work::schedule::Priority;

// The queue is private to the engine, so the bench compiles its files.
#[allow(dead_code, unused_imports, unreachable_pub, clippy::pedantic)]
#[path = "../src/agenda.rs"]
mod agenda;
#[allow(dead_code, unused_imports, unreachable_pub, clippy::pedantic)]
#[path = "../src/key.rs"]
mod key;
#[allow(dead_code, unused_imports, unreachable_pub, clippy::pedantic)]
#[path = "../src/memory.rs"]
mod memory;
#[allow(dead_code, unused_imports, unreachable_pub, clippy::pedantic)]
#[path = "../src/work"]
mod work {
    mod lanes;
    pub(crate) mod queue;
    pub(crate) mod schedule;
}

/// Keys in the queue, in ten namespaces of two controllers.
const KEYS: usize = 10_000;

fn keys() -> Vec<WorkKey> {
    let key = |n: usize| WorkKey {
        controller: n % 2,
        key: ObjectKey::new(format!("ns-{}", n % 10), format!("web-{n}")),
    };
    (0..KEYS).map(key).collect()
}

fn queueing(c: &mut Criterion) {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let keys = keys();
    c.bench_function("queue: 10,000 keys in, out and done", |b| {
        b.iter_batched(
            || keys.clone(),
            |keys| {
                let queue = Queue::default();
                for key in keys {
                    queue.add(key, Priority::Sweep);
                }
                runtime.block_on(async {
                    for _ in 0..KEYS {
                        let item = queue.next().await.expect("the queue is open");
                        queue.done(&item.key);
                    }
                });
            },
            BatchSize::LargeInput,
        );
    });
}

criterion_group! {
    name = parts;
    config = Criterion::default()
        .warm_up_time(Duration::from_secs(1))
        .measurement_time(Duration::from_secs(3));
    targets = queueing
}
criterion_main!(parts);
