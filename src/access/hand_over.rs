//! A session that goes from one host to another (`own_url`): by a code that works once, within 30 s, and only in a
//! browser that holds on that host the secret under which the code was sealed.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::{Doorstep, Unknown};
use crate::clock::Timestamp;
use crate::directory::Spent;
use crate::secret::{Purpose, SessionToken, random_id};

/// How long a code works.
const LIFE: Duration = Duration::from_secs(30);
/// How long the browser may take from where it begins to where the code is made.
const BEGINNING: Duration = Duration::from_secs(120);
/// How far two gateways' clocks may be apart.
const CLOCKS_APART: Duration = Duration::from_secs(5);
/// A code is remembered as used for so long.
const REMEMBERED: Duration = Duration::from_secs(3600);
/// Tells a code from whatever else is sealed under a session's token.
const KIND: &str = "hand-over-1";
/// Where the beginning of a hand-over is sealed for.
const STATE: &str = "hand-over:state";

/// Where a session goes on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Destination {
    /// A path (and query) of the portal.
    Portal(String),
    /// An own address.
    Own(String),
}

/// A session that has arrived.
pub struct Handed {
    /// The browser's token there.
    pub token: SessionToken,
    /// Where it goes on.
    pub to: Destination,
    /// Set-Cookie values that are due there.
    pub cookies: Vec<String>,
}

#[derive(Serialize, Deserialize)]
struct Code {
    kind: String,
    nonce: String,
    expires: Timestamp,
    token: String,
    to: Destination,
    cookies: Vec<String>,
}

impl Doorstep {
    /// Makes a code for a session. `under` is a secret that the browser holds in a cookie of the host to which it
    /// goes: nobody without it can use the code, or read it.
    pub fn hand_over(
        &self,
        under: &SessionToken,
        token: &SessionToken,
        to: Destination,
        cookies: &[String],
        now: Timestamp,
    ) -> String {
        let code = Code {
            kind: KIND.to_owned(),
            nonce: random_id(),
            expires: now.plus(LIFE),
            token: token.cookie_value(),
            to,
            cookies: cookies.to_vec(),
        };
        let plain = Zeroizing::new(serde_json::to_vec(&code).unwrap_or_default());
        URL_SAFE_NO_PAD.encode(under.seal(&plain))
    }

    /// Uses a code up; `None` where it is none for this browser, was used, or ran out.
    ///
    /// # Errors
    /// Where the directory cannot answer: it may be used up, and must not count.
    pub async fn take_over(
        &self,
        under: &SessionToken,
        code: &str,
        now: Timestamp,
    ) -> Result<Option<Handed>, Unknown> {
        let read = || {
            let plain = Zeroizing::new(under.open(&URL_SAFE_NO_PAD.decode(code).ok()?)?);
            let code: Code = serde_json::from_slice(&plain).ok()?;
            let holds = now < code.expires && code.expires <= now.plus(LIFE + CLOCKS_APART);
            let token = SessionToken::parse(&code.token)?;
            (holds && code.kind == KIND).then_some((token, code))
        };
        let Some((token, code)) = read() else {
            return Ok(None);
        };
        let keep_until = code.expires.plus(REMEMBERED);
        if !self
            .directory
            .spend(Spent::HandOver, &code.nonce, keep_until)
            .await?
        {
            tracing::warn!("a code that hands a session over came a second time");
            return Ok(None);
        }
        Ok(Some(Handed {
            token,
            to: code.to,
            cookies: code.cookies,
        }))
    }

    /// What tells the other host under which secret to seal a code.
    pub fn begin_hand_over(&self, under: &SessionToken, now: Timestamp) -> String {
        let text = Zeroizing::new(format!("{}.{}", now.plus(BEGINNING).0, under.cookie_value()));
        self.keys.seal(Purpose::Token, STATE, text.as_bytes())
    }

    /// Reads what [`Self::begin_hand_over`] made; `None` where it is none, or too old.
    pub fn begun_hand_over(&self, state: &str, now: Timestamp) -> Option<SessionToken> {
        let plain = self.keys.open(Purpose::Token, STATE, state).ok()?;
        let (expires, under) = std::str::from_utf8(&plain).ok()?.split_once('.')?;
        let expires = Timestamp(expires.parse().ok()?);
        let holds = now < expires && expires <= now.plus(BEGINNING + CLOCKS_APART);
        SessionToken::parse(under).filter(|_| holds)
    }
}
