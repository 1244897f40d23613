//! Every page in every state: what its words must be, and a way to look at them all.

use bytes::Bytes;
use http::{Response, StatusCode, header};

use super::account::{AccountPage, DeviceRow, FactorRow, SessionRow};
use super::challenge_page::{Problem, Wait, challenge_page};
use super::layout::{self, Shell};
use super::moment::Moment;
use super::refusal::Stop;
use super::{Told, assets, told};
use crate::clock::Timestamp;
use crate::factors::challenge::{SmsSent, View};
use crate::gate::{Asker, Login};
use crate::vault::Interrupted;

const NOW: Timestamp = Timestamp(1_795_526_400_000);
const PORTAL: &str = "Partner Portal";

fn later(seconds: i64) -> Timestamp {
    Timestamp(NOW.0 + seconds * 1000)
}

fn view() -> View {
    View {
        login: "anna.lindqvist@corp-a.example".into(),
        totp: true,
        sms_number: Some("+1 ••• ••• 0102".into()),
        sms_sent: None,
        push: None,
        passkey: false,
        locked_until: None,
        ran_out: false,
        nothing_enrolled: false,
        firm_name: "Corp A".into(),
        remember_days: Some(30),
    }
}

fn sent(again_in: i64) -> View {
    View {
        sms_sent: Some(SmsSent {
            number: "+1 ••• ••• 0102".into(),
            at: NOW,
            expires: later(600),
            again_from: later(again_in),
        }),
        ..view()
    }
}

fn challenge(view: &View, problem: Option<Problem>) -> Response<Bytes> {
    challenge_page(
        StatusCode::OK,
        PORTAL,
        view,
        "form-token-of-the-session",
        problem,
        NOW,
    )
}

fn refused(what: Told) -> Response<Bytes> {
    told(&what, Asker::Page, PORTAL, NOW)
}

fn account() -> Response<Bytes> {
    let factor = |name: &str, kind, since| FactorRow {
        id: Some("7".into()),
        name: name.into(),
        kind,
        since,
        phone: None,
    };
    let session = |address: &str, here| SessionRow {
        address: address.into(),
        here,
        verified: here,
        since: Moment::day(NOW),
        last_seen: Moment::day(NOW),
    };
    let mut shell = Shell::new(PORTAL, "Your account");
    shell.wide = true;
    let page = AccountPage {
        shell,
        login: "anna.lindqvist@corp-a.example",
        name: "Anna Lindqvist",
        firm: "Corp A",
        factors: vec![
            factor("Authenticator app", "keys from an app", Some(Moment::day(NOW))),
            factor("+1 ••• ••• 0102", "tokens by SMS", None),
        ],
        may_add_phone: true,
        may_add_passkey: true,
        codes: Some(7),
        devices: vec![DeviceRow {
            id: "1".into(),
            browser: "Firefox on Linux".into(),
            address: "203.0.113.7".into(),
            used: Moment::day(NOW),
            until: Moment::day(later(30 * 86_400)),
        }],
        may_add: true,
        sessions: vec![
            session("192.0.2.7", true),
            session("2001:db8:85a3:8d3:1319:8a2e:370:7348", false),
        ],
        csrf: "form-token-of-the-session",
    };
    layout::page(StatusCode::OK, &page)
}

/// Name, page, and words that must be on it.
fn every_state() -> Vec<(&'static str, Response<Bytes>, &'static [&'static str])> {
    let locked = View {
        locked_until: Some(later(300)),
        ..view()
    };
    let ran_out = View {
        ran_out: true,
        ..view()
    };
    let nothing = View {
        totp: false,
        sms_number: None,
        nothing_enrolled: true,
        ..view()
    };
    let login = || "/login?next=%2F".to_owned();
    vec![
        (
            "challenge",
            challenge(&view(), None),
            &[
                "Token or Security Key",
                "Sign In",
                "Send an SMS to",
                "+1 ••• ••• 0102",
                "Not you?",
                "Start over",
                "Lost your phone?",
            ],
        ),
        (
            "sms-sent",
            challenge(&sent(27), None),
            &[
                "We sent a token to",
                "It works for",
                "10 minutes",
                "Nothing arrived?",
                "You can ask again in",
                "27 s",
            ],
        ),
        (
            "sms-sent-long-ago",
            challenge(&sent(0), None),
            &["You can ask again."],
        ),
        (
            "sms-limit",
            challenge(&view(), Some(Problem::SmsLimit(Wait::until(later(3600), NOW)))),
            &[
                "No more tokens can be sent to this number until",
                "Use a key from your app instead.",
            ],
        ),
        (
            "sms-soon",
            challenge(&view(), Some(Problem::SmsLimit(Wait::until(later(27), NOW)))),
            &["You can ask again in", "27 s"],
        ),
        (
            "sms-down",
            challenge(&view(), Some(Problem::SmsDown)),
            &["SMS is not available right now. Use a key from your app"],
        ),
        (
            "no-number",
            challenge(&view(), Some(Problem::NoNumber)),
            &["no number"],
        ),
        (
            "asked-too-often",
            challenge(
                &ran_out,
                Some(Problem::AskedTooOften(Wait::until(later(40), NOW))),
            ),
            &["asked too often", "Ask again"],
        ),
        (
            "wrong",
            challenge(&view(), Some(Problem::wrong(3))),
            &["That token is not right. Check it and try again; 3 tries are left."],
        ),
        (
            "wrong-last",
            challenge(&view(), Some(Problem::wrong(1))),
            &["1 try is left."],
        ),
        (
            "expired",
            challenge(&view(), Some(Problem::Expired)),
            &["That token ran out. Ask for a new one."],
        ),
        (
            "used",
            challenge(&view(), Some(Problem::Used)),
            &["That key was already used. Wait for the next one."],
        ),
        (
            "locked",
            challenge(&locked, None),
            &[
                "Too many tries. Sign-in is locked until",
                "Your admin can unlock it sooner.",
                "name=\"csrf\"",
            ],
        ),
        (
            "ran-out",
            challenge(&ran_out, None),
            &["That took too long.", "Ask again"],
        ),
        (
            "nothing-enrolled",
            challenge(&nothing, None),
            &[
                "Your firm asks for a second factor, and none is set up for you.",
                "to add your phone number.",
            ],
        ),
        (
            "enrol",
            super::enroll_totp::sample(PORTAL, None),
            &["Scan this", "data:image/svg+xml"],
        ),
        (
            "enrol-wrong",
            super::enroll_totp::sample(PORTAL, Some("That key is not right.")),
            &["not right"],
        ),
        (
            "account",
            account(),
            &["Sign out everywhere", "Authenticator app", "(this browser)"],
        ),
        (
            "sign-in-again",
            refused(Told::SignInAgain { login: login() }),
            &["You were signed out.", "Sign in again", "/login?next=%2F"],
        ),
        (
            "retry",
            refused(Told::Retry),
            &["http-equiv=\"refresh\" content=\"1\""],
        ),
        ("closed", refused(Told::Closed), &["not open"]),
        (
            "interrupted",
            super::interrupted::offer(PORTAL, &interrupted(), "x".into()),
            &[
                "Your form is still here",
                "/tickets/7",
                "A broken lift",
                "not shown",
                "Send it now",
            ],
        ),
        (
            "not-taken",
            super::not_taken(PORTAL, &interrupted()),
            &["The form was not taken", "A broken lift", "Open the page again"],
        ),
        (
            "not-known",
            refused(Told::NotKnown),
            &["This login is not known here. Ask your admin to add you."],
        ),
        (
            "too-many-logins",
            refused(Told::TooManyLogins { until: later(600) }),
            &["Too many wrong passwords.", "13:30"],
        ),
        ("too-large", refused(Told::TooLarge), &["larger"]),
        (
            "cannot-tell",
            refused(Told::CannotTell),
            &[
                "We cannot check your sign-in right now. Nothing is lost;",
                "this page tries again in",
                "10 s",
                "http-equiv=\"refresh\" content=\"10\"",
            ],
        ),
        (
            "portal-down",
            refused(Told::PortalDown { status: 504 }),
            &[
                "Partner Portal does not answer right now. You stay signed in;",
                "this page tries again in",
            ],
        ),
        (
            "login-not-understood",
            refused(Told::LoginNotUnderstood),
            &["not let in"],
        ),
        ("not-found", refused(Told::NotFound), &["no page"]),
        (
            "cross-site",
            Stop::CrossSite.answer(Asker::Page, PORTAL),
            &["nothing was done"],
        ),
        (
            "bad-form",
            Stop::BadForm.answer(Asker::Page, PORTAL),
            &["out of date"],
        ),
        (
            "not-fresh",
            Stop::NotFresh("x".into()).answer(Asker::Page, PORTAL),
            &["10 minutes"],
        ),
    ]
}

fn interrupted() -> Interrupted {
    let owner = Login::parse("anna").unwrap();
    let body = b"title=A+broken+lift&note=It+stands+on+floor+7+and+will+not+move.&password=x";
    let mut kept = Interrupted::new(owner, "/tickets/7".into(), body, later(600));
    kept.content_type = Some("application/x-www-form-urlencoded".into());
    kept
}

fn html(page: &Response<Bytes>) -> &str {
    std::str::from_utf8(page.body()).unwrap()
}

#[test]
fn every_state_says_its_words_and_nothing_runs_inline() {
    for (name, page, words) in every_state() {
        let html = html(&page);
        for word in words {
            assert!(html.contains(word), "{name} lacks {word:?}:\n{html}");
        }
        assert_eq!(html.matches("<h1>").count(), 1, "{name}");
        assert_eq!(html.matches("<script").count(), 1, "{name}");
        for inline in ["style=", "onclick", "onload", "javascript:", "<style"] {
            assert!(!html.contains(inline), "{name} holds {inline:?}");
        }
        let headers = page.headers();
        assert_eq!(headers[header::CACHE_CONTROL], "no-store", "{name}");
        assert_eq!(headers[header::X_CONTENT_TYPE_OPTIONS], "nosniff", "{name}");
        assert_eq!(headers[header::REFERRER_POLICY], "same-origin", "{name}");
        assert!(
            headers[header::CONTENT_SECURITY_POLICY]
                .to_str()
                .unwrap()
                .starts_with("default-src 'none';")
        );
        assert!(!headers.contains_key(header::SET_COOKIE), "{name}");
    }
}

#[test]
fn every_title_says_its_state() {
    let mut titles: Vec<String> = Vec::new();
    for (name, page, _) in every_state().into_iter().filter(|(name, ..)| !name.contains('-')) {
        let html = html(&page);
        let title = html
            .split("<title>")
            .nth(1)
            .and_then(|rest| rest.split("</title>").next())
            .unwrap();
        assert!(title.ends_with(" · Partner Portal"), "{name}: {title}");
        assert!(!titles.contains(&title.to_owned()), "{name}: {title} is taken");
        titles.push(title.to_owned());
    }
}

#[test]
fn a_first_visit_fits_into_one_round_trip_even_uncompressed() {
    let page = challenge(&sent(27), None).body().len();
    let files: usize = [&*assets::CSS, &*assets::JS]
        .iter()
        .map(|file| assets::asset(&file.path).unwrap().body().len())
        .sum();
    assert!(page + files <= 14 * 1024, "{page} + {files}");
}

#[test]
fn what_people_and_directories_say_is_text_and_nothing_else() {
    let nasty = "<img src=x onerror=alert(1)>\"'&";
    let view = View {
        login: nasty.into(),
        firm_name: nasty.into(),
        sms_number: Some(nasty.into()),
        ..view()
    };
    let page = challenge_page(StatusCode::OK, nasty, &view, nasty, None, NOW);
    assert!(!html(&page).contains("<img"));
    assert!(!html(&page).contains("\"'&"));
    let page = told(
        &Told::SignInAgain { login: nasty.into() },
        Asker::Page,
        nasty,
        NOW,
    );
    assert!(!html(&page).contains("<img"));
}

/// Writes every state as a file into the folder that `DOORSTEP_GALLERY` names, to be looked at.
#[test]
#[ignore = "writes files to look at"]
fn write_the_gallery() {
    let folder = super::tests::gallery::folder();
    for (name, page, _) in every_state() {
        std::fs::write(folder.join(format!("{name}.html")), page.body()).unwrap();
    }
}
