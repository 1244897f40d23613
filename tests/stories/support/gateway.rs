//! The real program: its commands, and its gateway with a configuration of the story's own.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;

use super::process::{Process, free_address};
use super::{Answer, PATIENCE, TotpKey, client, tls, until};

const PROGRAM: &str = env!("CARGO_BIN_EXE_doorstep");

/// The one token with all scopes.
pub const OPS_TOKEN: &str = "an-ops-token-for-the-stories-0123456789";

/// The rule of the sample portal.
pub const FORM_LOGIN: &str = r#"
[[portal.login]]
method = "POST"
path = "/login"
username = { form = "email" }
success = { status = [302, 303], location_not = "/login**", sets_cookie = "sid" }
"#;

/// The rule of the sample portal where it answers an accepted login with a page.
pub const PAGE_LOGIN: &str = r#"
[[portal.login]]
method = "POST"
path = "/login"
username = { form = "email" }
success = { status = [200], body_contains = "Welcome" }
"#;

/// What differs from gateway to gateway.
#[derive(Clone)]
pub struct Settings {
    /// The portal.
    pub upstream: SocketAddr,
    /// `[sessions] store`.
    pub store: String,
    /// `[directory] url`.
    pub directory: String,
    /// The rest of `[portal]`, rules aside.
    pub portal: String,
    /// The `[[portal.login]]` rules, and tables of their own.
    pub rules: String,
    /// More lines of `[sessions]`.
    pub sessions: String,
    /// More lines of `[factors]`.
    pub factors: String,
    /// More lines of `[limits]`.
    pub limits: String,
    /// More lines of `[listen]`.
    pub listen: String,
    /// Whether browsers come in over TLS.
    pub tls: bool,
    /// The host in `public_url`, where it is not the address.
    pub host: Option<&'static str>,
}

impl Settings {
    /// In front of the sample portal, everything embedded.
    pub fn new(upstream: SocketAddr) -> Self {
        Self {
            upstream,
            store: "memory".into(),
            directory: "sqlite://doorstep.db".into(),
            portal: concat!(
                "name = \"Example Portal\"\n",
                "public = [\"/public/**\", \"/static/**\"]\n",
                "login_page = \"/login\"\n",
                "logout = [\"/logout\"]\n",
                "pass_cookies = [\"theme\", \"csrftoken\"]\n",
                "session_cookies = [\"sid\"]\n",
            )
            .into(),
            rules: FORM_LOGIN.into(),
            sessions: String::new(),
            factors: String::new(),
            limits: String::new(),
            listen: String::new(),
            tls: false,
            host: None,
        }
    }

    fn toml(&self, public: SocketAddr, origin: &str, ops: SocketAddr) -> String {
        let mut text = String::new();
        let _ = writeln!(
            text,
            "[listen]\naddress = \"{public}\"\npublic_url = \"{origin}\"\n{}{}{}\n",
            if self.tls {
                "tls = { certificate = \"tls.crt\", key = \"tls.key\" }\n"
            } else {
                ""
            },
            if self.listen.contains("drain") {
                ""
            } else {
                "drain = \"2s\"\n"
            },
            self.listen
        );
        let _ = writeln!(text, "[ops]\naddress = \"{ops}\"\ntoken_file = \"ops.token\"\n");
        let _ = writeln!(text, "[directory]\nurl = \"{}\"\n", self.directory);
        let _ = writeln!(
            text,
            "[sessions]\nstore = \"{}\"\n{}\n",
            self.store, self.sessions
        );
        let _ = writeln!(
            text,
            "[factors]\nsms = {{ provider = \"file\", path = \"sms.jsonl\" }}\n{}\n",
            self.factors
        );
        let _ = writeln!(text, "[limits]\n{}\n", self.limits);
        let _ = writeln!(text, "[secrets]\nkey_file = \"doorstep.key\"\n");
        let _ = writeln!(
            text,
            "[portal]\nupstream = \"http://{}\"\n{}\n{}",
            self.upstream, self.portal, self.rules
        );
        text
    }
}

/// A folder with a configuration, a key file, a directory; and the gateway that serves it.
pub struct Gateway {
    /// Where browsers come in.
    pub address: SocketAddr,
    /// Where health and metrics are.
    pub ops: SocketAddr,
    /// `public_url`.
    pub origin: String,
    /// What its configuration says.
    pub settings: Settings,
    config: PathBuf,
    // before the folder: a failing story shows the log that stands there
    process: Option<Process>,
    folder: Arc<TempDir>,
}

impl Gateway {
    /// Writes the configuration and the key file; nothing runs yet.
    pub fn prepare(settings: Settings) -> Self {
        let gateway = Self::prepare_unchecked(settings);
        let key = gateway.file("doorstep.key");
        gateway.ok(&["key", "new", key.to_str().unwrap()]);
        gateway
    }

    /// Writes the configuration only: it may be nonsense.
    pub fn prepare_unchecked(settings: Settings) -> Self {
        let folder = tempfile::Builder::new().prefix("doorstep").tempdir().unwrap();
        let address = free_address();
        let scheme = if settings.tls { "https" } else { "http" };
        if settings.tls {
            tls::certificate(folder.path());
        }
        let gateway = Self {
            address,
            ops: free_address(),
            origin: match settings.host {
                None => format!("{scheme}://{address}"),
                Some(host) => format!("{scheme}://{host}:{}", address.port()),
            },
            settings,
            config: folder.path().join("doorstep.toml"),
            folder: Arc::new(folder),
            process: None,
        };
        let token = gateway.file("ops.token");
        std::fs::write(&token, format!("{OPS_TOKEN}\n")).unwrap();
        owner_only(&token);
        gateway.write_config();
        gateway
    }

    /// Another gateway over the same directory, store, keys and origin, on ports of its own.
    pub fn sibling(&self) -> Self {
        let address = free_address();
        let sibling = Self {
            address,
            ops: free_address(),
            origin: self.origin.clone(),
            settings: self.settings.clone(),
            config: self
                .folder
                .path()
                .join(format!("sibling-{}.toml", address.port())),
            folder: self.folder.clone(),
            process: None,
        };
        sibling.write_config();
        sibling
    }

    /// A file in its folder.
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Its configuration file.
    pub fn config(&self) -> &Path {
        &self.config
    }

    /// What the `file` provider appends to.
    pub fn sms_file(&self) -> PathBuf {
        self.file("sms.jsonl")
    }

    /// Writes the configuration anew from its settings.
    pub fn write_config(&self) {
        let text = self.settings.toml(self.address, &self.origin, self.ops);
        std::fs::write(&self.config, text).unwrap();
        owner_only(&self.config);
    }

    /// Runs a command of the program.
    pub fn command(&self, words: &[&str]) -> Output {
        Command::new(PROGRAM)
            .args(words)
            .arg("--config")
            .arg(&self.config)
            .current_dir(self.folder.path())
            .env_remove("DOORSTEP_CONFIG")
            .env("NO_COLOR", "1")
            .stdin(Stdio::null())
            .output()
            .unwrap()
    }

    /// Runs a command that must succeed; its standard output.
    #[track_caller]
    pub fn ok(&self, words: &[&str]) -> String {
        let output = self.command(words);
        assert!(
            output.status.success(),
            "doorstep {}: {}",
            words.join(" "),
            shown(&output)
        );
        String::from_utf8(output.stdout).unwrap()
    }

    /// Runs a command that must fail with `code`; what it wrote.
    #[track_caller]
    pub fn refused(&self, words: &[&str], code: i32) -> String {
        let output = self.command(words);
        let said = shown(&output);
        assert_eq!(
            output.status.code(),
            Some(code),
            "doorstep {}: {said}",
            words.join(" ")
        );
        said
    }

    /// Runs a listing with `--json`.
    #[track_caller]
    pub fn json(&self, words: &[&str]) -> serde_json::Value {
        let mut all = words.to_vec();
        all.push("--json");
        let text = self.ok(&all);
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("no JSON ({error}): {text}"))
    }

    /// Adds an authenticator key to an employee, which counts at once.
    #[track_caller]
    pub fn enrol_totp(&self, login: &str) -> TotpKey {
        let answer = self.json(&["employee", "enroll-totp", login]);
        TotpKey::new(answer["uri"].as_str().expect("an uri"))
    }

    /// Starts the gateway and waits until it is ready.
    pub async fn run(&mut self) {
        self.run_under(&[]).await;
    }

    /// The same, by way of a program that ends by becoming it (`env …`).
    pub async fn run_under(&mut self, words: &[&str]) {
        let all = [words, &[PROGRAM]].concat();
        let mut command = Command::new(all[0]);
        command
            .args(&all[1..])
            .args(["run", "--config"])
            .arg(&self.config)
            .current_dir(self.folder.path())
            .env("NO_COLOR", "1");
        let log = self.file(&format!("gateway-{}.log", self.address.port()));
        self.process = Some(Process::start("doorstep run", &command, &log));
        let begun = std::time::Instant::now();
        while begun.elapsed() < PATIENCE {
            if let Some(status) = self.process.as_mut().and_then(Process::ended) {
                if self.logs().contains("did not answer within") {
                    // A store that a busy machine has not given its turn yet: started again, as an init system would.
                    self.process = Some(Process::start("doorstep run", &command, &log));
                    continue;
                }
                panic!("the gateway ended at once: {status}\n{}", self.logs());
            }
            let asked = client::get(self.ops, "/readyz").await;
            if asked.is_ok_and(|answer| answer.status == 200) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        panic!("the gateway was not ready within {PATIENCE:?}\n{}", self.logs());
    }

    /// The running process.
    #[track_caller]
    pub fn process(&mut self) -> &mut Process {
        self.process.as_mut().expect("the gateway runs")
    }

    /// Stops it as ops would; the exit code.
    pub fn stop(&mut self) -> Option<i32> {
        let mut process = self.process.take()?;
        process.signal("TERM");
        process.wait(PATIENCE)?.code()
    }

    /// GETs an ops address with the token.
    pub async fn ask_ops(&self, path: &str) -> Answer {
        let request = http::Request::builder()
            .uri(path)
            .header("host", self.ops.to_string())
            .header("authorization", format!("Bearer {OPS_TOKEN}"))
            .body(bytes::Bytes::new())
            .unwrap();
        client::send(self.ops, request).await.unwrap()
    }

    /// SIGHUP, then waits until the log says something new that contains `word`.
    pub async fn reload(&mut self, word: &str) {
        let before = self.logs().len();
        self.process().signal("HUP");
        until(
            &format!("the log says {word:?} after SIGHUP"),
            PATIENCE,
            || async { self.logs()[before..].to_lowercase().contains(word).then_some(()) },
        )
        .await;
    }

    /// All it has logged.
    pub fn logs(&self) -> String {
        let log = self.file(&format!("gateway-{}.log", self.address.port()));
        String::from_utf8_lossy(&std::fs::read(log).unwrap_or_default()).into_owned()
    }

    /// A firm, with or without two-factor authentication.
    pub fn add_firm(&self, id: &str, name: &str) {
        self.ok(&["firm", "add", id, "--name", name]);
    }

    /// An employee of a firm.
    pub fn add_employee(&self, login: &str, firm: &str, phone: Option<&str>) {
        let mut words = vec!["employee", "add", login, "--firm", firm, "--name", login];
        if let Some(phone) = phone {
            words.extend(["--phone", phone]);
        }
        self.ok(&words);
    }
}

/// For a failure's message.
pub fn shown(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    format!(
        "{}\n{}{}",
        output.status,
        text(&output.stdout),
        text(&output.stderr)
    )
}

fn owner_only(file: &Path) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o600)).unwrap();
}
