//! Django's admin as PyPI ships it: a portal that nobody has written for doorstep.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

use super::process::{Process, free_address};
use super::{PATIENCE, client, until};

/// The rules that an ops person would write for it.
pub const RULES: &str = r#"
[[portal.login]]
method = "POST"
path = "/admin/login/"
username = { form = "username" }
success = { status = [302], location_not = "/admin/login/**", sets_cookie = "sessionid" }
"#;

/// The rest of its `[portal]`.
pub const PORTAL: &str = r#"
name = "Django administration"
public = ["/static/**"]
login_page = "/admin/login/"
logout = ["/admin/logout/"]
pass_cookies = ["csrftoken"]
session_cookies = ["sessionid"]
"#;

/// Its users, and the password of both.
pub const USERS: [&str; 2] = ["anna", "ben"];
/// See [`USERS`].
pub const PASSWORD: &str = "Correct-horse-9";

/// A project with the admin, served by `runserver`.
pub struct Django {
    /// Where it listens.
    pub address: SocketAddr,
    process: Process,
    _folder: TempDir,
}

impl Django {
    /// Makes the project, its database and its users, and serves it to browsers at `origin`.
    pub async fn start(origin: &str) -> Self {
        let folder = tempfile::Builder::new()
            .prefix("doorstep-django")
            .tempdir()
            .unwrap();
        let at = folder.path();
        python(at, &["-m", "django", "startproject", "site1", "."]);
        let settings = at.join("site1/settings.py");
        let mut text = std::fs::read_to_string(&settings).unwrap();
        text += &format!("\nALLOWED_HOSTS = ['127.0.0.1']\nCSRF_TRUSTED_ORIGINS = ['{origin}']\n");
        std::fs::write(&settings, text).unwrap();
        python(at, &["manage.py", "migrate", "--verbosity", "0"]);
        for user in USERS {
            let email = format!("{user}@django.example");
            let words = [
                "manage.py",
                "createsuperuser",
                "--noinput",
                "--username",
                user,
                "--email",
                &email,
            ];
            python(at, &words);
        }
        let address = free_address();
        let mut command = Command::new(interpreter());
        command
            .args(["-u", "manage.py", "runserver", "--noreload", &address.to_string()])
            .current_dir(at);
        let process = Process::start("django", &command, &at.join("django.log"));
        until("django answers", PATIENCE, || async {
            client::get(address, "/admin/login/").await.ok()
        })
        .await;
        Self {
            address,
            process,
            _folder: folder,
        }
    }

    /// The lines of its access log, each with the request line and the status.
    pub fn access_log(&self) -> Vec<String> {
        let output = self.process.output();
        output
            .lines()
            .filter(|line| line.contains(" HTTP/1."))
            .map(str::to_owned)
            .collect()
    }

    /// Those lines that are neither the login page nor static files.
    pub fn protected_requests(&self) -> Vec<String> {
        let mut log = self.access_log();
        log.retain(|line| !line.contains(" /admin/login/") && !line.contains(" /static/"));
        log
    }
}

fn interpreter() -> PathBuf {
    let python = Path::new(env!("CARGO_MANIFEST_DIR")).join(".venv/bin/python");
    assert!(python.exists(), "no Django in .venv: tests/run puts it there");
    python
}

fn python(folder: &Path, words: &[&str]) {
    let output = Command::new(interpreter())
        .args(words)
        .current_dir(folder)
        .env("DJANGO_SUPERUSER_PASSWORD", PASSWORD)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{words:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
}
