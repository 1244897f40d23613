//! What is not written, and why.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::*;

const LOGIN: &str = "<form method=post><input name=user><input name=password type=password></form>";

#[test]
fn answers_that_cannot_be_told_apart_make_no_rule() {
    let steps = vec![
        page("/login").html(200, &["sid=aaaa1111bbbb2222cccc; HttpOnly"], LOGIN),
        form("/login", &format!("user=anna&password={WRONG}"))
            .sending("sid=aaaa1111bbbb2222cccc")
            .to(302, "/", &[]),
        page("/").html(200, &[], LOGIN),
        form("/login", &format!("user=anna&password={RIGHT}"))
            .sending("sid=aaaa1111bbbb2222cccc")
            .to(302, "/", &[]),
        page("/").html(200, &[], "in"),
    ];
    let why = try_learn(steps).unwrap_err();
    assert!(matches!(why, Unlearned::Alike(..)), "{why}");
}

#[test]
fn one_login_is_not_enough() {
    let opened = || page("/login").html(200, &[], LOGIN);
    let wrong = || form("/login", &format!("user=anna&password={WRONG}")).html(200, &[], LOGIN);
    let right = || {
        form("/login", &format!("user=anna&password={RIGHT}")).to(302, "/home", &["sid=aaaa1111bbbb2222cccc"])
    };
    assert!(matches!(
        try_learn(vec![opened(), wrong()]),
        Err(Unlearned::NoRight(_))
    ));
    assert!(matches!(
        try_learn(vec![opened(), right()]),
        Err(Unlearned::NoWrong(_))
    ));
    assert!(matches!(try_learn(vec![opened()]), Err(Unlearned::NoLogin)));
    assert!(matches!(try_learn(vec![]), Err(Unlearned::NoLogin)));
}

#[test]
fn the_order_of_the_two_does_not_matter() {
    let steps = vec![
        page("/login").html(200, &[], LOGIN),
        form("/login", &format!("user=anna&password={RIGHT}")).to(
            302,
            "/home",
            &["sid=aaaa1111bbbb2222cccc; HttpOnly"],
        ),
        page("/home").html(200, &[], "in"),
        page("/logout").to(302, "/login", &["sid=; Max-Age=0"]),
        form("/login", &format!("user=anna&password={WRONG}")).html(200, &[], LOGIN),
    ];
    has(
        &learned(steps),
        &["success = { status = [302], location_not = \"/login**\", sets_cookie = \"sid\" }"],
    );
}

#[test]
fn a_login_by_get_is_told_and_makes_no_rule() {
    let steps = vec![
        page("/login").html(
            200,
            &[],
            "<form><input name=user><input name=password type=password></form>",
        ),
        page(&format!("/login?user=anna&password={WRONG}")).html(200, &[], LOGIN),
        page(&format!("/login?user=anna&password={RIGHT}")).to(302, "/home", &["sid=aaaa1111bbbb2222cccc"]),
    ];
    let why = try_learn(steps).unwrap_err();
    assert!(matches!(why, Unlearned::ByGet(_)), "{why}");
    assert!(
        !why.to_string().contains(WRONG) && !why.to_string().contains(RIGHT),
        "{why}"
    );
}

#[test]
fn a_change_of_password_is_no_login() {
    let steps = vec![
        form("/password", "old_password=a&new_password=b&confirm=b").to(302, "/", &[]),
        form("/password", "old_password=c&new_password=b&confirm=b").html(200, &[], ""),
    ];
    assert!(matches!(try_learn(steps), Err(Unlearned::NoLogin)));
}

#[test]
fn public_never_opens_what_only_somebody_signed_in_was_shown() {
    let steps = vec![
        page("/login").html(200, &[], LOGIN),
        fetch("/files/a.css").file("text/css"),
        fetch("/files/b.css").file("text/css"),
        fetch("/files/c.js").file("text/javascript"),
        form("/login", &format!("user=anna&password={WRONG}")).html(200, &[], LOGIN),
        form("/login", &format!("user=anna&password={RIGHT}")).to(
            302,
            "/home",
            &["sid=aaaa1111bbbb2222cccc; HttpOnly"],
        ),
        page("/files/report").html(200, &[], "secret"),
        page("/logout").to(302, "/login", &["sid=; Max-Age=0"]),
    ];
    let learned = learned(steps);
    has(
        &learned,
        &["public = [\"/files/a.css\", \"/files/b.css\", \"/files/c.js\"]"],
    );
}

#[test]
fn cookies_that_the_browser_brought_along_are_left_out() {
    let steps = vec![
        page("/login").sending("other_app=1").html(200, &[], LOGIN),
        form("/login", &format!("user=anna&password={WRONG}"))
            .sending("other_app=1")
            .html(200, &[], LOGIN),
        form("/login", &format!("user=anna&password={RIGHT}"))
            .sending("other_app=1")
            .to(302, "/home", &["sid=aaaa1111bbbb2222cccc; HttpOnly"]),
        page("/home").html(200, &[], "in"),
    ];
    let learned = learned(steps);
    lacks(&learned, &["other_app"]);
    warns(&learned, &["brought the cookies other_app"]);
}

#[test]
fn a_password_without_a_name_is_told_as_such() {
    let shown = "<form method=post><input name=password type=password></form>";
    let steps = vec![
        page("/login").html(200, &[], shown),
        form("/login", &format!("password={WRONG}")).html(401, &[], shown),
        form("/login", &format!("password={RIGHT}")).to(
            302,
            "/tree",
            &["sid=aaaa1111bbbb2222cccc; HttpOnly"],
        ),
        page("/tree").html(200, &[], "in"),
    ];
    let why = try_learn(steps).unwrap_err();
    assert!(matches!(why, Unlearned::NoName(_)), "{why}");
    assert!(why.to_string().contains("one account for each person"), "{why}");
}

#[test]
fn basic_without_a_page_to_probe_is_told_as_such() {
    let sent = |method, password: &str| {
        let credentials = STANDARD.encode(format!("anna:{password}"));
        let credentials = format!("Basic {credentials}");
        request(method, "/", &[("authorization", credentials.as_str())], "")
    };
    let propfind = || Method::from_bytes(b"PROPFIND").unwrap();
    let steps = vec![
        sent(propfind(), WRONG).answered(401, &[], ""),
        sent(propfind(), RIGHT).answered(207, &[], ""),
    ];
    let why = try_learn(steps).unwrap_err();
    assert!(matches!(why, Unlearned::NoProbe(_)), "{why}");
    assert!(why.to_string().contains("PROPFIND / answered 207"), "{why}");
}
