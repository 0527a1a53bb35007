//! Requests to an API server that is a function.
#![allow(clippy::unwrap_used, clippy::expect_used)]

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
async fn the_number_of_concurrent_requests_is_limited_and_none_is_lost() {
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
    let (kind, keys) = (kind(), ["a", "b", "c"].map(|namespace| ObjectKey::new(namespace, "a")));
    let answers = join_all((0..10 * MAX_REQUESTS).map(|n| api.get(&kind, &keys[n % 3]))).await;
    assert!(answers.iter().all(Result::is_ok));
    assert_eq!(most.load(Ordering::Relaxed), MAX_REQUESTS);
}

#[tokio::test(start_paused = true)]
async fn slow_requests_in_one_namespace_delay_no_request_in_another() {
    let api = testing::api("test", |request| async move {
        if request.uri().path().contains("/slow/") {
            tokio::time::sleep(Duration::from_secs(9)).await;
        }
        testing::answer(200, &json!({}))
    });
    let (kind, slow, quick) = (kind(), ObjectKey::new("slow", "a"), ObjectKey::new("quick", "a"));
    let all_slow = join_all((0..10 * MAX_REQUESTS).map(|_| api.get(&kind, &slow)));
    let all_slow = std::pin::pin!(all_slow);
    tokio::select! {
        biased;
        _ = all_slow => panic!("the slow requests were not slow"),
        () = tokio::time::sleep(Duration::from_secs(1)) => {}
    }
    let answer = tokio::time::timeout(Duration::from_secs(1), api.get(&kind, &quick)).await;
    answer.expect("the other namespace has places").unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_request_without_an_answer_times_out_and_releases_its_slot() {
    let api = testing::api("test", |_| std::future::pending());
    let (kind, key) = (kind(), ObjectKey::new("ns", "a"));
    let started = tokio::time::Instant::now();
    for _ in 0..2 {
        let answers = join_all((0..MAX_REQUESTS / 2).map(|_| api.get(&kind, &key))).await;
        assert!(answers.iter().all(|answer| matches!(answer, Err(ApiError::Timeout(65)))));
    }
    assert_eq!(started.elapsed(), 2 * REQUEST_TIMEOUT);
}

#[tokio::test(start_paused = true)]
async fn a_watch_that_never_opens_times_out() {
    let api = testing::api("test", |_| std::future::pending());
    let started = tokio::time::Instant::now();
    let opened = api.watch("/api/v1/configmaps", Form::Full, &Query::default()).await;
    assert!(matches!(opened.err(), Some(ApiError::Timeout(15))));
    assert_eq!(started.elapsed(), OPEN_TIMEOUT);
}

#[tokio::test]
async fn every_valid_name_is_one_segment_of_a_path() {
    let api = testing::api("test", |request| {
        std::future::ready(testing::answer(200, &json!({ "uri": request.uri().to_string() })))
    });
    for (name, escaped) in [
        ("system:web", "system%3Aweb"),
        ("a role", "a%20role"),
        ("rôle", "r%C3%B4le"),
        ("x?dryRun=All", "x%3FdryRun%3DAll"),
        ("x#y", "x%23y"),
    ] {
        let answer = api.get(&kind(), &ObjectKey::new("ns", name)).await.unwrap();
        let answer: serde_json::Value = serde_json::from_slice(&answer.0).unwrap();
        assert_eq!(answer["uri"], format!("/api/v1/namespaces/ns/configmaps/{escaped}"));
    }
}

#[tokio::test]
async fn a_failed_connection_has_its_cause_in_the_message() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client =
        kube::Client::try_from(kube::Config::new("http://127.0.0.1:1".parse().unwrap())).unwrap();
    let message = Api::new(crate::write::transport::from_client(client), "test", Metrics::new())
        .version()
        .await
        .unwrap_err()
        .to_string();
    assert!(message.to_lowercase().contains("refused"), "{message}");
}

#[tokio::test]
async fn the_retry_delay_is_read_from_the_body_or_the_header() {
    let retry_after = async |head: Option<&'static str>, body: &'static str| {
        let api = testing::api("test", move |_| {
            let mut answer = testing::answer(429, &serde_json::from_str(body).unwrap());
            if let Some(seconds) = head {
                answer.headers_mut().insert(header::RETRY_AFTER, seconds.parse().unwrap());
            }
            std::future::ready(answer)
        });
        api.version().await.unwrap_err().retry_after()
    };
    assert_eq!(
        retry_after(None, r#"{ "details": { "retryAfterSeconds": 3 } }"#).await,
        Some(Duration::from_secs(3))
    );
    assert_eq!(
        retry_after(Some("5"), r#""Too many requests""#).await,
        Some(Duration::from_secs(5))
    );
    for head in [None, Some("Wed, 21 Oct 2026 07:28:00 GMT")] {
        assert_eq!(retry_after(head, "{}").await, None);
    }
}
