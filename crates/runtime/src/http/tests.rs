//! The server over real connections. The runtime of each test has one thread, which the blocking
//! clients of the test occupy: only the thread of the server can answer.
#![allow(clippy::unwrap_used)]

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use kubewright_core::Registry;

use super::*;
use crate::testing::{self, Pages, silent_api};

const SECOND: Duration = Duration::from_secs(1);

fn start_limited(limits: Limits) -> (Server, SocketAddr) {
    let listener = listen("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = listener.local_addr().unwrap();
    let engine = testing::engine(&Registry::new("test").with(Pages), silent_api());
    (start_with(listener, engine, Arc::default(), limits).unwrap(), address)
}

fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(10 * SECOND)).unwrap();
    stream
}

/// Sends text, and returns everything until the end of the connection.
fn exchange(address: SocketAddr, request: &str) -> String {
    let mut stream = connect(address);
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

fn get(address: SocketAddr, path: &str) -> String {
    exchange(address, &format!("GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"))
}

#[tokio::test]
async fn health_and_metrics_are_answered_while_the_threads_of_the_engine_are_busy() {
    let (_server, address) = start_limited(LIMITS);
    assert!(get(address, "/livez").starts_with("HTTP/1.1 200"));
    let ready = get(address, "/readyz");
    assert!(ready.starts_with("HTTP/1.1 200"), "{ready}");
    let metrics = get(address, "/metrics");
    assert!(metrics.contains("kubewright_worker_panics_total 0"), "{metrics}");
    assert!(metrics.contains(OPENMETRICS), "{metrics}");
    assert!(get(address, "/other").starts_with("HTTP/1.1 404"));
    let posted =
        "POST /livez HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    assert!(exchange(address, posted).starts_with("HTTP/1.1 405"));
}

#[tokio::test]
async fn a_client_that_sends_no_request_is_cut_off() {
    let limits = Limits { head: SECOND / 10, ..LIMITS };
    let (_server, address) = start_limited(limits);
    let started = Instant::now();
    for sent in ["", "GET /livez HTTP/1.1\r\n", "GET /livez HTTP/1.1\r\nHost: a\r\n\r\n"] {
        exchange(address, sent);
    }
    assert!(started.elapsed() < 5 * SECOND, "{:?}", started.elapsed());
}

#[tokio::test]
async fn a_client_that_asks_again_and_again_is_cut_off_at_the_end_of_its_life() {
    let limits = Limits { life: SECOND / 5, ..LIMITS };
    let (_server, address) = start_limited(limits);
    let started = Instant::now();
    let mut stream = connect(address);
    let request = b"GET /livez HTTP/1.1\r\nHost: a\r\n\r\n";
    let mut buffer = [0; 1024];
    while stream.write_all(request).is_ok() && stream.read(&mut buffer).is_ok_and(|read| read > 0) {
        assert!(started.elapsed() < 10 * SECOND, "the connection is still open");
        std::thread::sleep(SECOND / 50);
    }
}

#[tokio::test]
async fn many_silent_clients_do_not_keep_others_out() {
    let limits = Limits { connections: 4, ..LIMITS };
    let (_server, address) = start_limited(limits);
    let started = Instant::now();
    let mut silent: Vec<TcpStream> = (0..20).map(|_| connect(address)).collect();
    assert!(get(address, "/livez").starts_with("HTTP/1.1 200"));
    let mut buffer = [0];
    assert_eq!(silent[0].read(&mut buffer).unwrap(), 0, "the oldest connection is closed");
    assert!(started.elapsed() < 5 * SECOND, "{:?}", started.elapsed());
}

#[test]
fn an_engine_whose_threads_are_stuck_is_not_alive() {
    let pulse = Pulse::default();
    let now = Instant::now();
    assert!(!pulse.is_stuck(now + STUCK / 2), "a busy engine is late");
    assert!(pulse.is_stuck(now + STUCK + SECOND));
}
