//! `[portal]`: where it is, what is open, which cookies leave the vault.

use std::ops::Range;

use http::{HeaderName, Method};
use toml::{Spanned, Value};

use super::overlap::globs_overlap;
use super::reader::Reader;
use super::text::{EntryText, PortalText, Text};
use super::{Listen, Origin, Portal, Upstream, probes};
use crate::gate::Glob;
use crate::gate::rules::{Anonymous, LoginPage, LoginRule, Matcher, PortalRules, UsernameSource};

/// Parameters that carry a session in the portals we know (I2).
const SESSION_PARAMETERS: [&str; 5] = ["PHPSESSID", "JSESSIONID", "sid", "session_id", "access_token"];
/// Never vaulted, passed, forwarded or matched by a glob (I3).
const OWN_COOKIES: [&str; 4] = [
    "__Host-doorstep",
    "__Host-doorstep-device",
    "doorstep",
    "doorstep-device",
];

/// Headers that can carry a token beside `Authorization`: GitLab's, and Redmine's.
const CREDENTIAL_HEADERS: [&str; 5] = [
    "private-token",
    "job-token",
    "deploy-token",
    "x-redmine-api-key",
    "x-redmine-switch-user",
];

/// Where each part of the rules stands in the file, for errors about two of them.
#[derive(Default)]
pub(super) struct Places {
    pub public: Vec<Range<usize>>,
    pub closed: Vec<Range<usize>>,
    pub logout: Vec<Range<usize>>,
    pub logins: Vec<Range<usize>>,
    pub login_page: Option<Range<usize>>,
}

/// Reads `[portal]`; `logins` are its rules, `places.logins` where they stand.
pub(super) fn portal(
    reader: &mut Reader<'_>,
    text: &PortalText,
    logins: Option<Vec<LoginRule>>,
    places: &mut Places,
    listen: Option<&Listen>,
) -> Option<Portal> {
    let resume = resume(reader, text);
    let name = reader.optional(text.name.as_ref(), parse_name);
    let upstream = upstream(reader, text, listen);
    let public = entries(reader, &text.public, "public", &[Method::GET, Method::HEAD]);
    let logout = entries(reader, &text.logout, "logout", &[Method::GET, Method::POST]);
    let closed = reader.values(&text.closed, parse_path);
    places.public = text.public.iter().map(Spanned::span).collect();
    places.logout = text.logout.iter().map(Spanned::span).collect();
    places.closed = text.closed.iter().map(Spanned::span).collect();
    places.login_page = text.login_page.as_ref().map(Spanned::span);
    let anonymous = reader.value_or(text.anonymous.as_ref(), Anonymous::Login, |word| match word {
        "login" => Ok(Anonymous::Login),
        "forward" => Ok(Anonymous::Forward),
        other => Err(format!("{other:?} is not known; write \"login\" or \"forward\"")),
    });
    let rewrite_origin = reader.value_or(text.origin.as_ref(), false, |word| match word {
        "forward" => Ok(false),
        "rewrite" => Ok(true),
        other => Err(format!(
            "{other:?} is not known; write \"forward\" or \"rewrite\""
        )),
    });
    let identity_header = reader.optional(text.identity_header.as_ref(), parse_identity_header);
    let cookies = cookies(reader, text);
    let session_parameters = match &text.session_parameters {
        None => Some(SESSION_PARAMETERS.map(str::to_owned).to_vec()),
        Some(names) => reader.values(names, |name| match name.is_empty() {
            true => Err("a parameter's name cannot be empty".into()),
            false => Ok(name.to_owned()),
        }),
    };
    let credential_headers = match &text.credential_headers {
        None => Some(CREDENTIAL_HEADERS.map(HeaderName::from_static).to_vec()),
        Some(names) => reader.values(names, parse_identity_header),
    };
    let login_page = login_page(reader, text, logins.as_deref());
    let who_am_i = text
        .who_am_i
        .as_ref()
        .map_or(Some(None), |text| probes::who_am_i(reader, text).map(Some));
    let exempt = probes::exempt(reader, &text.exempt);
    let forward_auth = mode(reader, text, listen);
    let (pass_cookies, session_cookies) = cookies?;
    Some(Portal {
        name: name?.unwrap_or(listen?.public_url.host().to_owned()),
        upstream: upstream?,
        rules: PortalRules {
            public: public?,
            closed: closed?,
            login_page: login_page?,
            anonymous: anonymous?,
            logout: logout?,
            logins: logins?,
            pass_cookies,
            session_cookies,
            session_parameters: session_parameters?,
            credential_headers: credential_headers?,
            exempt: exempt?,
            resume: resume?,
            who_am_i: who_am_i?,
        },
        identity_header: identity_header?,
        rewrite_origin: rewrite_origin?,
        step_up_script: text.step_up_script,
        forward_auth: forward_auth?,
    })
}

/// Whose forms are kept: all, some by a list, some by a `[[portal.route]]`.
fn resume(reader: &mut Reader<'_>, text: &PortalText) -> Option<Vec<Glob>> {
    for entry in text.public.iter().chain(&text.logout) {
        if let Some(resume) = entry
            .get_ref()
            .table
            .as_ref()
            .and_then(|table| table.resume.as_ref())
        {
            let what = "an open request is never interrupted: say resume = true in [portal], or in a [[portal.route]]";
            reader.refuse(resume.span(), what);
        }
    }
    let listed = match &text.resume {
        None => Some(Vec::new()),
        Some(value) => listed(reader, value),
    };
    let routes = text.route.iter().filter(|route| route.resume);
    let routes: Vec<Option<Glob>> = routes
        .map(|route| reader.value(&route.path, parse_path))
        .collect();
    let routes: Option<Vec<Glob>> = routes.into_iter().collect();
    let mut all = listed?;
    all.extend(routes?);
    if let Some(mode) = text
        .mode
        .as_ref()
        .filter(|mode| mode.get_ref() == "forward-auth" && !all.is_empty())
    {
        let what = "resume does nothing in forward-auth mode: forms do not pass here";
        reader.refuse(mode.span(), what);
    }
    Some(all)
}

fn listed(reader: &mut Reader<'_>, value: &Spanned<Value>) -> Option<Vec<Glob>> {
    let span = value.span();
    match value.get_ref() {
        Value::Boolean(false) => Some(Vec::new()),
        Value::Boolean(true) => Some(vec![Glob::parse("**").ok()?]),
        Value::Array(paths) if paths.iter().all(Value::is_str) => {
            let paths = paths.iter().filter_map(Value::as_str);
            paths
                .map(|path| reader.value(&Spanned::new(span.clone(), path.to_owned()), parse_path))
                .collect()
        }
        _ => {
            reader.refuse(span, "resume is true, or a list of paths: [\"/tickets/**\"]");
            None
        }
    }
}

/// Whether another proxy serves the portal, and then what that needs.
fn mode(reader: &mut Reader<'_>, text: &PortalText, listen: Option<&Listen>) -> Option<bool> {
    let forward_auth = reader.value_or(text.mode.as_ref(), false, |word| match word {
        "proxy" => Ok(false),
        "forward-auth" => Ok(true),
        other => Err(format!(
            "{other:?} is not known; write \"proxy\" or \"forward-auth\""
        )),
    })?;
    let Some(word) = text.mode.as_ref().filter(|_| forward_auth) else {
        return Some(false);
    };
    if text.who_am_i.is_none() {
        let what = "forward-auth needs [portal.who_am_i]: logins do not pass here, so only the portal can say who it is";
        reader.refuse(word.span(), what);
    }
    if listen.is_some_and(|listen| listen.trusted_proxies.is_empty()) {
        let what = "forward-auth needs [listen] trusted_proxies: only a proxy that they name is answered";
        reader.refuse(word.span(), what);
    }
    if listen.is_some_and(|listen| listen.own_url.is_some()) {
        let what = "forward-auth does without own_url: the proxy in front has one origin to send here";
        reader.refuse(word.span(), what);
    }
    if text.step_up_script {
        let what = "step_up_script does nothing in forward-auth mode: the portal's pages do not pass here";
        reader.refuse(word.span(), what);
    }
    Some(true)
}

fn parse_name(text: &str) -> Result<String, String> {
    let name = text.trim();
    if name.is_empty() || name.chars().count() > 80 || name.chars().any(char::is_control) {
        return Err("the portal's name is 1 to 80 characters".into());
    }
    Ok(name.to_owned())
}

fn upstream(reader: &mut Reader<'_>, text: &PortalText, listen: Option<&Listen>) -> Option<Upstream> {
    let span = text.upstream.span();
    let origin = match text.upstream.get_ref() {
        Value::String(url) => reader.value(&Spanned::new(span, url.clone()), |url| {
            Origin::parse(url).map_err(|what| format!("{what}; upstream is written as http://127.0.0.1:8081"))
        }),
        Value::Array(_) => {
            reader.refuse(
                span,
                "several upstreams are not built yet; name one, such as \"http://127.0.0.1:8081\"",
            );
            None
        }
        _ => {
            reader.refuse(span, "upstream is a text, such as \"http://127.0.0.1:8081\"");
            None
        }
    };
    if let (Some(origin), Some(listen)) = (&origin, listen)
        && leads_back(origin, listen)
    {
        let what = format!("{origin} is doorstep itself: upstream is where the portal is");
        reader.refuse(text.upstream.span(), what);
        return None;
    }
    let ca = match &text.ca {
        None => Some(None),
        Some(file) => reader.file_path(file).map(Some),
    };
    if let (Some(file), Some(origin)) = (&text.ca, &origin)
        && !origin.is_secure()
    {
        reader.refuse(file.span(), "ca is for an https:// upstream only");
    }
    Some(Upstream {
        origin: origin?,
        ca: ca?,
    })
}

/// Whether requests sent there would come back to doorstep's own listener.
fn leads_back(origin: &Origin, listen: &Listen) -> bool {
    let host = origin.host().trim_start_matches('[').trim_end_matches(']');
    let own = listen.address;
    let here = match host.parse::<std::net::IpAddr>() {
        Ok(ip) => ip == own.ip() || (own.ip().is_unspecified() && ip.is_loopback()),
        Err(_) => host == "localhost" && (own.ip().is_loopback() || own.ip().is_unspecified()),
    };
    (here && origin.port() == own.port()) || *origin == listen.public_url
}

/// A path that configuration may name (I2): only what a plain request can match.
pub(super) fn parse_path(text: &str) -> Result<Glob, String> {
    let refused = |why: &str| Err(format!("the path {text:?} {why}"));
    if !text.starts_with('/') {
        return refused("does not begin with /");
    }
    if text.contains("//") {
        return refused("holds //, which no plain request has");
    }
    if text.split('/').any(|segment| segment == "." || segment == "..") {
        return refused("holds a dot segment, which no plain request has");
    }
    if let Some(odd) = text
        .chars()
        .find(|c| !c.is_ascii_graphic() || ";%\\?#\"<>^`{}|".contains(*c))
    {
        return refused(&format!(
            "holds {odd:?}, which the path of a plain request does not"
        ));
    }
    if text == "/.doorstep" || text.starts_with("/.doorstep/") {
        return refused("is one of doorstep's own: what is below /.doorstep/ is never the portal's");
    }
    Glob::parse(text)
}

fn entries(
    reader: &mut Reader<'_>,
    entries: &[Spanned<EntryText>],
    list: &str,
    default_methods: &[Method],
) -> Option<Vec<Matcher>> {
    let read: Vec<Option<Matcher>> = entries
        .iter()
        .map(|entry| matcher(reader, entry, list, default_methods))
        .collect();
    read.into_iter().collect()
}

fn matcher(
    reader: &mut Reader<'_>,
    entry: &Spanned<EntryText>,
    list: &str,
    default_methods: &[Method],
) -> Option<Matcher> {
    let span = entry.span();
    if let Some(path) = &entry.get_ref().path {
        let path = reader.value(&Spanned::new(span, path.get_ref().clone()), parse_path)?;
        return Some(Matcher {
            path,
            methods: default_methods.to_vec(),
            query: Vec::new(),
            form: Vec::new(),
            fields: Vec::new(),
        });
    }
    let table = entry.get_ref().table.as_ref()?;
    let path = reader.value(&table.path, parse_path);
    let methods = match &table.methods {
        None => Some(default_methods.to_vec()),
        Some(names) => reader.values(names, parse_method),
    };
    if methods.as_ref().is_some_and(Vec::is_empty) {
        reader.refuse(span.clone(), "methods is empty: the entry would match nothing");
        return None;
    }
    let reads_body = !table.form.is_empty() || !table.fields.is_empty();
    if reads_body
        && methods
            .as_ref()
            .is_some_and(|methods| !methods.contains(&Method::POST))
    {
        reader.refuse(
            span.clone(),
            "form and fields are looked at in a POST only; add methods = [\"POST\"]",
        );
        return None;
    }
    if list == "logout" && !table.fields.is_empty() {
        reader.refuse(span, "fields is a key of public entries only; take it out");
        return None;
    }
    Some(Matcher {
        path: path?,
        methods: methods?,
        query: table.query.clone().into_iter().collect(),
        form: table.form.clone().into_iter().collect(),
        fields: table.fields.iter().map(|field| field.get_ref().clone()).collect(),
    })
}

pub(super) fn parse_method(text: &str) -> Result<Method, String> {
    let known = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
    if !known.contains(&text) {
        return Err(format!(
            "{text:?} is no method to open; write one of {}",
            known.join(", ")
        ));
    }
    Method::from_bytes(text.as_bytes()).map_err(|_| format!("{text:?} is no method"))
}

/// Headers that carry the message, credentials or the client's address cannot tell an identity too.
fn parse_identity_header(text: &str) -> Result<HeaderName, String> {
    const TAKEN: [&str; 14] = [
        "host",
        "cookie",
        "set-cookie",
        "authorization",
        "proxy-authorization",
        "connection",
        "upgrade",
        "content-length",
        "content-type",
        "transfer-encoding",
        "te",
        "trailer",
        "origin",
        "referer",
    ];
    let name =
        HeaderName::from_bytes(text.as_bytes()).map_err(|_| format!("{text:?} is no header's name"))?;
    if TAKEN.contains(&name.as_str()) || name.as_str().starts_with("x-forwarded-") || name == "forwarded" {
        return Err(format!(
            "{text} has a meaning of its own; choose a name such as X-Doorstep-User"
        ));
    }
    Ok(name)
}

fn cookies(reader: &mut Reader<'_>, text: &PortalText) -> Option<(Vec<Glob>, Vec<Glob>)> {
    let session = reader.values(&text.session_cookies, parse_cookie_glob);
    let session_globs: Vec<(String, usize)> = text
        .session_cookies
        .iter()
        .map(|glob| (glob.get_ref().clone(), reader.line(&glob.span())))
        .collect();
    let pass = reader.values(&text.pass_cookies, |text| {
        let glob = parse_cookie_glob(text)?;
        if text.bytes().all(|byte| byte == b'*') {
            return Err(format!(
                "{text:?} would pass every cookie to the browser, the portal's session too; name those that \
                 its scripts need"
            ));
        }
        match session_globs.iter().find(|(session, _)| globs_overlap(text, session)) {
            None => Ok(glob),
            Some((session, line)) => Err(format!(
                "{text:?} would pass the session cookie {session:?} (line {line}) to the browser; it must stay \
                 in the vault"
            )),
        }
    });
    Some((pass?, session?))
}

fn parse_cookie_glob(text: &str) -> Result<Glob, String> {
    if OWN_COOKIES.contains(&text) {
        return Err(format!(
            "{text} is doorstep's own cookie and is never the portal's"
        ));
    }
    if !text
        .bytes()
        .all(|byte| byte.is_ascii_graphic() && !b"()<>@,;:\\\"/[]?={}".contains(&byte))
    {
        return Err(format!("{text:?} is no cookie's name (RFC 6265 4.1.1)"));
    }
    Glob::parse(text)
}

fn login_page(reader: &mut Reader<'_>, text: &PortalText, logins: Option<&[LoginRule]>) -> Option<LoginPage> {
    let by_form = |rule: &&LoginRule| rule.username != UsernameSource::Basic;
    let first = logins.and_then(|rules| rules.iter().find(by_form));
    if let Some(page) = &text.login_page {
        if logins.is_some() && first.is_none() {
            reader.refuse(
                page.span(),
                "login_page is never shown: HTTP Basic is the only way to sign in; leave it out",
            );
            return None;
        }
        return reader.value(page, parse_login_page);
    }
    logins?;
    let Some(first) = first else {
        return Some(LoginPage(String::new()));
    };
    if !first.path.is_exact() {
        let what = format!(
            "the first login rule's path {:?} names many pages; say with login_page where somebody not signed in is sent",
            first.path.as_str()
        );
        reader.refuse(text.upstream.span(), what);
        return None;
    }
    // With a `where` the page is only open with its query part.
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(first.where_query.iter().filter(|(_, value)| !value.is_empty()));
    let query = query.finish();
    let path = first.path.as_str();
    Some(LoginPage(if query.is_empty() {
        path.to_owned()
    } else {
        format!("{path}?{query}")
    }))
}

fn parse_login_page(text: &str) -> Result<LoginPage, String> {
    let (path, query) = text.split_once('?').unwrap_or((text, ""));
    if path.contains('*') {
        return Err("login_page is one page, not a pattern".into());
    }
    parse_path(path)?;
    let rest = query.replace("{target}", "");
    if let Some(odd) = rest
        .chars()
        .find(|c| !c.is_ascii_graphic() || "#\"<>^`{}|\\".contains(*c))
    {
        return Err(format!(
            "login_page holds {odd:?}; its only placeholder is {{target}}, in the query"
        ));
    }
    Ok(LoginPage(text.to_owned()))
}

/// One text of the file that is not empty.
pub(super) fn not_empty(reader: &mut Reader<'_>, text: &Text, what: &str) -> Option<String> {
    reader.value(text, |value| match value.is_empty() {
        true => Err(format!("{what} cannot be empty")),
        false => Ok(value.to_owned()),
    })
}
