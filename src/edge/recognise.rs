//! Logins that no rule sees: single sign-on, remember-me, a reset or a registration that signs in. Where the
//! portal sets its session cookie for a stranger, it is asked who that is, and a name is an accepted login (I4).

use http::header::LOCATION;
use pingora::proxy::Session;

use super::arrival::Arrival;
use super::door::Door;
use super::exchange::Exchange;
use super::headers;
use super::passage::{Passage, append_cookie, take_set_cookies};
use crate::access::{Accepted, LoginOutcome, Unknown, Who, onward};
use crate::gate::whoami::Named;
use crate::gate::{Asker, Credentials};
use crate::pages::Told;
use crate::vault::{Jar, Vault, Waiting, part};

/// What became of an answer that may have signed somebody in.
pub(super) enum Recognised<'a> {
    /// It signed nobody in: it goes on as it would.
    Nobody(Box<Exchange<'a>>),
    /// It was dealt with.
    Done,
}

impl Passage {
    /// Whether its answer may sign in somebody who is not signed in, unseen by any rule.
    pub(super) fn may_sign_in(&self) -> bool {
        let rules = &self.arrival.settings.config.portal.rules;
        rules.who_am_i.is_some()
            && !rules.session_cookies.is_empty()
            && matches!(self.credentials, Credentials::LoginJar | Credentials::PublicJar)
    }
}

impl Arrival {
    /// Whether one of these Set-Cookie lines is the portal's session.
    pub(super) fn sets_session(&self, lines: &[String]) -> bool {
        let rules = &self.settings.config.portal.rules;
        lines.iter().any(|line| {
            let name = line.split(['=', ';']).next().unwrap_or_default().trim();
            rules.is_session_cookie(name)
        })
    }
}

impl Door {
    /// Looks an answer to a stranger over before anything of it goes out.
    pub(super) async fn recognise<'a>(
        &self,
        session: &mut Session,
        passage: &Passage,
        mut exchange: Exchange<'a>,
    ) -> pingora::Result<Result<Recognised<'a>, Unknown>> {
        let arrival = &passage.arrival;
        let rules = &arrival.settings.config.portal.rules;
        let Some(probe) = &rules.who_am_i else {
            return Ok(Ok(Recognised::Nobody(Box::new(exchange))));
        };
        let lines: Vec<&[u8]> = exchange
            .head
            .headers
            .get_all(http::header::SET_COOKIE)
            .iter()
            .map(http::HeaderValue::as_bytes)
            .collect();
        let kept = part(&lines, &rules.pass_cookies).kept;
        if !arrival.sets_session(&kept) {
            return Ok(Ok(Recognised::Nobody(Box::new(exchange))));
        }
        let hosts = arrival.settings.config.cookie_hosts();
        let mut jar = match jar_of(passage) {
            Ok(jar) => jar,
            Err(unknown) => return Ok(Err(unknown)),
        };
        if !jar.store(&kept, arrival.target.path(), &hosts) {
            return Ok(Ok(Recognised::Nobody(Box::new(exchange))));
        }
        let saying = self.ask_who(arrival, probe, &jar, None).await;
        jar.store(&saying.lines, &saying.path, &hosts);
        match saying.named {
            Named::Nobody => {
                for line in &saying.lines {
                    append_cookie(&mut exchange.head, line);
                }
                Ok(Ok(Recognised::Nobody(Box::new(exchange))))
            }
            Named::Unknown => {
                exchange.finish().await;
                self.door.metrics.portal_down();
                self.tell(session, arrival, &Told::PortalDown { status: 502 }, None)
                    .await?;
                Ok(Ok(Recognised::Done))
            }
            Named::Somebody(name) => {
                self.door.metrics.login("recognised");
                let parted = take_set_cookies(&mut exchange.head, &rules.pass_cookies);
                let location = exchange
                    .head
                    .headers
                    .get(LOCATION)
                    .and_then(|value| value.to_str().ok());
                let config = &arrival.settings.config;
                let waiting = Waiting {
                    location: location.and_then(|location| {
                        onward(
                            location,
                            &arrival.target,
                            &config.listen.public_url,
                            &config.portal,
                        )
                    }),
                    cookies: parted.passed.clone(),
                };
                let keep = |vault: &mut Vault| vault.main = jar.clone();
                let accepted = Accepted {
                    device: None,
                    password: None,
                    typed: &name,
                    said: true,
                    under: &passage.who,
                    keep: &keep,
                    waiting,
                    script: arrival.asker == Asker::Script,
                    client: arrival.client,
                    now: self.door.now(),
                };
                let outcome = self.door.login_accepted(accepted).await;
                Box::pin(self.settle_recognised(session, passage, exchange, outcome, &parted.passed)).await
            }
        }
    }

    async fn settle_recognised<'a>(
        &self,
        session: &mut Session,
        passage: &Passage,
        mut exchange: Exchange<'a>,
        outcome: Result<LoginOutcome, Unknown>,
        passed: &[String],
    ) -> pingora::Result<Result<Recognised<'a>, Unknown>> {
        let (told, cookie) = match outcome {
            Ok(LoginOutcome::LetIn { token, .. }) => {
                for line in passed {
                    append_cookie(&mut exchange.head, line);
                }
                append_cookie(&mut exchange.head, &self.door.session_cookie(&token));
                headers::for_browser(&mut exchange.head, true, &passage.arrival.settings.config)?;
                exchange.step_up(&passage.arrival).stream(session).await?;
                return Ok(Ok(Recognised::Done));
            }
            Ok(LoginOutcome::Challenge { token }) => {
                self.alert(session, &passage.arrival, &token).await;
                (Told::SecondFactor, Some(self.door.session_cookie(&token)))
            }
            Ok(LoginOutcome::NotKnown) => (Told::NotKnown, Some(self.door.clear_session_cookie())),
            Ok(LoginOutcome::SomebodyElse | LoginOutcome::Overtaken) => (Told::Retry, None),
            Err(unknown) => {
                exchange.finish().await;
                return Ok(Err(unknown));
            }
        };
        // I5: nothing of the portal's answer reaches the browser.
        exchange.finish().await;
        self.tell(session, &passage.arrival, &told, cookie).await?;
        Ok(Ok(Recognised::Done))
    }
}

/// The jar that a stranger's request was made with.
fn jar_of(passage: &Passage) -> Result<Jar, Unknown> {
    let Who::Session(live) = &passage.who else {
        return Ok(Jar::default());
    };
    let vault = live.vault()?;
    Ok(match passage.credentials {
        Credentials::PublicJar => vault.public,
        Credentials::Vault | Credentials::LoginJar | Credentials::None => vault.main,
    })
}
