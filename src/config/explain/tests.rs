use std::path::Path;

use super::*;

const LEAST: &str = r#"[listen]
address = "127.0.0.1:8443"
public_url = "https://portal.example.com"
[portal]
upstream = "http://127.0.0.1:8081"
#portal
[[portal.login]]
path = "/login"
username = { form = "email" }
success = { status = [302] }
#login
"#;

fn words(text: &str) -> String {
    explain(&Config::parse(text, Path::new("/nowhere/doorstep.toml")).unwrap())
}

fn says(text: &str, sentence: &str) {
    let words = words(text);
    assert!(words.contains(sentence), "{sentence}\n\nin\n{words}");
}

#[test]
fn the_documented_file_reads_as_prose() {
    let words = words(include_str!("../../../config/doorstep.toml"));
    for sentence in [
        "Example Portal at https://portal.example.com\n",
        "  - doorstep listens on 0.0.0.0:8443 as https://portal.example.com and forwards to the portal at http://127.0.0.1:8081.",
        "  - It ends TLS itself, with the certificate /nowhere/fullchain.pem.",
        "  - GET and HEAD of /static/**.",
        "  - GET, HEAD and POST of /forgot even with the login's field email.",
        "  - GET and HEAD of /login, a login's own page.",
        "  - Never forwarded, to nobody: /xmlrpc.php.",
        "  - A POST of /login is a login; the form field \"email\" is the username.",
        "  - Its password was accepted where the portal's answer has the status 302 or 303, leads elsewhere than /login** and sets the cookie sessionid.",
        "  - It was refused where the answer has the status 200 or 401 and says \"Wrong e-mail or password\"; an answer that fits neither is shut and reported.",
        "  - Of the portal's cookies theme and csrftoken reach the browser, and come from it; all others stay in the vault.",
        "  - On a password alone get in employees of a firm whose two-factor is off, employees of a firm under break-glass (until it ends) and employees who come from one of their firm's networks; each time is written into the audit.",
        "  - The SMS provider (https://sms.example.com): no token can be sent; keys from an app go on.",
        "  - The session store is this process: a restart signs everybody out",
        "  - There is no who-am-I probe: doors which no rule names",
        "  - doorstep's own pages share the origin https://portal.example.com with the portal's",
        "  - key_file /nowhere/doorstep.key is not there; make it with: doorstep key new /nowhere/doorstep.key",
    ] {
        assert!(words.contains(sentence), "{sentence}\n\nin\n{words}");
    }
}

#[test]
fn each_hole_is_told() {
    let portal = |line: &str| LEAST.replace("#portal", line);
    for (text, sentence) in [
        (
            format!("{LEAST}[directory]\nunknown_employee = \"pass\""),
            "everybody whom the portal lets in and the directory does not know",
        ),
        (
            format!("{LEAST}[directory]\nunknown_employee = \"pass\""),
            "unknown_employee = \"pass\": whoever",
        ),
        (LEAST.to_owned(), "The login rule of /login names no failure"),
        (LEAST.to_owned(), "There is no TLS on 127.0.0.1:8443"),
        (
            portal("public = [\"/**\"]"),
            "/** is open and names nearly everything",
        ),
        (portal("anonymous = \"forward\""), "strangers reach every corner"),
        (
            LEAST.replace(
                "[portal]",
                "trusted_proxies = [\"10.0.0.0/8\", \"10.1.2.3\"]\n[portal]",
            ),
            "believed from 10.0.0.0/8 and 10.1.2.3/32",
        ),
        (
            LEAST.replace("127.0.0.1:8081", "portal.internal"),
            "Whoever can reach http://portal.internal past doorstep",
        ),
        (
            LEAST.replace("127.0.0.1:8081", "portal.internal"),
            "travel to http://portal.internal in the clear",
        ),
        (
            format!("{LEAST}[ops]\naddress = \"0.0.0.0:9443\""),
            "its token travels in the clear",
        ),
        (
            format!("{LEAST}[factors.sms]\nprovider = \"http\"\nurl = \"http://sms/{{to}}{{text}}\""),
            "Tokens and numbers travel to http://sms in the clear",
        ),
    ] {
        says(&text, sentence);
    }
}

#[test]
fn what_looks_like_a_slip_is_told() {
    for (text, sentence) in [
        (
            LEAST.replace("#portal", "login_page = \"/sign-in?next={target}\""),
            "GET and HEAD of /sign-in, where somebody not signed in is sent.",
        ),
        (
            LEAST
                .replace("#portal", "login_page = \"/login?do=login&next={target}\"")
                .replace("#login", "where = { form = { do = \"login\" } }"),
            "GET and HEAD of /login with do=login in the query, whatever else stands there",
        ),
        (LEAST.to_owned(), "The success of /login looks at the status only"),
        (LEAST.to_owned(), "session_cookies is empty"),
        (LEAST.to_owned(), "logout is empty"),
        (
            LEAST.to_owned(),
            "Without SMS nobody can get in before a key is enrolled",
        ),
        (
            format!("{LEAST}[sessions]\nabsolute_timeout = \"7d\""),
            "absolute_timeout is 7d",
        ),
        (
            LEAST
                .replace("#portal", "pass_cookies = [\"s*\"]")
                .replace("[302]", "[302], sets_cookie = \"sid\""),
            "pass_cookies has s*, which success of /login takes as the sign of a session",
        ),
    ] {
        says(&text, sentence);
    }
}

#[test]
fn i12_an_explanation_shows_no_password() {
    let words = words(&format!(
        "{LEAST}[sessions]\nstore = \"redis://:hunter2@10.0.0.5:6380/1\"\n[directory]\nurl = \"postgres://u:hunter2@db/d?password=hunter2\"\n"
    ));
    assert!(
        words.contains("redis://10.0.0.5:6380")
            && words.contains("postgres://db")
            && !words.contains("hunter2"),
        "{words}"
    );
}

#[test]
fn what_a_vendor_does_is_told() {
    let text = format!(
        "{LEAST}[factors]\n\
         sms = {{ provider = \"twilio-verify\", account_sid = \"AC0123456789abcdef0123456789abcdef\", \
         auth_token_env = \"PATH\", service_sid = \"VA0123456789abcdef0123456789abcdef\" }}\n\
         push = {{ provider = \"authy\", api_key_env = \"PATH\" }}\n\
         totp = {{ provider = \"duo\", base_url = \"https://api-x.duosecurity.com\", \
         integration_key = \"DIXXXXXXXXXXXXXXXXXX\", secret_key_env = \"PATH\" }}\n"
    );
    for sentence in [
        "Tokens by SMS are made, sent and checked by Twilio Verify (https://verify.twilio.com); doorstep never knows them. \
         At most 5 in 1h go to an employee and to a number, 300 in 1h to sign-ins from one address, 1000 in 1h to a firm, \
         5000 in 1h in all, and none before an accepted password; they go to every country.",
        "Authy (https://api.authy.com) asks for approval on the devices that are enrolled there;",
        "is judged by Twilio Verify (https://verify.twilio.com), Authy (https://api.authy.com) and Duo \
         (https://api-x.duosecurity.com); what cannot be judged there is no failure.",
        "Authy finds employees by their number, and registers it at first use.",
        "Duo finds employees by their login; whom it would let in without asking (a bypass) is not let in here.",
        "sha256(\"VA0123456789abcdef0123456789abcdef:\" + login in lower case) in hexadecimal.",
        "The SMS provider (Twilio Verify (https://verify.twilio.com)): no token can be sent;",
        "Duo (https://api-x.duosecurity.com): its pushes and tokens cannot be used, and the page says so;",
        "Authy's API is closed to new customers and will be shut down",
    ] {
        says(&text, sentence);
    }
    assert!(!words(&text).contains(&std::env::var("PATH").unwrap()));
}

#[test]
fn forward_auth_says_what_it_cannot_hold() {
    let text = LEAST
        .replace(
            "#portal",
            "mode = \"forward-auth\"\nwho_am_i = { path = \"/api/me\", username = { json = \"/user\" } }",
        )
        .replace("[portal]", "trusted_proxies = [\"10.0.0.1/32\"]\n[portal]");
    for sentence in [
        "forwards nothing: a proxy in front, at 10.0.0.1/32, serves the portal",
        "Logins pass to the portal unseen: POST of /login",
        "asked with GET /api/me and the browser's own cookies and Authorization; its answer is believed for one second.",
        "there is no vault.",
        "the portal's session is in the browser",
        "reach a browser that owes the factor",
        "is not closed when its session ends",
        "doorstep's session cookie reaches the portal",
    ] {
        says(&text, sentence);
    }
    assert!(!words(&text).contains("stay in the vault"), "{}", words(&text));
}

#[test]
fn what_is_added_to_pages_is_told() {
    says(
        &LEAST.replace("#portal", "step_up_script = true"),
        "A small script is added to the portal's HTML pages",
    );
    says(
        &LEAST.replace("#portal", "resume = [\"/tickets/**\"]"),
        "A form of /tickets/** that is posted when its session has run out",
    );
}
