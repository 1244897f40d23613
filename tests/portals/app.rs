//! An application as its makers ship it, started for one story and stopped with it.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tempfile::TempDir;

use crate::support::process::{Process, free_address};
use crate::support::{PATIENCE, client, until};

/// Users of each application.
pub const ANNA: &str = "anna";
/// See [`ANNA`].
pub const BEN: &str = "ben";

/// Their passwords.
pub fn password_of(user: &str) -> &'static str {
    match user {
        ANNA => "Correct-horse-9",
        BEN => "Battery-staple-7",
        other => panic!("{other} has no password"),
    }
}

/// Paths that mark a place in an application's log.
static MARKERS: AtomicU32 = AtomicU32::new(0);

/// How long an application may take to start on a busy machine.
const START: Duration = Duration::from_secs(60);

/// A running application.
pub struct App {
    /// Where it listens.
    pub address: SocketAddr,
    /// Its recipe: `config/portals/NAME.toml`.
    pub recipe: &'static str,
    // before the folder: a failing story shows the log that stands there
    process: Process,
    folder: TempDir,
    requests: fn(&App) -> Vec<String>,
}

impl App {
    /// All requests that it has seen by now, each as method and target; a
    /// last one of our own tells when its log is complete.
    pub async fn requests(&self) -> Vec<String> {
        let marker = format!("/marker-{}", MARKERS.fetch_add(1, Ordering::Relaxed));
        client::get(self.address, &marker).await.expect("an answer");
        let mut all = until("the log is written", PATIENCE, || async {
            let all = (self.requests)(self);
            all.iter().any(|line| line.ends_with(&marker)).then_some(all)
        })
        .await;
        all.retain(|line| !line.contains("/marker-"));
        all
    }

    /// What a process of it has written.
    pub fn output(&self) -> String {
        self.process.output()
    }

    /// A file in its folder.
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

/// What an application's `start` fills in: a folder, an address, and in the end a process.
pub struct Start {
    /// A folder of its own, gone with it.
    pub folder: TempDir,
    /// Where it shall listen.
    pub address: SocketAddr,
    recipe: &'static str,
}

impl Start {
    /// Nothing runs yet.
    pub fn new(recipe: &'static str) -> Self {
        let folder = tempfile::Builder::new()
            .prefix(&format!("doorstep-{recipe}"))
            .tempdir()
            .unwrap();
        Self {
            folder,
            address: free_address(),
            recipe,
        }
    }

    /// Its folder.
    pub fn at(&self) -> &Path {
        self.folder.path()
    }

    /// Writes a file into its folder, and the folders on the way.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        let file = self.at().join(name);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, content).unwrap();
    }

    /// Runs a command to its end; it must succeed.
    pub fn must(&self, command: &mut Command) {
        let output = command
            .current_dir(self.at())
            .stdin(Stdio::null())
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{command:?}: {}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
    }

    /// Starts it and waits until it answers on `path`. `requests` reads its own log.
    pub async fn run(self, command: &mut Command, path: &str, requests: fn(&App) -> Vec<String>) -> App {
        command.current_dir(self.at());
        let process = Process::start(self.recipe, command, &self.at().join("output.log"));
        until(&format!("{} answers", self.recipe), START, || async {
            client::get(self.address, path).await.ok()
        })
        .await;
        App {
            address: self.address,
            recipe: self.recipe,
            process,
            folder: self.folder,
            requests,
        }
    }
}

/// A file below the checkout that `tests/run` puts there.
pub fn installed(path: &str) -> PathBuf {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    assert!(file.exists(), "{path} is not there: tests/run installs it");
    file
}
