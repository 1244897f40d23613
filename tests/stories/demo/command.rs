//! `doorstep demo`: the story it prints, played.

use std::process::Command;
use std::time::Duration;

use crate::support::browser::CHALLENGE;
use crate::support::process::Process;
use crate::support::{Browser, PATIENCE, client, last_sms, until};

pub(super) const BOB: &str = "bob@corp-b.example";

pub(super) struct Demo {
    process: Process,
    pub(super) told: serde_json::Value,
    folder: tempfile::TempDir,
}

impl Demo {
    pub(super) async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_doorstep"));
        command
            .args(["demo", "--json", "--port", "0"])
            .current_dir(folder.path())
            .env("TMPDIR", folder.path())
            .env("NO_COLOR", "1");
        let process = Process::start("doorstep demo", &command, &folder.path().join("demo.log"));
        let told = until("the demo tells its addresses", PATIENCE, || async {
            let output = process.output();
            let line = output.lines().find(|line| line.contains("\"bare_portal\""))?;
            serde_json::from_str(line).ok()
        })
        .await;
        Self {
            process,
            told,
            folder,
        }
    }

    fn address(&self, name: &str) -> std::net::SocketAddr {
        let url = self.told[name].as_str().unwrap();
        url.trim_start_matches("http://").parse().unwrap()
    }

    pub(super) fn password(&self, login: &str) -> &str {
        let accounts = self.told["accounts"].as_array().unwrap();
        let account = accounts.iter().find(|account| account["login"] == login).unwrap();
        account["password"].as_str().unwrap()
    }

    fn browser(&self) -> Browser {
        Browser::to(self.told["portal"].as_str().unwrap(), self.address("portal"))
    }

    /// The switch on the phones page, as its own button sends it.
    pub(super) async fn switch(&self, firm: &str, on: bool) {
        let phones = Browser::to(self.told["phones"].as_str().unwrap(), self.address("phones"));
        phones.get("/").await.expect(200);
        let path = format!("/firms/{firm}/two-factor");
        let enabled = if on { "true" } else { "false" };
        phones.post(&path, &[("enabled", enabled)]).await.expect(303);
    }

    /// What ticks on somebody's phone.
    async fn key_of(&self, login: &str) -> String {
        let state = client::get(self.address("phones"), "/state.json").await.unwrap();
        let state = state.expect(200).json();
        let found = find(&state, login).unwrap_or_else(|| panic!("{login} has no phone: {state}"));
        let key = found["key"]["key"].as_str();
        key.unwrap_or_else(|| panic!("no key: {found}")).replace(' ', "")
    }
}

/// The object that names a login, wherever it stands.
fn find<'a>(value: &'a serde_json::Value, login: &str) -> Option<&'a serde_json::Value> {
    match value {
        serde_json::Value::Object(map) if map.get("login").is_some_and(|it| it == login) => Some(value),
        serde_json::Value::Object(map) => map.values().find_map(|value| find(value, login)),
        serde_json::Value::Array(list) => list.iter().find_map(|value| find(value, login)),
        _ => None,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_story_that_the_demo_prints_can_be_played() {
    let mut demo = Demo::start().await;
    let credentials = [("email", BOB), ("password", demo.password(BOB))];
    // 1. firm off
    let bob = demo.browser();
    bob.get("/").await.expect(303);
    let answer = bob.post("/login", &credentials).await.expect(303);
    assert!(!answer.location().contains(".doorstep"), "{}", answer.shown());
    assert!(bob.go("/").await.expect(200).holds("Bob"));
    // 2. firm on
    demo.switch("corp-b", true).await;
    until("BOB is asked", Duration::from_millis(1500), || async {
        let answer = bob.get("/devices").await;
        (answer.status == 303 && answer.location() == CHALLENGE).then_some(())
    })
    .await;
    // 3. wrong key
    let wrong = bob.type_token("000000").await.expect(422);
    assert!(!wrong.text().is_empty());
    // 4. right key
    bob.type_token(&demo.key_of(BOB).await)
        .await
        .expect(303)
        .expect_to("/devices");
    assert!(bob.get("/devices").await.expect(200).holds("Bob"));
    // 6. deep link
    bob.post("/logout", &[]).await;
    bob.get("/devices/7?tab=log").await.expect(303);
    bob.post("/login", &credentials)
        .await
        .expect(303)
        .expect_to(CHALLENGE);
    bob.ask_for_sms().await.expect(303);
    let number = find(&demo.told, BOB).unwrap()["phone"]
        .as_str()
        .unwrap()
        .to_owned();
    let messages = walk(demo.folder.path(), "sms.jsonl").expect("where SMS go");
    let token = last_sms(&messages, &number).unwrap();
    bob.type_token(&token)
        .await
        .expect(303)
        .expect_to("/devices/7?tab=log");
    assert!(bob.get("/devices/7?tab=log").await.expect(200).holds("Bob"));
    // the phones page is no other site's to use
    let foreign = Browser::to("http://evil.example", demo.address("phones"));
    let answer = foreign
        .post("/firms/corp-b/two-factor", &[("enabled", "false")])
        .await;
    assert!(answer.status.is_client_error(), "{}", answer.shown());
    // it ends when told, and removes what it made
    demo.process.signal("TERM");
    let ended = demo.process.wait(PATIENCE).expect("the demo ends");
    assert_eq!(ended.code(), Some(0));
    assert!(walk(demo.folder.path(), "sms.jsonl").is_none(), "something stays");
    assert!(
        walk(demo.folder.path(), "doorstep.db").is_none(),
        "something stays"
    );
}

fn walk(folder: &std::path::Path, name: &str) -> Option<std::path::PathBuf> {
    std::fs::read_dir(folder).ok()?.flatten().find_map(|entry| {
        let path = entry.path();
        if path.is_dir() {
            return walk(&path, name);
        }
        (path.file_name()?.to_str()? == name).then_some(path)
    })
}
