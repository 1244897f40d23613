//! `lost-phone`: the ways back, and asking for another number. Asking is not changing (I14).

use std::time::Duration;

use askama::Template;
use axum::extract::Request;
use axum::response::Response;
use bytes::Bytes;
use http::{StatusCode, Uri};

use super::body::Fields;
use super::desk::{Desk, Stage};
use super::layout::{self, Shell};
use super::moment::Moment;
use super::refusal::Stop;
use super::told::{Message, Words};
use super::{Told, proof};
use crate::access::LiveSession;
use crate::directory::{Actor, ChangeRefused, Employee, Phone};
use crate::factors::confirm::Confirmation;
use crate::factors::normalise::Typed;
use crate::gate::FactorKind;
use crate::providers::TokenMessage;
use crate::secret::{Purpose, SessionToken};
use crate::sessions::{Allowance, Limit, LimitKey};

/// So often an employee may ask in a day: each time the old number gets a message.
const ASKED: Limit = Limit {
    count: 5,
    window: Duration::from_secs(24 * 60 * 60),
};

#[derive(Template)]
#[template(path = "lost_phone.html")]
pub(super) struct LostPage<'a> {
    pub shell: Shell<'a>,
    pub firm: &'a str,
    pub codes: bool,
    pub pending: Option<Pending>,
    pub hold: String,
    pub error: Option<String>,
    pub code_error: Option<String>,
    pub phone: &'a str,
    pub csrf: String,
}

/// A change that waits, as a line.
pub(super) struct Pending {
    pub number: String,
    pub asked: Moment,
    pub due: Option<Moment>,
}

#[derive(Template)]
#[template(path = "cancel_phone.html")]
struct CancelPage<'a> {
    shell: Shell<'a>,
    number: String,
    asked: Moment,
    code: &'a str,
}

/// What is wrong with what was asked, beside its field.
#[derive(Default)]
struct Fault {
    phone: Option<String>,
    code: Option<String>,
}

/// GET `lost-phone`.
pub(super) async fn show(desk: Desk) -> Response {
    desk.finish(shown(&desk).await)
}

/// POST `lost-phone` (`phone`, optional `code`).
pub(super) async fn ask(desk: Desk, request: Request) -> Response {
    desk.finish(asked(&desk, request).await)
}

/// GET `lost-phone/cancel?code=…`, the link in the message to the old number.
pub(super) async fn cancel_page(desk: Desk, uri: Uri) -> Response {
    desk.finish(cancel_shown(&desk, &uri).await)
}

/// POST `lost-phone/cancel` (`code`).
pub(super) async fn cancel(desk: Desk, request: Request) -> Response {
    desk.finish(cancelled(&desk, request).await)
}

async fn shown(desk: &Desk) -> Result<http::Response<Bytes>, Stop> {
    let (session, employee) = holder(desk).await?;
    page(desk, session, &employee, "", Fault::default(), StatusCode::OK).await
}

async fn asked(desk: &Desk, request: Request) -> Result<http::Response<Bytes>, Stop> {
    let (_, fields) = desk.posted(request).await?;
    let (session, employee) = holder(desk).await?;
    let typed = fields.get("phone").unwrap_or_default();
    let unprocessed = StatusCode::UNPROCESSABLE_ENTITY;
    let phone = match Phone::parse(typed, None) {
        Ok(phone) => phone,
        Err(error) => {
            let fault = Fault {
                phone: Some(format!("This {error}.")),
                ..Fault::default()
            };
            return page(desk, session, &employee, typed, fault, unprocessed).await;
        }
    };
    let login = &employee.standing.login;
    let key = LimitKey {
        name: "phone_changes",
        subject: desk
            .door
            .keys
            .keyed_hash(Purpose::Limit, login.folded().as_bytes()),
    };
    if let Allowance::Refused { .. } = desk.door.store.take(&key, ASKED, desk.now()).await? {
        let fault = Fault {
            phone: Some("You have asked too often today. Ask your admin.".into()),
            ..Fault::default()
        };
        return page(
            desk,
            session,
            &employee,
            typed,
            fault,
            StatusCode::TOO_MANY_REQUESTS,
        )
        .await;
    }
    let code = fields.get("code").unwrap_or_default().trim();
    let proven = match code {
        "" => false,
        code => match proven(desk, session, code).await? {
            Ok(()) => true,
            Err(fault) => {
                let fault = Fault {
                    code: Some(fault),
                    ..Fault::default()
                };
                return page(desk, session, &employee, typed, fault, unprocessed).await;
            }
        },
    };
    let cancel = SessionToken::random();
    let actor = Actor {
        name: login.to_string(),
        from: desk.visitor.client.to_string(),
    };
    let (directory, now) = (&desk.door.directory, desk.now());
    let id = match directory
        .ask_phone_change(&actor, login, &phone, &cancel.id().0, now)
        .await
    {
        Ok(id) => id,
        Err(ChangeRefused::Invalid(why)) => {
            let fault = Fault {
                phone: Some(format!("That cannot be asked for: {why}.")),
                ..Fault::default()
            };
            return page(desk, session, &employee, typed, fault, unprocessed).await;
        }
        Err(refused) => return Err(refused.into()),
    };
    if proven {
        let hold = desk.settings.config.factors.phone_change_hold;
        directory
            .prove_phone_change(&actor, login, &id, hold, now)
            .await?;
    }
    tell_old_number(desk, &employee, &cancel);
    Ok(layout::see_other("/.doorstep/lost-phone"))
}

/// Judges and spends a recovery code; nothing else proves a change of number, a token of the old one least of all.
async fn proven(desk: &Desk, session: &LiveSession, code: &str) -> Result<Result<(), String>, Stop> {
    if !matches!(Typed::parse(code), Some(Typed::Passcode(_))) {
        return Ok(Err("That is no recovery code.".into()));
    }
    Ok(match desk.door.confirm_token(session, code, desk.now()).await? {
        Confirmation::Confirmed(FactorKind::RecoveryCode) => Ok(()),
        Confirmation::Used => Err("That code was already used.".into()),
        Confirmation::Locked { .. } => Err("Too many tries. Try again later.".into()),
        Confirmation::Ended => return Err(desk.sign_in_again()),
        _ => Err("That code is not right.".into()),
    })
}

/// A message to the old number, with the link that cancels; no page waits for a provider.
fn tell_old_number(desk: &Desk, employee: &Employee, cancel: &SessionToken) {
    let (Some(old), Some(sender)) = (employee.phone.clone(), desk.settings.sms.clone()) else {
        return;
    };
    let (portal, public) = (
        desk.portal().to_owned(),
        desk.settings.config.listen.own_origin().to_string(),
    );
    let code = cancel.cookie_value();
    tokio::spawn(async move {
        let text = format!(
            "Somebody asked {portal} to send your sign-in tokens to another number. Was it not you? Cancel it: \
             {public}/.doorstep/lost-phone/cancel?code={code}"
        );
        let message = TokenMessage {
            to: &old,
            token: &code,
            text: &text,
        };
        if let Err(error) = sender.send(&message).await {
            tracing::warn!(provider = sender.name(), %error, "an old number was not told of a change");
        }
    });
}

async fn cancel_shown(desk: &Desk, uri: &Uri) -> Result<http::Response<Bytes>, Stop> {
    let query = Fields::urlencoded(uri.query().unwrap_or_default().as_bytes());
    let code = query.get("code").unwrap_or_default();
    let Some(hash) = SessionToken::parse(code).map(|token| token.id().0) else {
        return Ok(over(desk));
    };
    let Some(change) = desk.door.directory.phone_change_of_link(&hash).await? else {
        return Ok(over(desk));
    };
    let page = CancelPage {
        shell: Shell::new(desk.portal(), "Cancel a change of number"),
        number: change.phone.masked(),
        asked: Moment::day(change.asked),
        code,
    };
    Ok(layout::page(StatusCode::OK, &page))
}

/// The link's code is the proof: the old phone has no session.
async fn cancelled(desk: &Desk, request: Request) -> Result<http::Response<Bytes>, Stop> {
    let (parts, body) = request.into_parts();
    proof::check_site(&parts.headers, desk.settings.config.listen.own_origin())?;
    let fields = Fields::read(&parts.headers, body).await?;
    let code = fields.get("code").unwrap_or_default();
    let Some(hash) = SessionToken::parse(code).map(|token| token.id().0) else {
        return Ok(over(desk));
    };
    let directory = &desk.door.directory;
    let Some(change) = directory.phone_change_of_link(&hash).await? else {
        return Ok(over(desk));
    };
    let actor = Actor {
        name: "old phone".into(),
        from: desk.visitor.client.to_string(),
    };
    match directory
        .cancel_phone_change(&actor, &change.login, &change.id, desk.now())
        .await
    {
        Ok(()) => {}
        Err(ChangeRefused::NotFound(_)) => return Ok(over(desk)),
        Err(refused) => return Err(refused.into()),
    }
    let words =
        "Your number stays as it is. Whoever asked knows the password: change it, and tell your admin.";
    Ok(message(desk, StatusCode::OK, "Cancelled", words))
}

fn over(desk: &Desk) -> http::Response<Bytes> {
    let words = "No change of number waits under this link: it was used, replaced, or the change is done.";
    message(desk, StatusCode::NOT_FOUND, "Nothing to cancel", words)
}

fn message(desk: &Desk, status: StatusCode, heading: &str, words: &str) -> http::Response<Bytes> {
    let message = Message {
        shell: Shell::new(desk.portal(), heading),
        heading,
        words: Words::Plain(words.to_owned()),
        link: None,
        sign_out: None,
    };
    layout::page(status, &message)
}

/// Whoever has given the password, or more, and where they stand in the directory now.
async fn holder(desk: &Desk) -> Result<(&LiveSession, Employee), Stop> {
    let session = match desk.stage()? {
        Stage::Owed(session) => session,
        Stage::Stands(_) => desk.verified()?,
    };
    let Some(holder) = session.stored.record.level.holder() else {
        return Err(desk.sign_in_again());
    };
    match desk.door.directory.employee(&holder.login).await? {
        Some(employee) if employee.standing.active => Ok((session, employee)),
        _ => Err(Told::NotKnown.into()),
    }
}

async fn page(
    desk: &Desk,
    session: &LiveSession,
    employee: &Employee,
    phone: &str,
    fault: Fault,
    status: StatusCode,
) -> Result<http::Response<Bytes>, Stop> {
    let pending = desk.door.directory.phone_change(&employee.standing.login).await?;
    let hold = desk.settings.config.factors.phone_change_hold;
    let page = LostPage {
        shell: Shell::new(desk.portal(), "Lost your phone?"),
        firm: &employee.standing.firm.name,
        codes: employee.standing.firm.policy.allows(FactorKind::RecoveryCode),
        pending: pending.map(|change| Pending {
            number: change.phone.masked(),
            asked: Moment::day(change.asked),
            due: change.due.map(Moment::day),
        }),
        hold: hold_in_words(hold),
        error: fault.phone,
        code_error: fault.code,
        phone,
        csrf: session.token.form_token(),
    };
    Ok(layout::page(status, &page))
}

fn hold_in_words(hold: Duration) -> String {
    match hold.as_secs() {
        0 => "at once".to_owned(),
        seconds @ 1..7200 => format!("{} minutes later", seconds.div_ceil(60)),
        seconds => format!("{} hours later", seconds.div_ceil(3600)),
    }
}
