//! The recording gateway of `doorstep learn`: everything passes, cookies included, and is written on a tape.
//!
//! It guards nothing. It listens on a loopback address only, and serves requests for that address only, so that no
//! other site's page can reach the portal through it under a name of its own.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context as _;
use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderMap, Method, header};
use pingora::apps::ServerApp as _;
use pingora::http::{RequestHeader, ResponseHeader};
use pingora::protocols::Stream;
use pingora::proxy::{FailToProxy, ProxyHttp, Session, http_proxy};
use pingora::server::configuration::ServerConf;
use pingora::upstreams::peer::HttpPeer;
use pingora::{Error, ErrorType, Result};
use tokio::net::TcpListener;
use tokio::sync::watch;
use zeroize::Zeroizing;

use super::answer;
use super::messages::Messages;
use super::record_wire::{for_browser, for_portal};
use super::upstream::Upstream;
use crate::clock::{Clock as _, SystemClock};
use crate::config::{self, Origin};
use crate::learn::{Raw, RawAnswer, Tape, is_read};
use crate::vault::Bound;

/// The longest body of a request that is looked into: no login is longer.
const LONGEST_REQUEST: usize = 64 * 1024;
/// The longest answer that is looked into.
const LONGEST_ANSWER: usize = 1024 * 1024;

/// A recording gateway.
pub struct Recorder {
    listener: TcpListener,
    /// Where browsers come in.
    pub address: SocketAddr,
    taps: Taps,
    ca: Option<PathBuf>,
}

/// Who is on both sides.
pub(super) struct Wire {
    /// Where the browser takes the portal to be.
    pub here: Origin,
    /// Where the portal takes itself to be.
    pub public: Origin,
    /// Where it is.
    pub upstream: Origin,
}

struct Taps {
    wire: Wire,
    portal: config::Upstream,
    upstream: Upstream,
    tape: Arc<Tape>,
}

impl Recorder {
    /// Listens on a loopback port, 0 for any, before the portal at `upstream`.
    ///
    /// # Errors
    /// Where the port is taken, or the portal's name cannot be looked up.
    pub async fn open(
        port: u16,
        upstream: Origin,
        public: Option<Origin>,
        ca: Option<PathBuf>,
    ) -> anyhow::Result<(Self, Arc<Tape>)> {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let listener = TcpListener::bind(("127.0.0.1", port)).await.with_context(|| {
            format!("port {port} on 127.0.0.1 cannot be listened on; is something else running there?")
        })?;
        let address = listener.local_addr()?;
        let here = Origin::parse(&format!("http://{address}")).map_err(anyhow::Error::msg)?;
        let public = public.unwrap_or_else(|| here.clone());
        let tape = Arc::new(Tape::new(&upstream.to_string(), &public.to_string()));
        let portal = config::Upstream {
            origin: upstream.clone(),
            ca: ca.clone(),
        };
        let name = Upstream::default();
        name.resolve(&portal).await;
        let recorder = Self {
            listener,
            address,
            ca,
            taps: Taps {
                wire: Wire {
                    here,
                    public,
                    upstream,
                },
                portal,
                upstream: name,
                tape: Arc::clone(&tape),
            },
        };
        Ok((recorder, tape))
    }

    /// Serves until it is dropped.
    pub async fn serve(self) {
        let conf = Arc::new(ServerConf {
            ca_file: self.ca.map(|path| path.display().to_string()),
            ..ServerConf::default()
        });
        let proxy = Arc::new(http_proxy(&conf, self.taps));
        let (_stays_open, shutdown) = watch::channel(false);
        loop {
            let Ok((stream, _)) = self.listener.accept().await else {
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
                continue;
            };
            let _ = stream.set_nodelay(true);
            let (proxy, shutdown) = (Arc::clone(&proxy), shutdown.clone());
            tokio::spawn(async move {
                let mut stream: Option<Stream> =
                    Some(Box::new(pingora::protocols::l4::stream::Stream::from(stream)));
                while let Some(open) = stream.take() {
                    stream = proxy.process_new(open, &shutdown).await;
                }
            });
        }
    }
}

/// One request, while it passes.
#[derive(Default)]
pub struct Heard {
    place: Option<usize>,
    method: Method,
    target: String,
    headers: HeaderMap,
    is_upgrade: bool,
    /// What a form or a script sends; passwords stand in it.
    body: Zeroizing<Vec<u8>>,
    too_long: bool,
    messages: Messages,
    said_token: bool,
    answer: Option<(u16, HeaderMap)>,
    reads: bool,
    read: Zeroizing<Vec<u8>>,
    streams: bool,
}

impl Heard {
    /// Writes it on the tape, once.
    fn write(&mut self, tape: &Tape) {
        let Some(place) = self.place.take() else { return };
        let body = (!self.too_long).then(|| Bytes::copy_from_slice(&self.body));
        let answer = self.answer.take().map(|(status, headers)| RawAnswer {
            status,
            headers,
            body: self.reads.then(|| Bytes::copy_from_slice(&self.read)),
        });
        let raw = Raw {
            method: self.method.clone(),
            target: std::mem::take(&mut self.target),
            headers: std::mem::take(&mut self.headers),
            body,
            said_token: self.said_token,
            answer,
        };
        tape.end(place, raw, self.streams, SystemClock.now());
    }
}

#[async_trait]
impl ProxyHttp for Taps {
    type CTX = Box<Heard>;

    fn new_ctx(&self) -> Box<Heard> {
        Box::default()
    }

    async fn request_filter(&self, session: &mut Session, heard: &mut Box<Heard>) -> Result<bool> {
        session.as_downstream_mut().set_ignore_info_resp(true);
        let head = session.req_header();
        let mut hosts = head.headers.get_all(header::HOST).iter();
        let host = hosts
            .next()
            .and_then(|host| host.to_str().ok())
            .unwrap_or_default();
        if hosts.next().is_some() || !self.wire.here.is_named_by(host) {
            answer::plain(session, 421, "another host is served here").await?;
            return Ok(true);
        }
        let target = head.raw_path();
        if target.first() != Some(&b'/') {
            answer::plain(session, 400, "the request target is not in origin form").await?;
            return Ok(true);
        }
        heard.target = String::from_utf8_lossy(target).into_owned();
        heard.method = head.method.clone();
        heard.headers = head.headers.clone();
        heard.is_upgrade = head.headers.contains_key(header::UPGRADE);
        heard.place = self.tape.begin();
        Ok(false)
    }

    async fn upstream_peer(&self, _session: &mut Session, heard: &mut Box<Heard>) -> Result<Box<HttpPeer>> {
        let mut peer = self.upstream.peer(&self.portal)?;
        if heard.is_upgrade {
            Upstream::make_unshared(&mut peer);
        }
        Ok(Box::new(peer))
    }

    async fn upstream_request_filter(
        &self,
        _session: &mut Session,
        head: &mut RequestHeader,
        heard: &mut Box<Heard>,
    ) -> Result<()> {
        for_portal(head, &self.wire)?;
        // As the portal sees it: an Origin or Referer of its own.
        for name in [header::REFERER, header::ORIGIN] {
            match head.headers.get(&name) {
                Some(value) => heard.headers.insert(name, value.clone()),
                None => heard.headers.remove(name),
            };
        }
        Ok(())
    }

    async fn request_body_filter(
        &self,
        _session: &mut Session,
        body: &mut Option<Bytes>,
        _end: bool,
        heard: &mut Box<Heard>,
    ) -> Result<()> {
        let Some(bytes) = body else { return Ok(()) };
        if heard.is_upgrade && heard.answer.is_some() {
            // Nothing is bound here, so what looks like a token is one of somebody's.
            heard.said_token |= heard.messages.read(bytes, &Bound::default()).is_err();
        } else if heard.body.len() + bytes.len() <= LONGEST_REQUEST {
            heard.body.extend_from_slice(bytes);
        } else {
            heard.too_long = true;
            heard.body.clear();
        }
        Ok(())
    }

    async fn upstream_response_filter(
        &self,
        _session: &mut Session,
        head: &mut ResponseHeader,
        heard: &mut Box<Heard>,
    ) -> Result<()> {
        if head.status.is_informational() && head.status != 101 {
            return Ok(());
        }
        heard.answer = Some((head.status.as_u16(), head.headers.clone()));
        heard.reads = is_read(&head.headers) && head.status != 101;
        let events = head
            .headers
            .get(header::CONTENT_TYPE)
            .is_some_and(|kind| kind.as_bytes().starts_with(b"text/event-stream"));
        if events || head.status == 101 {
            heard.streams = true;
            self.tape.streams();
        }
        for_browser(head, &self.wire)
    }

    fn response_body_filter(
        &self,
        _session: &mut Session,
        body: &mut Option<Bytes>,
        end: bool,
        heard: &mut Box<Heard>,
    ) -> Result<Option<std::time::Duration>> {
        if heard.reads
            && let Some(bytes) = body
        {
            if heard.read.len() + bytes.len() <= LONGEST_ANSWER {
                heard.read.extend_from_slice(bytes);
            } else {
                heard.reads = false;
                heard.read.clear();
            }
        }
        if end && !heard.is_upgrade {
            // Before the browser has the last byte, so that what it asks for next comes after.
            heard.write(&self.tape);
        }
        Ok(None)
    }

    async fn fail_to_proxy(
        &self,
        session: &mut Session,
        error: &Error,
        heard: &mut Box<Heard>,
    ) -> FailToProxy {
        if session.response_written().is_none() {
            let words = "the portal does not answer; see the address that doorstep learn was given";
            // Where the browser is gone there is nobody to tell.
            let _ = answer::plain(session, 502, words).await;
        }
        heard.write(&self.tape);
        FailToProxy {
            error_code: match error.etype() {
                ErrorType::HTTPStatus(status) => *status,
                _ => 502,
            },
            can_reuse_downstream: false,
        }
    }

    fn suppress_error_log(&self, _session: &Session, _heard: &Self::CTX, _error: &Error) -> bool {
        // pingora's own line would quote the request.
        true
    }

    async fn logging(&self, _session: &mut Session, _error: Option<&Error>, heard: &mut Box<Heard>) {
        heard.write(&self.tape);
    }
}
