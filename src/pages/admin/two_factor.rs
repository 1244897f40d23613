//! `admin/two-factor`: *Enable two-factor authentication?* asked once more, with what the answer means.

use std::collections::BTreeMap;

use askama::Template;
use axum::extract::Request;
use axum::response::Response;
use http::StatusCode;

use super::super::body::Fields;
use super::super::desk::Desk;
use super::super::layout::{self, Shell};
use super::super::refusal::Stop;
use super::guard::{Admin, Frame, Here, TokenBox};
use super::overview::Flag;
use super::table::profile_address;
use super::{ADMIN, Answer};
use crate::clock::Timestamp;
use crate::directory::{ChangeRefused, Unready};
use crate::gate::Login;
use crate::sessions::SessionFilter;

/// So many of those who are not ready are named at once; the table lists them all.
const NAMED: u32 = 20;

/// What Yes means for a firm's people, counted.
pub(super) struct Meaning {
    pub ready: u64,
    pub not_ready: u64,
    /// The first of those who have neither phone nor factor.
    pub named: Vec<Named>,
    /// Signed in now, so asked at their next click.
    pub signed_in: usize,
    /// The first of them.
    pub inside: Vec<Named>,
}

/// Somebody by their login.
pub(super) struct Named {
    pub login: String,
    pub href: String,
}

impl Meaning {
    pub async fn of(admin: &Admin<'_>) -> Result<Self, Stop> {
        let directory = &admin.desk.door.directory;
        let unready = directory.unready(admin.firm(), NAMED).await?;
        Ok(Self::new(&unready, &signed_in(admin).await?))
    }

    fn new(unready: &Unready, signed_in: &BTreeMap<String, Login>) -> Self {
        let named = |login: &str| Named {
            login: login.to_owned(),
            href: profile_address(login),
        };
        let first = signed_in.values().take(NAMED as usize);
        Self {
            ready: unready.ready,
            not_ready: unready.count,
            named: unready.first.iter().map(|login| named(login)).collect(),
            signed_in: signed_in.len(),
            inside: first.map(|login| named(login.as_str())).collect(),
        }
    }
}

/// Who of the firm's people has a live session, the admin aside, by their folded logins.
async fn signed_in(admin: &Admin<'_>) -> Result<BTreeMap<String, Login>, Stop> {
    let filter = SessionFilter {
        login: None,
        firm: Some(admin.firm().clone()),
    };
    let sessions = admin.desk.door.store.list(&filter, admin.now()).await?;
    let logins = sessions.iter().filter_map(|session| session.level.holder());
    let mut logins: BTreeMap<String, Login> = logins
        .map(|holder| (holder.login.folded().to_owned(), holder.login.clone()))
        .collect();
    logins.remove(admin.me.standing.login.folded());
    Ok(logins)
}

#[derive(Template)]
#[template(path = "admin/two_factor.html")]
struct TwoFactorPage<'a> {
    shell: Shell<'a>,
    frame: Frame,
    enable: bool,
    flag: Flag,
    meaning: Meaning,
    /// As typed.
    from: &'a str,
    from_error: Option<String>,
    /// The outcome of a dry run, or of a refusal.
    tried: Option<Tried>,
    token: TokenBox,
}

/// What trying says.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Tried {
    /// A dry run: it would be done.
    WouldDo,
    /// It is refused while somebody is not ready.
    Refused,
}

/// GET `admin/two-factor?enable=yes` or `no`.
pub(super) async fn show(desk: Desk, uri: http::Uri) -> Response {
    desk.finish(page(&desk, &uri).await)
}

/// POST `admin/two-factor` (`enable`, `from`, `dry_run`, `token`).
pub(super) async fn answer(desk: Desk, request: Request) -> Response {
    desk.finish(answered(&desk, request).await)
}

fn address(enable: bool) -> &'static str {
    if enable {
        "/.doorstep/admin/two-factor?enable=yes"
    } else {
        "/.doorstep/admin/two-factor?enable=no"
    }
}

/// Only a plain yes enables and only a plain no disables.
fn asked(fields: &Fields) -> Option<bool> {
    match fields.get("enable") {
        Some("yes") => Some(true),
        Some("no") => Some(false),
        _ => None,
    }
}

async fn page(desk: &Desk, uri: &http::Uri) -> Answer {
    let query = Fields::urlencoded(uri.query().unwrap_or_default().as_bytes());
    let enable = asked(&query).unwrap_or(true);
    let admin = desk.admin(address(enable)).await?;
    let form = Form::new(enable);
    form.page(&admin, &query, StatusCode::OK).await
}

/// The form as it is shown again.
struct Form<'a> {
    enable: bool,
    from: &'a str,
    from_error: Option<String>,
    tried: Option<Tried>,
    refused: Option<super::guard::Refused>,
}

impl<'a> Form<'a> {
    fn new(enable: bool) -> Self {
        Self {
            enable,
            from: "",
            from_error: None,
            tried: None,
            refused: None,
        }
    }

    async fn page(self, admin: &Admin<'_>, query: &Fields, status: StatusCode) -> Answer {
        let token = admin.token_box(address(self.enable), self.refused).await?;
        let status = token.status(status);
        let page = TwoFactorPage {
            shell: admin.shell("Two-factor authentication"),
            frame: admin.frame(Here::Employees, query),
            enable: self.enable,
            flag: Flag::of(admin.me.standing.firm.two_factor, admin.now()),
            meaning: Meaning::of(admin).await?,
            from: self.from,
            from_error: self.from_error,
            tried: self.tried,
            token,
        };
        Ok(page.token.answer(layout::page(status, &page)))
    }
}

async fn answered(desk: &Desk, request: Request) -> Answer {
    let (_, fields) = desk.posted(request).await?;
    let Some(enable) = asked(&fields) else {
        let _ = desk.admin(ADMIN).await?;
        return Err(Stop::BadBody("Say yes or no."));
    };
    let admin = desk.admin(address(enable)).await?;
    let mut form = Form::new(enable);
    form.from = fields.get("from").unwrap_or_default();
    let from = match start(form.from, admin.now()) {
        Ok(from) => from.filter(|_| enable),
        Err(why) => {
            form.from_error = Some(why);
            return form.page(&admin, &fields, StatusCode::UNPROCESSABLE_ENTITY).await;
        }
    };
    let not_ready = enable && Meaning::of(&admin).await?.not_ready > 0;
    if not_ready {
        form.tried = Some(Tried::Refused);
        return form.page(&admin, &fields, StatusCode::CONFLICT).await;
    }
    if fields.get("dry_run") == Some("yes") {
        form.tried = Some(Tried::WouldDo);
        return form.page(&admin, &fields, StatusCode::OK).await;
    }
    admin.fresh(address(enable))?;
    let factor = match admin.confirm(&fields).await? {
        Ok(factor) => factor,
        Err(refused) => {
            form.refused = Some(refused);
            return form.page(&admin, &fields, StatusCode::UNPROCESSABLE_ENTITY).await;
        }
    };
    let (directory, actor, now) = (&desk.door.directory, admin.actor(), admin.now());
    let done = if enable {
        let enabled = directory
            .enable_two_factor(&actor, admin.firm(), from, false, now)
            .await;
        match enabled {
            Ok(_) => from.map_or("enabled", |_| "scheduled"),
            // Somebody was added in between.
            Err(ChangeRefused::NotReady { .. }) => {
                form.tried = Some(Tried::Refused);
                return form.page(&admin, &fields, StatusCode::CONFLICT).await;
            }
            Err(other) => return Err(other.into()),
        }
    } else {
        directory.disable_two_factor(&actor, admin.firm(), now).await?;
        "disabled"
    };
    desk.door.copies.changed_here().await?;
    admin.go_on(factor, &format!("{ADMIN}?done={done}")).await
}

/// When it is to begin: a date and time in UTC as a form gives it; empty: at once.
fn start(text: &str, now: Timestamp) -> Result<Option<Timestamp>, String> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(None);
    }
    let wrong = || "is no date and time; write it as 2026-12-01T08:00".to_owned();
    let moment: jiff::civil::DateTime = text.parse().map_err(|_| wrong())?;
    let moment = moment
        .to_zoned_datetime(jiff::tz::TimeZone::UTC)
        .map_err(|_| wrong())?;
    let from = Timestamp(moment.timestamp().as_millisecond());
    if from <= now {
        return Err("is over: leave it empty to begin at once".to_owned());
    }
    Ok(Some(from))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_start_is_a_moment_to_come() {
        let now = Timestamp(1_795_526_400_000);
        for (text, start) in [
            ("", Ok(None)),
            (" ", Ok(None)),
            ("2026-12-01T08:00", Ok(Some(Timestamp(1_796_112_000_000)))),
            ("2026-11-01T08:00", Err(())),
            ("soon", Err(())),
            ("2026-13-01T08:00", Err(())),
        ] {
            assert_eq!(super::start(text, now).map_err(drop), start, "{text}");
        }
    }
}
