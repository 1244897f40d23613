//! Requests that went to phones and what became of them, and the key by which push services know us.

use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};

use super::unknown::{ANSWER, CHANGE, unreadable, within};
use super::{Directory, DirectoryUnknown};
use crate::clock::Timestamp;
use crate::gate::Login;
use crate::secret::{Purpose, Redacted};

/// After so many unanswered or declined requests within [`LOOKED_BACK`] none goes out by itself.
const UNWANTED: i64 = 3;
/// An hour, in milliseconds.
const LOOKED_BACK: i64 = 3_600_000;
/// Decisions that a phone shows.
const SHOWN: i64 = 5;

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PushOutcome {
    /// Approved.
    Approved,
    /// Declined, or the wrong number typed twice.
    Denied,
    /// Declined, and told to be none of theirs.
    Reported,
    /// Another factor was faster.
    Overtaken,
}

impl PushOutcome {
    /// The word stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Approved => "approved",
            Self::Denied => "denied",
            Self::Reported => "reported",
            Self::Overtaken => "overtaken",
        }
    }
}

/// A request to phones, as the directory keeps it.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct SentPush {
    /// Its id.
    pub id: String,
    /// The challenge that it belongs to.
    pub challenge: String,
    /// The address that signs in.
    pub address: String,
    /// The browser that signs in, roughly.
    pub browser: String,
    /// When it was sent, in milliseconds.
    pub sent: i64,
    /// Until when it can be answered.
    pub expires: i64,
    /// What became of it, in a word.
    pub outcome: Option<String>,
}

impl Directory {
    /// Records a request before it is sent. `false` where one that goes out by itself must not: three were
    /// unanswered or declined within an hour. Counted under the one write lock, so that many logins at once
    /// do not pass together.
    ///
    /// # Errors
    /// Where the directory does not answer.
    pub async fn record_push(
        &self,
        login: &Login,
        push: &SentPush,
        by_itself: bool,
    ) -> Result<bool, DirectoryUnknown> {
        within(CHANGE, async {
            let mut change = self.change(Timestamp(push.sent)).await?;
            let since = push.sent.saturating_sub(LOOKED_BACK);
            let (unwanted,) = sqlx::query_as::<_, (i64,)>(
                "SELECT COUNT(*) FROM pushes WHERE employee = (SELECT employee FROM names WHERE folded = $1) \
                 AND sent > $2 AND (outcome IS NULL OR outcome IN ('denied', 'reported'))",
            )
            .bind(login.folded())
            .bind(since)
            .fetch_one(change.db())
            .await?;
            if by_itself && unwanted >= UNWANTED {
                return Ok(false);
            }
            sqlx::query(
                "INSERT INTO pushes (id, challenge, employee, address, browser, sent, expires) \
                 SELECT $1, $2, employee, $3, $4, $5, $6 FROM names WHERE folded = $7",
            )
            .bind(push.id.as_str())
            .bind(push.challenge.as_str())
            .bind(push.address.as_str())
            .bind(push.browser.as_str())
            .bind(push.sent)
            .bind(push.expires)
            .bind(login.folded())
            .execute(change.db())
            .await?;
            change.commit().await?;
            Ok(true)
        })
        .await
    }

    /// Whether a request may go out by itself for this employee.
    ///
    /// # Errors
    /// Where the directory does not answer.
    pub async fn push_goes_by_itself(&self, login: &Login, now: Timestamp) -> Result<bool, DirectoryUnknown> {
        within(ANSWER, async {
            let (unwanted,) = sqlx::query_as::<_, (i64,)>(
                "SELECT COUNT(*) FROM pushes WHERE employee = (SELECT employee FROM names WHERE folded = $1) \
                 AND sent > $2 AND (outcome IS NULL OR outcome IN ('denied', 'reported'))",
            )
            .bind(login.folded())
            .bind(now.0.saturating_sub(LOOKED_BACK))
            .fetch_one(&self.0.reads)
            .await?;
            Ok(unwanted < UNWANTED)
        })
        .await
    }

    /// Records what became of a request, and by which phone. What was approved or reported stays that.
    ///
    /// # Errors
    /// Where the directory does not answer.
    pub async fn settle_push(
        &self,
        id: &str,
        outcome: PushOutcome,
        device: Option<&str>,
    ) -> Result<(), DirectoryUnknown> {
        within(ANSWER, async {
            sqlx::query(
                "UPDATE pushes SET outcome = $1, device = COALESCE($2, device) \
                 WHERE id = $3 AND (outcome IS NULL OR outcome = 'denied')",
            )
            .bind(outcome.as_str())
            .bind(device)
            .bind(id)
            .execute(&self.0.writes)
            .await?;
            Ok(())
        })
        .await
    }

    /// An employee's requests that wait for an answer at `now`, newest first.
    ///
    /// # Errors
    /// Where the directory does not answer.
    pub async fn waiting_pushes(
        &self,
        login: &Login,
        now: Timestamp,
    ) -> Result<Vec<SentPush>, DirectoryUnknown> {
        within(ANSWER, async {
            let rows = sqlx::query_as::<_, SentPush>(
                "SELECT id, challenge, address, browser, sent, expires, outcome FROM pushes \
                 WHERE employee = (SELECT employee FROM names WHERE folded = $1) \
                 AND expires > $2 AND outcome IS NULL ORDER BY sent DESC, id LIMIT 20",
            )
            .bind(login.folded())
            .bind(now.0)
            .fetch_all(&self.0.reads)
            .await?;
            Ok(rows)
        })
        .await
    }

    /// The last decisions made on a phone, newest first.
    ///
    /// # Errors
    /// Where the directory does not answer.
    pub async fn decided_pushes(&self, device: &str) -> Result<Vec<SentPush>, DirectoryUnknown> {
        within(ANSWER, async {
            let rows = sqlx::query_as::<_, SentPush>(
                "SELECT id, challenge, address, browser, sent, expires, outcome FROM pushes \
                 WHERE device = $1 AND outcome IS NOT NULL ORDER BY sent DESC, id LIMIT $2",
            )
            .bind(device)
            .bind(SHOWN)
            .fetch_all(&self.0.reads)
            .await?;
            Ok(rows)
        })
        .await
    }

    /// The key pair by which push services know this directory's gateways (RFC 8292), in PKCS#8: made once.
    ///
    /// # Errors
    /// Where the directory does not answer, or the key cannot be opened with the key file.
    pub async fn push_key(&self) -> Result<Redacted<Vec<u8>>, DirectoryUnknown> {
        if let Some(key) = self.kept_push_key().await? {
            return Ok(key);
        }
        let made = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new())
            .map_err(|_| DirectoryUnknown("no key pair can be made".into()))?;
        let sealed = self.keys().seal(Purpose::Factor, PUSH_KEY, made.as_ref());
        within(ANSWER, async {
            sqlx::query("INSERT INTO push_keys (one, secret) VALUES (1, $1) ON CONFLICT (one) DO NOTHING")
                .bind(sealed)
                .execute(&self.0.writes)
                .await?;
            Ok::<_, DirectoryUnknown>(())
        })
        .await?;
        // Of two gateways at once one has made it.
        self.kept_push_key()
            .await?
            .ok_or_else(|| unreadable("the push key"))
    }

    async fn kept_push_key(&self) -> Result<Option<Redacted<Vec<u8>>>, DirectoryUnknown> {
        let row = within(ANSWER, async {
            let row = sqlx::query_as::<_, (String,)>("SELECT secret FROM push_keys WHERE one = 1");
            Ok::<_, DirectoryUnknown>(row.fetch_optional(&self.0.reads).await?)
        })
        .await?;
        let open = |(sealed,): (String,)| {
            let opened = self.keys().open(Purpose::Factor, PUSH_KEY, &sealed);
            let opened = opened.map_err(|error| DirectoryUnknown(error.to_string()))?;
            Ok(Redacted::new(opened.to_vec()))
        };
        row.map(open).transpose()
    }
}

/// What the sealed key is bound to.
pub(super) const PUSH_KEY: &str = "push_keys:secret";
