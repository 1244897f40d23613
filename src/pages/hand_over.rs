//! `begin`, `cross`, `arrive`: with `own_url` on another host, how a session gets from one to the other. The browser
//! begins on the own host, which gives it a secret in a cookie; crosses to the public host, which knows the session
//! and seals it under that secret; and arrives where it began. After the challenge it goes back the same way, sealed
//! under the token that it came with.

use axum::extract::Request;
use axum::response::Response;
use bytes::Bytes;
use cookie::{Cookie, SameSite};
use http::{HeaderMap, HeaderValue, StatusCode, Uri, header};

use super::body::Fields;
use super::desk::Desk;
use super::layout::{self, Shell};
use super::refusal::Stop;
use super::told::{Link, Message, Words};
use super::{CHALLENGE, PREFIX, Told};
use crate::access::{Destination, Entry, Handed, session_cookie_name};
use crate::config::{Listen, Origin, Side};
use crate::gate::path::Target;
use crate::secret::SessionToken;
use crate::vault::BrowserCookies;

/// The cookies in which the own host keeps its secret: for https, and for a plain-http loopback address.
const CROSSING_NAMES: [&str; 2] = ["__Host-doorstep-crossing", "doorstep-crossing"];
/// How long it is kept.
const CROSSING_SECONDS: i64 = 300;

pub(super) const BEGIN: &str = "/.doorstep/begin";
const CROSS: &str = "/.doorstep/cross";
const ARRIVE: &str = "/.doorstep/arrive";

type Answer = Result<http::Response<Bytes>, Stop>;

/// Whether an address stays on the public host although own pages live elsewhere.
pub fn stays_public(path: &str) -> bool {
    [CROSS, ARRIVE, crate::access::INTERRUPTED].contains(&path) || path.starts_with("/.doorstep/callbacks/")
}

/// Where an own page is, for a browser that asked the public host for it.
pub fn own_address(listen: &Listen, path_and_query: &str) -> String {
    let own = listen.own_origin();
    let path = path_and_query.split('?').next().unwrap_or_default();
    let needs_session = !path.starts_with("/.doorstep/phone") && path != "/.doorstep/lost-phone/cancel";
    if listen.hands_over() && needs_session {
        return format!("{own}{}", begin_address(path_and_query));
    }
    format!("{own}{path_and_query}")
}

/// GET `begin?to=…`, on the own host.
pub(super) async fn begin(desk: Desk, request: Request) -> Response {
    desk.finish(begun(&desk, request.headers(), request.uri()))
}

/// GET `cross?state=…&to=…`, on the public host.
pub(super) async fn cross(desk: Desk, request: Request) -> Response {
    desk.finish(crossed(&desk, request.headers(), request.uri()))
}

/// GET `arrive?code=…`, on either.
pub(super) async fn arrive(desk: Desk, request: Request) -> Response {
    let (headers, uri) = (request.headers().clone(), request.uri().clone());
    desk.finish(arrived(&desk, &headers, &uri).await)
}

fn begun(desk: &Desk, headers: &HeaderMap, uri: &Uri) -> Answer {
    let listen = &desk.settings.config.listen;
    if !listen.hands_over() || desk.visitor.side != Side::Own {
        return Err(Told::NotFound.into());
    }
    navigation(headers)?;
    let query = query(uri);
    let name = crossing_name(listen.own_origin());
    // Kept where it is there: another tab may be on its way.
    let under = cookie(headers, name).unwrap_or_else(SessionToken::random);
    let state = desk.door.begin_hand_over(&under, desk.now());
    let pairs = [("state", state.as_str()), ("to", own_path(query.get("to")))];
    let mut answer = layout::see_other(&with_query(&listen.public_url, CROSS, &pairs));
    let kept = Cookie::build((name, under.cookie_value()))
        .path("/")
        .http_only(true)
        .same_site(SameSite::Lax)
        .secure(listen.own_origin().is_secure())
        .max_age(time::Duration::seconds(CROSSING_SECONDS))
        .build();
    set_cookie(&mut answer, &kept.to_string());
    Ok(answer)
}

fn crossed(desk: &Desk, headers: &HeaderMap, uri: &Uri) -> Answer {
    let listen = &desk.settings.config.listen;
    if !listen.hands_over() || desk.visitor.side != Side::Public {
        return Err(Told::NotFound.into());
    }
    navigation(headers)?;
    let session = desk.session()?;
    if session.stored.record.level.holder().is_none() {
        return Err(desk.sign_in_again());
    }
    let query = query(uri);
    let state = query.get("state").unwrap_or_default();
    let Some(under) = desk.door.begun_hand_over(state, desk.now()) else {
        return Ok(too_late(desk));
    };
    let to = Destination::Own(own_path(query.get("to")).to_owned());
    let code = desk.door.hand_over(&under, &session.token, to, &[], desk.now());
    let pairs = [("code", code.as_str())];
    Ok(layout::see_other(&with_query(
        listen.own_origin(),
        ARRIVE,
        &pairs,
    )))
}

async fn arrived(desk: &Desk, headers: &HeaderMap, uri: &Uri) -> Answer {
    let listen = &desk.settings.config.listen;
    if !listen.hands_over() {
        return Err(Told::NotFound.into());
    }
    navigation(headers)?;
    // On the public host the token that the session came with counts, though it was replaced since.
    let name = match desk.visitor.side {
        Side::Own => crossing_name(listen.own_origin()),
        Side::Public => session_cookie_name(&listen.public_url),
    };
    let query = query(uri);
    let code = query.get("code").unwrap_or_default();
    let Some(under) = cookie(headers, name) else {
        return Ok(too_late(desk));
    };
    let Some(handed) = desk.door.take_over(&under, code, desk.now()).await? else {
        return Ok(too_late(desk));
    };
    Ok(desk.goes_on(&handed))
}

impl Desk {
    fn goes_on(&self, handed: &Handed) -> http::Response<Bytes> {
        let location = match (&handed.to, self.visitor.side) {
            (Destination::Own(path), Side::Own) => own_path(Some(path)).to_owned(),
            (Destination::Own(path), Side::Public) => {
                format!(
                    "{}{}",
                    self.settings.config.listen.own_origin(),
                    own_path(Some(path))
                )
            }
            (Destination::Portal(path), _) => self.at_portal(path),
        };
        let mut answer = layout::see_other(&location);
        for cookie in std::iter::once(&self.door.session_cookie(&handed.token)).chain(&handed.cookies) {
            set_cookie(&mut answer, cookie);
        }
        answer
    }

    /// A path of the portal, as an own page has to name it.
    pub(super) fn at_portal(&self, path: &str) -> String {
        at_portal(&self.settings.config.listen, path)
    }

    /// On to another page, with a session that was just raised.
    pub(super) fn gone_on(&self, entry: &Entry, to: Destination) -> http::Response<Bytes> {
        let (location, cookies) = self.way_in(entry, to);
        let mut answer = layout::see_other(&location);
        for cookie in &cookies {
            set_cookie(&mut answer, cookie);
        }
        answer
    }

    /// Where a browser goes with a session that was just raised, and the cookies that its answer here sets.
    pub(super) fn way_in(&self, entry: &Entry, to: Destination) -> (String, Vec<String>) {
        let listen = &self.settings.config.listen;
        let mut cookies = vec![self.door.session_cookie(&entry.token)];
        if let (true, Ok(session)) = (listen.hands_over(), self.session()) {
            let code = self
                .door
                .hand_over(&session.token, &entry.token, to, &entry.cookies, self.now());
            let location = with_query(&listen.public_url, ARRIVE, &[("code", &code)]);
            return (location, cookies);
        }
        cookies.extend(entry.cookies.iter().cloned());
        let location = match to {
            Destination::Portal(path) => self.at_portal(&path),
            Destination::Own(path) => path,
        };
        (location, cookies)
    }
}

/// A path of the portal, as an own page has to name it.
pub(super) fn at_portal(listen: &Listen, path: &str) -> String {
    match &listen.own_url {
        None => path.to_owned(),
        Some(_) if path.starts_with('/') => format!("{}{path}", listen.public_url),
        Some(_) => format!("{}/", listen.public_url),
    }
}

/// Where a session is fetched for an own page.
pub(super) fn begin_address(path_and_query: &str) -> String {
    let mut pairs = url::form_urlencoded::Serializer::new(String::new());
    pairs.append_pair("to", own_path(Some(path_and_query)));
    format!("{BEGIN}?{}", pairs.finish())
}

/// An own address as it was given; anything else is the challenge.
fn own_path(given: Option<&str>) -> &str {
    let fits = |text: &&str| {
        text.starts_with(PREFIX)
            && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\')
            && !text.starts_with(BEGIN)
            && Target::parse(text.as_bytes()).is_ok_and(|target| target.is_plain() && target.looks_own())
    };
    given.filter(fits).unwrap_or(CHALLENGE)
}

/// Only somebody's window goes this way: no script, no frame, no image.
fn navigation(headers: &HeaderMap) -> Result<(), Stop> {
    for (name, only) in [("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "document")] {
        if headers.get_all(name).iter().any(|value| value != only) {
            return Err(Stop::CrossSite);
        }
    }
    Ok(())
}

fn too_late(desk: &Desk) -> http::Response<Bytes> {
    let message = Message {
        shell: Shell::new(desk.portal(), "That took too long"),
        heading: "That took too long",
        words: Words::Plain("This page cannot be opened a second time, or in another browser.".to_owned()),
        link: Some(Link {
            href: "/",
            label: "Go to the portal",
        }),
        sign_out: None,
    };
    layout::page(StatusCode::FORBIDDEN, &message)
}

fn query(uri: &Uri) -> Fields {
    Fields::urlencoded(uri.query().unwrap_or_default().as_bytes())
}

fn with_query(origin: &Origin, path: &str, pairs: &[(&str, &str)]) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(pairs);
    format!("{origin}{path}?{}", query.finish())
}

fn crossing_name(own: &Origin) -> &'static str {
    let [secure, plain] = CROSSING_NAMES;
    if own.is_secure() { secure } else { plain }
}

/// A secret in a cookie; twice in one request: neither counts.
fn cookie(headers: &HeaderMap, name: &str) -> Option<SessionToken> {
    let lines = headers.get_all(header::COOKIE).iter();
    let cookies = BrowserCookies::split(lines.map(HeaderValue::as_bytes));
    cookies.only(name).and_then(SessionToken::parse)
}

fn set_cookie(answer: &mut http::Response<Bytes>, cookie: &str) {
    match HeaderValue::from_str(cookie) {
        Ok(value) => drop(answer.headers_mut().append(header::SET_COOKIE, value)),
        Err(_) => tracing::warn!("a cookie cannot be passed on"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f6_a_session_goes_on_at_an_own_page_and_nowhere_else() {
        for (given, leads) in [
            ("/.doorstep/account", "/.doorstep/account"),
            (
                "/.doorstep/admin/employees?q=a%20b",
                "/.doorstep/admin/employees?q=a%20b",
            ),
            ("/.doorstep/../app", CHALLENGE),
            ("/.doorstep//evil.example", CHALLENGE),
            ("/.doorstep/%2e%2e/app", CHALLENGE),
            ("/.doorstep/\\evil", CHALLENGE),
            ("/.doorstep/begin?to=/.doorstep/begin", CHALLENGE),
            ("/app", CHALLENGE),
            ("//evil.example/.doorstep/", CHALLENGE),
            ("https://evil.example/.doorstep/", CHALLENGE),
            ("/.doorstep/a\r\nx: y", CHALLENGE),
            ("", CHALLENGE),
        ] {
            assert_eq!(own_path(Some(given)), leads, "{given:?}");
        }
    }

    #[test]
    fn only_a_window_of_its_own_goes_this_way() {
        for (pairs, goes) in [
            (&[][..], true),
            (
                &[("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "document")],
                true,
            ),
            (
                &[("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "iframe")],
                false,
            ),
            (&[("sec-fetch-mode", "cors"), ("sec-fetch-dest", "empty")], false),
            (
                &[("sec-fetch-mode", "no-cors"), ("sec-fetch-dest", "image")],
                false,
            ),
        ] {
            let mut headers = HeaderMap::new();
            for (name, value) in pairs {
                headers.insert(*name, HeaderValue::from_static(value));
            }
            assert_eq!(navigation(&headers).is_ok(), goes, "{pairs:?}");
        }
    }
}
