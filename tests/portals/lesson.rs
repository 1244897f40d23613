//! `doorstep learn` while somebody signs in through it.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use crate::support::process::Process;
use crate::support::{PATIENCE, until};

/// A recording that goes on.
pub struct Lesson {
    /// Where browsers come in.
    pub origin: String,
    // before the folder: a failing story shows the log that stands there
    process: Process,
    folder: TempDir,
}

impl Lesson {
    /// Starts to watch the portal there.
    pub async fn begin(portal: SocketAddr) -> Self {
        let folder = tempfile::Builder::new()
            .prefix("doorstep-learn")
            .tempdir()
            .unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_doorstep"));
        command
            .args(["learn", "--json", "--portal", &format!("http://{portal}")])
            .args(["--output", "learned.toml"])
            .current_dir(folder.path())
            .env("DOORSTEP_LOG", "trace")
            .env("NO_COLOR", "1");
        let process = Process::start("doorstep learn", &command, &folder.path().join("learn.log"));
        let mut lesson = Self {
            origin: String::new(),
            process,
            folder,
        };
        lesson.origin = until("the address is printed", PATIENCE, || async {
            let told = lesson.told("listening")?;
            told.as_str().map(str::to_owned)
        })
        .await;
        lesson
    }

    /// All that it has printed.
    pub fn printed(&self) -> String {
        self.process.output()
    }

    fn lines(&self) -> Vec<Value> {
        let lines: Vec<String> = self.printed().lines().map(str::to_owned).collect();
        lines
            .iter()
            .filter_map(|line| serde_json::from_str(line).ok())
            .collect()
    }

    fn told(&self, key: &str) -> Option<Value> {
        self.lines().iter().find_map(|line| line.get(key).cloned())
    }

    /// Waits until it says that it has seen this: `wrong`, `right` or `logout`.
    pub async fn until_seen(&self, what: &str) {
        until(&format!("{what} is seen"), PATIENCE, || async {
            self.lines()
                .iter()
                .any(|line| line.get("seen").is_some_and(|seen| seen == what))
                .then_some(())
        })
        .await;
    }

    /// Tells it to end, where it does not by itself.
    pub fn interrupt(&self) {
        self.process.signal("INT");
    }

    /// What it says where it has ended and learned nothing.
    pub async fn refusal(mut self) -> String {
        let status = self.process.wait(PATIENCE).expect("learn ends");
        assert_eq!(status.code(), Some(1), "{}", self.printed());
        self.printed()
    }

    /// What it has written when it has ended. None of these secrets stands in anything that it wrote.
    pub async fn section(mut self, secrets: &[&str]) -> String {
        let status = self.process.wait(PATIENCE).expect("learn ends");
        let printed = self.printed();
        assert!(status.success(), "{status}\n{printed}");
        let file: PathBuf = self.folder.path().join("learned.toml");
        let section = std::fs::read_to_string(file).unwrap();
        for secret in secrets {
            assert!(!section.contains(secret), "{section}");
            assert!(!printed.contains(secret), "{printed}");
        }
        section
    }
}

/// A section without the line that says where the portal is, as the stories' gateways take it.
pub fn without_upstream(section: &str) -> String {
    let (_, after) = section.split_once("[portal]\n").expect("a section [portal]");
    let lines: Vec<&str> = after
        .lines()
        .filter(|line| !line.starts_with("upstream = "))
        .collect();
    lines.join("\n")
}
