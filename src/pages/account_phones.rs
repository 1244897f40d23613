//! `account/phone`: a phone gets another name. It is removed like any other factor.

use askama::Template;
use axum::extract::Request;
use axum::response::Response;
use bytes::Bytes;

use super::confirm::ConfirmField;
use super::desk::Desk;
use super::layout::{self, Shell};
use super::refusal::Stop;
use crate::directory::ChangeRefused;

#[derive(Template)]
#[template(path = "rename_phone.html")]
struct RenamePage<'a> {
    shell: Shell<'a>,
    id: &'a str,
    name: &'a str,
    field: ConfirmField,
    csrf: String,
}

/// POST `account/phone` (`id`, `name`, and a `proof` or `proof_passkey`).
pub(super) async fn change(desk: Desk, request: Request) -> Response {
    desk.finish(renamed(&desk, request).await)
}

async fn renamed(desk: &Desk, request: Request) -> Result<http::Response<Bytes>, Stop> {
    let (_, fields) = desk.posted(request).await?;
    let (session, holder) = desk.fresh()?;
    let actor = desk.actor(holder);
    let id = fields.get("id").unwrap_or_default();
    let name = fields.get("name").unwrap_or_default();
    if let Err(refused) = desk.confirm(session, &fields).await? {
        let page = RenamePage {
            shell: Shell::new(desk.portal(), "Rename a phone"),
            id,
            name,
            field: desk.confirm_field(session, Some(refused)).await?,
            csrf: session.token.form_token(),
        };
        return Ok(page.field.answer(&page));
    }
    let directory = &desk.door.directory;
    match directory
        .rename_device(&actor, &holder.login, id, name, desk.now())
        .await
    {
        // Removed a moment ago, in another window: the page that follows shows it.
        Ok(()) | Err(ChangeRefused::NotFound(_)) => Ok(layout::see_other("/.doorstep/account")),
        Err(ChangeRefused::Unknown(unknown)) => Err(crate::access::Unknown::from(unknown).into()),
        Err(_) => Err(Stop::BadBody("That name does not fit.")),
    }
}
