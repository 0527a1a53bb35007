//! A slice of the experiments: few previews and short times, on the shared control plane. The
//! others change CRDs, so only `cargo run --package tests --bin experiments` has them.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::time::Duration;

use tests::cluster::Cluster;
use tests::experiments::{BOUND, Plan, Row, experiments, run};

async fn run_small(name: &str, seconds: [u64; 2]) -> Row {
    let mut all = experiments().into_iter();
    let experiment = all.find(|experiment| experiment.name == name).unwrap();
    let after = seconds.map(Duration::from_secs).to_vec();
    let plan = Plan { previews: 6, after, patience: Duration::from_mins(2) };
    run(Cluster::shared(), &experiment, &plan).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_namespace_that_enforces_restricted_takes_nothing_down() {
    let row = run_small("restricted", [2, 5]).await;
    assert_eq!((row.up, row.lost()), (6, 0), "{row:?}");
    assert!(row.back.contains("all up after"), "{row:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_misspelled_domain_takes_a_few_down_and_can_be_taken_back() {
    let row = run_small("domains", [1, 5]).await;
    assert!(row.up == 6 && row.lost() <= BOUND, "{row:?}");
    assert!(row.back.contains("all up after"), "{row:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn many_that_expire_do_not_delay_one_in_another_namespace() {
    let row = run_small("expiry", [5, 14]).await;
    let [early, late] = &row.counts[..] else { panic!("{row:?}") };
    assert!(row.up == 6 && early.down >= 1 && late.down >= 1, "{row:?}");
    assert!(row.back.starts_with("the last one is deleted"), "{row:?}");
}
