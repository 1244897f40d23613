//! Every page in every state, in light and dark, wide and narrow: axe finds nothing, nothing scrolls sideways at
//! 320 px, and what is tapped is 44 px large. One browser looks at all of them.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::support::webdriver::Chromium;

const AXE: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/.node/node_modules/axe-core/axe.min.js"
);

/// What axe finds, one line for each element.
const LOOK: &str = r#"
    const told = arguments[arguments.length - 1];
    const tags = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
    const options = { runOnly: tags, resultTypes: ['violations'], rules: { 'target-size': { enabled: true } } };
    axe.run(document, options).then(
        (found) => told(found.violations.flatMap((one) => one.nodes.map((node) => one.id + ' at ' + node.target + ': ' + node.failureSummary))),
        (error) => told(['axe failed: ' + error]));
"#;

/// What is wrong at 320 px, one line each. A link within a sentence is as high as its line (WCAG 2.5.8).
const MEASURE: &str = r#"
    const wrong = [];
    const page = document.documentElement;
    if (page.scrollWidth > innerWidth) wrong.push('scrolls sideways: ' + page.scrollWidth);
    for (const one of document.querySelectorAll('a[href], button, input:not([type=hidden]), select, textarea, summary, [role=button]')) {
        const tapped = one.type === 'checkbox' || one.type === 'radio' ? one.closest('label') || one : one;
        const box = tapped.getBoundingClientRect();
        if (!box.width || !box.height || getComputedStyle(one).visibility === 'hidden') continue;
        if (box.height < 43.5 || box.width < 43.5 && tapped.textContent.trim().length > 3)
            wrong.push(one.outerHTML.slice(0, 120) + ' is ' + Math.round(box.width) + ' x ' + Math.round(box.height));
    }
    return wrong;
"#;

/// Shows one of the phone page's sections, filled as its script would; `false` where there is none of that name.
const SECTION: &str = r#"
    const section = document.getElementById(arguments[0]);
    if (!section) return false;
    for (const one of document.querySelectorAll('main > section')) one.hidden = one !== section;
    for (const hidden of section.querySelectorAll('[hidden]')) hidden.hidden = false;
    for (const empty of section.querySelectorAll('h1:empty, h2:empty, p:empty, dd:empty, strong:empty')) empty.textContent = 'Anna on Firefox';
    return true;
"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_page_is_accessible_in_chromium() {
    let gallery = tempfile::tempdir().unwrap();
    write_gallery(gallery.path());
    let pages = pages_in(gallery.path());
    assert!(pages.len() > 60, "{pages:?}");
    let server = serve(gallery.path().to_owned()).await;
    let chromium = Chromium::open().await;
    let mut faults = Vec::new();
    let mut looked_at = 0;
    for page in &pages {
        // The phone page is one page of several faces.
        let faces: &[&str] = match page.as_str() {
            "phone" => &["enrol", "none", "empty", "alert", "done"],
            _ => &[""],
        };
        for face in faces {
            chromium.go(&format!("http://{server}/{page}.html")).await;
            if !face.is_empty() {
                assert_eq!(chromium.run(SECTION, &[face]).await, true, "{face}");
            }
            for (width, scheme) in [(1280, "light"), (360, "dark"), (360, "light"), (1280, "dark")] {
                chromium.look_like(width, scheme).await;
                looked_at += 1;
                let told = chromium.told(LOOK).await;
                gather(&mut faults, &format!("{page} {face} {width} {scheme}"), &told);
            }
            chromium.look_like(320, "light").await;
            let told = chromium.run(MEASURE, &[]).await;
            gather(&mut faults, &format!("{page} {face} 320"), &told);
        }
    }
    chromium.close().await;
    assert!(looked_at > 250, "{looked_at}");
    assert!(
        faults.is_empty(),
        "{} faults:\n{}",
        faults.len(),
        faults.join("\n")
    );
}

fn gather(faults: &mut Vec<String>, place: &str, told: &Value) {
    let lines = told.as_array().unwrap_or_else(|| panic!("{place}: {told}"));
    faults.extend(
        lines
            .iter()
            .map(|line| format!("{place}: {}", line.as_str().unwrap_or_default())),
    );
}

/// The library's own tests know how to make each page; cargo has built them already, and would build all anew if it
/// saw what it tells this test of itself.
fn write_gallery(folder: &Path) {
    let mut command = Command::new(env!("CARGO"));
    for (name, _) in std::env::vars_os() {
        let keep = ["CARGO_HOME", "CARGO_TARGET_DIR"];
        if name
            .to_str()
            .is_some_and(|name| name.starts_with("CARGO") && !keep.contains(&name))
        {
            command.env_remove(name);
        }
    }
    let made = command
        .args(["test", "--locked", "--lib", "--", "--ignored", "write_the_"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env("DOORSTEP_GALLERY", folder)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&made.stdout);
    assert!(
        made.status.success() && said.contains("3 passed"),
        "{said}\n{}",
        String::from_utf8_lossy(&made.stderr)
    );
}

fn pages_in(folder: &Path) -> Vec<String> {
    let files = std::fs::read_dir(folder).unwrap();
    let mut pages: Vec<String> = files
        .filter_map(|file| {
            Some(
                file.unwrap()
                    .file_name()
                    .to_str()?
                    .strip_suffix(".html")?
                    .to_owned(),
            )
        })
        .collect();
    pages.sort();
    pages
}

/// Serves a folder; its pages with axe in them.
async fn serve(folder: PathBuf) -> SocketAddr {
    let axe = std::fs::read_to_string(AXE).expect("axe-core: tests/run --install brings it");
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let shared = std::sync::Arc::new((folder, axe));
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let shared = shared.clone();
            tokio::spawn(async move {
                let mut head = vec![0; 8192];
                let Ok(length) = stream.read(&mut head).await else {
                    return;
                };
                let head = String::from_utf8_lossy(&head[..length]).into_owned();
                let path = head
                    .split(' ')
                    .nth(1)
                    .unwrap_or("/")
                    .split('?')
                    .next()
                    .unwrap_or("/");
                let (status, kind, body) = file(&shared.0, &shared.1, path);
                let answer = format!(
                    "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                    body.len()
                );
                let _ = stream.write_all(answer.as_bytes()).await;
                let _ = stream.write_all(&body).await;
            });
        }
    });
    address
}

fn file(folder: &Path, axe: &str, path: &str) -> (&'static str, &'static str, Vec<u8>) {
    if path == "/axe.js" {
        return ("200 OK", "text/javascript", axe.into());
    }
    let Ok(body) = std::fs::read(folder.join(path.trim_start_matches('/'))) else {
        return ("404 Not Found", "text/plain", Vec::new());
    };
    let kind = match path.rsplit('.').next() {
        Some("html") => {
            let page = String::from_utf8(body).unwrap();
            let page = page.replace("</head>", "<script src=\"/axe.js\"></script></head>");
            return ("200 OK", "text/html; charset=utf-8", page.into_bytes());
        }
        Some("css") => "text/css",
        Some("js") => "text/javascript",
        Some("svg") => "image/svg+xml",
        _ => "application/json",
    };
    ("200 OK", kind, body)
}
