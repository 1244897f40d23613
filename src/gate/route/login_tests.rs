use super::super::json::{Json, JsonPointer};
use super::super::rules::{LoginRule, PortalRules, UsernameSource};
use super::super::sample::{login_rule, rules};
use super::tests::{class_of, form, post};
use super::*;

const GET: Method = Method::GET;
const POST: Method = Method::POST;

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
        ("/doku.php?do=LOGIN", "u=anna", Route::BadLogin),
        ("/doku.php?do=lo-gin", "u=anna", Route::BadLogin),
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
    assert_eq!(post("/Login", "x=1"), Route::Ambiguous);
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
fn a_login_by_get_is_known_by_its_head() {
    let mut rules = rules();
    rules.logins = vec![LoginRule {
        method: GET,
        ..login_rule("/enter")
    }];
    let class = |raw: &str| class_of(&rules, &GET, raw, Ok(FormBody::default()));
    assert_eq!(class("/enter?email=a&p=x"), Route::Login(0));
    assert_eq!(class("/enter?email=a&email=b"), Route::BadLogin);
    assert_eq!(class("/enter"), Route::BadLogin);
}

/// Many portals look at the body and not at the method: PHP's `php://input` is one for all of them.
#[test]
fn i4_a_login_by_another_method_is_not_sent() {
    let put = |method: &str, raw: &str, body| class_of(&rules(), &method.parse().unwrap(), raw, body);
    for method in ["PUT", "PATCH", "DELETE", "PROPFIND", "X"] {
        for raw in ["/login", "/Login", "/login/", "/login?email=boss"] {
            let class = put(method, raw, form("email=boss&p=x"));
            assert_eq!(class, Route::BadLogin, "{method} {raw}");
        }
        for bad in [BadBody::OtherType, BadBody::Unparsable, BadBody::TooLong] {
            assert_eq!(
                put(method, "/login", Err(bad)),
                Route::BadLogin,
                "{method} {bad:?}"
            );
        }
        // Nor is it where nobody would read as much of it.
        let long = class_long(
            &rules(),
            &method.parse().unwrap(),
            &Target::parse(b"/login").unwrap(),
        );
        assert_eq!(long, None, "{method}");
        // What names nobody signs nobody in.
        assert_eq!(put(method, "/login", form("x=1")), Route::Protected, "{method}");
        assert_eq!(
            put(method, "/app", form("email=boss")),
            Route::Protected,
            "{method}"
        );
    }
    let mut two = rules();
    two.logins = vec![
        login_rule("/enter"),
        LoginRule {
            method: Method::PUT,
            ..login_rule("/enter")
        },
    ];
    for (method, index) in [(POST, 0), (Method::PUT, 1)] {
        assert_eq!(
            class_of(&two, &method, "/enter", form("email=anna")),
            Route::Login(index)
        );
    }
    let by_json = json("application/json", br#"{"user":{"name":"ben"}}"#);
    assert_eq!(
        class_of(&json_rules(), &Method::PUT, "/api/login", by_json),
        Route::BadLogin
    );
    // A logout is often a DELETE of what the login made.
    let mut rules = rules();
    rules.logout = vec![super::super::sample::entry("/login", &[Method::DELETE])];
    for body in [Ok(FormBody::default()), form("token=x")] {
        assert_eq!(class_of(&rules, &Method::DELETE, "/login", body), Route::Logout);
    }
}

#[test]
fn i4_a_login_by_another_method_is_not_sent_whatever_its_rule_looks_at() {
    let with = |change: &dyn Fn(&mut LoginRule)| {
        let mut rules = rules();
        let mut rule = login_rule("/enter");
        change(&mut rule);
        rules.logins = vec![rule];
        rules
    };
    let put = |rules: &PortalRules, body| class_of(rules, &Method::PUT, "/enter", body);
    // The answer says who it was: any body may be a login.
    let by_answer = with(&|rule| rule.username = UsernameSource::Answer);
    assert_eq!(put(&by_answer, form("who=ben")), Route::BadLogin);
    let by_json = json("application/json", br#"{"who":"ben"}"#);
    assert_eq!(put(&by_answer, by_json), Route::BadLogin);
    // ASP.NET finds the field below a prefix.
    assert_eq!(put(&with(&|_| {}), form("model.Email=ben")), Route::BadLogin);
    // Servers fill a form for a PUT too; what is no form is none of these logins.
    let by_form = with(&|rule| rule.where_form = vec![("action".into(), "login".into())]);
    assert_eq!(put(&by_form, form("action=login&email=ben")), Route::BadLogin);
    assert_eq!(put(&by_form, form("action=save&x=1")), Route::Protected);
    assert_eq!(put(&by_form, Err(BadBody::OtherType)), Route::Protected);
    let long = class_long(&by_form, &Method::PUT, &Target::parse(b"/enter").unwrap());
    assert_eq!(long, Some((Route::Ambiguous, vec!["email".to_owned()])));
}

#[test]
fn what_configuration_opens_at_a_logins_path_by_another_method_stays_open() {
    let mut rules = rules();
    rules.logins = vec![login_rule("/session")];
    rules.logout = vec![super::super::sample::entry("/session", &[Method::DELETE])];
    let change = super::super::sample::entry("/session", &[Method::PUT]);
    rules.public = vec![crate::gate::rules::Matcher {
        fields: vec!["email".into()],
        ..change
    }];
    // A script's string goes as text/plain.
    let told = class_of(&rules, &Method::DELETE, "/session", Err(BadBody::OtherType));
    assert_eq!(told, Route::Logout);
    let named = class_of(&rules, &Method::PUT, "/session", form("email=anna"));
    assert_eq!(named, Route::Public);
}

#[test]
fn i4_a_body_that_nobody_reads_is_not_sent_to_where_logins_go() {
    let class = |raw: &str| Target::parse(raw.as_bytes()).map(|target| takes_logins(&rules(), &target));
    for raw in [
        "/login",
        "/Login",
        "/login/",
        "/login?next=/",
        "/%6cogin",
        "/doku.php?do=login",
    ] {
        assert_eq!(class(raw), Ok(true), "{raw}");
    }
    for raw in ["/", "/app", "/login/x", "/doku.php?do=show", "/doku.php"] {
        assert_eq!(class(raw), Ok(false), "{raw}");
    }
}

fn pointer(text: &str) -> JsonPointer {
    JsonPointer::parse(text).unwrap()
}

fn json(content_type: &str, body: &[u8]) -> Result<FormBody, BadBody> {
    let mut headers = http::HeaderMap::new();
    headers.insert("content-type", content_type.parse().unwrap());
    FormBody::read(&headers, &bytes::Bytes::copy_from_slice(body))
}

/// A JSON login with a form beside it, and one that is a call among others of an endpoint.
fn json_rules() -> PortalRules {
    let by_json = |path: &str, at: &str| LoginRule {
        username: UsernameSource::Json(pointer(at)),
        ..login_rule(path)
    };
    let mut one_call = by_json("/rpc", "/params/user");
    one_call.where_json = vec![(pointer("/method"), Json::Text("login".into()))];
    PortalRules {
        logins: vec![
            by_json("/api/login", "/user/name"),
            one_call,
            login_rule("/api/login"),
        ],
        closed: Vec::new(),
        ..rules()
    }
}

#[test]
fn a_json_login_is_known_by_its_rule_and_a_form_beside_it_by_its_own() {
    let rules = json_rules();
    let class = |path: &str, body| class_of(&rules, &POST, path, body);
    let of = |text: &str| json("application/json", text.as_bytes());
    assert_eq!(
        class("/api/login", of(r#"{"user":{"name":"anna"}}"#)),
        Route::Login(0)
    );
    let vendor = json("application/vnd.api+json", br#"{"user":{"name":"anna"}}"#);
    assert_eq!(class("/api/login", vendor), Route::Login(0));
    assert_eq!(class("/api/login", form("email=anna")), Route::Login(2));
    assert_eq!(
        class("/rpc", of(r#"{"method":"login","params":{"user":"anna"}}"#)),
        Route::Login(1)
    );
    assert_eq!(class("/rpc", of(r#"{"method":"list"}"#)), Route::Protected);
    for text in [
        r#"{"user":{"name":"anna"},"user":{"name":"ben"}}"#,
        r#"{"user":{"name":"anna","NAME":"ben"}}"#,
        r#"{"user":{}}"#,
        "{}",
        "",
        "\u{feff}{\"user\":{\"name\":\"anna\"}}",
    ] {
        assert_eq!(class("/api/login", of(text)), Route::BadLogin, "{text}");
    }
    let utf16: Vec<u8> = r#"{"user":{"name":"anna"}}"#.encode_utf16().flat_map(u16::to_le_bytes).collect();
    for (kind, body) in [
        ("application/json", utf16.as_slice()),
        ("application/json; charset=utf-16", &utf16),
        ("text/plain", br#"{"user":{"name":"anna"}}"#),
        ("application/xml", br#"{"user":{"name":"anna"}}"#),
        ("application/json, text/plain", br#"{"user":{"name":"anna"}}"#),
    ] {
        assert_eq!(class("/api/login", json(kind, body)), Route::BadLogin, "{kind}");
    }
}

#[test]
fn i4_no_other_spelling_of_a_json_login_slips_past_its_rule() {
    let rules = json_rules();
    for text in [
        r#"{"method":"login","method":"list","params":{"user":"anna"}}"#,
        r#"{"Method":"login","params":{"user":"anna"}}"#,
        r#"{"method":"LOGIN","params":{"user":"anna"}}"#,
        r#"{"method":"login""#,
    ] {
        let route = class_of(&rules, &POST, "/rpc", json("application/json", text.as_bytes()));
        assert!(
            matches!(route, Route::BadLogin | Route::Ambiguous),
            "{text} {route:?}"
        );
    }
    let sent = class_of(&rules, &POST, "/rpc", form("method=login&params[user]=anna"));
    assert!(matches!(sent, Route::BadLogin | Route::Ambiguous), "{sent:?}");
}

#[test]
fn i2_a_public_call_that_names_somebody_in_json_is_not_public() {
    let rules = json_rules();
    let class = |text: &str| {
        class_of(
            &rules,
            &POST,
            "/contact",
            json("application/json", text.as_bytes()),
        )
    };
    assert_eq!(class(r#"{"text":"hello"}"#), Route::Public);
    for text in [
        r#"{"user":{"name":"anna"}}"#,
        r#"{"x":[{"email":"anna"}]}"#,
        r#"{"Email":"anna"}"#,
        r#"{"sid":"x"}"#,
        r#"{"text":"#,
    ] {
        assert_eq!(class(text), Route::Ambiguous, "{text}");
    }
}

#[test]
fn a_login_that_only_its_answer_names_may_have_any_body() {
    let mut rules = rules();
    rules.logins = vec![LoginRule {
        username: UsernameSource::Answer,
        ..login_rule("/api/login")
    }];
    let class = |body| class_of(&rules, &POST, "/api/login", body);
    assert_eq!(class(form("x=1")), Route::Login(0));
    assert_eq!(class(Err(BadBody::OtherType)), Route::Login(0));
    for bad in [
        BadBody::Compressed,
        BadBody::TooLong,
        BadBody::ContentTypes,
        BadBody::Charset,
    ] {
        assert_eq!(class(Err(bad)), Route::BadLogin, "{bad:?}");
    }
}

#[test]
fn a_basic_rule_opens_nothing() {
    let mut rules = rules();
    rules.logins = vec![LoginRule {
        method: GET,
        username: UsernameSource::Basic,
        ..login_rule("/")
    }];
    rules.login_page = super::super::rules::LoginPage(String::new());
    assert_eq!(
        class_of(&rules, &GET, "/", Ok(FormBody::default())),
        Route::Protected
    );
    assert_eq!(class_of(&rules, &POST, "/", form("email=anna")), Route::Protected);
    assert!(rules.only_basic());
}
