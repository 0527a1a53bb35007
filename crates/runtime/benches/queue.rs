//! The queue of the engine: `cargo bench -p kubewright-runtime`.

#![allow(missing_docs, clippy::expect_used)] // what a bench cannot set up, it cannot measure

use std::time::Duration;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use kubewright_core::ObjectKey;
use queue::{Priority, Queue, WorkKey};

// The engine shows nobody its queue.
#[allow(dead_code, unused_imports, unreachable_pub, clippy::pedantic)]
#[path = "../src/queue/mod.rs"]
mod queue;

/// Keys in the queue, over ten namespaces of two controllers.
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
                        let given = queue.next().await.expect("it is not closed");
                        queue.done(&given.key);
                    }
                });
            },
            BatchSize::LargeInput,
        );
    });
}

criterion_group! {
    name = parts;
    config = Criterion::default().warm_up_time(Duration::from_secs(1)).measurement_time(Duration::from_secs(3));
    targets = queueing
}
criterion_main!(parts);
