use super::{LEAST, faults};

/// What forward-auth needs.
const PROXIES: &str = "trusted_proxies = [\"10.0.0.0/8\"]\n[portal]";
const ASKS: &str = "who_am_i = { path = \"/me\", username = { json = \"/user\" } }";

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
            LEAST.replace("127.0.0.1:8081", "127.0.0.1:8443"),
            "6:12:",
            "doorstep itself",
        ),
        (
            LEAST.replace("http://127.0.0.1:8081", "https://portal.example.com"),
            "6:12:",
            "doorstep itself",
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
        (portal("step_up_script = 1"), "7:18:", "boolean"),
        (portal("resume = 1"), "7:10:", "a list of paths"),
        (portal("resume = [\"x\"]"), "7:10:", "does not begin with /"),
        (
            portal("public = [{ path = \"/a\", resume = true }]"),
            "7:35:",
            "never interrupted",
        ),
        (portal("mode = \"front\""), "7:8:", "\"forward-auth\""),
        (
            portal("mode = \"forward-auth\"").replace("[portal]", PROXIES),
            "8:8:",
            "who_am_i",
        ),
        (
            portal(&format!("mode = \"forward-auth\"\n{ASKS}")),
            "7:8:",
            "trusted_proxies",
        ),
        (
            portal(&format!("mode = \"forward-auth\"\n{ASKS}\nstep_up_script = true"))
                .replace("[portal]", PROXIES),
            "8:8:",
            "does nothing in forward-auth mode",
        ),
        (
            portal(&format!("mode = \"forward-auth\"\n{ASKS}\nresume = true")).replace("[portal]", PROXIES),
            "8:8:",
            "resume does nothing in forward-auth mode",
        ),
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
            after("[sessions]\nremember_device = \"91d\""),
            "15:19:",
            "90d at most",
        ),
        (after("[factors]\ntotp = { digits = 9 }"), "15:19:", "6 to 8"),
        (
            after("[factors]\ntotp = { provider = \"pigeon\" }"),
            "15:21:",
            "no provider of totp",
        ),
        (
            after("[factors]\npush = { provider = \"authy\" }"),
            "15:21:",
            "needs api_key_file or api_key_env",
        ),
        (
            after("[factors]\npush = { provider = \"doorstep\", service_sid = \"VA\" }"),
            "15:47:",
            "has no key service_sid",
        ),
        (
            after("[factors]\nchallenge_ttl = \"11m\""),
            "15:17:",
            "longer than 10m",
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
