//! The commands, as ops type them: the built program, a real directory, real files.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

/// A folder with a configuration and a key; gone afterwards.
struct Place {
    folder: PathBuf,
}

impl Place {
    fn new() -> Self {
        let place = Self::bare();
        let key = place.folder.join("doorstep.key");
        assert_eq!(place.run(&["key", "new", key.to_str().unwrap()]).code, 0);
        place
    }

    fn bare() -> Self {
        let name = format!("doorstep-commands-{}", doorstep::secret::random_id());
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir(&folder).unwrap();
        let place = Self { folder };
        place.write("doorstep.toml", CONFIG);
        place
    }

    fn write(&self, name: &str, text: impl AsRef<[u8]>) -> String {
        let path = self.folder.join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }

    fn run(&self, words: &[&str]) -> Said {
        let output = Command::new(env!("CARGO_BIN_EXE_doorstep"))
            .args(words)
            .env("DOORSTEP_CONFIG", self.folder.join("doorstep.toml"))
            .stdin(Stdio::null())
            .output()
            .unwrap();
        output.into()
    }

    /// What a command that must succeed printed.
    #[track_caller]
    fn ok(&self, words: &[&str]) -> String {
        let said = self.run(words);
        assert_eq!(said.code, 0, "{words:?}: {}", said.err);
        said.out
    }

    #[track_caller]
    fn json(&self, words: &[&str]) -> Value {
        let mut words = words.to_vec();
        words.push("--json");
        serde_json::from_str(&self.ok(&words)).unwrap()
    }

    /// What a command that must fail said on standard error.
    #[track_caller]
    fn refused(&self, code: i32, words: &[&str]) -> String {
        let said = self.run(words);
        assert_eq!(said.code, code, "{words:?}: {} {}", said.out, said.err);
        said.err
    }

    /// A firm with one employee who has a phone.
    fn with_anna(&self) {
        self.ok(&["firm", "add", "corp-a", "--name", "Corp A"]);
        let words = [
            "employee",
            "add",
            "anna",
            "--firm",
            "corp-a",
            "--name",
            "Anna",
            "--phone",
            "+14155552671",
        ];
        self.ok(&words);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

struct Said {
    code: i32,
    out: String,
    err: String,
}

impl From<Output> for Said {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

const CONFIG: &str = r#"[listen]
address = "127.0.0.1:8443"
public_url = "https://portal.example.com"
[ops]
address = "127.0.0.1:1"
token_file = "ops.token"
[portal]
name = "Example Portal"
upstream = "http://127.0.0.1:8081"
[[portal.login]]
path = "/login"
username = { form = "email" }
success = { status = [302], location_not = "/login**" }
"#;

#[test]
fn check_explains_a_good_file_and_points_at_what_is_wrong_in_a_bad_one() {
    let place = Place::new();
    let words = place.ok(&["check"]);
    assert!(
        words.contains("A POST of /login is a login") && words.contains("\nHoles\n"),
        "{words}"
    );
    assert_eq!(place.json(&["check"])["valid"], true);
    let bad = place.write("bad.toml", CONFIG.replace("upstream", "upstraem"));
    for words in [
        ["check", "--config", &bad],
        ["--config", &bad, "check"],
        ["run", "--config", &bad],
    ] {
        let err = place.refused(2, &words);
        assert!(
            err.contains(&format!("{bad}:9:1: unknown key `upstraem`")),
            "{err}"
        );
        assert!(
            err.contains(&format!("{bad}:7:1: missing key `upstream`")),
            "{err}"
        );
    }
    let err = place.refused(2, &["check", "--config", "/nowhere.toml"]);
    assert!(
        err.contains("/nowhere.toml:1:1:") && err.contains("--config"),
        "{err}"
    );
}

#[test]
fn usage_errors_exit_with_2() {
    let place = Place::new();
    for words in [
        &["fly"] as &[&str],
        &["firm", "add", "corp a", "--name", "A"],
        &["firm", "break-glass", "corp-a", "--for", "soon", "--reason", "x"],
        &["session", "revoke"],
        &["session", "revoke", "--all", "--login", "anna"],
        &["session", "revoke", "xyz"],
        &["employee", "set", "anna"],
        &[
            "employee", "add", "anna", "--firm", "a", "--name", "A", "--phone", "12",
        ],
        &["audit", "list", "--since", "yore"],
    ] {
        place.refused(2, words);
    }
}

#[test]
fn a_key_file_is_made_once_without_any_configuration() {
    let place = Place::bare();
    std::fs::remove_file(place.folder.join("doorstep.toml")).unwrap();
    let key = place.folder.join("doorstep.key");
    let words = ["key", "new", key.to_str().unwrap()];
    place.ok(&words);
    let before = std::fs::read(&key).unwrap();
    assert!(place.refused(1, &words).contains("never overwritten"));
    assert_eq!(std::fs::read(&key).unwrap(), before);
    assert_eq!(
        std::fs::metadata(&key).unwrap().permissions().mode() & 0o777,
        0o600
    );
}

#[test]
fn a_missing_key_file_is_told_with_what_to_do() {
    let err = Place::bare().refused(1, &["firm", "list"]);
    assert!(
        err.contains("doorstep.key") && err.contains("doorstep key new"),
        "{err}"
    );
}

#[test]
fn a_firm_is_added_shown_and_changed() {
    let place = Place::new();
    place.ok(&["firm", "add", "corp-a", "--name", "Corp A"]);
    assert!(
        place
            .refused(1, &["firm", "add", "Corp-A", "--name", "Again"])
            .contains("corp-a")
    );
    assert_eq!(place.ok(&["firm", "list"]), "corp-a\tCorp A\toff\t\n");
    let shown = place.ok(&["firm", "show", "corp-a"]);
    assert!(shown.lines().any(|line| line == "two_factor  off"), "{shown}");
    let words = [
        "firm",
        "set",
        "corp-a",
        "factors=sms,totp",
        "idle_timeout=15m",
        "name=Corp & A",
        "carry_over=no",
    ];
    place.ok(&words);
    assert_eq!(
        place.json(&["firm", "show", "corp-a"]),
        json!({
            "id": "corp-a", "name": "Corp & A", "two_factor": {"enabled": false, "from": null},
            "policy": {"factors": ["sms", "totp"], "idle_timeout": "15m", "carry_over": false},
        })
    );
    place.ok(&[
        "firm",
        "set",
        "corp-a",
        "factors=",
        "idle_timeout=",
        "carry_over=",
    ]);
    assert_eq!(place.json(&["firm", "list"])[0]["policy"], json!({}));
    assert!(
        place
            .refused(2, &["firm", "set", "corp-a", "colour=red"])
            .contains("colour")
    );
    assert!(
        place
            .refused(2, &["firm", "set", "corp-a", "idle_timeout=2h"])
            .contains("30m")
    );
    assert!(
        place
            .refused(1, &["firm", "show", "corp-b"])
            .contains("there is no firm corp-b")
    );
}

#[test]
fn enabling_is_refused_with_the_logins_that_are_not_ready() {
    let place = Place::new();
    place.with_anna();
    place.ok(&["employee", "add", "ben", "--firm", "corp-a", "--name", "Ben"]);
    let plan = place.json(&["firm", "enable-2fa", "corp-a", "--dry-run"]);
    let told = (&plan["ready"], &plan["not_ready"], &plan["enabled"]);
    assert_eq!(told, (&json!(1), &json!(["ben"]), &json!(false)));
    let err = place.refused(1, &["firm", "enable-2fa", "corp-a"]);
    assert!(
        err.contains("\n  ben\n") && err.contains("--force") && !err.contains("anna"),
        "{err}"
    );
    assert!(
        place
            .ok(&["firm", "show", "corp-a"])
            .contains("two_factor  off\n")
    );
    place.ok(&["firm", "enable-2fa", "corp-a", "--from", "2100-01-01", "--force"]);
    assert_eq!(
        place.json(&["firm", "show", "corp-a"])["two_factor"],
        json!({"enabled": true, "from": "2100-01-01T00:00:00Z"})
    );
    place.ok(&["employee", "enroll-totp", "ben"]);
    place.ok(&["firm", "enable-2fa", "corp-a"]);
    assert!(format!("{}\n", place.ok(&["firm", "show", "corp-a"])).contains("two_factor  on\n"));
    place.ok(&[
        "firm",
        "break-glass",
        "corp-a",
        "--for",
        "1h",
        "--reason",
        "phones are down",
    ]);
    assert!(place.ok(&["firm", "show", "corp-a"]).contains("phones are down"));
    place.ok(&["firm", "disable-2fa", "corp-a"]);
    assert!(
        place
            .ok(&["firm", "show", "corp-a"])
            .contains("two_factor  off\n")
    );
    let audit = place.ok(&["audit", "list", "--firm", "corp-a", "--event", "firm.*"]);
    let events: Vec<&str> = audit.lines().filter_map(|line| line.split('\t').nth(2)).collect();
    assert!(
        events.contains(&"firm.two_factor_enabled") && events.contains(&"firm.two_factor_disabled"),
        "{events:?}"
    );
}

#[test]
fn an_employee_is_added_shown_changed_and_removed() {
    let place = Place::new();
    place.with_anna();
    let anna = json!({
        "login": "anna", "firm": "corp-a", "name": "Anna", "phone": "+14155552671", "email": null,
        "role": "tech", "state": "ready",
    });
    assert_eq!(place.json(&["employee", "show", "ANNA"]), anna);
    assert_eq!(place.json(&["employee", "list"]), json!([anna]));
    place.ok(&[
        "employee", "set", "anna", "--role", "admin", "--phone", "", "--alias", "a.smith",
    ]);
    let shown = place.json(&["employee", "show", "a.smith"]);
    let told = (&shown["role"], &shown["phone"], &shown["state"]);
    assert_eq!(told, (&json!("admin"), &Value::Null, &json!("no_phone")));
    assert_eq!(place.ok(&["employee", "list", "--state", "ready"]), "");
    place.ok(&["employee", "set", "anna", "--state", "inactive"]);
    assert!(
        place
            .ok(&["employee", "show", "anna"])
            .contains("state  inactive\n")
    );
    place.ok(&["employee", "remove", "anna"]);
    assert!(
        place
            .refused(1, &["employee", "show", "anna"])
            .contains("there is no employee anna")
    );
    assert!(place.refused(1, &["employee", "unlock", "anna"]).contains("anna"));
}

#[test]
fn an_enrolled_key_is_handed_over_counts_at_once_and_goes_with_a_reset() {
    let place = Place::new();
    place.with_anna();
    let uri = place.json(&["employee", "enroll-totp", "anna"])["uri"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_eq!(
        totp_rs::Totp::from_url(&uri).unwrap().issuer(),
        Some("Example Portal")
    );
    let printed = place.ok(&["employee", "enroll-totp", "anna", "--name", "Second"]);
    assert!(
        printed.starts_with("otpauth://totp/") && printed.contains('▄'),
        "{printed}"
    );
    let shown = place.ok(&["employee", "show", "anna"]);
    assert!(
        shown.contains("factor  totp (Authenticator app)") && shown.contains("factor  totp (Second)"),
        "{shown}"
    );
    let reset = place.json(&["employee", "reset", "anna"]);
    assert_eq!(reset["login"], "anna");
    let passcode = reset["passcode"].as_str().unwrap();
    assert_eq!(passcode.len(), 19);
    assert!(reset["expires_at"].as_str().unwrap().ends_with('Z'));
    assert!(!place.ok(&["employee", "show", "anna"]).contains("factor  "));
    let secret = uri.split("secret=").nth(1).unwrap().split('&').next().unwrap();
    let audit = place.ok(&["audit", "list"]);
    assert!(
        audit.contains("employee.reset") && !audit.contains(secret) && !audit.contains(passcode),
        "{audit}"
    );
}

#[test]
fn an_import_is_all_or_nothing_and_names_every_bad_line() {
    let place = Place::new();
    place.with_anna();
    let header = "\u{feff}login,name,phone,firm,role,email\r\n";
    let rows =
        "ben,Ben,,corp-a,tech,\r\nANNA,Anna,,corp-a,,\r\ncarl,Carl,12,corp-a,,\r\ndan,Dan,,corp-b,,\r\n";
    let bad = place.write("bad.csv", format!("{header}{rows}"));
    let err = place.refused(1, &["employee", "import", &bad]);
    for line in [3, 4, 5] {
        assert!(err.contains(&format!("{bad}:{line}: ")), "{line}: {err}");
    }
    assert!(!err.contains(&format!("{bad}:2:")), "{err}");
    let firm = place.write(
        "firm.csv",
        format!("{header}ben,Ben,,corp-a,,\r\ndan,Dan,,corp-b,,\r\n"),
    );
    assert!(
        place
            .refused(1, &["employee", "import", &firm])
            .contains("firm.csv:3: ")
    );
    assert_eq!(place.ok(&["employee", "list"]).lines().count(), 1);
    let row = "ben,\"Ben, B.\",+1 415 555 2672,corp-a,admin,b@corp-a.example";
    let good = place.write("good.csv", format!("{header}{row}\r\n"));
    assert_eq!(place.json(&["employee", "import", &good]), json!({"imported": 1}));
    let exported = place.ok(&["employee", "export"]);
    assert_eq!(
        exported,
        "login,name,phone,firm,role,email\nanna,Anna,+14155552671,corp-a,tech,\n\
         ben,\"Ben, B.\",+14155552672,corp-a,admin,b@corp-a.example\n"
    );
    let other = Place::new();
    other.ok(&["firm", "add", "corp-a", "--name", "Corp A"]);
    let file = other.write("again.csv", &exported);
    other.ok(&["employee", "import", &file]);
    assert_eq!(other.ok(&["employee", "export"]), exported);
}

#[test]
fn the_audit_chain_holds_until_somebody_writes_into_it() {
    let place = Place::new();
    place.with_anna();
    assert_eq!(place.json(&["audit", "verify"])["holds"], true);
    let entries = place.json(&["audit", "list", "--limit", "1"]);
    assert_eq!(
        (&entries[0]["actor"], &entries[0]["login"]),
        (&json!("ops"), &json!("anna"))
    );
    assert!(entries[0]["at"].as_str().unwrap().ends_with('Z'));
    assert_eq!(place.ok(&["audit", "list", "--since", "2100-01-01"]), "");
    let file = place.folder.join("doorstep.db");
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        use sqlx::Connection as _;
        sqlx::any::install_default_drivers();
        let mut db = sqlx::AnyConnection::connect(&format!("sqlite://{}", file.display()))
            .await
            .unwrap();
        let change = sqlx::query("UPDATE audit SET actor = 'nobody' WHERE seq = 1");
        assert_eq!(change.execute(&mut db).await.unwrap().rows_affected(), 1);
    });
    assert!(place.refused(1, &["audit", "verify"]).contains("broken at row 1"));
}

#[test]
fn keys_are_rotated_and_what_was_sealed_opens() {
    let place = Place::new();
    place.with_anna();
    place.ok(&["employee", "enroll-totp", "anna"]);
    let file = place.folder.join("doorstep.key");
    let old = std::fs::read_to_string(&file).unwrap();
    let rotated = place.json(&["key", "rotate"]);
    assert!(rotated["resealed"].as_u64().unwrap() >= 2, "{rotated}");
    let new = std::fs::read_to_string(&file).unwrap();
    let old_key = old.lines().last().unwrap();
    assert!(new.ends_with(&format!("{old_key}\n")) && new.len() > old.len());
    assert!(place.ok(&["employee", "show", "anna"]).contains("+14155552671"));
    // Nothing needs the old key any more.
    let newest: Vec<&str> = new.lines().filter(|line| *line != old_key).collect();
    place.write("doorstep.key", newest.join("\n"));
    assert!(place.ok(&["employee", "show", "anna"]).contains("+14155552671"));
}

#[test]
fn sessions_are_revoked_in_the_directory() {
    let place = Place::new();
    place.with_anna();
    for words in [
        &["session", "revoke", "0123456789abcdef0123456789abcdef"] as &[&str],
        &["session", "revoke", "--login", "Anna"],
        &["session", "revoke", "--firm", "corp-a"],
        &["session", "revoke", "--all"],
    ] {
        assert_eq!(place.json(words)["revoked"], true, "{words:?}");
    }
    assert_eq!(
        place
            .ok(&["audit", "list", "--event", "session.revoked"])
            .lines()
            .count(),
        4
    );
    assert!(
        place
            .refused(1, &["session", "revoke", "--login", "nobody"])
            .contains("nobody")
    );
    let accepted = place.json(&["directory", "accept"]);
    assert_eq!(accepted["review"]["two_factor_off"], json!(["corp-a"]));
    assert_eq!(place.json(&["report", "passed-without-2fa"]), json!([]));
}

/// Answers two pages of sessions, then stops; what it was asked.
fn fake_gateway(listener: TcpListener) -> std::thread::JoinHandle<Vec<String>> {
    let item = |id: &str, login: &str, firm: &str| {
        format!(
            r#"{{"id":"{id}","login":"{login}","firm":{firm},"level":"password","address":"::1","since":"s","last_seen":"l"}}"#
        )
    };
    let pages = [
        format!(
            r#"{{"items":[{}],"next":"p 2"}}"#,
            item("a", "anna", r#""corp-a""#)
        ),
        format!(r#"{{"items":[{}]}}"#, item("b", "ben", "null")),
    ];
    std::thread::spawn(move || {
        let answer = |page: &String| {
            let (mut peer, _) = listener.accept().unwrap();
            let mut request = Vec::new();
            let mut byte = [0; 1];
            while !request.ends_with(b"\r\n\r\n") && peer.read(&mut byte).unwrap() == 1 {
                request.push(byte[0]);
            }
            let length = page.len();
            write!(
                peer,
                "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{page}"
            )
            .unwrap();
            String::from_utf8(request).unwrap()
        };
        pages.iter().map(answer).collect()
    })
}

#[test]
fn with_the_store_in_memory_the_running_gateway_is_asked_for_its_sessions() {
    let place = Place::new();
    assert!(place.refused(1, &["session", "list"]).contains("ops.token"));
    place.write("ops.token", "a-token\n");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let ops = listener.local_addr().unwrap().to_string();
    place.write(
        "doorstep.toml",
        CONFIG.replace("127.0.0.1:1\"", &format!("{ops}\"")),
    );
    let gateway = fake_gateway(listener);
    let listed = place.ok(&["session", "list", "--firm", "corp-a"]);
    assert_eq!(
        listed,
        "a\tanna\tcorp-a\tpassword\t::1\ts\tl\nb\tben\t\tpassword\t::1\ts\tl\n"
    );
    let asked = gateway.join().unwrap();
    assert!(
        asked[0].starts_with("GET /v1/sessions?firm=corp-a HTTP/1.1\r\n"),
        "{}",
        asked[0]
    );
    assert!(
        asked[0]
            .to_lowercase()
            .contains("authorization: bearer a-token\r\n"),
        "{}",
        asked[0]
    );
    assert!(asked[1].contains("cursor=p+2"), "{}", asked[1]);
    assert!(place.refused(1, &["session", "list"]).contains("doorstep run"));
}
