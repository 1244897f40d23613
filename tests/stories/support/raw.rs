//! Bytes on a socket, for requests that no HTTP client would send.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// What came back, and whether the other side closed.
#[derive(Debug)]
pub struct RawAnswer {
    /// Every byte.
    pub bytes: Vec<u8>,
    /// The other side closed; otherwise it was still open when nothing had come for a while.
    pub closed: bool,
}

impl RawAnswer {
    /// As text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }

    /// The status of the first answer; 0 where nothing came.
    pub fn status(&self) -> u16 {
        self.statuses().first().copied().unwrap_or(0)
    }

    /// The statuses of all answers on the connection.
    pub fn statuses(&self) -> Vec<u16> {
        let text = self.text();
        text.split("HTTP/1.1 ")
            .skip(1)
            .filter_map(|rest| rest.get(..3)?.parse().ok())
            .collect()
    }
}

/// Sends `bytes` and reads until the other side closes or stays silent for `quiet`.
pub async fn raw_for(address: SocketAddr, bytes: &[u8], quiet: Duration) -> RawAnswer {
    let mut stream = TcpStream::connect(address).await.unwrap();
    // a server that refuses the first line may close before the rest is written
    let _ = stream.write_all(bytes).await;
    let mut got = Vec::new();
    let mut chunk = [0; 16 * 1024];
    loop {
        match tokio::time::timeout(quiet, stream.read(&mut chunk)).await {
            Ok(Ok(0) | Err(_)) => {
                return RawAnswer {
                    bytes: got,
                    closed: true,
                };
            }
            Ok(Ok(length)) => got.extend_from_slice(&chunk[..length]),
            Err(_) => {
                return RawAnswer {
                    bytes: got,
                    closed: false,
                };
            }
        }
    }
}

/// [`raw_for`] with the patience that suits refusals.
pub async fn raw(address: SocketAddr, bytes: &[u8]) -> RawAnswer {
    raw_for(address, bytes, Duration::from_millis(700)).await
}
