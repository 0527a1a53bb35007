//! The connection against an API server that is a function.

use std::sync::atomic::{AtomicUsize, Ordering};

use futures::future::join_all;
use kubewright_core::KindInfo;
use kubewright_core::kind::Kinds as _;

use super::*;
use crate::testing;

fn kind() -> KindInfo {
    <(k8s_openapi::api::core::v1::ConfigMap,)>::owned().remove(0).info
}

#[tokio::test(start_paused = true)]
async fn no_more_requests_are_on_their_way_at_once_than_there_are_places_and_none_is_lost() {
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (counted, seen) = (Arc::clone(&now), Arc::clone(&most));
    let api = testing::api("test", move |_| {
        let (now, most) = (Arc::clone(&counted), Arc::clone(&seen));
        async move {
            most.fetch_max(now.fetch_add(1, Ordering::Relaxed) + 1, Ordering::Relaxed);
            tokio::time::sleep(Duration::from_secs(1)).await;
            now.fetch_sub(1, Ordering::Relaxed);
            testing::answer(200, &json!({}))
        }
    });
    let (kind, key) = (kind(), ObjectKey::new("ns", "a"));
    let answers = join_all((0..10 * MAX_REQUESTS).map(|_| api.get(&kind, &key, Form::Full))).await;
    assert!(answers.iter().all(Result::is_ok));
    assert_eq!(most.load(Ordering::Relaxed), MAX_REQUESTS);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_never_answers_is_given_up_in_time_and_its_places_are_free_again() {
    let api = testing::api("test", |_| std::future::pending());
    let (kind, key) = (kind(), ObjectKey::new("ns", "a"));
    let started = tokio::time::Instant::now();
    for _ in 0..2 {
        let answers = join_all((0..MAX_REQUESTS).map(|_| api.get(&kind, &key, Form::Full))).await;
        assert!(answers.iter().all(|answer| matches!(answer, Err(ApiError::Timeout(65)))));
    }
    assert_eq!(started.elapsed(), 2 * REQUEST_TIMEOUT);
}

#[tokio::test(start_paused = true)]
async fn a_watch_that_never_opens_is_given_up() {
    let api = testing::api("test", |_| std::future::pending());
    let started = tokio::time::Instant::now();
    let opened = api.watch("/api/v1/configmaps", Form::Full, &Query::default()).await;
    assert!(matches!(opened.err(), Some(ApiError::Timeout(30))));
    assert_eq!(started.elapsed(), OPEN_TIMEOUT);
}
