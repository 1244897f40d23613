//! A login whose answer was judged: what all three verdicts share, and the answer that fits none.

use bytes::Bytes;
use pingora::http::ResponseHeader;
use pingora::proxy::Session;
use zeroize::Zeroizing;

use crate::access::{Alone, Unknown};
use crate::edge::door::{Broken, Door};
use crate::edge::exchange::Exchange;
use crate::edge::headers;
use crate::edge::passage::Passage;
use crate::gate::Login;
use crate::gate::login::{Judgement, Told as LoginTold};
use crate::gate::rules::LoginRule;
use crate::pages::Told;
use crate::sessions::{StoreUnknown, Ticket};
use crate::vault::{Parted, Vault};

/// What is known of a login when it is sent.
pub(super) struct Sent {
    pub typed: Option<Login>,
    /// Kept only as digests, for remembered devices.
    pub password: Option<Zeroizing<String>>,
    pub alone: Alone,
    pub owes_factor: bool,
    pub tickets: Vec<Ticket>,
}

/// A login whose answer was judged.
pub(super) struct Judged<'a> {
    pub door: &'a Door,
    pub passage: Passage,
    pub sent: Sent,
    pub told: LoginTold,
}

impl Judged<'_> {
    pub(super) fn store_into(&self, vault: &mut Vault, parted: &Parted) -> bool {
        let config = &self.passage.arrival.settings.config;
        let hosts = [
            config.listen.public_url.host(),
            config.portal.upstream.origin.host(),
        ];
        vault
            .main
            .store(&parted.kept, self.passage.arrival.target.path(), &hosts)
    }

    /// I5: nothing of the portal's answer reaches the browser.
    pub(super) async fn withhold(
        &self,
        session: &mut Session,
        exchange: Exchange<'_>,
        told: &Told,
        cookie: Option<String>,
    ) -> Result<(), Broken> {
        exchange.finish().await;
        self.tell(session, told, cookie).await
    }

    pub(super) async fn tell(
        &self,
        session: &mut Session,
        told: &Told,
        cookie: Option<String>,
    ) -> Result<(), Broken> {
        Ok(self
            .door
            .tell(session, &self.passage.arrival, told, cookie)
            .await?)
    }

    /// The answer fits neither success nor failure: it is shut, its jar thrown away, and reported.
    pub(super) async fn neither(self, session: &mut Session, rule: &LoginRule) -> Result<(), Broken> {
        self.note(rule, Judgement::Neither).await?;
        self.shut(session, "neither").await
    }

    /// Counts how the login was judged.
    pub(super) async fn note(&self, rule: &LoginRule, judgement: Judgement) -> Result<(), Unknown> {
        let client = self.passage.arrival.client;
        self.door
            .door
            .note_judged(rule.path.as_str(), judgement, client)
            .await
    }

    pub(super) async fn shut(self, session: &mut Session, reason: &'static str) -> Result<(), Broken> {
        let Passage { arrival, who, .. } = &self.passage;
        let typed = self.sent.typed.as_ref();
        self.door
            .shut_login(session, arrival, who, typed, reason)
            .await??;
        Ok(())
    }

    /// Releases the portal's own answer.
    pub(super) async fn release(
        &self,
        exchange: Exchange<'_>,
        read: Option<Bytes>,
        session: &mut Session,
    ) -> Result<(), Broken> {
        let exchange = exchange.step_up(&self.passage.arrival);
        match read {
            Some(body) => exchange.send_read(session, body).await?,
            None => exchange.stream(session).await?,
        }
        Ok(())
    }

    pub(super) fn rewrite_for_browser(&self, head: &mut ResponseHeader) -> Result<(), Unknown> {
        headers::for_browser(head, true, &self.passage.arrival.settings.config)
            .map_err(|_| StoreUnknown("an answer's head cannot be rewritten".into()).into())
    }
}
