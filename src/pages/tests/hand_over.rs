//! `own_url` on another host: a session is handed over by a code that works once, within 30 s, in one browser.

use http::StatusCode;

use super::world::MINUTE;
use super::{Sent, World};
use crate::secret::SessionToken;

const OWN: &str = "own_url = \"https://door.example.com\"";
const BEGIN: &str = "/.doorstep/begin?to=/.doorstep/account";

/// The path and query of an address, which must be on this host.
fn on(host: &str, location: &str) -> String {
    let rest = location.strip_prefix(host);
    rest.unwrap_or_else(|| panic!("{location} is not on {host}"))
        .to_owned()
}

fn value_of(cookies: &[&str], name: &str) -> Option<String> {
    let line = cookies
        .iter()
        .find_map(|line| line.strip_prefix(&format!("{name}=")))?;
    line.split(';').next().map(str::to_owned)
}

/// A browser begins on the own host: the secret in its cookie, and where it crosses.
async fn begun(world: &World) -> (String, String) {
    let begun = world.send(Sent::get(BEGIN).on_own()).await;
    assert_eq!(begun.status, StatusCode::SEE_OTHER);
    let secret = value_of(&begun.cookies(), "__Host-doorstep-crossing").unwrap();
    (secret, on("https://portal.example.com", begun.location()))
}

/// The public host knows the session, and makes a code.
async fn crossed(world: &World, address: &str, token: &SessionToken) -> String {
    let crossed = world.send(Sent::get(address).by(token)).await;
    assert_eq!(crossed.status, StatusCode::SEE_OTHER, "{}", crossed.body);
    assert!(crossed.cookies().is_empty());
    on("https://door.example.com", crossed.location())
}

async fn arrives(world: &World, address: &str, secret: &str) -> super::world::Answer {
    let cookie = format!("__Host-doorstep-crossing={secret}");
    world
        .send(Sent::get(address).on_own().with("cookie", &cookie))
        .await
}

#[tokio::test]
async fn a_session_is_handed_over_once_and_in_the_browser_that_began() {
    let world = World::with_listen(OWN).await;
    let token = world.signed_in("anna").await;
    let (secret, address) = begun(&world).await;
    let code = crossed(&world, &address, &token).await;
    assert!(!code.contains(&token.cookie_value()));
    // In the browser of somebody who made a victim follow their link, or who read it over a shoulder.
    let (other, _) = begun(&world).await;
    for secret in [other.as_str(), "", &token.cookie_value()] {
        let answer = arrives(&world, &code, secret).await;
        assert_eq!(
            (answer.status, answer.cookies().len()),
            (StatusCode::FORBIDDEN, 0)
        );
    }
    let answer = arrives(&world, &code, &secret).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
    assert_eq!(answer.location(), "/.doorstep/account");
    assert_eq!(answer.token().id(), token.id());
    let again = arrives(&world, &code, &secret).await;
    assert_eq!((again.status, again.cookies().len()), (StatusCode::FORBIDDEN, 0));
}

#[tokio::test]
async fn a_code_works_for_30_seconds_and_a_beginning_for_two_minutes() {
    let world = World::with_listen(OWN).await;
    let token = world.signed_in("anna").await;
    let (secret, address) = begun(&world).await;
    let code = crossed(&world, &address, &token).await;
    world.clock.advance(MINUTE / 2);
    assert_eq!(
        arrives(&world, &code, &secret).await.status,
        StatusCode::FORBIDDEN
    );
    let code = crossed(&world, &address, &token).await;
    assert_eq!(
        arrives(&world, &code, &secret).await.status,
        StatusCode::SEE_OTHER
    );
    world.clock.advance(2 * MINUTE);
    let late = world.send(Sent::get(address.as_str()).by(&token)).await;
    assert_eq!(late.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn nobody_crosses_without_a_session_or_by_a_script_or_frame() {
    let world = World::with_listen(OWN).await;
    let token = world.signed_in("anna").await;
    let (_, address) = begun(&world).await;
    let nobody = world.send(Sent::get(address.as_str())).await;
    assert_eq!(nobody.status, StatusCode::UNAUTHORIZED);
    assert!(
        nobody.body.contains("https://portal.example.com/login"),
        "{}",
        nobody.body
    );
    for (name, value) in [("sec-fetch-mode", "cors"), ("sec-fetch-dest", "iframe")] {
        let sent = Sent::get(address.as_str()).by(&token).with(name, value);
        assert_eq!(world.send(sent).await.status, StatusCode::FORBIDDEN, "{name}");
    }
    for forged in [
        "/.doorstep/cross?state=x&to=/.doorstep/account",
        "/.doorstep/cross",
    ] {
        let answer = world.send(Sent::get(forged).by(&token)).await;
        assert_eq!(
            (answer.status, answer.cookies().len()),
            (StatusCode::FORBIDDEN, 0)
        );
    }
    // Each half on its own host only.
    let (begin, cross) = (Sent::get(BEGIN), Sent::get(address.as_str()).by(&token).on_own());
    for sent in [begin, cross] {
        assert_eq!(world.send(sent).await.status, StatusCode::NOT_FOUND);
    }
}

#[tokio::test]
async fn f5_the_way_back_is_open_only_to_the_browser_that_gave_the_password() {
    let world = World::with_listen(OWN).await;
    let token = world.signed_in("anna").await;
    world
        .send(Sent::get("/.doorstep/challenge").by(&token).on_own())
        .await;
    let fields = format!("token={}", world.key());
    let form = Sent::form("/.doorstep/challenge/verify", &token, &fields).on_own();
    let refused = world.send(form).await;
    assert_eq!(
        refused.status,
        StatusCode::FORBIDDEN,
        "a page of the portal's origin sent it"
    );
    let form = Sent::post("/.doorstep/challenge/verify")
        .with("origin", "https://door.example.com")
        .with("content-type", "application/x-www-form-urlencoded")
        .by(&token)
        .body(&format!("csrf={}&{fields}", token.form_token()))
        .on_own();
    let entered = world.send(form).await;
    assert_eq!(entered.status, StatusCode::SEE_OTHER, "{}", entered.body);
    let raised = entered.token();
    let back = on("https://portal.example.com", entered.location());
    assert!(back.starts_with("/.doorstep/arrive?code="), "{back}");
    assert!(!back.contains(&raised.cookie_value()));
    let with = |value: &str| Sent::get(back.as_str()).with("cookie", &format!("__Host-doorstep={value}"));
    let stranger = SessionToken::random().cookie_value();
    for sent in [
        Sent::get(back.as_str()),
        with(&stranger),
        with(&raised.cookie_value()),
    ] {
        let answer = world.send(sent).await;
        assert_eq!(
            (answer.status, answer.cookies().len()),
            (StatusCode::FORBIDDEN, 0)
        );
    }
    let answer = world.send(with(&token.cookie_value())).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.body);
    assert_eq!(answer.token().id(), raised.id());
    assert_eq!(answer.location(), "https://portal.example.com/");
    let again = world.send(with(&token.cookie_value())).await;
    assert_eq!((again.status, again.cookies().len()), (StatusCode::FORBIDDEN, 0));
}

#[tokio::test]
async fn on_another_port_of_the_same_host_nothing_is_handed_over() {
    let world = World::with_listen("own_url = \"https://portal.example.com:8443\"").await;
    for path in [BEGIN, "/.doorstep/cross?state=x", "/.doorstep/arrive?code=x"] {
        assert_eq!(
            world.send(Sent::get(path).on_own()).await.status,
            StatusCode::NOT_FOUND
        );
    }
    let page = world.send(Sent::get("/.doorstep/challenge").on_own()).await;
    assert_eq!(page.status, StatusCode::UNAUTHORIZED);
    let policy = page.headers["content-security-policy"].to_str().unwrap();
    assert!(
        policy.contains("form-action 'self' https://portal.example.com;"),
        "{policy}"
    );
    assert_eq!(page.headers["cross-origin-opener-policy"], "same-origin");
}
