//! The challenge page, the SMS button, and the typed token.

use http::StatusCode;

use super::world::MINUTE;
use super::{Sent, World};

const CHALLENGE: &str = "/.doorstep/challenge";
const VERIFY: &str = "/.doorstep/challenge/verify";
const SMS: &str = "/.doorstep/challenge/sms";

#[tokio::test]
async fn i1_the_right_key_lets_in_under_a_new_token_and_to_the_deep_link() {
    let world = World::new().await;
    let token = world.signed_in("anna").await;
    let page = world.send(Sent::get(CHALLENGE).by(&token)).await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.body.contains("anna") && page.body.contains(&token.form_token()));
    let fields = format!("token={}", world.key());
    let answer = world.send(Sent::form(VERIFY, &token, &fields)).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
    assert_eq!(answer.location(), "/devices?page=2");
    assert_eq!(answer.cookies()[1], "theme=dark; Path=/");
    assert_ne!(answer.token().cookie_value(), token.cookie_value());
    let cookie = answer.cookies()[0];
    for part in ["HttpOnly", "Secure", "SameSite=Lax", "Path=/"] {
        assert!(cookie.contains(part), "{cookie} lacks {part}");
    }
    let again = world.send(Sent::get(CHALLENGE).by(&token)).await;
    assert_eq!(again.status, StatusCode::CONFLICT);
    assert!(again.cookies().is_empty());
    let inside = world.send(Sent::get(CHALLENGE).by(&answer.token())).await;
    assert_eq!(inside.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn a_script_gets_json_for_every_verdict() {
    let world = World::new().await;
    let token = world.signed_in("anna").await;
    world.send(Sent::get(CHALLENGE).by(&token)).await;
    let wrong = world.send(Sent::json(VERIFY, &token, &world.wrong())).await;
    assert_eq!(wrong.status, StatusCode::UNAUTHORIZED);
    assert_eq!(wrong.json()["error"], "wrong_token");
    let right = world.send(Sent::json(VERIFY, &token, &world.key())).await;
    assert_eq!(right.status, StatusCode::OK);
    assert_eq!(
        right.body,
        r#"{"status":"verified","location":"/devices?page=2"}"#
    );
    assert_eq!(right.cookies().len(), 2);
    let used = world.signed_in("anna").await;
    world.send(Sent::get(CHALLENGE).by(&used)).await;
    let used = world.send(Sent::json(VERIFY, &used, &world.key())).await;
    assert_eq!(
        (used.status, used.json()["error"].as_str()),
        (StatusCode::UNAUTHORIZED, Some("used"))
    );
}

#[tokio::test]
async fn i8_wrong_tokens_are_counted_down_and_then_lock_and_the_form_token_stands() {
    let world = World::new().await;
    let token = world.signed_in("anna").await;
    world.send(Sent::get(CHALLENGE).by(&token)).await;
    let fields = format!("token={}", world.wrong());
    for left in [
        "4 tries are left",
        "3 tries are left",
        "2 tries are left",
        "1 try is left",
    ] {
        let answer = world.send(Sent::form(VERIFY, &token, &fields)).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(answer.body.contains(left), "{left}: {}", answer.body);
        assert!(answer.body.contains(r#"aria-describedby="token-error""#));
    }
    let locked = world.send(Sent::form(VERIFY, &token, &fields)).await;
    assert_eq!(locked.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(locked.retry_after(), 60);
    assert!(locked.body.contains("Sign-in is locked until") && locked.body.contains(&token.form_token()));
    let script = world.send(Sent::json(VERIFY, &token, &world.key())).await;
    assert_eq!(script.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(script.body, r#"{"error":"locked","retry_after":60}"#);
    let sms = world.send(Sent::form(SMS, &token, "")).await;
    assert_eq!(sms.status, StatusCode::TOO_MANY_REQUESTS);
    assert!(world.phones.tokens.lock().unwrap().is_empty());
    world.clock.advance(MINUTE);
    let right = world.send(Sent::json(VERIFY, &token, &world.key())).await;
    assert_eq!(right.status, StatusCode::OK, "{}", right.body);
}

#[tokio::test]
async fn a_token_by_sms_is_sent_on_a_click_shown_as_sent_and_lets_in() {
    let world = World::new().await;
    let token = world.signed_in("ben").await;
    let page = world.send(Sent::get(CHALLENGE).by(&token)).await;
    assert!(page.body.contains("+1 ••• ••• 0103"));
    assert!(
        world.phones.tokens.lock().unwrap().is_empty(),
        "no GET sends anything"
    );
    let sent = world.send(Sent::form(SMS, &token, "")).await;
    assert_eq!((sent.status, sent.location()), (StatusCode::SEE_OTHER, CHALLENGE));
    let page = world.send(Sent::get(CHALLENGE).by(&token)).await;
    assert!(
        page.body.contains("We sent a token to") && page.body.contains("30 s"),
        "{}",
        page.body
    );
    let again = world.send(Sent::form(SMS, &token, "")).await;
    assert_eq!(
        (again.status, again.retry_after()),
        (StatusCode::TOO_MANY_REQUESTS, 30)
    );
    assert!(again.body.contains("You can ask again in"));
    let typed = world.phones.tokens.lock().unwrap()[0].clone();
    assert!(!again.body.contains(&typed));
    let spaced = format!("token={}+{}", &typed[..3], &typed[3..]);
    let answer = world.send(Sent::form(VERIFY, &token, &spaced)).await;
    assert_eq!(
        (answer.status, answer.location()),
        (StatusCode::SEE_OTHER, "/devices?page=2")
    );
}

#[tokio::test]
async fn i9_a_silent_provider_is_said_and_shuts_its_own_factor_only() {
    let world = World::new().await;
    *world.phones.down.lock().unwrap() = true;
    let token = world.signed_in("anna").await;
    world.send(Sent::get(CHALLENGE).by(&token)).await;
    let answer = world.send(Sent::form(SMS, &token, "")).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(
        answer
            .body
            .contains("SMS is not available right now. Use a key from your app.")
    );
    assert!(answer.retry_after() > 0);
    let right = world.send(Sent::json(VERIFY, &token, &world.key())).await;
    assert_eq!(right.status, StatusCode::OK);
}

#[tokio::test]
async fn who_has_nothing_enrolled_is_told_whom_to_ask() {
    let world = World::new().await;
    let token = world.signed_in("carl").await;
    let page = world.send(Sent::get(CHALLENGE).by(&token)).await;
    assert_eq!(page.status, StatusCode::FORBIDDEN);
    assert!(page.body.contains("none is set up for you"));
    let sms = world.send(Sent::form(SMS, &token, "")).await;
    assert_eq!(sms.status, StatusCode::FORBIDDEN);
    let typed = world.send(Sent::json(VERIFY, &token, "123456")).await;
    assert_eq!(
        (typed.status, typed.json()["error"].as_str()),
        (StatusCode::FORBIDDEN, Some("nothing_enrolled"))
    );
}

#[tokio::test]
async fn a_challenge_that_ran_out_is_replaced_on_a_click_in_the_same_session() {
    let world = World::new().await;
    let token = world.signed_in("anna").await;
    world.send(Sent::get(CHALLENGE).by(&token)).await;
    world.clock.advance(6 * MINUTE);
    let page = world.send(Sent::get(CHALLENGE).by(&token)).await;
    assert!(page.body.contains("That took too long.") && page.body.contains("Ask again"));
    let fields = format!("token={}", world.key());
    let late = world.send(Sent::form(VERIFY, &token, &fields)).await;
    assert_eq!(late.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(late.body.contains("That took too long."));
    let reopened = world.send(Sent::form(CHALLENGE, &token, "")).await;
    assert_eq!(
        (reopened.status, reopened.location()),
        (StatusCode::SEE_OTHER, CHALLENGE)
    );
    let answer = world.send(Sent::form(VERIFY, &token, &fields)).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn i7_one_key_pressed_twice_at_once_lets_in_once() {
    let world = World::new().await;
    let token = world.signed_in("anna").await;
    world.send(Sent::get(CHALLENGE).by(&token)).await;
    let press = || world.send(Sent::json(VERIFY, &token, &world.key()));
    let (one, two) = tokio::join!(press(), press());
    let let_in = [&one, &two]
        .iter()
        .filter(|answer| answer.status == StatusCode::OK)
        .count();
    assert_eq!(let_in, 1, "{} {}", one.body, two.body);
    for answer in [&one, &two]
        .into_iter()
        .filter(|answer| answer.status != StatusCode::OK)
    {
        assert!(answer.cookies().is_empty());
    }
}

#[tokio::test]
async fn i10_a_policy_that_goes_off_opens_and_one_that_changes_takes_the_verification_back() {
    let world = World::new().await;
    let waiting = world.signed_in("ben").await;
    let verified = world.verified("anna").await;
    world.two_factor(false).await;
    for (token, onward) in [(&waiting, "/devices?page=2"), (&verified, "/")] {
        let page = world.send(Sent::get(CHALLENGE).by(token)).await;
        assert_eq!((page.status, page.location()), (StatusCode::SEE_OTHER, onward));
    }
    world.two_factor(true).await;
    let page = world.send(Sent::get(CHALLENGE).by(&verified)).await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.body);
    assert!(page.body.contains("Token or Security Key"));
    world.clock.advance(MINUTE);
    let answer = world.send(Sent::json(VERIFY, &verified, &world.key())).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
}

#[tokio::test]
async fn nobody_opens_challenges_without_end() {
    let world = World::new().await;
    let mut last = None;
    for _ in 0..61 {
        let token = world.signed_in("anna").await;
        last = Some(world.send(Sent::get(CHALLENGE).by(&token)).await);
    }
    let last = last.unwrap();
    assert_eq!(
        (last.status, last.retry_after()),
        (StatusCode::TOO_MANY_REQUESTS, 60)
    );
    assert!(last.body.contains("You have asked too often."));
}
