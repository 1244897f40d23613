//! An unchanged single-page app in a real browser: its script steps up by itself.

use crate::support::portal::{Knobs, SECRET, password_of};
use crate::support::webdriver::Chromium;
use crate::support::world::ANNA;
use crate::support::{PATIENCE, Reply, StoreKind, World, until};

const RULES: &str = r#"
[[portal.login]]
path = "/api/token"
username = { json = "/user/name" }
bearer = "/access_token"
success = { status = [200], json = "/access_token" }
failure = { status = [403], json = { pointer = "/error", equals = "invalid_grant" } }
"#;

/// It knows nothing of doorstep: a refused login is "no", and it keeps its token for itself.
const APP: &str = r#"<!doctype html><html><head><title>App</title></head><body>
<form id=login><input id=name><input id=password type=password><button>Log in</button></form>
<p id=said></p><button id=more>More</button>
<script>
const said = (text) => { document.getElementById("said").textContent = text; };
document.getElementById("login").addEventListener("submit", async (event) => {
  event.preventDefault();
  const credentials = { user: { name: document.getElementById("name").value }, password: document.getElementById("password").value };
  const answer = await fetch("/api/token", { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(credentials) });
  if (!answer.ok) { said("no " + answer.status); return; }
  localStorage.token = (await answer.json()).access_token;
  said("You are signed.");
});
document.getElementById("more").addEventListener("click", () => {
  const request = new XMLHttpRequest();
  request.open("GET", "/api/data");
  request.setRequestHeader("Authorization", "Bearer " + localStorage.token);
  request.onload = () => said(request.status + " " + request.responseText);
  request.send();
});
</script></body></html>"#;

const TOKEN: &str = "form[action$='challenge/verify'] input[name=token]";

async fn sign_in(chromium: &Chromium) {
    chromium.fill("#name", ANNA).await;
    chromium.fill("#password", password_of(ANNA)).await;
    chromium.click("#login button").await;
}

async fn cross(chromium: &Chromium, world: &mut World, place: &str) {
    chromium
        .until_at("the challenge", |url| url.ends_with("/.doorstep/challenge"))
        .await;
    chromium.fill(TOKEN, &world.anna.fresh().await).await;
    chromium.click("form[action$='challenge/verify'] button").await;
    chromium
        .until_at("where it was", |url| url.ends_with(place))
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_app_steps_up_by_itself_and_comes_back_to_its_route() {
    let mut world = World::with(StoreKind::Memory, Knobs::default(), |settings| {
        settings.rules = RULES.to_owned();
        settings.portal = settings
            .portal
            .replace("login_page = \"/login\"", "login_page = \"/public/app\"");
        settings.portal += "step_up_script = true\n";
    })
    .await;
    let shell = Reply::new(200).header("Content-Type", "text/html").body(APP);
    world.portal.answer("/public/app", shell);
    let place = "/public/app?v=1#/devices/7";
    let chromium = Chromium::open().await;
    chromium.go(&format!("{}{place}", world.gateway.origin)).await;
    sign_in(&chromium).await;
    cross(&chromium, &mut world, place).await;
    // it signs in again, and the factor carries over
    sign_in(&chromium).await;
    chromium.until_shown("You are signed.").await;
    chromium.click("#more").await;
    chromium.until_shown(SECRET).await;
    // the firm's policy takes the verification back: an XMLHttpRequest leads there as well
    world.gateway.ok(&["firm", "disable-2fa", "acme"]);
    world.gateway.ok(&["firm", "enable-2fa", "acme"]);
    until("the script is led to the challenge", PATIENCE, || async {
        if chromium.url().await.ends_with("/.doorstep/challenge") {
            return Some(());
        }
        chromium
            .script("const more = document.querySelector('#more'); if (more) more.click();")
            .await;
        None
    })
    .await;
    cross(&chromium, &mut world, place).await;
    chromium.click("#more").await;
    chromium.until_shown(SECRET).await;
    chromium.close().await;
}

/// Somebody who has not saved yet stays, and meets the challenge beside the page. (WebDriver answers a page's
/// question whether to leave it by itself, so this page does not ask but holds.)
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unsaved_work_is_kept_where_the_page_asks_before_it_is_left() {
    let mut world = World::with(StoreKind::Memory, Knobs::default(), |settings| {
        settings.portal += "step_up_script = true\n";
    })
    .await;
    let page = "<!doctype html><body><input id=work><button id=save>Save</button><p id=said></p><script>\
        navigation.addEventListener('navigate', (event) => event.preventDefault());\
        document.getElementById('save').onclick = async () => {\
        document.getElementById('said').textContent = 'saved ' + (await fetch('/app/save')).status; };</script>";
    world.portal.answer(
        "/public/editor",
        Reply::new(200).header("Content-Type", "text/html").body(page),
    );
    let chromium = Chromium::open().await;
    chromium.go(&format!("{}/login", world.gateway.origin)).await;
    chromium.fill("input[name=email]", ANNA).await;
    chromium.fill("input[name=password]", password_of(ANNA)).await;
    chromium.click("button").await;
    chromium
        .until_at("the challenge", |url| url.contains("/.doorstep/challenge"))
        .await;
    chromium
        .go(&format!("{}/public/editor", world.gateway.origin))
        .await;
    chromium.fill("#work", "a long text").await;
    chromium.click("#save").await;
    chromium.until_shown("Confirm it is you in a new tab").await;
    assert_eq!(
        chromium
            .script("return document.getElementById('work').value")
            .await,
        "a long text"
    );
    let address = chromium
        .script("return document.querySelector('[role=alert] a').href")
        .await;
    assert!(
        address
            .as_str()
            .unwrap()
            .contains("/.doorstep/challenge?next=%2Fpublic%2Feditor"),
        "{address}"
    );
    chromium.picture("step-up-offer", 1280, 800).await;
    chromium.picture("step-up-offer", 360, 740).await;
    chromium.close().await;
    let _ = world.anna.fresh().await;
}
