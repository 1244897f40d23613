//! `admin/employee/reset` and the other changes of one employee that are asked once more, in words of their own.

use std::time::Duration;

use askama::Template;
use axum::extract::{Path, Request};
use axum::response::Response;
use http::StatusCode;

use super::super::Told;
use super::super::body::Fields;
use super::super::desk::Desk;
use super::super::layout::{self, Shell};
use super::super::moment::Moment;
use super::super::refusal::Stop;
use super::Answer;
use super::confirm::with_done;
use super::guard::{Admin, Frame, Here, Refused, TokenBox};
use super::table::profile_address;
use crate::directory::{Employee, EmployeeChanges, RevokeScope};

/// A change of one employee.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Action {
    Reset,
    Unlock,
    SignOut,
    Deactivate,
    Activate,
}

impl Action {
    const ALL: [Self; 5] = [
        Self::Reset,
        Self::Unlock,
        Self::SignOut,
        Self::Deactivate,
        Self::Activate,
    ];

    fn word(self) -> &'static str {
        match self {
            Self::Reset => "reset",
            Self::Unlock => "unlock",
            Self::SignOut => "sign-out",
            Self::Deactivate => "deactivate",
            Self::Activate => "activate",
        }
    }

    fn parse(word: &str) -> Result<Self, Stop> {
        let found = Self::ALL.into_iter().find(|action| action.word() == word);
        found.ok_or_else(|| Told::NotFound.into())
    }

    fn label(self) -> &'static str {
        match self {
            Self::Reset => "Reset two-factor",
            Self::Unlock => "Unlock",
            Self::SignOut => "Sign out everywhere",
            Self::Deactivate => "Deactivate",
            Self::Activate => "Activate again",
        }
    }

    /// What it does, and what is lost.
    fn meaning(self) -> &'static str {
        match self {
            Self::Reset => {
                "Their keys, remembered devices and sessions go, and no SMS is sent to their number until it is \
                 confirmed or set anew. You get a one-time passcode to give to them, shown once and good for 24 \
                 hours: with it and their password they set up a new phone. Make sure that it is really them \
                 who asks."
            }
            Self::Unlock => "Wrong tokens are forgotten, and they can try again at once.",
            Self::SignOut => "All their sessions end at once, on every device. They can sign in again.",
            Self::Deactivate => {
                "They cannot sign in any more, and all their sessions end at once. Nothing else is lost: they can be \
                 activated again."
            }
            Self::Activate => "They can sign in again, with the factors they had.",
        }
    }

    fn is_dangerous(self) -> bool {
        matches!(self, Self::Reset | Self::Deactivate)
    }

    /// Whether admins may do it to themselves: never to their own factors, locks and standing (I14).
    fn is_for_oneself(self) -> bool {
        self == Self::SignOut
    }

    fn address(self, login: &str) -> String {
        let login: String = url::form_urlencoded::byte_serialize(login.as_bytes()).collect();
        format!("/.doorstep/admin/employee/{}?login={login}", self.word())
    }
}

#[derive(Template)]
#[template(path = "admin/action.html")]
struct ActionPage<'a> {
    shell: Shell<'a>,
    frame: Frame,
    label: &'static str,
    meaning: &'static str,
    danger: bool,
    action: &'static str,
    login: &'a str,
    name: &'a str,
    profile: String,
    token: TokenBox,
}

#[derive(Template)]
#[template(path = "admin/passcode.html")]
struct PasscodePage<'a> {
    shell: Shell<'a>,
    frame: Frame,
    login: &'a str,
    name: &'a str,
    code: &'a str,
    until: Moment,
    profile: String,
}

/// GET `admin/employee/{action}?login=`.
pub(super) async fn ask(desk: Desk, Path(action): Path<String>, uri: http::Uri) -> Response {
    desk.finish(asked(&desk, &action, &uri).await)
}

/// POST `admin/employee/{action}` (`login`, `token`).
pub(super) async fn act(desk: Desk, Path(action): Path<String>, request: Request) -> Response {
    desk.finish(done(&desk, &action, request).await)
}

async fn asked(desk: &Desk, action: &str, uri: &http::Uri) -> Answer {
    let query = Fields::urlencoded(uri.query().unwrap_or_default().as_bytes());
    let (admin, action, employee) = target(desk, action, &query).await?;
    page(&admin, action, &employee, &query, None).await
}

async fn target<'a>(
    desk: &'a Desk,
    action: &str,
    fields: &Fields,
) -> Result<(Admin<'a>, Action, Employee), Stop> {
    let found = Action::parse(action);
    let here = match &found {
        Ok(action) => action.address(fields.get("login").unwrap_or_default()),
        Err(_) => super::ADMIN.to_owned(),
    };
    let admin = desk.admin(&here).await?;
    let action = found?;
    let employee = admin.colleague(fields.get("login")).await?;
    if admin.is_me(&employee) && !action.is_for_oneself() {
        return Err(Stop::NotForYourself);
    }
    Ok((admin, action, employee))
}

async fn page(
    admin: &Admin<'_>,
    action: Action,
    employee: &Employee,
    query: &Fields,
    refused: Option<Refused>,
) -> Answer {
    let login = employee.standing.login.as_str();
    let token = admin.token_box(&action.address(login), refused).await?;
    let page = ActionPage {
        shell: admin.shell(action.label()),
        frame: admin.frame(Here::Employees, query),
        label: action.label(),
        meaning: action.meaning(),
        danger: action.is_dangerous(),
        action: action.word(),
        login,
        name: &employee.standing.name,
        profile: profile_address(login),
        token,
    };
    let status = page.token.status(StatusCode::OK);
    Ok(page.token.answer(layout::page(status, &page)))
}

async fn done(desk: &Desk, action: &str, request: Request) -> Answer {
    let (_, fields) = desk.posted(request).await?;
    let (admin, action, employee) = target(desk, action, &fields).await?;
    let login = &employee.standing.login;
    admin.fresh(&action.address(login.as_str()))?;
    if let Err(refused) = admin.confirm(&fields).await? {
        return page(&admin, action, &employee, &fields, Some(refused)).await;
    }
    let (directory, actor, now) = (&desk.door.directory, admin.actor(), admin.now());
    let active = |active| EmployeeChanges {
        active: Some(active),
        ..EmployeeChanges::default()
    };
    let word = match action {
        Action::Reset => {
            let passcode = directory.reset_employee(&actor, login, now).await?;
            desk.door.copies.changed_here().await?;
            let page = PasscodePage {
                shell: admin.shell("One-time passcode"),
                frame: admin.frame(Here::Employees, &fields),
                login: login.as_str(),
                name: &employee.standing.name,
                code: passcode.code.reveal(),
                until: Moment::day(passcode.expires_at),
                profile: profile_address(login.as_str()),
            };
            return Ok(layout::page(StatusCode::OK, &page));
        }
        Action::Unlock => {
            directory.unlock_employee(&actor, login, now).await?;
            "unlocked"
        }
        Action::SignOut => {
            let scope = RevokeScope::Employee(login.clone());
            // An epoch needs no end; the moment is for single sessions.
            let keep = desk.settings.config.sessions.absolute_timeout + Duration::from_secs(60);
            directory
                .revoke_sessions(&actor, &scope, now.plus(keep), now)
                .await?;
            "signed-out"
        }
        Action::Deactivate => {
            directory.set_employee(&actor, login, &active(false), now).await?;
            "deactivated"
        }
        Action::Activate => {
            directory.set_employee(&actor, login, &active(true), now).await?;
            "activated"
        }
    };
    desk.door.copies.changed_here().await?;
    Ok(layout::see_other(&with_done(
        &profile_address(login.as_str()),
        word,
    )))
}
