//! A request's head, looked over and read into types.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use http::header::{AUTHORIZATION, COOKIE, HOST};
use http::{HeaderValue, Method};
use pingora::proxy::Session;

use super::client::{asker, client_address, is_trusted, place};
use super::front::host_of;
use super::hygiene::{HeadSize, Unclean, check_headers, check_raw_head, check_size};
use crate::access::{Settings, session_cookie_name};
use crate::config::Side;
use crate::gate::Asker;
use crate::gate::path::Target;
use crate::secret::{SessionToken, random_bytes};
use crate::vault::BrowserCookies;

/// A request whose head can be read in one way only.
#[derive(Clone)]
pub struct Arrival {
    /// The settings that hold for this request, reloads notwithstanding.
    pub settings: Arc<Settings>,
    /// Names it in logs.
    pub request_id: String,
    /// Its method.
    pub method: Method,
    /// On which origin.
    pub side: Side,
    /// What is asked for.
    pub target: Target,
    /// From which address.
    pub client: IpAddr,
    /// At which place that is, where a trusted proxy says so.
    pub place: Option<String>,
    /// By a page or a script.
    pub asker: Asker,
    /// What the browser sent along.
    pub cookies: BrowserCookies,
    /// The credentials that it brings itself.
    pub authorization: Option<HeaderValue>,
    /// The Set-Cookie lines that its answer carries, whatever it is: an approval was collected on the way.
    pub collected: Vec<String>,
    /// Whether a trusted proxy sent it.
    pub is_by_proxy: bool,
    /// Whether it wants to become something else, such as a WebSocket.
    pub is_upgrade: bool,
}

impl Arrival {
    /// Reads a request's head.
    ///
    /// # Errors
    /// Why it is refused.
    pub fn read(session: &Session, settings: Arc<Settings>) -> Result<Self, Unclean> {
        let head = session.req_header();
        let listen = &settings.config.listen;
        let raw_head = session.as_downstream().to_h1_raw();
        let http1 = session.as_downstream().as_http1().is_some();
        let bounds = &settings.config.limits.bounds;
        let most = HeadSize {
            bytes: bounds.header_bytes,
            lines: bounds.header_lines,
        };
        if http1 {
            // What the request line says is what is classed and what pingora forwards, or nothing is.
            if check_raw_head(&raw_head, most)? != head.raw_path() {
                return Err(Unclean::Bad("the target is not a path, or holds a fragment"));
            }
        } else {
            check_size(head.raw_path(), &head.headers, most)?;
        }
        let peer = session
            .client_addr()
            .and_then(|address| address.as_inet())
            .map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), std::net::SocketAddr::ip);
        let is_by_proxy = is_trusted(peer, &listen.trusted_proxies);
        let authority = head.uri.authority().map(http::uri::Authority::as_str);
        let path = String::from_utf8_lossy(head.raw_path());
        let path = path.split('?').next().unwrap_or_default();
        let mut side = Side::Public;
        match host_of(&settings.config, path, is_by_proxy, &head.headers) {
            None => {
                let host = head.headers.get(HOST).and_then(|host| host.to_str().ok());
                side = listen.side_of(authority.or(host).unwrap_or_default());
                check_headers(&head.headers, authority, listen.origin_of(side), !http1)?;
            }
            Some(host) => {
                let mut headers = head.headers.clone();
                headers.insert(HOST, host.clone());
                check_headers(&headers, None, &listen.public_url, !http1)?;
            }
        }
        let target = Target::parse(head.raw_path())
            .map_err(|_| Unclean::Bad("the target is not a path, or holds control bytes"))?;
        Ok(Self {
            side,
            request_id: request_id(),
            method: head.method.clone(),
            client: client_address(peer, &head.headers, &listen.trusted_proxies),
            place: place(peer, &head.headers, listen),
            asker: asker(&head.headers),
            cookies: BrowserCookies::split(head.headers.get_all(COOKIE).iter().map(|value| value.as_bytes())),
            authorization: head.headers.get(AUTHORIZATION).cloned(),
            collected: Vec::new(),
            is_by_proxy,
            is_upgrade: session.as_downstream().is_upgrade_req(),
            target,
            settings,
        })
    }

    /// The browser's session token. Twice in one request: neither counts.
    pub fn token(&self) -> Option<SessionToken> {
        let name = session_cookie_name(&self.settings.config.listen.public_url);
        self.cookies.only(name).and_then(SessionToken::parse)
    }
}

/// A name for a request: unique within the process, and most likely beyond it. Not a secret.
fn request_id() -> String {
    static BEGINNING: OnceLock<u64> = OnceLock::new();
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let beginning = *BEGINNING.get_or_init(|| u64::from_be_bytes(random_bytes()));
    format!(
        "{:016x}",
        beginning.wrapping_add(COUNT.fetch_add(1, Ordering::Relaxed))
    )
}
