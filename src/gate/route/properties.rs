//! Classing under random mutations: nothing opens what some server would serve as something else, and nothing
//! makes it panic.

use super::super::sample::{entry, glob, rules};
use super::tests::of_type;
use super::*;

const GET: Method = Method::GET;
const HEAD: Method = Method::HEAD;
const POST: Method = Method::POST;

/// Numbers that look random and are the same in every run (SplitMix64).
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % limit as u64).unwrap()
    }

    fn pick<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.below(of.len())]
    }
}

/// Portal servers as they are, each in a line or two, written without looking at the gateway's own readings:
/// the path that one of them would serve.
fn served_by(server: usize, path: &str) -> String {
    let decode = |text: &str| -> String {
        let mut bytes = Vec::new();
        let mut rest = text.bytes().peekable();
        while let Some(byte) = rest.next() {
            let pair: String = rest.clone().take(2).map(char::from).collect();
            match u8::from_str_radix(&pair, 16) {
                Ok(decoded) if byte == b'%' && pair.len() == 2 && !pair.starts_with('+') => {
                    bytes.push(decoded);
                    rest.nth(1);
                }
                _ => bytes.push(byte),
            }
        }
        String::from_utf8_lossy(&bytes).into_owned()
    };
    let no_parameters = |text: &str| {
        text.split('/')
            .map(|s| s.split(';').next().unwrap())
            .collect::<Vec<_>>()
            .join("/")
    };
    // a name's end, its stream, and what best fits are the file system's
    let windows = |text: &str| {
        let text = text.replace(['\\', '\u{ff0f}', '\u{2215}'], "/").to_lowercase();
        let names = text.split('/').map(|name| {
            let name = name.split(':').next().unwrap();
            match name {
                "." | ".." => name,
                other => other.trim_end_matches(['.', ' ']),
            }
        });
        names.collect::<Vec<_>>().join("/")
    };
    let text = match server {
        0 => path.to_owned(),                                // looks at the bytes
        1 => decode(path),                                   // nginx
        2 => decode(&no_parameters(path)),                   // Tomcat
        3 => no_parameters(&decode(path)),                   // some proxies
        4 => decode(&decode(path)).replace('\\', "/"),       // IIS of old
        5 => decode(path).replace('\\', "/").to_lowercase(), // a case-insensitive file system
        6 => windows(&decode(path)),                         // IIS
        7 => decode(path.split("%3f").next().unwrap()),      // Apache's rewriting, of old
        _ => decode(path)
            .replace(['\u{ff0f}', '\u{2215}'], "/")
            .replace('\u{ff0e}', "."),
    };
    let mut stack: Vec<&str> = Vec::new();
    for segment in text.split('/').map(|segment| segment.trim_end_matches(' ')) {
        match segment {
            "" | "." => {}
            ".." => {
                stack.pop();
            }
            other => stack.push(other),
        }
    }
    format!("/{}", stack.join("/"))
}

const PIECES: [&str; 44] = [
    "/",
    "//",
    "/./",
    "/../",
    "..",
    ".",
    ";",
    ";x=1",
    "\\",
    "%2f",
    "%5c",
    "%2e",
    "%2e%2e",
    "%252e",
    "%252f",
    "%20",
    " ",
    "%c0%af",
    "%ef%bc%8f",
    "%e2%88%95",
    "%ef%bc%8e",
    "%u002f",
    "%",
    "%zz",
    "%3b",
    "%3f",
    "?",
    "#",
    "*",
    ":",
    "public",
    "app",
    "secret",
    "login",
    "static",
    "%61pp",
    "APP",
    "doku.php",
    "?do=login",
    "&do=show",
    "%00",
    "%C3%A4",
    "\u{e4}",
    ".doorstep",
];

#[test]
fn a_property_no_mutation_of_a_protected_path_is_open() {
    let mut dice = Dice(1);
    let mut rules = rules();
    rules.closed = vec![glob("/app/closed**")];
    // Wider than anybody should: also paths that only begin alike.
    rules.public.push(entry("/public**", &[GET, HEAD]));
    let (mut open, mut not_plain) = (0, 0);
    for _ in 0..40_000 {
        let mut raw = dice
            .pick(&["/app/secret", "/public/", "/public", "/static/x", "/login", "/"])
            .to_owned();
        for _ in 0..=dice.below(4) {
            let at = dice.below(raw.len()) + 1;
            let at = (at..=raw.len()).find(|at| raw.is_char_boundary(*at)).unwrap();
            raw.insert_str(at, dice.pick(&PIECES));
        }
        if dice.below(3) == 0 {
            raw.push_str("/app/secret");
        }
        let Ok(target) = Target::parse(raw.as_bytes()) else {
            continue;
        };
        let HeadClass::Settled(route) = class_head(&rules, &GET, &target) else {
            panic!("{raw}")
        };
        assert_eq!(
            class_head(
                &rules,
                &GET,
                &Target::parse(target.path_and_query().as_bytes()).unwrap()
            ),
            HeadClass::Settled(route)
        );
        if !target.is_plain() {
            not_plain += 1;
            assert!(
                matches!(route, Route::Ambiguous | Route::Closed | Route::BadLogin),
                "{raw}: {route:?}"
            );
        }
        if !matches!(route, Route::Own | Route::Closed) {
            for server in 0..9 {
                assert!(
                    !served_by(server, target.path()).starts_with("/.doorstep/"),
                    "{raw}: {route:?} at {server}"
                );
            }
        }
        if matches!(
            route,
            Route::Public | Route::LoginPage | Route::LoginPageWithName | Route::Logout
        ) {
            open += 1;
            for server in 0..9 {
                let served = served_by(server, target.path());
                assert!(
                    !served.starts_with("/app"),
                    "{raw}: {route:?}, {served} at {server}"
                );
            }
        }
    }
    assert!(open > 500 && not_plain > 10_000, "{open} {not_plain}");
}

#[test]
fn nothing_that_is_sent_makes_classing_panic() {
    let mut dice = Dice(2);
    let rules = rules();
    let words = [
        "email",
        "do",
        "u",
        "login",
        "=",
        "&",
        ";",
        "[",
        "]",
        "%00",
        "%",
        "%ff",
        "+",
        "\r\n",
        "--XX",
        "--",
        "\"",
        "\\",
        "Content-Disposition: form-data; name=\"",
        "\"; filename=\"",
        "\u{e4}",
        "\0",
        "action",
        "sid",
        "_charset_",
        "\r\n\r\n",
    ];
    for _ in 0..20_000 {
        let mut raw = String::from("/");
        for _ in 0..dice.below(6) {
            raw.push_str(dice.pick(&PIECES));
        }
        raw.push('?');
        let mut body = String::from(dice.pick(&["", "--XX\r\n", "email=a&"]));
        for _ in 0..dice.below(12) {
            raw.push_str(dice.pick(&words));
            body.push_str(dice.pick(&words));
        }
        let kind = dice.pick(&[
            "application/x-www-form-urlencoded",
            "multipart/form-data; boundary=XX",
            "text/plain",
        ]);
        let body = of_type(kind, &body);
        let mut bytes = raw.into_bytes();
        if dice.below(4) == 0 {
            let at = dice.below(bytes.len());
            bytes[at] = u8::try_from(dice.below(256)).unwrap();
        }
        let Ok(target) = Target::parse(&bytes) else {
            continue;
        };
        let _ = target.without_path_session(&["sid".into()], &|_| true);
        let _ = without_names(&rules, &target);
        for method in [&GET, &POST] {
            let _ = class_head(&rules, method, &target);
            let route = class_body(&rules, method, &target, body.as_ref());
            if let Route::Login(index) = route {
                let query = Fields::of_query(target.query());
                super::super::login::username(&rules.logins[index], &query, body.as_ref().unwrap()).unwrap();
            }
        }
    }
}

/// Where spellings come from: a path of each class, and what is below it.
const PLAIN: [&str; 7] = [
    "/app/secret",
    "/public/logo.svg",
    "/static/site.css",
    "/login",
    "/logout",
    "/closed/door",
    "/.doorstep/account",
];

/// One way to write a path otherwise, at a place that `at` chooses.
fn respelled(path: &str, way: usize, at: usize) -> String {
    let slashes: Vec<usize> = path.match_indices('/').map(|(index, _)| index).collect();
    if slashes.is_empty() {
        return path.to_owned();
    }
    let slash = slashes[at % slashes.len()];
    let (before, after) = path.split_at(slash);
    let rest = &after[1..];
    match way {
        0 => format!("{before}//{rest}"),
        1 => format!("{before}/./{rest}"),
        2 => format!("{before}/public/../{rest}"),
        3 => format!("{before}/x/%2e%2e/{rest}"),
        4 => format!("{before}/static/..;/{rest}"),
        5 => format!("{before};v=1/{rest}"),
        6 if slash > 0 => format!("{before}%2f{rest}"),
        7 if slash > 0 => format!("{before}\\{rest}"),
        8 if slash > 0 => format!("{before}%5C{rest}"),
        9 if slash > 0 => format!("{before}%252f{rest}"),
        10 if slash > 0 => format!("{before}%EF%BC%8F{rest}"),
        11 => format!("{before}/{};jsessionid=1", rest),
        12 => format!("{path}/"),
        13 => format!("{path}%20"),
        14 => path.to_uppercase(),
        15 | 16 => {
            let letters: Vec<usize> = path
                .char_indices()
                .filter(|(_, letter)| letter.is_ascii_alphanumeric())
                .map(|(index, _)| index)
                .collect();
            let Some(index) = letters.get(at % letters.len().max(1)) else {
                return path.to_owned();
            };
            let percent = if way == 15 { "%" } else { "%25" };
            let code = path.as_bytes()[*index];
            format!("{}{percent}{code:02x}{}", &path[..*index], &path[index + 1..])
        }
        _ => format!("{path}/."),
    }
}

fn class_of(rules: &PortalRules, method: &Method, spelling: &str) -> Option<Route> {
    let target = Target::parse(spelling.as_bytes()).ok()?;
    match class_head(rules, method, &target) {
        HeadClass::Settled(route) => Some(route),
        HeadClass::NeedsBody { .. } => Some(class_unread(rules, method, &target)),
    }
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig { cases: 2_000, failure_persistence: None, ..Default::default() })]

    /// Whatever a path is spelled like, it has the class of the path that a server reads in it, or a stricter one:
    /// two spellings that are read alike are never open in two ways, or open and not. What configuration shuts,
    /// and doorstep's own, stays shut in all spellings.
    #[test]
    fn a_property_a_spelling_opens_nothing_that_the_path_it_is_read_as_does_not_open(
        plain in 0..PLAIN.len(),
        ways in proptest::collection::vec((0..18_usize, 0..8_usize), 0..5),
        posted: bool,
    ) {
        let mut rules = rules();
        rules.closed = vec![glob("/closed/**")];
        let method = if posted { POST } else { GET };
        let spelling = ways.iter().fold(PLAIN[plain].to_owned(), |path, (way, at)| respelled(&path, *way, *at));
        let Some(class) = class_of(&rules, &method, &spelling) else {
            return Ok(());
        };
        for server in 0..7 {
            let mut read = served_by(server, &spelling);
            // many servers tell a folder from a page by its last slash
            if read != "/" && ["/", "/.", "/.."].iter().any(|end| spelling.ends_with(end)) {
                read.push('/');
            }
            let Some(meant) = class_of(&rules, &method, &read) else {
                continue;
            };
            let fits = match class {
                Route::Own | Route::Closed => true,
                Route::Protected | Route::Ambiguous | Route::BadLogin => !matches!(meant, Route::Own | Route::Closed),
                open => open == meant,
            };
            proptest::prop_assert!(fits, "{spelling}: {class:?}; server {server} reads {read}: {meant:?}");
        }
    }
}
