//! Portals of many shapes, as exchanges, and what is learned from them.

mod har;
mod portals;
mod programs;
mod refusals;
mod secrets;
mod varying;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method};

use super::exchange::Recording;
use super::scrub::{Raw, RawAnswer, Scrubber};
use super::{Learned, Unlearned, learn};
use crate::clock::Timestamp;
use crate::config::Config;

/// Where the portal is, and where it takes itself to be.
const UPSTREAM: &str = "http://127.0.0.1:8081";
const PUBLIC: &str = "http://127.0.0.1:9000";
const NOW: Timestamp = Timestamp(1_790_000_000_000);
/// What the operator types.
const WRONG: &str = "Tr0ub4dor-and-3";
const RIGHT: &str = "correct-horse-battery";

/// A request, and then its answer.
struct Step(Raw);

fn header_map(headers: &[(&str, &str)]) -> HeaderMap {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.append(
            HeaderName::from_bytes(name.as_bytes()).unwrap(),
            HeaderValue::from_str(value).unwrap(),
        );
    }
    map
}

fn request(method: Method, target: &str, headers: &[(&str, &str)], body: &str) -> Step {
    Step(Raw {
        method,
        target: target.to_owned(),
        headers: header_map(headers),
        body: Some(Bytes::from(body.to_owned())),
        said_token: false,
        answer: None,
    })
}

/// A browser that goes to a page.
fn page(target: &str) -> Step {
    request(Method::GET, target, &[("sec-fetch-mode", "navigate")], "")
}

/// A page's style, script or picture, or what its script asks for.
fn fetch(target: &str) -> Step {
    request(Method::GET, target, &[("sec-fetch-mode", "cors")], "")
}

/// A form that is sent.
fn form(target: &str, body: &str) -> Step {
    let kind = ("content-type", "application/x-www-form-urlencoded");
    request(
        Method::POST,
        target,
        &[kind, ("sec-fetch-mode", "navigate")],
        body,
    )
}

/// A form that a script sends.
fn script(target: &str, body: &str) -> Step {
    let kind = ("content-type", "application/x-www-form-urlencoded; charset=UTF-8");
    request(Method::POST, target, &[kind, ("sec-fetch-mode", "cors")], body)
}

/// What a script sends as JSON.
fn json(target: &str, body: &str) -> Step {
    let kind = ("content-type", "application/json");
    request(Method::POST, target, &[kind, ("sec-fetch-mode", "cors")], body)
}

impl Step {
    fn with(mut self, name: &str, value: &str) -> Self {
        self.0.headers.append(
            HeaderName::from_bytes(name.as_bytes()).unwrap(),
            HeaderValue::from_str(value).unwrap(),
        );
        self
    }

    fn seen_from(self, path: &str) -> Self {
        self.with("referer", &format!("{PUBLIC}{path}"))
    }

    fn sending(self, cookies: &str) -> Self {
        self.with("cookie", cookies)
    }

    fn answered(mut self, status: u16, headers: &[(&str, &str)], body: &str) -> Raw {
        self.0.answer = Some(RawAnswer {
            status,
            headers: header_map(headers),
            body: Some(Bytes::from(body.to_owned())),
        });
        self.0
    }

    fn html(self, status: u16, cookies: &[&str], body: &str) -> Raw {
        let mut headers = vec![("content-type", "text/html; charset=utf-8")];
        headers.extend(cookies.iter().map(|cookie| ("set-cookie", *cookie)));
        self.answered(status, &headers, body)
    }

    fn json_answer(self, status: u16, cookies: &[&str], body: &str) -> Raw {
        let mut headers = vec![("content-type", "application/json")];
        headers.extend(cookies.iter().map(|cookie| ("set-cookie", *cookie)));
        self.answered(status, &headers, body)
    }

    fn to(self, status: u16, location: &str, cookies: &[&str]) -> Raw {
        let mut headers = vec![("location", location)];
        headers.extend(cookies.iter().map(|cookie| ("set-cookie", *cookie)));
        self.answered(status, &headers, "")
    }

    fn file(self, kind: &str) -> Raw {
        self.answered(200, &[("content-type", kind)], "")
    }
}

fn recorded(steps: Vec<Raw>) -> Recording {
    let mut scrubber = Scrubber::new(PUBLIC, UPSTREAM);
    let exchanges = steps.into_iter().map(|step| scrubber.take(step, NOW)).collect();
    Recording {
        upstream: UPSTREAM.to_owned(),
        public: PUBLIC.to_owned(),
        exchanges,
        prints: scrubber.prints,
        source: "a test".to_owned(),
        remarks: Vec::new(),
    }
}

fn try_learn(steps: Vec<Raw>) -> Result<Learned, Unlearned> {
    learn(&recorded(steps), NOW)
}

/// What is learned, which the configuration's own parser takes, and which holds no password.
#[track_caller]
fn learned(steps: Vec<Raw>) -> Learned {
    let learned = try_learn(steps).unwrap_or_else(|why| panic!("nothing learned: {why}"));
    parsed(&learned);
    for secret in [WRONG, RIGHT] {
        assert!(!format!("{learned:?}").contains(secret), "{}", learned.section);
    }
    learned
}

#[track_caller]
fn parsed(learned: &Learned) -> Config {
    let text = format!(
        "[listen]\naddress = \"127.0.0.1:9\"\npublic_url = \"http://127.0.0.1:9\"\n{}",
        learned.section
    );
    Config::parse(&text, std::path::Path::new("doorstep.toml"))
        .unwrap_or_else(|errors| panic!("{errors}\n{text}"))
}

/// Whether the section has all of these lines.
#[track_caller]
fn has(learned: &Learned, lines: &[&str]) {
    for line in lines {
        assert!(
            learned.section.lines().any(|have| have == *line),
            "no line {line:?} in\n{}",
            learned.section
        );
    }
}

#[track_caller]
fn lacks(learned: &Learned, words: &[&str]) {
    let set: String = learned
        .section
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| format!("{line}\n"))
        .collect();
    for word in words {
        assert!(!set.contains(word), "{word:?} in\n{}", learned.section);
    }
}

#[track_caller]
fn warns(learned: &Learned, words: &[&str]) {
    for word in words {
        assert!(
            learned.warnings.iter().any(|warning| warning.contains(word)),
            "no {word:?} in {:#?}",
            learned.warnings
        );
    }
}
