//! Connections to the portal that the request which waits on one can cut. pingora's own limit on reading holds for
//! the head of an answer and for each piece of its body alike: an event stream may be silent for as long as it
//! likes, a portal that hangs may not.

use std::collections::HashMap;
use std::net::{Shutdown, TcpStream};
use std::os::fd::{AsFd as _, AsRawFd as _, RawFd};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use async_trait::async_trait;
use pingora::connectors::L4Connect;
use pingora::protocols::l4::socket::SocketAddr;
use pingora::protocols::l4::stream::Stream;
use pingora::upstreams::peer::{Tracer, Tracing};
use pingora::{Error, ErrorType, OrErr as _};

use super::upstream::CONNECT_TIMEOUT;

/// The connections to the portal, each by the number of its socket.
#[derive(Debug, Default)]
pub struct Lines(Mutex<HashMap<RawFd, Weak<TcpStream>>>);

impl Lines {
    /// Cuts one, where it is still there: whoever reads from it reads its end.
    pub fn cut(&self, line: RawFd) {
        let lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(twin) = lines.get(&line).and_then(Weak::upgrade) {
            let _ = twin.shutdown(Shutdown::Both);
        }
    }

    fn note(&self, line: RawFd, twin: &Arc<TcpStream>) {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() == lines.capacity() {
            lines.retain(|_, twin| twin.strong_count() > 0);
        }
        lines.insert(line, Arc::downgrade(twin));
    }
}

#[async_trait]
impl L4Connect for Lines {
    async fn connect(&self, address: &SocketAddr) -> pingora::Result<Stream> {
        let SocketAddr::Inet(address) = address else {
            return Err(Error::explain(
                ErrorType::ConnectError,
                "the portal has no address",
            ));
        };
        let made = tokio::time::timeout(CONNECT_TIMEOUT, tokio::net::TcpStream::connect(address))
            .await
            .or_err(ErrorType::ConnectTimedout, "the portal takes no connection")?
            .map_err(|error| {
                let kind = match error.kind() {
                    std::io::ErrorKind::TimedOut => ErrorType::ConnectTimedout,
                    _ => ErrorType::ConnectError,
                };
                Error::because(kind, "the portal takes no connection", error)
            })?;
        let twin = made
            .as_fd()
            .try_clone_to_owned()
            .or_err(ErrorType::ConnectError, "no more sockets")?;
        let twin = Arc::new(TcpStream::from(twin));
        self.note(made.as_raw_fd(), &twin);
        let mut stream = Stream::from(made);
        stream.tracer = Some(Tracer(Box::new(Line(twin))));
        Ok(stream)
    }
}

/// A second handle on a connection's socket. pingora drops it together with the connection, which it closes
/// thereby.
#[derive(Clone, Debug)]
struct Line(Arc<TcpStream>);

impl Tracing for Line {
    fn on_connected(&self) {}

    fn on_disconnected(&self) {
        // Closed even where `cut` holds it for a moment.
        let _ = self.0.shutdown(Shutdown::Both);
    }

    fn boxed_clone(&self) -> Box<dyn Tracing> {
        Box::new(self.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    #[tokio::test]
    async fn a_line_can_be_cut_and_ends_with_its_connection() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let lines = Lines::default();
        let address = SocketAddr::Inet(listener.local_addr().unwrap());
        for cut in [true, false] {
            let mut near = lines.connect(&address).await.unwrap();
            let (mut far, _) = listener.accept().await.unwrap();
            near.write_all(b"ask").await.unwrap();
            near.flush().await.unwrap();
            let mut said = [0; 3];
            far.read_exact(&mut said).await.unwrap();
            if cut {
                lines.cut(near.as_raw_fd());
                lines.cut(near.as_raw_fd() + 1);
                assert_eq!(near.read(&mut said).await.unwrap(), 0, "cut");
            }
            drop(near);
            assert_eq!(far.read(&mut said).await.unwrap(), 0, "closed when it is dropped");
        }
        // what is gone is not kept
        assert!(
            lines
                .0
                .lock()
                .unwrap()
                .values()
                .all(|twin| twin.strong_count() == 0)
        );
        assert!(lines.0.lock().unwrap().len() <= 2);
    }
}
