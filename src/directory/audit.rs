//! The audit: an append-only chain in which each row carries the hash of the one before it.

use ring::digest;
use serde_json::Value;
use sqlx::AnyConnection;

use super::unknown::{ANSWER, BULK, CHANGE, unreadable, within};
use super::{
    AuditEntry, AuditEvent, AuditFilter, ChainState, Directory, DirectoryUnknown, PassedWithoutSecondFactor,
};
use crate::clock::Timestamp;
use crate::secret::hex;

const PASSED: &str = "login.passed_without_second_factor";

impl Directory {
    /// Appends to the audit.
    ///
    /// # Errors
    /// Where the directory does not answer.
    pub async fn audit(&self, event: &AuditEvent, now: Timestamp) -> Result<(), DirectoryUnknown> {
        within(CHANGE, async {
            let mut change = self.change(now).await?;
            change.audit(event).await?;
            change.commit().await
        })
        .await
    }

    /// Rows of the audit, in the order of their sequence; where `limit` is given, the newest so many.
    ///
    /// # Errors
    /// Where the directory does not answer.
    pub async fn audit_list(&self, filter: &AuditFilter) -> Result<Vec<AuditEntry>, DirectoryUnknown> {
        let event = filter.event.as_ref().map(|event| like(&storable(event)));
        let patience = if filter.limit.is_some() { ANSWER } else { BULK };
        let rows = within(patience, async {
            let rows = sqlx::query_as::<_, Link>(
                "SELECT seq, at, event, actor, origin, firm, login, login_folded, details, hash FROM audit \
                 WHERE ($1 IS NULL OR firm = $1) AND ($2 IS NULL OR login_folded = $2) \
                 AND ($3 IS NULL OR event LIKE $3 ESCAPE '!') AND at >= $4 AND seq > $5 \
                 ORDER BY seq DESC LIMIT $6",
            )
            .bind(filter.firm.as_ref().map(|firm| firm.as_str().to_owned()))
            .bind(filter.login.as_ref().map(|login| login.folded().to_owned()))
            .bind(event)
            .bind(filter.since.map_or(i64::MIN, |since| since.0))
            .bind(filter.after.unwrap_or(0))
            .bind(filter.limit.map_or(i64::MAX, i64::from))
            .fetch_all(&self.0.reads)
            .await?;
            Ok::<_, DirectoryUnknown>(rows)
        })
        .await?;
        rows.into_iter().rev().map(Link::entry).collect()
    }

    /// Rows of the audit after `filter.after`, the oldest first, at most `filter.limit`: for paging onwards.
    ///
    /// # Errors
    /// Where the directory does not answer.
    pub async fn audit_onwards(&self, filter: &AuditFilter) -> Result<Vec<AuditEntry>, DirectoryUnknown> {
        let rows = within(ANSWER, async {
            let rows = sqlx::query_as::<_, Link>(
                "SELECT seq, at, event, actor, origin, firm, login, login_folded, details, hash FROM audit \
                 WHERE ($1 IS NULL OR firm = $1) AND ($2 IS NULL OR login_folded = $2) \
                 AND ($3 IS NULL OR event LIKE $3 ESCAPE '!') AND at >= $4 AND seq > $5 \
                 ORDER BY seq LIMIT $6",
            )
            .bind(filter.firm.as_ref().map(|firm| firm.as_str().to_owned()))
            .bind(filter.login.as_ref().map(|login| login.folded().to_owned()))
            .bind(filter.event.as_ref().map(|event| like(&storable(event))))
            .bind(filter.since.map_or(i64::MIN, |since| since.0))
            .bind(filter.after.unwrap_or(0))
            .bind(filter.limit.map_or(i64::MAX, i64::from))
            .fetch_all(&self.0.reads)
            .await?;
            Ok::<_, DirectoryUnknown>(rows)
        })
        .await?;
        rows.into_iter().map(Link::entry).collect()
    }

    /// Who passed on a password, newest first, each with its place in the audit: a page of those before
    /// `before`, at most `filter.limit`.
    ///
    /// # Errors
    /// Where the directory does not answer.
    pub async fn passed_before(
        &self,
        filter: &AuditFilter,
        before: Option<i64>,
    ) -> Result<Vec<(i64, PassedWithoutSecondFactor)>, DirectoryUnknown> {
        let rows = within(ANSWER, async {
            let rows = sqlx::query_as::<_, Link>(
                "SELECT seq, at, event, actor, origin, firm, login, login_folded, details, hash FROM audit \
                 WHERE ($1 IS NULL OR firm = $1) AND ($2 IS NULL OR login_folded = $2) \
                 AND event = $3 AND at >= $4 AND seq < $5 ORDER BY seq DESC LIMIT $6",
            )
            .bind(filter.firm.as_ref().map(|firm| firm.as_str().to_owned()))
            .bind(filter.login.as_ref().map(|login| login.folded().to_owned()))
            .bind(PASSED)
            .bind(filter.since.map_or(i64::MIN, |since| since.0))
            .bind(before.unwrap_or(i64::MAX))
            .bind(filter.limit.map_or(i64::MAX, i64::from))
            .fetch_all(&self.0.reads)
            .await?;
            Ok::<_, DirectoryUnknown>(rows)
        })
        .await?;
        let page = rows.into_iter().map(|row| Ok((row.seq, passed(row.entry()?))));
        page.collect()
    }

    /// Whether every row is there, unchanged, and in its place.
    ///
    /// # Errors
    /// Where the directory does not answer.
    pub async fn audit_verify(&self) -> Result<ChainState, DirectoryUnknown> {
        within(BULK, self.walk_chain()).await
    }

    async fn walk_chain(&self) -> Result<ChainState, DirectoryUnknown> {
        let (seq, hash, rows) = sqlx::query_as::<_, (i64, String, i64)>(
            "SELECT audit_seq, audit_hash, (SELECT COUNT(*) FROM audit) FROM meta WHERE one = 1",
        )
        .fetch_one(&self.0.reads)
        .await?;
        let mut tail = Tail::default();
        while tail.seq < seq {
            let page = self.links_after(tail.seq).await?;
            if page.is_empty() {
                return Ok(broken(tail.seq + 1, "the rows from here on are missing"));
            }
            for link in page.into_iter().take_while(|link| link.seq <= seq) {
                if let Some(why) = link.misfit(&tail) {
                    return Ok(broken(tail.seq + 1, why));
                }
                tail = link.tail();
            }
        }
        if tail.hash != hash {
            return Ok(broken(seq, "this is not the last row that was written"));
        }
        if rows != seq {
            return Ok(broken(seq + 1, "there are rows that doorstep did not write"));
        }
        Ok(ChainState::Holds { rows })
    }

    async fn links_after(&self, seq: i64) -> Result<Vec<Link>, DirectoryUnknown> {
        let page = sqlx::query_as::<_, Link>(
            "SELECT seq, at, event, actor, origin, firm, login, login_folded, details, hash FROM audit \
             WHERE seq > $1 ORDER BY seq LIMIT 1000",
        )
        .bind(seq)
        .fetch_all(&self.0.reads)
        .await?;
        Ok(page)
    }

    /// From the audit's `login.passed_without_second_factor` rows, newest first.
    ///
    /// # Errors
    /// Where the directory does not answer.
    pub async fn passed_without_second_factor(
        &self,
        filter: &AuditFilter,
    ) -> Result<Vec<PassedWithoutSecondFactor>, DirectoryUnknown> {
        let mut filter = filter.clone();
        filter.event = Some(PASSED.to_owned());
        let rows = self.audit_list(&filter).await?;
        Ok(rows.into_iter().rev().map(passed).collect())
    }
}

fn passed(entry: AuditEntry) -> PassedWithoutSecondFactor {
    let word = |key: &str| {
        let word = entry.details.get(key).and_then(Value::as_str);
        word.map(str::to_owned)
    };
    PassedWithoutSecondFactor {
        at: entry.at,
        reason: word("reason").unwrap_or_else(|| "unknown".to_owned()),
        opened_by: word("opened_by"),
        because: word("because"),
        login: entry.login.unwrap_or(entry.actor),
        firm: entry.firm,
        from: entry.from,
    }
}

fn broken(at: i64, why: &str) -> ChainState {
    ChainState::Broken {
        at,
        why: why.to_owned(),
    }
}

/// A pattern for LIKE: `event` itself, with any ending where it ends in `*`.
pub(super) fn like(event: &str) -> String {
    match event.strip_suffix('*') {
        Some(start) => format!("{}%", escaped(start)),
        None => escaped(event),
    }
}

/// Text for LIKE with `ESCAPE '!'`, so that it stands for itself.
pub(super) fn escaped(text: &str) -> String {
    text.replace('!', "!!").replace('%', "!%").replace('_', "!_")
}

/// The end of the chain.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Tail {
    /// The last row's sequence; 0 before the first.
    pub(super) seq: i64,
    /// Its hash.
    pub(super) hash: String,
}

/// A row of the chain as it is stored.
#[derive(Clone, Debug, sqlx::FromRow)]
pub(super) struct Link {
    seq: i64,
    at: i64,
    event: String,
    actor: String,
    origin: String,
    firm: Option<String>,
    login: Option<String>,
    login_folded: Option<String>,
    details: String,
    hash: String,
}

impl Link {
    /// The row that follows `tail`.
    pub(super) fn after(tail: &Tail, event: &AuditEvent, now: Timestamp) -> Self {
        let mut link = Self {
            seq: tail.seq + 1,
            at: now.0,
            event: event.event.to_owned(),
            actor: storable(&event.actor.name),
            origin: storable(&event.actor.from),
            firm: event.firm.as_ref().map(|firm| firm.as_str().to_owned()),
            login: event.login.as_ref().map(|login| login.as_str().to_owned()),
            login_folded: event.login.as_ref().map(|login| login.folded().to_owned()),
            details: event.details.to_string(),
            hash: String::new(),
        };
        link.hash = link.hash_after(&tail.hash);
        link
    }

    pub(super) fn tail(&self) -> Tail {
        Tail {
            seq: self.seq,
            hash: self.hash.clone(),
        }
    }

    pub(super) async fn insert(&self, db: &mut AnyConnection) -> Result<(), DirectoryUnknown> {
        sqlx::query(
            "INSERT INTO audit (seq, at, event, actor, origin, firm, login, login_folded, details, hash) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        )
        .bind(self.seq)
        .bind(self.at)
        .bind(self.event.as_str())
        .bind(self.actor.as_str())
        .bind(self.origin.as_str())
        .bind(self.firm.as_deref())
        .bind(self.login.as_deref())
        .bind(self.login_folded.as_deref())
        .bind(self.details.as_str())
        .bind(self.hash.as_str())
        .execute(db)
        .await?;
        Ok(())
    }

    /// SHA-256 over the hash before and every field, each with its length before it, so that no text can
    /// pass for the end of one field and the beginning of the next.
    fn hash_after(&self, before: &str) -> String {
        let seq = self.seq.to_string();
        let at = self.at.to_string();
        let fields = [
            Some(before),
            Some(&seq),
            Some(&at),
            Some(&self.event),
            Some(&self.actor),
            Some(&self.origin),
            self.firm.as_deref(),
            self.login.as_deref(),
            self.login_folded.as_deref(),
            Some(&self.details),
        ];
        let mut context = digest::Context::new(&digest::SHA256);
        for field in fields {
            match field {
                Some(text) => {
                    context.update(format!("{}:", text.len()).as_bytes());
                    context.update(text.as_bytes());
                }
                None => context.update(b"-"),
            }
        }
        hex(context.finish().as_ref())
    }

    /// Why this row cannot follow `tail`, if it cannot.
    fn misfit(&self, tail: &Tail) -> Option<&'static str> {
        if self.seq != tail.seq + 1 {
            return Some("the row is missing");
        }
        (self.hash != self.hash_after(&tail.hash)).then_some("the row was changed, or stood elsewhere")
    }

    pub(super) fn entry(self) -> Result<AuditEntry, DirectoryUnknown> {
        let details = serde_json::from_str(&self.details).map_err(|_| unreadable("an audit row"))?;
        Ok(AuditEntry {
            seq: self.seq,
            at: Timestamp(self.at),
            event: self.event,
            actor: self.actor,
            from: self.origin,
            firm: self.firm,
            login: self.login,
            details,
            hash: self.hash,
        })
    }
}

/// PostgreSQL's text cannot hold NUL.
pub(super) fn storable(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}
