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
use super::action::Action;
use super::confirm::with_done;
use super::guard::{Admin, Frame, Here, Refused, TokenBox};
use super::table::profile_address;
use crate::directory::{ChangeRefused, Employee, EmployeeChanges, Passcode, RevokeScope};

#[derive(Template)]
#[template(path = "admin/action.html")]
struct ActionPage<'a> {
    shell: Shell<'a>,
    frame: Frame,
    action: Action,
    login: &'a str,
    id: &'a str,
    subject: &'a str,
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

/// GET `admin/employee/{action}?login=&id=`.
pub(super) async fn ask(desk: Desk, Path(action): Path<String>, uri: http::Uri) -> Response {
    desk.finish(asked(&desk, &action, &uri).await)
}

/// POST `admin/employee/{action}` (`login`, `id`, `token`).
pub(super) async fn act(desk: Desk, Path(action): Path<String>, request: Request) -> Response {
    desk.finish(done(&desk, &action, request).await)
}

async fn asked(desk: &Desk, action: &str, uri: &http::Uri) -> Answer {
    let query = Fields::urlencoded(uri.query().unwrap_or_default().as_bytes());
    let target = target(desk, action, &query).await?;
    target.page(&query, None).await
}

/// An action, by whom, and about what of whose.
struct Target<'a> {
    admin: Admin<'a>,
    action: Action,
    employee: Employee,
    /// Which of their things.
    id: String,
    /// The thing in words.
    subject: String,
}

async fn target<'a>(desk: &'a Desk, action: &str, fields: &Fields) -> Result<Target<'a>, Stop> {
    let found = Action::parse(action);
    let id = fields.get("id").unwrap_or_default().to_owned();
    let here = match &found {
        Ok(action) => action.address(fields.get("login").unwrap_or_default(), &id),
        Err(_) => super::ADMIN.to_owned(),
    };
    let admin = desk.admin(&here).await?;
    let action = found?;
    let employee = admin.colleague(fields.get("login")).await?;
    if admin.is_me(&employee) && !action.is_for_oneself() {
        return Err(Stop::NotForYourself);
    }
    let subject = admin.subject(action, &employee, &id).await?;
    Ok(Target {
        admin,
        action,
        employee,
        id,
        subject,
    })
}

impl Target<'_> {
    fn here(&self) -> String {
        self.action
            .address(self.employee.standing.login.as_str(), &self.id)
    }

    async fn page(&self, query: &Fields, refused: Option<Refused>) -> Answer {
        let (admin, action) = (&self.admin, self.action);
        let login = self.employee.standing.login.as_str();
        let page = ActionPage {
            shell: admin.shell(action.label()),
            frame: admin.frame(Here::Employees, query),
            action,
            login,
            id: &self.id,
            subject: &self.subject,
            name: &self.employee.standing.name,
            profile: profile_address(login),
            token: admin.token_box(&self.here(), refused).await?,
        };
        let status = page.token.status(StatusCode::OK);
        Ok(page.token.answer(layout::page(status, &page)))
    }

    /// Does it; the word that the next page says of it.
    async fn carry_out(&self) -> Result<Outcome, ChangeRefused> {
        let (admin, login, id) = (&self.admin, &self.employee.standing.login, self.id.as_str());
        let directory = &admin.desk.door.directory;
        let (actor, now) = (admin.actor(), admin.now());
        let config = &admin.desk.settings.config;
        // An epoch needs no end; the moment is for single sessions.
        let keep = now.plus(config.sessions.absolute_timeout + Duration::from_secs(60));
        let active = |active| EmployeeChanges {
            active: Some(active),
            ..EmployeeChanges::default()
        };
        let word = match self.action {
            Action::Reset => {
                let passcode = directory.reset_employee(&actor, login, now).await?;
                return Ok(Outcome::Passcode(passcode));
            }
            Action::Unlock => {
                directory.unlock_employee(&actor, login, now).await?;
                "unlocked"
            }
            Action::SignOut => {
                let scope = RevokeScope::Employee(login.clone());
                directory.revoke_sessions(&actor, &scope, keep, now).await?;
                "signed-out"
            }
            Action::EndSession => {
                let scope = RevokeScope::Session(id.to_owned());
                directory.revoke_sessions(&actor, &scope, keep, now).await?;
                "session-ended"
            }
            Action::Deactivate => {
                directory.set_employee(&actor, login, &active(false), now).await?;
                "deactivated"
            }
            Action::Activate => {
                directory.set_employee(&actor, login, &active(true), now).await?;
                "activated"
            }
            Action::ConfirmPhone => {
                directory.confirm_phone(&actor, login, now).await?;
                "number-confirmed"
            }
            Action::ApprovePhone => {
                let hold = config.factors.phone_change_hold;
                directory
                    .approve_phone_change(&actor, login, id, hold, now)
                    .await?;
                "approved"
            }
            Action::CancelPhone => {
                directory.cancel_phone_change(&actor, login, id, now).await?;
                "cancelled"
            }
            Action::RemoveFactor => {
                directory.remove_factor(&actor, login, id, now).await?;
                "factor-removed"
            }
            Action::ForgetDevice => {
                let why = "an admin asked";
                directory.forget_device(&actor, login, id, why, now).await?;
                "forgotten"
            }
        };
        Ok(Outcome::Done(word))
    }
}

enum Outcome {
    Done(&'static str),
    Passcode(Passcode),
}

async fn done(desk: &Desk, action: &str, request: Request) -> Answer {
    let (_, fields) = desk.posted(request).await?;
    let target = target(desk, action, &fields).await?;
    let admin = &target.admin;
    admin.fresh(&target.here())?;
    if let Err(refused) = admin.confirm(&fields).await? {
        return target.page(&fields, Some(refused)).await;
    }
    let outcome = match target.carry_out().await {
        // Gone or replaced while it was looked at: nothing was done.
        Err(ChangeRefused::NotFound(_)) => return Err(Told::NotFound.into()),
        outcome => outcome?,
    };
    desk.door.copies.changed_here().await?;
    let login = target.employee.standing.login.as_str();
    let profile = profile_address(login);
    match outcome {
        Outcome::Done(word) => Ok(layout::see_other(&with_done(&profile, word))),
        Outcome::Passcode(passcode) => {
            let page = PasscodePage {
                shell: admin.shell("One-time passcode"),
                frame: admin.frame(Here::Employees, &fields),
                login,
                name: &target.employee.standing.name,
                code: passcode.code.reveal(),
                until: Moment::day(passcode.expires_at),
                profile,
            };
            Ok(layout::page(StatusCode::OK, &page))
        }
    }
}
