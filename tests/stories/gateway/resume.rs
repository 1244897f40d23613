//! `resume`: a form that came when its session had run out is kept, and sent once, by the same employee.

use crate::support::browser::CHALLENGE;
use crate::support::page::{self, Form};
use crate::support::portal::{Knobs, SECRET};
use crate::support::world::{ANNA, ANNA_PHONE, OLGA};
use crate::support::{Browser, PATIENCE, Reply, StoreKind, World, last_sms, until};

const OFFER: &str = "/.doorstep/interrupted";
const TICKETS: &str = "/app/tickets?from=desk";
const FORM: &str = "application/x-www-form-urlencoded";
const FIELDS: [(&str, &str); 3] = [
    ("title", "A <b>ticket"),
    ("note", "one\r\ntwo"),
    ("new_password", "hunter2"),
];

over_each_store![
    a_form_that_came_too_late_is_sent_once_after_the_second_factor,
    a_verification_that_was_taken_back_interrupts_as_well,
    another_employee_neither_sees_nor_sends_it,
    of_two_that_send_it_at_once_one_does,
    what_another_sites_page_sends_is_not_kept,
    what_is_too_long_is_not_kept_and_64_kib_are,
    a_multipart_form_goes_up_byte_for_byte,
    it_ends_with_a_logout,
    what_the_portal_refuses_is_shown_for_copying,
    it_can_be_thrown_away,
    only_forms_of_the_paths_that_are_named_are_kept,
];

async fn world(kind: StoreKind) -> World {
    with(kind, "resume = true\n").await
}

async fn with(kind: StoreKind, line: &str) -> World {
    World::with(kind, Knobs::default(), |settings| {
        settings.portal += line;
        settings.sessions += "idle_timeout = \"3s\"\n";
    })
    .await
}

/// Until the session of whoever sits there has run out.
async fn runs_out(world: &World) {
    until("the session runs out", PATIENCE, || async {
        let sessions = world.gateway.json(&["session", "list"]);
        let items = sessions
            .as_array()
            .or_else(|| sessions["items"].as_array())
            .cloned();
        items.is_some_and(|items| items.is_empty()).then_some(())
    })
    .await;
    world.portal.take_seen();
}

/// OLGA, whose session has run out while she was writing.
async fn olga_too_late(world: &World) -> Browser {
    let olga = world.olga_signed_in().await;
    assert!(olga.get("/app/secret").await.expect(200).holds(SECRET));
    runs_out(world).await;
    olga
}

fn sent(world: &World) -> Vec<Vec<u8>> {
    let seen = world.portal.seen();
    let posts = seen
        .into_iter()
        .filter(|seen| seen.method == "POST" && seen.path() == "/app/tickets");
    posts.map(|seen| seen.body).collect()
}

async fn offered(browser: &Browser) -> Form {
    let page = browser.get(OFFER).await.expect(200);
    page::form(&page.text(), TICKETS)
}

async fn send(browser: &Browser, form: &Form) -> crate::support::Answer {
    let fields: Vec<(&str, &str)> = form
        .fields
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    browser.post(TICKETS, &fields).await
}

async fn type_sms(world: &World, browser: &Browser) -> crate::support::Answer {
    browser.ask_for_sms().await.expect(303);
    let file = world.gateway.sms_file();
    let token = until("the SMS", PATIENCE, || async { last_sms(&file, ANNA_PHONE) }).await;
    browser.type_token(&token).await
}

async fn a_form_that_came_too_late_is_sent_once_after_the_second_factor(kind: StoreKind) {
    let mut world = world(kind).await;
    let anna = world.anna_signed_in().await;
    assert!(anna.get("/app/secret").await.expect(200).holds(SECRET));
    runs_out(&world).await;
    anna.post(TICKETS, &FIELDS).await.expect(303).expect_to("/login");
    anna.password(ANNA).await.expect(303).expect_to(CHALLENGE);
    assert_eq!(
        anna.get(OFFER).await.expect(303).location(),
        CHALLENGE,
        "not before the factor"
    );
    type_sms(&world, &anna).await.expect(303).expect_to(OFFER);
    assert_eq!(sent(&world), Vec::<Vec<u8>>::new());
    let page = anna.get(OFFER).await.expect(200);
    let words = page::words(&page.text());
    assert!(
        words.contains("/app/tickets?from=desk") && words.contains("new_password"),
        "{words}"
    );
    assert!(
        !page.holds("hunter2") && !page.holds("A <b>ticket"),
        "{}",
        page.shown()
    );
    let form = offered(&anna).await;
    let answer = send(&anna, &form).await.expect(200);
    assert!(answer.holds(SECRET), "{}", answer.shown());
    let body = b"title=A+%3Cb%3Eticket&note=one%0D%0Atwo&new_password=hunter2".to_vec();
    assert_eq!(sent(&world), [body]);
    let seen = world.portal.last("/app/tickets");
    assert_eq!(
        (seen.target.as_str(), seen.header("content-type")),
        (TICKETS, FORM)
    );
    assert_eq!(seen.header("origin"), world.gateway.origin);
    // once
    send(&anna, &form).await.expect(303).expect_to(OFFER);
    anna.get(OFFER).await.expect(303).expect_to("/");
    assert_eq!(sent(&world).len(), 1);
}

async fn a_verification_that_was_taken_back_interrupts_as_well(kind: StoreKind) {
    let mut world = World::with(kind, Knobs::default(), |settings| {
        settings.portal += "resume = true\n"
    })
    .await;
    let anna = world.anna_signed_in().await;
    world.gateway.ok(&["firm", "disable-2fa", "acme"]);
    world.gateway.ok(&["firm", "enable-2fa", "acme"]);
    until("the factor is owed again", PATIENCE, || async {
        (anna.fetch("GET", "/app/x").await.status == 401).then_some(())
    })
    .await;
    anna.post(TICKETS, &FIELDS).await.expect(303).expect_to(CHALLENGE);
    let script = anna.fetch_with("/app/tickets", FORM, "a=b").await.expect(401);
    assert_eq!(script.json()["error"], "second_factor_required");
    type_sms(&world, &anna).await.expect(303).expect_to(OFFER);
    let form = offered(&anna).await;
    send(&anna, &form).await.expect(200);
    assert_eq!(sent(&world).len(), 1);
    assert!(!sent(&world)[0].starts_with(b"a=b"), "a script's is not kept");
}

async fn another_employee_neither_sees_nor_sends_it(kind: StoreKind) {
    let mut world = world(kind).await;
    let anna = world.anna_signed_in().await;
    runs_out(&world).await;
    anna.post(TICKETS, &FIELDS).await.expect(303);
    let answer = anna.password(OLGA).await.expect(302);
    assert!(answer.location().starts_with("/app/home"), "{}", answer.shown());
    anna.get(OFFER).await.expect(303).expect_to("/");
    // not even when its owner comes back
    anna.get("/logout").await.expect(302);
    anna.password(ANNA).await.expect(303);
    let answer = type_sms(&world, &anna).await.expect(303);
    assert!(!answer.location().contains(OFFER), "{}", answer.shown());
    anna.get(OFFER).await.expect(303).expect_to("/");
    assert!(sent(&world).is_empty());
}

async fn of_two_that_send_it_at_once_one_does(kind: StoreKind) {
    let world = world(kind).await;
    let olga = olga_too_late(&world).await;
    olga.post(TICKETS, &FIELDS).await.expect(303);
    olga.password(OLGA).await.expect(302).expect_to(OFFER);
    let form = offered(&olga).await;
    let others: Vec<Browser> = (0..6).map(|_| olga.via(&world.gateway)).collect();
    let answers = futures_util::future::join_all(others.iter().map(|browser| send(browser, &form))).await;
    let done = answers.iter().filter(|answer| answer.status == 200).count();
    assert_eq!((done, sent(&world).len()), (1, 1));
}

async fn what_another_sites_page_sends_is_not_kept(kind: StoreKind) {
    let world = world(kind).await;
    let olga = olga_too_late(&world).await;
    for (origin, site) in [
        ("http://evil.example", "cross-site"),
        ("null", "cross-site"),
        ("http://evil.example", "same-origin"),
    ] {
        let foreign = olga
            .via(&world.gateway)
            .with("origin", origin)
            .with("sec-fetch-site", site);
        let answer = foreign.post(TICKETS, &FIELDS).await.expect(303);
        assert!(answer.set_cookies().is_empty(), "{}", answer.shown());
    }
    // nor what nobody knows the owner of
    let stranger = world.browser();
    let answer = stranger.post(TICKETS, &FIELDS).await.expect(303);
    assert!(answer.set_cookies().is_empty(), "{}", answer.shown());
    let forged = world.browser();
    forged.set_cookie(&format!("doorstep={}; Path=/", "A".repeat(43)));
    assert!(
        forged
            .post(TICKETS, &FIELDS)
            .await
            .expect(303)
            .set_cookies()
            .is_empty()
    );
    // and another site's page has nothing sent
    olga.post(TICKETS, &FIELDS).await.expect(303);
    olga.password(OLGA).await.expect(302).expect_to(OFFER);
    let form = offered(&olga).await;
    world.portal.take_seen();
    let foreign = olga
        .via(&world.gateway)
        .with("origin", "http://evil.example")
        .with("sec-fetch-site", "cross-site");
    send(&foreign, &form).await;
    let mut wrong = offered(&olga).await;
    wrong.fields[0].1 = "A".repeat(wrong.fields[0].1.len());
    send(&olga, &wrong).await;
    assert!(
        sent(&world).iter().all(|body| !body.starts_with(b"title=")),
        "{:?}",
        sent(&world)
    );
    send(&olga, &form).await.expect(200);
    assert!(sent(&world).last().unwrap().starts_with(b"title="));
}

async fn what_is_too_long_is_not_kept_and_64_kib_are(kind: StoreKind) {
    let world = world(kind).await;
    let olga = olga_too_late(&world).await;
    let body = |length: usize| {
        let mut body = b"title=".to_vec();
        body.resize(length, b'x');
        body
    };
    let answer = olga.post_bytes(TICKETS, FORM, body(65_537)).await.expect(303);
    assert!(answer.set_cookies().is_empty(), "{}", answer.shown());
    olga.post_bytes(TICKETS, FORM, body(65_536)).await.expect(303);
    olga.password(OLGA).await.expect(302).expect_to(OFFER);
    send(&olga, &offered(&olga).await).await.expect(200);
    assert_eq!(sent(&world), [body(65_536)]);
}

async fn a_multipart_form_goes_up_byte_for_byte(kind: StoreKind) {
    let world = world(kind).await;
    let olga = olga_too_late(&world).await;
    let mut body = b"--x\r\nContent-Disposition: form-data; name=\"title\"\r\n\r\nA ticket\r\n--x\r\n\
        Content-Disposition: form-data; name=\"plan\"; filename=\"p.bin\"\r\n\r\n"
        .to_vec();
    body.extend((0..=255_u8).cycle().take(9000));
    body.extend(b"\r\n--x--\r\n");
    let kind_of_body = "multipart/form-data; boundary=x";
    olga.post_bytes(TICKETS, kind_of_body, body.clone())
        .await
        .expect(303);
    olga.password(OLGA).await.expect(302).expect_to(OFFER);
    let page = olga.get(OFFER).await.expect(200);
    assert!(page.holds("A ticket") && page.holds("plan"), "{}", page.shown());
    send(&olga, &offered(&olga).await).await.expect(200);
    assert_eq!(sent(&world), [body]);
    assert_eq!(
        world.portal.last("/app/tickets").header("content-type"),
        kind_of_body
    );
}

async fn it_ends_with_a_logout(kind: StoreKind) {
    let world = world(kind).await;
    let olga = olga_too_late(&world).await;
    olga.post(TICKETS, &FIELDS).await.expect(303);
    olga.password(OLGA).await.expect(302).expect_to(OFFER);
    let signed_out = olga.via(&world.gateway);
    olga.get("/logout").await.expect(302);
    // a token of a session that was ended says nothing of whose it was
    let answer = signed_out.post(TICKETS, &FIELDS).await.expect(303);
    assert!(answer.set_cookies().is_empty(), "{}", answer.shown());
    let answer = olga.password(OLGA).await.expect(302);
    assert!(answer.location().starts_with("/app/home"), "{}", answer.shown());
    olga.get(OFFER).await.expect(303).expect_to("/");
    assert!(sent(&world).is_empty());
}

async fn what_the_portal_refuses_is_shown_for_copying(kind: StoreKind) {
    let world = world(kind).await;
    let olga = olga_too_late(&world).await;
    olga.post(TICKETS, &FIELDS).await.expect(303);
    olga.password(OLGA).await.expect(302).expect_to(OFFER);
    let form = offered(&olga).await;
    world.portal.answer(
        "/app/tickets",
        Reply::new(403).body("stale token").cookie("theme=light; Path=/"),
    );
    let answer = send(&olga, &form).await.expect(422);
    let text = answer.text();
    assert!(
        text.contains("was not taken") && text.contains("ticket") && text.contains("two"),
        "{text}"
    );
    assert!(
        !text.contains("hunter2") && !text.contains("<b>ticket") && !text.contains("stale token"),
        "{text}"
    );
    assert_eq!(olga.cookie("theme").as_deref(), Some("light"));
    // it was sent: not again
    send(&olga, &form).await.expect(303);
    assert_eq!(sent(&world).len(), 1);
}

async fn it_can_be_thrown_away(kind: StoreKind) {
    let world = world(kind).await;
    let olga = olga_too_late(&world).await;
    olga.post(TICKETS, &FIELDS).await.expect(303);
    olga.password(OLGA).await.expect(302).expect_to(OFFER);
    let form = offered(&olga).await;
    let page = olga.get(OFFER).await.expect(200);
    let away = page::form(&page.text(), OFFER);
    olga.send_challenge_form(&away, &[])
        .await
        .expect(303)
        .expect_to("/");
    olga.get(OFFER).await.expect(303).expect_to("/");
    send(&olga, &form).await.expect(303);
    assert!(sent(&world).is_empty());
}

async fn only_forms_of_the_paths_that_are_named_are_kept(kind: StoreKind) {
    let world = with(
        kind,
        "resume = [\"/app/notes/**\"]\nroute = [{ path = \"/app/tickets\", resume = true }]\n",
    )
    .await;
    let olga = olga_too_late(&world).await;
    let answer = olga.post("/app/other", &FIELDS).await.expect(303);
    assert!(answer.set_cookies().is_empty(), "{}", answer.shown());
    olga.post("/app/notes/7", &FIELDS).await.expect(303);
    olga.post(TICKETS, &FIELDS).await.expect(303);
    olga.password(OLGA).await.expect(302).expect_to(OFFER);
    send(&olga, &offered(&olga).await).await.expect(200);
}
