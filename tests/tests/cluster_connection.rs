//! Connections that go silent, between the operator and a real API server.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use kube::config::Kubeconfig;
use operator_api::echo::Echo;
use tests::cluster::{Cluster, Operator, Sandbox, eventually};
use tests::fixtures::{EchoFixture, echo};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// A proxy that can keep all connections open and pass nothing on. Its kernel still acknowledges
/// what arrives.
struct Proxy {
    is_silent: Arc<AtomicBool>,
    kubeconfig: PathBuf,
    _folder: tempfile::TempDir,
}

impl Proxy {
    async fn start(cluster: &Cluster) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let kubeconfig = folder.path().join("kubeconfig");
        let port = listener.local_addr().unwrap().port();
        let server = redirect(cluster.kubeconfig(), port, &kubeconfig);
        let is_silent = Arc::new(AtomicBool::default());
        let flag = Arc::clone(&is_silent);
        tokio::spawn(async move {
            loop {
                let (client, _) = listener.accept().await.unwrap();
                let server = TcpStream::connect(&server).await.unwrap();
                let (from_client, to_client) = client.into_split();
                let (from_server, to_server) = server.into_split();
                tokio::spawn(pass_on(from_client, to_server, Arc::clone(&flag)));
                tokio::spawn(pass_on(from_server, to_client, Arc::clone(&flag)));
            }
        });
        Self { is_silent, kubeconfig, _folder: folder }
    }
}

/// Writes a kubeconfig that leads to this port, and returns the address of the API server.
fn redirect(kubeconfig: &Path, port: u16, to: &Path) -> String {
    let mut config = Kubeconfig::read_from(kubeconfig).unwrap();
    let cluster = config.clusters[0].cluster.as_mut().unwrap();
    let url: http::Uri = cluster.server.as_deref().unwrap().parse().unwrap();
    let scheme = url.scheme_str().unwrap();
    let host = url.host().unwrap();
    cluster.tls_server_name.get_or_insert_with(|| host.to_owned());
    cluster.server = Some(format!("{scheme}://127.0.0.1:{port}"));
    std::fs::write(to, serde_json::to_vec(&config).unwrap()).unwrap();
    url.authority().unwrap().to_string()
}

async fn pass_on(
    mut from: tokio::net::tcp::OwnedReadHalf,
    mut to: tokio::net::tcp::OwnedWriteHalf,
    is_silent: Arc<AtomicBool>,
) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(read) = from.read(&mut buffer).await {
        if is_silent.load(Ordering::Relaxed) {
            // Nothing more passes this connection, and neither end closes it.
            std::future::pending::<()>().await;
        }
        if read == 0 || to.write_all(&buffer[..read]).await.is_err() {
            return;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_go_silent_are_noticed_within_45_seconds_and_replaced() {
    let sandbox = Sandbox::new("silent").await;
    let proxy = Proxy::start(sandbox.cluster()).await;
    let operator =
        Operator::start(&operator::registry(), &proxy.kubeconfig, &[sandbox.namespace()]).await;
    sandbox.create(&echo("web").with_replicas(0)).await;
    sandbox.until_ready::<Echo>("web").await;
    operator.until_at_rest().await;

    let silenced = Instant::now();
    proxy.is_silent.store(true, Ordering::Relaxed);
    let failures = "kubewright_watch_failures_total";
    let before = operator.metrics().await.sum(failures, &[]);
    eventually(Duration::from_mins(1), "a watch fails", async || {
        let failed = operator.metrics().await.sum(failures, &[]) - before;
        if failed > 0 { Ok(()) } else { Err("no watch failed".to_owned()) }
    })
    .await;
    assert!(silenced.elapsed() < Duration::from_secs(45), "after {:?}", silenced.elapsed());
    proxy.is_silent.store(false, Ordering::Relaxed);
    sandbox.create(&echo("later").with_replicas(0)).await;
    sandbox.until_ready::<Echo>("later").await;
    operator.stop().await.unwrap();
}
