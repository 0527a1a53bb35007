//! What several operators declare about one kind, periodic resyncs, and the end of a start.
#![allow(clippy::unwrap_used)]

use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::ConfigMap;
use kubewright_core::{Children, Invalid, Operator, Registry, View};
use serde_json::{Value, json};

use super::*;
use crate::error::Failure;
use crate::testing::{self, Pages, Singles, Site, Sites, silent_api};
use crate::watch::watches::read_kinds;

/// The owned and the read kinds, and whether each is optional.
fn declared(registry: &Registry) -> [Vec<(String, bool)>; 2] {
    let (_, children) = controllers(registry, Settings::default().rollouts());
    let engine = testing::engine(registry, silent_api());
    let owned = children.iter().map(|cache| (cache.kind.to_string(), cache.optional)).collect();
    let read = read_kinds(&engine);
    [owned, read.iter().map(|read| (read.info.to_string(), read.optional)).collect()]
}

#[tokio::test]
async fn a_kind_is_optional_only_if_all_operators_declare_it_so() {
    let registry = || Registry::new("test");
    for (registry, owned, read) in [
        (registry().with(Pages), false, true),
        (registry().with(Sites), true, false),
        (registry().with(Pages).with(Sites), false, false),
        (registry().with(Sites).with(Pages), false, false),
    ] {
        let expected =
            [vec![("ConfigMap".to_owned(), owned)], vec![("Namespace".to_owned(), read)]];
        assert_eq!(declared(&registry), expected);
    }
}

/// Creates one ConfigMap for each cluster-scoped Site.
struct Globals;

impl Operator for Globals {
    const NAME: &'static str = "globals";
    type Resource = Site;
    type Owns = (ConfigMap,);
    type Reads = ();
    type Facts = ();

    fn build(&self, _: &Site, _: &View<'_, Self>) -> Result<Children<Self>, Invalid> {
        Ok(Children::new())
    }
}

#[tokio::test]
async fn an_operator_of_a_cluster_scoped_kind_does_not_start_for_some_namespaces() {
    let missing = Some("/no/kubeconfig".into());
    let run = async |namespaces: Vec<String>| {
        let connect = Connect { kubeconfig: missing.clone(), context: None };
        let settings = Settings { namespaces, ..Settings::default() };
        let registry = Registry::new("test").with(Globals);
        run(registry, connect, settings, std::future::pending()).await.unwrap_err()
    };
    let rejected = run(vec!["team-a".to_owned()]).await;
    assert_eq!(
        rejected.to_string(),
        "globals reconciles sites.test.example.com, which is cluster-scoped, so it cannot be \
         limited to namespaces; leave out --namespace, or select other controllers with \
         --controllers"
    );
    let started = run(Vec::new()).await;
    assert!(matches!(started, RunError::NoCluster(_) | RunError::Config(_)), "{started}");
}

#[tokio::test]
async fn a_resync_period_of_zero_means_never() {
    let engine = testing::engine(&Registry::new("test").with(Pages), silent_api());
    let resync = engine.resync(0, Duration::ZERO);
    let ended = tokio::time::timeout(Duration::from_secs(1), resync).await;
    assert!(ended.is_ok(), "it does not loop");
}

#[test]
fn an_answer_of_the_api_server_is_not_called_unreachable() {
    let message = "Unauthorized".to_owned();
    let status = Failure { code: 401, message, ..Failure::default() };
    let error = no_version("https://kube:6443".to_owned(), ApiError::Status(Box::new(status)));
    assert_eq!(
        error.to_string(),
        "the API server at https://kube:6443 rejected the first request: Unauthorized; check the \
         credentials and the rights of the user in the kubeconfig"
    );
    let error = no_version("https://kube:6443".to_owned(), ApiError::Timeout(5));
    let expected = "cannot reach the API server at https://kube:6443: no answer from the API \
                    server within 5 s; check that the cluster runs (kubectl cluster-info)";
    assert_eq!(error.to_string(), expected);
}

/// Starts an engine with this kubeconfig, stops it after a moment, and returns the time until its
/// end.
fn stopped_during_the_start(cluster: &Value, user: &Value) -> Duration {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("kubeconfig");
    let kubeconfig = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "a",
        "clusters": [{ "name": "a", "cluster": cluster }],
        "users": [{ "name": "a", "user": user }],
        "contexts": [{ "name": "a", "context": { "cluster": "a", "user": "a" } }],
    });
    std::fs::write(&path, kubeconfig.to_string()).unwrap();
    let connect = Connect { kubeconfig: Some(path), context: None };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let started = Instant::now();
    let ended = runtime.block_on(async {
        let stop = tokio::time::sleep(Duration::from_millis(300));
        run(Registry::new("test").with(Singles), connect, Settings::default(), stop).await
    });
    assert!(ended.is_ok(), "{ended:?}");
    let took = started.elapsed();
    // As the command line does: what hangs cannot be cancelled.
    runtime.shutdown_background();
    took
}

#[test]
fn a_start_ends_at_once_if_the_server_accepts_connections_and_never_answers() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let server = format!("http://{}", listener.local_addr().unwrap());
    let took = stopped_during_the_start(&json!({ "server": server }), &json!({}));
    assert!(took < Duration::from_secs(5), "{took:?}");
}

#[test]
fn a_start_ends_at_once_if_the_program_for_the_token_hangs() {
    let exec = json!({
        "apiVersion": "client.authentication.k8s.io/v1", "command": "sleep", "args": ["20"],
        "interactiveMode": "Never",
    });
    let cluster = json!({ "server": "https://127.0.0.1:1", "insecure-skip-tls-verify": true });
    let took = stopped_during_the_start(&cluster, &json!({ "exec": exec }));
    assert!(took < Duration::from_secs(5), "{took:?}");
}
