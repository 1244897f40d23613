//! What the portal's pages are.

use super::reply::Framing;
use super::{ACCOUNTS, Accepted, CANARY, Reply, SECRET, SLOWNESS, Seen, State};

/// What to do about a request.
pub(super) enum Step {
    /// Answer it.
    Reply(Reply),
    /// Send events for ever.
    Events,
    /// Become a WebSocket.
    Socket,
    /// Send so many bytes.
    Download(u64),
}

/// Answers a request.
pub(super) fn answer(state: &mut State, seen: &Seen) -> Step {
    if let Some(reply) = state.overrides.get(seen.path()) {
        return Step::Reply(reply.clone());
    }
    if seen.path() == "/api/socket" {
        return Step::Socket;
    }
    if let Some(reply) = super::doors::answer(state, seen) {
        return Step::Reply(reply);
    }
    let reply = match (seen.method.as_str(), seen.path()) {
        ("GET" | "HEAD", "/login") => login_page(state, seen),
        ("POST", "/login") => login(state, seen),
        (_, "/logout") => {
            if let Some(id) = seen.cookie("sid") {
                state.sessions.remove(&id);
            }
            Reply::redirect(302, "/login").cookie("sid=; Path=/; Max-Age=0")
        }
        (_, path) if path.starts_with("/public/") => Reply::page("pong"),
        (_, path) if path.starts_with("/static/") => Reply::new(200)
            .header("Content-Type", "text/css")
            .body("body { color: black }"),
        _ => return protected(state, seen),
    };
    Step::Reply(reply)
}

fn login_page(state: &mut State, seen: &Seen) -> Reply {
    let known = seen.cookie("sid").filter(|id| state.sessions.contains_key(id));
    let mut page = Reply::page(
        "<form method=post action=/login><input name=email><input name=password type=password>\
         <input type=hidden name=next value=''><button>Log in</button></form>",
    )
    .cookie("csrftoken=csrf-of-the-portal; Path=/")
    .cookie("hidden=kept-in-the-vault; Path=/; HttpOnly");
    if known.is_none() {
        let id = state.new_session();
        page = page.cookie(format!("sid={id}; Path=/; HttpOnly"));
    }
    page
}

fn login(state: &mut State, seen: &Seen) -> Reply {
    let email = seen.field("email").unwrap_or_default().trim().to_lowercase();
    let password = seen.field("password").unwrap_or_default();
    let Some((login, _)) = ACCOUNTS.iter().find(|(l, p)| *l == email && *p == password) else {
        return Reply::page("That is not right. <form method=post action=/login></form>");
    };
    let kept = seen
        .cookie("sid")
        .filter(|id| state.knobs.keeps_cookie && state.sessions.contains_key(id));
    let id = kept.unwrap_or_else(|| state.new_session());
    state.sessions.insert(id.clone(), Some((*login).to_owned()));
    accepted(state.knobs.accepted)
        .cookie(format!("sid={id}; Path=/; HttpOnly"))
        .cookie(format!("extra={CANARY}-cookie; Path=/app"))
        .cookie("theme=dark; Path=/")
        .header("X-Api-Token", format!("{CANARY}-header"))
        .header("Link", format!("</{CANARY}-link>; rel=preload"))
}

fn accepted(how: Accepted) -> Reply {
    let home = format!("/app/home?{CANARY}-location");
    let page = Reply::page(format!("Welcome {CANARY}-body {SECRET}"));
    match how {
        Accepted::Redirect302 => Reply::redirect(302, &home).body(format!("{CANARY}-body")),
        Accepted::Redirect303 => Reply::redirect(303, &home),
        Accepted::Page => page,
        Accepted::ChunkedPage => page.framed(Framing::Chunked),
        Accepted::GzipPage => page.gzip(),
        Accepted::Slow => Reply::redirect(302, &home).after(SLOWNESS),
        Accepted::EarlyHints => Reply::redirect(302, &home)
            .early_hint("Set-Cookie", &format!("early={CANARY}-early; Path=/"))
            .early_hint("Link", &format!("</{CANARY}-early>; rel=preload")),
        Accepted::Oversized => {
            let mut page = page;
            page.body.resize(3 << 19, b' ');
            page
        }
        Accepted::BrokenOff => page.framed(Framing::BrokenOff),
    }
}

/// What only signed-in people see; everybody else is sent to the login, as portals do.
fn protected(state: &mut State, seen: &Seen) -> Step {
    let id = seen.cookie("sid").unwrap_or_default();
    let Some(Some(login)) = state.sessions.get(&id).cloned() else {
        return Step::Reply(Reply::redirect(302, "/login"));
    };
    match seen.path() {
        "/app/events" => return Step::Events,
        "/app/socket" => return Step::Socket,
        "/app/download" => {
            let size = seen.query("size").and_then(|size| size.parse().ok());
            return Step::Download(size.unwrap_or(1024));
        }
        _ => {}
    }
    let mut reply = Reply::page(format!("{SECRET} for {login} at {}", seen.target));
    if state.knobs.rotates {
        let new = state.new_session();
        state.sessions.insert(new.clone(), Some(login));
        reply = reply.cookie(format!("sid={new}; Path=/; HttpOnly"));
    }
    Step::Reply(reply)
}
