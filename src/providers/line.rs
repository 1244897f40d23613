//! A line to a provider's JSON API: bounded in time and length, with a circuit breaker, and repeated only
//! where that does nothing twice.

use std::time::{Duration, Instant};

use reqwest::{Client, Method, Request, Response};
use serde_json::Value;
use url::Url;

use super::breaker::Breaker;
use super::http::{FAILURES_IN_A_ROW, PAUSE, TIMEOUT, client, jitter};

/// Answers longer than this are not read.
const LONGEST_ANSWER: usize = 256 * 1024;

/// Whether a call may be made twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Repeat {
    /// It only reads: once more, should the provider fail.
    Reads,
    /// It sends, makes or uses something up: once more only where no connection could be made.
    Acts,
}

/// A provider's answer below 500.
pub(super) struct Reply {
    pub(super) status: u16,
    /// `Null` where it was no JSON; never for a 2xx.
    pub(super) json: Value,
}

impl Reply {
    pub(super) fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// A text of the answer, by JSON pointer.
    pub(super) fn text(&self, pointer: &str) -> Option<&str> {
        self.json.pointer(pointer).and_then(Value::as_str)
    }

    /// A flag that some answers write as a boolean and some as a text.
    pub(super) fn is_true(&self, pointer: &str) -> bool {
        match self.json.pointer(pointer) {
            Some(Value::Bool(flag)) => *flag,
            Some(Value::String(text)) => text == "true",
            _ => false,
        }
    }

    /// A code that some answers write as a number and some as a text.
    pub(super) fn code(&self, pointer: &str) -> Option<u64> {
        match self.json.pointer(pointer)? {
            Value::Number(number) => number.as_u64(),
            Value::String(text) => text.parse().ok(),
            _ => None,
        }
    }

    /// What the provider answered, in words without anything of its own: it may repeat what it was sent.
    pub(super) fn said(&self, code: Option<u64>) -> String {
        match code {
            Some(code) => format!("it answered {}, error {code}", self.status),
            None => format!("it answered {}", self.status),
        }
    }
}

/// Why there is no answer. Holds nothing of what was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Silence {
    /// It was not asked, or said that it cannot answer.
    Unavailable(String),
    /// It was asked, and what it made of that is not known.
    Unanswered(String),
}

impl Silence {
    pub(super) fn into_words(self) -> String {
        match self {
            Self::Unavailable(why) | Self::Unanswered(why) => why,
        }
    }
}

/// A line to one provider.
pub(super) struct Line {
    client: Client,
    base: Url,
    timeout: Duration,
    breaker: Breaker,
}

impl Line {
    /// A line to the API below `base`.
    pub(super) fn new(base: &Url) -> Result<Self, String> {
        Ok(Self {
            client: client(base.scheme() == "http")?,
            base: base.clone(),
            timeout: TIMEOUT,
            breaker: Breaker::new(FAILURES_IN_A_ROW, PAUSE),
        })
    }

    #[cfg(test)]
    pub(super) fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// When all calls of one step have to have ended.
    pub(super) fn deadline(&self) -> Instant {
        Instant::now() + self.timeout
    }

    pub(super) fn host(&self) -> &str {
        self.base.host_str().unwrap_or_default()
    }

    /// A request to a path below the base; each segment is escaped.
    pub(super) fn request(&self, method: Method, segments: &[&str]) -> Request {
        let mut url = self.base.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(segments);
        }
        Request::new(method, url)
    }

    /// Asks, and asks once more where `repeat` allows it.
    pub(super) async fn call(
        &self,
        deadline: Instant,
        request: Request,
        repeat: Repeat,
    ) -> Result<Reply, Silence> {
        if !self.breaker.allows(Instant::now()) {
            return Err(Silence::Unavailable("it failed several times in a row".into()));
        }
        let reply = self.within(deadline, self.exchange(request, repeat)).await;
        match &reply {
            // 429 may be about one person only: it says nothing of the provider's health.
            Ok(reply) if reply.status == 429 => {}
            Ok(_) => self.breaker.answered(),
            Err(_) => self.breaker.failed(Instant::now()),
        }
        reply
    }

    /// Asks what the provider may hold back until there is something new: `None` where it did so until the
    /// deadline, which is no failure.
    pub(super) async fn wait(&self, deadline: Instant, request: Request) -> Result<Option<Reply>, Silence> {
        if !self.breaker.allows(Instant::now()) {
            return Err(Silence::Unavailable("it failed several times in a row".into()));
        }
        let asked = tokio::time::timeout_at(deadline.into(), self.exchange(request, Repeat::Reads)).await;
        let Ok(reply) = asked else {
            return Ok(None);
        };
        match &reply {
            Ok(_) => self.breaker.answered(),
            Err(_) => self.breaker.failed(Instant::now()),
        }
        reply.map(Some)
    }

    async fn within(
        &self,
        deadline: Instant,
        exchange: impl Future<Output = Result<Reply, Silence>>,
    ) -> Result<Reply, Silence> {
        tokio::time::timeout_at(deadline.into(), exchange)
            .await
            .unwrap_or_else(|_| Err(Silence::Unanswered("it took too long".into())))
    }

    async fn exchange(&self, request: Request, repeat: Repeat) -> Result<Reply, Silence> {
        let again = request.try_clone();
        let first = self.once(request).await;
        let worth_it = match &first {
            Ok(_) => false,
            Err((_, connected)) => repeat == Repeat::Reads || !connected,
        };
        let Some(again) = again.filter(|_| worth_it) else {
            return first.map_err(|(silence, _)| silence);
        };
        tokio::time::sleep(jitter()).await;
        self.once(again).await.map_err(|(silence, _)| silence)
    }

    /// The flag: whether anything may have reached the provider.
    async fn once(&self, request: Request) -> Result<Reply, (Silence, bool)> {
        let answer = self
            .client
            .execute(request)
            .await
            .map_err(|error| failure(&error))?;
        let status = answer.status().as_u16();
        if (300..400).contains(&status) || status >= 500 {
            let said = format!("it answered {status}");
            return Err((Silence::Unavailable(said), true));
        }
        let json = read(answer).await;
        match json {
            Some(json) => Ok(Reply { status, json }),
            None if (200..300).contains(&status) => {
                let why = "its answer cannot be read".to_owned();
                Err((Silence::Unanswered(why), true))
            }
            None => Ok(Reply {
                status,
                json: Value::Null,
            }),
        }
    }
}

/// By kind only: reqwest's own words hold the URL, and that a token or number.
fn failure(error: &reqwest::Error) -> (Silence, bool) {
    if error.is_connect() {
        (Silence::Unavailable("no connection can be made".into()), false)
    } else {
        (Silence::Unanswered("the connection broke".into()), true)
    }
}

async fn read(mut answer: Response) -> Option<Value> {
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await.ok()? {
        if body.len() + chunk.len() > LONGEST_ANSWER {
            return None;
        }
        body.extend_from_slice(&chunk);
    }
    serde_json::from_slice(&body).ok()
}
