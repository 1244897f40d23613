//! Client tokens of machine clients (`[[portal.exempt]]`): shown once, kept hashed.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;

use super::unknown::{ANSWER, CHANGE, within};
use super::{Actor, AuditEvent, ChangeRefused, Directory, DirectoryUnknown};
use crate::clock::Timestamp;
use crate::secret::{Redacted, hex, random_bytes};

/// What a client token begins with, so that scanners find one that leaked.
const PREFIX: &str = "doorstep_ct_";
/// The longest name of a client.
const LONGEST_NAME: usize = 64;

/// A client token, without the token.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct ClientToken {
    /// Names the client in the audit.
    pub name: String,
    /// When it was made.
    pub created: Timestamp,
    /// From when it does not count any more.
    pub expires: Option<Timestamp>,
}

impl Directory {
    /// Makes a token for the client `name`.
    ///
    /// # Errors
    /// `Duplicate`, `Invalid`, or the directory does not answer.
    pub async fn add_client_token(
        &self,
        actor: &Actor,
        name: &str,
        expires: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<Redacted<String>, ChangeRefused> {
        let fits = (1..=LONGEST_NAME).contains(&name.len())
            && name
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
        if !fits {
            let what = "a client's name is 1 to 64 letters, digits, '-', '_' or '.'";
            return Err(ChangeRefused::Invalid(what.into()));
        }
        let token = format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(random_bytes::<32>()));
        within(CHANGE, async {
            let mut change = self.change(now).await?;
            let made = sqlx::query(
                "INSERT INTO client_tokens (name, hash, created, expires) VALUES ($1, $2, $3, $4) \
                 ON CONFLICT (name) DO NOTHING",
            )
            .bind(name)
            .bind(hash(&token))
            .bind(now.0)
            .bind(expires.map(|expires| expires.0))
            .execute(change.db())
            .await?;
            if made.rows_affected() == 0 {
                return Err(ChangeRefused::Duplicate(format!(
                    "client {name} has a token already; remove it first, or choose another name"
                )));
            }
            change.audit(&event("client_token.added", actor, name)).await?;
            Ok(change.commit().await?)
        })
        .await?;
        Ok(Redacted::new(token))
    }

    /// Removes a client's token: it counts no more.
    ///
    /// # Errors
    /// `NotFound`, or the directory does not answer.
    pub async fn remove_client_token(
        &self,
        actor: &Actor,
        name: &str,
        now: Timestamp,
    ) -> Result<(), ChangeRefused> {
        within(CHANGE, async {
            let mut change = self.change(now).await?;
            let gone = sqlx::query("DELETE FROM client_tokens WHERE name = $1")
                .bind(name)
                .execute(change.db())
                .await?;
            if gone.rows_affected() == 0 {
                return Err(ChangeRefused::NotFound(format!("no client {name} has a token")));
            }
            change.audit(&event("client_token.removed", actor, name)).await?;
            Ok(change.commit().await?)
        })
        .await
    }

    /// All client tokens, in the order of their names.
    ///
    /// # Errors
    /// Where the directory does not answer.
    pub async fn client_tokens(&self) -> Result<Vec<ClientToken>, DirectoryUnknown> {
        let rows = within(ANSWER, async {
            let rows = sqlx::query_as::<_, (String, i64, Option<i64>)>(
                "SELECT name, created, expires FROM client_tokens ORDER BY name",
            );
            Ok::<_, DirectoryUnknown>(rows.fetch_all(&self.0.reads).await?)
        })
        .await?;
        let token = |(name, created, expires): (String, i64, Option<i64>)| ClientToken {
            name,
            created: Timestamp(created),
            expires: expires.map(Timestamp),
        };
        Ok(rows.into_iter().map(token).collect())
    }

    /// Whose token this is; `None` where it is nobody's, or has run out. Read from the directory itself.
    ///
    /// # Errors
    /// Where the directory does not answer.
    pub async fn client_of_token(
        &self,
        token: &str,
        now: Timestamp,
    ) -> Result<Option<String>, DirectoryUnknown> {
        if !token.starts_with(PREFIX) || token.len() > 128 {
            return Ok(None);
        }
        within(ANSWER, async {
            let row = sqlx::query_as::<_, (String,)>(
                "SELECT name FROM client_tokens WHERE hash = $1 AND (expires IS NULL OR expires > $2)",
            )
            .bind(hash(token))
            .bind(now.0)
            .fetch_optional(&self.0.reads)
            .await?;
            Ok(row.map(|(name,)| name))
        })
        .await
    }
}

/// 256 random bits need no slow hash.
fn hash(token: &str) -> String {
    hex(ring::digest::digest(&ring::digest::SHA256, token.as_bytes()).as_ref())
}

fn event(event: &'static str, actor: &Actor, name: &str) -> AuditEvent {
    AuditEvent {
        event,
        actor: actor.clone(),
        firm: None,
        login: None,
        details: json!({ "client": name }),
    }
}
