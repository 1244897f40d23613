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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, SmsProvider, StoreSettings};
    use std::path::Path;

    #[test]
    fn the_real_parser_takes_it_as_it_is_meant() {
        let at = |port| SocketAddr::from(([127, 0, 0, 1], port));
        let config = Config::parse(&text(at(8080), at(2), at(3)), Path::new("/demo/doorstep.toml"))
            .unwrap_or_else(|errors| panic!("{errors}"));
        assert_eq!(config.listen.address, at(8080));
        assert!(config.listen.public_url.is_named_by("127.0.0.1:8080"));
        assert_eq!(config.portal.name, "Partner Portal");
        assert_eq!(config.portal.upstream.origin.port(), 2);
        assert_eq!(config.ops.address, at(3));
        assert_eq!(config.key_file, Path::new("/demo/doorstep.key"));
        assert!(matches!(config.sessions.store, StoreSettings::Memory));
        let rules = &config.portal.rules;
        assert_eq!(rules.logins[0].username.field().as_deref(), Some("email"));
        assert_eq!(
            rules.login_page.address(Some("/devices/7?tab=log")),
            "/login?next=%2Fdevices%2F7%3Ftab%3Dlog"
        );
        let sms = config.factors.sms.expect("SMS is configured");
        let SmsProvider::File { path } = sms.provider else {
            panic!("{sms:?}")
        };
        assert_eq!(path, Path::new("/demo/sms.jsonl"));
        assert!(
            config.directory.url.reveal().ends_with("/demo/doorstep.db"),
            "relative to the file's folder"
        );
    }

    #[test]
    fn the_configuration_in_the_readme_is_one() {
        let readme = include_str!("../../README.md");
        let block = readme
            .split("```toml\n")
            .nth(1)
            .and_then(|rest| rest.split("```").next())
            .unwrap();
        let config = Config::parse(block, Path::new("/etc/doorstep/doorstep.toml"));
        assert!(config.is_ok(), "{}", config.unwrap_err());
    }
}
