//! THREATS A, the property: a real nginx for a portal. Of all spellings of a protected path, none that doorstep
//! forwards for a stranger is one that nginx would serve as that path.

use std::process::Command;

use crate::portals::app::Start;
use crate::support::gateway::Settings;
use crate::support::raw::raw_for;
use crate::support::{Gateway, client};
use futures_util::future::join_all;
use std::time::Duration;

const PROTECTED: &str = "the-protected-page-of-nginx";

/// An nginx that serves `/app/secret`, and whatever is open beside it.
async fn nginx() -> crate::portals::app::App {
    let start = Start::new("nginx-paths");
    let folder = start.at().display().to_string();
    let address = start.address;
    start.write("files/app/secret", PROTECTED);
    start.write("files/public/ping", "pong");
    start.write("files/login", "<form>");
    start.write(
        "nginx.conf",
        format!(
            "{}daemon off;\nworker_processes 1;\npid nginx.pid;\nerror_log error.log;\n\
             events {{ worker_connections 256; }}\nhttp {{\naccess_log access.log;\n\
             client_body_temp_path b; proxy_temp_path p; fastcgi_temp_path f; uwsgi_temp_path u; scgi_temp_path s;\n\
             server {{ listen {address}; root {folder}/files; location / {{ try_files $uri $uri/ =404; }}\n\
             location ~* ^/static/(.*)$ {{ return 200 \"static\"; }} }} }}\n",
            if is_root() { "user root root;\n" } else { "" },
        ),
    );
    let mut command = Command::new("/usr/sbin/nginx");
    command
        .arg("-p")
        .arg(start.at())
        .args(["-c", "nginx.conf", "-e", "error.log"]);
    start.run(&mut command, "/public/ping", |_| Vec::new()).await
}

/// Spellings that one server or another takes for `/app/secret`.
fn spellings() -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    let ways = [
        "..",
        "%2e%2e",
        ".%2e",
        "%2e.",
        "..;",
        "..;a=b",
        "..%00",
        "..%5c",
        "..\\",
        "%252e%252e",
        "..%c0%af",
        ".",
        "%2e",
        "",
    ];
    let slashes = [
        "/",
        "//",
        "%2f",
        "%2F",
        "%5c",
        "\\",
        "%252f",
        "/./",
        "%c0%af",
        "%ef%bc%8f",
        "/;/",
        "/%20/",
    ];
    let words = [
        "app", "%61pp", "a%70p", "APP", "app;x", "app%00", "app.", "app%20", "%2561pp",
    ];
    let secrets = [
        "secret",
        "%73ecret",
        "secret/",
        "secret;x",
        "secret?x",
        "secret#x",
        "secret%00",
        "secret%20",
        "secret/.",
    ];
    for begin in ["/public/", "/static/", "/login/", "/"] {
        for way in ways {
            for slash in slashes {
                all.push(format!("{begin}{way}{slash}app/secret"));
                all.push(format!("{begin}x/{way}{slash}{way}{slash}app/secret"));
            }
        }
    }
    for slash in slashes {
        for word in words {
            for secret in secrets {
                all.push(format!("{slash}{word}{slash}{secret}"));
                all.push(format!("/{word}{slash}{secret}"));
            }
        }
    }
    all.sort();
    all.dedup();
    all.retain(|target| target.starts_with('/'));
    all
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_no_spelling_that_is_forwarded_is_a_protected_one_at_nginx() {
    let nginx = nginx().await;
    let mut settings = Settings::new(nginx.address);
    settings.portal = "public = [\"/public/**\", \"/static/**\"]\nlogin_page = \"/login\"\n".into();
    let mut gateway = Gateway::prepare(settings);
    gateway.run().await;
    let all = spellings();
    let (mut served, mut passed) = (0, 0);
    for batch in all.chunks(24) {
        let asked = batch.iter().map(|target| {
            let (door, portal) = (gateway.address, nginx.address);
            async move {
                let ask = |host: std::net::SocketAddr| {
                    format!("GET {target} HTTP/1.1\r\nHost: {host}\r\nAccept: text/html\r\nConnection: close\r\n\r\n")
                };
                let quiet = Duration::from_secs(2);
                let (with, without) = (ask(door), ask(portal));
                let with = raw_for(door, with.as_bytes(), quiet).await;
                let without = raw_for(portal, without.as_bytes(), quiet).await;
                (target, with, without)
            }
        });
        for (target, with, without) in join_all(asked).await {
            let text = with.text();
            assert!(!text.contains(PROTECTED), "{target}: {text}");
            served += usize::from(without.text().contains(PROTECTED));
            passed += usize::from(text.contains("Server: nginx"));
        }
    }
    println!(
        "{} spellings: nginx serves {served} of them as the protected page; {passed} were forwarded",
        all.len()
    );
    assert!(served > 50, "nginx serves {served}: the corpus says nothing");
    let open = client::get(gateway.address, "/public/ping").await.unwrap();
    assert!(open.holds("pong"));
}

/// As root, nginx' workers would not be let into the story's folder.
fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output().unwrap();
    id.stdout.trim_ascii() == b"0"
}
