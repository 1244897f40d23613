use super::{LEAST, faults, parse};
use crate::config::{SmsProvider, TwilioFrom, Vendor};

const ACCOUNT: &str = "account_sid = \"AC0123456789abcdef0123456789abcdef\"";
const SERVICE: &str = "service_sid = \"VA0123456789abcdef0123456789abcdef\"";
/// Any variable that is always there will do as a secret.
const TOKEN: &str = "auth_token_env = \"PATH\"";

fn factors(line: &str) -> String {
    format!("{LEAST}[factors]\n{line}\n")
}

#[test]
fn each_vendor_is_read_with_its_own_keys() {
    let text = factors(&format!(
        "sms = {{ provider = \"twilio\", {ACCOUNT}, {TOKEN}, from = \"+1 415 555 0102\" }}"
    ));
    let Some(SmsProvider::Twilio(twilio)) = parse(&text).unwrap().factors.sms.map(|sms| sms.provider) else {
        panic!("twilio");
    };
    assert_eq!(twilio.from, TwilioFrom::Number("+14155550102".into()));
    assert_eq!(twilio.base_url.as_str(), "https://api.twilio.com/");
    let text = text.replace(
        "from = \"+1 415 555 0102\"",
        "messaging_service_sid = \"MG0123456789abcdef0123456789abcdef\"",
    );
    assert!(parse(&text).is_ok());

    let config = parse(&factors(&format!(
        "sms = {{ provider = \"twilio-verify\", {ACCOUNT}, {TOKEN}, {SERVICE} }}\n\
         push = {{ provider = \"authy\", api_key_env = \"PATH\", base_url = \"http://127.0.0.1:9/x\" }}\n\
         totp = {{ provider = \"duo\", base_url = \"https://api-x.duosecurity.com\", \
         integration_key = \"DIXXXXXXXXXXXXXXXXXX\", secret_key_env = \"PATH\", digits = 7, period = 20 }}"
    )))
    .unwrap();
    let factors = &config.factors;
    assert_eq!(factors.push.as_ref().map(Vendor::name), Some("authy"));
    assert_eq!(factors.totp_provider.as_ref().map(Vendor::name), Some("duo"));
    assert_eq!((factors.totp.digits, factors.totp.period), (7, 20));
    let secret = std::env::var("PATH").unwrap();
    assert!(
        !format!("{config:?}").contains(&secret),
        "secrets are never shown"
    );
}

#[test]
fn what_does_not_fit_a_vendor_is_told() {
    let mut surprises = Vec::new();
    for (line, words) in [
        (format!("sms = {{ provider = \"twilio\", {ACCOUNT}, {TOKEN} }}"), "needs either from"),
        (
            format!("sms = {{ provider = \"twilio\", {ACCOUNT}, {TOKEN}, from = \"Acme\", digits = 7, {SERVICE} }}"),
            "has no key service_sid",
        ),
        (
            format!("sms = {{ provider = \"twilio-verify\", {ACCOUNT}, {TOKEN}, {SERVICE}, digits = 7 }}"),
            "no such key",
        ),
        (
            format!("sms = {{ provider = \"twilio-verify\", {ACCOUNT}, {SERVICE} }}"),
            "needs auth_token_file or auth_token_env",
        ),
        (
            format!("sms = {{ provider = \"twilio-verify\", account_sid = \"AC1\", {TOKEN}, {SERVICE} }}"),
            "begins with AC",
        ),
        (
            format!("sms = {{ provider = \"authy\", api_key_env = \"PATH\", {ACCOUNT} }}"),
            "has no key account_sid",
        ),
        (
            "sms = { provider = \"authy\", api_key_env = \"PATH\", url = \"https://x\" }".to_owned(),
            "no such key",
        ),
        (
            "push = { provider = \"authy\", api_key_env = \"NO_SUCH_VARIABLE\" }".to_owned(),
            "no variable",
        ),
        (
            "push = { provider = \"authy\", api_key_env = \"PATH\", api_key_file = \"x\" }".to_owned(),
            "both given",
        ),
        (
            "push = { provider = \"authy\", api_key_file = \"nowhere\" }".to_owned(),
            "cannot be read",
        ),
        (
            "push = { provider = \"authy\", api_key_file = \"/dev/null\" }".to_owned(),
            "is empty",
        ),
        (
            "push = { provider = \"authy\", api_key_env = \"PATH\", base_url = \"http://api.example.com\" }"
                .to_owned(),
            "loopback address only",
        ),
        (
            "push = { provider = \"duo\", integration_key = \"DIXXXXXXXXXXXXXXXXXX\", secret_key_env = \"PATH\" }"
                .to_owned(),
            "needs base_url",
        ),
        (
            "totp = { provider = \"duo\", base_url = \"https://a.example\", integration_key = \"x\", secret_key_env = \"PATH\" }"
                .to_owned(),
            "20 letters and digits",
        ),
        ("totp = { digits = 6, api_key_env = \"PATH\" }".to_owned(), "has no key api_key_env"),
    ] {
        match faults(&factors(&line)).as_slice() {
            [fault] if fault.contains(words) => {}
            other => surprises.push(format!("{line}\nexpected {words}, got {other:#?}")),
        }
    }
    assert!(surprises.is_empty(), "{}", surprises.join("\n"));
}
