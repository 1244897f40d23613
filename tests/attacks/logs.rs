//! THREATS LOG-1, LOG-2: what is sent writes no line of its own into the log, and no secret is in it, also where
//! everything is logged that can be.

use crate::support::browser::CHALLENGE;
use crate::support::portal::CANARY;
use crate::support::raw::raw;
use crate::support::world::{ANNA, ANNA_PHONE, BEN, BEN_PHONE};
use crate::support::{StoreKind, World, last_sms};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn log_1_log_2_every_line_is_one_record_and_holds_no_secret_even_at_debug() {
    let mut world = World::new(StoreKind::Memory).await;
    world.gateway.stop();
    let before = world.gateway.logs().len();
    world
        .gateway
        .run_under(&["env", "DOORSTEP_LOG_FORMAT=json", "DOORSTEP_LOG=debug"])
        .await;
    let host = world.gateway.address;
    let name = "eve\r\n{\"level\":\"ERROR\",\"fields\":{\"message\":\"forged\"}}\u{1b}[2J\u{2028}\"'\\";
    let odd = world
        .browser()
        .with("user-agent", "a\" } \\ {\"level\":\"ERROR\"}");
    odd.type_password(name, "password-canary-1").await;
    odd.get("/app/%0d%0a%7b%22level%22%3a%22ERROR%22%7d?x=%1b%5b2J%22")
        .await;
    for broken in [
        "GET /app/\x1b[2J HTTP/1.1\r\nHost: {host}\r\nCookie: doorstep=cookie-canary-1\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: {host}\r\nCookie: doorstep=cookie-canary-2\r\nbro ken : x\r\n\r\n",
        "POST /login HTTP/1.1\r\nHost: {host}\r\nContent-Length: 5x\r\n\r\npassword=password-canary-2",
        "POST /login HTTP/1.1\r\nHost: {host}\r\nTransfer-Encoding: chunked\r\n\r\n5x\r\npassword-canary-3\r\n",
        "GET / HTTP/1.1\r\nHost: evil\r\nAuthorization: Basic cookie-canary-3\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: {host}\r\nX: \u{7f}\r\nAuthorization: Bearer cookie-canary-4\r\n\r\n",
        "cookie-canary-5\r\n\r\n",
    ] {
        raw(host, broken.replace("{host}", &host.to_string()).as_bytes()).await;
    }
    let anna = world.browser();
    anna.password(ANNA).await.expect(303).expect_to(CHALLENGE);
    let at_password = anna.session().unwrap();
    anna.type_token(&world.anna.wrong()).await.expect(422);
    let key = world.anna.fresh().await;
    anna.type_token(&key).await.expect(303);
    anna.also("authorization", "Bearer cookie-canary-6")
        .get("/app/secret?access_token=cookie-canary-7&code=cookie-canary-8")
        .await;
    let ben = world.browser();
    ben.password(BEN).await.expect(303);
    ben.ask_for_sms().await.expect(303);
    let sms = last_sms(&world.gateway.sms_file(), BEN_PHONE).unwrap();
    ben.type_token(&sms).await.expect(303);
    let sid = {
        anna.get("/app/secret").await.expect(200);
        world.portal.last("/app/secret").cookie("sid").unwrap()
    };
    let logs = world.gateway.logs()[before..].to_owned();
    let mut records = 0;
    for line in logs.lines() {
        let record: serde_json::Value =
            serde_json::from_str(line).unwrap_or_else(|error| panic!("no record ({error}): {line}"));
        assert!(
            record["level"].is_string() && record["timestamp"].is_string(),
            "{line}"
        );
        assert_ne!(record["message"], "forged", "{line}");
        records += 1;
    }
    assert!(
        records > 12 && logs.contains("decided"),
        "{records} records: it is not at debug\n{logs}"
    );
    assert!(!logs.contains(['\u{1b}', '\u{2028}']), "{logs}");
    let secrets = [
        "password-canary".to_owned(),
        "cookie-canary".into(),
        "anna-password".into(),
        "ben-password".into(),
        CANARY.into(),
        ANNA_PHONE[1..].into(),
        BEN_PHONE[1..].into(),
        at_password,
        anna.session().unwrap(),
        ben.session().unwrap(),
        sid,
        format!("\"{key}\""),
        format!("={key}"),
        format!("\"{sms}\""),
        format!(" {sms}"),
    ];
    for secret in secrets {
        assert!(!logs.contains(&secret), "{secret} in the log:\n{logs}");
    }
}
