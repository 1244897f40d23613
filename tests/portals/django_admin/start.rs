//! Django's admin, as PyPI ships it.

use std::process::Command;

use crate::portals::app::{ANNA, App, BEN, Start, installed, password_of};

/// A project with the admin, its database and two superusers, served by `runserver`.
pub async fn start() -> App {
    let start = Start::new("django-admin");
    start.must(python().args(["-m", "django", "startproject", "site1", "."]));
    let settings = start.at().join("site1/settings.py");
    let text = std::fs::read_to_string(&settings).unwrap();
    start.write(
        "site1/settings.py",
        format!("{text}\nALLOWED_HOSTS = ['127.0.0.1']\n"),
    );
    start.must(python().args(["manage.py", "migrate", "--verbosity", "0"]));
    for user in [ANNA, BEN] {
        let email = format!("{user}@django.example");
        start.must(
            python()
                .args(["manage.py", "createsuperuser", "--noinput"])
                .args(["--username", user, "--email", &email])
                .env("DJANGO_SUPERUSER_PASSWORD", password_of(user)),
        );
    }
    let address = start.address.to_string();
    start
        .run(
            python().args(["-u", "manage.py", "runserver", "--noreload", &address]),
            "/admin/login/",
            requests,
        )
        .await
}

/// `[…] "GET /admin/ HTTP/1.1" 200 4242`
fn requests(app: &App) -> Vec<String> {
    let output = app.output();
    output
        .lines()
        .filter_map(|line| Some(line.split_once("] \"")?.1.split_once(" HTTP/1.")?.0.to_owned()))
        .collect()
}

fn python() -> Command {
    Command::new(installed(".venv/bin/python"))
}
