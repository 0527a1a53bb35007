//! Workers that meet a defect of the engine.
#![allow(clippy::unwrap_used)]

use kubewright_core::Registry;

use super::*;
use crate::testing::{self, Pages, known, resource, silent_api, web};
use crate::work::schedule::Priority;

#[tokio::test(start_paused = true)]
async fn a_panic_outside_of_a_run_is_counted_and_ends_no_worker() {
    let engine = testing::engine(&Registry::new("test").with(Pages), silent_api());
    let mut deleting = resource("Page", Some("ns"), 1);
    deleting["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z".into();
    known(&engine, &deleting);
    let workers = start(&engine, 4);
    // No controller has this number, so also the report of the panic panics.
    for _ in 0..20 {
        engine.queue.add(WorkKey { controller: 99, ..web() }, Priority::Change);
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    engine.queue.add(web(), Priority::Change);
    tokio::time::sleep(Duration::from_secs(5)).await;
    let metrics = engine.scrape();
    assert!(metrics.contains("kubewright_reconciles_total{controller=\"pages\"} 1"), "{metrics}");
    assert!(metrics.contains("kubewright_worker_panics_total 20"), "{metrics}");
    assert_eq!(engine.queue.running(), 0, "the key of a panic does not count as running");
    engine.queue.close();
    join(workers).await;
}

#[tokio::test]
async fn the_end_waits_for_workers_that_panicked() {
    let mut workers = JoinSet::new();
    workers.spawn(async { panic!("a defect") });
    workers.spawn(async {});
    join(workers).await;
}
