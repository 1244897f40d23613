use super::super::rules::LoginRule;
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
