//! What a configuration means, in plain words: what is open, how a login is judged, which cookies leave the
//! vault, who gets in without a second factor, what happens when something is down, and the holes.

mod doors;
mod front;
mod own_pages;
mod pages;
mod risks;
mod vendors;
mod words;

use std::fmt::Write as _;

use serde::Serialize;

use self::vendors::{sms_limits, sms_place, vendor_of_sms, vendor_sentences, vendor_sms};
use self::words::{and, criterion, entry, or, pairs, place_of};
use super::{Config, SmsProvider, StoreSettings, UnknownEmployee, show_duration};
use crate::gate::rules::{Anonymous, LoginRule, PortalRules, UsernameSource};

/// One part of an explanation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Part {
    /// What it is about.
    pub title: &'static str,
    /// Whole sentences.
    pub sentences: Vec<String>,
}

/// What the configuration means, as text that can be pasted into a change request.
pub fn explain(config: &Config) -> String {
    let mut text = format!("{} at {}\n", config.portal.name, config.listen.public_url);
    for part in explanation(config) {
        let _ = write!(text, "\n{}\n", part.title);
        for sentence in part.sentences {
            let _ = writeln!(text, "  - {sentence}");
        }
    }
    text
}

/// What the configuration means, part by part. A part without anything to say is left out.
pub fn explanation(config: &Config) -> Vec<Part> {
    [
        ("Where it stands", placement(config)),
        ("Open to anybody", open(config)),
        ("Signing in", signing_in(config)),
        ("Cookies", cookies(config)),
        ("The second factor", second_factor(config)),
        ("When something is down", when_down(config)),
        ("Holes", risks::holes(config)),
        ("Warnings", risks::warnings(config)),
    ]
    .into_iter()
    .filter(|(_, sentences)| !sentences.is_empty())
    .map(|(title, sentences)| Part { title, sentences })
    .collect()
}

fn placement(config: &Config) -> Vec<String> {
    let listen = &config.listen;
    let portal = &config.portal;
    let mut say = match portal.forward_auth {
        true => front::placement(config),
        false => vec![format!(
            "doorstep listens on {} as {} and forwards to the portal at {}.",
            listen.address, listen.public_url, portal.upstream.origin
        )],
    };
    say.push(match &listen.tls {
        Some(tls) => format!(
            "It ends TLS itself, with the certificate {}.",
            tls.certificate.display()
        ),
        None if listen.public_url.is_secure() => {
            "It ends no TLS itself: something in front of it must.".to_owned()
        }
        None => "It speaks plain http on a loopback address, for development.".to_owned(),
    });
    say.extend(own_pages::sentences(config));
    if listen.trusted_proxies.is_empty() {
        say.push("Forwarding headers are believed from nobody; the client is whoever connects.".into());
    }
    if let Some(header) = &listen.place_header {
        say.push(format!(
            "The place that phones show is what the trusted proxies say in {header}."
        ));
    }
    let ops = &config.ops;
    say.push(match &ops.token_file {
        Some(file) => format!(
            "Health, metrics and the admin API are on {}, with the token in {}.",
            ops.address,
            file.display()
        ),
        None => format!(
            "Health and metrics are on {}; no token_file is given, so the admin API is shut.",
            ops.address
        ),
    });
    say.extend(told(config));
    if let Some(header) = &portal.identity_header {
        say.push(format!(
            "The portal is told who it is in the header {header}; what a client sends there is removed."
        ));
    }
    if portal.rewrite_origin {
        say.push(format!(
            "Origin and Referer reach the portal with its own origin, {}.",
            portal.upstream.origin
        ));
    }
    say.extend(pages::placement(config));
    say.push(format!(
        "After SIGTERM, requests in flight have {} to finish.",
        show_duration(listen.drain)
    ));
    say
}

fn open(config: &Config) -> Vec<String> {
    let rules = &config.portal.rules;
    let mut say = vec!["Every request is protected unless it is named here.".to_owned()];
    say.extend(rules.public.iter().map(|public| format!("{}.", entry(public))));
    let opening: Vec<&LoginRule> = rules
        .logins
        .iter()
        .filter(|login| login.username != UsernameSource::Basic)
        .filter(|login| {
            (login.where_form.is_empty() && login.where_json.is_empty()) || !login.where_query.is_empty()
        })
        .filter(|login| login.method == http::Method::POST)
        .collect();
    for login in &opening {
        let with = match login.where_query.is_empty() {
            true => String::new(),
            false => format!(" with {} in the query", pairs(&login.where_query)),
        };
        say.push(format!(
            "GET and HEAD of {}{with}, a login's own page.",
            login.path.as_str()
        ));
    }
    let page = rules.login_page.path();
    let is_told = |login: &&LoginRule| login.where_query.is_empty() && login.path.matches(page);
    if !page.is_empty() && !opening.iter().any(is_told) {
        say.push(login_page(rules));
    }
    say.push(match rules.anonymous {
        Anonymous::Login if page.is_empty() => {
            "Somebody not signed in who asks for anything else is asked for HTTP Basic credentials; the portal does not see \
             the request."
                .to_owned()
        }
        Anonymous::Login => format!(
            "Somebody not signed in who asks for anything else is sent to {}; the portal does not see the request.",
            rules.login_page.0
        ),
        Anonymous::Forward => "Somebody not signed in reaches the portal with any request, without credentials: \
                               what it shows to strangers is the portal's own decision."
            .to_owned(),
    });
    if !rules.closed.is_empty() {
        let closed: Vec<&str> = rules.closed.iter().map(|glob| glob.as_str()).collect();
        say.push(format!("Never forwarded, to nobody: {}.", and(&closed)));
    }
    if !rules.session_parameters.is_empty() {
        let names: Vec<&str> = rules.session_parameters.iter().map(String::as_str).collect();
        say.push(format!(
            "A request with the parameter {} is never open: it could carry a session.",
            or(&names)
        ));
    }
    if !rules.credential_headers.is_empty() {
        let names: Vec<&str> = rules
            .credential_headers
            .iter()
            .map(http::HeaderName::as_str)
            .collect();
        say.push(format!(
            "A token in the header {} goes up only if the session's own login brought it.",
            or(&names)
        ));
    }
    say
}

/// The page that strangers are sent to, with what must stand in its query.
fn login_page(rules: &PortalRules) -> String {
    let page = rules.login_page.path();
    let query = rules.login_page.0.split_once('?').map_or("", |(_, query)| query);
    let fixed: Vec<&str> = query
        .split('&')
        .filter(|piece| !piece.is_empty() && !piece.contains("{target}"))
        .collect();
    match fixed.is_empty() {
        true => format!("GET and HEAD of {page}, where somebody not signed in is sent."),
        false => format!(
            "GET and HEAD of {page} with {} in the query, whatever else stands there, where somebody not signed in is sent. Where \
             another parameter can make a different page of it (MediaWiki's curid), strangers get that one as the portal \
             shows it to strangers.",
            and(&fixed)
        ),
    }
}

fn signing_in(config: &Config) -> Vec<String> {
    let mut say: Vec<String> = match config.portal.forward_auth {
        true => front::signing_in(config),
        false => config.portal.rules.logins.iter().flat_map(login).collect(),
    };
    if !config.portal.forward_auth {
        say.extend(doors::identity(config));
    }
    let limits = &config.limits;
    say.push(format!(
        "After {} wrong passwords for one login in {}, or {} from one address in {}, the answer is 429.",
        limits.failed_passwords_per_login.count,
        show_duration(limits.failed_passwords_per_login.window),
        limits.failed_passwords_per_address.count,
        show_duration(limits.failed_passwords_per_address.window)
    ));
    say.extend(limits.bounds.in_words());
    let logout = &config.portal.rules.logout;
    if !logout.is_empty() {
        let entries: Vec<String> = logout.iter().map(entry).collect();
        say.push(format!("{} end the session and its vault.", and(&entries)));
    }
    let sessions = &config.sessions;
    say.push(format!(
        "A session ends after {} without use, and after {} whatever happens; a firm may shorten both.",
        show_duration(sessions.idle_timeout),
        show_duration(sessions.absolute_timeout)
    ));
    say
}

fn login(rule: &LoginRule) -> Vec<String> {
    let path = rule.path.as_str();
    let mut conditions = Vec::new();
    if !rule.where_query.is_empty() {
        conditions.push(format!("with {} in the query", pairs(&rule.where_query)));
    }
    if !rule.where_form.is_empty() {
        conditions.push(format!("with {} in the form", pairs(&rule.where_form)));
    }
    if !rule.where_json.is_empty() {
        let shown: Vec<String> = rule
            .where_json
            .iter()
            .map(|(at, value)| format!("{} = {}", at.as_str(), value.shown()))
            .collect();
        conditions.push(format!("with {} in its JSON", and(&shown)));
    }
    let with = match conditions.is_empty() {
        true => String::new(),
        false => format!(" {}", and(&conditions)),
    };
    let what = match &rule.username {
        UsernameSource::Form(field) => format!("the form field {field:?} is the username"),
        UsernameSource::Multipart(field) => format!("the multipart field {field:?} is the username"),
        UsernameSource::Json(pointer) => format!("{} in its JSON is the username", pointer.as_str()),
        UsernameSource::Answer => "it does not tell who signs in".to_owned(),
        UsernameSource::Basic => String::new(),
    };
    let mut say = vec![
        match rule.username {
            UsernameSource::Basic => format!(
                "HTTP Basic credentials are tried with a {} of {path}, and from then on go up only within the session that they made.",
                rule.method
            ),
            _ => format!("A {} of {path}{with} is a login; {what}.", rule.method),
        },
        format!(
            "Its password was accepted where the portal's answer {}.",
            criterion(&rule.success)
        ),
    ];
    if let Some(failure) = &rule.failure {
        say.push(format!(
            "It was refused where the answer {}; an answer that fits neither is shut and reported.",
            criterion(failure)
        ));
    }
    if let (true, Some(field)) = (rule.everywhere, rule.username.field()) {
        say.push(format!(
            "Any other request with {field:?} in its query or its form is never forwarded, to nobody: it could sign \
             in somebody else."
        ));
    }
    if let Some(pointer) = &rule.answer {
        say.push(format!(
            "Who signed in is {} in the answer's JSON, whatever was typed; an answer without it lets nobody in.",
            pointer.as_str()
        ));
    }
    if let Some(pointer) = &rule.bearer {
        say.push(format!(
            "{} in the answer's JSON is a bearer token: withheld while a factor is owed, then good only within that session.",
            pointer.as_str()
        ));
    }
    if !rule.from.is_empty() {
        say.push(format!("Pages of {} may send it too.", and(&rule.from)));
    }
    say.push(format!(
        "The login may be {} bytes long; the portal has {} to answer, and {} bytes of its answer are judged.",
        rule.request_limit,
        show_duration(rule.timeout),
        rule.answer_limit
    ));
    say
}

fn cookies(config: &Config) -> Vec<String> {
    if config.portal.forward_auth {
        return front::cookies();
    }
    let rules = &config.portal.rules;
    let pass: Vec<&str> = rules.pass_cookies.iter().map(|glob| glob.as_str()).collect();
    let mut say = vec![match pass.is_empty() {
        true => {
            "No cookie of the portal reaches the browser: all stay in the vault. Cookies that the portal's \
                 scripts set themselves do not reach the portal."
                .to_owned()
        }
        false => format!(
            "Of the portal's cookies {} reach the browser, and come from it; all others stay in the vault.",
            and(&pass)
        ),
    }];
    if !rules.session_cookies.is_empty() {
        let session: Vec<&str> = rules.session_cookies.iter().map(|glob| glob.as_str()).collect();
        say.push(format!("The portal's session is in {}.", and(&session)));
    }
    say
}

fn second_factor(config: &Config) -> Vec<String> {
    let factors = &config.factors;
    let totp = factors.totp;
    let mut say = vec![
        "Each firm's flag decides, read anew for every request; a firm whose policy cannot be read counts as on."
            .to_owned(),
        format!(
            "Keys of an authenticator app count once, with {} digits every {} s and {} of tolerance.",
            totp.digits,
            totp.period,
            match totp.skew {
                0 => "no step".to_owned(),
                1 => "one step".to_owned(),
                more => format!("{more} steps"),
            }
        ),
    ];
    say.push(match (&factors.sms, vendor_of_sms(config)) {
        (None, _) => "No SMS provider is given: nobody can ask for a token by SMS.".to_owned(),
        (Some(_), Some(vendor)) => vendor_sms(config, vendor),
        (Some(sms), None) => format!(
            "Tokens by SMS have {} digits, hold for {}, and are sent {}. {}",
            sms.digits,
            show_duration(sms.ttl),
            match &sms.provider {
                SmsProvider::File { path } => format!("into the file {}", path.display()),
                other => format!("through {}", sms_place(other)),
            },
            sms_limits(config)
        ),
    });
    say.extend(vendor_sentences(config));
    say.push(format!(
        "A challenge stays open for {}. Five wrong tokens in a row lock an employee's tokens for a minute, then longer.",
        show_duration(factors.challenge_ttl)
    ));
    say.push(format!(
        "A new number that an employee asks for counts {} after an admin or a recovery code has said yes, and never without.",
        show_duration(factors.phone_change_hold)
    ));
    let mut without = vec![
        "employees of a firm whose two-factor is off",
        "employees of a firm under break-glass (until it ends)",
        "employees who come from one of their firm's networks",
    ];
    if config.directory.unknown_employee == UnknownEmployee::Pass {
        without.push("everybody whom the portal lets in and the directory does not know");
    }
    say.push(format!(
        "On a password alone get in {}; each time is written into the audit.",
        and(&without)
    ));
    say
}

fn when_down(config: &Config) -> Vec<String> {
    let directory = place_of(config.directory.url.reveal());
    let mut say = vec![
        format!(
            "The portal ({}): its requests are answered 502 or 504; people stay signed in.",
            config.portal.upstream.origin
        ),
        format!(
            "The directory ({directory}): within a second every request but open ones is answered 503, nobody gets in, nobody is signed out; it goes on when the directory is back."
        ),
    ];
    say.push(match &config.sessions.store {
        StoreSettings::Memory => "The session store is this process: a restart signs everybody out, and a second \
                                  gateway could not share it."
            .to_owned(),
        StoreSettings::Redis(url) => format!(
            "The session store ({}): requests are answered 503, nobody gets in, nobody is signed out; sessions that it lost must sign in anew.",
            place_of(url.reveal())
        ),
    });
    if let Some(sms) = &config.factors.sms {
        let place = sms_place(&sms.provider);
        say.push(format!(
            "The SMS provider ({place}): no token can be sent; keys from an app go on."
        ));
    }
    say.extend(vendors::when_down(config));
    say
}

/// Who is told of what happens.
fn told(config: &Config) -> Vec<String> {
    let mut say = Vec::new();
    let (smtp, sms) = (&config.notices.smtp, config.notices.sms);
    if let Some(smtp) = smtp {
        let else_sms = if sms {
            "; whoever has no address is sent an SMS"
        } else {
            ""
        };
        say.push(format!(
            "Employees and their firm's admins are told of changes to factors, numbers and policy by e-mail from {} through {}:{}{else_sms}.",
            smtp.from, smtp.host, smtp.port
        ));
        if smtp.ca.is_some() {
            say.push(
                "The mail server's certificate is taken only if the authority in its ca signed it.".into(),
            );
        }
    } else if sms {
        say.push(
            "Employees and their firm's admins are told of changes to factors, numbers and policy by SMS."
                .into(),
        );
    } else {
        say.push("Nobody is told of changes to factors, numbers and policy: [notices] is not given.".into());
    }
    if let Some(file) = &config.audit.file {
        say.push(format!(
            "Each row of the audit is appended to {}.",
            file.display()
        ));
    }
    if let Some(webhook) = &config.audit.webhook {
        let host = webhook.url.host_str().unwrap_or_default();
        say.push(format!("Each row of the audit is sent to {host}, signed."));
    }
    say
}

#[cfg(test)]
mod tests;
