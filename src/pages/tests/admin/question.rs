//! *Enable two-factor authentication?*

use http::StatusCode;

use super::super::world::firm;
use super::super::{Sent, World};
use super::{ADMIN, leak, ready_world, world};
use crate::directory::Firm;

const QUESTION: &str = "/.doorstep/admin/two-factor";

async fn acme(world: &World) -> Firm {
    world.door.directory.firm(&firm()).await.unwrap().unwrap()
}

#[tokio::test]
async fn i10_yes_asks_who_is_inside_at_once_and_no_lets_them_through() {
    let world = ready_world().await;
    let token = world.verified("alva").await;
    let ben = world.signed_in("ben").await;
    let off = world.change(QUESTION, &token, "enable=no").await;
    assert_eq!(
        (off.status, off.location()),
        (StatusCode::SEE_OTHER, "/.doorstep/admin/?done=disabled")
    );
    let through = world.page("/.doorstep/challenge", &ben).await;
    assert_eq!(
        (through.status, through.location()),
        (StatusCode::SEE_OTHER, "/devices?page=2")
    );
    let token = off.token();
    let overview = world.page(ADMIN, &token).await;
    assert_eq!(
        overview.status,
        StatusCode::OK,
        "the admin is not thrown out by their own change"
    );
    assert!(
        overview.body.contains("<strong>1</strong> signed in now"),
        "{}",
        overview.body
    );
    let on = world.change(QUESTION, &token, "enable=yes").await;
    assert_eq!(
        (on.status, on.location()),
        (StatusCode::SEE_OTHER, "/.doorstep/admin/?done=enabled")
    );
    assert_eq!(
        world.page("/.doorstep/challenge", &ben).await.status,
        StatusCode::OK
    );
    assert_eq!(world.page(ADMIN, &on.token()).await.status, StatusCode::OK);
    let events = world.events("firm.two_factor_*").await;
    let by: Vec<_> = events
        .iter()
        .map(|event| (event.actor.as_str(), event.from.as_str()))
        .collect();
    assert_eq!(
        by[1..],
        [("alva", "127.0.0.1"), ("alva", "127.0.0.1")],
        "{events:?}"
    );
}

#[tokio::test]
async fn yes_is_refused_while_somebody_has_neither_phone_nor_factor() {
    let world = world().await;
    world.two_factor(false).await;
    let token = world.signed_in("alva").await;
    let confirmed = world.change("/.doorstep/admin/confirm", &token, "").await;
    let token = confirmed.token();
    let page = world.page("/.doorstep/admin/two-factor?enable=yes", &token).await;
    assert!(page.body.contains(">carl</a>"), "{}", page.body);
    let refused = world.change(QUESTION, &token, "enable=yes").await;
    assert_eq!(refused.status, StatusCode::CONFLICT);
    assert!(
        refused.body.contains("/.doorstep/admin/employee?login=carl"),
        "{}",
        refused.body
    );
    assert!(!acme(&world).await.two_factor.enabled);
}

#[tokio::test]
async fn a_dry_run_changes_nothing_and_a_start_can_be_set() {
    let world = ready_world().await;
    let token = world.verified("alva").await;
    let token = world.change(QUESTION, &token, "enable=no").await.token();
    let dry = world.form(QUESTION, &token, "enable=yes&dry_run=yes").await;
    assert_eq!(dry.status, StatusCode::OK);
    assert!(dry.body.contains("nothing has changed"), "{}", dry.body);
    assert!(!acme(&world).await.two_factor.enabled);
    let past = world
        .change(QUESTION, &token, "enable=yes&from=2020-01-01T00:00")
        .await;
    assert_eq!(past.status, StatusCode::UNPROCESSABLE_ENTITY);
    let staged = world
        .change(QUESTION, &token, "enable=yes&from=2030-01-01T08:00")
        .await;
    assert_eq!(
        staged.location(),
        "/.doorstep/admin/?done=scheduled",
        "{}",
        staged.body
    );
    let flag = acme(&world).await.two_factor;
    assert!(flag.enabled && !flag.asks(world.now()));
    assert_eq!(flag.from.unwrap().to_string(), "2030-01-01T08:00:00Z");
    assert!(world.page(ADMIN, &staged.token()).await.body.contains("Not yet"));
}

#[tokio::test]
async fn i14_a_change_needs_its_own_token_and_the_sessions_own_page() {
    let world = ready_world().await;
    let token = world.verified("alva").await;
    world.clock.advance(super::STEP);
    let key = world.key();
    let wrong = format!("enable=no&token={}", world.wrong());
    for (fields, status, words) in [
        (
            "enable=no",
            StatusCode::UNPROCESSABLE_ENTITY,
            "Type a token or key",
        ),
        (
            "enable=no&token=",
            StatusCode::UNPROCESSABLE_ENTITY,
            "Type a token or key",
        ),
        (
            wrong.as_str(),
            StatusCode::UNPROCESSABLE_ENTITY,
            "4 tries are left",
        ),
        ("enable=maybe", StatusCode::BAD_REQUEST, "yes or no"),
        ("enable=no&enable=yes", StatusCode::BAD_REQUEST, "yes or no"),
    ] {
        let answer = world.form(QUESTION, &token, fields).await;
        assert_eq!(answer.status, status, "{fields}");
        assert!(answer.body.contains(words), "{fields}: {}", answer.body);
    }
    let body = format!("csrf={}&enable=no&token={key}", token.form_token());
    let foreign = Sent::post(leak(QUESTION))
        .with("origin", "https://evil.example")
        .with("content-type", "application/x-www-form-urlencoded")
        .by(&token)
        .body(&body);
    assert_eq!(world.send(foreign).await.status, StatusCode::FORBIDDEN);
    let unsigned = Sent::post(leak(QUESTION))
        .with("origin", "https://portal.example.com")
        .with("content-type", "application/x-www-form-urlencoded")
        .by(&token)
        .body(&format!("enable=no&token={key}"));
    assert_eq!(world.send(unsigned).await.status, StatusCode::FORBIDDEN);
    assert!(acme(&world).await.two_factor.enabled);
    // None of them used the key up.
    let done = world
        .form(QUESTION, &token, &format!("enable=no&token={key}"))
        .await;
    assert_eq!(done.status, StatusCode::SEE_OTHER, "{}", done.body);
}
