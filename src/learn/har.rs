//! Reads a browser's HAR export (HTTP Archive 1.2).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use serde::Deserialize;
use url::Url;

use super::exchange::Recording;
use super::names;
use super::scrub::{Raw, RawAnswer, Scrubber, is_read};
use crate::clock::Timestamp;

/// The longest body that is read of a request, and of an answer.
const LONGEST_REQUEST: usize = 64 * 1024;
const LONGEST_ANSWER: usize = 1024 * 1024;

/// Why a file is no recording.
#[derive(Debug, thiserror::Error)]
pub enum HarError {
    /// It is no HAR.
    #[error("this is no HAR file (HTTP Archive 1.2, as a browser's network tools export it): {0}")]
    Malformed(String),
    /// There is nothing in it.
    #[error(
        "the HAR file holds no request to a web address; record with the network tools open, then export again"
    )]
    Empty,
    /// The portal is not in it.
    #[error("the HAR file holds no request to {0}; it has: {1}")]
    NoSuchPortal(String, String),
}

#[derive(Deserialize)]
struct File {
    log: Log,
}

#[derive(Deserialize)]
struct Log {
    entries: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    #[serde(default)]
    started_date_time: String,
    request: Request,
    response: Response,
    /// Chrome's own: what was said over a WebSocket.
    #[serde(default, rename = "_webSocketMessages")]
    messages: Vec<Said>,
}

#[derive(Deserialize)]
struct Said {
    #[serde(default)]
    data: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Request {
    method: String,
    url: String,
    #[serde(default)]
    headers: Vec<Pair>,
    #[serde(default)]
    cookies: Vec<Cookie>,
    post_data: Option<PostData>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PostData {
    #[serde(default)]
    mime_type: String,
    text: Option<String>,
    #[serde(default)]
    params: Vec<Pair>,
}

#[derive(Deserialize)]
struct Response {
    status: i64,
    #[serde(default)]
    headers: Vec<Pair>,
    #[serde(default)]
    cookies: Vec<Cookie>,
    #[serde(default)]
    content: Content,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Content {
    #[serde(default)]
    mime_type: String,
    text: Option<String>,
    encoding: Option<String>,
}

#[derive(Deserialize)]
struct Pair {
    name: String,
    #[serde(default)]
    value: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Cookie {
    name: String,
    #[serde(default)]
    value: String,
    path: Option<String>,
    expires: Option<String>,
    #[serde(default)]
    http_only: bool,
}

/// Reads a recording. `portal` is where the portal is, where that is not the address in the file; `shown` is the file's
/// name for people.
///
/// # Errors
/// Where it is no HAR, or has nothing of the portal in it.
pub fn read(bytes: &[u8], portal: Option<&str>, shown: &str, now: Timestamp) -> Result<Recording, HarError> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    // What the parser says may quote nothing but names: it names what it expected, and where.
    let file: File = serde_json::from_slice(bytes).map_err(|error| {
        HarError::Malformed(match error.classify() {
            serde_json::error::Category::Data => format!("{} (line {})", kind_of(&error), error.line()),
            _ => format!("it is no JSON (line {}, column {})", error.line(), error.column()),
        })
    })?;
    let mut entries = file.log.entries;
    entries.retain(|entry| origin_of(&entry.request.url).is_some());
    if entries.is_empty() {
        return Err(HarError::Empty);
    }
    let moment = |entry: &Entry| entry.started_date_time.parse::<jiff::Timestamp>().ok();
    if entries.iter().all(|entry| moment(entry).is_some()) {
        entries.sort_by_key(moment);
    }
    let origin = portals_origin(&entries, portal)?;
    let upstream = portal.map_or_else(|| origin.clone(), str::to_owned);
    let mut scrubber = Scrubber::new(&origin, &upstream);
    let without_cookies = entries.iter().all(Entry::has_no_cookie);
    let elsewhere = entries
        .iter()
        .filter(|entry| origin_of(&entry.request.url).as_deref() != Some(&origin))
        .count();
    let mut exchanges = Vec::new();
    for entry in entries {
        if origin_of(&entry.request.url).as_deref() == Some(&origin)
            && let Some(raw) = entry.raw()
        {
            exchanges.push(scrubber.take(raw, now));
        }
    }
    let mut remarks = Vec::new();
    if without_cookies {
        remarks.push(
            "The recording holds no cookies at all, neither sent nor set. Chrome leaves them out of its plain export: enable \
             \"Allow to generate HAR with sensitive data\" in the network tools' settings and export with sensitive data, or use \
             doorstep learn --portal. Unless the portal really has none, session_cookies, pass_cookies and success are incomplete."
                .to_owned(),
        );
    }
    if elsewhere > 0 {
        remarks.push(format!(
            "{elsewhere} requests of the recording went to other addresses than {origin} and are left out; a login there (single \
             sign-on) is seen by who_am_i only."
        ));
    }
    Ok(Recording {
        upstream,
        public: origin,
        exchanges,
        prints: scrubber.prints,
        source: format!("the recording {shown}"),
        remarks,
    })
}

/// The parser's message without values of the file.
fn kind_of(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let known = text.starts_with("missing field");
    match known {
        true => text.split(" at line").next().unwrap_or_default().to_owned(),
        false => "something in it is of another kind than the format says".to_owned(),
    }
}

fn origin_of(url: &str) -> Option<String> {
    let url = Url::parse(url).ok()?;
    let scheme = match url.scheme() {
        "http" | "ws" => "http",
        "https" | "wss" => "https",
        _ => return None,
    };
    let host = url.host_str()?;
    Some(match url.port() {
        Some(port) => format!("{scheme}://{host}:{port}"),
        None => format!("{scheme}://{host}"),
    })
}

/// The portal's origin in the file: the given one, where a password is sent, or where the recording begins.
fn portals_origin(entries: &[Entry], portal: Option<&str>) -> Result<String, HarError> {
    let mut origins: Vec<String> = Vec::new();
    for origin in entries.iter().filter_map(|entry| origin_of(&entry.request.url)) {
        if !origins.contains(&origin) {
            origins.push(origin);
        }
    }
    if let Some(portal) = portal.map(|portal| portal.trim_end_matches('/'))
        && origins.iter().any(|origin| origin == portal)
    {
        return Ok(portal.to_owned());
    }
    let signs_in = entries.iter().find(|entry| entry.sends_a_password());
    let chosen = signs_in
        .and_then(|entry| origin_of(&entry.request.url))
        .or_else(|| origins.first().cloned());
    chosen.ok_or_else(|| HarError::NoSuchPortal(portal.unwrap_or_default().to_owned(), origins.join(", ")))
}

impl Entry {
    fn has_no_cookie(&self) -> bool {
        let names = |pairs: &[Pair]| {
            pairs.iter().any(|pair| {
                pair.name.eq_ignore_ascii_case("cookie") || pair.name.eq_ignore_ascii_case("set-cookie")
            })
        };
        !names(&self.request.headers)
            && !names(&self.response.headers)
            && self.request.cookies.is_empty()
            && self.response.cookies.is_empty()
    }

    fn sends_a_password(&self) -> bool {
        let in_body = self.request.post_data.as_ref().is_some_and(|data| {
            let in_text = data.text.as_deref().is_some_and(|text| {
                text.split(['&', '"', '=', ';', '\n'])
                    .any(|piece| piece.len() < 60 && names::is_password(piece))
            });
            in_text || data.params.iter().any(|pair| names::is_password(&pair.name))
        });
        in_body
            || self.request.headers.iter().any(|pair| {
                pair.name.eq_ignore_ascii_case("authorization")
                    && pair.value.to_ascii_lowercase().starts_with("basic ")
            })
    }

    fn raw(self) -> Option<Raw> {
        let url = Url::parse(&self.request.url).ok()?;
        let target = url[url::Position::BeforePath..url::Position::AfterQuery].to_owned();
        let mut headers = header_map(&self.request.headers);
        if !headers.contains_key(header::COOKIE) && !self.request.cookies.is_empty() {
            let pairs: Vec<String> = self
                .request
                .cookies
                .iter()
                .map(|cookie| format!("{}={}", cookie.name, cookie.value))
                .collect();
            insert(&mut headers, header::COOKIE, &pairs.join("; "));
        }
        if url.scheme().starts_with("ws") {
            insert(&mut headers, header::UPGRADE, "websocket");
        }
        let body = self
            .request
            .post_data
            .map_or(Some(Bytes::new()), |data| data.body(&mut headers));
        // 0: no answer was seen; 1xx: never a last one, but for a WebSocket's.
        let status = u16::try_from(self.response.status)
            .ok()
            .filter(|status| *status == 101 || *status >= 200);
        Some(Raw {
            method: Method::from_bytes(self.request.method.as_bytes()).ok()?,
            target,
            headers,
            body,
            said_token: self.messages.iter().any(|said| {
                let words = said.data.to_ascii_lowercase();
                words.contains("token") || words.contains("\"auth\"") || words.contains("bearer")
            }),
            answer: status.map(|status| self.response.raw(status)),
        })
    }
}

impl PostData {
    /// The body as it was sent, or as it can be put together again.
    fn body(self, headers: &mut HeaderMap) -> Option<Bytes> {
        let text = self.text.filter(|text| !text.is_empty());
        if !headers.contains_key(header::CONTENT_TYPE) && !self.mime_type.is_empty() {
            insert(headers, header::CONTENT_TYPE, &self.mime_type);
        }
        let multipart = self.mime_type.to_ascii_lowercase().starts_with("multipart/");
        let bytes = match text {
            Some(text) if text.len() > LONGEST_REQUEST => return None,
            Some(text) => text.into_bytes(),
            None if multipart => {
                let boundary = "har-boundary";
                insert(
                    headers,
                    header::CONTENT_TYPE,
                    &format!("multipart/form-data; boundary={boundary}"),
                );
                let parts: String = self
                    .params
                    .iter()
                    .map(|pair| {
                        format!(
                            "--{boundary}\r\nContent-Disposition: form-data; name=\"{}\"\r\n\r\n{}\r\n",
                            pair.name, pair.value
                        )
                    })
                    .collect();
                format!("{parts}--{boundary}--\r\n").into_bytes()
            }
            None => {
                // Parameters stand in the file as they were sent, escapes and all, or decoded: browsers differ.
                let decoded = |text: &str| {
                    url::form_urlencoded::parse(format!("x={text}").as_bytes())
                        .next()
                        .map_or_else(|| text.to_owned(), |(_, value)| value.into_owned())
                };
                let pairs = self
                    .params
                    .iter()
                    .map(|pair| (decoded(&pair.name), decoded(&pair.value)));
                url::form_urlencoded::Serializer::new(String::new())
                    .extend_pairs(pairs)
                    .finish()
                    .into_bytes()
            }
        };
        Some(Bytes::from(bytes))
    }
}

impl Response {
    fn raw(self, status: u16) -> RawAnswer {
        let mut headers = header_map(&self.headers);
        if !headers.contains_key(header::SET_COOKIE) {
            for cookie in &self.cookies {
                let mut line = format!("{}={}", cookie.name, cookie.value);
                if let Some(path) = &cookie.path {
                    line.push_str(&format!("; Path={path}"));
                }
                let expires = cookie
                    .expires
                    .as_deref()
                    .and_then(|at| at.parse::<jiff::Timestamp>().ok());
                if let Some(at) = expires {
                    line.push_str(&format!("; Expires={}", at.strftime("%a, %d %b %Y %H:%M:%S GMT")));
                }
                if cookie.http_only {
                    line.push_str("; HttpOnly");
                }
                if let Ok(value) = HeaderValue::from_str(&line) {
                    headers.append(header::SET_COOKIE, value);
                }
            }
        }
        if !headers.contains_key(header::CONTENT_TYPE) && !self.content.mime_type.is_empty() {
            insert(&mut headers, header::CONTENT_TYPE, &self.content.mime_type);
        }
        let text = self.content.text.unwrap_or_default();
        let body = match self.content.encoding.as_deref() {
            Some("base64") => STANDARD.decode(text.as_bytes()).unwrap_or_default(),
            _ => text.into_bytes(),
        };
        let is_read = is_read(&headers) && body.len() <= LONGEST_ANSWER;
        RawAnswer {
            status,
            headers,
            body: is_read.then(|| Bytes::from(body)),
        }
    }
}

fn insert(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

/// Headers; several of one name that a browser has joined by line ends are taken apart.
fn header_map(pairs: &[Pair]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for pair in pairs.iter().filter(|pair| !pair.name.starts_with(':')) {
        let Ok(name) = HeaderName::from_bytes(pair.name.as_bytes()) else {
            continue;
        };
        for line in pair.value.split('\n') {
            if let Ok(value) = HeaderValue::from_str(line.trim_end_matches('\r')) {
                headers.append(name.clone(), value);
            }
        }
    }
    headers
}
