mod faults;
mod shapes;
mod shipped;
mod vendors;

use super::*;
use crate::config::SmsProvider;
use crate::gate::rules::UsernameSource;

const EXAMPLE: &str = include_str!("../../../config/doorstep.toml");

/// The least that a file must say.
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

fn parse(text: &str) -> Result<Config, ConfigErrors> {
    Config::parse(text, Path::new("/etc/doorstep/doorstep.toml"))
}

/// Every fault as `line:column: what`.
fn faults(text: &str) -> Vec<String> {
    match parse(text) {
        Ok(_) => Vec::new(),
        Err(errors) => errors
            .0
            .iter()
            .map(|error| format!("{}:{}: {}", error.line, error.column, error.what))
            .collect(),
    }
}

#[test]
fn the_documented_file_is_valid_and_holds_every_built_key() {
    let config = parse(EXAMPLE).unwrap();
    assert_eq!(config.portal.name, "Example Portal");
    assert_eq!(config.portal.rules.public.len(), 3);
    assert_eq!(
        config.portal.rules.logins[0].username,
        UsernameSource::Form("email".into())
    );
    assert!(matches!(
        config.factors.sms.unwrap().provider,
        SmsProvider::Http(_)
    ));
    assert_eq!(config.key_file, Path::new("/etc/doorstep/doorstep.key"));
    assert_eq!(
        config.directory.url.reveal(),
        "sqlite:///etc/doorstep/doorstep.db"
    );
}

#[test]
fn every_key_that_is_read_is_documented() {
    let shape = include_str!("../text.rs");
    let keys = shape.lines().filter_map(|line| {
        let key = line.trim().strip_prefix("pub ")?.split_once(':')?.0;
        Some(key.trim_start_matches("r#").to_owned())
    });
    let vendors = "account_sid auth_token_file auth_token_env messaging_service_sid service_sid api_key_file \
                   api_key_env base_url integration_key secret_key_file secret_key_env table";
    for key in keys.filter(|key| !vendors.split_whitespace().any(|vendor| vendor == key)) {
        assert!(
            EXAMPLE.contains(&format!("{key} ="))
                || EXAMPLE.contains(&format!("{key}  "))
                || EXAMPLE.contains(&format!("{key}]")),
            "{key} is not documented"
        );
    }
}

#[test]
fn the_example_in_the_design_is_valid() {
    let text = r#"
[listen]
address = "0.0.0.0:8443"
public_url = "https://portal.example.com"
tls = { certificate = "fullchain.pem", key = "key.pem" }
trusted_proxies = ["10.0.0.0/8"]
drain = "8s"
[ops]
address = "127.0.0.1:9443"
token_file = "ops.token"
[portal]
upstream = "http://127.0.0.1:8081"
public = ["/login", "/static/**", { path = "/forgot", methods = ["POST"], fields = ["email"] }]
closed = ["/xmlrpc.php"]
login_page = "/login"
anonymous = "login"
logout = ["/logout"]
pass_cookies = ["theme", "csrftoken"]
session_cookies = ["sessionid"]
session_parameters = ["PHPSESSID", "JSESSIONID", "sid", "session_id", "access_token"]
identity_header = "X-Doorstep-User"
origin = "forward"
[[portal.login]]
method = "POST"
path = "/login"
username = { form = "email" }
success = { status = [302, 303], location_not = "/login**" }
[directory]
url = "sqlite://doorstep.db"
unknown_employee = "deny"
[sessions]
store = "memory"
idle_timeout = "30m"
absolute_timeout = "12h"
remember_device = "0"
[factors]
totp = { digits = 6, period = 30, skew = 1 }
push = { provider = "doorstep" }
challenge_ttl = "5m"
phone_change_hold = "72h"
[limits]
failed_passwords_per_login = "20/10m"
[secrets]
key_file = "doorstep.key"
"#;
    assert_eq!(faults(text), Vec::<String>::new());
}

#[test]
fn what_is_left_out_takes_the_documented_default() {
    let least = parse(LEAST).unwrap();
    let rules = &least.portal.rules;
    assert_eq!(rules.login_page.0, "/login");
    assert_eq!(least.portal.name, "portal.example.com");
    assert_eq!(rules.session_parameters.len(), 5);
    assert!(rules.logout.is_empty() && rules.public.is_empty() && rules.pass_cookies.is_empty());
    assert_eq!(least.ops.address.to_string(), "127.0.0.1:9443");
    assert_eq!(
        (
            least.factors.totp.digits,
            least.factors.totp.period,
            least.factors.totp.skew
        ),
        (6, 30, 1)
    );
    let example = parse(EXAMPLE).unwrap();
    assert_eq!(format!("{:?}", least.limits), format!("{:?}", example.limits));
    assert_eq!(format!("{:?}", least.sessions), format!("{:?}", example.sessions));
    assert_eq!(least.factors.challenge_ttl, example.factors.challenge_ttl);
    let (rule, shown) = (&rules.logins[0], &example.portal.rules.logins[0]);
    assert_eq!(
        (rule.request_limit, rule.answer_limit, rule.timeout),
        (shown.request_limit, shown.answer_limit, shown.timeout)
    );
}

#[test]
fn overlapping_routes_are_refused_naming_both() {
    let portal = |line: &str| LEAST.replace("#portal", line);
    let second = |rest: &str| {
        format!(
            "{LEAST}\n[[portal.login]]\npath = \"/login\"\nusername = {{ form = \"e\" }}\nsuccess = {{ status = [302] }}\n{rest}"
        )
    };
    for (text, place, words) in [
        (
            portal("public = [{ path = \"/login\", methods = [\"POST\"] }]"),
            "7:11:",
            "\"/login\" (line 9)",
        ),
        (
            portal("public = [{ path = \"/l*\", methods = [\"POST\"] }]"),
            "7:11:",
            "the login rule \"/login\"",
        ),
        (
            portal("public = [\"/x\"]\nlogout = [\"/x\"]"),
            "7:11:",
            "logout \"/x\" (line 8)",
        ),
        (
            portal("public = [\"/x\", \"/x\"]"),
            "7:17:",
            "public \"/x\" (line 7)",
        ),
        (
            portal("public = [\"/x\"]\nclosed = [\"/x\"]"),
            "7:11:",
            "closed \"/x\" (line 8)",
        ),
        (portal("closed = [\"/LOG*\"]"), "7:11:", "nobody could sign in"),
        (portal("logout = [\"/login\"]"), "7:11:", "the login rule"),
        (
            second(""),
            "15:1:",
            "overlapping routes: the login rule \"/login\" and the login rule \"/login\" (line 9)",
        ),
        (
            second("where = { form = { action = \"login\" } }"),
            "15:1:",
            "tell them apart",
        ),
    ] {
        let faults = faults(&text);
        assert!(
            faults.iter().any(|fault| fault.starts_with(place)
                && fault.contains("overlapping routes")
                && fault.contains(words)),
            "{place} {words}: {faults:#?}"
        );
    }
    let apart = second("where = { form = { action = \"b\" } }")
        .replace("#login", "where = { form = { action = \"a\" } }");
    assert_eq!(faults(&apart), Vec::<String>::new());
    let form = LEAST
        .replace(
            "#portal",
            "public = [{ path = \"/login\", methods = [\"POST\"], form = { action = \"help\" } }]",
        )
        .replace("#login", "where = { form = { action = \"login\" } }");
    assert_eq!(faults(&form), Vec::<String>::new());
}

#[test]
fn all_faults_are_told_at_once() {
    let text = LEAST
        .replace("#portal", "colour = 1\nname = 2\npublic = [\"x\", \"/y;\"]")
        .replace("[302]", "[]")
        .replace("127.0.0.1:8443", "nowhere")
        + "[limits]\nsms_per_employee = 5\nnone = 1\n";
    let faults = faults(&text);
    assert_eq!(faults.len(), 6, "{faults:#?}");
    let without_portal = self::faults("[listen]\naddress = 1\n");
    assert_eq!(without_portal.len(), 2, "{without_portal:#?}");
}

#[test]
fn a_file_that_is_not_there_is_an_error_that_names_it() {
    let errors = Config::read(Path::new("/nowhere/doorstep.toml")).unwrap_err();
    let text = errors.to_string();
    assert!(
        text.starts_with("/nowhere/doorstep.toml:1:1: ") && text.contains("--config"),
        "{text}"
    );
}

#[test]
fn a_secret_is_read_from_its_file_and_never_shown() {
    let folder = std::env::temp_dir().join(format!("doorstep-config-{}", crate::secret::random_id()));
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("sms.secret"), "hunter2\n").unwrap();
    let text = LEAST.to_owned()
        + "[factors.sms]\nprovider = \"http\"\nurl = \"https://sms.example.com\"\n\
           headers = { Authorization = \"Bearer {secret}\", Content-Type = \"text/plain\" }\nbody = \"{to} {text}\"\nsecret_file = \"sms.secret\"\n\
           [sessions]\nstore = \"redis://:hunter2@127.0.0.1\"\n[directory]\nurl = \"postgres://u:hunter2@db/d\"\n";
    let config = Config::parse(&text, &folder.join("doorstep.toml")).unwrap();
    let shown = format!("{config:?}");
    assert!(!shown.contains("hunter2"), "{shown}");
    let Some(crate::config::SmsSettings {
        provider: SmsProvider::Http(template),
        ..
    }) = config.factors.sms
    else {
        panic!("an http provider");
    };
    assert_eq!(template.secret.unwrap().reveal(), "hunter2");
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn i12_no_error_repeats_a_password() {
    for line in [
        "[sessions]\nstore = \"http://u:hunter2@h\"",
        "[directory]\nurl = \"mysql://u:hunter2@h/d\"",
        "[factors]\nsms = { provider = \"http\", url = \"https://u:hunter2@h/{to}{text}\" }",
    ] {
        let told = faults(&format!("{LEAST}{line}\n")).join("\n");
        assert!(!told.is_empty() && !told.contains("hunter2"), "{told}");
    }
}

#[test]
fn a_reload_says_what_needs_a_restart() {
    let old = parse(LEAST).unwrap();
    assert!(
        old.restart_needed(&parse(&LEAST.replace("/login", "/in")).unwrap())
            .is_empty()
    );
    let new = LEAST.replace("8443", "8444")
        + "[ops]\naddress = \"127.0.0.1:9\"\n[sessions]\nstore = \"redis://h\"\n[directory]\nurl = \"sqlite://x.db\"\n";
    assert_eq!(
        old.restart_needed(&parse(&new).unwrap()),
        ["listen", "ops", "directory", "store"]
    );
}

#[test]
fn a_login_rule_with_a_query_sends_people_to_its_own_page() {
    let config = parse(&LEAST.replace("#login", "where = { query = { do = \"log in\" } }")).unwrap();
    assert_eq!(config.portal.rules.login_page.0, "/login?do=log+in");
}

#[test]
fn no_slip_of_the_hand_makes_reading_panic() {
    // Each place in turn loses its character or gets another: every fault has a place in the file.
    for (at, c) in EXAMPLE.char_indices().step_by(61) {
        for with in ["", "\"", "\n", "é", "{"] {
            let mut text = EXAMPLE.to_owned();
            text.replace_range(at..at + c.len_utf8(), with);
            let lines = text.lines().count() + 1;
            if let Err(errors) = parse(&text) {
                assert!(
                    !errors.0.is_empty() && errors.0.iter().all(|error| error.line <= lines),
                    "{errors}"
                );
            }
        }
    }
}
