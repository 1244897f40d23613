//! One reading of the change counter, and what has changed since the one before.

use std::collections::HashSet;

use sqlx::AnyConnection;

use super::DirectoryUnknown;

/// What a gateway has to forget.
pub(super) struct News {
    /// Which directory answered.
    pub(super) id: String,
    /// Its counter. Everything up to it is in here.
    pub(super) counter: i64,
    /// The counter at which somebody last accepted it in the place of a newer one; 0: never.
    pub(super) accepted: i64,
    /// Forget all employees.
    pub(super) everybody: bool,
    /// Forget what these folded names lead to.
    pub(super) names: HashSet<String>,
    /// Forget these firms' people.
    pub(super) firms: HashSet<String>,
    /// Sessions that ended since.
    pub(super) ended: Vec<String>,
    /// All ended sessions, in the place of those held.
    pub(super) all_ended: Option<HashSet<String>>,
}

type Reading = (String, i64, i64, i64, Option<String>, Option<String>);

impl News {
    /// Reads what changed after `seen`; everything is new where that is `None` or lies too far back.
    pub(super) async fn read(db: &mut AnyConnection, seen: Option<i64>) -> Result<Self, DirectoryUnknown> {
        // One statement, so that counter and changes belong together. A counter is visible once its change was
        // committed, and changes are committed in the order of their counters.
        let rows = sqlx::query_as::<_, Reading>(
            "SELECT m.id, m.counter, m.accepted, m.pruned, c.kind, c.item FROM meta m \
             LEFT JOIN changes c ON c.seq > $1 WHERE m.one = 1",
        )
        .bind(seen.unwrap_or(i64::MAX))
        .fetch_all(&mut *db)
        .await?;
        let Some((id, counter, accepted, pruned, ..)) = rows.first().cloned() else {
            return Err(DirectoryUnknown("it has lost its id".into()));
        };
        let mut news = Self {
            id,
            counter,
            accepted,
            everybody: seen.is_none_or(|seen| seen < pruned),
            names: HashSet::new(),
            firms: HashSet::new(),
            ended: Vec::new(),
            all_ended: None,
        };
        let mut swept = news.everybody;
        for (.., kind, item) in rows {
            let item = item.unwrap_or_default();
            match kind.as_deref() {
                None => {}
                Some("name") => drop(news.names.insert(item)),
                Some("firm") => drop(news.firms.insert(item)),
                Some("ended") => news.ended.push(item),
                Some("swept") => swept = true,
                // A kind that a newer gateway writes: whatever it means, nothing old is kept.
                Some(_) => news.everybody = true,
            }
        }
        if swept || news.everybody {
            news.all_ended = Some(all_ended(db).await?);
        }
        Ok(news)
    }
}

/// Read after the counter: it holds at least what had ended by then.
async fn all_ended(db: &mut AnyConnection) -> Result<HashSet<String>, DirectoryUnknown> {
    let rows = sqlx::query_as::<_, (String,)>("SELECT public_id FROM ended_sessions")
        .fetch_all(db)
        .await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}
