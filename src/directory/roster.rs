//! A firm's people as its admin's table lists them: searched, filtered, sorted and paged in SQL.

use sqlx::any::AnyArguments;
use sqlx::query::QueryAs;
use sqlx::{Any, AnyConnection, AssertSqlSafe, SqlSafeStr as _};

use super::employees::{by_keys, pattern, plain};
use super::unknown::{ANSWER, within};
use super::{Directory, DirectoryUnknown, Employee, EmployeeFilter};
use crate::clock::Timestamp;
use crate::gate::FirmId;

/// Whether an SMS can go to them, in the words of the index `employees_numberless`. The hash is there where the
/// number is.
macro_rules! number {
    () => {
        "(CASE WHEN e.phone_hash IS NOT NULL AND e.phone_suspended = 0 THEN 1 ELSE 0 END)"
    };
}
/// 1 where a number is enough for the people of a firm, else 0. A policy is compact JSON in which a factor's word
/// stands quoted in `factors` only: elsewhere quotes are escaped. The firm is `$1`, which is looked at once, or
/// `e.firm`: each one's own.
macro_rules! number_suffices {
    ($firm:literal) => {
        concat!(
            "(SELECT CASE WHEN w.policy NOT LIKE '%\"factors\":%' OR w.policy LIKE '%\"sms\"%' \
             OR w.policy LIKE '%\"enrolment_window\":%' THEN 1 ELSE 0 END FROM firms w WHERE w.id = ",
            $firm,
            ")"
        )
    };
}
/// Whether they have a factor that the firm allows.
macro_rules! factor {
    ($firm:literal) => {
        concat!(
            "EXISTS (SELECT 1 FROM factors f JOIN firms w ON w.id = ",
            $firm,
            " WHERE f.employee = e.folded \
             AND (w.policy NOT LIKE '%\"factors\":%' OR w.policy LIKE '%\"' || f.kind || '\"%'))"
        )
    };
}
/// The same rule as [`Employee::is_ready`].
macro_rules! usable {
    ($firm:literal) => {
        concat!(
            "((",
            number!(),
            " = 1 AND ",
            number_suffices!($firm),
            " = 1) OR ",
            factor!($firm),
            ")"
        )
    };
}
/// The opposite, so that the index finds those few.
macro_rules! unusable {
    ($firm:literal) => {
        concat!(
            "(",
            number!(),
            " <= 1 - ",
            number_suffices!($firm),
            " AND NOT ",
            factor!($firm),
            ")"
        )
    };
}
/// The logins of firm `$1`'s active people, each with 1 where they are ready, else 0.
pub(super) const READINESS: &str = concat!(
    "SELECT e.login, CASE WHEN ",
    usable!("$1"),
    " THEN 1 ELSE 0 END FROM employees e WHERE e.firm = $1 AND e.active = 1 ORDER BY e.folded"
);

/// The states of [`Employee::state`], for filters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EmployeeState {
    /// Could prove a second factor.
    Ready,
    /// Has neither a usable phone nor a factor.
    NoPhone,
    /// Locked by wrong tokens.
    Locked,
    /// Deactivated.
    Inactive,
    /// Asked for another number, whatever else they are.
    ChangePending,
}

impl EmployeeState {
    /// All of them, in the order in which they are shown.
    pub const ALL: [Self; 5] = [
        Self::Ready,
        Self::NoPhone,
        Self::Locked,
        Self::ChangePending,
        Self::Inactive,
    ];

    /// The word in addresses and listings.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::NoPhone => "no_phone",
            Self::Locked => "locked",
            Self::Inactive => "inactive",
            Self::ChangePending => "change_pending",
        }
    }

    /// As [`Employee::state`] says it, for people of firm `$1`; `$2` is now.
    fn condition(self) -> &'static str {
        match self {
            Self::Ready => concat!("e.active = 1 AND e.locked_until <= $2 AND ", usable!("$1")),
            Self::NoPhone => concat!("e.active = 1 AND e.locked_until <= $2 AND ", unusable!("$1")),
            other => other.condition_anywhere(),
        }
    }

    /// The same for people of all firms.
    fn condition_anywhere(self) -> &'static str {
        match self {
            Self::Inactive => "e.active = 0",
            Self::Locked => "e.active = 1 AND e.locked_until > $2",
            Self::Ready => concat!("e.active = 1 AND e.locked_until <= $2 AND ", usable!("e.firm")),
            Self::NoPhone => concat!("e.active = 1 AND e.locked_until <= $2 AND ", unusable!("e.firm")),
            Self::ChangePending => "EXISTS (SELECT 1 FROM phone_changes p WHERE p.employee = e.folded)",
        }
    }
}

/// By what a listing is sorted; the login decides among equals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RosterSort {
    /// The folded login.
    Login,
    /// The folded name.
    Name,
    /// Admins before techs.
    Role,
    /// The last verified sign-in; never counts as the earliest.
    LastSignIn,
}

impl RosterSort {
    /// All of them, in the order of the table's columns.
    pub const ALL: [Self; 4] = [Self::Name, Self::Login, Self::Role, Self::LastSignIn];

    /// The word in addresses.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Login => "login",
            Self::Name => "name",
            Self::Role => "role",
            Self::LastSignIn => "last_sign_in",
        }
    }

    fn order(self, descending: bool) -> &'static str {
        match (self, descending) {
            (Self::Login, false) => "e.folded",
            (Self::Login, true) => "e.folded DESC",
            (Self::Name, false) => "e.name_folded, e.folded",
            (Self::Name, true) => "e.name_folded DESC, e.folded DESC",
            (Self::Role, false) => "e.role, e.folded",
            (Self::Role, true) => "e.role DESC, e.folded DESC",
            (Self::LastSignIn, false) => "COALESCE(e.last_sign_in, 0), e.folded",
            (Self::LastSignIn, true) => "COALESCE(e.last_sign_in, 0) DESC, e.folded DESC",
        }
    }
}

/// Which of a firm's people a table shows.
#[derive(Clone, Debug)]
pub struct RosterFilter {
    /// The firm: never left open.
    pub firm: FirmId,
    /// Only those whose login or name holds this text, folded.
    pub query: Option<String>,
    /// Only those in this state.
    pub state: Option<EmployeeState>,
    /// By what it is sorted.
    pub sort: RosterSort,
    /// The other way round.
    pub descending: bool,
    /// So many on a page.
    pub size: u32,
    /// Which page, from 0; beyond the last one: the last one.
    pub page: u32,
    /// How many there are on all pages, where that was counted already and nothing is searched for.
    pub counted: Option<u64>,
}

/// Who of a firm's active people could not prove a second factor.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unready {
    /// How many could.
    pub ready: u64,
    /// How many could not.
    pub count: u64,
    /// The logins of the first of them.
    pub first: Vec<String>,
}

/// A page of the table.
#[derive(Clone, Debug)]
pub struct RosterPage {
    /// Who stands on it.
    pub people: Vec<Employee>,
    /// How many there are on all pages.
    pub matching: u64,
    /// Which page it is, from 0.
    pub page: u32,
}

/// How many of a firm's people are in which state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RosterCounts {
    /// All.
    pub all: u64,
    /// As [`EmployeeState::Ready`].
    pub ready: u64,
    /// As [`EmployeeState::NoPhone`].
    pub no_phone: u64,
    /// As [`EmployeeState::Locked`].
    pub locked: u64,
    /// As [`EmployeeState::Inactive`].
    pub inactive: u64,
    /// As [`EmployeeState::ChangePending`].
    pub change_pending: u64,
}

impl RosterCounts {
    /// How many are in this state.
    pub fn of(&self, state: EmployeeState) -> u64 {
        match state {
            EmployeeState::Ready => self.ready,
            EmployeeState::NoPhone => self.no_phone,
            EmployeeState::Locked => self.locked,
            EmployeeState::Inactive => self.inactive,
            EmployeeState::ChangePending => self.change_pending,
        }
    }
}

impl Directory {
    /// A page of a firm's people.
    ///
    /// # Errors
    /// Where the directory does not answer, or a number cannot be opened with the key file.
    pub async fn roster(
        &self,
        filter: &RosterFilter,
        now: Timestamp,
    ) -> Result<RosterPage, DirectoryUnknown> {
        let keys = self.keys();
        let wanted = Wanted::of(filter, now);
        within(ANSWER, async {
            let mut connection = self.0.reads.acquire().await?;
            let size = u64::from(filter.size.max(1));
            let mut page = filter.page;
            let mut matching = filter.counted.filter(|_| wanted.pattern.is_none());
            let names = loop {
                if let Some(matching) = matching {
                    let last = u32::try_from(matching.saturating_sub(1) / size).unwrap_or(u32::MAX);
                    page = page.min(last);
                }
                // One more than is shown: where there is none, all are counted by that, and nothing is read twice.
                let before = u64::from(page) * size;
                let rows = wanted.rows(filter, size + 1, before);
                let names = rows.fetch_all(&mut *connection).await?;
                let found = names.len() as u64;
                if matching.is_some() {
                    break names;
                }
                if found <= size && (found > 0 || before == 0) {
                    matching = Some(before + found);
                    break names;
                }
                matching = Some(wanted.count(&mut connection).await?);
                if found > 0 {
                    break names;
                }
            };
            let matching = matching.unwrap_or_default();
            let size = usize::try_from(size).unwrap_or(usize::MAX);
            let names: Vec<String> = names.into_iter().take(size).map(|(name,)| name).collect();
            let people = by_keys(&mut connection, &keys, &names).await?;
            Ok(RosterPage {
                people,
                matching,
                page,
            })
        })
        .await
    }

    /// What [`Self::readiness`] says, counted, with at most `most` logins: for pages.
    ///
    /// # Errors
    /// Where the directory does not answer.
    pub async fn unready(&self, firm: &FirmId, most: u32) -> Result<Unready, DirectoryUnknown> {
        within(ANSWER, async {
            let (active, not_ready) = sqlx::query_as::<_, (i64, i64)>(concat!(
                "SELECT (SELECT COUNT(*) FROM employees e WHERE e.firm = $1 AND e.active = 1), ",
                "(SELECT COUNT(*) FROM employees e WHERE e.firm = $1 AND e.active = 1 AND ",
                unusable!("$1"),
                ")"
            ))
            .bind(firm.as_str())
            .fetch_one(&self.0.reads)
            .await?;
            let count = |number: i64| u64::try_from(number).unwrap_or(0);
            let mut unready = Unready {
                ready: count(active - not_ready),
                count: count(not_ready),
                first: Vec::new(),
            };
            if unready.count > 0 {
                let first = sqlx::query_as::<_, (String,)>(concat!(
                    "SELECT e.login FROM employees e WHERE e.firm = $1 AND e.active = 1 AND ",
                    unusable!("$1"),
                    " ORDER BY e.folded LIMIT $2"
                ))
                .bind(firm.as_str())
                .bind(i64::from(most))
                .fetch_all(&self.0.reads)
                .await?;
                unready.first = first.into_iter().map(|(login,)| login).collect();
            }
            Ok::<_, DirectoryUnknown>(unready)
        })
        .await
    }

    /// How many of a firm's people are in which state.
    ///
    /// # Errors
    /// Where the directory does not answer.
    pub async fn roster_counts(
        &self,
        firm: &FirmId,
        now: Timestamp,
    ) -> Result<RosterCounts, DirectoryUnknown> {
        let (all, inactive, locked, no_phone, change_pending) = within(ANSWER, async {
            let row = sqlx::query_as::<_, (i64, i64, i64, i64, i64)>(concat!(
                "SELECT (SELECT COUNT(*) FROM employees e WHERE e.firm = $1), ",
                "(SELECT COUNT(*) FROM employees e WHERE e.firm = $1 AND e.active = 0), ",
                "(SELECT COUNT(*) FROM employees e WHERE e.firm = $1 AND e.active = 1 AND e.locked_until > $2), ",
                "(SELECT COUNT(*) FROM employees e WHERE e.firm = $1 AND e.active = 1 AND e.locked_until <= $2 AND ",
                unusable!("$1"),
                "), (SELECT COUNT(*) FROM phone_changes p JOIN employees e ON e.folded = p.employee WHERE e.firm = $1)"
            ))
            .bind(firm.as_str())
            .bind(now.0);
            Ok::<_, DirectoryUnknown>(row.fetch_one(&self.0.reads).await?)
        })
        .await?;
        let count = |number: i64| u64::try_from(number).unwrap_or(0);
        Ok(RosterCounts {
            all: count(all),
            ready: count(all - inactive - locked - no_phone),
            no_phone: count(no_phone),
            locked: count(locked),
            inactive: count(inactive),
            change_pending: count(change_pending),
        })
    }
}

/// The keys of a page of those in a state, in the order of their folded logins.
pub(super) async fn in_state(
    db: &mut AnyConnection,
    filter: &EmployeeFilter,
    state: EmployeeState,
    now: Timestamp,
) -> Result<Vec<String>, DirectoryUnknown> {
    let (firm, state) = match &filter.firm {
        Some(firm) => (("e.firm = $1", firm.as_str()), state.condition()),
        None => (("$1 = ''", ""), state.condition_anywhere()),
    };
    let pattern = filter.query.as_deref().and_then(pattern);
    let searched = match pattern {
        Some(_) => " AND (e.folded LIKE $4 ESCAPE '!' OR e.name_folded LIKE $4 ESCAPE '!')",
        None => "",
    };
    let most = filter.limit.map_or(i64::MAX, i64::from);
    let sql = format!(
        "SELECT e.folded FROM employees e WHERE {} AND $2 > 0 AND e.folded > $3 AND {state}{searched} \
         ORDER BY e.folded LIMIT {most}",
        firm.0
    );
    let query = sqlx::query_as::<_, (String,)>(AssertSqlSafe(sql).into_sql_str())
        .bind(firm.1.to_owned())
        .bind(now.0)
        .bind(filter.after.as_deref().map(plain).unwrap_or_default());
    let query = match pattern {
        Some(pattern) => query.bind(pattern),
        None => query,
    };
    let rows = query.fetch_all(db).await?;
    Ok(rows.into_iter().map(|(name,)| name).collect())
}

/// A filter as SQL. The statements are made of fixed words and places only; what was typed is bound.
struct Wanted {
    conditions: String,
    firm: String,
    now: i64,
    pattern: Option<String>,
}

impl Wanted {
    fn of(filter: &RosterFilter, now: Timestamp) -> Self {
        let pattern = filter.query.as_deref().and_then(pattern);
        // $2 stands in each of them, as PostgreSQL wants a use for every value that is bound.
        let mut conditions = String::from("e.firm = $1 AND $2 > 0");
        if let Some(state) = filter.state {
            conditions.push_str(" AND ");
            conditions.push_str(state.condition());
        }
        if pattern.is_some() {
            conditions.push_str(" AND (e.folded LIKE $3 ESCAPE '!' OR e.name_folded LIKE $3 ESCAPE '!')");
        }
        Self {
            conditions,
            firm: filter.firm.as_str().to_owned(),
            now: now.0,
            pattern,
        }
    }

    /// The keys of a page.
    fn rows(
        &self,
        filter: &RosterFilter,
        most: u64,
        before: u64,
    ) -> QueryAs<'static, Any, (String,), AnyArguments> {
        let order = filter.sort.order(filter.descending);
        self.bind(format!(
            "SELECT e.folded FROM employees e WHERE {} ORDER BY {order} LIMIT {most} OFFSET {before}",
            self.conditions
        ))
    }

    async fn count(&self, connection: &mut AnyConnection) -> Result<u64, DirectoryUnknown> {
        let count = format!("SELECT COUNT(*) FROM employees e WHERE {}", self.conditions);
        let (matching,) = self.bind::<(i64,)>(count).fetch_one(connection).await?;
        Ok(u64::try_from(matching).unwrap_or(0))
    }

    fn bind<R>(&self, sql: String) -> QueryAs<'static, Any, R, AnyArguments>
    where
        R: for<'r> sqlx::FromRow<'r, sqlx::any::AnyRow>,
    {
        let query = sqlx::query_as(AssertSqlSafe(sql).into_sql_str())
            .bind(self.firm.clone())
            .bind(self.now);
        match &self.pattern {
            Some(pattern) => query.bind(pattern.clone()),
            None => query,
        }
    }
}
