use std::os::unix::fs::PermissionsExt as _;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpListener;

use super::lines::Lines;
use super::{notices, webhook};
use crate::access::Settings;
use crate::clock::Clock as _;
use crate::config::{Config, MailTls, Smtp, Webhook};
use crate::ops::tests::world::World;
use crate::secret::Redacted;

/// Changes the configuration, as a reload does.
pub fn reload(world: &World, change: impl FnOnce(&mut Config)) {
    let old = world.door.settings.load_full();
    let mut config = old.config.clone();
    change(&mut config);
    world.door.settings.store(Arc::new(Settings {
        config,
        sms: old.sms.clone(),
        providers: old.providers.clone(),
    }));
}

/// A mail server that takes everything: what it was sent, each from MAIL to the last dot.
async fn mail_server() -> (u16, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let mails = Arc::new(Mutex::new(Vec::new()));
    let kept = mails.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let kept = kept.clone();
            tokio::spawn(async move {
                let (read, mut write) = stream.into_split();
                let mut lines = BufReader::new(read).lines();
                let (mut mail, mut data) = (String::new(), false);
                write.write_all(b"220 mail\r\n").await.unwrap();
                while let Ok(Some(line)) = lines.next_line().await {
                    mail.push_str(&line);
                    mail.push('\n');
                    let answer = match line.as_str() {
                        "." if data => {
                            data = false;
                            kept.lock().unwrap().push(std::mem::take(&mut mail));
                            "250 taken"
                        }
                        _ if data => continue,
                        "DATA" => {
                            data = true;
                            "354 go on"
                        }
                        "QUIT" => break,
                        _ => "250 fine",
                    };
                    write.write_all(format!("{answer}\r\n").as_bytes()).await.unwrap();
                }
            });
        }
    });
    (port, mails)
}

pub fn smtp(port: u16) -> Smtp {
    Smtp {
        host: "127.0.0.1".into(),
        port,
        tls: MailTls::None,
        login: None,
        from: "doorstep@example.com".into(),
        ca: None,
    }
}

pub async fn people(world: &World) {
    world.firm("corp-a", &[]).await;
    world.firm("corp-b", &[]).await;
    for (login, firm, role) in [
        ("anna", "corp-a", "tech"),
        ("boss", "corp-a", "admin"),
        ("eve", "corp-b", "admin"),
    ] {
        let new = json!({"login": login, "firm": firm, "name": login, "role": role, "phone": "+14155550102",
            "email": format!("{login}@example.com")});
        world.post("/v1/employees", new).await.is(201);
    }
}

#[tokio::test]
async fn i14_a_change_is_told_to_the_employee_and_their_own_firms_admins() {
    let world = World::new().await;
    let (port, mails) = mail_server().await;
    people(&world).await;
    reload(&world, |config| config.notices.smtp = Some(smtp(port)));
    notices::collect(&world.door).await.unwrap();
    let factor = world.totp("anna").await;
    world
        .ask("DELETE", &format!("/v1/employees/anna/factors/{factor}"), None)
        .await
        .is(204);
    let reset = world
        .ask("POST", "/v1/employees/anna/reset", None)
        .await
        .is(200)
        .json();
    world
        .ask(
            "PATCH",
            "/v1/employees/anna",
            Some(json!({"phone": "+14155550199"})),
        )
        .await
        .is(200);
    world
        .ask("PATCH", "/v1/employees/anna", Some(json!({"name": "Anna B"})))
        .await
        .is(200);
    let on = json!({"enabled": true, "force": true});
    world
        .ask("PUT", "/v1/firms/corp-a/two-factor", Some(on))
        .await
        .is(200);
    notices::collect(&world.door).await.unwrap();
    notices::collect(&world.door).await.unwrap();
    notices::send_due(&world.door).await.unwrap();
    let mails = mails.lock().unwrap().clone();
    let to = |who: &str, what: &str| {
        let (who, what) = (format!("RCPT TO:<{who}@example.com>"), what.to_owned());
        mails
            .iter()
            .filter(|mail| mail.contains(&who) && mail.contains(&what))
            .count()
    };
    for what in ["was added", "was removed", "was reset", "phone number"] {
        assert_eq!((to("anna", what), to("boss", what)), (1, 1), "{what}: {mails:#?}");
    }
    assert_eq!((to("anna", "switched on"), to("boss", "switched on")), (0, 1));
    assert_eq!(
        mails.len(),
        9,
        "nothing else, and nothing to another firm: {mails:#?}"
    );
    let all = mails.concat();
    let passcode = reset["passcode"].as_str().unwrap();
    assert!(!all.contains(passcode) && !all.contains("4155550"), "I12");
}

#[tokio::test]
async fn a_notice_waits_for_a_mail_server_that_is_down_and_is_given_up_in_the_end() {
    let world = World::new().await;
    people(&world).await;
    let closed = TcpListener::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    reload(&world, |config| config.notices.smtp = Some(smtp(closed)));
    notices::collect(&world.door).await.unwrap();
    world.totp("anna").await;
    notices::collect(&world.door).await.unwrap();
    notices::send_due(&world.door).await.unwrap();
    // Another gateway, or this one started again: nothing is due before its time, and then it is sent.
    let (port, mails) = mail_server().await;
    reload(&world, |config| config.notices.smtp = Some(smtp(port)));
    notices::send_due(&world.door).await.unwrap();
    assert!(mails.lock().unwrap().is_empty());
    world.clock.advance(Duration::from_secs(31));
    notices::send_due(&world.door).await.unwrap();
    assert_eq!(mails.lock().unwrap().len(), 2);
    reload(&world, |config| config.notices.smtp = Some(smtp(closed)));
    world.totp("anna").await;
    notices::collect(&world.door).await.unwrap();
    for _ in 0..12 {
        notices::send_due(&world.door).await.unwrap();
        world.clock.advance(Duration::from_secs(5000));
    }
    reload(&world, |config| config.notices.smtp = Some(smtp(port)));
    notices::send_due(&world.door).await.unwrap();
    assert_eq!(mails.lock().unwrap().len(), 2, "tried ten times, then given up");
}

type Received = Arc<Mutex<Vec<(HeaderMap, String)>>>;

/// A receiver that answers with `status`, and keeps what it took.
async fn receiver(status: Arc<Mutex<StatusCode>>) -> (url::Url, Received) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/in", listener.local_addr().unwrap())
        .parse()
        .unwrap();
    let received = Received::default();
    let kept = received.clone();
    let take = move |headers: HeaderMap, body: Bytes| async move {
        let status = *status.lock().unwrap();
        if status.is_success() {
            let body = String::from_utf8(body.to_vec()).unwrap();
            kept.lock().unwrap().push((headers, body));
        }
        status
    };
    let router = axum::Router::new().route("/in", axum::routing::post(take));
    tokio::spawn(async move { axum::serve(listener, router).await });
    (url, received)
}

#[tokio::test]
async fn the_audit_is_posted_signed_in_order_and_not_past_a_row_that_was_refused() {
    let world = World::new().await;
    people(&world).await;
    let status = Arc::new(Mutex::new(StatusCode::INTERNAL_SERVER_ERROR));
    let (url, received) = receiver(status.clone()).await;
    let secret = Redacted::new("s3cret".to_owned());
    reload(&world, |config| {
        config.audit.webhook = Some(Webhook { url, secret })
    });
    assert!(webhook::deliver(&world.door).await.is_err());
    *status.lock().unwrap() = StatusCode::NO_CONTENT;
    let (one, two) = tokio::join!(webhook::deliver(&world.door), webhook::deliver(&world.door));
    one.and(two).unwrap();
    world.totp("anna").await;
    webhook::deliver(&world.door).await.unwrap();
    webhook::deliver(&world.door).await.unwrap();
    let received = received.lock().unwrap().clone();
    let seqs: Vec<i64> = received
        .iter()
        .map(|(_, body)| {
            serde_json::from_str::<Value>(body).unwrap()["seq"]
                .as_i64()
                .unwrap()
        })
        .collect();
    assert_eq!(seqs, [1, 2, 3, 4, 5, 6]);
    for (headers, body) in &received {
        let header = |name: &str| headers[name].to_str().unwrap().to_owned();
        let at: i64 = header("doorstep-timestamp").parse().unwrap();
        assert_eq!(at, world.clock.now().seconds());
        assert_eq!(
            header("doorstep-signature"),
            webhook::signature("s3cret", at, body)
        );
        assert_ne!(
            header("doorstep-signature"),
            webhook::signature("other", at, body)
        );
    }
    assert_eq!(
        world.get("/v1/audit").await["items"][5],
        serde_json::from_str::<Value>(&received[5].1).unwrap()
    );
}

#[test]
fn the_signature_is_the_hmac_that_receivers_compute() {
    // printf '1795000000.{}' | openssl dgst -sha256 -hmac key
    let known = "v1=71f6cd81e7ac967a6bfd8d621347e9ee7792b1fde3a9a64c3161a631437c7fb6";
    assert_eq!(webhook::signature("key", 1_795_000_000, "{}"), known);
    assert_ne!(webhook::signature("key", 1_795_000_001, "{}"), known);
}

#[tokio::test]
async fn the_audit_is_appended_line_by_line_and_goes_on_after_a_crash() {
    let world = World::new().await;
    people(&world).await;
    let folder = std::env::temp_dir().join(format!("doorstep-lines-{}", crate::secret::random_id()));
    std::fs::create_dir(&folder).unwrap();
    let file = folder.join("audit.jsonl");
    reload(&world, |config| config.audit.file = Some(file.clone()));
    Lines::default().deliver(&world.door).await.unwrap();
    let mode = std::fs::metadata(&file).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o600);
    // Torn in the middle of its last line, and started again.
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, &text[..text.len() - 20]).unwrap();
    let mut lines = Lines::default();
    lines.deliver(&world.door).await.unwrap();
    lines.deliver(&world.door).await.unwrap();
    let seqs = |path: &std::path::Path| -> Vec<i64> {
        let text = std::fs::read_to_string(path).unwrap();
        let rows = text
            .lines()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok());
        rows.map(|row| row["seq"].as_i64().unwrap()).collect()
    };
    assert_eq!(seqs(&file), [1, 2, 3, 4, 5]);
    // Moved away while running: what comes next stands in a new file.
    std::fs::rename(&file, folder.join("old.jsonl")).unwrap();
    world.totp("anna").await;
    lines.deliver(&world.door).await.unwrap();
    assert_eq!(seqs(&file), [6]);
    std::fs::write(&file, "something else\n").unwrap();
    assert!(Lines::default().deliver(&world.door).await.is_err());
    std::fs::remove_dir_all(&folder).unwrap();
}
