//! Requests to a minimal HTTP server over real connections.
#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use http::{Request, StatusCode};
use http_body_util::BodyExt;
use kube::client::Body;
use kube::config::AuthInfo;
use serde_json::json;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tower::{BoxError, ServiceExt};

use super::*;
use crate::client::{IDLE, connector};

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
    /// Rejects the credentials.
    Reject,
    /// Opens a tunnel, whose other end is this server, too.
    OpenTunnel,
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
            Then::Reject => b"HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\n\r\n",
            Then::OpenTunnel => b"HTTP/1.1 200 Connection established\r\n\r\n",
            Then::Close => b"",
        };
        stream.write_all(answer).await.unwrap();
        if matches!(then, Then::AnswerAndClose | Then::Close) {
            // To drop the stream is not enough while a test starts a program, which shares it for a
            // moment.
            let _ = stream.shutdown().await;
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
    let folder = tempfile::tempdir().unwrap();
    let token = folder.path().join("token");
    std::fs::write(&token, "s3cret\r\n").unwrap();
    let mut server = Server::start(&[Then::Answer]).await;
    let mut config = server.config();
    config.auth_info = serde_json::from_value(json!({
        "tokenFile": token, "token": "other", "as": "jane", "as-uid": "7",
        "as-groups": ["a", "b"], "as-user-extra": { "example.com/scope": ["x"] },
    }))
    .unwrap();
    assert_eq!(send(&transport(config).unwrap(), "/", "").await.unwrap(), "ok");
    let head = server.heads.recv().await.unwrap();
    for header in [
        "authorization: Bearer s3cret",
        "impersonate-user: jane",
        "impersonate-uid: 7",
        "impersonate-group: a",
        "impersonate-group: b",
        "impersonate-extra-example.com%2fscope: x",
    ] {
        assert!(head.contains(&format!("{header}\r\n")), "{header}: {head}");
    }
}

#[tokio::test]
async fn a_token_replaces_a_file_that_cannot_be_read() {
    let mut server = Server::start(&[Then::Answer]).await;
    let mut config = server.config();
    config.auth_info =
        serde_json::from_value(json!({ "tokenFile": "/no/token", "token": "other" })).unwrap();
    assert_eq!(send(&transport(config).unwrap(), "/", "").await.unwrap(), "ok");
    assert!(server.heads.recv().await.unwrap().contains("authorization: Bearer other\r\n"));
    let mut config = server.config();
    config.auth_info = serde_json::from_value(json!({ "tokenFile": "/no/token" })).unwrap();
    let error = crate::error::with_causes(&transport(config).unwrap_err());
    assert!(error.contains("/no/token") && error.contains("No such file"), "{error}");
}

#[tokio::test]
async fn a_token_file_is_read_again_after_its_token_was_rejected() {
    let folder = tempfile::tempdir().unwrap();
    let token = folder.path().join("token");
    std::fs::write(&token, "old\n").unwrap();
    let mut server = Server::start(&[Then::Reject, Then::Answer]).await;
    let mut config = server.config();
    config.auth_info = serde_json::from_value(json!({ "tokenFile": token })).unwrap();
    let transport = transport(config).unwrap();
    std::fs::write(&token, "new\n").unwrap();
    assert_eq!(send(&transport, "/a?b=c", "body").await.unwrap(), "ok");
    let [first, second] = [server.heads.recv().await.unwrap(), server.heads.recv().await.unwrap()];
    assert!(first.contains("authorization: Bearer old\r\n"), "{first}");
    assert_eq!(first.replace("Bearer old", "Bearer new"), second);
}

/// Credentials from a plugin that writes a line to `runs` each time. Its token is the number of
/// the lines.
fn plugin(runs: &Path) -> AuthInfo {
    let script = "echo run >> $0; printf '{\"apiVersion\":\"client.authentication.k8s.io/v1\", \
                  \"kind\":\"ExecCredential\",\"status\":{\"token\":\"t%s\"}}' $(grep -c run $0)";
    let exec = json!({
        "apiVersion": "client.authentication.k8s.io/v1", "command": "sh",
        "args": ["-c", script, runs], "interactiveMode": "Never",
    });
    serde_json::from_value(json!({ "exec": exec })).unwrap()
}

fn count_of_lines(path: &Path) -> usize {
    std::fs::read_to_string(path).unwrap().lines().count()
}

#[tokio::test]
async fn a_plugin_runs_again_after_its_token_was_rejected() {
    let folder = tempfile::tempdir().unwrap();
    let runs = folder.path().join("runs");
    let mut server = Server::start(&[Then::Answer, Then::Reject, Then::Answer]).await;
    let mut config = server.config();
    config.auth_info = plugin(&runs);
    let transport = transport(config).unwrap();
    let before = count_of_lines(&runs);
    assert_eq!(send(&transport, "/", "").await.unwrap(), "ok");
    assert_eq!(count_of_lines(&runs), before, "the token named no expiry");
    assert_eq!(send(&transport, "/", "body").await.unwrap(), "ok");
    let mut tokens = Vec::new();
    for _ in 0..3 {
        let head = server.heads.recv().await.unwrap();
        let token = head.split("authorization: Bearer ").nth(1).unwrap();
        tokens.push(token.split("\r\n").next().unwrap().to_owned());
    }
    assert!(tokens[0] == tokens[1] && tokens[1] != tokens[2], "{tokens:?}");
}

#[tokio::test]
async fn a_plugin_whose_tokens_are_always_rejected_does_not_run_for_each_request() {
    let folder = tempfile::tempdir().unwrap();
    let runs = folder.path().join("runs");
    let server = Server::start(&[Then::Reject]).await;
    let mut config = server.config();
    config.auth_info = plugin(&runs);
    let transport = transport(config).unwrap();
    let first = count_of_lines(&runs);
    for _ in 0..20 {
        let request = Request::get("/").body(Body::empty()).unwrap();
        let response = transport.clone().oneshot(request).await.unwrap();
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
    }
    assert_eq!(count_of_lines(&runs), 2 * first);
}

/// The configuration for a cluster that only a proxy reaches.
fn behind(proxy: &str) -> Config {
    let mut config = Config::new("http://cluster.invalid/prefix".parse().unwrap());
    config.proxy_url = Some(proxy.parse().unwrap());
    config
}

#[tokio::test]
async fn behind_an_http_proxy_requests_go_through_a_tunnel() {
    let mut server = Server::start(&[Then::OpenTunnel, Then::Answer]).await;
    let config = behind(&format!("http://user:pa%40ss@127.0.0.1:{}", server.port));
    let transport = transport(config).unwrap();
    assert_eq!(send(&transport, "/version", "").await.unwrap(), "ok");
    assert_eq!(send(&transport, "/version", "").await.unwrap(), "ok");
    assert_eq!(server.connections(), 1);
    let head = server.heads.recv().await.unwrap();
    assert!(head.starts_with("CONNECT cluster.invalid:80 HTTP/1.1\r\n"), "{head}");
    // user:pa@ss
    assert!(head.contains("Proxy-Authorization: Basic dXNlcjpwYUBzcw==\r\n"), "{head}");
    let head = server.heads.recv().await.unwrap();
    assert!(head.starts_with("POST /prefix/version HTTP/1.1\r\n"), "{head}");
    assert!(head.contains("host: cluster.invalid"), "{head}");
}

#[tokio::test]
async fn behind_a_socks5_proxy_the_proxy_resolves_the_name_of_the_cluster() {
    const HOST: &[u8] = b"cluster.invalid";
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let proxy = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        // Each step: what the client sends, and the answer.
        let host = [&[5, 1, 0, 3, 15][..], HOST, &[0, 80]].concat();
        for (expected, answer) in [
            (&[5, 1, 2][..], &[5, 2][..]),
            (b"\x01\x04user\x05pa@ss", &[1, 0]),
            (&host, &[5, 0, 0, 1, 0, 0, 0, 0, 0, 0]),
        ] {
            let mut received = vec![0; expected.len()];
            stream.read_exact(&mut received).await.unwrap();
            assert_eq!(received, expected);
            stream.write_all(answer).await.unwrap();
        }
        let (heads, _heads) = mpsc::unbounded_channel();
        serve(stream, &[Then::Answer], &AtomicUsize::new(0), &heads).await;
    });
    let config = behind(&format!("socks5://user:pa%40ss@127.0.0.1:{port}"));
    let transport = transport(config).unwrap();
    assert_eq!(send(&transport, "/version", "").await.unwrap(), "ok");
    drop(transport);
    proxy.await.unwrap();
}

#[tokio::test]
async fn a_proxy_that_does_not_answer_is_named_in_the_error() {
    let free = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
    for scheme in ["http", "https", "socks5"] {
        let transport = transport(behind(&format!("{scheme}://127.0.0.1:{free}"))).unwrap();
        let error = send(&transport, "/", "").await.unwrap_err();
        let text = crate::error::with_causes(&*error);
        let part = format!("cannot connect through the proxy {scheme}://127.0.0.1:{free}/: ");
        assert!(text.contains(&part), "{text}");
    }
}

#[tokio::test]
async fn an_ipv6_address_is_an_address_of_a_cluster() {
    let Ok(listener) = TcpListener::bind(("::1", 0)).await else { return };
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let (heads, _heads) = mpsc::unbounded_channel();
        serve(stream, &[Then::Answer], &AtomicUsize::new(0), &heads).await;
    });
    let config = Config::new(format!("http://[::1]:{port}").parse().unwrap());
    assert_eq!(send(&transport(config).unwrap(), "/", "").await.unwrap(), "ok");
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn the_kernel_closes_a_connection_whose_other_end_is_gone_within_45_seconds() {
    use rustix::net::sockopt;

    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}/", listener.local_addr().unwrap());
    let connection = connector(None).oneshot(address.parse::<http::Uri>().unwrap()).await.unwrap();
    let socket = connection.inner();
    assert!(sockopt::socket_keepalive(socket).unwrap());
    let idle = sockopt::tcp_keepidle(socket).unwrap();
    let interval = sockopt::tcp_keepintvl(socket).unwrap();
    let retries = sockopt::tcp_keepcnt(socket).unwrap();
    assert!(
        idle + interval * retries <= Duration::from_secs(45),
        "{idle:?} {interval:?} {retries}"
    );
    let unacknowledged = sockopt::tcp_user_timeout(socket).unwrap();
    assert!((1..=45_000).contains(&unacknowledged), "{unacknowledged} ms");
}
