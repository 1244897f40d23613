//! POST `phone/token`: the token that a phone shows for a change in a form elsewhere.

use axum::extract::Request;
use axum::response::Response;
use bytes::Bytes;
use http::StatusCode;
use serde::Deserialize;
use serde_json::json;

use super::desk::Desk;
use super::layout;
use super::phone::refused;
use super::phone_proof::{Proven, read};
use super::refusal::Stop;
use crate::sessions::ChallengeId;

#[derive(Deserialize)]
struct Wanted {
    challenge: String,
    id: String,
}

pub(super) async fn show(mut desk: Desk, request: Request) -> Response {
    desk.json = true;
    desk.finish(shown(&desk, request).await)
}

async fn shown(desk: &Desk, request: Request) -> Result<http::Response<Bytes>, Stop> {
    let proven = match Proven::of(desk, request).await? {
        Ok(proven) => proven,
        Err(refused) => return Ok(refused),
    };
    let wanted: Wanted = read(&proven.body)?;
    let from = desk.visitor.client.to_canonical().to_string();
    let (id, now) = (ChallengeId(wanted.challenge), desk.now());
    let shown = desk
        .door
        .show_token_on(&proven.device, &id, &wanted.id, &from, now)
        .await?;
    Ok(match shown {
        Some(token) => layout::json(StatusCode::OK, &json!({"token": token})),
        None => refused(StatusCode::GONE, "over"),
    })
}
