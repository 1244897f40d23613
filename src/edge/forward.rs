//! A request on to the portal: by pingora, as a stream, or by an exchange where its body had to be read.

use std::sync::Arc;

use bytes::Bytes;
use pingora::proxy::Session;

use super::answer;
use super::arrival::Arrival;
use super::door::{Broken, Door, Step};
use super::exchange::{Exchange, strip_hop_by_hop};
use super::live::{SLOT, Watched};
use super::passage::Passage;
use super::recognise::Recognised;
use crate::access::LiveSession;
use crate::config::Config;
use crate::gate::{Credentials, Route};
use crate::pages::Told;

impl Door {
    /// Forwards by pingora, or by an exchange where the body was read.
    pub(super) async fn forward(
        &self,
        session: &mut Session,
        passage: Passage,
        body: Option<Bytes>,
    ) -> Result<Step, Broken> {
        if let Some(refused) = refuse_stream(&passage, session) {
            answer::plain(session, 403, refused).await?;
            return Ok(Step::Answered);
        }
        if let Some(live) = passage.watched() {
            watch(live, passage.route, passage.arrival.client);
        }
        match body.or_else(|| passage.may_sign_in().then(Bytes::new)) {
            None => {
                if !passage.arrival.is_upgrade && !session.as_downstream_mut().is_body_empty() {
                    let slowest = passage.arrival.settings.config.limits.bounds.slowest_body;
                    let _ = SLOT.try_with(|slot| slot.expect_body(slowest));
                }
                Ok(Step::Forward(Box::new(passage)))
            }
            Some(body) => Box::pin(self.forward_whole(session, passage, body)).await,
        }
    }

    async fn forward_whole(
        &self,
        session: &mut Session,
        passage: Passage,
        body: Bytes,
    ) -> Result<Step, Broken> {
        let mut head = session.req_header().clone();
        strip_hop_by_hop(&mut head)?;
        passage.prepare(&mut head)?;
        let config = &passage.arrival.settings.config;
        let time = config.limits.bounds.answer_timeout;
        let sent = self.exchange(config, head, body, time).await;
        let mut exchange = match sent {
            Ok(exchange) => exchange,
            Err(error) => {
                self.portal_down(session, &passage.arrival, &error).await?;
                return Ok(Step::Answered);
            }
        };
        if passage.may_sign_in() {
            exchange = match self.recognise(session, &passage, exchange).await?? {
                Recognised::Nobody(exchange) => *exchange,
                Recognised::Done => return Ok(Step::Answered),
            };
        }
        passage.conclude(&self.door, &mut exchange.head).await?;
        exchange.step_up(&passage.arrival).stream(session).await?;
        Ok(Step::Answered)
    }

    /// Sends a request whole.
    pub(super) async fn exchange(
        &self,
        config: &Config,
        head: pingora::http::RequestHeader,
        body: Bytes,
        timeout: std::time::Duration,
    ) -> pingora::Result<Exchange<'_>> {
        let peer = self.upstream.peer(&config.portal.upstream)?;
        Exchange::send(&self.connector, peer, head, body, timeout).await
    }

    /// Tells that the portal does not answer.
    pub(super) async fn portal_down(
        &self,
        session: &mut Session,
        arrival: &Arrival,
        error: &pingora::Error,
    ) -> pingora::Result<()> {
        self.door.metrics.portal_down();
        tracing::warn!(request_id = arrival.request_id, error = ?error.etype(), "the portal does not answer");
        if let pingora::ErrorType::HTTPStatus(400) = error.etype() {
            return answer::plain(session, 400, "the request cannot be forwarded").await;
        }
        let status = super::proxy::gateway_status(error);
        self.tell(session, arrival, &Told::PortalDown { status }, None)
            .await
    }
}

/// Ends this request's connection when the session ends.
pub(super) fn watch(live: &LiveSession, route: Route, client: std::net::IpAddr) {
    let watched = Watched {
        session: Arc::new(live.clone()),
        route,
        client,
    };
    let _ = SLOT.try_with(|slot| slot.watch(watched));
}

/// What is not forwarded though it was decided so, and why: upgrades, workers, another's session in the path.
fn refuse_stream(passage: &Passage, session: &Session) -> Option<&'static str> {
    let headers = &session.req_header().headers;
    if passage.carries_foreign_session() {
        return Some("the address holds a session that is not this one");
    }
    if passage.arrival.is_upgrade {
        if passage.credentials != Credentials::Vault {
            return Some("a connection is upgraded only for somebody who is signed in");
        }
        // A page of another site would speak with the cookies of this one (THREATS D5).
        let public = passage.arrival.settings.config.listen.public_url.to_string();
        let foreign = headers
            .get(http::header::ORIGIN)
            .is_some_and(|origin| origin.as_bytes() != public.as_bytes());
        if foreign {
            return Some("a page of another site cannot open a connection here");
        }
        if passage.offers_foreign_token(session.req_header()) {
            return Some("this token is not this session's");
        }
    }
    let is_worker = headers
        .get("service-worker")
        .is_some_and(|value| value == "script");
    let shared = passage.arrival.settings.config.listen.own_url.is_none();
    if is_worker && shared && passage.arrival.target.path().rfind('/') == Some(0) {
        return Some("a worker whose scope covers doorstep's own pages is not served");
    }
    None
}
