//! `admin/confirm/phone`: asks the admin's own phone for a token to type, where it is what they have.

use axum::extract::Request;
use axum::response::Response;
use http::StatusCode;

use super::super::desk::Desk;
use super::super::layout;
use super::super::moment::{Moment, seconds_until};
use super::confirm::{CONFIRM, Problem, with_done};
use super::guard::back;
use super::{ADMIN, Answer};
use crate::factors::push::PushSent;

/// POST `admin/confirm/phone` (`here`, `next`).
pub(super) async fn ask(desk: Desk, request: Request) -> Response {
    desk.finish(asked(&desk, request).await)
}

async fn asked(desk: &Desk, request: Request) -> Answer {
    let (_, fields) = desk.posted(request).await?;
    let (session, _) = desk.would_be_admin().await?;
    let here = back(Some(fields.get("here").unwrap_or(ADMIN)));
    let to_confirm = here.starts_with(CONFIRM);
    let next = if to_confirm {
        back(fields.get("next"))
    } else {
        here
    };
    let now = desk.now();
    let sent = desk.door.ask_phone_for_token(session, desk.whence(), now).await?;
    let problem = match sent {
        PushSent::Sent | PushSent::Held if to_confirm => {
            return desk.confirm_page(session, next, Problem::None, true).await;
        }
        PushSent::Sent | PushSent::Held => return Ok(layout::see_other(&with_done(here, "asked"))),
        PushSent::Over => return Err(desk.sign_in_again()),
        PushSent::Limited { until } => Problem::Again(
            StatusCode::TOO_MANY_REQUESTS,
            "Your phone cannot be asked again until",
            format!("{}.", Moment::time(until)),
            seconds_until(until, now).max(1),
        ),
        PushSent::NoPhone => Problem::Words(
            StatusCode::FORBIDDEN,
            "There is no phone that could be asked.",
            String::new(),
        ),
    };
    desk.confirm_page(session, next, problem, false).await
}
