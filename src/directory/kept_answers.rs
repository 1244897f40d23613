//! Answers that an Idempotency-Key keeps: begun by one conditional statement, so that of two requests with one
//! key exactly one is carried out; sealed, because an answer can hold a passcode or a token.

use std::time::Duration;

use ring::digest;

use super::unknown::{ANSWER, unreadable, within};
use super::{Directory, DirectoryUnknown};
use crate::clock::Timestamp;
use crate::secret::{Purpose, hex};

/// How long an answer is kept.
const KEEP: Duration = Duration::from_secs(24 * 60 * 60);
/// After that a request that was begun and never answered counts as lost, and may be sent again.
const LOST: Duration = Duration::from_secs(60);

/// Which request an answer belongs to.
#[derive(Clone, Debug)]
pub struct KeptAnswer {
    /// The id of the token that asked.
    pub token: String,
    /// Method and target.
    pub route: String,
    /// What the client sent as `Idempotency-Key`.
    pub key: String,
    /// SHA-256 of the body.
    pub body_hash: String,
}

/// What is known of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kept {
    /// It is new, and begun now: carry it out, then keep its answer or forget it.
    Begun,
    /// It is being carried out.
    Underway,
    /// The key was used with another body.
    OtherBody,
    /// It was answered.
    Answered(Vec<u8>),
}

impl KeptAnswer {
    /// The answer to a request with this body.
    pub fn new(token: &str, route: String, key: &str, body: &[u8]) -> Self {
        let hash = |bytes: &[u8]| hex(digest::digest(&digest::SHA256, bytes).as_ref());
        Self {
            token: token.to_owned(),
            route: hash(route.as_bytes()),
            key: hash(key.as_bytes()),
            body_hash: hash(body),
        }
    }

    fn context(&self) -> String {
        format!("kept_answers:{}:{}:{}", self.token, self.route, self.key)
    }
}

impl Directory {
    /// Begins a request, unless it was begun before.
    ///
    /// # Errors
    /// Where the directory does not answer: then it must not be carried out.
    pub async fn begin_request(&self, kept: &KeptAnswer, now: Timestamp) -> Result<Kept, DirectoryUnknown> {
        within(ANSWER, async {
            let begun = sqlx::query(
                "INSERT INTO kept_answers (token, route, idempotency_key, body_hash, answer, begun, keep_until) \
                 VALUES ($1, $2, $3, $4, NULL, $5, $6) \
                 ON CONFLICT (token, route, idempotency_key) DO UPDATE SET body_hash = excluded.body_hash, \
                 answer = NULL, begun = excluded.begun, keep_until = excluded.keep_until \
                 WHERE kept_answers.keep_until <= $5 OR (kept_answers.answer IS NULL AND kept_answers.begun <= $7 \
                 AND kept_answers.body_hash = excluded.body_hash)",
            )
            .bind(kept.token.as_str())
            .bind(kept.route.as_str())
            .bind(kept.key.as_str())
            .bind(kept.body_hash.as_str())
            .bind(now.0)
            .bind(now.plus(KEEP).0)
            .bind(now.minus(LOST).0)
            .execute(&self.0.writes)
            .await?;
            if begun.rows_affected() == 1 {
                return Ok(Kept::Begun);
            }
            let row = sqlx::query_as::<_, (String, Option<String>)>(
                "SELECT body_hash, answer FROM kept_answers \
                 WHERE token = $1 AND route = $2 AND idempotency_key = $3",
            )
            .bind(kept.token.as_str())
            .bind(kept.route.as_str())
            .bind(kept.key.as_str())
            .fetch_optional(&self.0.writes)
            .await?;
            match row {
                Some((body_hash, _)) if body_hash != kept.body_hash => Ok(Kept::OtherBody),
                Some((_, Some(sealed))) => {
                    let answer = self.keys().open(Purpose::Token, &kept.context(), &sealed);
                    let answer = answer.map_err(|_| unreadable("a kept answer"))?;
                    Ok(Kept::Answered(answer.to_vec()))
                }
                // Begun elsewhere, or forgotten between the two statements: the client tries again.
                Some((_, None)) | None => Ok(Kept::Underway),
            }
        })
        .await
    }

    /// Keeps the answer of a request that was begun.
    ///
    /// # Errors
    /// Where the directory does not answer.
    pub async fn keep_answer(&self, kept: &KeptAnswer, answer: &[u8]) -> Result<(), DirectoryUnknown> {
        let sealed = self.keys().seal(Purpose::Token, &kept.context(), answer);
        within(ANSWER, async {
            sqlx::query(
                "UPDATE kept_answers SET answer = $1 \
                 WHERE token = $2 AND route = $3 AND idempotency_key = $4 AND body_hash = $5",
            )
            .bind(sealed)
            .bind(kept.token.as_str())
            .bind(kept.route.as_str())
            .bind(kept.key.as_str())
            .bind(kept.body_hash.as_str())
            .execute(&self.0.writes)
            .await?;
            Ok(())
        })
        .await
    }

    /// Forgets a request that was begun and not carried out.
    ///
    /// # Errors
    /// Where the directory does not answer.
    pub async fn forget_request(&self, kept: &KeptAnswer) -> Result<(), DirectoryUnknown> {
        within(ANSWER, async {
            sqlx::query(
                "DELETE FROM kept_answers \
                 WHERE token = $1 AND route = $2 AND idempotency_key = $3 AND answer IS NULL",
            )
            .bind(kept.token.as_str())
            .bind(kept.route.as_str())
            .bind(kept.key.as_str())
            .execute(&self.0.writes)
            .await?;
            Ok(())
        })
        .await
    }
}
