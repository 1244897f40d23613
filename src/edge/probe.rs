//! Who-am-I: asking the portal itself whose session it is (I4), with the cookies of the vault.

use bytes::Bytes;
use http::header::{ACCEPT, ACCEPT_ENCODING, USER_AGENT};
use http::{HeaderValue, Method};
use pingora::http::RequestHeader;
use pingora::proxy::Session;

use super::arrival::Arrival;
use super::door::Door;
use super::exchange::Body;
use super::headers::{self, Said};
use super::passage::take_set_cookies;
use crate::access::{Ending, LiveSession, Unknown, Who};
use crate::gate::Login;
use crate::gate::login::{Answer, Told as LoginTold};
use crate::gate::whoami::{Named, WhoAmI};
use crate::pages::Told;
use crate::secret::Redacted;
use crate::vault::{Jar, Vault};

/// What the portal said, and what it set while saying so.
pub(super) struct Saying {
    /// Who it is.
    pub named: Named,
    /// Set-Cookie lines for the jar that was asked with.
    pub lines: Vec<String>,
    /// The path that was asked.
    pub path: String,
}

/// Who an accepted login is.
pub(super) enum Identity {
    /// This person.
    Is {
        /// Under this name.
        login: Login,
        /// Whether the portal itself said so.
        said: bool,
        /// What it set while saying so, and the path that was asked.
        lines: Option<(Vec<String>, String)>,
    },
    /// Nobody, though the portal was asked: the login is refused.
    Nobody,
    /// The portal did not say.
    Unknown,
}

/// What an unproven vault turned out to be.
pub(super) enum Proof {
    /// Its owner's, or nobody's: the request goes on under this session.
    Goes(Box<Who>),
    /// Another's: the session has ended.
    Ended,
    /// The portal does not say; the request was answered.
    Answered,
}

impl Door {
    /// Asks whose session a jar holds.
    pub(super) async fn ask_who(
        &self,
        arrival: &Arrival,
        probe: &WhoAmI,
        jar: &Jar,
        authorization: Option<HeaderValue>,
    ) -> Saying {
        let path = probe.path.split('?').next().unwrap_or_default();
        self.ask_with(arrival, probe, jar.header(path), authorization)
            .await
    }

    /// Asks whose session a Cookie header stands for.
    pub(super) async fn ask_with(
        &self,
        arrival: &Arrival,
        probe: &WhoAmI,
        cookie: Option<String>,
        authorization: Option<HeaderValue>,
    ) -> Saying {
        let path = probe.path.split('?').next().unwrap_or_default().to_owned();
        match self.try_asking(arrival, probe, cookie, authorization).await {
            Ok((named, lines)) => {
                self.door.metrics.probed(match named {
                    Named::Somebody(_) => "somebody",
                    Named::Nobody => "nobody",
                    Named::Unknown => "unknown",
                });
                Saying { named, lines, path }
            }
            Err(error) => {
                self.door.metrics.probed("unknown");
                tracing::warn!(request_id = arrival.request_id, error = ?error.etype(), "who-am-I is not answered");
                Saying {
                    named: Named::Unknown,
                    lines: Vec::new(),
                    path,
                }
            }
        }
    }

    async fn try_asking(
        &self,
        arrival: &Arrival,
        probe: &WhoAmI,
        cookie: Option<String>,
        authorization: Option<HeaderValue>,
    ) -> pingora::Result<(Named, Vec<String>)> {
        let config = &arrival.settings.config;
        let mut head = RequestHeader::build(Method::GET, probe.path.as_bytes(), None)?;
        head.insert_header(ACCEPT, "application/json, */*;q=0.5")?;
        head.insert_header(ACCEPT_ENCODING, "identity")?;
        head.insert_header(USER_AGENT, "doorstep")?;
        arrival.introduce(&mut head)?;
        let said = Said {
            client: arrival.client,
            identity: None,
            cookie,
            authorization,
            overrides: false,
        };
        headers::for_upstream(&mut head, said, config)?;
        let mut exchange = self.exchange(config, head, Bytes::new(), probe.timeout).await?;
        let body = match probe.reads_body() {
            true => match exchange.read_body(probe.answer_limit, probe.timeout).await? {
                Body::Whole(body) => Some(body),
                Body::TooLong => None,
            },
            false => None,
        };
        let answer = Answer {
            status: exchange.head.status.as_u16(),
            headers: &exchange.head.headers,
            body: body.as_deref(),
        };
        let named = probe.read(&answer);
        let parted = take_set_cookies(&mut exchange.head, &config.portal.rules.pass_cookies);
        exchange.finish().await;
        Ok((named, parted.kept))
    }

    /// Who an accepted login is: as who-am-I says, else as the login's answer says, else as was typed.
    pub(super) async fn identity(
        &self,
        arrival: &Arrival,
        jar: &Jar,
        authorization: Option<HeaderValue>,
        told: &LoginTold,
        typed: Option<&Login>,
    ) -> Identity {
        let Some(probe) = &arrival.settings.config.portal.rules.who_am_i else {
            return match (&told.name, typed) {
                (Some(Some(name)), _) => Identity::Is {
                    login: name.clone(),
                    said: true,
                    lines: None,
                },
                (None, Some(typed)) => Identity::Is {
                    login: typed.clone(),
                    said: false,
                    lines: None,
                },
                (Some(None), _) | (None, None) => Identity::Nobody,
            };
        };
        let bearer = told.bearer.as_ref().and_then(as_bearer);
        let saying = self.ask_who(arrival, probe, jar, authorization.or(bearer)).await;
        match saying.named {
            Named::Somebody(login) => Identity::Is {
                login,
                said: true,
                lines: Some((saying.lines, saying.path)),
            },
            Named::Nobody => Identity::Nobody,
            Named::Unknown => Identity::Unknown,
        }
    }

    /// Asks who a session is whose portal session changed outside a login, before its vault is used again.
    pub(super) async fn prove(
        &self,
        session: &mut Session,
        arrival: &Arrival,
        who: Who,
    ) -> pingora::Result<Result<Proof, Unknown>> {
        let asked = match self.ask_unproven(arrival, &who).await {
            Ok(asked) => asked,
            Err(unknown) => return Ok(Err(unknown)),
        };
        match asked {
            None => Ok(Ok(Proof::Goes(Box::new(who)))),
            Some(Named::Unknown) => {
                self.door.metrics.portal_down();
                self.tell(session, arrival, &Told::PortalDown { status: 502 }, None)
                    .await?;
                Ok(Ok(Proof::Answered))
            }
            Some(Named::Somebody(_)) => Ok(Ok(Proof::Ended)),
            // Proven: read anew, for the vault has changed.
            Some(Named::Nobody) => {
                let token = arrival.token();
                Ok(self
                    .door
                    .who(token, self.door.now())
                    .await
                    .map(|who| Proof::Goes(Box::new(who))))
            }
        }
    }

    /// `None`: there is nothing to ask. `Nobody`: its own, or signed out at the portal. `Somebody`: another's,
    /// and the session was ended.
    async fn ask_unproven(&self, arrival: &Arrival, who: &Who) -> Result<Option<Named>, Unknown> {
        let (Who::Session(live), Some(probe)) = (who, &arrival.settings.config.portal.rules.who_am_i) else {
            return Ok(None);
        };
        let Some(holder) = live.stored.record.level.holder() else {
            return Ok(None);
        };
        let vault = live.vault()?;
        if !vault.unproven {
            return Ok(None);
        }
        let saying = self.ask_who(arrival, probe, &vault.main, None).await;
        match &saying.named {
            Named::Unknown => return Ok(Some(Named::Unknown)),
            // The portal's session ran out: the doorstep session stays its owner's, who signs in again.
            Named::Nobody => {}
            Named::Somebody(name) if self.door.names_holder(name, holder).await? => {}
            Named::Somebody(name) => {
                // One that took its place meanwhile is asked about by its own next request.
                let _: Ending = self.door.end_session(live).await?;
                self.door
                    .note_drift(
                        "another_name",
                        arrival.target.path(),
                        Some(&holder.login),
                        arrival.client,
                    )
                    .await?;
                return Ok(Some(Named::Somebody(name.clone())));
            }
        }
        self.note_proven(arrival, live, &vault, &saying).await?;
        Ok(Some(Named::Nobody))
    }

    /// The vault that was asked with is proven; one that changed since is not.
    async fn note_proven(
        &self,
        arrival: &Arrival,
        live: &LiveSession,
        asked: &Vault,
        saying: &Saying,
    ) -> Result<(), Unknown> {
        let hosts = arrival.settings.config.cookie_hosts();
        let now = self.door.now();
        self.door
            .change_vault(live, now, |vault| {
                let mut changed = false;
                if vault.main == asked.main {
                    changed = vault.unproven;
                    vault.unproven = false;
                }
                vault.main.store(&saying.lines, &saying.path, &hosts) || changed
            })
            .await?;
        Ok(())
    }
}

fn as_bearer(token: &Redacted<String>) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(&format!("Bearer {}", token.reveal())).ok()?;
    value.set_sensitive(true);
    Some(value)
}
