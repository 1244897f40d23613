//! The applications themselves, without a gateway: what the other stories take for granted.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::app::{ANNA, BEN, password_of};
use super::{django_admin, dokuwiki, nginx_basic, node_red};
use crate::support::{Browser, page};

#[tokio::test(flavor = "multi_thread")]
async fn djangos_admin_signs_in_and_logs() {
    let app = django_admin::start::start().await;
    let browser = Browser::to(&format!("http://{}", app.address), app.address);
    let form = page::forms(&browser.get("/admin/login/").await.text()).remove(0);
    let csrf = form.fields.iter().find(|(name, _)| name == "csrfmiddlewaretoken");
    let fields = [
        ("csrfmiddlewaretoken", csrf.unwrap().1.as_str()),
        ("username", BEN),
        ("password", password_of(BEN)),
    ];
    browser
        .post("/admin/login/?next=/admin/", &fields)
        .await
        .expect(302);
    let page = browser.get("/admin/auth/user/").await.expect(200);
    assert!(page.holds("anna@django.example"));
    assert!(
        app.requests().await.contains(&"GET /admin/auth/user/".to_owned()),
        "{:?}",
        app.requests().await
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn dokuwiki_is_shut_and_its_users_sign_in_by_form_and_by_remote_api() {
    let app = dokuwiki::start::start().await;
    let browser = Browser::to(&format!("http://{}", app.address), app.address);
    let shut = browser.get("/doku.php?id=start").await;
    assert!(!shut.holds(dokuwiki::start::SECRET), "{}", shut.shown());
    let fields = [
        ("u", ANNA),
        ("p", password_of(ANNA)),
        ("do", "login"),
        ("id", "start"),
    ];
    browser.post("/doku.php?id=start", &fields).await.expect(302);
    assert!(
        browser
            .get("/doku.php?id=start")
            .await
            .holds(dokuwiki::start::SECRET)
    );
    let own = browser.get("/doku.php?id=private:anna:notes").await;
    assert!(own.holds(&dokuwiki::start::secret_of(ANNA)), "{}", own.shown());
    let other = browser.get("/doku.php?id=private:ben:notes").await;
    assert!(!other.holds(&dokuwiki::start::secret_of(BEN)));
    // by the remote API with Basic
    let basic = STANDARD.encode(format!("{BEN}:{}", password_of(BEN)));
    let remote = Browser::to(&format!("http://{}", app.address), app.address)
        .with("authorization", &format!("Basic {basic}"));
    let call = "<methodCall><methodName>wiki.getPage</methodName><params><param><value>\
                <string>private:ben:notes</string></value></param></params></methodCall>";
    let answer = remote.fetch_with("/lib/exe/xmlrpc.php", "text/xml", call).await;
    assert!(
        answer.holds(&dokuwiki::start::secret_of(BEN)),
        "{}",
        answer.shown()
    );
    let by_query = Browser::to(&format!("http://{}", app.address), app.address);
    let path = format!("/doku.php?id=private:ben:notes&u=ben&p={}", password_of(BEN));
    let answer = by_query.get(&path).await;
    assert!(
        answer.holds(&dokuwiki::start::secret_of(BEN)),
        "{}",
        answer.shown()
    );
    assert!(
        app.requests()
            .await
            .iter()
            .any(|line| line == "POST /lib/exe/xmlrpc.php"),
        "{:?}",
        app.requests().await
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn node_red_gives_a_token_that_opens_its_flows() {
    let app = node_red::start::start().await;
    let browser = Browser::to(&format!("http://{}", app.address), app.address);
    browser.fetch("GET", "/flows").await.expect(401);
    let fields = [
        ("client_id", "node-red-editor"),
        ("grant_type", "password"),
        ("scope", ""),
        ("username", ANNA),
        ("password", password_of(ANNA)),
    ];
    let answer = browser.post("/auth/token", &fields).await.expect(200);
    let token = answer.json()["access_token"].as_str().unwrap().to_owned();
    let signed_in = Browser::to(&format!("http://{}", app.address), app.address)
        .with("authorization", &format!("Bearer {token}"));
    assert!(
        signed_in
            .fetch("GET", "/flows")
            .await
            .expect(200)
            .holds(node_red::start::SECRET)
    );
    assert!(
        app.requests().await.contains(&"GET /flows".to_owned()),
        "{:?}",
        app.requests().await
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn nginx_asks_for_basic_and_keeps_homes_apart() {
    let app = nginx_basic::start::start().await;
    let browser = Browser::to(&format!("http://{}", app.address), app.address);
    assert!(
        browser
            .get("/")
            .await
            .expect(401)
            .header("www-authenticate")
            .starts_with("Basic")
    );
    let basic = STANDARD.encode(format!("{ANNA}:{}", password_of(ANNA)));
    let anna = browser.with("authorization", &format!("Basic {basic}"));
    assert!(anna.get("/").await.expect(200).header("content-encoding") == "gzip");
    assert!(
        anna.get("/home/anna/notes.txt")
            .await
            .expect(200)
            .holds(&nginx_basic::start::secret_of(ANNA))
    );
    anna.get("/home/ben/notes.txt").await.expect(401);
    let large = anna.get("/files/large.bin").await.expect(200);
    assert!(large.body == nginx_basic::start::large());
    assert!(
        app.requests().await.contains(&"GET /files/large.bin".to_owned()),
        "{:?}",
        app.requests().await
    );
}
