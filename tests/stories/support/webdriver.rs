//! Headless Chromium through chromedriver: the few commands of W3C WebDriver that the stories need.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use base64::Engine;
use bytes::Bytes;
use http::{Method, Request};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::process::{Process, free_address};
use super::{PATIENCE, client, until};

/// The key under which WebDriver names an element (W3C WebDriver, section 12.1).
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// One window, with a profile of its own.
pub struct Chromium {
    session: String,
    driver: SocketAddr,
    // dropped last: chromedriver closes the browser, then the profile goes
    process: Process,
    _profile: TempDir,
}

impl Chromium {
    /// Starts chromedriver and a window.
    pub async fn open() -> Self {
        let profile = tempfile::Builder::new()
            .prefix("doorstep-chromium")
            .tempdir()
            .unwrap();
        let driver = free_address();
        let mut command = Command::new("chromedriver");
        command
            .arg(format!("--port={}", driver.port()))
            .env("HOME", profile.path())
            .env("XDG_CONFIG_HOME", profile.path())
            .env("XDG_CACHE_HOME", profile.path());
        let log = profile.path().join("chromedriver.log");
        let process = Process::start("chromedriver", &command, &log);
        until("chromedriver is ready", PATIENCE, || async {
            let status = client::get(driver, "/status").await.ok()?;
            (status.json()["value"]["ready"] == true).then_some(())
        })
        .await;
        let arguments = [
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-default-apps",
            "--disable-sync",
            "--no-proxy-server",
            &format!("--user-data-dir={}", profile.path().join("profile").display()),
        ];
        let wanted = json!({"capabilities": {"alwaysMatch": {
            "browserName": "chrome",
            "goog:chromeOptions": {"args": arguments},
            "timeouts": {"pageLoad": 30_000},
        }}});
        let made = call(driver, Method::POST, "/session", wanted).await;
        let session = made["sessionId"]
            .as_str()
            .unwrap_or_else(|| panic!("chromium does not start: {made}\n{}", process.tail()))
            .to_owned();
        Self {
            session,
            driver,
            process,
            _profile: profile,
        }
    }

    pub(super) async fn call(&self, method: Method, path: &str, body: Value) -> Value {
        call(
            self.driver,
            method,
            &format!("/session/{}{path}", self.session),
            body,
        )
        .await
    }

    /// Goes to an address.
    pub async fn go(&self, url: &str) {
        let answer = self.call(Method::POST, "/url", json!({"url": url})).await;
        assert!(answer.is_null(), "{url}: {answer}");
    }

    /// The address it shows.
    pub async fn url(&self) -> String {
        text_of(self.call(Method::GET, "/url", Value::Null).await)
    }

    /// The page's title.
    pub async fn title(&self) -> String {
        text_of(self.call(Method::GET, "/title", Value::Null).await)
    }

    /// The page's source.
    pub async fn source(&self) -> String {
        text_of(self.call(Method::GET, "/source", Value::Null).await)
    }

    /// The first element that a selector finds, if any.
    async fn find(&self, css: &str) -> Option<String> {
        let wanted = json!({"using": "css selector", "value": css});
        let found = self.call(Method::POST, "/element", wanted).await;
        Some(found[ELEMENT].as_str()?.to_owned())
    }

    /// Waits for an element.
    pub(super) async fn element(&self, css: &str) -> String {
        let found = async {
            loop {
                if let Some(element) = self.find(css).await {
                    return element;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        match tokio::time::timeout(PATIENCE, found).await {
            Ok(element) => element,
            Err(_) => panic!(
                "{css} never came up at {}:\n{}",
                self.url().await,
                self.source().await
            ),
        }
    }

    /// Whether the page has such an element now.
    pub async fn has(&self, css: &str) -> bool {
        self.find(css).await.is_some()
    }

    /// Types into a field, after emptying it, as soon as it takes words.
    pub async fn fill(&self, css: &str, text: &str) {
        self.until_taken(css, "clear", json!({})).await;
        self.until_taken(css, "value", json!({"text": text})).await;
    }

    /// Clicks, as soon as nothing is in the way.
    pub async fn click(&self, css: &str) {
        self.until_taken(css, "click", json!({})).await;
    }

    /// Does something to an element: one that is on its way (a dialog that opens, a page that is replaced) takes
    /// nothing yet.
    async fn until_taken(&self, css: &str, what: &str, with: Value) {
        const NOT_YET: [&str; 4] = [
            "element not interactable",
            "element click intercepted",
            "stale element reference",
            "invalid element state",
        ];
        let taken = async {
            loop {
                let element = self.element(css).await;
                let path = format!("/element/{element}/{what}");
                let said = self.call(Method::POST, &path, with.clone()).await;
                if !NOT_YET.iter().any(|word| said["error"] == *word) {
                    return said;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        match tokio::time::timeout(PATIENCE, taken).await {
            Ok(said) => assert!(said.is_null(), "{css}: {said}"),
            Err(_) => panic!(
                "{css} took no {what} at {}:\n{}",
                self.url().await,
                self.source().await
            ),
        }
    }

    /// What an element shows.
    pub async fn text(&self, css: &str) -> String {
        let element = self.element(css).await;
        text_of(
            self.call(Method::GET, &format!("/element/{element}/text"), Value::Null)
                .await,
        )
    }

    /// Waits until the page shows these words.
    pub async fn until_shown(&self, words: &str) {
        let shown = async {
            loop {
                // a page on its way has no body for a moment
                if let Some(body) = self.find("body").await {
                    let path = format!("/element/{body}/text");
                    if text_of(self.call(Method::GET, &path, Value::Null).await).contains(words) {
                        return;
                    }
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        if tokio::time::timeout(PATIENCE, shown).await.is_err() {
            panic!(
                "{words:?} never shown at {}:\n{}",
                self.url().await,
                self.source().await
            );
        }
    }

    /// Waits until the address satisfies `is_there`.
    pub async fn until_at(&self, what: &str, is_there: impl Fn(&str) -> bool) {
        let arrived = async {
            while !is_there(&self.url().await) {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        if tokio::time::timeout(PATIENCE, arrived).await.is_err() {
            panic!(
                "never came to {what}, but to {}:\n{}",
                self.url().await,
                self.source().await
            );
        }
    }

    /// The names of the cookies that this address would get, HttpOnly ones included.
    pub async fn cookie_names(&self) -> Vec<String> {
        let cookies = self.call(Method::GET, "/cookie", Value::Null).await;
        let cookies = cookies.as_array().cloned().unwrap_or_default();
        cookies
            .iter()
            .filter_map(|cookie| Some(cookie["name"].as_str()?.to_owned()))
            .collect()
    }

    /// Runs a script; what it returns.
    pub async fn script(&self, script: &str) -> Value {
        self.call(
            Method::POST,
            "/execute/sync",
            json!({"script": script, "args": []}),
        )
        .await
    }

    /// Runs a script with words as its arguments; what it returns.
    pub async fn run(&self, script: &str, words: &[&str]) -> Value {
        self.call(
            Method::POST,
            "/execute/sync",
            json!({"script": script, "args": words}),
        )
        .await
    }

    /// Runs a script that says when it is done; what it says.
    pub async fn told(&self, script: &str) -> Value {
        self.call(
            Method::POST,
            "/execute/async",
            json!({"script": script, "args": []}),
        )
        .await
    }

    /// Lays the page out at a width, for eyes that like it light or dark, from now on.
    pub async fn look_like(&self, width: u32, scheme: &str) {
        let metrics = json!({"cmd": "Emulation.setDeviceMetricsOverride", "params": {
            "width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600,
        }});
        let media = json!({"cmd": "Emulation.setEmulatedMedia", "params": {
            "features": [
                {"name": "prefers-color-scheme", "value": scheme},
                // colours on their way from one to the other are no state of a page
                {"name": "prefers-reduced-motion", "value": "reduce"},
            ],
        }});
        for command in [metrics, media] {
            self.call(Method::POST, "/goog/cdp/execute", command).await;
        }
    }

    /// Lays the page out at a width, as a phone or a desktop would, and keeps a picture of it in
    /// `target/screenshots`.
    pub async fn picture(&self, name: &str, width: u32, height: u32) -> PathBuf {
        let metrics = json!({"cmd": "Emulation.setDeviceMetricsOverride", "params": {
            "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600,
        }});
        self.call(Method::POST, "/goog/cdp/execute", metrics).await;
        let picture = text_of(self.call(Method::GET, "/screenshot", Value::Null).await);
        let picture = base64::engine::general_purpose::STANDARD.decode(picture).unwrap();
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/screenshots");
        std::fs::create_dir_all(&folder).unwrap();
        let file = folder.join(format!("{name}-{width}.png"));
        std::fs::write(&file, picture).unwrap();
        let reset = json!({"cmd": "Emulation.clearDeviceMetricsOverride", "params": {}});
        self.call(Method::POST, "/goog/cdp/execute", reset).await;
        file
    }

    /// Plugs in an authenticator that knows its user by finger (WebAuthn level 2, section 11).
    pub async fn authenticator(&self) -> String {
        let wanted = json!({
            "protocol": "ctap2", "transport": "internal", "hasResidentKey": true,
            "hasUserVerification": true, "isUserConsenting": true, "isUserVerified": true,
        });
        text_of(self.call(Method::POST, "/webauthn/authenticator", wanted).await)
    }

    /// Whether its finger is known from now on.
    pub async fn knows_finger(&self, authenticator: &str, known: bool) {
        let path = format!("/webauthn/authenticator/{authenticator}/uv");
        let answer = self
            .call(Method::POST, &path, json!({"isUserVerified": known}))
            .await;
        assert!(answer["error"].is_null(), "{answer}");
    }

    /// Runs a script that answers later; what it answers.
    pub async fn script_later(&self, script: &str) -> Value {
        let script = format!(
            "const done = arguments[0]; (async () => {{ {script} }})().then(done, (e) => done('' + e));"
        );
        self.call(
            Method::POST,
            "/execute/async",
            json!({"script": script, "args": []}),
        )
        .await
    }

    /// Closes the window and ends the browser.
    pub async fn close(mut self) {
        self.call(Method::DELETE, "", Value::Null).await;
        self.process.stop(Duration::from_secs(5));
    }
}

async fn call(driver: SocketAddr, method: Method, path: &str, body: Value) -> Value {
    let bytes = if body.is_null() {
        Bytes::new()
    } else {
        body.to_string().into()
    };
    let request = Request::builder()
        .method(&method)
        .uri(path)
        .header("host", driver.to_string())
        .header("content-type", "application/json")
        .header("content-length", bytes.len())
        .body(bytes)
        .unwrap();
    let answer = client::send(driver, request)
        .await
        .unwrap_or_else(|failure| panic!("chromedriver, {method} {path}: {failure}"));
    answer.json()["value"].clone()
}

fn text_of(value: Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
