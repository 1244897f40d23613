//! `admin/audit` and `admin/passed-without-2fa`: what happened in the firm, and who got in on a password.

use askama::Template;
use axum::response::Response;
use http::StatusCode;
use serde_json::Value;

use super::super::body::Fields;
use super::super::desk::Desk;
use super::super::layout::{self, Shell};
use super::super::moment::Moment;
use super::super::refusal::Stop;
use super::guard::{Admin, Frame, Here};
use super::{Answer, csv};
use crate::clock::Timestamp;
use crate::directory::{AuditEntry, TrailFilter};
use crate::gate::Login;
use crate::views::moment;

/// Rows on a page.
const SIZE: u32 = 100;
/// Rows in a file.
const MOST: u32 = 100_000;
/// Who got in on a password alone.
const PASSED: &str = "login.passed_without_second_factor";

/// Which part of the trail a page shows, as its address says it.
#[derive(Default)]
struct View {
    event: String,
    login: String,
    since: String,
    until: String,
    before: Option<i64>,
}

impl View {
    fn of(fields: &Fields) -> Self {
        let text = |name: &str| {
            let text: String = fields
                .get(name)
                .unwrap_or_default()
                .trim()
                .chars()
                .take(254)
                .collect();
            text
        };
        Self {
            event: text("event"),
            login: text("login"),
            since: text("since"),
            until: text("until"),
            before: fields.get("before").and_then(|before| before.parse().ok()),
        }
    }

    fn query(&self, before: Option<i64>) -> String {
        let mut pairs = url::form_urlencoded::Serializer::new(String::new());
        for (name, value) in [
            ("event", &self.event),
            ("login", &self.login),
            ("since", &self.since),
            ("until", &self.until),
        ] {
            if !value.is_empty() {
                pairs.append_pair(name, value);
            }
        }
        if let Some(before) = before {
            pairs.append_pair("before", &before.to_string());
        }
        pairs.finish()
    }

    /// The filter, or what is wrong with the fields.
    fn filter(&self, admin: &Admin<'_>, limit: u32) -> Result<TrailFilter, String> {
        let login = match self.login.as_str() {
            "" => None,
            text => Some(Login::parse(text).map_err(|error| format!("Login: {error}."))?),
        };
        let date = |text: &str| match text {
            "" => Ok(None),
            text => moment::moment(text)
                .map(Some)
                .map_err(|error| format!("{error}.")),
        };
        let whole_day = |until: Timestamp| match self.until.len() {
            10 => until.plus(std::time::Duration::from_secs(86_400)),
            _ => until,
        };
        Ok(TrailFilter {
            firm: admin.firm().clone(),
            login,
            event: Some(self.event.clone()).filter(|event| !event.is_empty()),
            since: date(&self.since)?,
            until: date(&self.until)?.map(whole_day),
            before: self.before,
            limit,
        })
    }
}

#[derive(Template)]
#[template(path = "admin/trail.html")]
struct TrailPage<'a> {
    shell: Shell<'a>,
    frame: Frame,
    /// The report, not the whole trail.
    report: bool,
    address: &'static str,
    view: View,
    fault: Option<String>,
    rows: Vec<Row>,
    older: Option<String>,
    file: String,
}

/// A row of the trail.
struct Row {
    at: Moment,
    event: String,
    actor: String,
    from: String,
    login: String,
    details: String,
}

impl Row {
    fn of(entry: AuditEntry, report: bool) -> Self {
        let details = if report {
            reason_in_words(&entry.details)
        } else {
            details_in_words(&entry.details)
        };
        Self {
            at: Moment::day(entry.at),
            event: entry.event,
            actor: entry.actor,
            from: entry.from,
            login: entry.login.unwrap_or_default(),
            details,
        }
    }
}

/// Why; of a break-glass also who opened it and because of what.
fn reason_in_words(details: &Value) -> String {
    let word = |key: &str| details.get(key).and_then(Value::as_str);
    let why = plain_reason(details);
    match (word("opened_by"), word("because")) {
        (Some(by), Some(because)) => format!("{why}, opened by {by}: {because}"),
        _ => why.to_owned(),
    }
}

fn plain_reason(details: &Value) -> &str {
    match details.get("reason").and_then(Value::as_str) {
        Some("policy_off") => "Two-factor authentication was off",
        Some("break_glass") => "Ops let the firm in on passwords (break-glass)",
        Some("network") => "From a network that is not asked",
        Some("remembered_device") => "On a remembered device",
        Some("unknown_employee") => "Not known here, and such logins pass",
        Some("exempt" | "exempt_route") => "A route that is exempt",
        Some(other) => other,
        None => "Not known",
    }
}

/// `key: value` for each detail; what was before and after one behind the other.
fn details_in_words(details: &Value) -> String {
    fn plain(value: &Value) -> String {
        match value {
            Value::String(text) => text.clone(),
            Value::Null => "none".to_owned(),
            Value::Object(map) => {
                let pairs = map.iter().map(|(key, value)| format!("{key} {}", plain(value)));
                pairs.collect::<Vec<_>>().join(", ")
            }
            Value::Array(items) => items.iter().map(plain).collect::<Vec<_>>().join(" "),
            other => other.to_string(),
        }
    }
    match details {
        Value::Object(map) => {
            let parts = map.iter().map(|(key, value)| format!("{key}: {}", plain(value)));
            parts.collect::<Vec<_>>().join("; ")
        }
        other => plain(other),
    }
}

/// GET `admin/audit` (`event`, `login`, `since`, `until`, `before`).
pub(super) async fn trail(desk: Desk, uri: http::Uri) -> Response {
    desk.finish(page(&desk, &uri, Here::Trail).await)
}

/// GET `admin/passed-without-2fa` (`login`, `since`, `until`, `before`).
pub(super) async fn report(desk: Desk, uri: http::Uri) -> Response {
    desk.finish(page(&desk, &uri, Here::Report).await)
}

/// GET `admin/audit.csv`.
pub(super) async fn trail_file(desk: Desk, uri: http::Uri) -> Response {
    desk.finish(table(&desk, &uri, Here::Trail).await)
}

/// GET `admin/passed-without-2fa.csv`.
pub(super) async fn report_file(desk: Desk, uri: http::Uri) -> Response {
    desk.finish(table(&desk, &uri, Here::Report).await)
}

async fn page(desk: &Desk, uri: &http::Uri, here: Here) -> Answer {
    let query = Fields::urlencoded(uri.query().unwrap_or_default().as_bytes());
    let admin = desk.admin(here.address()).await?;
    let view = View::of(&query);
    let report = here == Here::Report;
    let (entries, fault) = match view.filter(&admin, SIZE) {
        Ok(filter) => (found(&admin, filter, report).await?, None),
        Err(fault) => (Vec::new(), Some(fault)),
    };
    let full = entries.len() == SIZE as usize;
    let last = entries.last().map(|entry| entry.seq).filter(|_| full);
    let status = match fault {
        Some(_) => StatusCode::UNPROCESSABLE_ENTITY,
        None => StatusCode::OK,
    };
    let page = TrailPage {
        shell: admin.shell(here.name()),
        frame: admin.frame(here, &query),
        report,
        address: here.address(),
        older: last.map(|last| format!("{}?{}", here.address(), view.query(Some(last)))),
        file: format!("{}.csv?{}", here.address(), view.query(None)),
        rows: entries.into_iter().map(|entry| Row::of(entry, report)).collect(),
        view,
        fault,
    };
    Ok(layout::page(status, &page))
}

async fn found(admin: &Admin<'_>, mut filter: TrailFilter, report: bool) -> Result<Vec<AuditEntry>, Stop> {
    if report {
        filter.event = Some(PASSED.to_owned());
    }
    Ok(admin.desk.door.directory.trail(&filter).await?)
}

async fn table(desk: &Desk, uri: &http::Uri, here: Here) -> Answer {
    let query = Fields::urlencoded(uri.query().unwrap_or_default().as_bytes());
    let admin = desk.admin(here.address()).await?;
    let report = here == Here::Report;
    let filter = View::of(&query).filter(&admin, MOST);
    let filter = filter.map_err(|_| Stop::BadBody("A filter cannot be read."))?;
    let entries = found(&admin, filter, report).await?;
    if report {
        let rows = entries.into_iter().map(|entry| {
            let reason = reason_in_words(&entry.details);
            vec![
                entry.at.to_string(),
                entry.login.unwrap_or_default(),
                reason,
                entry.from,
            ]
        });
        return csv::file("passed-without-2fa", &["at", "login", "reason", "from"], rows);
    }
    let rows = entries.into_iter().map(|entry| {
        vec![
            entry.seq.to_string(),
            entry.at.to_string(),
            entry.event,
            entry.actor,
            entry.from,
            entry.login.unwrap_or_default(),
            entry.details.to_string(),
        ]
    });
    csv::file(
        "audit",
        &["seq", "at", "event", "actor", "from", "login", "details"],
        rows,
    )
}
