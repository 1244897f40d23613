//! Tokens of the admin API. A token is 256 random bits; the directory knows only its SHA-256.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest;
use serde_json::{Value, json};

use super::change::{Change, shown_text};
use super::unknown::{ANSWER, CHANGE, within};
use super::{Actor, AuditEvent, ChangeRefused, Directory, DirectoryUnknown};
use crate::clock::Timestamp;
use crate::secret::{Redacted, hex, random_bytes, random_id};

/// What a token begins with, so that scanners for leaked secrets know it.
const PREFIX: &str = "doorstep_";
/// The name under which the token of `[ops] token_file` stands in the audit: no other may bear it.
const RESERVED: &str = "ops";

/// A token of the admin API, without the token itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiToken {
    /// Its id.
    pub id: String,
    /// What it is called, in the audit too.
    pub name: String,
    /// What it may do; words that [`crate::ops`] knows.
    pub scopes: Vec<String>,
    /// When it was made.
    pub created: Timestamp,
    /// Worth nothing from then on.
    pub expires: Option<Timestamp>,
}

impl Directory {
    /// Makes a token. It is given out here, once.
    ///
    /// # Errors
    /// `Duplicate` (the name), `Invalid`, or the directory does not answer.
    pub async fn add_api_token(
        &self,
        actor: &Actor,
        name: &str,
        scopes: &[String],
        expires: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<(ApiToken, Redacted<String>), ChangeRefused> {
        let name = shown_text("a token's name", name)?;
        if name.is_empty() || name.chars().count() > 64 {
            return Err(ChangeRefused::Invalid(
                "a token's name has 1 to 64 characters".into(),
            ));
        }
        if name == RESERVED {
            return Err(taken(&name));
        }
        let (secret, hash) = new_token();
        let token = ApiToken {
            id: random_id(),
            name,
            scopes: scopes.to_vec(),
            created: now,
            expires,
        };
        within(CHANGE, async {
            let mut change = self.change(now).await?;
            let added = sqlx::query(
                "INSERT INTO api_tokens (id, name, hash, scopes, created, expires) \
                 VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (name) DO NOTHING",
            )
            .bind(token.id.as_str())
            .bind(token.name.as_str())
            .bind(hash)
            .bind(token.scopes.join(" "))
            .bind(now.0)
            .bind(expires.map(|at| at.0))
            .execute(change.db())
            .await?;
            if added.rows_affected() == 0 {
                return Err(taken(&token.name));
            }
            change.audit_token("token.added", actor, &token).await?;
            Ok(change.commit().await?)
        })
        .await?;
        Ok((token, secret))
    }

    /// Tokens in the order of their names, after that of this name.
    ///
    /// # Errors
    /// Where the directory does not answer.
    pub async fn api_tokens(
        &self,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<ApiToken>, DirectoryUnknown> {
        within(ANSWER, async {
            let rows = sqlx::query_as::<_, TokenRow>(
                "SELECT id, name, scopes, created, expires FROM api_tokens \
                 WHERE ($1 IS NULL OR name > $1) ORDER BY name LIMIT $2",
            )
            .bind(after.map(|name| name.replace('\0', "")))
            .bind(i64::from(limit))
            .fetch_all(&self.0.reads)
            .await?;
            Ok(rows.into_iter().map(TokenRow::token).collect())
        })
        .await
    }

    /// A token by its id.
    ///
    /// # Errors
    /// Where the directory does not answer.
    pub async fn api_token(&self, id: &str) -> Result<Option<ApiToken>, DirectoryUnknown> {
        within(ANSWER, async {
            let row = sqlx::query_as::<_, TokenRow>(
                "SELECT id, name, scopes, created, expires FROM api_tokens WHERE id = $1",
            )
            .bind(id.replace('\0', ""))
            .fetch_optional(&self.0.reads)
            .await?;
            Ok(row.map(TokenRow::token))
        })
        .await
    }

    /// The token that was presented, where it is one and not past its time.
    ///
    /// # Errors
    /// Where the directory does not answer.
    pub async fn api_token_presented(
        &self,
        presented: &str,
        now: Timestamp,
    ) -> Result<Option<ApiToken>, DirectoryUnknown> {
        if !presented.starts_with(PREFIX) {
            return Ok(None);
        }
        within(ANSWER, async {
            let row = sqlx::query_as::<_, TokenRow>(
                "SELECT id, name, scopes, created, expires FROM api_tokens \
                 WHERE hash = $1 AND (expires IS NULL OR expires > $2)",
            )
            .bind(hash_of(presented))
            .bind(now.0)
            .fetch_optional(&self.0.reads)
            .await?;
            Ok(row.map(TokenRow::token))
        })
        .await
    }

    /// Gives a token a new secret, once; the old one is worth nothing from then on.
    ///
    /// # Errors
    /// `NotFound`, or the directory does not answer.
    pub async fn rotate_api_token(
        &self,
        actor: &Actor,
        id: &str,
        now: Timestamp,
    ) -> Result<(ApiToken, Redacted<String>), ChangeRefused> {
        let (secret, hash) = new_token();
        within(CHANGE, async {
            let mut change = self.change(now).await?;
            let row = sqlx::query_as::<_, TokenRow>(
                "UPDATE api_tokens SET hash = $1 WHERE id = $2 RETURNING id, name, scopes, created, expires",
            )
            .bind(hash)
            .bind(id.replace('\0', ""))
            .fetch_optional(change.db())
            .await?;
            let token = row.map(TokenRow::token).ok_or_else(none)?;
            change.audit_token("token.rotated", actor, &token).await?;
            change.commit().await?;
            Ok((token, secret))
        })
        .await
    }

    /// Removes a token: it is worth nothing from then on.
    ///
    /// # Errors
    /// `NotFound`, or the directory does not answer.
    pub async fn remove_api_token(
        &self,
        actor: &Actor,
        id: &str,
        now: Timestamp,
    ) -> Result<(), ChangeRefused> {
        within(CHANGE, async {
            let mut change = self.change(now).await?;
            let row = sqlx::query_as::<_, TokenRow>(
                "DELETE FROM api_tokens WHERE id = $1 RETURNING id, name, scopes, created, expires",
            )
            .bind(id.replace('\0', ""))
            .fetch_optional(change.db())
            .await?;
            let token = row.map(TokenRow::token).ok_or_else(none)?;
            sqlx::query("DELETE FROM kept_answers WHERE token = $1")
                .bind(token.id.as_str())
                .execute(change.db())
                .await?;
            change.audit_token("token.removed", actor, &token).await?;
            Ok(change.commit().await?)
        })
        .await
    }
}

impl Change {
    async fn audit_token(
        &mut self,
        event: &'static str,
        actor: &Actor,
        token: &ApiToken,
    ) -> Result<(), DirectoryUnknown> {
        let details: Value = json!({
            "token": token.id,
            "name": token.name,
            "scopes": token.scopes,
            "expires_at": token.expires.map(|at| at.to_string()),
        });
        self.audit(&AuditEvent {
            event,
            actor: actor.clone(),
            firm: None,
            login: None,
            details,
        })
        .await
    }
}

#[derive(sqlx::FromRow)]
struct TokenRow {
    id: String,
    name: String,
    scopes: String,
    created: i64,
    expires: Option<i64>,
}

impl TokenRow {
    fn token(self) -> ApiToken {
        ApiToken {
            id: self.id,
            name: self.name,
            scopes: self.scopes.split_whitespace().map(str::to_owned).collect(),
            created: Timestamp(self.created),
            expires: self.expires.map(Timestamp),
        }
    }
}

fn new_token() -> (Redacted<String>, String) {
    let token = format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(random_bytes::<32>()));
    let hash = hash_of(&token);
    (Redacted::new(token), hash)
}

fn hash_of(token: &str) -> String {
    hex(digest::digest(&digest::SHA256, token.as_bytes()).as_ref())
}

fn taken(name: &str) -> ChangeRefused {
    ChangeRefused::Duplicate(format!("there is already a token called {name}"))
}

fn none() -> ChangeRefused {
    ChangeRefused::NotFound("there is no token of that id".into())
}
