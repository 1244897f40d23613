//! How fast a connection must be: a request's head within its time and size, whatever its bytes trickle in
//! (slowloris). pingora's own limits are for each read, and its heads may have a mebibyte.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::Duration;
use std::{fmt, io};

use async_trait::async_trait;
use pingora::protocols::{
    ALPN, GetProxyDigest, GetSocketDigest, GetTimingDigest, Peek, Shutdown, SocketDigest, Ssl, Stream,
    TimingDigest, UniqueID, UniqueIDType,
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Sleep;

/// So many heads may be larger than their limit at once, up to pingora's own mebibyte each, so that they can be
/// answered 431 in words. One more is cut off.
const LARGE_HEADS: usize = 32;

/// Bytes with which HTTP/2 begins (RFC 9113 3.4).
const H2_PREFACE: usize = 24;

/// pingora reads so many header lines and so many bytes of a head, and answers 400 to more, before anybody has seen
/// the request (its `MAX_HEADERS`, `MAX_HEADER_SIZE`).
const LINES_READ: usize = 256;
const BYTES_READ: usize = 1_048_575;

/// What is answered in its place.
const TOO_LARGE: &[u8] = b"HTTP/1.1 431 Request Header Fields Too Large\r\n\
    Content-Type: text/plain; charset=utf-8\r\nCache-Control: no-store\r\nConnection: close\r\n\
    Content-Length: 38\r\n\r\nthe head of the request is too large.\n";

tokio::task_local! {
    /// The pace of the HTTP/1 connection that this task serves.
    pub static PACE: Arc<Pace>;
}

/// Where a connection stands: between requests, in a head, or past it.
#[derive(Default)]
pub struct Pace {
    past_head: AtomicBool,
    /// Bytes of the head that is being read.
    head: AtomicUsize,
}

impl Pace {
    /// A request's head may begin.
    pub fn expect_head(&self) {
        self.head.store(0, Ordering::Relaxed);
        self.past_head.store(false, Ordering::Relaxed);
    }

    /// The head is whole: what comes now is its body, which has limits of its own.
    pub fn head_is_whole(&self) {
        self.past_head.store(true, Ordering::Relaxed);
    }
}

/// What a head may take.
#[derive(Clone, Copy, Debug)]
pub struct HeadLimits {
    /// From its first byte.
    pub time: Duration,
    /// Bytes.
    pub bytes: usize,
    /// HTTP/2: looked at is only that its preface comes at all; streams have limits of their own.
    pub is_http2: bool,
}

/// A connection that is read at a pace.
pub struct Paced {
    inner: Stream,
    pace: Arc<Pace>,
    limits: HeadLimits,
    /// Runs while a head is not whole after its first bytes.
    clock: Option<Pin<Box<Sleep>>>,
    large: Option<OwnedSemaphorePermit>,
    /// Line feeds since the head began.
    lines: usize,
    /// So much of [`TOO_LARGE`] was sent.
    refused: usize,
}

impl Paced {
    /// Reads `inner` at a pace that `pace` tells of.
    pub fn new(inner: Stream, pace: Arc<Pace>, limits: HeadLimits) -> Self {
        Self {
            inner,
            pace,
            limits,
            clock: None,
            large: None,
            lines: 0,
            refused: 0,
        }
    }

    /// These bytes have come.
    fn note(&mut self, read: &[u8]) -> io::Result<()> {
        let bytes = read.len();
        if self.pace.past_head.load(Ordering::Relaxed) {
            self.clock = None;
            self.large = None;
            return Ok(());
        }
        if self.limits.is_http2 {
            let read = self.pace.head.fetch_add(bytes, Ordering::Relaxed) + bytes;
            if read >= H2_PREFACE {
                self.pace.head_is_whole();
            }
            return Ok(());
        }
        let before = self.pace.head.fetch_add(bytes, Ordering::Relaxed);
        let head = before + bytes;
        if before == 0 {
            self.lines = 0;
        }
        self.lines += read.iter().filter(|byte| **byte == b'\n').count();
        if head <= self.limits.bytes {
            self.large = None;
        } else if self.large.is_none() {
            self.large = Arc::clone(large_heads()).try_acquire_owned().ok();
            if self.large.is_none() {
                return Err(io::Error::other("too many large heads at once"));
            }
        }
        Ok(())
    }

    /// Whether an answer that is written now is pingora's own, to a head of which it does not read more. (All others
    /// come after [`Pace::head_is_whole`].)
    fn is_refused_unread(&self) -> bool {
        !self.limits.is_http2
            && !self.pace.past_head.load(Ordering::Relaxed)
            // the request line, and the line that ends the head where that came at all
            && (self.lines > LINES_READ + 1 || self.pace.head.load(Ordering::Relaxed) > BYTES_READ)
    }

    /// Sends [`TOO_LARGE`] in place of `length` bytes.
    fn poll_refuse(&mut self, cx: &mut Context<'_>, length: usize) -> Poll<io::Result<usize>> {
        while let Some(rest) = TOO_LARGE.get(self.refused..).filter(|rest| !rest.is_empty()) {
            match Pin::new(&mut self.inner).poll_write(cx, rest) {
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Poll::Ready(Ok(written)) => self.refused += written,
                other => return other,
            }
        }
        Poll::Ready(Ok(length))
    }

    /// Nothing has come. Whether a head is waited for too long.
    fn is_too_slow(&mut self, cx: &mut Context<'_>) -> bool {
        let in_head = !self.pace.past_head.load(Ordering::Relaxed)
            && (self.limits.is_http2 || self.pace.head.load(Ordering::Relaxed) > 0);
        if !in_head {
            self.clock = None;
            return false;
        }
        let time = self.limits.time;
        let clock = self
            .clock
            .get_or_insert_with(|| Box::pin(tokio::time::sleep(time)));
        clock.as_mut().poll(cx).is_ready()
    }
}

fn large_heads() -> &'static Arc<Semaphore> {
    static LARGE: OnceLock<Arc<Semaphore>> = OnceLock::new();
    LARGE.get_or_init(|| Arc::new(Semaphore::new(LARGE_HEADS)))
}

impl AsyncRead for Paced {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        match Pin::new(&mut self.inner).poll_read(cx, buf) {
            Poll::Ready(Ok(())) => {
                let read = buf.filled().get(before..).unwrap_or_default();
                Poll::Ready(self.note(read))
            }
            Poll::Pending if self.is_too_slow(cx) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            other => other,
        }
    }
}

impl AsyncWrite for Paced {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        if self.is_refused_unread() {
            return self.poll_refuse(cx, buf.len());
        }
        Pin::new(&mut self.inner).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if self.is_refused_unread() {
            let length = bufs.iter().map(|buf| buf.len()).sum();
            return self.poll_refuse(cx, length);
        }
        Pin::new(&mut self.inner).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }
}

#[async_trait]
impl Shutdown for Paced {
    async fn shutdown(&mut self) {
        Shutdown::shutdown(self.inner.as_mut()).await;
    }
}

impl UniqueID for Paced {
    fn id(&self) -> UniqueIDType {
        self.inner.id()
    }
}

impl Ssl for Paced {
    fn get_ssl(&self) -> Option<&pingora::protocols::tls::TlsRef> {
        self.inner.get_ssl()
    }

    fn get_ssl_digest(&self) -> Option<Arc<pingora::protocols::tls::SslDigest>> {
        self.inner.get_ssl_digest()
    }

    fn selected_alpn_proto(&self) -> Option<ALPN> {
        self.inner.selected_alpn_proto()
    }
}

impl GetTimingDigest for Paced {
    fn get_timing_digest(&self) -> Vec<Option<TimingDigest>> {
        self.inner.get_timing_digest()
    }

    fn get_read_pending_time(&self) -> Duration {
        self.inner.get_read_pending_time()
    }

    fn get_write_pending_time(&self) -> Duration {
        self.inner.get_write_pending_time()
    }
}

impl GetProxyDigest for Paced {
    fn get_proxy_digest(&self) -> Option<Arc<pingora::protocols::raw_connect::ProxyDigest>> {
        self.inner.get_proxy_digest()
    }
}

impl GetSocketDigest for Paced {
    fn get_socket_digest(&self) -> Option<Arc<SocketDigest>> {
        self.inner.get_socket_digest()
    }
}

#[async_trait]
impl Peek for Paced {
    async fn try_peek(&mut self, buf: &mut [u8]) -> io::Result<bool> {
        self.inner.try_peek(buf).await
    }
}

impl fmt::Debug for Paced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Paced").finish_non_exhaustive()
    }
}
