//! What a session keeps sealed: reading it, and changing it while others change it too.

use super::{Doorstep, LiveSession, Unknown};
use crate::clock::Timestamp;
use crate::secret::{Purpose, SessionToken};
use crate::sessions::{
    Allowance, Level, LimitKey, SessionRecord, Slot, StoreUnknown, VaultWrite, limited_network,
};
use crate::vault::Vault;

/// How often a lost compare-and-set of a vault is tried again: each loss is another request's gain, so
/// this many browser requests would have to answer at once.
pub(super) const TRIES: usize = 64;

impl LiveSession {
    /// The session's vault. One that does not open under the session's own token is unknown, not empty.
    ///
    /// # Errors
    /// Where the vault was not sealed under this token.
    pub fn vault(&self) -> Result<Vault, Unknown> {
        open(&self.token, &self.stored.vault)
    }
}

/// Opens a sealed vault.
pub(super) fn open(token: &SessionToken, sealed: &[u8]) -> Result<Vault, Unknown> {
    Vault::open(token, sealed)
        .ok_or_else(|| StoreUnknown("a vault does not open under its session's token".into()).into())
}

impl Doorstep {
    /// Changes a session's vault: `change` is applied to the newest vault, again where somebody else was
    /// faster, and says whether anything changed. `false` where the session is gone: nothing was kept.
    ///
    /// # Errors
    /// Where the store cannot answer.
    pub async fn change_vault(
        &self,
        session: &LiveSession,
        now: Timestamp,
        change: impl Fn(&mut Vault) -> bool + Send + Sync,
    ) -> Result<bool, Unknown> {
        let mut sealed = session.stored.vault.clone();
        let mut version = session.stored.vault_version;
        let id = &session.stored.record.id;
        for _ in 0..TRIES {
            let mut vault = open(&session.token, &sealed)?;
            if !change(&mut vault) {
                return Ok(true);
            }
            match self
                .store
                .write_vault(id, &vault.seal(&session.token), version, now)
                .await?
            {
                VaultWrite::Written(_) => return Ok(true),
                VaultWrite::Gone => return Ok(false),
                VaultWrite::Conflict => {}
            }
            match self.store.session(id, now).await? {
                Slot::Live(stored) => {
                    sealed = stored.vault;
                    version = stored.vault_version;
                }
                Slot::Absent | Slot::Replaced => return Ok(false),
            }
        }
        Err(StoreUnknown("a vault changed too often to be written".into()).into())
    }

    /// Begins an anonymous session that keeps `vault`. `None` where too many began at the client's address: then
    /// nothing is kept for newcomers, and whoever has a session notices nothing.
    ///
    /// # Errors
    /// Where the store cannot answer.
    pub async fn begin_anonymous(
        &self,
        vault: &Vault,
        tried: Option<String>,
        client: std::net::IpAddr,
        now: Timestamp,
    ) -> Result<Option<SessionToken>, Unknown> {
        let token = SessionToken::random();
        let (idle, absolute, limit) = {
            let settings = self.settings.load();
            (
                settings.config.sessions.idle_timeout,
                settings.config.sessions.absolute_timeout,
                settings.config.limits.bounds.new_sessions_per_address,
            )
        };
        let network = limited_network(client);
        let key = LimitKey {
            name: "new_sessions_per_address",
            subject: self.keys.keyed_hash(Purpose::Limit, network.as_bytes()),
        };
        if let Allowance::Refused { .. } = self.store.take(&key, limit, now).await? {
            self.metrics.refused("new_sessions");
            return Ok(None);
        }
        let record = SessionRecord {
            id: token.id(),
            level: Level::Anonymous { tried },
            since: now,
            last_seen: now,
            idle_until: now.plus(idle),
            ends: now.plus(absolute),
            address: client,
        };
        self.store.create(&record, &vault.seal(&token), now).await?;
        Ok(Some(token))
    }
}
