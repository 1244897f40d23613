//! What the login page needs beside itself: opened narrowly, so that no content lies below.

use std::collections::BTreeMap;

use http::Method;

use super::attempts::Login;
use super::exchange::{Exchange, Recording};
use super::names;
use super::place::can_be_named;

/// First folders under which applications keep nothing but what makes a page look and move.
const FOLDERS: [&str; 15] = [
    "static", "statics", "assets", "css", "js", "fonts", "font", "dist", "vendor", "themes", "skins",
    "webjars", "_next", "styles", "scripts",
];
/// Names that end in a program, not in a file: one program may show anything.
const PROGRAMS: [&str; 12] = [
    ".php", ".cgi", ".asp", ".aspx", ".ashx", ".jsp", ".jsf", ".do", ".action", ".pl", ".py", ".cfm",
];

/// What is open, and what is not although the login page asked for it.
#[derive(Default)]
pub struct Assets {
    /// Entries of `public`.
    pub public: Vec<String>,
    /// Left shut, each with why.
    pub shut: Vec<(String, String)>,
}

/// Whether an exchange fetches style, script, image or font.
pub fn is_static(exchange: &Exchange) -> bool {
    let Some(answer) = &exchange.answer else {
        return false;
    };
    let kind = answer.kind.as_str();
    exchange.method == Method::GET
        && (kind.starts_with("image/")
            || kind.starts_with("font/")
            || kind.starts_with("text/css")
            || kind.contains("javascript")
            || kind.contains("font")
            || matches!(
                kind,
                "application/manifest+json" | "application/wasm" | "application/octet-stream" | "text/plain"
            ) && has_static_name(exchange.path())
            || answer.status == 304 && has_static_name(exchange.path()))
}

fn has_static_name(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path).to_ascii_lowercase();
    [
        ".css",
        ".js",
        ".mjs",
        ".map",
        ".png",
        ".gif",
        ".jpg",
        ".jpeg",
        ".svg",
        ".ico",
        ".webp",
        ".woff",
        ".woff2",
        ".ttf",
        ".eot",
        ".otf",
        ".webmanifest",
        ".wasm",
    ]
    .iter()
    .any(|end| name.ends_with(end))
}

fn is_program(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path).to_ascii_lowercase();
    PROGRAMS.iter().any(|end| name.ends_with(end)) || path.to_ascii_lowercase().contains(".php/")
}

/// Whether strangers are shown something else than what was asked for.
fn is_refused(exchange: &Exchange) -> bool {
    !matches!(exchange.status(), Some(200 | 206 | 304))
}

/// The entries of `public`. `page` is the login page's place among the exchanges.
pub fn find(recording: &Recording, logins: &[Login], logouts: &[usize]) -> Assets {
    let signed_in = signed_in(recording, logins, logouts);
    let mut needed: BTreeMap<String, bool> = BTreeMap::new();
    let mut assets = Assets::default();
    let login_index = |index: usize| {
        logins
            .iter()
            .any(|login| login.right.contains(&index) || login.wrong.contains(&index))
    };
    for (index, exchange) in recording.exchanges.iter().enumerate() {
        let is_inside = signed_in.get(index).copied().unwrap_or(true);
        if is_inside || exchange.method != Method::GET || is_refused(exchange) || login_index(index) {
            continue;
        }
        let anonymous = exchange.authorization.is_none();
        if is_static(exchange) {
            match worth_opening(exchange) {
                Ok(()) => {
                    needed.insert(exchange.path().to_owned(), true);
                }
                Err(why) => note(&mut assets.shut, exchange.path(), why),
            }
        } else if anonymous && !exchange.navigates && !exchange.is_page() && exchange.socket.is_none() {
            // What a login page's script asks for.
            match (can_be_named(exchange.path()), is_program(exchange.path())) {
                (true, false) => {
                    needed.entry(exchange.path().to_owned()).or_insert(false);
                }
                (true, true) => note(
                    &mut assets.shut,
                    exchange.path(),
                    "a program that may show anything",
                ),
                (false, _) => note(&mut assets.shut, exchange.path(), "no plain path"),
            }
        }
    }
    assets.public = globs(recording, &needed);
    assets
}

fn note(list: &mut Vec<(String, String)>, path: &str, why: &str) {
    if !list.iter().any(|(known, _)| known == path) {
        list.push((path.to_owned(), why.to_owned()));
    }
}

fn worth_opening(exchange: &Exchange) -> Result<(), &'static str> {
    if !can_be_named(exchange.path()) {
        return Err("no plain path");
    }
    let kind = exchange.answer.as_ref().map_or("", |answer| answer.kind.as_str());
    let is_code = kind.starts_with("text/css") || kind.contains("javascript");
    if is_program(exchange.path()) && !is_code {
        return Err("a program that shows whatever its query says");
    }
    Ok(())
}

/// For each exchange, whether somebody was signed in then.
pub fn signed_in(recording: &Recording, logins: &[Login], logouts: &[usize]) -> Vec<bool> {
    let mut inside = false;
    let accepted = |index: usize| logins.iter().any(|login| login.right.contains(&index));
    let begins = logins
        .iter()
        .filter_map(|login| login.wrong.iter().chain(&login.right).min());
    let begin = begins.min().copied().unwrap_or(0);
    (0..recording.exchanges.len())
        .map(|index| {
            if accepted(index) {
                inside = true;
            } else if logouts.contains(&index) {
                inside = false;
                return true;
            }
            // Between a first login and the next nothing can be told from what a login in another tab shows.
            inside || index == begin && accepted(index)
        })
        .collect()
}

/// Paths, those of one folder together where nothing but such things was seen there.
fn globs(recording: &Recording, needed: &BTreeMap<String, bool>) -> Vec<String> {
    let mut open: Vec<String> = Vec::new();
    let mut folders: BTreeMap<Folder, Vec<&String>> = BTreeMap::new();
    for (path, is_static) in needed {
        match folder_of(path, *is_static) {
            Some(folder) => folders.entry(folder).or_default().push(path),
            None => open.push(path.clone()),
        }
    }
    for (folder, paths) in folders {
        let code = paths.iter().any(|path| !is_picture(path));
        let worth = folder.known || paths.len() > 2 && code;
        match worth && holds_no_content(recording, &folder.path, needed) {
            true => open.push(format!(
                "{}{}",
                folder.path,
                if folder.known { "**" } else { "*" }
            )),
            false => open.extend(paths.into_iter().cloned()),
        }
    }
    open.sort();
    open.dedup();
    open
}

/// A folder that may stand for the files in it.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Folder {
    path: String,
    /// Whether its name says that nothing else lies there, however deep.
    known: bool,
}

/// Pictures may be content too: their folders do not stand for them.
fn is_picture(path: &str) -> bool {
    let name = path.to_ascii_lowercase();
    [".png", ".gif", ".jpg", ".jpeg", ".svg", ".webp", ".ico"]
        .iter()
        .any(|end| name.ends_with(end))
}

/// The folder that stands for a file: the first that is known to hold nothing else, else its own.
fn folder_of(path: &str, is_static: bool) -> Option<Folder> {
    if !is_static || is_program(path) {
        return None;
    }
    let segments: Vec<&str> = path.trim_start_matches('/').split('/').collect();
    let (_, folders) = segments.split_last()?;
    let first = folders.iter().position(|segment| FOLDERS.contains(segment));
    match first {
        // A known folder, at the top or below an application's own.
        Some(at) if at < 3 => Some(Folder {
            path: format!("/{}/", folders.get(..=at)?.join("/")),
            known: true,
        }),
        _ if folders.is_empty() => None,
        _ => Some(Folder {
            path: format!("/{}/", folders.join("/")),
            known: false,
        }),
    }
}

/// Whether nothing was seen below a folder but what is needed there and its like.
fn holds_no_content(recording: &Recording, folder: &str, needed: &BTreeMap<String, bool>) -> bool {
    recording
        .exchanges
        .iter()
        .filter(|exchange| exchange.path().starts_with(folder))
        .all(|exchange| {
            let known = needed.get(exchange.path()) == Some(&true);
            let missing = exchange.status() == Some(404);
            exchange.method == Method::GET
                && !is_program(exchange.path())
                && (known || missing || is_static(exchange) && !is_refused(exchange))
                && !exchange
                    .path()
                    .split('/')
                    .any(|segment| names::says_login(segment) && !segment.contains('.'))
        })
}
