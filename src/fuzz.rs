//! What the fuzzers in `fuzz/` drive, and what `cargo test` replays of their corpora: each takes any bytes, and
//! panics where a promise breaks.

use std::path::Path;
use std::sync::OnceLock;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method};

use crate::clock::Timestamp;
use crate::config::{Config, Origin};
use crate::edge::hygiene::{HeadSize, check_raw_head};
use crate::gate::login::username;
use crate::gate::route::without_names;
use crate::gate::{Fields, FormBody, Glob, HeadClass, Route, Target, class_body, class_head};
use crate::providers::{Callbacks, Received};
use crate::secret::Redacted;
use crate::vault::{BrowserCookies, Jar, part};

/// A target: by name, by what drives it.
pub type Driven = (&'static str, fn(&[u8]));

/// All of them; `fuzz/fuzz_targets` and `fuzz/corpus` have one of each name.
pub const TARGETS: [Driven; 6] = [
    ("path", path),
    ("head", head),
    ("cookies", cookies),
    ("login", login),
    ("config", config),
    ("callback", callback),
];

const PORTAL: &str = r#"
[listen]
address = "127.0.0.1:8443"
public_url = "https://portal.example.com"
[portal]
upstream = "http://127.0.0.1:8081"
public = ["/public/**", "/static/**", { path = "/forgot", methods = ["POST"], fields = ["email"] }]
closed = ["/xmlrpc.php"]
logout = ["/logout"]
[[portal.login]]
path = "/login"
username = { form = "email" }
success = { status = [302] }
[[portal.login]]
path = "/api/login"
username = { json = "/user/name" }
success = { status = [200] }
[[portal.login]]
path = "/doku.php"
where = { form = { do = "login" } }
username = { form = "u" }
success = { status = [302] }
"#;

fn sample() -> &'static Config {
    static SAMPLE: OnceLock<Config> = OnceLock::new();
    SAMPLE.get_or_init(|| match Config::parse(PORTAL, Path::new("fuzz/sample.toml")) {
        Ok(config) => config,
        Err(errors) => panic!("{errors}"),
    })
}

/// As the servers that decode most would serve it: percent signs twice, backslashes, parameters, dots, case.
fn served(path: &str) -> String {
    let decode = |text: &str| {
        percent_encoding::percent_decode_str(text)
            .decode_utf8_lossy()
            .into_owned()
    };
    let text = decode(&decode(path)).replace('\\', "/").to_lowercase();
    let mut stack: Vec<&str> = Vec::new();
    for segment in text.split('/') {
        match segment
            .split(';')
            .next()
            .unwrap_or_default()
            .trim_end_matches(' ')
        {
            "" | "." => {}
            ".." => drop(stack.pop()),
            other => stack.push(other),
        }
    }
    let slash = if text.ends_with('/') && !stack.is_empty() { "/" } else { "" };
    format!("/{}{slash}", stack.join("/"))
}

fn is_open(route: Route) -> bool {
    matches!(
        route,
        Route::Public | Route::LoginPage | Route::LoginPageWithName | Route::Login(_) | Route::Logout
    )
}

/// Classing of a target: idempotent; what is not plain is never open; what is open is served as what it looks
/// like by every server (I2, THREATS A).
pub fn path(data: &[u8]) {
    let Ok(target) = Target::parse(data) else {
        return;
    };
    let rules = &sample().portal.rules;
    let again = Target::parse(target.path_and_query().as_bytes()).expect("what was parsed is parsed again");
    for method in [Method::GET, Method::HEAD, Method::POST, Method::DELETE] {
        let class = class_head(rules, &method, &target);
        assert_eq!(
            class,
            class_head(rules, &method, &again),
            "classing is not idempotent"
        );
        let HeadClass::Settled(route) = class else {
            continue;
        };
        if is_open(route) {
            assert!(target.is_plain(), "open, and not plain");
            let served = served(target.path());
            let named = [
                "/public/",
                "/static/",
                "/forgot",
                "/login",
                "/logout",
                "/api/login",
                "/doku.php",
            ];
            assert!(
                named.iter().any(|named| served.starts_with(named)),
                "{served} is open"
            );
        }
        if route != Route::Own {
            assert!(
                !served(target.path()).starts_with("/.doorstep/") || !is_open(route),
                "an own page is open"
            );
        }
    }
    let _ = target.without_path_session(&rules.session_parameters, &|_| true);
    let clean = without_names(rules, &target);
    assert!(Target::parse(clean.as_bytes()).is_ok());
}

/// The raw head of a request: what passes has one framing, and one target, which a strict parser reads alike
/// (THREATS C).
pub fn head(data: &[u8]) {
    let Ok(target) = check_raw_head(data, HeadSize::default()) else {
        return;
    };
    let text = String::from_utf8_lossy(data).to_ascii_lowercase();
    let lines = |name: &str| {
        text.split("\r\n")
            .skip(1)
            .filter(|line| line.split(':').next() == Some(name))
            .count()
    };
    assert!(
        lines("content-length") + lines("transfer-encoding") <= 1,
        "two framings"
    );
    assert!(!target.contains(&b' ') && !target.contains(&b'\n'), "two targets");
    assert!(!text.contains("\n ") && !text.contains("\n\t"), "a folded line");
}

/// A browser's Cookie line and, after each line feed, an answer's Set-Cookie: own names go nowhere, no domain is
/// named, no control bytes come about (I3).
pub fn cookies(data: &[u8]) {
    let mut lines = data.split(|byte| *byte == b'\n');
    let browser = lines.next().unwrap_or_default();
    let set: Vec<&[u8]> = lines.take(40).collect();
    let pass: Vec<Glob> = ["theme", "c*", "**"]
        .iter()
        .filter_map(|glob| Glob::parse(glob).ok())
        .collect();
    let hosts = ["portal.example.com", "127.0.0.1"];
    for pass in [&pass[..0], &pass[..2], &pass[..]] {
        let parted = part(&set, pass);
        let mut jar = Jar::default();
        jar.store(&parted.kept, "/app/page", &hosts);
        for line in &parted.passed {
            let lower = line.to_ascii_lowercase();
            assert!(!lower.contains("; domain="), "{line:?}");
            assert!(!lower.trim_start().starts_with("doorstep="), "{line:?}");
        }
        let cookies = BrowserCookies::split(std::iter::once(browser));
        let _ = cookies.only("__Host-doorstep");
        let Some(up) = cookies.upstream(pass, Some(&jar), "/app/page") else {
            continue;
        };
        assert!(!up.chars().any(|c| c.is_ascii_control() && c != '\t'), "{up:?}");
        for pair in up.split("; ") {
            let name = pair.split('=').next().unwrap_or_default();
            assert!(
                !matches!(name, "doorstep" | "__Host-doorstep" | "doorstep-device"),
                "{up:?}"
            );
        }
    }
}

/// A login's body behind a line with its content type: where a rule takes it, it names exactly one person (I4).
pub fn login(data: &[u8]) {
    let mut parts = data.splitn(2, |byte| *byte == b'\n');
    let kind = parts.next().unwrap_or_default();
    let body = Bytes::copy_from_slice(parts.next().unwrap_or_default());
    let mut headers = HeaderMap::new();
    if let Ok(kind) = HeaderValue::from_bytes(kind) {
        headers.insert(http::header::CONTENT_TYPE, kind);
    }
    let form = FormBody::read(&headers, &body);
    let rules = &sample().portal.rules;
    for target in [
        "/login",
        "/login?email=a",
        "/api/login",
        "/doku.php?do=login",
        "/forgot",
        "/app/x",
    ] {
        let Ok(target) = Target::parse(target.as_bytes()) else {
            continue;
        };
        let route = class_body(rules, &Method::POST, &target, form.as_ref());
        if let Route::Login(index) = route {
            let query = Fields::of_query(target.query());
            let form = form.as_ref().expect("a login whose body cannot be read");
            let named =
                username(&rules.logins[index], &query, form).expect("a login that names nobody for sure");
            assert!(named.is_some(), "a login that names nobody");
        }
        if target.path() == "/app/x" {
            assert!(!is_open(route), "a body opens a protected path");
        }
    }
}

/// A configuration: read or refused with lines and columns, and what is accepted can be told in words.
pub fn config(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    // Secret files are read; those of a device would never end.
    if text.contains("/dev") || text.contains("/proc") {
        return;
    }
    match Config::parse(text, Path::new("fuzz/any.toml")) {
        Ok(config) => drop(crate::config::explain(&config)),
        Err(errors) => {
            assert!(!errors.0.is_empty());
            assert!(errors.0.iter().all(|error| error.line >= 1 && error.column >= 1));
        }
    }
}

/// A provider's callback: signature, nonce, query and body, by lines. Nobody guesses a signature.
pub fn callback(data: &[u8]) {
    let mut callbacks = Callbacks::default();
    callbacks.add_authy(&Redacted::new("a-key-that-nobody-knows".into()));
    callbacks.add_twilio(&Redacted::new("a-token-that-nobody-knows".into()));
    let Ok(public_url) = Origin::parse("https://portal.example.com") else {
        return;
    };
    let mut lines = data.splitn(4, |byte| *byte == b'\n');
    let mut headers = HeaderMap::new();
    for names in [
        ["x-authy-signature", "x-twilio-signature"],
        ["x-authy-signature-nonce", "content-type"],
    ] {
        let line = lines.next().unwrap_or_default();
        for name in names {
            if let Ok(value) = HeaderValue::from_bytes(line) {
                headers.insert(HeaderName::from_static(name), value);
            }
        }
    }
    let query = std::str::from_utf8(lines.next().unwrap_or_default()).ok();
    let received = Received {
        public_url: &public_url,
        path: "/.doorstep/callbacks/authy",
        query,
        headers: &headers,
        body: lines.next().unwrap_or_default(),
    };
    let now = Timestamp(1_795_000_000_000);
    assert!(callbacks.authy(&received, now).is_err(), "a forged callback");
    assert!(callbacks.twilio(&received, now).is_err(), "a forged callback");
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the fuzzers found worth keeping, and what they found broken once, holds for good.
    #[test]
    fn the_corpora_hold() {
        let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus");
        for (name, drive) in TARGETS {
            let mut count = 0;
            for entry in
                std::fs::read_dir(corpus.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
            {
                let file = entry.unwrap().path();
                let data = std::fs::read(&file).unwrap();
                let held = std::panic::catch_unwind(|| drive(&data));
                assert!(held.is_ok(), "{name}: {}", file.display());
                count += 1;
            }
            assert!(count >= 10, "{name} has {count} inputs");
        }
    }

    #[test]
    fn every_target_has_its_fuzzer() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/fuzz_targets");
        for (name, _) in TARGETS {
            let text = std::fs::read_to_string(folder.join(format!("{name}.rs"))).unwrap();
            assert!(text.contains(&format!("doorstep::fuzz::{name}(")), "{name}");
        }
    }
}
