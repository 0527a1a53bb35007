//! Requests to a minimal HTTP server over real connections.
#![allow(clippy::unwrap_used)]

use std::io::Write as _;
use std::sync::atomic::{AtomicUsize, Ordering};

use kube::config::{AuthInfo, KubeConfigOptions, Kubeconfig};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tower::ServiceExt;

use super::*;

/// The reaction of the server to a request.
#[derive(Clone, Copy, Debug)]
enum Then {
    /// Answers, and keeps the connection.
    Answer,
    /// Answers and closes the connection without a `Connection: close` header.
    AnswerAndClose,
    /// Closes the connection without an answer.
    Close,
    /// Starts an answer that never ends.
    Start,
    /// Answers without a body.
    Nothing,
}

/// A server with one scripted reaction for each request; the last one repeats.
struct Server {
    port: u16,
    /// The heads of the requests in their order.
    heads: mpsc::UnboundedReceiver<String>,
    /// One message for each connection that ended.
    ended: mpsc::UnboundedReceiver<()>,
    connections: std::sync::Arc<AtomicUsize>,
}

impl Server {
    async fn start(script: &'static [Then]) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (send_head, heads) = mpsc::unbounded_channel();
        let (send_end, ended) = mpsc::unbounded_channel();
        let connections = std::sync::Arc::new(AtomicUsize::new(0));
        let (opened, asked) = (connections.clone(), std::sync::Arc::new(AtomicUsize::new(0)));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                opened.fetch_add(1, Ordering::SeqCst);
                let (asked, send_head, send_end) =
                    (asked.clone(), send_head.clone(), send_end.clone());
                tokio::spawn(async move {
                    serve(stream, script, &asked, &send_head).await;
                    let _ = send_end.send(());
                });
            }
        });
        Self { port, heads, ended, connections }
    }

    fn config(&self) -> kube::Config {
        kube::Config::new(format!("http://127.0.0.1:{}/prefix", self.port).parse().unwrap())
    }

    fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

async fn serve(
    stream: TcpStream,
    script: &[Then],
    asked: &AtomicUsize,
    heads: &mpsc::UnboundedSender<String>,
) {
    let mut stream = BufReader::new(stream);
    loop {
        let (mut head, mut length) = (String::new(), 0);
        loop {
            let mut line = String::new();
            if stream.read_line(&mut line).await.unwrap_or(0) == 0 {
                return;
            }
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
            if line == "\r\n" {
                break;
            }
            head += &line;
        }
        stream.read_exact(&mut vec![0; length]).await.unwrap();
        heads.send(head).unwrap();
        let then = script[asked.fetch_add(1, Ordering::SeqCst).min(script.len() - 1)];
        let answer: &[u8] = match then {
            Then::Answer | Then::AnswerAndClose => {
                b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
            }
            Then::Start => b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n",
            Then::Nothing => b"HTTP/1.1 204 No Content\r\n\r\n",
            Then::Close => b"",
        };
        stream.write_all(answer).await.unwrap();
        if matches!(then, Then::AnswerAndClose | Then::Close) {
            return;
        }
    }
}

async fn send(transport: &Transport, path: &str, body: &str) -> Result<String, BoxError> {
    let request = Request::post(path).body(Body::from(body.as_bytes().to_vec())).unwrap();
    let response = transport.clone().oneshot(request).await?;
    let bytes = response.into_body().collect().await?.to_bytes();
    Ok(String::from_utf8(bytes.to_vec()).unwrap())
}

#[tokio::test]
async fn sequential_requests_share_a_connection() {
    let mut server = Server::start(&[Then::Answer]).await;
    let transport = transport(server.config()).unwrap();
    for number in 0..20 {
        assert_eq!(send(&transport, &format!("/api/{number}?a=b"), "body").await.unwrap(), "ok");
        let head = server.heads.recv().await.unwrap();
        assert!(head.starts_with(&format!("POST /prefix/api/{number}?a=b HTTP/1.1\r\n")), "{head}");
        assert!(head.contains(&format!("host: 127.0.0.1:{}\r\n", server.port)), "{head}");
    }
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn an_answer_without_a_body_releases_its_connection_at_once() {
    let server = Server::start(&[Then::Nothing]).await;
    let transport = transport(server.config()).unwrap();
    for _ in 0..3 {
        let request = Request::get("/").body(Body::empty()).unwrap();
        drop(transport.clone().oneshot(request).await.unwrap());
    }
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn concurrent_requests_use_separate_connections() {
    let mut server = Server::start(&[Then::Start, Then::Answer]).await;
    let transport = transport(server.config()).unwrap();
    let request = Request::get("/watch").body(Body::empty()).unwrap();
    let mut watch = transport.clone().oneshot(request).await.unwrap().into_body();
    assert_eq!(watch.frame().await.unwrap().unwrap().into_data().unwrap(), "ok");
    for _ in 0..3 {
        assert_eq!(send(&transport, "/", "").await.unwrap(), "ok");
    }
    assert_eq!(server.connections(), 2);
    drop(watch);
    server.ended.recv().await.unwrap();
    assert_eq!(send(&transport, "/", "").await.unwrap(), "ok");
    assert_eq!(server.connections(), 2, "a dropped answer costs only its own connection");
}

#[tokio::test]
async fn a_connection_closed_by_the_server_costs_no_request() {
    let mut server = Server::start(&[Then::AnswerAndClose]).await;
    let transport = transport(server.config()).unwrap();
    for number in 1..=20 {
        assert_eq!(send(&transport, "/", "body").await.unwrap(), "ok");
        server.ended.recv().await.unwrap();
        assert_eq!(server.connections(), number);
    }
}

#[tokio::test]
async fn a_request_that_was_sent_is_never_sent_again() {
    let mut server = Server::start(&[Then::Answer, Then::Close, Then::Answer]).await;
    let transport = transport(server.config()).unwrap();
    assert_eq!(send(&transport, "/", "first").await.unwrap(), "ok");
    assert!(send(&transport, "/lost", "second").await.is_err());
    assert_eq!(send(&transport, "/", "third").await.unwrap(), "ok");
    let mut lost = 0;
    while let Ok(head) = server.heads.try_recv() {
        lost += usize::from(head.contains("/lost"));
    }
    assert_eq!(lost, 1);
}

#[tokio::test(start_paused = true)]
async fn an_idle_connection_is_closed() {
    let mut server = Server::start(&[Then::Answer]).await;
    let transport = transport(server.config()).unwrap();
    assert_eq!(send(&transport, "/", "").await.unwrap(), "ok");
    let started = tokio::time::Instant::now();
    server.ended.recv().await.unwrap();
    let rested = started.elapsed();
    assert!(rested >= IDLE && rested <= 2 * IDLE, "{rested:?}");
    drop(transport);
}

#[tokio::test]
async fn an_unused_port_is_an_error() {
    let server = Server::start(&[Then::Answer]).await;
    let mut config = server.config();
    // The listener is dropped, so the port is unused.
    let free = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
    config.cluster_url = format!("http://127.0.0.1:{free}").parse().unwrap();
    assert!(send(&transport(config).unwrap(), "/", "").await.is_err());
}

#[tokio::test]
async fn requests_carry_the_token_of_a_file_and_the_impersonated_user() {
    let mut token = tempfile::NamedTempFile::new().unwrap();
    token.write_all(b"s3cret").unwrap();
    let mut server = Server::start(&[Then::Answer]).await;
    let mut config = server.config();
    config.auth_info = AuthInfo {
        token_file: Some(token.path().to_str().unwrap().to_owned()),
        impersonate: Some("jane".to_owned()),
        ..AuthInfo::default()
    };
    assert_eq!(send(&transport(config).unwrap(), "/", "").await.unwrap(), "ok");
    let head = server.heads.recv().await.unwrap();
    assert!(head.contains("authorization: Bearer s3cret\r\n"), "{head}");
    assert!(head.contains("impersonate-user: jane\r\n"), "{head}");
}

#[tokio::test]
async fn behind_a_proxy_requests_go_to_the_proxy() {
    let mut server = Server::start(&[Then::Answer]).await;
    let yaml = serde_json::json!({
        "clusters": [{ "name": "c", "cluster": { "server": "http://cluster.invalid:6443",
            "proxy-url": format!("http://127.0.0.1:{}", server.port) } }],
        "contexts": [{ "name": "c", "context": { "cluster": "c", "user": "u" } }],
        "users": [{ "name": "u", "user": {} }],
        "current-context": "c",
    });
    let file: Kubeconfig = serde_json::from_value(yaml).unwrap();
    let config =
        kube::Config::from_custom_kubeconfig(file, &KubeConfigOptions::default()).await.unwrap();
    let transport = transport(config).unwrap();
    let sent = tokio::spawn(async move { send(&transport, "/version", "").await });
    let head = server.heads.recv().await.unwrap();
    assert!(head.contains("cluster.invalid:6443"), "{head}");
    sent.abort();
}
