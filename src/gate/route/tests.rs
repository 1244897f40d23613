use bytes::Bytes;
use http::{HeaderMap, HeaderValue, header};

use super::super::Glob;
use super::super::rules::{Anonymous, Matcher};
use super::super::sample::rules;
use super::*;

const GET: Method = Method::GET;
const HEAD: Method = Method::HEAD;
const POST: Method = Method::POST;

fn target(raw: &str) -> Target {
    Target::parse(raw.as_bytes()).unwrap_or_else(|error| panic!("{raw:?}: {error}"))
}

pub(super) fn of_type(content_type: &str, body: &str) -> Result<FormBody, BadBody> {
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_str(content_type).unwrap());
    FormBody::read(&headers, &Bytes::copy_from_slice(body.as_bytes()))
}

pub(super) fn form(body: &str) -> Result<FormBody, BadBody> {
    of_type("application/x-www-form-urlencoded", body)
}

/// The class of a request whose body is read where the head asks for it.
pub(super) fn class_of(
    rules: &PortalRules,
    method: &Method,
    raw: &str,
    body: Result<FormBody, BadBody>,
) -> Route {
    let target = target(raw);
    match class_head(rules, method, &target) {
        HeadClass::Settled(route) => route,
        HeadClass::NeedsBody { .. } => class_body(rules, method, &target, body.as_ref()),
    }
}

fn get(raw: &str) -> Route {
    class_of(&rules(), &GET, raw, Ok(FormBody::default()))
}

pub(super) fn post(raw: &str, body: &str) -> Route {
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
    for (method, route) in [
        (Method::PUT, Route::BadLogin),
        (Method::DELETE, Route::BadLogin),
        (Method::OPTIONS, Route::Protected),
        (Method::from_bytes(b"get").unwrap(), Route::BadLogin),
    ] {
        assert_eq!(
            class_of(&rules(), &method, "/login", form("email=a")),
            route,
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
    assert_eq!(get("/login?email=a&do=1&do=2"), Route::Ambiguous);
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
fn a_long_body_is_opened_by_no_field_that_was_not_looked_for() {
    let entry = |path: &str, form: &[(&str, &str)]| Matcher {
        methods: vec![POST],
        path: Glob::parse(path).unwrap(),
        query: Vec::new(),
        form: form
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect(),
        fields: Vec::new(),
    };
    let mut rules = rules();
    rules.logout.push(entry("/api.php", &[("action", "logout")]));
    rules.public.push(entry("/wizard", &[("step", "1")]));
    rules.public.push(entry("/drop", &[]));
    let long = |raw: &str| class_long(&rules, &POST, &target(raw)).map(|(route, _)| route);
    // An upload to the path that also takes the logout is for those who are in.
    assert_eq!(long("/api.php"), Some(Route::Ambiguous));
    assert_eq!(long("/wizard"), Some(Route::Ambiguous));
    // Open to strangers as it stands, or a login: not without its body.
    assert_eq!(long("/drop"), None);
    assert_eq!(long("/login"), None);
    assert_eq!(long("/api.php?email=anna"), None);
}
