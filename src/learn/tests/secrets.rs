//! Passwords and tokens are in nothing that is kept or told.

use super::*;
use crate::learn::exchange::{Body, Exchange};

/// All text of an exchange.
fn all_of(exchange: &Exchange) -> String {
    let mut text = format!("{} {} {:?}\n", exchange.method, exchange.target, exchange.referer);
    for field in exchange.fields().iter().chain(&exchange.query) {
        text += &format!("{} {:?} {:?}\n", field.name, field.text, field.print);
    }
    if let Body::Json(document, _) = &exchange.body {
        text += &document.to_string();
    }
    if let Some(answer) = &exchange.answer {
        text += &format!("{:?}\n", answer.headers);
        text += &answer.text().unwrap_or_default();
    }
    text
}

#[test]
fn i12_passwords_are_dropped_when_they_are_recorded() {
    let login = "<form method=post><input name=u><input name=p type=password></form>";
    let basic = {
        use base64::Engine as _;
        base64::engine::general_purpose::STANDARD.encode(format!("anna:{RIGHT}"))
    };
    let steps = vec![
        page("/login").html(200, &[], login),
        // Shown again by the portal, and sent on in an address.
        form("/login", &format!("u=anna&p={WRONG}")).html(
            200,
            &[],
            &format!("<input value='{WRONG}'>{login}"),
        ),
        form("/login", &format!("u=anna&p={RIGHT}")).to(
            302,
            &format!("/home?p={RIGHT}"),
            &[&format!("remember={RIGHT}; HttpOnly")],
        ),
        page(&format!("/home?p={RIGHT}&x={RIGHT}"))
            .seen_from(&format!("/login?p={WRONG}"))
            .html(200, &[], "in"),
        json(
            "/api",
            &format!(r#"{{"login":{{"user":"anna","password":"{RIGHT}"}}}}"#),
        )
        .json_answer(200, &[], &format!(r#"{{"echo":"{RIGHT}"}}"#)),
        page("/basic")
            .with("authorization", &format!("Basic {basic}"))
            .html(200, &[], "in"),
    ];
    let recording = recorded(steps);
    for exchange in &recording.exchanges {
        let text = all_of(exchange);
        for secret in [WRONG, RIGHT, &basic] {
            assert!(!text.contains(secret), "{text}");
        }
    }
    let learned = learn(&recording, NOW).unwrap();
    for secret in [WRONG, RIGHT] {
        assert!(!learned.section.contains(secret), "{}", learned.section);
    }
}

#[test]
fn i12_values_of_unknown_fields_are_not_kept() {
    let recording = recorded(vec![
        json("/x", &format!(r#"{{"k":"{RIGHT}","list":["{WRONG}"]}}"#)).answered(200, &[], ""),
        form("/y", &format!("k={RIGHT}")).answered(200, &[], ""),
    ]);
    for exchange in &recording.exchanges {
        let text = all_of(exchange);
        assert!(!text.contains(RIGHT) && !text.contains(WRONG), "{text}");
    }
}

#[test]
fn a_password_that_is_a_word_of_the_file_does_not_stand_in_its_values() {
    // Somebody's password is "login": it must not become a condition, nor words of a page.
    let login = "<form method=post><input type=hidden name=action value=login><input name=user><input name=password type=password></form>";
    let steps = vec![
        page("/in").html(200, &[], login),
        form("/in", "action=go&user=anna&password=nope").html(200, &[], login),
        form("/in", "action=go&user=anna&password=hunter2").to(
            302,
            "/home",
            &["sid=aaaa1111bbbb2222cccc; HttpOnly"],
        ),
        page("/home").html(200, &[], "in"),
    ];
    lacks(&learned(steps), &["hunter2", "nope"]);
}

#[test]
fn a_wrong_password_that_is_a_word_of_every_login_page_breaks_nothing() {
    let login = "<form method=post><input name=\"user\"><input name=\"password\" type=\"password\"></form>";
    for wrong in ["password", "wrong", "x"] {
        let steps = vec![
            page("/login").html(200, &[], login),
            form("/login", &format!("user=anna&password={wrong}")).html(
                200,
                &[],
                &format!("<p>Your password is wrong.</p>{login}"),
            ),
            form("/login", &format!("user=anna&password={RIGHT}")).to(
                302,
                "/home",
                &["sid=aaaa1111bbbb2222cccc; HttpOnly"],
            ),
            page("/home").html(200, &[], "in"),
        ];
        let learned = learned(steps);
        has(
            &learned,
            &[
                "username = { form = \"user\" }",
                "failure = { status = [200], body_contains = \"name=\\\"user\\\"\" }",
            ],
        );
    }
}
