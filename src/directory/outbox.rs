//! What is to leave: how far each sink has come in the audit, and notices that wait. One gateway at a time works
//! on a sink; what it holds is a lease, and a gateway that lost it moves nothing on.

use super::unknown::{ANSWER, CHANGE, within};
use super::{Directory, DirectoryUnknown};
use crate::clock::Timestamp;
use crate::gate::{FirmId, Login};

/// A sink that this gateway works on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    sink: &'static str,
    /// The last row of the audit that was delivered.
    pub seq: i64,
    until: i64,
}

/// A notice that is to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewNotice {
    /// To whom.
    pub to: Login,
    /// The subject of a mail.
    pub subject: String,
    /// What happened.
    pub body: String,
}

/// A notice that is due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DueNotice {
    /// Its id.
    pub id: String,
    /// To whom.
    pub to: Login,
    /// The subject of a mail.
    pub subject: String,
    /// What happened.
    pub body: String,
    /// How often it was tried before.
    pub attempts: i64,
}

impl Directory {
    /// Takes a sink over until then, unless another gateway has it. A new one begins after `begin`, or where the
    /// audit ends now.
    ///
    /// # Errors
    /// Where the directory does not answer.
    pub async fn lease(
        &self,
        sink: &'static str,
        begin: Option<i64>,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<Option<Lease>, DirectoryUnknown> {
        within(ANSWER, async {
            sqlx::query(
                "INSERT INTO deliveries (sink, seq, leased_until) \
                 SELECT $1, COALESCE($2, audit_seq), 0 FROM meta WHERE one = 1 \
                 ON CONFLICT (sink) DO NOTHING",
            )
            .bind(sink)
            .bind(begin)
            .execute(&self.0.writes)
            .await?;
            let row = sqlx::query_as::<_, (i64,)>(
                "UPDATE deliveries SET leased_until = $1 WHERE sink = $2 AND leased_until <= $3 RETURNING seq",
            )
            .bind(until.0)
            .bind(sink)
            .bind(now.0)
            .fetch_optional(&self.0.writes)
            .await?;
            Ok(row.map(|(seq,)| Lease {
                sink,
                seq,
                until: until.0,
            }))
        })
        .await
    }

    /// Moves a sink on; `false` where the lease was lost.
    ///
    /// # Errors
    /// Where the directory does not answer.
    pub async fn delivered(&self, lease: &mut Lease, seq: i64) -> Result<bool, DirectoryUnknown> {
        let moved = within(ANSWER, async {
            let moved = sqlx::query("UPDATE deliveries SET seq = $1 WHERE sink = $2 AND leased_until = $3")
                .bind(seq)
                .bind(lease.sink)
                .bind(lease.until)
                .execute(&self.0.writes)
                .await?;
            Ok::<_, DirectoryUnknown>(moved.rows_affected() == 1)
        })
        .await?;
        lease.seq = seq;
        Ok(moved)
    }

    /// Gives a sink back.
    ///
    /// # Errors
    /// Where the directory does not answer: then it is free when the lease runs out.
    pub async fn give_back(&self, lease: &Lease) -> Result<(), DirectoryUnknown> {
        within(ANSWER, async {
            sqlx::query("UPDATE deliveries SET leased_until = 0 WHERE sink = $1 AND leased_until = $2")
                .bind(lease.sink)
                .bind(lease.until)
                .execute(&self.0.writes)
                .await?;
            Ok(())
        })
        .await
    }

    /// Keeps the notices about a row of the audit and moves their sink on, together: none is lost or doubled.
    ///
    /// # Errors
    /// Where the directory does not answer.
    pub async fn keep_notices(
        &self,
        lease: &mut Lease,
        seq: i64,
        notices: &[NewNotice],
        now: Timestamp,
    ) -> Result<bool, DirectoryUnknown> {
        let kept = within(CHANGE, async {
            let mut tx = self.0.writes.begin().await?;
            let moved = sqlx::query("UPDATE deliveries SET seq = $1 WHERE sink = $2 AND leased_until = $3")
                .bind(seq)
                .bind(lease.sink)
                .bind(lease.until)
                .execute(&mut *tx)
                .await?;
            if moved.rows_affected() == 0 {
                return Ok(false);
            }
            for notice in notices {
                sqlx::query(
                    "INSERT INTO notices (id, seq, employee, subject, body, attempts, due) \
                     VALUES ($1, $2, $3, $4, $5, 0, $6) ON CONFLICT (id) DO NOTHING",
                )
                .bind(format!("{seq}:{}", notice.to.folded()))
                .bind(seq)
                .bind(notice.to.as_str())
                .bind(notice.subject.as_str())
                .bind(notice.body.as_str())
                .bind(now.0)
                .execute(&mut *tx)
                .await?;
            }
            tx.commit().await?;
            Ok::<_, DirectoryUnknown>(true)
        })
        .await?;
        lease.seq = seq;
        Ok(kept)
    }

    /// Takes a notice that is due, and puts its next try off until `again`: of two gateways one gets it.
    ///
    /// # Errors
    /// Where the directory does not answer.
    pub async fn take_notice(
        &self,
        now: Timestamp,
        again: impl Fn(i64) -> Timestamp,
    ) -> Result<Option<DueNotice>, DirectoryUnknown> {
        within(ANSWER, async {
            let row = sqlx::query_as::<_, (String, String, String, String, i64, i64)>(
                "SELECT id, employee, subject, body, attempts, due FROM notices WHERE due <= $1 \
                 ORDER BY due, id LIMIT 1",
            )
            .bind(now.0)
            .fetch_optional(&self.0.writes)
            .await?;
            let Some((id, employee, subject, body, attempts, due)) = row else {
                return Ok(None);
            };
            let taken = sqlx::query("UPDATE notices SET attempts = $1, due = $2 WHERE id = $3 AND due = $4")
                .bind(attempts + 1)
                .bind(again(attempts).0)
                .bind(id.as_str())
                .bind(due)
                .execute(&self.0.writes)
                .await?;
            if taken.rows_affected() == 0 {
                return Ok(None);
            }
            let to = Login::parse(&employee).map_err(|_| super::unknown::unreadable("a notice"))?;
            Ok(Some(DueNotice {
                id,
                to,
                subject,
                body,
                attempts,
            }))
        })
        .await
    }

    /// A notice was sent, or is given up.
    ///
    /// # Errors
    /// Where the directory does not answer.
    pub async fn drop_notice(&self, id: &str) -> Result<(), DirectoryUnknown> {
        within(ANSWER, async {
            sqlx::query("DELETE FROM notices WHERE id = $1")
                .bind(id)
                .execute(&self.0.writes)
                .await?;
            Ok(())
        })
        .await
    }

    /// The firm's active admins.
    ///
    /// # Errors
    /// Where the directory does not answer.
    pub async fn admins_of(&self, firm: &FirmId) -> Result<Vec<Login>, DirectoryUnknown> {
        within(ANSWER, async {
            let rows = sqlx::query_as::<_, (String,)>(
                "SELECT login FROM employees WHERE firm = $1 AND role = 'admin' AND active = 1 ORDER BY folded",
            )
            .bind(firm.as_str())
            .fetch_all(&self.0.reads)
            .await?;
            let logins = rows.iter().map(|(login,)| Login::parse(login));
            logins
                .collect::<Result<_, _>>()
                .map_err(|_| super::unknown::unreadable("a login"))
        })
        .await
    }
}
