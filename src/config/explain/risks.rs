//! What the file leaves open, and what looks like a slip.

use std::path::Path;
use std::time::Duration;

use super::words::{and, place_of};
use crate::config::overlap::globs_overlap;
use crate::config::{Config, SmsProvider, UnknownEmployee, show_duration};
use crate::gate::rules::{Anonymous, Criterion, LoginRule};

/// Ways round the second factor that the configuration, or what is not built yet, leaves open.
pub(super) fn holes(config: &Config) -> Vec<String> {
    let mut say = Vec::new();
    let portal = &config.portal;
    if config.directory.unknown_employee == UnknownEmployee::Pass {
        say.push(
            "unknown_employee = \"pass\": whoever the portal lets in and the directory does not know needs no second factor."
                .to_owned(),
        );
    }
    say.extend(portal.rules.logins.iter().filter(|rule| rule.failure.is_none()).map(|rule| {
        format!(
            "The login rule of {} names no failure: whatever is not success counts as a wrong password, so a portal that \
             answers an accepted one in another way is not noticed, and that answer reaches the browser.",
            rule.path.as_str()
        )
    }));
    let wide = portal
        .rules
        .public
        .iter()
        .filter(|entry| globs_overlap(entry.path.as_str(), "/doorstep-probe/x/y"));
    say.extend(wide.map(|entry| {
        format!(
            "{} is open and names nearly everything: what lies there is not protected at all.",
            entry.path.as_str()
        )
    }));
    if portal.rules.anonymous == Anonymous::Forward {
        say.push(
            "anonymous = \"forward\": strangers reach every corner of the portal, its unpatched ones too."
                .into(),
        );
    }
    say.extend(super::front::holes(config));
    say.extend(super::doors::holes(config));
    say.extend(super::own_pages::holes(config));
    say.extend(network_holes(config));
    say
}

fn network_holes(config: &Config) -> Vec<String> {
    let mut say = Vec::new();
    let listen = &config.listen;
    let upstream = &config.portal.upstream.origin;
    if !listen.trusted_proxies.is_empty() {
        let networks: Vec<String> = listen.trusted_proxies.iter().map(ToString::to_string).collect();
        say.push(format!(
            "X-Forwarded-For and X-Forwarded-Proto are believed from {}: whoever can send from there can claim any address, \
             a firm's network too.",
            and(&networks)
        ));
    }
    if listen.tls.is_none() && listen.public_url.is_secure() {
        say.push(format!(
            "There is no TLS on {}: whoever reaches it past the terminator sends passwords and session cookies in the clear.",
            listen.address
        ));
    }
    if !upstream.is_loopback() {
        say.push(format!(
            "Whoever can reach {upstream} past doorstep needs no second factor: let it accept connections from doorstep only."
        ));
        if !upstream.is_secure() {
            say.push(format!(
                "Passwords and portal sessions travel to {upstream} in the clear."
            ));
        }
    }
    if !config.ops.address.ip().is_loopback() {
        say.push(format!(
            "The ops address {} is not a loopback one and speaks plain http: its token travels in the clear.",
            config.ops.address
        ));
    }
    match config.factors.sms.as_ref().map(|sms| &sms.provider) {
        Some(SmsProvider::Http(template)) if template.url.starts_with("http:") => say.push(format!(
            "Tokens and numbers travel to {} in the clear; write https:// where the service has it.",
            place_of(&template.url)
        )),
        Some(SmsProvider::File { path }) => say.push(format!(
            "Tokens are written into {}: whoever reads that file holds a second factor. For development only.",
            path.display()
        )),
        _ => {}
    }
    say
}

/// What is allowed but looks like a slip, and files that are missing now.
pub(super) fn warnings(config: &Config) -> Vec<String> {
    let rules = &config.portal.rules;
    let mut say: Vec<String> = rules
        .logins
        .iter()
        .flat_map(|rule| login_warnings(config, rule))
        .collect();
    if rules.session_cookies.is_empty() {
        say.push(
            "session_cookies is empty: name the portal's session cookies, so that they can never be passed."
                .into(),
        );
    }
    if rules.logout.is_empty() {
        say.push("logout is empty: signing out of the portal does not end doorstep's session.".into());
    }
    let sessions = &config.sessions;
    if sessions.absolute_timeout > Duration::from_secs(24 * 3600) {
        say.push(format!(
            "absolute_timeout is {}; NIST SP 800-63B-4 2.2.3 asks for a new sign-in within 24h.",
            show_duration(sessions.absolute_timeout)
        ));
    }
    if sessions.idle_timeout > Duration::from_secs(3600) {
        say.push(format!(
            "idle_timeout is {}; NIST SP 800-63B-4 2.2.3 advises 1h at most.",
            show_duration(sessions.idle_timeout)
        ));
    }
    if config.factors.sms.is_none() {
        say.push("Without SMS nobody can get in before a key is enrolled for them.".into());
    }
    say.extend(super::doors::warnings(config));
    say.extend(super::vendors::warnings(config));
    say.extend(missing_files(config));
    say
}

fn login_warnings(config: &Config, rule: &LoginRule) -> Vec<String> {
    let path = rule.path.as_str();
    let mut say = Vec::new();
    if only_status(&rule.success) {
        say.push(format!(
            "The success of {path} looks at the status only: many portals answer a wrong password with the same one. Add \
             location_not, sets_cookie or body_contains."
        ));
    }
    if let Some(cookie) = &rule.success.sets_cookie {
        let passed = &config.portal.rules.pass_cookies;
        say.extend(passed.iter().filter(|pass| globs_overlap(pass.as_str(), cookie.as_str())).map(|pass| {
            format!(
                "pass_cookies has {}, which success of {path} takes as the sign of a session: if it is the session, it must \
                 stay in the vault.",
                pass.as_str()
            )
        }));
    }
    say
}

fn only_status(criterion: &Criterion) -> bool {
    criterion.location.is_none()
        && criterion.location_not.is_none()
        && criterion.sets_cookie.is_none()
        && criterion.body_contains.is_none()
        && criterion.header.is_none()
        && criterion.json.is_none()
}

fn missing_files(config: &Config) -> Vec<String> {
    let mut files: Vec<(&str, &Path)> = vec![("key_file", &config.key_file)];
    if let Some(tls) = &config.listen.tls {
        files.push(("tls.certificate", &tls.certificate));
        files.push(("tls.key", &tls.key));
    }
    files.extend(
        config
            .canary
            .as_ref()
            .map(|canary| ("canary.password_file", canary.password_file.as_path())),
    );
    files.extend(config.ops.token_file.as_deref().map(|file| ("token_file", file)));
    files.extend(config.portal.upstream.ca.as_deref().map(|file| ("ca", file)));
    files
        .into_iter()
        .filter(|(_, file)| !file.exists())
        .map(|(key, file)| match key {
            "key_file" => format!(
                "key_file {} is not there; make it with: doorstep key new {}",
                file.display(),
                file.display()
            ),
            "canary.password_file" => {
                format!("{key} {} is not there: doorstep canary needs it.", file.display())
            }
            _ => format!(
                "{key} {} is not there: doorstep cannot start without it.",
                file.display()
            ),
        })
        .collect()
}
