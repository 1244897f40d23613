//! `enroll/recovery`: ten codes for a lost phone, shown once.

use askama::Template;
use axum::extract::Request;
use axum::response::Response;
use bytes::Bytes;
use http::StatusCode;

use super::confirm::{ConfirmField, Unconfirmed};
use super::desk::Desk;
use super::layout::{self, Shell};
use super::refusal::Stop;
use crate::access::LiveSession;
use crate::directory::Owner;
use crate::gate::FactorKind;
use crate::sessions::Holder;

#[derive(Template)]
#[template(path = "enroll_recovery.html")]
pub(super) struct AskPage<'a> {
    pub shell: Shell<'a>,
    pub left: u32,
    pub field: ConfirmField,
    pub csrf: String,
}

#[derive(Template)]
#[template(path = "recovery_codes.html")]
pub(super) struct CodesPage<'a> {
    pub shell: Shell<'a>,
    pub codes: Vec<&'a str>,
    pub login: &'a str,
}

/// GET `enroll/recovery`.
pub(super) async fn show(desk: Desk) -> Response {
    desk.finish(asked(&desk).await)
}

/// POST `enroll/recovery`.
pub(super) async fn make(desk: Desk, request: Request) -> Response {
    desk.finish(made(&desk, request).await)
}

async fn asked(desk: &Desk) -> Result<http::Response<Bytes>, Stop> {
    let (session, holder) = allowed(desk)?;
    page(desk, session, holder, None).await
}

async fn made(desk: &Desk, request: Request) -> Result<http::Response<Bytes>, Stop> {
    let (_, fields) = desk.posted(request).await?;
    let (session, holder) = allowed(desk)?;
    if let Err(refused) = desk.confirm(session, &fields).await? {
        return page(desk, session, holder, Some(refused)).await;
    }
    let actor = desk.actor(holder);
    let directory = &desk.door.directory;
    let codes = directory
        .make_recovery_codes(
            &actor,
            Owner::under(&holder.login, holder.employee_epoch),
            desk.now(),
        )
        .await?;
    let mut shell = Shell::new(desk.portal(), "Your recovery codes");
    shell.wide = true;
    let page = CodesPage {
        shell,
        codes: codes.iter().map(|code| code.reveal().as_str()).collect(),
        login: holder.login.as_str(),
    };
    Ok(layout::page(StatusCode::OK, &page))
}

/// Whoever proved a factor within 10 minutes, where the firm uses recovery codes.
fn allowed(desk: &Desk) -> Result<(&LiveSession, &Holder), Stop> {
    let (session, holder) = desk.fresh()?;
    let standing = session.standing.as_deref();
    if standing.is_none_or(|standing| !standing.firm.policy.allows(FactorKind::RecoveryCode)) {
        return Err(Stop::FactorNotAllowed);
    }
    Ok((session, holder))
}

async fn page(
    desk: &Desk,
    session: &LiveSession,
    holder: &Holder,
    refused: Option<Unconfirmed>,
) -> Result<http::Response<Bytes>, Stop> {
    let field = desk.confirm_field(session, refused).await?;
    let page = AskPage {
        shell: Shell::new(desk.portal(), "Recovery codes"),
        left: desk.door.directory.recovery_codes_left(&holder.login).await?,
        csrf: session.token.form_token(),
        field,
    };
    Ok(page.field.answer(&page))
}
