//! Reading employees, each with their numbers, names and factors.

use std::collections::HashMap;

use sqlx::{AnyConnection, AssertSqlSafe, SqlSafeStr as _};

use super::audit::escaped;
use super::roster::in_state;
use super::sealed::open_phone;
use super::standing::{StandingRow, standing_columns};
use super::unknown::{ANSWER, BULK, unreadable, within};
use super::{Directory, DirectoryUnknown, Employee, EmployeeFilter, FactorSummary};
use crate::clock::Timestamp;
use crate::gate::{FactorKind, Login, fold};
use crate::secret::KeyRing;

/// Employees by one name ($1). A listing's own condition would make SQLite look at every row for a login.
macro_rules! one {
    () => {
        "e.folded = (SELECT employee FROM names WHERE folded = $1)"
    };
}

/// A page of a listing ($1 firm, $2 pattern, $3 after, $4 limit).
macro_rules! page {
    () => {
        "e.folded IN (SELECT p.folded FROM employees p WHERE ($1 IS NULL OR p.firm = $1) \
         AND ($2 IS NULL OR p.folded LIKE $2 ESCAPE '!' OR p.name_folded LIKE $2 ESCAPE '!') \
         AND ($3 IS NULL OR p.folded > $3) ORDER BY p.folded LIMIT $4)"
    };
}

macro_rules! employees_where {
    ($which:ident) => {
        concat!(
            "SELECT ",
            standing_columns!(),
            ", e.phone, e.phone_suspended, e.email, e.failures, e.locked_until, e.last_sign_in ",
            "FROM employees e JOIN firms f ON f.id = e.firm WHERE ",
            $which!(),
            " ORDER BY e.folded"
        )
    };
}

macro_rules! aliases_where {
    ($which:ident) => {
        concat!(
            "SELECT n.employee, n.shown FROM names n JOIN employees e ON e.folded = n.employee ",
            "WHERE n.folded <> n.employee AND ",
            $which!(),
            " ORDER BY n.folded"
        )
    };
}

macro_rules! factors_where {
    ($which:ident) => {
        concat!(
            "SELECT x.employee, x.id, x.kind, x.name, x.added FROM factors x ",
            "JOIN employees e ON e.folded = x.employee WHERE ",
            $which!(),
            " ORDER BY x.added, x.id"
        )
    };
}

impl Directory {
    /// By login or alias, folded; read from the directory itself.
    ///
    /// # Errors
    /// Where the directory does not answer, or the number cannot be opened with the key file.
    pub async fn employee(&self, login: &Login) -> Result<Option<Employee>, DirectoryUnknown> {
        let keys = self.keys();
        within(ANSWER, async {
            let mut connection = self.0.reads.acquire().await?;
            one_employee(&mut connection, &keys, login).await
        })
        .await
    }

    /// In the order of their folded logins.
    ///
    /// # Errors
    /// Where the directory does not answer, or a number cannot be opened with the key file.
    pub async fn employees(&self, filter: &EmployeeFilter) -> Result<Vec<Employee>, DirectoryUnknown> {
        let keys = self.keys();
        let page = Page::of(filter);
        let patience = if filter.limit.is_some() { ANSWER } else { BULK };
        within(patience, async {
            let mut connection = self.0.reads.acquire().await?;
            if let Some((state, now)) = filter.state {
                let names = in_state(&mut connection, filter, state, now).await?;
                return by_keys(&mut connection, &keys, &names).await;
            }
            let rows = page
                .bind(employees_where!(page))
                .fetch_all(&mut *connection)
                .await?;
            let aliases = page
                .bind(aliases_where!(page))
                .fetch_all(&mut *connection)
                .await?;
            let factors = page
                .bind(factors_where!(page))
                .fetch_all(&mut *connection)
                .await?;
            assemble(&keys, rows, aliases, factors)
        })
        .await
    }
}

/// One employee as they stand for this connection, within its transaction where it has one.
pub(super) async fn one_employee(
    db: &mut AnyConnection,
    keys: &KeyRing,
    login: &Login,
) -> Result<Option<Employee>, DirectoryUnknown> {
    let rows = sqlx::query_as(employees_where!(one))
        .bind(login.folded())
        .fetch_all(&mut *db)
        .await?;
    let aliases = sqlx::query_as(aliases_where!(one))
        .bind(login.folded())
        .fetch_all(&mut *db)
        .await?;
    let factors = sqlx::query_as(factors_where!(one))
        .bind(login.folded())
        .fetch_all(&mut *db)
        .await?;
    Ok(assemble(keys, rows, aliases, factors)?.pop())
}

/// The employees with these keys, in this order; those that are not there are left out.
pub(super) async fn by_keys(
    db: &mut AnyConnection,
    keys: &KeyRing,
    names: &[String],
) -> Result<Vec<Employee>, DirectoryUnknown> {
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let places: Vec<String> = (1..=names.len()).map(|place| format!("${place}")).collect();
    let places = places.join(", ");
    let rows = format!(
        concat!(
            "SELECT ",
            standing_columns!(),
            ", e.phone, e.phone_suspended, e.email, e.failures, e.locked_until, e.last_sign_in ",
            "FROM employees e JOIN firms f ON f.id = e.firm WHERE e.folded IN ({})"
        ),
        places
    );
    let aliases = format!(
        "SELECT employee, shown FROM names WHERE employee IN ({places}) AND folded <> employee ORDER BY folded"
    );
    let factors = format!(
        "SELECT employee, id, kind, name, added FROM factors WHERE employee IN ({places}) ORDER BY added, id"
    );
    let rows = bound(rows, names).fetch_all(&mut *db).await?;
    let aliases = bound(aliases, names).fetch_all(&mut *db).await?;
    let factors = bound(factors, names).fetch_all(&mut *db).await?;
    let mut people = assemble(keys, rows, aliases, factors)?;
    let place_of = |person: &Employee| {
        names
            .iter()
            .position(|name| name == person.standing.login.folded())
    };
    people.sort_by_cached_key(place_of);
    Ok(people)
}

/// A statement made of fixed words and places, with its values.
fn bound<R>(
    sql: String,
    values: &[String],
) -> sqlx::query::QueryAs<'static, sqlx::Any, R, sqlx::any::AnyArguments>
where
    R: for<'r> sqlx::FromRow<'r, sqlx::any::AnyRow>,
{
    let query = sqlx::query_as(AssertSqlSafe(sql).into_sql_str());
    values
        .iter()
        .fold(query, |query, value| query.bind(value.clone()))
}

/// What is searched for as a pattern for LIKE; `None` where nothing is.
pub(super) fn pattern(query: &str) -> Option<String> {
    let query = folded(&plain(query));
    (!query.is_empty()).then(|| format!("%{}%", escaped(&query)))
}

/// No name holds NUL, and PostgreSQL takes none; no name is longer than this.
pub(super) fn plain(text: &str) -> String {
    text.replace('\0', "").chars().take(254).collect()
}

/// A listing's conditions, as they are bound.
struct Page {
    firm: Option<String>,
    pattern: Option<String>,
    after: Option<String>,
    limit: i64,
}

impl Page {
    fn of(filter: &EmployeeFilter) -> Self {
        Self {
            firm: filter.firm.as_ref().map(|firm| firm.as_str().to_owned()),
            pattern: filter.query.as_deref().and_then(pattern),
            after: filter.after.as_deref().map(plain),
            limit: filter.limit.map_or(i64::MAX, i64::from),
        }
    }

    fn bind<R>(
        &self,
        sql: &'static str,
    ) -> sqlx::query::QueryAs<'static, sqlx::Any, R, sqlx::any::AnyArguments>
    where
        R: for<'r> sqlx::FromRow<'r, sqlx::any::AnyRow>,
    {
        sqlx::query_as(sql)
            .bind(self.firm.clone())
            .bind(self.pattern.clone())
            .bind(self.after.clone())
            .bind(self.limit)
    }
}

/// Text as names are compared: trimmed, NFKC, case-folded.
pub(super) fn folded(text: &str) -> String {
    fold(text.trim()).trim().to_owned()
}

/// A name as it is searched and sorted: not longer than an index can hold.
pub(super) fn folded_name(name: &str) -> String {
    folded(name).chars().take(254).collect()
}

#[derive(sqlx::FromRow)]
struct EmployeeRow {
    #[sqlx(flatten)]
    standing: StandingRow,
    phone: Option<String>,
    phone_suspended: i64,
    email: Option<String>,
    failures: i64,
    locked_until: i64,
    last_sign_in: Option<i64>,
}

#[derive(sqlx::FromRow)]
struct AliasRow {
    employee: String,
    shown: String,
}

#[derive(sqlx::FromRow)]
struct FactorRow {
    employee: String,
    id: String,
    kind: String,
    name: String,
    added: i64,
}

fn assemble(
    keys: &KeyRing,
    rows: Vec<EmployeeRow>,
    alias_rows: Vec<AliasRow>,
    factor_rows: Vec<FactorRow>,
) -> Result<Vec<Employee>, DirectoryUnknown> {
    let mut aliases: HashMap<String, Vec<Login>> = HashMap::new();
    for row in alias_rows {
        let alias = Login::parse(&row.shown).map_err(|_| unreadable("an alias"))?;
        aliases.entry(row.employee).or_default().push(alias);
    }
    let mut factors: HashMap<String, Vec<FactorSummary>> = HashMap::new();
    for row in factor_rows {
        let factor = FactorSummary {
            id: row.id,
            kind: factor_kind(&row.kind)?,
            name: row.name,
            added: Timestamp(row.added),
        };
        factors.entry(row.employee).or_default().push(factor);
    }
    rows.into_iter()
        .map(|row| {
            let key = row.standing.folded.clone();
            let phone = row.phone.as_deref();
            Ok(Employee {
                phone: phone.map(|sealed| open_phone(keys, &key, sealed)).transpose()?,
                phone_suspended: row.phone_suspended != 0,
                email: row.email,
                aliases: aliases.remove(&key).unwrap_or_default(),
                factors: factors.remove(&key).unwrap_or_default(),
                locked_until: (row.locked_until > 0).then_some(Timestamp(row.locked_until)),
                failures: u32::try_from(row.failures).unwrap_or(u32::MAX),
                last_sign_in: row.last_sign_in.map(Timestamp),
                standing: row.standing.standing()?,
            })
        })
        .collect()
}

fn factor_kind(text: &str) -> Result<FactorKind, DirectoryUnknown> {
    [
        FactorKind::Push,
        FactorKind::Sms,
        FactorKind::Totp,
        FactorKind::Passkey,
        FactorKind::RecoveryCode,
    ]
    .into_iter()
    .find(|kind| kind.as_str() == text)
    .ok_or_else(|| unreadable("a factor's kind"))
}
