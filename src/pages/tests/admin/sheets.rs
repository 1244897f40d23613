//! Import and export.

use http::StatusCode;

use super::super::world::{Answer, firm};
use super::super::{Sent, World};
use super::{leak, may_have, name, world};
use crate::secret::SessionToken;

const IMPORT: &str = "/.doorstep/admin/import";

/// A form with files, as a browser sends it.
pub async fn upload(world: &World, token: &SessionToken, fields: &[(&str, &str)]) -> Answer {
    let mut body = String::new();
    for (field, text) in fields.iter().chain([&("csrf", token.form_token().as_str())]) {
        let file = if *field == "file" {
            "; filename=\"people.csv\""
        } else {
            ""
        };
        body.push_str(&format!(
            "--xx\r\nContent-Disposition: form-data; name=\"{field}\"{file}\r\n\r\n{text}\r\n"
        ));
    }
    body.push_str("--xx--\r\n");
    let sent = Sent::post(leak(IMPORT))
        .with("origin", "https://portal.example.com")
        .with("content-type", "multipart/form-data; boundary=xx")
        .by(token)
        .body(&body);
    world.send(sent).await
}

#[tokio::test]
async fn an_import_is_looked_over_first_and_then_made_whole_and_for_the_own_firm_only() {
    let world = world().await;
    may_have(&world, &["*@acme.example"]).await;
    let token = world.verified("alva").await;
    let sheet = "login,name,phone,role,firm\r\n\
                 eve@acme.example,Eve,+14155550130,tech,beta\r\n\
                 '=1@acme.example,'=SUM(A1),,admin,\r\n";
    let looked = upload(&world, &token, &[("file", sheet)]).await;
    assert_eq!(looked.status, StatusCode::OK, "{}", looked.body);
    assert!(
        looked.body.contains("2 employees can be imported"),
        "{}",
        looked.body
    );
    assert!(
        !looked.body.contains("<span class=\"number\">+14155550130"),
        "masked"
    );
    assert!(world.events("employee.imported").await.is_empty());
    let missing = upload(&world, &token, &[("text", sheet)]).await;
    assert_eq!(missing.status, StatusCode::UNPROCESSABLE_ENTITY);
    world.clock.advance(super::STEP);
    let done = upload(&world, &token, &[("text", sheet), ("token", &world.key())]).await;
    assert_eq!(
        done.location(),
        "/.doorstep/admin/employees?done=imported",
        "{}",
        done.body
    );
    let eve = world
        .door
        .directory
        .employee(&name("eve@acme.example"))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(eve.standing.firm.id, firm());
    let odd = world
        .door
        .directory
        .employee(&name("=1@acme.example"))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(odd.standing.name, "=SUM(A1)");
    assert_eq!(world.events("employee.imported").await[0].actor, "alva");
    let export = world.change("/.doorstep/admin/export", &token, "").await;
    assert!(
        export.body.contains("\n'=1@acme.example,'=SUM(A1),,acme,admin,"),
        "{}",
        export.body
    );
}

#[tokio::test]
async fn one_bad_line_and_nothing_is_imported_and_every_one_is_named() {
    let world = world().await;
    may_have(&world, &["*@acme.example", "ben"]).await;
    let token = world.verified("alva").await;
    let sheet = "login,name,phone,role\n\
                 good@acme.example,Good,,tech\n\
                 eve@evil.example,Eve,,tech\n\
                 ben,Ben,,tech\n\
                 fay@acme.example,,12,boss\n";
    world.clock.advance(super::STEP);
    let key = world.key();
    for fields in [
        &[("file", sheet)][..],
        &[("text", sheet), ("token", key.as_str())],
    ] {
        let refused = upload(&world, &token, fields).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
        for words in [
            "data-label=\"Line\">3<",
            "not among the logins",
            "data-label=\"Line\">4<",
            "already an employee",
            "data-label=\"Line\">5<",
            "the name is empty",
            "is no phone number",
            "is no role",
        ] {
            assert!(refused.body.contains(words), "{words}: {}", refused.body);
        }
    }
    assert!(
        world
            .door
            .directory
            .employee(&name("good@acme.example"))
            .await
            .unwrap()
            .is_none()
    );
}

#[tokio::test]
async fn an_upload_needs_the_proof_of_any_form() {
    let world = world().await;
    may_have(&world, &["*@acme.example"]).await;
    let (token, anna) = (world.verified("alva").await, world.verified_again("anna").await);
    let body = "--xx\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\nlogin\r\n--xx--\r\n";
    let sent = |origin, kind| {
        Sent::post(leak(IMPORT))
            .with("origin", origin)
            .with("content-type", kind)
            .body(body)
    };
    let (own, multipart) = ("https://portal.example.com", "multipart/form-data; boundary=xx");
    for (sent, status) in [
        (sent(own, multipart).by(&token), StatusCode::FORBIDDEN),
        (
            sent("https://evil.example", multipart).by(&token),
            StatusCode::FORBIDDEN,
        ),
        (sent(own, multipart), StatusCode::UNAUTHORIZED),
        (sent(own, multipart).by(&anna), StatusCode::FORBIDDEN),
        (
            sent(own, "application/json").by(&token),
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
        ),
        (
            sent(own, "multipart/form-data").by(&token),
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
        ),
        (
            sent(own, "multipart/form-data; boundary=yy").by(&token),
            StatusCode::BAD_REQUEST,
        ),
    ] {
        let answer = world.send(sent).await;
        assert_eq!(answer.status, status, "{}", answer.body);
    }
}

#[tokio::test]
async fn a_script_is_told_how_far_an_import_has_come() {
    let world = world().await;
    may_have(&world, &["*@acme.example"]).await;
    let token = world.verified("alva").await;
    let mut sheet = String::from("login,name,phone,role\n");
    for number in 0..1200 {
        sheet.push_str(&format!("t{number}@acme.example,T {number},,tech\n"));
    }
    world.clock.advance(super::STEP);
    let key = world.key();
    let sent = |text: &str, key: &str| {
        let mut body = String::new();
        for (field, text) in [
            ("csrf", token.form_token().as_str()),
            ("text", text),
            ("token", key),
        ] {
            body.push_str(&format!(
                "--xx\r\nContent-Disposition: form-data; name=\"{field}\"\r\n\r\n{text}\r\n"
            ));
        }
        body.push_str("--xx--\r\n");
        Sent::post(leak(IMPORT))
            .with("origin", "https://portal.example.com")
            .with("accept", "application/x-ndjson")
            .with("content-type", "multipart/form-data; boundary=xx")
            .by(&token)
            .body(&body)
    };
    let wrong = world.send(sent(&sheet, &world.wrong())).await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(wrong.body.contains("That token is not right"), "{}", wrong.body);
    let told = world.send(sent(&sheet, &key)).await;
    assert_eq!(told.status, StatusCode::OK, "{}", told.body);
    let lines: Vec<serde_json::Value> = told
        .body
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let expected = [
        serde_json::json!({"done": 500, "of": 1200}),
        serde_json::json!({"done": 1000, "of": 1200}),
        serde_json::json!({"location": "/.doorstep/admin/employees?done=imported"}),
    ];
    assert_eq!(lines, expected);
    let page = world.page("/.doorstep/admin/employees?q=t1199", &token).await;
    assert!(page.body.contains("1–1 of 1"), "{}", page.body);
}

/// The file is not read further than its first line before a tech is answered: on the one thread that serves here, that
/// could never be.
#[tokio::test]
async fn others_are_answered_while_a_file_is_looked_over() {
    let world = world().await;
    let tech = world.verified("anna").await;
    let (begun, mut is_begun) = tokio::sync::mpsc::unbounded_channel();
    let (answered, waits) = std::sync::mpsc::channel::<()>();
    let told = move |_| {
        if begun.send(()).is_ok() {
            // After the first time nobody waits: the channel is closed.
            let _ = waits.recv_timeout(std::time::Duration::from_secs(30));
        }
    };
    let sheet = "login,name,phone,role\nt1@acme.example,T,,tech\nt2@acme.example,T,,tech\n";
    let policy = crate::gate::Policy {
        logins: vec!["*@acme.example".into()],
        ..Default::default()
    };
    let reading = crate::pages::admin::read_aside(sheet.into(), firm(), policy, told);
    let answering = async {
        is_begun.recv().await.unwrap();
        is_begun.close();
        world.page("/.doorstep/account", &tech).await.status
    };
    let reading = tokio::spawn(reading);
    let status = answering.await;
    let was_reading = !reading.is_finished();
    drop(answered);
    assert_eq!((status, was_reading), (StatusCode::OK, true));
    let looked = reading.await.unwrap().unwrap().unwrap();
    assert_eq!((looked.sheet.rows.len(), looked.sheet.bad.len()), (2, 0));
}

/// Run by hand: `cargo test --lib fifty_thousand_are_looked_over -- --ignored --nocapture`. Says how long it takes.
#[tokio::test]
#[ignore = "takes a while, and says how long"]
async fn fifty_thousand_are_looked_over() {
    let world = world().await;
    may_have(&world, &["*@acme.example"]).await;
    let token = world.verified("alva").await;
    let mut sheet = String::from("login,name,phone,role\n");
    for number in 0..50_000 {
        let digits = number % 10_000;
        sheet.push_str(&format!(
            "t{number}@acme.example,T {number},+1415555{digits:04},tech\n"
        ));
    }
    let began = std::time::Instant::now();
    let looked = upload(&world, &token, &[("file", &sheet)]).await;
    println!("looked over: {} in {:?}", looked.status, began.elapsed());
    world.clock.advance(super::STEP);
    let began = std::time::Instant::now();
    let key = world.key();
    let done = upload(&world, &token, &[("text", &sheet), ("token", &key)]).await;
    println!("imported: {} in {:?}", done.status, began.elapsed());
}
