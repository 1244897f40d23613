//! I12: no token, secret, password, cookie or full phone number in logs or metrics.

use crate::support::gateway::OPS_TOKEN;
use crate::support::portal::CANARY;
use crate::support::raw::raw;
use crate::support::world::{ANNA, ANNA_PHONE, BEN, BEN_PHONE};
use crate::support::{StoreKind, World, last_sms};

async fn a_day(kind: StoreKind) {
    let mut world = World::new(kind).await;
    let browser = world.browser();
    browser.type_password(ANNA, "wrong-password-canary").await;
    browser.password(ANNA).await.expect(303);
    let wrong = world.anna.wrong();
    browser.type_token(&wrong).await.expect(422);
    let key = world.anna.fresh().await;
    let at_password = browser.session().unwrap();
    browser.type_token(&key).await.expect(303);
    browser
        .get("/app/secret?access_token=query-canary")
        .await
        .expect(200);
    let ben = world.browser();
    ben.password(BEN).await.expect(303);
    ben.ask_for_sms().await.expect(303);
    let sms = last_sms(&world.gateway.sms_file(), BEN_PHONE).unwrap();
    // a request that the parser refuses may carry the lot
    let broken = "GET / HTTP/1.1\r\nHost: x\r\nCookie: doorstep=cookie-canary\r\nbro ken : x\r\n\r\n";
    raw(world.gateway.address, broken.as_bytes()).await;
    let broken = "POST /login HTTP/1.1\r\nHost: x\r\nContent-Length: 5x\r\n\r\npassword=body-canary";
    raw(world.gateway.address, broken.as_bytes()).await;
    let metrics = world.gateway.ask_ops("/metrics").await.expect(200).text();
    assert!(metrics.contains("# TYPE"), "{metrics}");
    let logs = world.gateway.logs();
    assert!(logs.contains("listening"), "{logs}");
    let mut canaries = vec![
        "wrong-password-canary".to_owned(),
        "anna-password".into(),
        "ben-password".into(),
        "query-canary".into(),
        "cookie-canary".into(),
        "body-canary".into(),
        "portalsession".into(),
        CANARY.into(),
        ANNA_PHONE[1..].into(),
        BEN_PHONE[1..].into(),
        at_password,
        browser.session().unwrap(),
        ben.session().unwrap(),
        OPS_TOKEN.into(),
    ];
    canaries.extend([
        format!("\"{key}\""),
        format!("={key}"),
        format!("\"{sms}\""),
        format!(" {sms} "),
    ]);
    for canary in canaries {
        assert!(!logs.contains(&canary), "{canary} in the log:\n{logs}");
        assert!(!metrics.contains(&canary), "{canary} in the metrics");
    }
}

over_each_store![
    i12_a_day_at_the_doorstep_leaves_no_secret_in_the_log,
    i12_a_name_cannot_write_lines_of_its_own,
];

async fn i12_a_day_at_the_doorstep_leaves_no_secret_in_the_log(kind: StoreKind) {
    a_day(kind).await;
}

async fn i12_a_name_cannot_write_lines_of_its_own(kind: StoreKind) {
    let world = World::new(kind).await;
    let browser = world.browser();
    let before = world.gateway.logs().lines().count();
    browser
        .type_password("eve\u{1b}[31m \"level\":\"info\"}x@acme.example", "x")
        .await;
    let logs = world.gateway.logs();
    assert!(!logs.contains('\u{1b}'), "{logs}");
    assert!(logs.lines().count() < before + 40);
}
