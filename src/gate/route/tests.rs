use bytes::Bytes;
use http::{HeaderMap, HeaderValue, header};

use super::super::rules::Anonymous;
use super::super::sample::{entry, glob, login_rule, rules};
use super::*;

const GET: Method = Method::GET;
const HEAD: Method = Method::HEAD;
const POST: Method = Method::POST;

fn target(raw: &str) -> Target {
    Target::parse(raw.as_bytes()).unwrap_or_else(|error| panic!("{raw:?}: {error}"))
}

fn of_type(content_type: &str, body: &str) -> Result<FormBody, BadBody> {
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_str(content_type).unwrap());
    FormBody::read(&headers, &Bytes::copy_from_slice(body.as_bytes()))
}

fn form(body: &str) -> Result<FormBody, BadBody> {
    of_type("application/x-www-form-urlencoded", body)
}

/// The class of a request whose body is read where the head asks for it.
fn class_of(rules: &PortalRules, method: &Method, raw: &str, body: Result<FormBody, BadBody>) -> Route {
    let target = target(raw);
    match class_head(rules, method, &target) {
        HeadClass::Settled(route) => route,
        HeadClass::NeedsBody { .. } => class_body(rules, method, &target, body.as_ref()),
    }
}

fn get(raw: &str) -> Route {
    class_of(&rules(), &GET, raw, Ok(FormBody::default()))
}

fn post(raw: &str, body: &str) -> Route {
    class_of(&rules(), &POST, raw, form(body))
}

#[test]
fn i2_everything_is_protected_unless_named() {
    for (raw, route) in [
        ("/", Route::Protected),
        ("/app/secret", Route::Protected),
        ("/public/ping", Route::Public),
        ("/public/", Route::Public),
        ("/public", Route::Protected),
        ("/publicx/ping", Route::Protected),
        ("/Public/ping", Route::Protected),
        ("/static/a/b.css?v=3", Route::Public),
        ("/contact", Route::Protected),
        ("/login", Route::LoginPage),
        ("/login?next=%2Fapp", Route::LoginPage),
        ("/login/", Route::Protected),
        ("/Login", Route::Protected),
        ("/logout", Route::Logout),
        ("/doku.php", Route::Protected),
        ("/doku.php?do=login", Route::LoginPage),
        ("/doku.php?id=x&do=login", Route::LoginPage),
        ("/doku.php?do=Login", Route::Protected),
        ("/doku.php?do=logout", Route::Logout),
        ("/doku.php?do=help", Route::Public),
        ("/app.php", Route::Protected),
        ("/app.php?action=login", Route::Protected),
        ("/.doorstep/challenge", Route::Own),
        ("/.Doorstep/challenge", Route::Closed),
        ("//.doorstep/challenge", Route::Closed),
    ] {
        assert_eq!(get(raw), route, "{raw}");
        // The sample's logouts name GET and POST.
        let by_head = if route == Route::Logout {
            Route::Protected
        } else {
            route
        };
        assert_eq!(
            class_of(&rules(), &HEAD, raw, Ok(FormBody::default())),
            by_head,
            "HEAD {raw}"
        );
    }
    for method in [
        Method::PUT,
        Method::DELETE,
        Method::OPTIONS,
        Method::PATCH,
        Method::TRACE,
        POST,
    ] {
        for raw in ["/public/ping", "/static/a", "/app/secret"] {
            let body = form("a=b");
            assert_eq!(
                class_of(&rules(), &method, raw, body),
                Route::Protected,
                "{method} {raw}"
            );
        }
    }
    for method in [
        Method::PUT,
        Method::DELETE,
        Method::OPTIONS,
        Method::from_bytes(b"get").unwrap(),
    ] {
        assert_eq!(
            class_of(&rules(), &method, "/login", form("email=a")),
            Route::Protected,
            "{method}"
        );
    }
}

#[test]
fn a_no_spelling_of_a_protected_path_is_open() {
    for (id, raw) in [
        ("A1", "/public/%2e%2e%2fapp/secret"),
        ("A1", "/public%5c..%5capp/secret"),
        ("A1", "/app%2Fsecret"),
        ("A2", "/public/../app/secret"),
        ("A2", "/public/.%2e/app/secret"),
        ("A2", "/public../app/secret"),
        ("A2", "/public%2e%2e/app/secret"),
        ("A2", "/./app/secret"),
        ("A3", "/public/%252e%252e%252fapp/secret"),
        ("A3", "/%2561pp/secret"),
        ("A4", "//app/secret"),
        ("A4", "/app//secret"),
        ("A4", "/app///secret"),
        ("A5", "/public/..;/app/secret"),
        ("A5", "/public/..;a=b/app/secret"),
        ("A5", "/app;x/secret"),
        ("A5", "/app/secret;.css"),
        ("A5", "/app/secret%3b.css"),
        ("A6", "/public/..\\app"),
        ("A6", "/public/%c0%af"),
        ("A6", "/public/%c0%ae%c0%ae/app"),
        ("A6", "/public/%u002f"),
        ("A6", "/public/%ef%bc%8f"),
        ("A6", "/public/%"),
        ("A6", "/public/%zz"),
        ("A7", "/public%23/../app/secret"),
        ("A8", "/app/secret?/public/ping"),
        ("A8", "/app/secret?x=/public/"),
        ("A9", "/APP/secret"),
        ("A9", "/app/secret/"),
        ("A9", "/app/secret."),
        ("A9", "/app/secret%20"),
        ("A9", "/app/secret.json"),
        ("A9", "/app/public/ping"),
        ("A10", "/login.php/app/secret"),
        ("A10", "/login/app/secret"),
        ("A10", "/login.php_x"),
        ("A12", "/app/s*cret"),
        ("C10", "/app/secret/x.css"),
    ] {
        assert!(
            matches!(get(raw), Route::Protected | Route::Ambiguous),
            "{id} {raw}"
        );
    }
}

#[test]
fn i2_closed_paths_are_closed_in_every_spelling() {
    for raw in [
        "/xmlrpc.php",
        "/xmlrpc.php?rsd",
        "/XMLRPC.php",
        "/xmlrpc.PHP",
        "/xmlrpc.php/",
        "/xmlrpc.php/x",
        "/xmlrpc.php.",
        "/xmlrpc.php%20",
        "/xmlrpc.php;x",
        "/xmlrpc.php%3bx",
        "//xmlrpc.php",
        "/./xmlrpc.php",
        "/public/../xmlrpc.php",
        "/public/%2e%2e/xmlrpc.php",
        "/public/..;/xmlrpc.php",
        "/%78mlrpc.php",
        "/%2578mlrpc.php",
        "/\\xmlrpc.php",
        "/a%5c..%5cxmlrpc.php",
        "/xmlrpc%2ephp",
        "/xmlrpc.php%3f",
        "/xmlrpc.php%23x",
        "/xmlrpc.php%2500.gif",
        "/xmlrpc%ef%bc%8ephp",
        "/x%c1%adlrpc.php",
        "/xmlrpc.php::$DATA",
        "/a/%252e%252e/xmlrpc.php",
        "/%u0078mlrpc.php",
        "/%2525252525252525252578",
        "/rpc/x",
        "/RPC/x/y",
        "/rpc//x",
        "/rpc%2fx",
        "/rpc;a/x",
        "/rpc/",
    ] {
        for method in [&GET, &POST, &Method::OPTIONS] {
            assert_eq!(
                class_of(&rules(), method, raw, form("a=b")),
                Route::Closed,
                "{method} {raw}"
            );
        }
    }
    for raw in [
        "/xmlrpc.phpx",
        "/xxmlrpc.php",
        "/xmlrpc",
        "/rpcs/x",
        "/a?/xmlrpc.php",
        "/x/rpc/x",
    ] {
        assert_ne!(get(raw), Route::Closed, "{raw}");
    }
}

#[test]
fn i2_parameters_that_can_be_read_in_two_ways_open_nothing() {
    for raw in [
        "/doku.php?do=login&do=show",
        "/doku.php?do=show&do=login",
        "/doku.php?do=login&do=login",
        "/doku.php?do=login&do[]=show",
        "/doku.php?do=login&DO=show",
        "/doku.php?do=login&x;do=show",
        "/doku.php?do=login;x",
        "/doku.php?do=help&do%00=admin",
        "/doku.php?do=help%00",
        "/public/x?%ff=1",
        "/public/x?a%00b=1",
        "/public/x?do=1&do=2",
        "/public/x?%2564o=1",
        "/public/x?x=%00",
        "/logout?do=1&do=2",
    ] {
        assert_eq!(get(raw), Route::Ambiguous, "{raw}");
    }
    for raw in [
        "/public/x?a=1&a=2",
        "/public/x?q=100%25",
        "/login?next=%2F%3Fdo%3Dx%26do%3Dy",
    ] {
        assert!(matches!(get(raw), Route::Public | Route::LoginPage), "{raw}");
    }
    assert_eq!(post("/contact?do=1", "do=2"), Route::Ambiguous);
    assert_eq!(post("/contact?do=1", "do=1"), Route::Public);
    assert_eq!(post("/contact", "a=1&b=2"), Route::Public);
    assert_eq!(post("/contact", "a;do=1"), Route::Ambiguous);
}

#[test]
fn i2_a_parameter_that_can_carry_a_session_opens_nothing() {
    for query in [
        "sid=1",
        "SID=1",
        "JSESSIONID=x",
        "jsessionid[]=x",
        "sessionid=1",
        "DW123=x",
        "x;sid=1",
        "%20sid=1",
    ] {
        for path in ["/public/x", "/login", "/logout"] {
            assert_eq!(
                get(&format!("{path}?{query}")),
                Route::Ambiguous,
                "{path}?{query}"
            );
        }
        assert_eq!(post("/contact", query), Route::Ambiguous, "{query}");
        assert_eq!(
            post("/login", &format!("email=anna&{query}")),
            Route::BadLogin,
            "{query}"
        );
        assert_eq!(
            post(&format!("/login?{query}"), "email=anna"),
            Route::BadLogin,
            "{query}"
        );
    }
    assert_eq!(get("/public/x;sid=1"), Route::Ambiguous);
}

#[test]
fn i2_a_username_outside_a_login_opens_nothing_unless_its_entry_names_the_field() {
    for raw in [
        "/public/x?email=a",
        "/public/x?Email=a",
        "/public/x?email[]=a",
        "/public/x?u=a",
        "/logout?email=a",
        "/app?email=a&p=b",
    ] {
        assert_eq!(get(raw), Route::Ambiguous, "{raw}");
    }
    assert_eq!(post("/contact", "email=a"), Route::Ambiguous);
    assert_eq!(post("/contact?email=a", ""), Route::Ambiguous);
    assert_eq!(post("/forgot", "email=a"), Route::Public);
    assert_eq!(post("/forgot", "email=a&email=b"), Route::Ambiguous);
    assert_eq!(post("/forgot?email=b", "email=a"), Route::Ambiguous);
    assert_eq!(post("/forgot", "email=a&u=b"), Route::Ambiguous);
    assert_eq!(post("/forgot", "Email=a"), Route::Ambiguous);
}

#[test]
fn i2_a_login_page_with_a_name_is_shown_without_it() {
    for (raw, clean) in [
        ("/login?email=a", "/login"),
        ("/login?next=%2Fa&email=a&x=%20", "/login?next=%2Fa&x=%20"),
        ("/login?email=a&email=b", "/login"),
        ("/login?EMAIL=a&next=/", "/login?next=/"),
        ("/login?u=a&", "/login?"),
        ("/login?x;email=a", "/login"),
        ("/doku.php?do=login&u=a", "/doku.php?do=login"),
    ] {
        assert_eq!(get(raw), Route::LoginPageWithName, "{raw}");
        assert_eq!(without_names(&rules(), &target(raw)), clean, "{raw}");
        assert_eq!(get(clean), Route::LoginPage, "{clean}");
    }
    assert_eq!(get("/login?email=a&sid=1"), Route::Ambiguous);
}

#[test]
fn a_login_is_known_by_its_rule() {
    for (raw, body, route) in [
        ("/login", "email=anna&p=x", Route::Login(0)),
        ("/login?next=/", "email=anna&p=x", Route::Login(0)),
        ("/login?email=anna", "email=anna", Route::Login(0)),
        ("/login", "p=x", Route::BadLogin),
        ("/login", "", Route::BadLogin),
        ("/login", "email=a&email=b", Route::BadLogin),
        ("/login?email=b", "email=a", Route::BadLogin),
        ("/login", "email=a&Email=b", Route::BadLogin),
        (
            "/doku.php?id=start&do=login",
            "u=anna&p=x&do=login&id=start",
            Route::Login(1),
        ),
        ("/doku.php?do=login", "u=anna&do=show", Route::BadLogin),
        ("/doku.php?do=login&do=show", "u=anna", Route::BadLogin),
        ("/doku.php?do=login&do=show", "p=x", Route::Ambiguous),
        ("/doku.php?do[]=login", "u=anna", Route::BadLogin),
        ("/doku.php?do=show", "u=anna", Route::Protected),
        ("/doku.php?id=x", "do=edit", Route::Protected),
        ("/app.php", "action=login&email=anna", Route::Login(2)),
        ("/app.php", "action=save&x=1", Route::Protected),
        ("/app.php", "x=1", Route::Protected),
        (
            "/app.php?action=login",
            "action=login&email=anna",
            Route::Login(2),
        ),
        ("/app.php?action=login", "email=anna", Route::BadLogin),
        ("/app.php?action=save", "action=login&email=anna", Route::BadLogin),
        ("/app.php", "action=save&action=login&email=anna", Route::BadLogin),
        ("/app.php", "action=save&action=login", Route::Ambiguous),
    ] {
        assert_eq!(post(raw, body), route, "{raw} {body}");
    }
}

#[test]
fn i4_no_other_spelling_of_a_logins_place_slips_past_its_rule() {
    for raw in [
        "/login/",
        "/Login",
        "/login;x",
        "/./login",
        "//login",
        "/x/../login",
        "/%6cogin",
        "/login%2f",
        "/login%20",
        "/login.",
        "/%256cogin",
        "/LOGIN/",
        "/login;sid=1",
        "/login%3f",
    ] {
        assert_eq!(post(raw, "email=boss&p=x"), Route::BadLogin, "{raw}");
        assert_eq!(
            class_of(&rules(), &POST, raw, Err(BadBody::TooLong)),
            Route::BadLogin,
            "{raw}"
        );
    }
    assert_eq!(post("/a%2fb", "email=x"), Route::Ambiguous);
    assert_eq!(post("/login/x", "email=x"), Route::Protected);
}

#[test]
fn i4_a_login_whose_body_cannot_be_read_is_not_sent() {
    use BadBody::{Charset, Compressed, ContentTypes, Control, OtherType, TooLong, Unparsable};
    for bad in [
        ContentTypes,
        Compressed,
        Charset,
        Control,
        Unparsable,
        OtherType,
        TooLong,
    ] {
        let class = |raw: &str| class_of(&rules(), &POST, raw, Err(bad));
        assert_eq!(class("/login"), Route::BadLogin, "{bad:?}");
        assert_eq!(class("/doku.php?do=login"), Route::BadLogin, "{bad:?}");
        let told_by_form = if bad == OtherType {
            Route::Protected
        } else {
            Route::BadLogin
        };
        assert_eq!(class("/app.php"), told_by_form, "{bad:?}");
        assert_eq!(class("/contact"), Route::Ambiguous, "{bad:?}");
        let logout = if bad == OtherType {
            Route::Logout
        } else {
            Route::Ambiguous
        };
        assert_eq!(class("/logout"), logout, "{bad:?}");
    }
}

#[test]
fn bodies_are_read_only_where_configuration_opens_a_post() {
    let mut rules = rules();
    rules.logins[0].request_limit = 1000;
    rules.logins[2].request_limit = 200_000;
    let limit = |method: &Method, raw: &str| match class_head(&rules, method, &target(raw)) {
        HeadClass::NeedsBody { limit } => Some(limit),
        HeadClass::Settled(_) => None,
    };
    for (raw, expected) in [
        ("/login", Some(1000)),
        ("/doku.php?do=login", Some(BODY_LIMIT)),
        ("/doku.php?do=save", None),
        ("/doku.php", None),
        ("/app.php", Some(200_000)),
        ("/contact", Some(BODY_LIMIT)),
        ("/vote", Some(BODY_LIMIT)),
        ("/logout", Some(BODY_LIMIT)),
        ("/public/x", None),
        ("/app/upload", None),
        ("/xmlrpc.php", None),
        ("/.doorstep/challenge/verify", None),
    ] {
        assert_eq!(limit(&POST, raw), expected, "{raw}");
        assert_eq!(limit(&GET, raw), None, "{raw}");
    }
}

#[test]
fn a_public_post_is_told_by_its_form() {
    assert_eq!(post("/vote", "kind=public&x=1"), Route::Public);
    assert_eq!(post("/vote", "kind=private"), Route::Protected);
    assert_eq!(post("/vote", ""), Route::Protected);
    assert_eq!(post("/vote?kind=public", ""), Route::Protected);
    assert_eq!(post("/vote?kind=private", "kind=public"), Route::Ambiguous);
    assert_eq!(post("/vote", "kind=public&kind=private"), Route::Ambiguous);
}

#[test]
fn a_get_with_a_body_that_nobody_read_opens_nothing() {
    for (route, other) in [
        (Route::Public, Route::Ambiguous),
        (Route::LoginPage, Route::Ambiguous),
        (Route::Logout, Route::Ambiguous),
        (Route::Login(1), Route::BadLogin),
        (Route::Protected, Route::Protected),
        (Route::Own, Route::Own),
        (Route::Closed, Route::Closed),
    ] {
        assert_eq!(route.with_unread_body(), other);
    }
}

#[test]
fn where_strangers_are_forwarded_nothing_that_could_be_a_login_is() {
    let mut rules = rules();
    rules.anonymous = Anonymous::Forward;
    let class = |method: &Method, raw: &str| class_of(&rules, method, raw, form("a=b"));
    assert_eq!(class(&GET, "/app"), Route::Protected);
    assert_eq!(class(&Method::OPTIONS, "/app"), Route::Protected);
    assert_eq!(class(&POST, "/auth/token"), Route::Ambiguous);
    assert_eq!(class(&Method::PUT, "/app"), Route::Ambiguous);
    assert_eq!(class(&GET, "/app?email=a&p=b"), Route::Ambiguous);
}

#[test]
fn two_rules_in_one_place_must_agree_on_who_signs_in() {
    let mut rules = rules();
    rules.logins = vec![login_rule("/login"), login_rule("/login").with_field("username")];
    let class = |body: &str| class_of(&rules, &POST, "/login", form(body));
    assert_eq!(class("email=a"), Route::Login(0));
    assert_eq!(class("username=a"), Route::Login(1));
    assert_eq!(class("username=a&email=A"), Route::Login(0));
    assert_eq!(class("username=a&email=b"), Route::BadLogin);
    assert_eq!(class("username=a&email=b&email=c"), Route::BadLogin);
    assert_eq!(class("x=1"), Route::BadLogin);
}

#[test]
fn the_configured_login_page_is_open_with_what_is_fixed_in_its_query() {
    let mut rules = rules();
    rules.logins.clear();
    rules.login_page.0 = "/index.php?page=login&next={target}".into();
    let class = |raw: &str| class_of(&rules, &GET, raw, Ok(FormBody::default()));
    assert_eq!(class("/index.php?page=login"), Route::LoginPage);
    assert_eq!(class("/index.php?page=login&next=%2Fx"), Route::LoginPage);
    assert_eq!(class("/index.php"), Route::Protected);
    assert_eq!(class("/index.php?page=admin"), Route::Protected);
    assert_ne!(class("/index.php?page=login&page=admin"), Route::LoginPage);
}

#[test]
fn a_login_by_get_is_known_by_its_head() {
    let mut rules = rules();
    rules.logins = vec![super::super::rules::LoginRule {
        method: GET,
        ..login_rule("/enter")
    }];
    let class = |raw: &str| class_of(&rules, &GET, raw, Ok(FormBody::default()));
    assert_eq!(class("/enter?email=a&p=x"), Route::Login(0));
    assert_eq!(class("/enter?email=a&email=b"), Route::BadLogin);
    assert_eq!(class("/enter"), Route::BadLogin);
}

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
    let text = match server {
        0 => path.to_owned(),                                // looks at the bytes
        1 => decode(path),                                   // nginx
        2 => decode(&no_parameters(path)),                   // Tomcat
        3 => no_parameters(&decode(path)),                   // some proxies
        4 => decode(&decode(path)).replace('\\', "/"),       // IIS of old
        5 => decode(path).replace('\\', "/").to_lowercase(), // a case-insensitive file system
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
            for server in 0..7 {
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
            for server in 0..7 {
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
