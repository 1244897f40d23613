//! Which cookies are the portal's session, and which its scripts need.

use super::attempts::Login;
use super::exchange::{Print, Recording};
use super::names;
use super::varying::Varying;

/// What is to be said of cookies.
#[derive(Default)]
pub struct Cookies {
    /// Names or globs of the session's.
    pub session: Vec<String>,
    /// Names or globs of those that scripts need, each with why.
    pub pass: Vec<(String, String)>,
    /// Those that stay in the vault though scripts could read them: names.
    pub kept: Vec<String>,
    /// Those that were there before the portal answered anything.
    pub foreign: Vec<String>,
    /// Set by a script, and passed for that reason.
    pub by_script: Vec<String>,
    /// Session cookies that are the same before and after the login.
    pub unchanged: Vec<String>,
    /// Session cookies that scripts read: they stay in the vault all the same.
    pub read_by_script: Vec<String>,
    /// Cookies of the login that outlive the browser by more than a day, with days.
    pub lasting: Vec<(String, i64)>,
}

/// One cookie, over the whole recording.
struct Seen {
    name: String,
    http_only: bool,
    random: bool,
    /// Whether an accepted login left it living.
    at_login: bool,
    prints: Vec<Print>,
    lasts: Option<i64>,
}

/// Sorts the cookies.
pub fn find(recording: &Recording, logins: &[Login], varying: &Varying) -> Cookies {
    let mut cookies = Cookies::default();
    let seen = all(recording, logins);
    let foreign = brought_along(recording);
    for cookie in &seen {
        let echoed = is_echoed(recording, cookie);
        let csrf = names::is_csrf(&cookie.name);
        let taste = names::is_taste(&cookie.name);
        let looks_like_session =
            cookie.http_only || names::is_session(&cookie.name) || cookie.at_login && cookie.random;
        let glob = varying.cookie(&cookie.name);
        if csrf && !cookie.http_only {
            let why = if echoed {
                "scripts or forms send it back"
            } else {
                "a guard against other sites' forms, which scripts read"
            };
            push_pair(&mut cookies.pass, glob, why);
        } else if looks_like_session && (cookie.http_only || !taste) && !csrf {
            if echoed && !cookie.http_only {
                cookies.read_by_script.push(cookie.name.clone());
            }
            if cookie.at_login
                && let Some(lasts) = cookie.lasts.filter(|seconds| *seconds > 24 * 3600)
            {
                cookies.lasting.push((cookie.name.clone(), lasts / (24 * 3600)));
            }
            push(&mut cookies.session, glob);
        } else if echoed && !cookie.http_only {
            push_pair(&mut cookies.pass, glob, "scripts or forms send it back");
        } else if !cookie.http_only {
            push(&mut cookies.kept, glob);
        }
    }
    for name in sent(recording) {
        let set_by_portal = seen.iter().any(|cookie| cookie.name == name);
        if set_by_portal || cookies.by_script.contains(&name) {
            continue;
        }
        if foreign.contains(&name) {
            cookies.foreign.push(name);
            continue;
        }
        push_pair(
            &mut cookies.pass,
            varying.cookie(&name),
            "no answer set it: a script did",
        );
        cookies.by_script.push(name);
    }
    cookies.foreign.dedup();
    // What is the session is never passed, whatever else its name looks like.
    let session = cookies.session.clone();
    cookies.pass.retain(|(glob, _)| {
        let overlaps = |session: &String| {
            crate::gate::Glob::parse(session).is_ok_and(|session| session.matches(glob))
                || crate::gate::Glob::parse(glob).is_ok_and(|glob| glob.matches(session))
        };
        !session.iter().any(overlaps)
    });
    cookies.unchanged = unchanged(recording, logins, &cookies.session, varying);
    cookies
}

fn push(list: &mut Vec<String>, glob: String) {
    if !list.contains(&glob) {
        list.push(glob);
    }
}

fn push_pair(list: &mut Vec<(String, String)>, glob: String, why: &str) {
    if !list.iter().any(|(known, _)| *known == glob) {
        list.push((glob, why.to_owned()));
    }
}

fn all(recording: &Recording, logins: &[Login]) -> Vec<Seen> {
    let mut seen: Vec<Seen> = Vec::new();
    for (index, exchange) in recording.exchanges.iter().enumerate() {
        let is_login = logins.iter().any(|login| login.right.contains(&index));
        for cookie in exchange.answer.iter().flat_map(|answer| answer.living()) {
            let place = seen.iter().position(|known| known.name == cookie.name);
            let at = place.unwrap_or_else(|| {
                seen.push(Seen {
                    name: cookie.name.clone(),
                    http_only: cookie.http_only,
                    random: false,
                    at_login: false,
                    prints: Vec::new(),
                    lasts: None,
                });
                seen.len() - 1
            });
            let Some(known) = seen.get_mut(at) else { continue };
            known.random |= cookie.print.random;
            known.at_login |= is_login;
            known.prints.push(cookie.print);
            if is_login {
                known.lasts = cookie.lasts;
            }
        }
    }
    seen.retain(|cookie| !matches!(cookie.name.as_str(), "doorstep" | "doorstep-device"));
    seen
}

/// Whether one of its values stands in a field or a header of a request.
fn is_echoed(recording: &Recording, cookie: &Seen) -> bool {
    recording.exchanges.iter().any(|exchange| {
        let in_headers = exchange.headers.iter().any(|(_, print)| cookie.prints.contains(print));
        let fields = exchange.fields().iter().chain(&exchange.query);
        let in_fields = fields
            .filter(|field| field.print.len >= 8)
            .any(|field| cookie.prints.contains(&field.print));
        let in_bearer = matches!(&exchange.authorization, Some(super::exchange::Authorization::Bearer(print)) if cookie.prints.contains(print));
        in_headers || in_fields || in_bearer
    })
}

/// Names of the cookies that browsers sent.
fn sent(recording: &Recording) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for (name, print) in recording.exchanges.iter().flat_map(|exchange| &exchange.cookies) {
        let usable = !name.is_empty()
            && name
                .bytes()
                .all(|byte| byte.is_ascii_graphic() && !b"()<>@,;:\\\"/[]?={}*".contains(&byte));
        if print.len > 0 && usable && !names.contains(name) {
            names.push(name.clone());
        }
    }
    names.retain(|name| {
        !matches!(
            name.as_str(),
            "doorstep" | "doorstep-device" | "__Host-doorstep" | "__Host-doorstep-device"
        )
    });
    names
}

/// Cookies of the first request: nothing of this portal had run yet.
fn brought_along(recording: &Recording) -> Vec<String> {
    let first = recording.exchanges.first();
    first
        .into_iter()
        .flat_map(|exchange| &exchange.cookies)
        .map(|(name, _)| name.clone())
        .collect()
}

/// Session cookies that were sent with an accepted login and were not changed by it.
fn unchanged(recording: &Recording, logins: &[Login], session: &[String], varying: &Varying) -> Vec<String> {
    let mut names = Vec::new();
    for exchange in logins
        .iter()
        .flat_map(|login| &login.right)
        .filter_map(|index| recording.exchanges.get(*index))
    {
        for (name, print) in &exchange.cookies {
            let is_session = session.contains(&varying.cookie(name));
            let living = exchange.answer.iter().flat_map(|answer| answer.living());
            let changed = living
                .filter(|cookie| cookie.name == *name)
                .any(|cookie| cookie.print != *print);
            if is_session && !changed && !names.contains(name) {
                names.push(name.clone());
            }
        }
    }
    names
}
