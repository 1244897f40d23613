//! `account/remove`, `account/forget`: taking away a factor, or a remembered device.

use askama::Template;
use axum::extract::Request;
use axum::response::Response;
use bytes::Bytes;
use http::Uri;

use super::Told;
use super::body::Fields;
use super::confirm::{ConfirmField, Unconfirmed};
use super::desk::Desk;
use super::layout::{self, Shell};
use super::refusal::Stop;
use crate::access::LiveSession;
use crate::directory::{ChangeRefused, FactorSummary};
use crate::sessions::{Holder, Level};

#[derive(Template)]
#[template(path = "remove_factor.html")]
pub(super) struct RemovePage<'a> {
    pub shell: Shell<'a>,
    pub id: &'a str,
    pub name: &'a str,
    /// Nothing else is enrolled.
    pub last: bool,
    pub field: ConfirmField,
    pub csrf: String,
}

/// GET `account/remove?id=…`.
pub(super) async fn show(desk: Desk, uri: Uri) -> Response {
    desk.finish(asked(&desk, &uri).await)
}

/// POST `account/remove`.
pub(super) async fn remove(desk: Desk, request: Request) -> Response {
    desk.finish(removed(&desk, request).await)
}

/// POST `account/forget`: a remembered device is asked for a second factor again.
pub(super) async fn forget(desk: Desk, request: Request) -> Response {
    desk.finish(forgotten(&desk, request).await)
}

async fn asked(desk: &Desk, uri: &Uri) -> Result<http::Response<Bytes>, Stop> {
    let (session, holder) = desk.fresh()?;
    let query = Fields::urlencoded(uri.query().unwrap_or_default().as_bytes());
    let (factor, last) = wanted(desk, holder, &query).await?;
    page(desk, session, &factor, last, None).await
}

async fn removed(desk: &Desk, request: Request) -> Result<http::Response<Bytes>, Stop> {
    let (_, fields) = desk.posted(request).await?;
    let (session, holder) = desk.fresh()?;
    let (factor, last) = wanted(desk, holder, &fields).await?;
    if let Err(refused) = desk.confirm(session, &fields).await? {
        return page(desk, session, &factor, last, Some(refused)).await;
    }
    let actor = desk.actor(holder);
    let directory = &desk.door.directory;
    directory
        .remove_factor(&actor, &holder.login, &factor.id, desk.now())
        .await?;
    desk.door.copies.changed_here().await?;
    Ok(desk.signed_out())
}

async fn forgotten(desk: &Desk, request: Request) -> Result<http::Response<Bytes>, Stop> {
    let (_, fields) = desk.posted(request).await?;
    let session = desk.verified()?;
    let Level::SecondFactor { holder, .. } = &session.stored.record.level else {
        return Err(Told::SecondFactor.into());
    };
    let id = fields.get("id").unwrap_or_default();
    let (actor, now) = (desk.actor(holder), desk.now());
    let forgotten = desk
        .door
        .directory
        .forget_device(&actor, &holder.login, id, "its owner asked", now)
        .await;
    match forgotten {
        // Gone already is as good.
        Ok(()) | Err(ChangeRefused::NotFound(_)) => {}
        Err(refused) => return Err(refused.into()),
    }
    desk.door.copies.changed_here().await?;
    Ok(layout::see_other("/.doorstep/account"))
}

/// The holder's factor that a request names, and whether it is the last.
async fn wanted(desk: &Desk, holder: &Holder, fields: &Fields) -> Result<(FactorSummary, bool), Stop> {
    let Some(employee) = desk.door.directory.employee(&holder.login).await? else {
        return Err(Told::NotKnown.into());
    };
    let id = fields.get("id").unwrap_or_default();
    let others = employee.factors.iter().filter(|factor| factor.id != id).count();
    let last = others == 0 && employee.usable_phone().is_none();
    let factor = employee.factors.into_iter().find(|factor| factor.id == id);
    Ok((factor.ok_or(Told::NotFound)?, last))
}

async fn page(
    desk: &Desk,
    session: &LiveSession,
    factor: &FactorSummary,
    last: bool,
    refused: Option<Unconfirmed>,
) -> Result<http::Response<Bytes>, Stop> {
    let page = RemovePage {
        shell: Shell::new(desk.portal(), "Remove a second factor"),
        id: &factor.id,
        name: &factor.name,
        last,
        field: desk.confirm_field(session, refused).await?,
        csrf: session.token.form_token(),
    };
    Ok(page.field.answer(&page))
}
