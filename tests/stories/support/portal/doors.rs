//! Other ways in than the form: JSON with a cookie, a token, HTTP Basic, a link that signs in, a page that
//! makes somebody somebody else.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::{ACCOUNTS, CANARY, Reply, SECRET, Seen, State};

/// Answers a request to one of these doors.
pub(super) fn answer(state: &mut State, seen: &Seen) -> Option<Reply> {
    Some(match (seen.method.as_str(), seen.path()) {
        ("POST", "/api/login") => json_login(state, seen),
        ("POST", "/api/token") => token(state, seen),
        ("GET", "/api/me") => me(state, seen),
        ("GET", "/api/data") => data(state, seen),
        (_, path) if path.starts_with("/basic") => basic(seen),
        ("GET", "/public/sso") => {
            let id = state.new_session();
            state.sessions.insert(id.clone(), seen.query("as"));
            Reply::redirect(302, &format!("/app/home?{CANARY}-location"))
                .cookie(format!("sid={id}; Path=/; HttpOnly"))
                .body(format!("{CANARY}-body"))
        }
        ("GET", "/public/visit") => {
            let id = state.new_session();
            Reply::page("hello").cookie(format!("sid={id}; Path=/; HttpOnly"))
        }
        ("GET", "/app/become") => {
            let id = state.new_session();
            state.sessions.insert(id.clone(), seen.query("who"));
            Reply::page("changed").cookie(format!("sid={id}; Path=/; HttpOnly"))
        }
        _ => return None,
    })
}

fn account(seen: &Seen) -> Option<&'static str> {
    let body: Value = serde_json::from_slice(&seen.body).ok()?;
    let name = body["user"]["name"].as_str()?.trim().to_lowercase();
    let found = ACCOUNTS
        .iter()
        .find(|(login, password)| *login == name && body["password"] == *password);
    found.map(|(login, _)| *login)
}

fn of_json(status: u16, body: &Value) -> Reply {
    Reply::new(status)
        .header("Content-Type", "application/json")
        .body(body.to_string())
}

fn json_login(state: &mut State, seen: &Seen) -> Reply {
    let Some(login) = account(seen) else {
        return of_json(401, &json!({"error": "wrong"}));
    };
    let id = state.new_session();
    state.sessions.insert(id.clone(), Some(login.to_owned()));
    of_json(
        200,
        &json!({"user": {"name": login}, "canary": format!("{CANARY}-body")}),
    )
    .cookie(format!("sid={id}; Path=/; HttpOnly"))
}

fn token(state: &mut State, seen: &Seen) -> Reply {
    let Some(login) = account(seen) else {
        return of_json(403, &json!({"error": "invalid_grant"}));
    };
    state.made += 1;
    let token = format!("{CANARY}-token-{}-{login}", state.made);
    state.tokens.insert(token.clone(), login.to_owned());
    of_json(200, &json!({"access_token": token, "token_type": "Bearer"}))
}

/// Whoever it is, in whichever way.
fn somebody(state: &State, seen: &Seen) -> Option<String> {
    let by_cookie = seen
        .cookie("sid")
        .and_then(|id| state.sessions.get(&id).cloned().flatten());
    let bearer = seen
        .header("authorization")
        .strip_prefix("Bearer ")
        .map(str::to_owned);
    let by_token = bearer
        .or_else(|| seen.query("access_token"))
        .and_then(|token| state.tokens.get(&token).cloned());
    by_token
        .or(by_cookie)
        .or_else(|| by_basic(seen).map(str::to_owned))
}

fn me(state: &State, seen: &Seen) -> Reply {
    match somebody(state, seen) {
        Some(login) => of_json(200, &json!({"user": {"email": login}})),
        None => of_json(200, &json!({"user": null})),
    }
}

fn data(state: &State, seen: &Seen) -> Reply {
    match somebody(state, seen) {
        Some(login) => of_json(200, &json!({"data": SECRET, "for": login})),
        None => of_json(401, &json!({"error": "token"})),
    }
}

fn by_basic(seen: &Seen) -> Option<&'static str> {
    let text = seen.header("authorization").strip_prefix("Basic ")?;
    let pair = String::from_utf8(STANDARD.decode(text).ok()?).ok()?;
    let (name, given) = pair.split_once(':')?;
    let found = ACCOUNTS
        .iter()
        .find(|(login, password)| *login == name && *password == given);
    found.map(|(login, _)| *login)
}

fn basic(seen: &Seen) -> Reply {
    match by_basic(seen) {
        Some(login) => Reply::page(format!("{SECRET} for {login} at {}", seen.target)),
        None => Reply::new(401).header("WWW-Authenticate", "Basic realm=\"Portal Realm\""),
    }
}
