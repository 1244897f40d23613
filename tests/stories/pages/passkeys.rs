//! A passkey, by ChromeDriver's virtual authenticator: added, used, required, removed.

use crate::support::browser::CHALLENGE;
use crate::support::portal::{Knobs, password_of};
use crate::support::webdriver::Chromium;
use crate::support::world::ANNA;
use crate::support::{StoreKind, World};

const DEEP_LINK: &str = "/app/secret";
const SIGN_IN: &str = "form[action$='challenge/verify'] button:not([type])";
const TOKEN: &str = "form[action$='challenge/verify'] input[name=token]";
const USE_PASSKEY: &str = "button[data-passkey]:not([hidden])";

fn at(world: &World, path: &str) -> String {
    format!("{}{path}", world.gateway.origin)
}

async fn password(world: &World, desk: &Chromium) {
    desk.go(&at(world, "/logout")).await;
    desk.go(&at(world, DEEP_LINK)).await;
    desk.fill("input[name=email]", ANNA).await;
    desk.fill("input[name=password]", password_of(ANNA)).await;
    desk.click("form button").await;
    desk.until_at("the challenge", |url| url.ends_with(CHALLENGE))
        .await;
}

/// Types into a field, and sends its form.
async fn fill_and_send(desk: &Chromium, field: &str, text: &str, button: &str) {
    desk.fill(field, text).await;
    desk.click(button).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_passkey_is_added_signs_in_and_may_be_required() {
    let mut world = World::with(StoreKind::Memory, Knobs::default(), |settings| {
        // An address is no relying party, and plain http is a secure context on localhost.
        settings.host = Some("localhost");
    })
    .await;
    let desk = Chromium::open().await;
    let authenticator = desk.authenticator().await;
    password(&world, &desk).await;
    assert!(!desk.has(USE_PASSKEY).await, "none is there yet");
    let key = world.anna.fresh().await;
    fill_and_send(&desk, TOKEN, &key, SIGN_IN).await;
    desk.until_at("the deep link", |url| url.ends_with(DEEP_LINK))
        .await;

    desk.go(&at(&world, "/.doorstep/account")).await;
    desk.click("a[href$='enroll/passkey']").await;
    desk.until_shown("Add a passkey").await;
    desk.picture("enroll-passkey", 1280, 900).await;
    desk.picture("enroll-passkey", 360, 740).await;
    desk.fill("#name", "Anna's laptop").await;
    let key = world.anna.fresh().await;
    fill_and_send(
        &desk,
        "#proof",
        &key,
        "form[action$='enroll/passkey'] button:not([type]):not([name])",
    )
    .await;
    desk.until_at("the account", |url| url.ends_with("/.doorstep/account"))
        .await;
    desk.until_shown("Anna's laptop").await;
    desk.picture("account-passkey", 1280, 900).await;
    let listed = world.gateway.ok(&["employee", "show", ANNA]);
    assert!(
        listed.contains("passkey") && listed.contains("Anna's laptop"),
        "{listed}"
    );

    // Her finger is not known: nothing is signed, and she may try again.
    password(&world, &desk).await;
    desk.knows_finger(&authenticator, false).await;
    desk.click(USE_PASSKEY).await;
    desk.until_shown("No passkey was used").await;
    desk.picture("challenge-passkey", 1280, 900).await;
    desk.picture("challenge-passkey", 360, 740).await;
    desk.knows_finger(&authenticator, true).await;
    desk.click(USE_PASSKEY).await;
    desk.until_at("the deep link", |url| url.ends_with(DEEP_LINK))
        .await;

    // The firm requires passkeys: hers goes on, her key from the app does not, and the others are not ready.
    world.gateway.ok(&["firm", "set", "acme", "factors=passkey"]);
    let plan = world
        .gateway
        .command(&["firm", "enable-2fa", "acme", "--dry-run", "--json"]);
    let plan = String::from_utf8_lossy(&plan.stdout).into_owned();
    assert!(
        plan.contains("ben@acme.example") && !plan.contains(ANNA),
        "{plan}"
    );
    password(&world, &desk).await;
    assert!(!desk.has("form[action$='challenge/sms']").await);
    let key = world.anna.fresh().await;
    fill_and_send(&desk, TOKEN, &key, SIGN_IN).await;
    desk.until_shown("Confirm it is you").await;
    assert!(!desk.url().await.ends_with(DEEP_LINK));
    desk.go(&at(&world, CHALLENGE)).await;
    desk.click(USE_PASSKEY).await;
    desk.until_at("the deep link", |url| url.ends_with(DEEP_LINK))
        .await;

    // It confirms its own removal, which signs her out.
    desk.go(&at(&world, "/.doorstep/account")).await;
    desk.click("a[aria-label^='Remove Anna']").await;
    desk.until_shown("Remove Anna").await;
    desk.click(USE_PASSKEY).await;
    desk.until_at("the login page", |url| url.contains("/login"))
        .await;
    let listed = world.gateway.ok(&["employee", "show", ANNA]);
    assert!(!listed.contains("Anna's laptop"), "{listed}");
    desk.close().await;
}
