//! The portal's sockets: requests read down to the byte, answers written likewise.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::Role;

use super::reply::Framing;
use super::{Reply, State, sample};

/// A request that has reached the portal.
#[derive(Clone, Debug)]
pub struct Seen {
    /// Its method.
    pub method: String,
    /// Its target, byte for byte.
    pub target: String,
    /// Its header lines, in order.
    pub headers: Vec<(String, String)>,
    /// Its body (the first MiB).
    pub body: Vec<u8>,
}

impl Seen {
    /// The path of its target.
    pub fn path(&self) -> &str {
        self.target.split(['?', '#']).next().unwrap_or("")
    }

    /// The value of a query parameter.
    pub fn query(&self, name: &str) -> Option<String> {
        let (_, query) = self.target.split_once('?')?;
        url::form_urlencoded::parse(query.as_bytes())
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.into_owned())
    }

    /// All values of a header, whatever its case.
    pub fn all(&self, name: &str) -> Vec<&str> {
        let same = self
            .headers
            .iter()
            .filter(|(key, _)| key.eq_ignore_ascii_case(name));
        same.map(|(_, value)| value.as_str()).collect()
    }

    /// The only value of a header, or nothing.
    pub fn header(&self, name: &str) -> &str {
        self.all(name).first().copied().unwrap_or("")
    }

    /// A cookie it carries.
    pub fn cookie(&self, name: &str) -> Option<String> {
        self.all("cookie")
            .iter()
            .flat_map(|line| line.split(';'))
            .find_map(|pair| {
                let (key, value) = pair.trim().split_once('=')?;
                (key == name).then(|| value.to_owned())
            })
    }

    /// A field of its urlencoded body.
    pub fn field(&self, name: &str) -> Option<String> {
        url::form_urlencoded::parse(&self.body)
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.into_owned())
    }
}

/// Serves one connection until it ends.
pub(super) async fn serve(stream: TcpStream, state: Arc<Mutex<State>>) {
    let _ = stream.set_nodelay(true);
    let mut stream = BufReader::with_capacity(64 * 1024, stream);
    while let Some(mut seen) = read_head(&mut stream).await {
        if !read_body(&mut stream, &mut seen, &state).await {
            return;
        }
        let step = {
            let mut state = state.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            state.seen.push(seen.clone());
            sample::answer(&mut state, &seen)
        };
        let goes_on = match step {
            sample::Step::Reply(reply) => send(&mut stream, &reply, seen.method == "HEAD").await,
            sample::Step::Events => send_events(&mut stream).await,
            sample::Step::Socket => return echo(stream, &seen).await,
            sample::Step::Download(size) => download(&mut stream, size).await,
        };
        if !goes_on {
            return;
        }
    }
}

async fn read_line(stream: &mut BufReader<TcpStream>) -> Option<String> {
    let mut line = Vec::new();
    stream.read_until(b'\n', &mut line).await.ok()?;
    if line.is_empty() {
        return None;
    }
    Some(
        String::from_utf8_lossy(&line)
            .trim_end_matches(['\r', '\n'])
            .to_owned(),
    )
}

async fn read_head(stream: &mut BufReader<TcpStream>) -> Option<Seen> {
    let first = read_line(stream).await?;
    let mut words = first.splitn(3, ' ');
    let mut seen = Seen {
        method: words.next()?.to_owned(),
        target: words.next()?.to_owned(),
        headers: Vec::new(),
        body: Vec::new(),
    };
    loop {
        let line = read_line(stream).await?;
        if line.is_empty() {
            return Some(seen);
        }
        let (name, value) = line.split_once(':').unwrap_or((&line, ""));
        seen.headers.push((name.to_owned(), value.trim().to_owned()));
    }
}

async fn read_body(stream: &mut BufReader<TcpStream>, seen: &mut Seen, state: &Mutex<State>) -> bool {
    if seen.header("transfer-encoding").eq_ignore_ascii_case("chunked") {
        loop {
            let Some(line) = read_line(stream).await else {
                return false;
            };
            let size = line.split(';').next().unwrap_or("").trim();
            let Ok(size) = u64::from_str_radix(size, 16) else {
                return false;
            };
            if size == 0 {
                break;
            }
            if !take(stream, seen, size, state).await || read_line(stream).await.is_none() {
                return false;
            }
        }
        // the trailer
        loop {
            match read_line(stream).await {
                Some(line) if line.is_empty() => return true,
                Some(_) => {}
                None => return false,
            }
        }
    }
    let length = seen.header("content-length").parse().unwrap_or(0);
    take(stream, seen, length, state).await
}

async fn take(stream: &mut BufReader<TcpStream>, seen: &mut Seen, length: u64, state: &Mutex<State>) -> bool {
    let counted = seen.path() == "/app/upload";
    let mut left = length;
    let mut chunk = vec![0; 64 * 1024];
    while left > 0 {
        let want = chunk.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        let Ok(got @ 1..) = stream.read(&mut chunk[..want]).await else {
            return false;
        };
        left -= got as u64;
        if counted {
            state
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner)
                .uploaded += got as u64;
        }
        if seen.body.len() < 1 << 20 {
            seen.body.extend_from_slice(&chunk[..got]);
        }
    }
    true
}

async fn send(stream: &mut BufReader<TcpStream>, reply: &Reply, head_only: bool) -> bool {
    tokio::time::sleep(reply.delay).await;
    let sent = stream.write_all(&reply.bytes(head_only)).await;
    sent.is_ok() && reply.framing != Framing::BrokenOff
}

/// One event now, then one every 200 ms for as long as somebody listens.
async fn send_events(stream: &mut BufReader<TcpStream>) -> bool {
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
    if stream.write_all(head.as_bytes()).await.is_err() {
        return false;
    }
    for count in 0.. {
        let event = format!("data: {count}\n\n");
        let chunk = format!("{:x}\r\n{event}\r\n", event.len());
        if stream.write_all(chunk.as_bytes()).await.is_err() {
            return false;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    false
}

async fn download(stream: &mut BufReader<TcpStream>, size: u64) -> bool {
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: {size}\r\n\r\n"
    );
    if stream.write_all(head.as_bytes()).await.is_err() {
        return false;
    }
    let chunk = vec![b'd'; 256 * 1024];
    let mut left = size;
    while left > 0 {
        let length = chunk.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        if stream.write_all(&chunk[..length]).await.is_err() {
            return false;
        }
        left -= length as u64;
    }
    true
}

/// A WebSocket that says everything back.
async fn echo(mut stream: BufReader<TcpStream>, seen: &Seen) {
    let accept = derive_accept_key(seen.header("sec-websocket-key").as_bytes());
    let head = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {accept}\r\n\r\n"
    );
    if stream.write_all(head.as_bytes()).await.is_err() {
        return;
    }
    let mut socket = WebSocketStream::from_raw_socket(stream, Role::Server, None).await;
    while let Some(Ok(message)) = socket.next().await {
        if message.is_close() || socket.send(message).await.is_err() {
            return;
        }
    }
}
