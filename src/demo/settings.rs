//! The demo's configuration, written as a file and read as any other.

use std::net::SocketAddr;

/// Names of files in the demo's folder.
pub const CONFIG: &str = "doorstep.toml";
pub const KEYS: &str = "doorstep.key";
pub const DIRECTORY: &str = "doorstep.db";
pub const MESSAGES: &str = "sms.jsonl";

/// The file's text, for a gateway at `gateway` before the portal at `portal`.
pub fn text(gateway: SocketAddr, portal: SocketAddr, ops: SocketAddr) -> String {
    format!(
        r#"# doorstep demo: removed with its folder when the demo ends
[listen]
address = "{gateway}"
public_url = "http://{gateway}"
drain = "1s"

[ops]
address = "{ops}"

[portal]
name = "Partner Portal"
upstream = "http://{portal}"
public = ["/static/**"]
login_page = "/login?next={{target}}"
logout = ["/logout"]
pass_cookies = ["theme"]
session_cookies = ["portal_session"]

[[portal.login]]
method = "POST"
path = "/login"
username = {{ form = "email" }}
success = {{ status = [303], location_not = "/login**", sets_cookie = "portal_session" }}
failure = {{ status = [200] }}

[directory]
url = "sqlite://{DIRECTORY}"

[sessions]
store = "memory"

[factors]
totp = {{ digits = 6, period = 30, skew = 1 }}
sms = {{ provider = "file", path = "{MESSAGES}" }}

[limits]
sms_per_employee = "30/1h"

[secrets]
key_file = "{KEYS}"
"#
    )
}
