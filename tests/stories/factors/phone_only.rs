//! Somebody whose only factor is a phone can change what is theirs (I14): the phone shows a token for the form.

use serde_json::json;

use super::phone::{Phone, digits};
use crate::support::browser::CHALLENGE;
use crate::support::world::CAROL;
use crate::support::{Answer, Browser, PATIENCE, StoreKind, TotpKey, World, page, until};

const TOTP: &str = "/.doorstep/enroll/totp";

/// Carol, who has no number, signed in by her phone; her app is gone.
async fn by_phone(world: &mut World) -> (Browser, Phone) {
    let browser = world.carol_signed_in().await;
    let proof = world.carol.fresh().await;
    let phone = Phone::added_by(&browser, &world.gateway, &proof).await;
    let factors = world.gateway.json(&["employee", "show", CAROL]);
    drop(factors);
    let account = browser.get("/.doorstep/account").await.expect(200).text();
    let (_, rest) = account
        .split_once("account/remove?id=")
        .expect("the app can be removed");
    let id: String = rest.chars().take_while(char::is_ascii_alphanumeric).collect();
    let asks = browser
        .get(&format!("/.doorstep/account/remove?id={id}"))
        .await
        .expect(200)
        .text();
    let form = page::form(&asks, "account/remove");
    let proof = world.carol.fresh().await;
    browser.send_challenge_form(&form, &[("proof", &proof)]).await;
    let browser = world.browser();
    browser.password(CAROL).await.expect(303).expect_to(CHALLENGE);
    let request = waiting(&phone).await;
    phone
        .decide(&request, "approve", &digits(&browser).await)
        .await
        .expect(200);
    browser.get("/app/secret").await.expect(200);
    (browser, phone)
}

async fn waiting(phone: &Phone) -> serde_json::Value {
    until("a request waits", PATIENCE, || async {
        phone.pending().await.pop()
    })
    .await
}

async fn form(browser: &Browser) -> (page::Form, TotpKey) {
    let page = browser.get(TOTP).await.expect(200).text();
    assert!(page.contains("Show a token on my phone"), "{page}");
    let (_, rest) = page.split_once("<dt>Secret</dt><dd><code>").expect("a secret");
    let secret: String = rest
        .chars()
        .take_while(|c| *c != '<')
        .filter(|c| !c.is_whitespace())
        .collect();
    let uri = format!("otpauth://totp/x:y?secret={secret}&issuer=x&algorithm=SHA1&digits=6&period=30");
    (page::form(&page, "enroll/totp"), TotpKey::new(&uri))
}

async fn add(browser: &Browser, form: &page::Form, app: &mut TotpKey, proof: &str) -> Answer {
    let key = app.fresh().await;
    browser
        .send_challenge_form(form, &[("token", &key), ("proof", proof)])
        .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i14_a_phone_shows_the_token_that_confirms_a_change_and_it_works_once() {
    let mut world = World::new(StoreKind::Memory).await;
    let (browser, phone) = by_phone(&mut world).await;
    let (form, mut app) = form(&browser).await;
    let asked = browser
        .send_challenge_form(&form, &[("send", "phone"), ("proof", ""), ("token", "")])
        .await;
    assert!(asked.expect(200).text().contains("We asked your phone"));
    let request = waiting(&phone).await;
    assert_eq!(request["what"], "change");
    // It cannot be approved, as a sign-in is: there is nothing to let in.
    phone.decide(&request, "approve", "47").await.expect(410);
    let wanted = json!({"challenge": request["challenge"], "id": request["id"]});
    let token = phone.ask("token", &wanted).await.expect(200).json()["token"]
        .as_str()
        .unwrap()
        .to_owned();
    phone.ask("token", &wanted).await.expect(410);
    let wrong = if token == "111111" { "222222" } else { "111111" };
    add(&browser, &form, &mut app, wrong).await.expect(422);
    // Another session of the same person is not confirmed by it, nor is a sign-in.
    let other = world.browser();
    other.password(CAROL).await.expect(303);
    other.type_token(&token).await.expect(422);
    add(&browser, &form, &mut app, &token).await.expect(303);
    let again = browser.get(TOTP).await;
    let used = match again.status.as_u16() {
        200 => {
            let form = page::form(&again.text(), "enroll/totp");
            browser
                .send_challenge_form(&form, &[("token", "123456"), ("proof", &token)])
                .await
        }
        _ => again,
    };
    assert_ne!(used.status, 200, "{}", used.shown());
    let listed = world
        .gateway
        .json(&["audit", "list", "--event", "push.token_shown"]);
    assert!(listed.to_string().contains("push.token_shown"), "{listed}");
    assert!(!listed.to_string().contains(&token), "I12");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i14_whoever_says_that_the_change_is_not_theirs_ends_the_session_that_asked() {
    let mut world = World::new(StoreKind::Memory).await;
    let (browser, phone) = by_phone(&mut world).await;
    let (form, _) = form(&browser).await;
    browser
        .send_challenge_form(&form, &[("send", "phone"), ("proof", ""), ("token", "")])
        .await
        .expect(200);
    let request = waiting(&phone).await;
    phone.decide(&request, "report", "").await.expect(200);
    let out = || async { (browser.get("/app/secret").await.status == 303).then_some(()) };
    until("the session ends", PATIENCE, out).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i14_an_admin_who_has_only_a_phone_changes_what_admins_change() {
    const HERE: &str = "/.doorstep/admin/policy";
    let mut world = World::new(StoreKind::Memory).await;
    world.gateway.ok(&["employee", "set", CAROL, "--role", "admin"]);
    let (browser, phone) = by_phone(&mut world).await;
    let page = browser.get(HERE).await.expect(200).text();
    assert!(page.contains("Show a token on my phone"), "{page}");
    let form = page::form(&page, "admin/policy");
    let csrf = form.fields.iter().find(|(name, _)| name == "csrf");
    let csrf = &csrf.expect("a form token").1;
    let asked = [("csrf", csrf.as_str()), ("here", HERE)];
    browser
        .post("/.doorstep/admin/confirm/phone", &asked)
        .await
        .expect(303);
    let request = waiting(&phone).await;
    let wanted = json!({"challenge": request["challenge"], "id": request["id"]});
    let told = phone.ask("token", &wanted).await.expect(200).json();
    let token = told["token"].as_str().unwrap();
    let wrong = if token == "111111" { "222222" } else { "111111" };
    let refused = browser.send_challenge_form(&form, &[("token", wrong)]).await;
    assert!(refused.text().contains("not right"), "{}", refused.shown());
    let changed = browser.send_challenge_form(&form, &[("token", token)]).await;
    assert_eq!(changed.status, 303, "{}", changed.shown());
    // Another policy asks everybody anew, and the token is used.
    let again = browser.send_challenge_form(&form, &[("token", token)]).await;
    assert_ne!(again.status, 303, "{}", again.shown());
}
