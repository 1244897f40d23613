//! Ways in beside the login rules: the probe, machine clients, people that the directory does not know yet.

use super::words::and;
use crate::config::{Config, UnknownEmployee};
use crate::gate::rules::{Exempt, UsernameSource};
use crate::gate::whoami::Naming;

/// What the probe and the directory make of a login.
pub(super) fn identity(config: &Config) -> Vec<String> {
    let rules = &config.portal.rules;
    let mut say = Vec::new();
    if rules.only_basic() {
        say.push(
            "There is no login page: somebody not signed in gets 401 with the portal's own WWW-Authenticate."
                .to_owned(),
        );
    }
    if let Some(probe) = &rules.who_am_i {
        let place = match &probe.username {
            Naming::Json(pointer) => format!("{} of its JSON", pointer.as_str()),
            Naming::Body(regex) => format!("what {:?} catches in its body", regex.as_str()),
            Naming::Header(name) => format!("its header {name}"),
        };
        let when = match rules.session_cookies.is_empty() {
            true => "after each accepted login".to_owned(),
            false => {
                let cookies: Vec<&str> = rules.session_cookies.iter().map(|glob| glob.as_str()).collect();
                format!(
                    "after each accepted login, and whenever the portal sets {} otherwise",
                    and(&cookies)
                )
            }
        };
        say.push(format!(
            "The portal is asked who a session is, with GET {}: {place} is the name. That is asked {when}; another name ends \
             the session, and while the portal does not answer its cookies are not used.",
            probe.path
        ));
    }
    if config.directory.unknown_employee == UnknownEmployee::Register {
        say.push(
            "Somebody whom the portal itself names and the directory does not know is added to the one firm whose `logins` \
             fit that name, if its two-factor is on; nobody is added by what they typed."
                .to_owned(),
        );
    }
    say
}

/// Exempt entries, and what no probe watches.
pub(super) fn holes(config: &Config) -> Vec<String> {
    let rules = &config.portal.rules;
    let mut say: Vec<String> = rules.exempt.iter().map(exempt).collect();
    if rules.who_am_i.is_none() {
        say.push(
            "There is no who-am-I probe: doors which no rule names (single sign-on, remember-me, a reset that signs in) can \
             change who a session is."
                .to_owned(),
        );
    } else if rules.session_cookies.is_empty() {
        say.push(
            "session_cookies is empty, so who-am-I is asked after logins only: a door which no rule names can change who a \
             session is."
                .to_owned(),
        );
    }
    if rules.has_bearer() {
        say.push(
            "Bearer tokens are looked for in Authorization, in queries and in the subprotocols of a WebSocket: a portal that \
             also reads them from other headers, from bodies or from messages takes any token there from somebody who is \
             signed in."
                .to_owned(),
        );
    }
    say
}

fn exempt(entry: &Exempt) -> String {
    let methods: Vec<&str> = entry.methods.iter().map(http::Method::as_str).collect();
    let networks: Vec<String> = entry.networks.iter().map(ToString::to_string).collect();
    let from = match networks.is_empty() {
        true => String::new(),
        false => format!(" from {}", and(&networks)),
    };
    let token = match entry.token {
        true => ", with a client token,",
        false => "",
    };
    format!(
        "{} of {}{from}{token} needs no second factor and no session: it goes to the portal with its own Authorization. Each \
         entry and address is written into the audit once an hour.",
        and(&methods),
        entry.path.as_str()
    )
}

/// What looks like a slip.
pub(super) fn warnings(config: &Config) -> Vec<String> {
    let rules = &config.portal.rules;
    let by_answer = rules
        .logins
        .iter()
        .filter(|rule| rule.username == UsernameSource::Answer);
    let mut say: Vec<String> = by_answer
        .filter(|rule| rule.failure.is_none())
        .map(|rule| {
            format!(
                "The login {} tells who signed in only in its answer: without failure, a login that was sent in between cannot \
                 be told from it.",
                rule.path.as_str()
            )
        })
        .collect();
    let answers: Vec<&str> = rules
        .logins
        .iter()
        .filter(|rule| {
            rule.bearer.is_some() && rule.username != UsernameSource::Basic && rules.who_am_i.is_none()
        })
        .map(|rule| rule.path.as_str())
        .collect();
    if !answers.is_empty() && rules.anonymous == crate::gate::rules::Anonymous::Forward {
        say.push(format!(
            "anonymous = \"forward\" beside a bearer token from {}: the portal's API answers strangers by itself.",
            and(&answers)
        ));
    }
    say
}
