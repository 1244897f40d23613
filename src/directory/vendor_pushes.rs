//! Requests that a provider sent, so that every gateway can look for their answer.

use super::unknown::{ANSWER, within};
use super::{Directory, DirectoryUnknown};
use crate::clock::Timestamp;

/// More are not followed at once.
const MOST: i64 = 1000;

/// A request of a provider's that nobody has answered yet.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct VendorPush {
    /// Its id here.
    pub id: String,
    /// The challenge that it belongs to.
    pub challenge: String,
    /// Who was asked, as the directory keeps them.
    pub employee: String,
    /// The epoch they had then: with another one they approve nothing.
    pub epoch: i64,
    /// Its id at the provider.
    pub request: String,
}

impl Directory {
    /// Notes what the provider calls a request that was recorded.
    ///
    /// # Errors
    /// Where the directory does not answer.
    pub async fn note_vendor_push(&self, provider: &str, push: &VendorPush) -> Result<(), DirectoryUnknown> {
        within(ANSWER, async {
            sqlx::query("UPDATE pushes SET provider = $1, request = $2, epoch = $3 WHERE id = $4")
                .bind(provider)
                .bind(push.request.as_str())
                .bind(push.epoch)
                .bind(push.id.as_str())
                .execute(&self.0.writes)
                .await?;
            Ok(())
        })
        .await
    }

    /// A request of which the provider has nothing more to say: nobody asks again.
    ///
    /// # Errors
    /// Where the directory does not answer.
    pub async fn forget_vendor_push(&self, id: &str) -> Result<(), DirectoryUnknown> {
        within(ANSWER, async {
            sqlx::query("UPDATE pushes SET request = NULL WHERE id = $1")
                .bind(id)
                .execute(&self.0.writes)
                .await?;
            Ok(())
        })
        .await
    }

    /// The requests of a provider that wait for an answer at `now`, whichever gateway sent them.
    ///
    /// # Errors
    /// Where the directory does not answer.
    pub async fn vendor_pushes(
        &self,
        provider: &str,
        now: Timestamp,
    ) -> Result<Vec<VendorPush>, DirectoryUnknown> {
        within(ANSWER, async {
            let rows = sqlx::query_as::<_, VendorPush>(
                "SELECT id, challenge, employee, epoch, request FROM pushes WHERE expires > $1 \
                 AND outcome IS NULL AND provider = $2 AND request IS NOT NULL AND epoch IS NOT NULL \
                 ORDER BY sent DESC LIMIT $3",
            )
            .bind(now.0)
            .bind(provider)
            .bind(MOST)
            .fetch_all(&self.0.reads)
            .await?;
            Ok(rows)
        })
        .await
    }
}
