//! `challenge/passkey`, `account/passkey`: what a passkey is to sign, for the page's script. What it signed comes
//! back in the form of the challenge or of a change.

use axum::extract::Request;
use axum::response::Response;
use bytes::Bytes;
use http::StatusCode;
use serde_json::json;

use super::desk::{Crossing, Desk};
use super::layout;
use super::refusal::Stop;
use crate::factors::passkey::PasskeyAsked;
use crate::factors::verify::PasskeyFault;

type Answer = Result<http::Response<Bytes>, Stop>;

/// POST `challenge/passkey`.
pub(super) async fn ask(mut desk: Desk, request: Request) -> Response {
    desk.json = true;
    desk.finish(asked(&desk, request).await)
}

/// POST `account/passkey`: to confirm a change.
pub(super) async fn ask_to_confirm(mut desk: Desk, request: Request) -> Response {
    desk.json = true;
    desk.finish(asked_to_confirm(&desk, request).await)
}

async fn asked(desk: &Desk, request: Request) -> Answer {
    desk.posted(request).await?;
    let session = &*match desk.crossing().await? {
        Crossing::Owed(session) => session,
        Crossing::Entered(entry) => return Ok(desk.enter(&entry)),
        Crossing::Open(onward) => return Ok(desk.through(&onward)),
    };
    Ok(options(desk.door.ask_passkey(session, desk.now()).await?))
}

async fn asked_to_confirm(desk: &Desk, request: Request) -> Answer {
    let (session, _) = desk.posted(request).await?;
    desk.stage()?;
    Ok(options(
        desk.door.ask_passkey_to_confirm(session, desk.now()).await?,
    ))
}

fn options(asked: PasskeyAsked) -> http::Response<Bytes> {
    match asked {
        PasskeyAsked::Options(options) => layout::json(StatusCode::OK, &options),
        PasskeyAsked::NoPasskey => layout::json(StatusCode::FORBIDDEN, &json!({"error": "no_passkey"})),
        PasskeyAsked::Over => layout::json(StatusCode::UNAUTHORIZED, &json!({"error": "challenge_expired"})),
    }
}

/// What is said beside a passkey's button.
pub(super) fn words(fault: PasskeyFault) -> &'static str {
    match fault {
        PasskeyFault::Refused => "That passkey was not accepted. Try again, or use another way.",
        PasskeyFault::Over => "That took too long. Use your passkey again.",
        PasskeyFault::Used => "That was used already. Use your passkey again.",
        PasskeyFault::MayBeCopied => {
            "That passkey was refused, for it may have been copied. Use another way, and tell your admin."
        }
    }
}

/// The word for scripts.
pub(super) fn word(fault: PasskeyFault) -> &'static str {
    match fault {
        PasskeyFault::Refused => "wrong_passkey",
        PasskeyFault::Over => "passkey_expired",
        PasskeyFault::Used => "used",
        PasskeyFault::MayBeCopied => "passkey_may_be_copied",
    }
}
