//! The exchange: a bounded request that the gateway itself sends to the portal, and whose answer it holds
//! before anything of it goes to the browser. The mechanism of logins, and of every request whose body
//! had to be read.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::{CONNECTION, CONTENT_LENGTH, EXPECT, TE, TRAILER, TRANSFER_ENCODING, UPGRADE};
use http::{HeaderName, Method, Version};
use pingora::connectors::http::Connector;
use pingora::http::{RequestHeader, ResponseHeader};
use pingora::protocols::http::client::HttpSession;
use pingora::proxy::Session;
use pingora::upstreams::peer::HttpPeer;

use super::arrival::Arrival;
use super::step_up::StepUp;
use super::upstream::IDLE_TIMEOUT;

/// Headers between one hop and the next (RFC 9110 7.6.1).
const HOP_BY_HOP: [HeaderName; 5] = [CONNECTION, TE, TRAILER, TRANSFER_ENCODING, UPGRADE];

/// An answer whose head has come.
pub struct Exchange<'a> {
    connector: &'a Connector,
    peer: HttpPeer,
    session: HttpSession,
    /// The head of the answer, hop-by-hop headers taken out.
    pub head: ResponseHeader,
    is_head: bool,
    /// The script goes into the answer.
    step_up: Option<StepUp>,
}

/// What the body of an answer came to.
#[derive(Debug, PartialEq, Eq)]
pub enum Body {
    /// All of it.
    Whole(Bytes),
    /// Longer than the limit.
    TooLong,
}

impl<'a> Exchange<'a> {
    /// Sends a request whole and reads the head of the answer; 1xx answers end here.
    ///
    /// # Errors
    /// Where the portal does not answer, or not in time.
    pub async fn send(
        connector: &'a Connector,
        peer: HttpPeer,
        mut request: RequestHeader,
        body: Bytes,
        timeout: Duration,
    ) -> pingora::Result<Self> {
        let is_head = request.method == Method::HEAD;
        strip_hop_by_hop(&mut request)?;
        request.remove_header(&EXPECT);
        request.remove_header(&CONTENT_LENGTH);
        if !body.is_empty() || request.method == Method::POST {
            request.insert_header(CONTENT_LENGTH, body.len().to_string())?;
        }
        request.set_version(Version::HTTP_11);
        let exchange = async {
            let (mut session, _reused) = connector.get_http_session(&peer).await?;
            session.write_request_header(Box::new(request)).await?;
            if !body.is_empty() {
                session.write_request_body(body, true).await?;
            }
            session.finish_request_body().await?;
            loop {
                session.read_response_header().await?;
                let Some(head) = session.response_header() else {
                    return Err(pingora::Error::explain(
                        pingora::ErrorType::InvalidHTTPHeader,
                        "the portal's answer has no head",
                    ));
                };
                if !head.status.is_informational() {
                    let head = head.clone();
                    return Ok((session, head));
                }
            }
        };
        let (session, mut head) = tokio::time::timeout(timeout, exchange).await.map_err(|_| {
            pingora::Error::explain(pingora::ErrorType::ReadTimedout, "the portal took too long")
        })??;
        strip_answer(&mut head);
        Ok(Self {
            connector,
            peer,
            session,
            head,
            is_head,
            step_up: None,
        })
    }

    /// Reads the body, up to `limit` bytes.
    ///
    /// # Errors
    /// Where the portal breaks off, or takes too long.
    pub async fn read_body(&mut self, limit: usize, timeout: Duration) -> pingora::Result<Body> {
        let read = async {
            let mut body = BytesMut::new();
            while let Some(chunk) = self.session.read_response_body().await? {
                if body.len() + chunk.len() > limit {
                    return Ok(Body::TooLong);
                }
                body.extend_from_slice(&chunk);
            }
            Ok(Body::Whole(body.freeze()))
        };
        tokio::time::timeout(timeout, read).await.map_err(|_| {
            pingora::Error::explain(pingora::ErrorType::ReadTimedout, "the portal took too long")
        })?
    }

    /// Gives the connection back for use by others; one with something left unread is closed.
    pub async fn finish(mut self) {
        if self.session.response_done() {
            self.connector
                .release_http_session(self.session, &self.peer, Some(IDLE_TIMEOUT))
                .await;
        } else {
            self.session.shutdown().await;
        }
    }

    /// Puts the script of `step_up_script` into an answer whose head is as it will go out.
    pub fn step_up(mut self, arrival: &Arrival) -> Self {
        self.step_up = StepUp::begin(arrival, &mut self.head);
        self
    }

    /// Sends the answer on to the browser: the head as it is now, the body as it comes.
    ///
    /// # Errors
    /// Where either side breaks off.
    pub async fn stream(mut self, session: &mut Session) -> pingora::Result<()> {
        let no_body = self.is_head || matches!(self.head.status.as_u16(), 204 | 304);
        if no_body {
            session
                .write_response_header(Box::new(self.head.clone()), true)
                .await?;
            self.finish().await;
            return Ok(());
        }
        if !self.head.headers.contains_key(CONTENT_LENGTH) {
            self.head.insert_header(TRANSFER_ENCODING, "chunked")?;
        }
        session
            .write_response_header(Box::new(self.head.clone()), false)
            .await?;
        while let Some(chunk) = self.session.read_response_body().await? {
            let chunk = match &mut self.step_up {
                Some(page) => page.pass(Some(chunk), false),
                None => Some(chunk),
            };
            if let Some(chunk) = chunk.filter(|chunk| !chunk.is_empty()) {
                session.write_response_body(Some(chunk), false).await?;
            }
        }
        let rest = self.step_up.as_mut().and_then(|page| page.pass(None, true));
        session.write_response_body(rest, true).await?;
        self.finish().await;
        Ok(())
    }

    /// Sends an answer on whose body was read.
    ///
    /// # Errors
    /// Where the browser breaks off.
    pub async fn send_read(mut self, session: &mut Session, body: Bytes) -> pingora::Result<()> {
        let body = match &mut self.step_up {
            Some(page) => page.pass(Some(body), true).unwrap_or_default(),
            None => body,
        };
        let no_body = self.is_head || matches!(self.head.status.as_u16(), 204 | 304);
        if !no_body {
            self.head.insert_header(CONTENT_LENGTH, body.len().to_string())?;
        }
        let sends_body = !no_body && !body.is_empty();
        session
            .write_response_header(Box::new(self.head.clone()), !sends_body)
            .await?;
        if sends_body {
            session.write_response_body(Some(body), true).await?;
        }
        self.finish().await;
        Ok(())
    }
}

/// Takes out what Connection names and what is hop-by-hop by itself: before doorstep says what it has to say, so
/// that nobody's Connection takes that away (THREATS B3).
///
/// # Errors
/// 400 where it names what the portal needs to judge the request.
pub fn strip_hop_by_hop(request: &mut RequestHeader) -> pingora::Result<()> {
    let named: Vec<String> = request
        .headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|name| name.trim().to_ascii_lowercase())
        .filter(|name| !name.is_empty() && !matches!(name.as_str(), "close" | "keep-alive"))
        .collect();
    for name in named {
        // What the portal needs to judge the request is not the client's to take away (THREATS B3).
        if matches!(
            name.as_str(),
            "host" | "cookie" | "content-type" | "content-length" | "origin" | "referer"
        ) || name.starts_with("x-forwarded-")
        {
            return Err(pingora::Error::explain(
                pingora::ErrorType::HTTPStatus(400),
                "Connection names a header that is not hop-by-hop",
            ));
        }
        request.remove_header(name.as_str());
    }
    for name in HOP_BY_HOP {
        request.remove_header(&name);
    }
    request.remove_header("keep-alive");
    request.remove_header("proxy-connection");
    Ok(())
}

fn strip_answer(head: &mut ResponseHeader) {
    for name in HOP_BY_HOP {
        head.remove_header(&name);
    }
    head.remove_header("keep-alive");
    head.remove_header("proxy-connection");
}
