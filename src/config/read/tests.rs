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
fn every_fault_is_told_with_its_line_and_column() {
    let portal = |line: &str| LEAST.replace("#portal", line);
    let login = |line: &str| LEAST.replace("#login", line);
    let after = |text: &str| format!("{LEAST}{text}");
    let mut surprises = Vec::new();
    for (text, place, words) in [
        (portal("upstraem = 1"), "7:1:", "unknown key `upstraem`"),
        (after("[portall]\nx = 1"), "14:2:", "unknown section"),
        (
            LEAST.replace("upstream = \"http://127.0.0.1:8081\"", ""),
            "5:1:",
            "missing key `upstream`",
        ),
        (
            LEAST.replace("\"http://127.0.0.1:8081\"", "8081"),
            "6:12:",
            "upstream is a text",
        ),
        (
            LEAST.replace("\"127.0.0.1:8443\"", "8443"),
            "2:11:",
            "invalid type: integer `8443`, expected a string",
        ),
        (LEAST.replace("8443", "84430"), "2:11:", "is no address"),
        (
            LEAST.replace("https://portal", "http://portal"),
            "3:14:",
            "plain http",
        ),
        (LEAST.replace("[portal]", "[portal"), "5:", ""),
        (portal("public = [\"/a/../b\"]"), "7:11:", "dot segment"),
        (portal("public = [\"/a//b\"]"), "7:11:", "//"),
        (portal("public = [\"/a;b\"]"), "7:11:", "';'"),
        (portal("public = [\"/a%2fb\"]"), "7:11:", "'%'"),
        (portal("public = [\"a\"]"), "7:11:", "does not begin with /"),
        (
            portal("public = [\"/ok\", { path = \"x\" }]"),
            "7:27:",
            "does not begin with /",
        ),
        (
            portal("public = [\"/.doorstep/challenge\"]"),
            "7:11:",
            "doorstep's own",
        ),
        (portal("public = [7]"), "7:11:", "expected a path, or a table"),
        (
            portal("public = [{ path = \"/a\", method = \"POST\" }]"),
            "7:26:",
            "unknown key `method`",
        ),
        (
            portal("public = [{ path = \"/a\", methods = [\"post\"] }]"),
            "7:37:",
            "no method to open",
        ),
        (
            portal("public = [{ path = \"/a\", form = { a = \"b\" } }]"),
            "7:11:",
            "in a POST only",
        ),
        (portal("public = [\"\"]"), "7:11:", "does not begin"),
        (portal("pass_cookies = [\"\"]"), "7:17:", "cannot be empty"),
        (portal("pass_cookies = [\"*\"]"), "7:17:", "every cookie"),
        (
            portal("pass_cookies = [\"s*\"]\nsession_cookies = [\"sid\"]"),
            "7:17:",
            "session cookie \"sid\" (line 8)",
        ),
        (
            portal("pass_cookies = [\"__Host-doorstep\"]"),
            "7:17:",
            "own cookie",
        ),
        (
            portal("login_page = \"/login?next={there}\""),
            "7:14:",
            "only placeholder",
        ),
        (
            portal("login_page = \"/sign-out\"\nlogout = [\"/sign-out\"]"),
            "7:14:",
            "taken for the logout",
        ),
        (
            portal("login_page = \"/sign-in?sid=1\""),
            "7:14:",
            "can carry a session",
        ),
        (
            portal("login_page = \"/sign-in\"\nclosed = [\"/SIGN*\"]"),
            "7:14:",
            "nobody could sign in",
        ),
        (
            portal("anonymous = \"open\""),
            "7:13:",
            "\"login\" or \"forward\"",
        ),
        (
            portal("identity_header = \"Cookie\""),
            "7:19:",
            "meaning of its own",
        ),
        (portal("who_am_i = { path = \"/me\" }"), "7:12:", "missing key"),
        (
            portal("who_am_i = { path = \"/me\", username = {} }"),
            "7:39:",
            "username is one of",
        ),
        (
            portal("who_am_i = { path = \"/*\", username = { json = \"/a\" } }"),
            "7:21:",
            "not a pattern",
        ),
        (
            portal("who_am_i = { path = \"/me\", username = { body_regex = \"x\" } }"),
            "7:54:",
            "exactly one group",
        ),
        (
            portal("exempt = [{ path = \"/api/**\" }]"),
            "7:11:",
            "else anybody would pass",
        ),
        (
            portal("exempt = [{ path = \"/api/**\", networks = [\"x\"] }]"),
            "7:43:",
            "is no network",
        ),
        (portal("step_up_script = true"), "7:18:", "not built yet"),
        (portal("ca = \"ca.pem\""), "7:6:", "https:// upstream only"),
        (
            LEAST.replace("\"http://127.0.0.1:8081\"", "[\"http://a\", \"http://b\"]"),
            "6:12:",
            "not built yet",
        ),
        (
            LEAST.replace("success = { status = [302] }", ""),
            "9:1:",
            "success is missing",
        ),
        (
            LEAST.replace("{ status = [302] }", "{}"),
            "12:11:",
            "would fit every answer",
        ),
        (LEAST.replace("[302]", "[]"), "12:11:", "would fit every answer"),
        (LEAST.replace("[302]", "[99]"), "12:23:", "200 to 599"),
        (
            LEAST.replace("[302]", "[302], header = { name = \"X\", matches = \"(\" }"),
            "12:62:",
            "regular expression",
        ),
        (
            LEAST.replace("[302]", "[302], json = { a = 1 }"),
            "12:36:",
            "json is a pointer",
        ),
        (
            LEAST.replace("{ form = \"email\" }", "{ json = \"user\" }"),
            "11:21:",
            "is no JSON pointer",
        ),
        (
            LEAST.replace("{ form = \"email\" }", "{ json = \"/user\", form = \"email\" }"),
            "11:12:",
            "read in one way",
        ),
        (
            LEAST
                .replace("{ form = \"email\" }", "{ basic = true }")
                .replace("\"/login\"", "\"/**\""),
            "10:8:",
            "one path",
        ),
        (
            LEAST
                .replace("{ form = \"email\" }", "{ basic = true }")
                .replace("#portal", "login_page = \"/x\""),
            "7:14:",
            "never shown",
        ),
        (
            LEAST.replace("{ form = \"email\" }", "{}"),
            "11:12:",
            "username is empty",
        ),
        (
            LEAST.replace("[[portal.login]]", "[portal.login]"),
            "9:1:",
            "double brackets",
        ),
        (login("method = \"GET\""), "13:10:", "not built yet"),
        (login("where = {}"), "13:9:", "where is empty"),
        (login("request_limit = 65537"), "13:17:", "1 to 65536"),
        (login("timeout = \"fast\""), "13:11:", "is no duration"),
        (login("from = [\"https://x/y\"]"), "13:9:", "an origin ends"),
        (
            after("[directory]\nunknown_employee = \"register\""),
            "15:20:",
            "the portal's own word",
        ),
        (
            after("[canary]\nlogin = \"\"\npassword_file = \"x\""),
            "15:9:",
            "cannot be empty",
        ),
        (
            after("[directory]\nurl = \"mysql://u:hunter2@h/d\""),
            "15:7:",
            "the directory is",
        ),
        (
            after("[directory]\nurl = \"sqlite::memory:\""),
            "15:7:",
            "must not be lost",
        ),
        (
            after("[sessions]\nstore = \"redis+cluster://h\""),
            "15:9:",
            "not built yet",
        ),
        (after("[sessions]\nidle_timeout = \"0\""), "15:16:", "cannot be 0"),
        (
            after("[sessions]\nremember_device = \"30d\""),
            "15:19:",
            "not built yet",
        ),
        (after("[factors]\ntotp = { digits = 9 }"), "15:19:", "6 to 8"),
        (
            after("[factors]\ntotp = { provider = \"duo\" }"),
            "15:21:",
            "not built yet",
        ),
        (
            after("[factors]\npush = { provider = \"authy\" }"),
            "15:21:",
            "not built yet",
        ),
        (
            after("[factors]\nchallenge_ttl = \"11m\""),
            "15:17:",
            "longer than 10m",
        ),
        (
            after("[factors]\nsms = { provider = \"twilio\", account_sid = \"AC\" }"),
            "15:20:",
            "not built yet",
        ),
        (
            after("[factors]\nsms = { provider = \"file\", path = \"sms\" }"),
            "15:20:",
            "development only",
        ),
        (
            after("[factors]\nsms = { provider = \"pigeon\" }"),
            "15:20:",
            "no provider of sms",
        ),
        (
            after("[factors]\nsms = { provider = \"http\", url = \"https://s\", body = \"{to}\" }"),
            "15:7:",
            "no token would be sent",
        ),
        (
            after("[factors]\nsms = { provider = \"http\", url = \"https://s/{to}{text}\", path = \"x\" }"),
            "15:65:",
            "no such key",
        ),
        (
            after(
                "[factors]\nsms = { provider = \"http\", url = \"https://s\", body = \"{to}{text}\", secret_file = \"gone\" }",
            ),
            "15:82:",
            "cannot be read",
        ),
        (
            after("[limits]\nsms_per_employee = \"many\""),
            "15:20:",
            "is no limit",
        ),
        (
            after("[ops]\naddress = \"127.0.0.1:8443\""),
            "15:11:",
            "a port of their own",
        ),
        (after("[ops]\ntoken = \"x\""), "15:1:", "unknown key `token`"),
    ] {
        match faults(&text).as_slice() {
            [fault] if fault.starts_with(place) && fault.contains(words) => {}
            other => surprises.push(format!("expected {place} {words}, got {other:#?}")),
        }
    }
    assert!(surprises.is_empty(), "{}", surprises.join("\n"));
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
           headers = { Authorization = \"Bearer {secret}\" }\nbody = \"{to} {text}\"\nsecret_file = \"sms.secret\"\n\
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
