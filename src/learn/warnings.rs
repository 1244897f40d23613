//! What ops should know of the portal before they rely on the section.

use super::attempts::{Login, Way};
use super::cookies::Cookies;
use super::exchange::{Authorization, Body, Recording};
use super::names;
use super::told::{self, Bearer};

/// What was found, for the warnings.
pub struct Found<'a> {
    pub recording: &'a Recording,
    pub logins: &'a [Login],
    pub cookies: &'a Cookies,
    pub bearers: &'a [&'a Bearer],
    pub public: &'a [String],
}

fn and(names: &[String]) -> String {
    match names.split_last() {
        None => String::new(),
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} and {last}", rest.join(", ")),
    }
}

/// The warnings, the gravest first.
pub fn of(found: &Found<'_>) -> Vec<String> {
    let mut say = Vec::new();
    say.extend(found.recording.remarks.iter().cloned());
    by_login(found, &mut say);
    by_cookie(found, &mut say);
    by_token(found, &mut say);
    by_page(found, &mut say);
    say.dedup();
    say
}

fn by_login(found: &Found<'_>, say: &mut Vec<String>) {
    let recording = found.recording;
    if found.logins.iter().any(|login| login.way == Way::Basic) {
        say.push(
            "HTTP Basic: browsers send the password with each request and know no signing out. The session at doorstep ends by \
             its time, at doorstep's own logout, or when the browser is closed."
                .into(),
        );
    }
    if found.logins.iter().any(|login| login.way == Way::Query) {
        say.push(
            "The portal signs in by a GET with the password in its query: it then stands in logs and histories. doorstep has no \
             rule for that; no section can be written for it."
                .into(),
        );
    }
    let schemes: Vec<String> = recording
        .exchanges
        .iter()
        .filter_map(|exchange| match &exchange.authorization {
            Some(Authorization::Other(scheme)) => Some(scheme.clone()),
            _ => None,
        })
        .collect();
    if let Some(scheme) = schemes.first() {
        say.push(format!(
            "The portal was also sent \"Authorization: {}\", which no rule can name: such requests stay shut.",
            scheme.chars().filter(char::is_ascii_alphanumeric).take(20).collect::<String>()
        ));
    }
    let pages = pages_with_a_login(recording, found.logins);
    if pages.len() > 1 {
        say.push(format!(
            "Every page may take a login: a form for one was seen on {}. Look whether the portal signs in whoever puts name and \
             password into the query or the form of any page; then the rule needs everywhere = true, which refuses the name's \
             field in every other request.",
            and(&pages.iter().take(4).cloned().collect::<Vec<_>>())
        ));
    }
    let unreadable = recording.exchanges.iter().any(|exchange| {
        let says_login = exchange.path().split('/').any(names::says_login);
        says_login
            && matches!(&exchange.body, Body::Other(why) if !matches!(why, crate::gate::BadBody::OtherType))
    });
    if unreadable {
        say.push(
            "A login was sent in a body that can be read in two ways, or in none (compressed, another charset, malformed): \
             doorstep answers such a login 400."
                .into(),
        );
    }
}

/// Places with a login's form, the login page's own variants counted once.
fn pages_with_a_login(recording: &Recording, logins: &[Login]) -> Vec<String> {
    let mut pages: Vec<String> = Vec::new();
    let first_right = logins.iter().flat_map(|login| login.right.iter().copied()).min();
    for exchange in recording.exchanges.iter().take(first_right.unwrap_or(usize::MAX)) {
        let shows = exchange.method == http::Method::GET
            && exchange
                .answer
                .as_ref()
                .is_some_and(super::exchange::Answered::asks_for_a_password);
        let path = exchange.path().to_owned();
        if shows && !pages.contains(&path) {
            pages.push(path);
        }
    }
    let posted = logins
        .iter()
        .flat_map(|login| login.wrong.iter().chain(&login.right));
    for exchange in posted.filter_map(|index| recording.exchanges.get(*index)) {
        let path = exchange.path().to_owned();
        if pages.len() > 1 && !pages.contains(&path) {
            pages.push(path);
        }
    }
    pages
}

fn by_cookie(found: &Found<'_>, say: &mut Vec<String>) {
    let cookies = found.cookies;
    if !cookies.unchanged.is_empty() {
        say.push(format!(
            "The session cookie {} is the same before and after the login: whoever knew it before the login holds the signed-in \
             session afterwards. Behind doorstep it stays in the vault, so nobody knows it.",
            and(&cookies.unchanged)
        ));
    }
    for (name, days) in &cookies.lasting {
        say.push(format!(
            "Remember-me: {} is set at the login and lives {days} days; it may sign in by itself when the session is over. In the \
             vault it ends with doorstep's session.",
            names::as_glob(name)
        ));
    }
    if !cookies.by_script.is_empty() {
        say.push(format!(
            "The portal's scripts set {} themselves: pass_cookies names what was seen; there may be more on pages that were not \
             visited.",
            and(&cookies.by_script)
        ));
    }
    if !cookies.read_by_script.is_empty() {
        say.push(format!(
            "The portal's scripts read {}, which looks like the session: it stays in the vault, and what they do with it will not \
             work.",
            and(&cookies.read_by_script)
        ));
    }
    if !cookies.foreign.is_empty() {
        say.push(format!(
            "The browser brought the cookies {} along from another visit: they are left out. Record in a fresh private window.",
            and(&cookies.foreign)
        ));
    }
    let in_path: Vec<String> = found
        .recording
        .exchanges
        .iter()
        .filter_map(|exchange| exchange.path_parameter.clone())
        .take(1)
        .collect();
    if let Some(name) = in_path.first() {
        say.push(format!(
            "The portal writes its session into paths (;{name}=…): such requests are never open, and doorstep takes an id out \
             that is the session's own."
        ));
    }
}

fn by_token(found: &Found<'_>, say: &mut Vec<String>) {
    for bearer in found.bearers {
        say.push(format!(
            "A token in the answer's body ({}): withheld while a factor is owed, then good only within that session.",
            bearer.pointer
        ));
        if !bearer.used {
            say.push(format!(
                "{} was not seen in use afterwards: take bearer out if it is no token that signs requests.",
                bearer.pointer
            ));
        }
        if !bearer.parameters.is_empty() {
            say.push(format!(
                "Tokens in query strings: it was sent in the parameter {}; such addresses stand in logs and histories.",
                and(&bearer.parameters)
            ));
        }
        if !bearer.headers.is_empty() {
            say.push(format!(
                "It was sent in the header {}, not only in Authorization: credential_headers names it, so that only the \
                 session's own token goes up there.",
                and(&bearer.headers)
            ));
        }
        let sockets = found
            .recording
            .exchanges
            .iter()
            .any(|exchange| exchange.socket.is_some());
        if bearer.in_socket || sockets {
            say.push(
                "A WebSocket beside a token: doorstep looks for tokens in its address, its subprotocols and its text messages; a \
                 token in another wording is not seen."
                    .into(),
            );
        }
    }
    let refresh = found
        .logins
        .iter()
        .find_map(|login| told::refresh(found.recording, login));
    if let Some(pointer) = refresh {
        say.push(format!(
            "The answer also holds {pointer}: doorstep knows the one token of bearer. Another one goes up to nobody in \
             Authorization, nor does what the portal gives for it, so people sign in again when the first has run out."
        ));
    }
}

fn by_page(found: &Found<'_>, say: &mut Vec<String>) {
    let recording = found.recording;
    let upstream = recording.upstream.trim_end_matches('/');
    let names_it = |text: &str| {
        let ends = |c: char| !c.is_ascii_alphanumeric() && !".:-".contains(c);
        text.match_indices(upstream).any(|(at, _)| {
            text.get(at + upstream.len()..)
                .is_some_and(|rest| rest.chars().next().is_none_or(ends))
        })
    };
    let pages = || recording.exchanges.iter().filter(|exchange| exchange.is_page());
    let texts = || pages().filter_map(|exchange| exchange.answer.as_ref()?.text());
    if upstream != recording.public && texts().any(|text| names_it(&text)) {
        say.push(format!(
            "The portal's pages name {upstream} themselves: browsers would ask there and not at doorstep. Tell the portal its \
             public address, or to take it from Host and X-Forwarded-Proto; some keep the address of their first visitor until \
             they are started again."
        ));
    }
    for path in found.public {
        let is_data = |exchange: &super::exchange::Exchange| {
            exchange.path() == path
                && exchange
                    .answer
                    .as_ref()
                    .is_some_and(super::exchange::Answered::is_json)
        };
        if recording.exchanges.iter().any(is_data) {
            say.push(format!(
                "{path} answers data to strangers, as the login page's script asks for it: take it out of public if they should \
                 not see it."
            ));
        }
    }
}
