//! Which address is answered by what.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};

use super::desk::Desk;
use super::refusal::Stop;
use super::{
    Told, account, account_phones, admin, assets, callbacks, challenge, enroll_passkey, enroll_push,
    enroll_totp, hand_over, interrupted, logout, lost_phone, origins, passkey, phone, phone_token, recovery,
    removal, watch,
};
use crate::access::Doorstep;

/// The router of all own addresses. A request carries an `Arc<Visitor>` in its extensions; one that does
/// not is answered 503.
pub fn router(door: Arc<Doorstep>) -> Router {
    Router::new()
        .route(
            "/.doorstep/challenge",
            get(challenge::show).post(challenge::reopen),
        )
        .route("/.doorstep/challenge/sms", post(challenge::sms))
        .route("/.doorstep/challenge/push", post(challenge::push))
        .route("/.doorstep/challenge/verify", post(challenge::verify))
        .route("/.doorstep/challenge/status", get(watch::status))
        .route("/.doorstep/challenge/events", get(watch::events))
        .route(
            "/.doorstep/enroll/totp",
            get(enroll_totp::show).post(enroll_totp::add),
        )
        .route(
            "/.doorstep/enroll/push",
            get(enroll_push::show).post(enroll_push::make),
        )
        .route(
            "/.doorstep/enroll/passkey",
            get(enroll_passkey::show).post(enroll_passkey::add),
        )
        .route(hand_over::BEGIN, get(hand_over::begin))
        .route("/.doorstep/cross", get(hand_over::cross))
        .route("/.doorstep/arrive", get(hand_over::arrive))
        .route("/.doorstep/challenge/passkey", post(passkey::ask))
        .route("/.doorstep/account/passkey", post(passkey::ask_to_confirm))
        .route("/.doorstep/enroll/push/status", get(enroll_push::status))
        .route("/.doorstep/phone", get(phone::slash))
        .route("/.doorstep/phone/", get(phone::show))
        .route("/.doorstep/phone/{name}", get(phone::file))
        .route("/.doorstep/phone/register", post(phone::register))
        .route("/.doorstep/phone/subscribe", post(phone::subscribe))
        .route("/.doorstep/phone/pending", post(phone::pending))
        .route("/.doorstep/phone/answer", post(phone::answer))
        .route("/.doorstep/phone/token", post(phone_token::show))
        .route("/.doorstep/account/phone", post(account_phones::change))
        .route("/.doorstep/callbacks/authy", post(callbacks::authy))
        .route("/.doorstep/callbacks/twilio", post(callbacks::twilio))
        .route(
            "/.doorstep/enroll/recovery",
            get(recovery::show).post(recovery::make),
        )
        .route(
            "/.doorstep/account/remove",
            get(removal::show).post(removal::remove),
        )
        .route(
            "/.doorstep/lost-phone",
            get(lost_phone::show).post(lost_phone::ask),
        )
        .route(
            "/.doorstep/lost-phone/cancel",
            get(lost_phone::cancel_page).post(lost_phone::cancel),
        )
        .route(
            "/.doorstep/interrupted",
            get(interrupted::show).post(interrupted::discard),
        )
        .route("/.doorstep/account/forget", post(removal::forget))
        .route("/.doorstep/account", get(account::show))
        .route("/.doorstep/account/sign-out", post(account::sign_out))
        .merge(admin::routes())
        .route("/.doorstep/logout", post(logout::logout))
        .route("/.doorstep/assets/{name}", get(file))
        .method_not_allowed_fallback(wrong_method)
        .fallback(not_found)
        .layer(axum::middleware::map_response_with_state(
            Arc::clone(&door),
            origins::guard,
        ))
        .with_state(door)
}

async fn file(uri: http::Uri) -> Response {
    match assets::asset(uri.path()) {
        Some(answer) => answer.map(Body::from).into_response(),
        None => http::StatusCode::NOT_FOUND.into_response(),
    }
}

async fn wrong_method(desk: Desk) -> Response {
    desk.finish(Err(Stop::WrongMethod))
}

async fn not_found(desk: Desk) -> Response {
    desk.finish(Err(Told::NotFound.into()))
}
