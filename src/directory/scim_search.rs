//! Finding people for SCIM, page by page in SQL.

use sqlx::any::AnyArguments;
use sqlx::query::QueryAs;
use sqlx::{Any, AssertSqlSafe, SqlSafeStr as _};

use super::audit::escaped;
use super::employees::plain;
use super::scim::UserRow;
use super::unknown::{ANSWER, within};
use super::{Directory, DirectoryUnknown, ScimUser};

/// How a text is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextMatch {
    /// All of it.
    Is,
    /// Any part.
    Contains,
    /// Its beginning.
    Starts,
    /// Its end.
    Ends,
}

/// What must hold of a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ScimWhere {
    /// Both.
    Both(Box<ScimWhere>, Box<ScimWhere>),
    /// One of the two.
    Either(Box<ScimWhere>, Box<ScimWhere>),
    /// This does not hold.
    Not(Box<ScimWhere>),
    /// Nobody fits.
    Nobody,
    /// Their folded login.
    Login(TextMatch, String),
    /// Their folded login is one of these.
    Among(Vec<String>),
    /// What the identity provider calls them.
    ExternalId(String),
    /// They are in the firm of this id.
    Firm(String),
    /// They are in a firm, and not deactivated.
    Active,
}

/// Which people are looked for, in the order of their folded logins.
#[derive(Clone, Debug, Default)]
pub struct ScimSearch {
    /// What must hold; `None`: nothing.
    pub which: Option<ScimWhere>,
    /// Only those after this folded login.
    pub after: Option<String>,
    /// The other way round.
    pub descending: bool,
    /// So many are left out.
    pub offset: i64,
    /// At most so many; `None`: all.
    pub limit: Option<i64>,
}

/// Everybody's folded login ($1: only those after it).
const EVERYBODY: &str = "SELECT folded FROM employees WHERE folded > $1 \
    UNION SELECT folded FROM scim_users WHERE waiting = 1 AND folded > $1";
const EVERYBODYS_NUMBER: &str = "SELECT (SELECT COUNT(*) FROM employees) + (SELECT COUNT(*) FROM scim_users s \
    WHERE s.waiting = 1 AND NOT EXISTS (SELECT 1 FROM employees e WHERE e.folded = s.folded))";
const ABOUT_THEM: &str = "LEFT JOIN employees e ON e.folded = u.folded \
    LEFT JOIN scim_users s ON s.folded = u.folded";
const COLUMNS: &str = "u.folded, COALESCE(e.login, s.login) AS login, COALESCE(e.name, s.name) AS name, \
    s.given_name, s.family_name, s.external_id, e.phone AS phone, s.phone AS waiting_phone, \
    CASE WHEN e.folded IS NULL THEN s.email ELSE e.email END AS email, \
    COALESCE(e.role, s.role) AS role, COALESCE(e.active, s.active) AS active, s.said, \
    e.firm AS firm, f.name AS firm_name";

impl Directory {
    /// People, in the order of their folded logins.
    ///
    /// # Errors
    /// Where the directory does not answer.
    pub async fn scim_users(&self, search: &ScimSearch) -> Result<Vec<ScimUser>, DirectoryUnknown> {
        let keys = self.keys();
        let mut values = Values::after(search.after.as_deref());
        let order = if search.descending { "DESC" } else { "ASC" };
        let (most, before) = (search.limit.unwrap_or(i64::MAX), search.offset);
        // The page's keys first: only what stands on it is read whole.
        let named = match &search.which {
            None => format!("{EVERYBODY} ORDER BY folded {order} LIMIT {most} OFFSET {before}"),
            Some(which) => format!(
                "SELECT u.folded FROM ({EVERYBODY}) u {ABOUT_THEM} WHERE {} \
                 ORDER BY u.folded {order} LIMIT {most} OFFSET {before}",
                values.condition(which)
            ),
        };
        let sql = format!(
            "SELECT {COLUMNS} FROM ({named}) u {ABOUT_THEM} LEFT JOIN firms f ON f.id = e.firm \
             ORDER BY u.folded {order}"
        );
        within(ANSWER, async {
            let rows = values.bind::<UserRow>(sql).fetch_all(&self.0.reads).await?;
            rows.into_iter().map(|row| row.user(&keys)).collect()
        })
        .await
    }

    /// How many people there are of whom this holds.
    ///
    /// # Errors
    /// Where the directory does not answer.
    pub async fn count_scim_users(&self, which: Option<&ScimWhere>) -> Result<i64, DirectoryUnknown> {
        within(ANSWER, async {
            let Some(which) = which else {
                let all = sqlx::query_as::<_, (i64,)>(EVERYBODYS_NUMBER);
                return Ok(all.fetch_one(&self.0.reads).await?.0);
            };
            let mut values = Values::after(None);
            let sql = format!(
                "SELECT COUNT(*) FROM ({EVERYBODY}) u {ABOUT_THEM} WHERE {}",
                values.condition(which)
            );
            let (count,) = values.bind::<(i64,)>(sql).fetch_one(&self.0.reads).await?;
            Ok(count)
        })
        .await
    }
}

/// What is bound: a statement is made of fixed words and places only.
struct Values(Vec<String>);

impl Values {
    fn after(folded: Option<&str>) -> Self {
        Self(vec![folded.map(plain).unwrap_or_default()])
    }

    /// The place of a value.
    fn place(&mut self, value: &str) -> String {
        self.0.push(value.replace('\0', ""));
        format!("${}", self.0.len())
    }

    /// A condition that is true or false, never NULL: it may stand under NOT.
    fn condition(&mut self, which: &ScimWhere) -> String {
        match which {
            ScimWhere::Both(a, b) => format!("({} AND {})", self.condition(a), self.condition(b)),
            ScimWhere::Either(a, b) => format!("({} OR {})", self.condition(a), self.condition(b)),
            ScimWhere::Not(inner) => format!("NOT {}", self.condition(inner)),
            ScimWhere::Nobody => "(1 = 0)".to_owned(),
            ScimWhere::Login(TextMatch::Is, folded) => format!("(u.folded = {})", self.place(folded)),
            ScimWhere::Login(how, part) => {
                let part = escaped(part);
                let pattern = match how {
                    TextMatch::Starts => format!("{part}%"),
                    TextMatch::Ends => format!("%{part}"),
                    TextMatch::Is | TextMatch::Contains => format!("%{part}%"),
                };
                format!("(u.folded LIKE {} ESCAPE '!')", self.place(&pattern))
            }
            ScimWhere::Among(names) if names.is_empty() => "(1 = 0)".to_owned(),
            ScimWhere::Among(names) => {
                let places: Vec<String> = names.iter().map(|name| self.place(name)).collect();
                format!("(u.folded IN ({}))", places.join(", "))
            }
            ScimWhere::ExternalId(id) => {
                format!(
                    "(s.external_id IS NOT NULL AND s.external_id = {})",
                    self.place(id)
                )
            }
            ScimWhere::Firm(id) => format!("(e.firm IS NOT NULL AND e.firm = {})", self.place(id)),
            ScimWhere::Active => "(e.active IS NOT NULL AND e.active = 1)".to_owned(),
        }
    }

    fn bind<R>(self, sql: String) -> QueryAs<'static, Any, R, AnyArguments>
    where
        R: for<'r> sqlx::FromRow<'r, sqlx::any::AnyRow>,
    {
        let query = sqlx::query_as(AssertSqlSafe(sql).into_sql_str());
        self.0.into_iter().fold(query, |query, value| query.bind(value))
    }
}
