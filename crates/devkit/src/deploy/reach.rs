//! Shows how to reach the samples: addresses that answer, and commands.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use kubewright_core::labels;
use serde_json::Value;

use super::error::DeployError;
use super::samples;
use super::steps::Plan;
use crate::terminal;

/// A node opens a port shortly after the pods are ready.
const LIMIT: Duration = Duration::from_secs(15);
const POLL: Duration = Duration::from_millis(250);
/// The time limit of one answer.
const FETCH_LIMIT: Duration = Duration::from_secs(5);
/// An answer can be endless.
const MAX_BYTES: usize = 64 * 1024;
/// The maximum number of characters of an answer.
const SHOWN: usize = 120;

/// Prints how to reach each Service of the samples.
pub(super) fn print(plan: &Plan<'_>) -> Result<(), DeployError> {
    let selector = format!("{}={}", labels::MANAGED_BY, plan.operator());
    let get = plan.kubectl().args([
        "get",
        "services",
        "--namespace",
        samples::NAMESPACE,
        "--selector",
        &selector,
        "-o",
        "json",
    ]);
    let services: Value = serde_json::from_str(&get.capture()?)?;
    let node = r#"jsonpath={.items[0].status.addresses[?(@.type=="InternalIP")].address}"#;
    let node = plan.kubectl().args(["get", "nodes", "-o", node]).capture()?;
    println!();
    terminal::heading("Everything is ready. To reach it:");
    for service in items(&services["items"]) {
        for port in items(&service["spec"]["ports"]) {
            println!("  {}", line(plan, service, port, &node));
        }
    }
    println!("\nTo inspect it:");
    println!("  export KUBECONFIG={}", plan.kubeconfig.display());
    println!("  kubectl get {}", plan.definitions.join(","));
    println!("  kubectl --namespace {} logs deployment/{}", plan.namespace(), plan.operator());
    println!("\nTo delete it:\n  {}", plan.delete_command());
    Ok(())
}

fn items(list: &Value) -> &[Value] {
    list.as_array().map_or(&[], Vec::as_slice)
}

fn line(plan: &Plan<'_>, service: &Value, port: &Value, node: &str) -> String {
    let name = service["metadata"]["name"].as_str().unwrap_or_default();
    let from_outside = format!("{node}:{}", port["nodePort"]).parse::<SocketAddr>().ok();
    if let Some(answer) = from_outside.and_then(|address| Some((address, answer(address)?))) {
        let (address, text) = answer;
        return format!("curl http://{address}   # service {name} answers: {}", shortened(&text));
    }
    // The address of a node in a virtual machine (Docker Desktop) is not reachable.
    let forward = plan.kubectl().args([
        "port-forward",
        &format!("service/{name}"),
        &format!("8080:{}", port["port"]),
    ]);
    format!("{forward}   # then: curl http://127.0.0.1:8080")
}

/// The answer of an address, if it is reachable.
fn answer(address: SocketAddr) -> Option<String> {
    let deadline = Instant::now() + LIMIT;
    loop {
        match fetch(address) {
            Ok(text) => return Some(text),
            // A refused connection can succeed later; other errors stay.
            Err(error)
                if error.kind() == std::io::ErrorKind::ConnectionRefused
                    && Instant::now() < deadline =>
            {
                thread::sleep(POLL);
            }
            Err(_) => return None,
        }
    }
}

/// The body of `GET /`, or its beginning.
fn fetch(address: SocketAddr) -> std::io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(3))?;
    write!(stream, "GET / HTTP/1.0\r\nHost: {address}\r\nConnection: close\r\n\r\n")?;
    let (mut answer, mut piece) = (Vec::new(), [0; 4096]);
    let deadline = Instant::now() + FETCH_LIMIT;
    while answer.len() < MAX_BYTES {
        let left = deadline.saturating_duration_since(Instant::now());
        // A limit of zero is invalid, and lets the read fail.
        match stream.set_read_timeout(Some(left)).and_then(|()| stream.read(&mut piece)) {
            Ok(0) => break,
            Ok(length) => answer.extend_from_slice(&piece[..length]),
            Err(_) if !answer.is_empty() => break,
            Err(error) => return Err(error),
        }
    }
    let answer = String::from_utf8_lossy(&answer).into_owned();
    Ok(answer.split_once("\r\n\r\n").map_or(answer.clone(), |(_, body)| body.to_owned()))
}

/// The beginning of the text as one line.
fn shortened(text: &str) -> String {
    let text = text.trim().escape_debug().to_string().replace("\\\"", "\"").replace("\\'", "'");
    if text.chars().count() <= SHOWN {
        text
    } else {
        text.chars().take(SHOWN).chain(['…']).collect()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn the_body_of_the_answer_is_returned() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let server = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                stream.read_exact(&mut byte).unwrap();
                request.extend(byte);
            }
            assert!(request.starts_with(b"GET / HTTP/1.0\r\n"));
            stream.write_all(b"HTTP/1.0 200 OK\r\nX: y\r\n\r\nhello\n").unwrap();
        });
        assert_eq!(fetch(address).unwrap(), "hello\n");
        server.join().unwrap();
    }

    #[test]
    fn only_the_beginning_of_an_endless_answer_is_read() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            stream.write_all(b"HTTP/1.0 200 OK\r\n\r\n").unwrap();
            for _ in 0..(1 << 16) {
                let _ = stream.write_all(&[b'x'; 1024]);
            }
        });
        assert!(fetch(address).unwrap().len() < 1 << 20);
    }

    #[test]
    fn an_answer_is_shortened_to_one_line() {
        assert_eq!(shortened("--\"a\"\nb\n"), "--\"a\"\\nb");
        assert_eq!(shortened(&"x".repeat(500)).chars().count(), SHOWN + 1);
    }
}
