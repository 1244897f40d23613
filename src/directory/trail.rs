//! A firm's part of the audit, newest first, page by page.

use super::audit::{Link, like, storable};
use super::unknown::{ANSWER, BULK, within};
use super::{AuditEntry, Directory, DirectoryUnknown};
use crate::clock::Timestamp;
use crate::gate::{FirmId, Login};

/// Which rows of a firm's audit a page shows.
#[derive(Clone, Debug)]
pub struct TrailFilter {
    /// The firm: never left open.
    pub firm: FirmId,
    /// Only about this employee.
    pub login: Option<Login>,
    /// Only this event; a trailing `*` matches any ending.
    pub event: Option<String>,
    /// Only from then on.
    pub since: Option<Timestamp>,
    /// Only before then.
    pub until: Option<Timestamp>,
    /// Only rows before this one.
    pub before: Option<i64>,
    /// At most so many, the newest.
    pub limit: u32,
}

impl Directory {
    /// Rows of a firm's audit, newest first.
    ///
    /// # Errors
    /// Where the directory does not answer.
    pub async fn trail(&self, filter: &TrailFilter) -> Result<Vec<AuditEntry>, DirectoryUnknown> {
        let patience = if filter.limit > 1000 { BULK } else { ANSWER };
        let rows = within(patience, async {
            let rows = sqlx::query_as::<_, Link>(
                "SELECT seq, at, event, actor, origin, firm, login, login_folded, details, hash FROM audit \
                 WHERE firm = $1 AND ($2 IS NULL OR login_folded = $2) \
                 AND ($3 IS NULL OR event LIKE $3 ESCAPE '!') AND at >= $4 AND at < $5 AND seq < $6 \
                 ORDER BY seq DESC LIMIT $7",
            )
            .bind(filter.firm.as_str().to_owned())
            .bind(filter.login.as_ref().map(|login| login.folded().to_owned()))
            .bind(filter.event.as_ref().map(|event| like(&storable(event))))
            .bind(filter.since.map_or(i64::MIN, |since| since.0))
            .bind(filter.until.map_or(i64::MAX, |until| until.0))
            .bind(filter.before.unwrap_or(i64::MAX))
            .bind(i64::from(filter.limit))
            .fetch_all(&self.0.reads)
            .await?;
            Ok::<_, DirectoryUnknown>(rows)
        })
        .await?;
        rows.into_iter().map(Link::entry).collect()
    }
}
