//! A wrong password.

use bytes::Bytes;
use pingora::http::ResponseHeader;
use pingora::proxy::Session;

use super::judged::Judged;
use crate::access::{Unknown, Who};
use crate::clock::Timestamp;
use crate::edge::door::Broken;
use crate::edge::exchange::Exchange;
use crate::edge::passage::{append_cookie, take_set_cookies};
use crate::gate::Credentials;
use crate::gate::login::Judgement;
use crate::gate::rules::LoginRule;
use crate::gate::whoami::Named;
use crate::pages::Told;
use crate::vault::{Vault, part};

impl Judged<'_> {
    /// A wrong password: the portal's own answer passes, unless it was given to a session that owes its factor.
    pub(super) async fn refused(
        self,
        session: &mut Session,
        rule: &LoginRule,
        mut exchange: Exchange<'_>,
        read: Option<Bytes>,
    ) -> Result<(), Broken> {
        self.door.door.metrics.login("refused");
        let now = self.door.door.now();
        if let Some(told) = self.signed_in_all_the_same(&exchange.head).await? {
            exchange.finish().await;
            if told == Told::LoginNotUnderstood {
                return self.shut(session, "refused_but_signed_in").await;
            }
            return self.tell(session, &told, None).await;
        }
        self.note(rule, Judgement::Refused).await?;
        if let (Some(_), Who::Session(live)) = (&rule.failure, &self.passage.who) {
            self.door.door.forget_tried(live, self.sent.alone, now).await?;
        }
        if self.sent.owes_factor {
            return self.refused_while_owed(session, exchange, now).await;
        }
        if let Some(cookie) = self.keep_refused(rule, &mut exchange.head, now).await? {
            append_cookie(&mut exchange.head, &cookie);
        }
        self.release(exchange, read, session).await
    }

    /// The login went up with the vault of somebody whom the portal knows, so its answer may show what is
    /// theirs: it is withheld as the first one was (I5).
    async fn refused_while_owed(
        self,
        session: &mut Session,
        mut exchange: Exchange<'_>,
        now: Timestamp,
    ) -> Result<(), Broken> {
        let config = &self.passage.arrival.settings.config;
        let parted = take_set_cookies(&mut exchange.head, &config.portal.rules.pass_cookies);
        let keep = |vault: &mut Vault| self.store_into(vault, &parted);
        if let Who::Session(live) = &self.passage.who {
            self.door.door.change_vault(live, now, keep).await?;
        }
        self.withhold(session, exchange, &Told::SecondFactor, None).await
    }

    async fn keep_refused(
        &self,
        rule: &LoginRule,
        head: &mut ResponseHeader,
        now: Timestamp,
    ) -> Result<Option<String>, Unknown> {
        let config = &self.passage.arrival.settings.config;
        if !matches!(self.passage.who, Who::Nobody) {
            self.passage.conclude(&self.door.door, head).await?;
            return Ok(None);
        }
        // The first login of a browser without a session: what it leaves in the jar is this name's.
        let parted = take_set_cookies(head, &config.portal.rules.pass_cookies);
        for passed in &parted.passed {
            append_cookie(head, passed);
        }
        self.rewrite_for_browser(head)?;
        let mut vault = Vault::default();
        if !self.store_into(&mut vault, &parted) {
            return Ok(None);
        }
        let typed = self.sent.typed.as_ref().filter(|_| rule.failure.is_none());
        let tried = typed.map(|typed| typed.folded().to_owned());
        let token = self
            .door
            .door
            .begin_anonymous(&vault, tried, self.passage.arrival.client, now)
            .await?;
        Ok(token.map(|token| self.door.door.session_cookie(&token)))
    }

    /// A login that the rule takes for refused, but whose answer sets the portal's session for a stranger: what
    /// to tell, where that signed somebody in after all, or nobody can say.
    async fn signed_in_all_the_same(&self, head: &ResponseHeader) -> Result<Option<Told>, Unknown> {
        let arrival = &self.passage.arrival;
        let rules = &arrival.settings.config.portal.rules;
        let lines: Vec<&[u8]> = head
            .headers
            .get_all(http::header::SET_COOKIE)
            .iter()
            .map(http::HeaderValue::as_bytes)
            .collect();
        let parted = part(&lines, &rules.pass_cookies);
        let (Some(probe), Credentials::LoginJar) = (&rules.who_am_i, self.passage.credentials) else {
            return Ok(None);
        };
        let mut vault = match &self.passage.who {
            Who::Session(live) => live.vault()?,
            Who::Nobody | Who::Replaced => Vault::default(),
        };
        if !arrival.sets_session(&parted.kept) || !self.store_into(&mut vault, &parted) {
            return Ok(None);
        }
        Ok(
            match self.door.ask_who(arrival, probe, &vault.main, None).await.named {
                Named::Nobody => None,
                Named::Somebody(_) => Some(Told::LoginNotUnderstood),
                Named::Unknown => Some(Told::PortalDown { status: 502 }),
            },
        )
    }
}
