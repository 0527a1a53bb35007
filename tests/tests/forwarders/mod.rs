//! Servers that forward connections to an API server: proxies, and another address.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};

/// What a client sends before its connection is forwarded.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Protocol {
    /// Nothing.
    Plain,
    /// `CONNECT` of HTTP.
    HttpProxy,
    /// SOCKS5 without a password.
    Socks5,
}

/// A server that forwards every connection to the same port of this machine.
#[derive(Debug)]
pub(crate) struct Forwarder {
    pub(crate) port: u16,
    connections: Arc<AtomicUsize>,
}

impl Forwarder {
    /// Listens on a free port of `host`.
    pub(crate) async fn start(protocol: Protocol, host: &str, target: u16) -> Self {
        let listener = TcpListener::bind((host, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let connections = Arc::<AtomicUsize>::default();
        let count = Arc::clone(&connections);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let count = Arc::clone(&count);
                tokio::spawn(async move {
                    // A client that goes away is no failure.
                    let _ = forward(client, protocol, target, &count).await;
                });
            }
        });
        Self { port, connections }
    }

    /// The number of connections that were forwarded.
    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

async fn forward(
    mut client: TcpStream,
    protocol: Protocol,
    target: u16,
    connections: &AtomicUsize,
) -> std::io::Result<()> {
    match protocol {
        Protocol::Plain => {}
        Protocol::HttpProxy => {
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(client.read_u8().await?);
            }
            assert!(head.starts_with(b"CONNECT "), "{}", String::from_utf8_lossy(&head));
            client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await?;
        }
        Protocol::Socks5 => {
            let [_version, methods] = read(&mut client).await?;
            client.read_exact(&mut vec![0; usize::from(methods)]).await?;
            client.write_all(&[5, 0]).await?;
            let [_version, _command, _reserved, kind] = read(&mut client).await?;
            let length = match kind {
                1 => 4,
                4 => 16,
                _ => client.read_u8().await?,
            };
            client.read_exact(&mut vec![0; usize::from(length) + 2]).await?;
            client.write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0]).await?;
        }
    }
    connections.fetch_add(1, Ordering::SeqCst);
    let mut server = TcpStream::connect(("127.0.0.1", target)).await?;
    copy_bidirectional(&mut client, &mut server).await.map(drop)
}

async fn read<const N: usize>(client: &mut TcpStream) -> std::io::Result<[u8; N]> {
    let mut bytes = [0; N];
    client.read_exact(&mut bytes).await.map(|_| bytes)
}
