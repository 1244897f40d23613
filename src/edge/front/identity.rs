//! Whom the portal takes a browser for: who-am-I, asked with the very credentials that the request would bring.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::header::{AUTHORIZATION, COOKIE};
use http::{HeaderMap, HeaderValue};
use ring::digest::{SHA256, digest};

use crate::access::Unknown;
use crate::clock::Timestamp;
use crate::edge::arrival::Arrival;
use crate::edge::door::Door;
use crate::gate::Login;
use crate::gate::whoami::{Named, WhoAmI};
use crate::secret::random_bytes;
use crate::vault::is_own_cookie;

/// How long an answer of the portal's is believed for the same credentials: as long as a gateway may believe its
/// copies of the directory (I10), so that a page with its scripts and pictures asks once, and a logout at the
/// portal is noticed as soon as a change in the directory.
const BELIEVED: Duration = Duration::from_secs(1);
/// So many are remembered before those that are too old are swept out.
const SWEEP_AT: usize = 4096;

/// Whom the portal takes a request for.
#[derive(Clone)]
pub(super) enum Identified {
    Somebody {
        /// As the portal says.
        name: Login,
        /// As the directory knows them; the same where it does not.
        login: Login,
    },
    Nobody,
    /// The cookies are one person's and the `Authorization` another's.
    Several,
    /// The cookies are somebody's, and the `Authorization` nobody's that who-am-I knows.
    Doubtful,
    /// The portal did not say.
    Unknown,
}

type Slot = Arc<tokio::sync::Mutex<Option<(Timestamp, Identified)>>>;

/// What the portal said within the last second, by a digest of the credentials.
pub struct Identities {
    key: [u8; 32],
    known: Mutex<HashMap<[u8; 32], Slot>>,
}

impl Default for Identities {
    fn default() -> Self {
        Self {
            key: random_bytes(),
            known: Mutex::default(),
        }
    }
}

impl Identities {
    fn slot(&self, credentials: &Credentials) -> Slot {
        let mut bytes = self.key.to_vec();
        bytes.extend_from_slice(credentials.cookie.as_deref().unwrap_or_default().as_bytes());
        bytes.push(0);
        bytes.extend_from_slice(
            credentials
                .authorization
                .as_ref()
                .map_or(&[][..], |value| value.as_bytes()),
        );
        let mut key = [0_u8; 32];
        key.copy_from_slice(digest(&SHA256, &bytes).as_ref());
        let Ok(mut known) = self.known.lock() else {
            return Slot::default();
        };
        if known.len() >= SWEEP_AT {
            // What somebody waits for is held by them as well.
            known.retain(|_, slot| Arc::strong_count(slot) > 1);
        }
        Arc::clone(known.entry(key).or_default())
    }
}

/// What a request would bring to the portal.
pub(super) struct Credentials {
    /// The Cookie header without doorstep's own.
    pub cookie: Option<String>,
    pub authorization: Option<HeaderValue>,
}

impl Credentials {
    /// `None`: cookies that are no text, which nobody can ask with.
    pub fn of(headers: &HeaderMap) -> Option<Self> {
        let mut pieces = Vec::new();
        for line in headers.get_all(COOKIE) {
            let line = std::str::from_utf8(line.as_bytes()).ok()?;
            let theirs = |piece: &&str| !is_own_cookie(piece.split('=').next().unwrap_or_default().trim());
            pieces.extend(line.split(';').filter(theirs));
        }
        let cookie = pieces.join(";").trim().to_owned();
        Some(Self {
            cookie: Some(cookie).filter(|cookie| !cookie.is_empty()),
            authorization: headers.get(AUTHORIZATION).cloned(),
        })
    }
}

/// I4: what is one person's by the cookies has to be theirs by the `Authorization` too. Cookies that are nobody's
/// are as good as none; an `Authorization` that is nobody's may be somebody's on other pages.
fn agreed(both: Identified, by_cookie: &Identified, by_header: &Identified) -> Identified {
    use Identified::{Doubtful, Nobody, Several, Somebody, Unknown};
    let Somebody { login: one, .. } = by_header else {
        return match (both, by_cookie, by_header) {
            (Unknown, ..) | (_, Unknown, _) | (.., Unknown) => Unknown,
            (Nobody, Nobody, _) => Nobody,
            _ => Doubtful,
        };
    };
    let is_theirs = |login: &Login| login.folded() == one.folded();
    match (&both, by_cookie) {
        (Unknown, _) | (_, Unknown) => Unknown,
        (Somebody { login, .. }, Nobody) if is_theirs(login) => both,
        (Somebody { login, .. }, Somebody { login: other, .. }) if is_theirs(login) && is_theirs(other) => {
            both
        }
        _ => Several,
    }
}

impl Door {
    /// Whom the portal takes the bearer of these credentials for. Whoever brings none is nobody.
    pub(super) async fn identified(
        &self,
        arrival: &Arrival,
        credentials: &Credentials,
    ) -> Result<Identified, Unknown> {
        let Some(probe) = &arrival.settings.config.portal.rules.who_am_i else {
            return Ok(Identified::Unknown);
        };
        if credentials.cookie.is_none() && credentials.authorization.is_none() {
            return Ok(Identified::Nobody);
        }
        let slot = self.identities.slot(credentials);
        // Requests with the same credentials wait for one answer.
        let mut known = slot.lock().await;
        if let Some((at, identified)) = &*known
            && self.door.now().since(*at) < BELIEVED
        {
            return Ok(identified.clone());
        }
        // From before it was asked: what it says may be as old.
        let at = self.door.now();
        let cookie = credentials.cookie.as_ref();
        let authorization = credentials.authorization.as_ref();
        let both = self.named(arrival, probe, cookie, authorization);
        let identified = if cookie.is_some() && authorization.is_some() {
            // The page that is asked for may heed another one of the two than who-am-I does.
            let by_cookie = self.named(arrival, probe, cookie, None);
            let by_header = self.named(arrival, probe, None, authorization);
            let (both, by_cookie, by_header) = tokio::try_join!(both, by_cookie, by_header)?;
            agreed(both, &by_cookie, &by_header)
        } else {
            both.await?
        };
        *known = Some((at, identified.clone()));
        Ok(identified)
    }

    async fn named(
        &self,
        arrival: &Arrival,
        probe: &WhoAmI,
        cookie: Option<&String>,
        authorization: Option<&HeaderValue>,
    ) -> Result<Identified, Unknown> {
        let saying = self
            .ask_with(arrival, probe, cookie.cloned(), authorization.cloned())
            .await;
        Ok(match saying.named {
            Named::Nobody => Identified::Nobody,
            Named::Unknown => Identified::Unknown,
            Named::Somebody(name) => {
                let employee = self.door.directory.employee(&name).await.map_err(Unknown::from)?;
                let login = employee.map_or_else(|| name.clone(), |employee| employee.standing.login);
                Identified::Somebody { name, login }
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(word: &str) -> Identified {
        match word {
            "-" => Identified::Nobody,
            "?" => Identified::Unknown,
            name => {
                let name = Login::parse(name).unwrap();
                let login = name.clone();
                Identified::Somebody { name, login }
            }
        }
    }

    fn told(identified: &Identified) -> &str {
        match identified {
            Identified::Nobody => "-",
            Identified::Unknown => "?",
            Identified::Several => "several",
            Identified::Doubtful => "doubtful",
            Identified::Somebody { login, .. } => login.folded(),
        }
    }

    #[test]
    fn i4_i9_cookies_and_authorization_agree_or_pass_for_nobody() {
        // together, by the cookies alone, by the header alone
        for (both, by_cookie, by_header, expected) in [
            ("anna", "anna", "anna", "anna"),
            ("anna", "-", "Anna", "anna"),
            ("anna", "anna", "-", "doubtful"),
            ("anna", "-", "-", "doubtful"),
            ("-", "anna", "-", "doubtful"),
            ("anna", "anna", "ben", "several"),
            ("ben", "anna", "ben", "several"),
            ("ben", "-", "anna", "several"),
            ("-", "-", "anna", "several"),
            ("-", "-", "-", "-"),
            ("?", "anna", "anna", "?"),
            ("anna", "?", "anna", "?"),
            ("anna", "anna", "?", "?"),
            ("-", "-", "?", "?"),
        ] {
            let got = agreed(read(both), &read(by_cookie), &read(by_header));
            assert_eq!(told(&got), expected, "{both} {by_cookie} {by_header}");
        }
    }
}
