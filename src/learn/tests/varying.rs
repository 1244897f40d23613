//! Names in which the one who signed in, the recording's own address or a token stands.

use super::*;

const LOGIN: &str = "<form method=post><input name=username><input name=password type=password></form>";
/// What the portal hands out: none of it may be written down.
const TOKEN: &str = "YjMzNDczZjY4MjFjZTEwZTM4Yjg0YjQzZWZiNDVkNDI6NjMz";

fn body(password: &str) -> String {
    format!("username=anna&password={password}")
}

/// A hub that gives each person a server of their own, and a cookie for it.
fn hub(more: Vec<Raw>) -> Vec<Raw> {
    let mut steps = vec![
        page("/hub/login").html(200, &[], LOGIN),
        form("/hub/login", &body(WRONG)).html(403, &[], LOGIN),
        form("/hub/login", &body(RIGHT)).to(
            302,
            "/hub/",
            &["hub-login=q1w2e3r4t5y6u7i8; HttpOnly; Path=/hub/"],
        ),
        page("/user/anna/lab").html(
            200,
            &["hub-user-anna=a1b2c3d4e5f6g7h8; HttpOnly; Path=/user/anna/"],
            "in",
        ),
    ];
    steps.extend(more);
    steps.push(page("/hub/logout").to(302, "/hub/login", &["hub-login=; Max-Age=0"]));
    steps
}

#[test]
fn a_cookie_named_after_whoever_signed_in_is_anybodys() {
    let learned = learned(hub(Vec::new()));
    has(&learned, &["session_cookies = [\"hub-login\", \"hub-user-*\"]"]);
}

#[test]
fn an_address_of_one_person_says_nothing_of_the_others() {
    let of_anna = || fetch("/user/anna/api/me").json_answer(200, &[], r#"{"username":"anna"}"#);
    let alone = learned(hub(vec![of_anna()]));
    assert!(!alone.section.contains("who_am_i"), "{}", alone.section);
    let of_all =
        fetch("/hub/api/somebody").json_answer(200, &[], r#"{"name":"anna","server":"/user/anna/"}"#);
    let both = learned(hub(vec![of_anna(), of_all]));
    assert!(
        both.section.contains("# path = \"/hub/api/somebody\""),
        "{}",
        both.section
    );
}

#[test]
fn a_cookie_named_after_the_address_is_found_at_another() {
    let living = "username-127-0-0-1-9000=2|1:0|10:1795917358; HttpOnly; Path=/";
    let steps = vec![
        page("/login").html(200, &[], LOGIN),
        form("/login", &body(WRONG)).html(401, &[], LOGIN),
        form("/login", &body(RIGHT)).to(302, "/tree", &[living]),
        page("/tree").html(200, &[], "in"),
        page("/logout").html(200, &["username-127-0-0-1-9000=; Max-Age=0; Path=/"], "out"),
    ];
    let learned = learned(steps);
    has(
        &learned,
        &[
            "session_cookies = [\"username-*\"]",
            "success = { status = [302], location_not = \"/login**\", sets_cookie = \"username-*\" }",
        ],
    );
}

fn registry(path: &str) -> Vec<Raw> {
    let ask = |password| format!(r#"{{"name":"anna","password":"{password}"}}"#);
    let put = |password| {
        let kind = ("content-type", "application/json");
        request(
            Method::PUT,
            path,
            &[kind, ("sec-fetch-mode", "cors")],
            &ask(password),
        )
    };
    vec![
        page("/").html(200, &[], "<div id=root></div>"),
        put(WRONG).seen_from("/").json_answer(401, &[], "{}"),
        put(RIGHT)
            .seen_from("/")
            .json_answer(201, &[], &format!(r#"{{"ok":"anna","token":"{TOKEN}"}}"#)),
        fetch("/-/whoami")
            .with("authorization", &format!("Bearer {TOKEN}"))
            .json_answer(200, &[], r#"{"username":"anna"}"#),
        request(Method::DELETE, &format!("/-/user/token/{TOKEN}"), &[], "").json_answer(200, &[], "{}"),
    ]
}

#[test]
fn a_token_in_a_path_is_neither_told_nor_written() {
    let steps = registry("/-/user/login");
    let progress = crate::learn::progress(&recorded(registry("/-/user/login")));
    assert_eq!(
        progress.logout.as_deref(),
        Some("DELETE /-/user/token/* answered 200")
    );
    let learned = learned(steps);
    assert!(!format!("{learned:?}").contains(TOKEN), "{}", learned.section);
    // A star there could open more than signing out.
    lacks(&learned, &["logout ="]);
    warns(&learned, &["DELETE /-/user/token/*"]);
}

#[test]
fn a_login_whose_path_names_the_one_who_signs_in() {
    // A star opens the place to anybody's login, and a registry may make accounts there: ops decide.
    let put = learned(registry("/-/user/org.couchdb.user:anna"));
    has(&put, &["path = \"/-/user/org.couchdb.user:anna\""]);
    assert!(
        put.section.contains("nobody else. /-/user/org.couchdb.user:*"),
        "{}",
        put.section
    );

    let steps = vec![
        page("/").html(200, &[], LOGIN),
        form("/people/anna", &body(WRONG)).html(403, &[], LOGIN),
        form("/people/anna", &body(RIGHT)).to(302, "/home", &["sid=aaaa1111bbbb2222cccc; HttpOnly"]),
        page("/home").html(200, &[], "in"),
    ];
    let posted = learned(steps);
    has(&posted, &["path = \"/people/anna\""]);
    assert!(posted.section.contains("fits nobody else"), "{}", posted.section);

    // "admin" is a person and a folder.
    let as_admin = |password: &str| format!("username=admin&password={password}");
    let steps = vec![
        page("/admin/login").html(200, &[], LOGIN),
        form("/admin/login", &as_admin(WRONG)).html(403, &[], LOGIN),
        form("/admin/login", &as_admin(RIGHT)).to(
            302,
            "/admin/",
            &["admin_sid=aaaa1111bbbb2222cccc; HttpOnly"],
        ),
        page("/admin/").html(200, &[], "in"),
    ];
    let admin = learned(steps);
    has(
        &admin,
        &["path = \"/admin/login\"", "session_cookies = [\"admin_sid\"]"],
    );
    assert!(!admin.section.contains("fits nobody else"), "{}", admin.section);
}
