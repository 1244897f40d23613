//! The right password: what the firm's policy makes of the portal's answer.

use bytes::Bytes;
use http::header::LOCATION;
use pingora::proxy::Session;

use super::judged::Judged;
use crate::access::{Accepted, DeviceCookie, Ending, LoginOutcome, Unknown, Who, device_cookie_name, onward};
use crate::edge::door::Broken;
use crate::edge::exchange::Exchange;
use crate::edge::passage::{append_cookie, take_set_cookies};
use crate::edge::probe::Identity;
use crate::gate::Asker;
use crate::gate::login::Judgement;
use crate::gate::rules::LoginRule;
use crate::pages::Told;
use crate::vault::{Credential, Parted, Vault, Waiting};

impl Judged<'_> {
    /// The right password: what policy says.
    pub(super) async fn accepted(
        self,
        session: &mut Session,
        rule: &LoginRule,
        mut exchange: Exchange<'_>,
        read: Option<Bytes>,
    ) -> Result<(), Broken> {
        let arrival = &self.passage.arrival;
        let config = &arrival.settings.config;
        let parted = take_set_cookies(&mut exchange.head, &config.portal.rules.pass_cookies);
        let location = exchange
            .head
            .headers
            .get(LOCATION)
            .and_then(|value| value.to_str().ok());
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
        self.note(rule, Judgement::Accepted).await?;
        let (login, said, lines) = match self.identify(&parted).await? {
            Identity::Is { login, said, lines } => (login, said, lines),
            Identity::Nobody => {
                exchange.finish().await;
                return self.shut(session, "nobody_named").await;
            }
            Identity::Unknown => {
                exchange.finish().await;
                return self.portal_did_not_say(session).await;
            }
        };
        let hosts = config.cookie_hosts();
        let keep = |vault: &mut Vault| {
            self.store_into(vault, &parted);
            if let Some((lines, path)) = &lines {
                vault.main.store(lines, path, &hosts);
                vault.unproven = false;
            }
            if let Some(bearer) = &self.told.bearer {
                vault.bound.bind(Credential::Bearer, bearer.reveal().as_bytes());
            }
        };
        let name = device_cookie_name(&config.listen.public_url);
        let device = arrival.cookies.only(name).and_then(DeviceCookie::parse);
        let accepted = Accepted {
            device: device.as_ref(),
            password: self.sent.password.as_ref().map(|password| password.as_str()),
            typed: &login,
            said,
            under: &self.passage.who,
            keep: &keep,
            waiting,
            script: arrival.asker == Asker::Script,
            client: arrival.client,
            now: self.door.door.now(),
        };
        let outcome = self.settle(accepted).await?;
        self.finish(session, exchange, read, outcome, &parted).await
    }

    /// Releases or withholds the answer.
    async fn finish(
        self,
        session: &mut Session,
        mut exchange: Exchange<'_>,
        read: Option<Bytes>,
        outcome: LoginOutcome,
        parted: &Parted,
    ) -> Result<(), Broken> {
        let config = &self.passage.arrival.settings.config;
        match outcome {
            LoginOutcome::LetIn {
                token,
                deep_link,
                device,
            } => {
                if let Some(cookie) = device {
                    append_cookie(&mut exchange.head, &cookie);
                }
                self.door.door.metrics.login("let_in");
                for passed in &parted.passed {
                    append_cookie(&mut exchange.head, passed);
                }
                append_cookie(&mut exchange.head, &self.door.door.session_cookie(&token));
                self.rewrite_for_browser(&mut exchange.head)?;
                let is_redirect =
                    exchange.head.status.is_redirection() && exchange.head.headers.contains_key(LOCATION);
                if let (true, Some(deep_link)) = (is_redirect, deep_link) {
                    exchange.head.insert_header(LOCATION, deep_link)?;
                }
                self.release(exchange, read, session).await
            }
            LoginOutcome::Challenge { token } => {
                self.door.door.metrics.login("challenged");
                self.door.alert(session, &self.passage.arrival, &token).await;
                let cookie = self.door.door.session_cookie(&token);
                self.withhold(session, exchange, &Told::SecondFactor, Some(cookie))
                    .await
            }
            LoginOutcome::NotKnown => {
                self.door.door.metrics.login("not_known");
                let cookie = self.door.door.clear_session_cookie();
                self.withhold(session, exchange, &Told::NotKnown, Some(cookie))
                    .await
            }
            LoginOutcome::SomebodyElse => {
                self.door.door.metrics.login("somebody_else");
                let cookie = self.door.door.clear_session_cookie();
                let login = config.portal.rules.login_page.address(None);
                self.withhold(session, exchange, &Told::SignIn { login }, Some(cookie))
                    .await
            }
            LoginOutcome::Overtaken => {
                self.door.door.metrics.login("overtaken");
                self.withhold(session, exchange, &Told::Retry, None).await
            }
        }
    }

    async fn settle(&self, accepted: Accepted<'_>) -> Result<LoginOutcome, Unknown> {
        let outcome = self.door.door.login_accepted(accepted).await?;
        self.door.give_back(&self.sent.tickets).await?;
        Ok(outcome)
    }

    /// Who the portal says it is, asked with the jar as the login leaves it.
    async fn identify(&self, parted: &Parted) -> Result<Identity, Unknown> {
        let mut vault = Vault::default();
        if let Who::Session(live) = &self.passage.who {
            vault.main = live.vault()?.main;
        }
        self.store_into(&mut vault, parted);
        let arrival = &self.passage.arrival;
        Ok(self
            .door
            .identity(arrival, &vault.main, None, &self.told, self.sent.typed.as_ref())
            .await)
    }

    /// The portal accepted a login and then does not say whose: nothing is let through. A jar that kept its
    /// cookie across the login is thrown away with its session.
    async fn portal_did_not_say(self, session: &mut Session) -> Result<(), Broken> {
        self.door.door.metrics.portal_down();
        let cookie = match &self.passage.who {
            Who::Session(live) => match self.door.door.end_session(live).await? {
                Ending::Ended => Some(self.door.door.clear_session_cookie()),
                // Whoever was faster under it was asked about too.
                Ending::Overtaken => None,
            },
            Who::Nobody | Who::Replaced => None,
        };
        self.tell(session, &Told::PortalDown { status: 502 }, cookie)
            .await
    }
}
