use bytes::Bytes;
use http::{HeaderName, HeaderValue};
use regex::bytes::Regex;

use super::super::sample::{glob, login_rule};
use super::*;

fn headers(lines: &[(&str, &str)]) -> HeaderMap {
    let mut map = HeaderMap::new();
    for (name, value) in lines {
        map.append(
            HeaderName::from_bytes(name.as_bytes()).unwrap(),
            HeaderValue::from_bytes(value.as_bytes()).unwrap(),
        );
    }
    map
}

fn form(body: &str) -> FormBody {
    let headers = headers(&[("content-type", "application/x-www-form-urlencoded")]);
    FormBody::read(&headers, &Bytes::copy_from_slice(body.as_bytes())).unwrap()
}

fn multipart(disposition: &str, value: &str) -> FormBody {
    let headers = headers(&[("content-type", "multipart/form-data; boundary=XX")]);
    let body = format!("--XX\r\nContent-Disposition: {disposition}\r\n\r\n{value}\r\n--XX--\r\n");
    FormBody::read(&headers, &Bytes::from(body)).unwrap()
}

fn folded(got: &Result<Option<Login>, BadLogin>) -> Result<&str, BadLogin> {
    match got {
        Ok(name) => Ok(name.as_ref().map_or("", Login::folded)),
        Err(bad) => Err(*bad),
    }
}

fn json(body: &str) -> FormBody {
    let headers = headers(&[("content-type", "application/json; charset=utf-8")]);
    FormBody::read(&headers, &Bytes::copy_from_slice(body.as_bytes())).unwrap()
}

#[test]
fn i4_a_json_login_names_one_person_or_is_not_sent() {
    use BadLogin::{Missing, Twice, TwoValues, Unreadable};
    let mut rule = login_rule("/api/login");
    rule.username = UsernameSource::Json(JsonPointer::parse("/user/name").unwrap());
    for (query, body, expected) in [
        ("", r#"{"user":{"name":"Anna"},"password":"x"}"#, Ok("anna")),
        (
            "",
            r#"{"user":{"name":"anna"},"user":{"name":"ben"}}"#,
            Err(Twice),
        ),
        ("", r#"{"user":{"name":"anna","name":"ben"}}"#, Err(Twice)),
        ("", r#"{"user":{"name":"anna","Name":"ben"}}"#, Err(Twice)),
        ("", r#"{"USER":{"name":"ben"}}"#, Err(Twice)),
        ("", r#"{"user":{"name":["anna","ben"]}}"#, Err(Unreadable)),
        ("", r#"{"user":{"name":{"$ne":"x"}}}"#, Err(Unreadable)),
        ("", r#"{"user":{"name":7}}"#, Err(Unreadable)),
        ("", r#"{"user":{"name":"an\u0000na"}}"#, Err(Unreadable)),
        ("", r#"{"user":{"name":""}}"#, Err(Unreadable)),
        ("", r#"{"user":{"name":null}}"#, Err(Missing)),
        ("", r#"[{"user":{"name":"anna"}}]"#, Err(Missing)),
        ("", "\u{feff}{\"user\":{\"name\":\"anna\"}}", Err(Unreadable)),
        ("", r#"{"user":{"name":"anna"}} x"#, Err(Unreadable)),
        ("user[name]=anna", r#"{"user":{"name":"anna"}}"#, Ok("anna")),
        ("user[name]=ben", r#"{"user":{"name":"anna"}}"#, Err(TwoValues)),
        ("User[name]=anna", r#"{"user":{"name":"anna"}}"#, Err(TwoValues)),
    ] {
        let got = username(&rule, &Fields::parse(query.as_bytes()), &json(body));
        assert_eq!(folded(&got), expected, "{query:?} {body:?}");
    }
    assert_eq!(
        username(&rule, &Fields::default(), &form("name=anna")),
        Err(Missing)
    );
    rule.username = UsernameSource::Answer;
    assert_eq!(username(&rule, &Fields::default(), &form("x=1")), Ok(None));
}

/// Rails wraps a body's fields in an object named after the controller, unless such an object is there.
#[test]
fn i4_a_json_login_names_nobody_else_within_a_wrapper() {
    use BadLogin::{Twice, TwoValues};
    let mut rule = login_rule("/api/login");
    rule.username = UsernameSource::Json(JsonPointer::parse("/username").unwrap());
    for (query, body, expected) in [
        (
            "",
            r#"{"username":"anna","session":{"username":"ben"}}"#,
            Err(Twice),
        ),
        (
            "",
            r#"{"username":"anna","session":{"username":["ben"]}}"#,
            Err(Twice),
        ),
        ("", r#"{"username":"anna","session":{"Username":7}}"#, Err(Twice)),
        ("", r#"{"username":"anna","model.Username":"ben"}"#, Err(Twice)),
        ("session[username]=ben", r#"{"username":"anna"}"#, Err(TwoValues)),
        (
            "",
            r#"{"username":"anna","session":{"username":"Anna"}}"#,
            Ok("anna"),
        ),
        (
            "",
            r#"{"username":"anna","session":{"username":null}}"#,
            Ok("anna"),
        ),
        (
            "",
            r#"{"username":"anna","device":{"name":"x"},"username_hint":[]}"#,
            Ok("anna"),
        ),
    ] {
        let got = username(&rule, &Fields::parse(query.as_bytes()), &json(body));
        assert_eq!(folded(&got), expected, "{query} {body}");
    }
}

#[test]
fn i4_what_the_answer_says_is_read_where_the_rule_says() {
    let mut rule = login_rule("/api/login");
    rule.answer = Some(JsonPointer::parse("/user/name").unwrap());
    rule.bearer = Some(JsonPointer::parse("/access_token").unwrap());
    let map = HeaderMap::new();
    let said = |body: &str| {
        let answer = Answer {
            status: 200,
            headers: &map,
            body: Some(body.as_bytes()),
        };
        let told = told(&rule, &answer);
        (
            told.name.flatten().map(|name| name.folded().to_owned()),
            told.bearer.map(|token| token.reveal().clone()),
        )
    };
    let whole = said(r#"{"user":{"name":"Anna"},"access_token":"t0k"}"#);
    assert_eq!(whole, (Some("anna".into()), Some("t0k".into())));
    assert_eq!(said(r#"{"user":{"name":"anna","name":"ben"}}"#), (None, None));
    assert_eq!(said("<html>"), (None, None));
}

#[test]
fn a_criterion_of_json_holds_for_what_stands_there() {
    let at = |pointer: &str, value: Option<&str>| Criterion {
        json: Some((
            JsonPointer::parse(pointer).unwrap(),
            value.map(|value| Json::read(value.as_bytes()).unwrap()),
        )),
        ..Criterion::default()
    };
    let map = HeaderMap::new();
    for (body, criterion, accepted) in [
        (r#"{"access_token":"x"}"#, at("/access_token", None), true),
        (r#"{"access_token":null}"#, at("/access_token", None), false),
        (r#"{"error":"no"}"#, at("/access_token", None), false),
        ("access_token", at("/access_token", None), false),
        (r#"{"ok":true}"#, at("/ok", Some("true")), true),
        (r#"{"ok":"true"}"#, at("/ok", Some("true")), false),
        (r#"{"ok":false,"ok":true}"#, at("/ok", Some("true")), false),
        (r#"{"code":0}"#, at("/code", Some("0")), true),
        (r#"{"code":00}"#, at("/code", Some("0")), false),
    ] {
        let mut rule = login_rule("/api/login");
        rule.success = criterion;
        let asked = Asked {
            path_and_query: "/api/login",
            public: "https://a",
            upstream: "http://b",
        };
        let answer = Answer {
            status: 200,
            headers: &map,
            body: Some(body.as_bytes()),
        };
        let judged = judge(&rule, &asked, &answer, Timestamp(0));
        assert_eq!(judged == Judgement::Accepted, accepted, "{body}");
        let unread = Answer { body: None, ..answer };
        assert_eq!(judge(&rule, &asked, &unread, Timestamp(0)), Judgement::Neither);
    }
}

#[test]
fn i4_a_login_names_one_person_or_is_not_sent() {
    use BadLogin::{Missing, Twice, TwoValues, Unreadable};
    let rule = login_rule("/login");
    for (query, body, expected) in [
        ("", "email=anna&p=x", Ok("anna")),
        ("next=/", "email=+Anna+&p=x", Ok("anna")),
        ("email=anna", "email=anna&p=x", Ok("anna")),
        ("email=anna", "email=boss&p=x", Err(TwoValues)),
        ("email=anna", "p=x", Err(Missing)),
        ("", "p=x", Err(Missing)),
        ("", "", Err(Missing)),
        ("", "email=anna&email=boss", Err(Twice)),
        ("", "email=anna&email=anna", Err(Twice)),
        ("email=anna&email=anna", "email=anna", Err(Twice)),
        ("", "email=anna&email[]=boss", Err(Twice)),
        ("", "email=anna&Email=boss", Err(Twice)),
        ("", "email=anna&%20email=boss", Err(Twice)),
        ("", "email=anna&+email=boss", Err(Twice)),
        ("", "email=anna&email%00x=boss", Err(Twice)),
        ("", "Email=anna", Err(Twice)),
        ("", "email=anna&x=1;email=boss", Err(Twice)),
        ("e=1;email=boss", "email=anna", Err(Twice)),
        ("EMAIL=boss", "email=anna", Err(Twice)),
        // ASP.NET fills `model.Email` before it looks for `Email`, and takes brackets for dots.
        ("", "email=anna&model.Email=boss", Err(Twice)),
        ("", "email=anna&model%5BEmail%5D=boss", Err(Twice)),
        ("", "email=anna&%5B0%5D.email=boss", Err(Twice)),
        ("model.email=boss", "email=anna", Err(Twice)),
        ("", "email=anna&x=1;model.email=boss", Err(Twice)),
        ("", "email=anna&%5Demail=boss", Err(Twice)),
        ("", "email=anna&email.x=1", Ok("anna")),
        ("", "email=anna&my_email=boss", Ok("anna")),
        ("", "email=", Err(Unreadable)),
        ("", "email=+", Err(Unreadable)),
        ("", "email=an%00na", Err(Unreadable)),
        ("", "email=anna%0d%0a", Err(Unreadable)),
        ("", "email=%0aanna", Err(Unreadable)),
        ("", "email=%ff", Err(Unreadable)),
        ("", "email=an%E2%80%8Bna", Err(Unreadable)),
    ] {
        let got = username(&rule, &Fields::parse(query.as_bytes()), &form(body));
        assert_eq!(folded(&got), expected, "{query:?} {body:?}");
    }
}

#[test]
fn i4_a_multipart_login_names_somebody_in_a_text_field_only() {
    let mut rule = login_rule("/login");
    rule.username = UsernameSource::Multipart("email".into());
    let none = Fields::default();
    for (body, expected) in [
        (multipart("form-data; name=\"email\"", "anna"), Ok("anna")),
        (
            multipart("form-data; name=\"email\"; filename=\"x\"", "anna"),
            Err(BadLogin::Unreadable),
        ),
        (
            multipart("form-data; name=\"email[]\"", "anna"),
            Err(BadLogin::Twice),
        ),
        (multipart("form-data; name=\"x\"", "anna"), Err(BadLogin::Missing)),
        (form("email=anna"), Err(BadLogin::Missing)),
    ] {
        let got = username(&rule, &none, &body);
        assert_eq!(folded(&got), expected);
    }
    let in_multipart = multipart("form-data; name=\"email\"", "anna");
    assert_eq!(
        username(&login_rule("/login"), &none, &in_multipart),
        Err(BadLogin::Missing)
    );
}

#[test]
fn a_login_by_get_names_somebody_in_its_query() {
    let mut rule = login_rule("/login");
    rule.method = Method::GET;
    let name = username(&rule, &Fields::parse(b"email=anna"), &FormBody::default())
        .unwrap()
        .unwrap();
    assert!(same_person(&name, &Login::parse(" ANNA").unwrap()));
    assert!(!same_person(&name, &Login::parse("boss").unwrap()));
}

#[test]
fn i4_another_sites_page_sends_no_login_unless_its_rule_names_it() {
    let mut rule = login_rule("/login");
    rule.from = vec!["https://www.example.com".into()];
    let public = "https://portal.example.com";
    for (lines, allowed) in [
        (&[][..], true),
        (&[("origin", public)], true),
        (&[("origin", public), ("sec-fetch-site", "same-origin")], true),
        (
            &[
                ("origin", "https://www.example.com"),
                ("sec-fetch-site", "same-site"),
            ],
            true,
        ),
        (&[("origin", "https://www.example.com")], true),
        (&[("sec-fetch-site", "same-origin")], true),
        (&[("sec-fetch-site", "none")], true),
        (&[("origin", "null"), ("sec-fetch-site", "same-origin")], true),
        (&[("origin", "null")], false),
        (&[("origin", "null"), ("sec-fetch-site", "cross-site")], false),
        (
            &[
                ("origin", "https://evil.example"),
                ("sec-fetch-site", "cross-site"),
            ],
            false,
        ),
        (&[("origin", "https://evil.example")], false),
        (
            &[
                ("origin", "https://evil.example"),
                ("sec-fetch-site", "same-origin"),
            ],
            false,
        ),
        (&[("origin", "http://portal.example.com")], false),
        (&[("origin", "https://portal.example.com.evil")], false),
        (&[("origin", "https://portal.example.com:8443")], false),
        (&[("origin", public), ("sec-fetch-site", "cross-site")], false),
        (&[("sec-fetch-site", "cross-site")], false),
        (&[("sec-fetch-site", "same-site")], false),
        (&[("origin", public), ("origin", "https://evil.example")], false),
        (
            &[("sec-fetch-site", "none"), ("sec-fetch-site", "cross-site")],
            false,
        ),
        (&[("origin", "")], false),
    ] {
        assert_eq!(
            origin_allowed(&rule, public, &headers(lines)),
            allowed,
            "{lines:?}"
        );
    }
}

const NOW: Timestamp = Timestamp(1_795_000_000_000);

fn judged(rule: &LoginRule, status: u16, lines: &[(&str, &str)], body: Option<&[u8]>) -> Judgement {
    let asked = Asked {
        path_and_query: "/login?next=/",
        public: "https://portal.example.com",
        upstream: "http://127.0.0.1:8081",
    };
    let headers = headers(lines);
    let answer = Answer {
        status,
        headers: &headers,
        body,
    };
    judge(rule, &asked, &answer, NOW)
}

fn holds(criterion: Criterion, lines: &[(&str, &str)], body: &[u8]) -> bool {
    let rule = LoginRule {
        success: criterion,
        ..login_rule("/login")
    };
    judged(&rule, 302, lines, Some(body)) == Judgement::Accepted
}

#[test]
fn location_is_resolved_and_another_origin_never_holds() {
    for (location, at_app, not_login) in [
        ("/app", true, true),
        ("app", true, true),
        ("./x/../app", true, true),
        ("https://portal.example.com/app", true, true),
        ("HTTPS://PORTAL.example.com:443/app", true, true),
        ("http://127.0.0.1:8081/app", true, true),
        ("/app#fragment", true, true),
        ("/app?x=1", false, true),
        ("/other", false, true),
        ("/login", false, false),
        ("login?error=1", false, false),
        ("?error=1", false, false),
        ("", false, false),
        ("/x/../login", false, false),
        ("https://portal.example.com/login", false, false),
        ("https://evil.example/app", false, false),
        ("//evil.example/app", false, false),
        ("/\\evil.example/app", false, false),
        ("http://portal.example.com/login", false, false),
        // A portal that does not know of the TLS before it means itself.
        ("http://portal.example.com/app", true, true),
        ("http://portal.example.com:8080/app", false, false),
        ("https://[/app", false, false),
        ("javascript:/app", false, false),
    ] {
        let at = Criterion {
            location: Some(glob("/app")),
            ..Criterion::default()
        };
        let not = Criterion {
            location_not: Some(glob("/login**")),
            ..Criterion::default()
        };
        let lines = [("location", location)];
        assert_eq!(holds(at.clone(), &lines, b""), at_app, "location {location:?}");
        assert_eq!(
            holds(not.clone(), &lines, b""),
            not_login,
            "location_not {location:?}"
        );
        let twice = [("location", location), ("location", "/app")];
        assert!(
            !holds(at, &twice, b"") && !holds(not, &twice, b""),
            "two Locations"
        );
    }
    let not = Criterion {
        location_not: Some(glob("/login**")),
        ..Criterion::default()
    };
    assert!(!holds(not, &[], b""), "no Location");
}

#[test]
fn sets_cookie_means_a_living_one_last() {
    for (cookies, alive) in [
        (&["sid=1"][..], true),
        (&["sid=1; Path=/; HttpOnly"], true),
        (&["sid=\"\""], false),
        (&["sid="], false),
        (&["sid=x; Max-Age=0"], false),
        (&["sid=x; Max-Age=-1"], false),
        (
            &["sid=x; Max-Age=60; Expires=Thu, 01 Jan 1970 00:00:00 GMT"],
            true,
        ),
        (&["sid=x; Expires=Thu, 01 Jan 1970 00:00:00 GMT"], false),
        (&["sid=x; Expires=Thu, 01-Jan-1970 00:00:01 GMT"], false),
        (&["sid=x; Expires=Fri, 31 Dec 2060 00:00:00 GMT"], true),
        (&["sid=x", "sid=deleted; Max-Age=0"], false),
        (&["sid=; Max-Age=0", "sid=x"], true),
        (&["sid=x", "other=; Max-Age=0"], true),
        (&["SID=x"], false),
        (&["other=x"], false),
        (&["nonsense"], false),
        (&[], false),
    ] {
        let lines: Vec<_> = cookies.iter().map(|cookie| ("set-cookie", *cookie)).collect();
        let criterion = Criterion {
            sets_cookie: Some(glob("sid")),
            ..Criterion::default()
        };
        assert_eq!(holds(criterion, &lines, b""), alive, "{cookies:?}");
    }
    let criterion = Criterion {
        sets_cookie: Some(glob("DW*")),
        ..Criterion::default()
    };
    let lines = [
        ("set-cookie", "DWold=deleted; Max-Age=0"),
        ("set-cookie", "DW68700bfd=x"),
    ];
    assert!(holds(criterion.clone(), &lines, b"") && !holds(criterion, &lines[..1], b""));
}

#[test]
fn body_and_headers_are_matched_as_sent() {
    let body = Criterion {
        body_contains: Some("Welcome".into()),
        ..Criterion::default()
    };
    assert!(holds(body.clone(), &[], b"<p>Welcome, \xff</p>"));
    assert!(!holds(body.clone(), &[], b"<p>welcome</p>"));
    assert!(!holds(body.clone(), &[("content-encoding", "gzip")], b"Welcome"));
    assert!(holds(body, &[("content-encoding", "Identity")], b"Welcome"));
    let header = Criterion {
        header: Some((HeaderName::from_static("x-result"), Regex::new("^ok$").unwrap())),
        ..Criterion::default()
    };
    assert!(holds(
        header.clone(),
        &[("x-result", "no"), ("x-result", "ok")],
        b""
    ));
    assert!(!holds(header.clone(), &[("x-result", "not ok")], b"") && !holds(header, &[], b""));
}

#[test]
fn e4_an_answer_is_success_failure_or_neither() {
    use Judgement::{Accepted, Neither, Refused};
    let mut rule = login_rule("/login");
    let right = [("location", "/app")];
    let wrong = [("location", "/login?error")];
    assert_eq!(judged(&rule, 302, &right, None), Accepted);
    assert_eq!(judged(&rule, 302, &wrong, None), Refused);
    assert_eq!(judged(&rule, 500, &right, None), Refused);
    assert_eq!(judged(&rule, 200, &[], None), Refused);
    rule.failure = Some(Criterion {
        status: vec![302],
        location: Some(glob("/login**")),
        ..Criterion::default()
    });
    assert_eq!(judged(&rule, 302, &right, None), Accepted);
    assert_eq!(judged(&rule, 302, &wrong, None), Refused);
    assert_eq!(judged(&rule, 500, &right, None), Neither);
    rule.failure = Some(Criterion {
        status: vec![302],
        ..Criterion::default()
    });
    assert_eq!(
        judged(&rule, 302, &right, None),
        Neither,
        "success and failure at once"
    );
    rule.failure = Some(Criterion {
        body_contains: Some("Wrong".into()),
        ..Criterion::default()
    });
    assert_eq!(judged(&rule, 302, &right, Some(b"")), Accepted);
    assert_eq!(judged(&rule, 200, &[], Some(b"Wrong")), Refused);
    assert_eq!(judged(&rule, 302, &right, None), Neither, "beyond the bound");
    let encoded = [("location", "/app"), ("content-encoding", "gzip")];
    assert_eq!(judged(&rule, 302, &encoded, Some(b"")), Neither);
    rule.failure = None;
    rule.success = Criterion::default();
    assert_eq!(
        judged(&rule, 302, &right, Some(b"")),
        Refused,
        "a rule that asks for nothing accepts nothing"
    );
}
