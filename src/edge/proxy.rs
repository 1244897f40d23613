//! pingora's hooks, each of which only calls a named step.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use pingora::apps::{HttpServerApp, HttpServerOptions, ReusedHttpStream};
use pingora::http::{RequestHeader, ResponseHeader};
use pingora::protocols::Digest;
use pingora::protocols::http::ServerSession;
use pingora::protocols::http::v2::server::H2Options;
use pingora::proxy::{FailToProxy, HttpProxy, ProxyHttp, Session};
use pingora::server::ShutdownWatch;
use pingora::upstreams::peer::HttpPeer;
use pingora::{Error, ErrorSource, ErrorType, Result};

use super::answer;
use super::door::Door;
use super::live::{SLOT, Slot};
use super::pace::PACE;
use super::passage::Passage;
use super::refuse::set_cookie;
use super::step_up::StepUp;
use super::upstream::Upstream;
use crate::gate::Asker;
use crate::pages::{Told, told};

/// What is known of a request so far: nothing, or that it is forwarded.
#[derive(Default)]
pub struct Known {
    passage: Option<Box<Passage>>,
    /// The script goes into its answer.
    step_up: Option<StepUp>,
}

/// The proxy's hooks.
pub struct Hooks(pub Arc<Door>);

#[async_trait]
impl ProxyHttp for Hooks {
    type CTX = Known;

    fn new_ctx(&self) -> Known {
        Known::default()
    }

    async fn request_filter(&self, session: &mut Session, known: &mut Known) -> Result<bool> {
        known.passage = self.0.receive(session).await?;
        Ok(known.passage.is_none())
    }

    async fn upstream_peer(&self, _session: &mut Session, known: &mut Known) -> Result<Box<HttpPeer>> {
        let arrival = &forwarded(known)?.arrival;
        let mut peer = self.0.upstream.peer(&arrival.settings.config.portal.upstream)?;
        if arrival.is_upgrade {
            Upstream::make_unshared(&mut peer);
        }
        Ok(Box::new(peer))
    }

    async fn connected_to_upstream(
        &self,
        _session: &mut Session,
        _reused: bool,
        _peer: &HttpPeer,
        line: std::os::fd::RawFd,
        _digest: Option<&Digest>,
        _known: &mut Known,
    ) -> Result<()> {
        let _ = SLOT.try_with(|slot| slot.await_answer(Some(line)));
        Ok(())
    }

    async fn upstream_request_filter(
        &self,
        _session: &mut Session,
        head: &mut RequestHeader,
        known: &mut Known,
    ) -> Result<()> {
        forwarded(known)?.prepare(head)
    }

    async fn request_body_filter(
        &self,
        _session: &mut Session,
        body: &mut Option<bytes::Bytes>,
        end: bool,
        known: &mut Known,
    ) -> Result<()> {
        let _ = SLOT.try_with(|slot| slot.note_body(body.as_ref().map_or(0, bytes::Bytes::len), end));
        let Some(passage) = known.passage.as_deref_mut() else {
            return Ok(());
        };
        passage.look_through(body, end).map_err(|named| {
            self.0.door.metrics.refused("names_somebody");
            Error::explain(ErrorType::HTTPStatus(400), named.to_string())
        })?;
        let Some(bytes) = body else {
            return Ok(());
        };
        passage.overhear(bytes).map_err(|_| {
            self.0.door.metrics.refused("foreign_token");
            Error::explain(ErrorType::HTTPStatus(403), "a token that is not this session's")
        })
    }

    async fn upstream_response_filter(
        &self,
        _session: &mut Session,
        head: &mut ResponseHeader,
        known: &mut Known,
    ) -> Result<()> {
        let is_begun = !head.status.is_informational() || head.status == 101;
        let _ = SLOT.try_with(|slot| match is_begun {
            true => slot.await_answer(None),
            false => slot.note_work(),
        });
        if !is_begun {
            // It ends here, or goes to somebody who waits for it (100) with nothing in it.
            let names: Vec<_> = head.headers.keys().cloned().collect();
            for name in names {
                head.remove_header(&name);
            }
            return Ok(());
        }
        let passage = forwarded(known)?;
        if may_never_end(head) {
            let _ = SLOT.try_with(|slot| slot.note_stream());
        }
        passage.conclude(&self.0.door, head).await.map_err(|unknown| {
            self.0.door.metrics.unknown(&unknown);
            tracing::error!(request_id = passage.arrival.request_id, error = %unknown, "an answer is held back");
            Error::new(ErrorType::HTTPStatus(503))
        })?;
        known.step_up = StepUp::begin(&forwarded(known)?.arrival, head);
        Ok(())
    }

    fn upstream_response_body_filter(
        &self,
        _session: &mut Session,
        body: &mut Option<bytes::Bytes>,
        is_last: bool,
        known: &mut Known,
    ) -> Result<Option<Duration>> {
        if let Some(page) = &mut known.step_up {
            *body = page.pass(body.take(), is_last);
        }
        Ok(None)
    }

    fn error_while_proxy(
        &self,
        _peer: &HttpPeer,
        session: &mut Session,
        mut error: Box<Error>,
        _known: &mut Known,
        reused: bool,
    ) -> Box<Error> {
        if SLOT.try_with(|slot| slot.is_late()).unwrap_or_default() {
            let mut late = Error::explain(ErrorType::ReadTimedout, "the portal did not begin its answer");
            late.set_retry(false);
            return late.into_up();
        }
        let _ = SLOT.try_with(|slot| slot.await_answer(None));
        if session.req_header().method.is_idempotent() && !session.as_ref().retry_buffer_truncated() {
            error.retry.decide_reuse(reused);
        } else {
            error.set_retry(false);
        }
        error
    }

    async fn fail_to_proxy(&self, session: &mut Session, error: &Error, known: &mut Known) -> FailToProxy {
        let request_id = known
            .passage
            .as_ref()
            .map(|passage| passage.arrival.request_id.as_str());
        tracing::info!(request_id, error = ?error.etype(), side = ?error.esource(), "broken off");
        let failed = FailToProxy {
            error_code: gateway_status(error),
            can_reuse_downstream: false,
        };
        if session.response_written().is_some() {
            return failed;
        }
        if is_clients_fault(error) {
            // Where the client is gone there is nobody to tell.
            let _ = answer::plain(session, 400, "the request is malformed").await;
            return failed;
        }
        if error.esource() == &ErrorSource::Downstream {
            return failed;
        }
        let status = gateway_status(error);
        let what = match status {
            503 => Told::CannotTell,
            status => {
                self.0.door.metrics.portal_down();
                Told::PortalDown { status }
            }
        };
        let (asker, name) = match &known.passage {
            Some(passage) => (
                passage.arrival.asker,
                passage.arrival.settings.config.portal.name.clone(),
            ),
            None => (Asker::Page, String::new()),
        };
        session.set_keepalive(None);
        let mut answer = told(&what, asker, &name, self.0.door.now());
        for cookie in known
            .passage
            .iter()
            .flat_map(|passage| &passage.arrival.collected)
        {
            set_cookie(&mut answer, Some(cookie.clone()));
        }
        if let Err(gone) = answer::write(session, answer).await {
            tracing::debug!(error = ?gone.etype(), "the browser is gone");
        }
        failed
    }

    fn suppress_error_log(&self, _session: &Session, _known: &Known, _error: &Error) -> bool {
        // pingora's own line would quote the request.
        true
    }
}

/// 503 where our own stores failed, 504 where the portal was too slow, 502 otherwise.
pub(super) fn gateway_status(error: &Error) -> u16 {
    match error.etype() {
        ErrorType::HTTPStatus(status) => *status,
        ErrorType::ConnectTimedout
        | ErrorType::ReadTimedout
        | ErrorType::WriteTimedout
        | ErrorType::TLSHandshakeTimedout => 504,
        _ => 502,
    }
}

/// The head or the body's framing cannot be read, or `Connection` names what is not hop-by-hop.
fn is_clients_fault(error: &Error) -> bool {
    let malformed = matches!(
        error.etype(),
        ErrorType::InvalidHTTPHeader | ErrorType::HTTPStatus(400)
    ) || error.etype().as_str() == "InvalidChunk";
    malformed && error.esource() != &ErrorSource::Upstream
}

fn forwarded(known: &Known) -> Result<&Passage> {
    known
        .passage
        .as_deref()
        .ok_or_else(|| Error::explain(ErrorType::InternalError, "nothing was decided"))
}

/// A WebSocket or an event stream.
fn may_never_end(head: &ResponseHeader) -> bool {
    head.status == 101
        || head
            .headers
            .get(http::header::CONTENT_TYPE)
            .is_some_and(|value| value.as_bytes().starts_with(b"text/event-stream"))
}

/// pingora's proxy, each request of which ends when its session does (I13).
pub struct Guarded {
    /// The proxy.
    pub proxy: Arc<HttpProxy<Hooks>>,
    /// What serves requests.
    pub door: Arc<Door>,
}

#[async_trait]
impl HttpServerApp for Guarded {
    async fn process_new_http(
        self: &Arc<Self>,
        session: ServerSession,
        shutdown: &ShutdownWatch,
    ) -> Option<ReusedHttpStream> {
        let _ = PACE.try_with(|pace| pace.expect_head());
        let slot = Arc::new(Slot::default());
        let served = SLOT.scope(Arc::clone(&slot), self.proxy.process_new_http(session, shutdown));
        tokio::select! {
            biased;
            reusable = served => reusable,
            () = slot.must_close(&self.door.door, &self.door.stop, &self.door.upstream.lines) => None,
        }
    }

    async fn http_cleanup(&self) {
        self.proxy.http_cleanup().await;
    }

    fn server_options(&self) -> Option<&HttpServerOptions> {
        self.proxy.server_options()
    }

    fn h2_options(&self) -> Option<H2Options> {
        self.proxy.h2_options()
    }
}
