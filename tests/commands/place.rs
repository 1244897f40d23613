//! A folder of the test's own, and the built program.

use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

/// A folder with a configuration and a key; gone afterwards.
pub struct Place {
    pub folder: PathBuf,
}

impl Place {
    pub fn new() -> Self {
        let place = Self::bare();
        let key = place.folder.join("doorstep.key");
        assert_eq!(place.run(&["key", "new", key.to_str().unwrap()]).code, 0);
        place
    }

    pub fn bare() -> Self {
        let name = format!("doorstep-commands-{}", doorstep::secret::random_id());
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir(&folder).unwrap();
        let place = Self { folder };
        place.write("doorstep.toml", CONFIG);
        place
    }

    pub fn write(&self, name: &str, text: impl AsRef<[u8]>) -> String {
        let path = self.folder.join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }

    pub fn run(&self, words: &[&str]) -> Said {
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
    pub fn ok(&self, words: &[&str]) -> String {
        let said = self.run(words);
        assert_eq!(said.code, 0, "{words:?}: {}", said.err);
        said.out
    }

    #[track_caller]
    pub fn json(&self, words: &[&str]) -> Value {
        let mut words = words.to_vec();
        words.push("--json");
        serde_json::from_str(&self.ok(&words)).unwrap()
    }

    /// What a command that must fail said on standard error.
    #[track_caller]
    pub fn refused(&self, code: i32, words: &[&str]) -> String {
        let said = self.run(words);
        assert_eq!(said.code, code, "{words:?}: {} {}", said.out, said.err);
        said.err
    }

    /// A firm with one employee who has a phone.
    pub fn with_anna(&self) {
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

pub struct Said {
    pub code: i32,
    pub out: String,
    pub err: String,
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

pub const CONFIG: &str = r#"[listen]
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
