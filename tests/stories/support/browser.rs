//! A browser as far as HTTP shows one: its cookie jar, its fetch metadata, its forms. It follows
//! redirects only when told to, so that a story sees each step.

use std::net::SocketAddr;
use std::sync::Mutex;

use bytes::Bytes;
use cookie_store::{CookieStore, RawCookie};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request};
use url::Url;

use super::answer::path_of;
use super::client::{self, Failure};
use super::page::{self, Form};
use super::portal::password_of;
use super::{Answer, Gateway, TotpKey, tls};

/// The challenge page.
pub const CHALLENGE: &str = "/.doorstep/challenge";

/// How a request is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// By following a link or sending a form.
    Page,
    /// By a script of the portal's own page.
    Script,
}

/// One person's browser, at one gateway.
pub struct Browser {
    origin: Url,
    address: SocketAddr,
    jar: Mutex<CookieStore>,
    extra: HeaderMap,
}

impl Browser {
    /// A new one, its jar empty.
    pub fn at(gateway: &Gateway) -> Self {
        Self {
            origin: Url::parse(&gateway.origin).unwrap(),
            address: gateway.address,
            jar: Mutex::new(CookieStore::default()),
            extra: HeaderMap::new(),
        }
    }

    /// A new one at something else that listens.
    pub fn to(origin: &str, address: SocketAddr) -> Self {
        Self {
            origin: Url::parse(origin).unwrap(),
            address,
            jar: Mutex::new(CookieStore::default()),
            extra: HeaderMap::new(),
        }
    }

    /// The same jar, by way of another gateway of the same origin.
    pub fn via(&self, gateway: &Gateway) -> Self {
        Self {
            origin: self.origin.clone(),
            address: gateway.address,
            jar: Mutex::new(self.jar.lock().unwrap().clone()),
            extra: self.extra.clone(),
        }
    }

    /// With a header on each request (twice for two lines of a name).
    pub fn with(mut self, name: &str, value: &str) -> Self {
        let name: HeaderName = name.parse().unwrap();
        self.extra.append(name, HeaderValue::from_str(value).unwrap());
        self
    }

    /// The same person, jar as it is now, with a header more (instead of one of that name).
    pub fn also(&self, name: &str, value: &str) -> Self {
        let mut extra = self.extra.clone();
        let name: HeaderName = name.parse().unwrap();
        extra.insert(name, HeaderValue::from_str(value).unwrap());
        Self {
            origin: self.origin.clone(),
            address: self.address,
            jar: Mutex::new(self.jar.lock().unwrap().clone()),
            extra,
        }
    }

    /// The `Cookie` header that it would send to `path`.
    pub fn cookie_header(&self, path: &str) -> String {
        let mut url = self.origin.clone();
        url.set_path(path.split('?').next().unwrap_or("/"));
        let jar = self.jar.lock().unwrap();
        let pairs: Vec<String> = jar
            .get_request_values(&url)
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        pairs.join("; ")
    }

    /// A cookie's value.
    pub fn cookie(&self, name: &str) -> Option<String> {
        let jar = self.jar.lock().unwrap();
        let found = jar.iter_unexpired().find(|cookie| cookie.name() == name);
        found.map(|cookie| cookie.value().to_owned())
    }

    /// The names of all cookies it holds.
    pub fn cookie_names(&self) -> Vec<String> {
        let jar = self.jar.lock().unwrap();
        let mut names: Vec<String> = jar
            .iter_unexpired()
            .map(|cookie| cookie.name().to_owned())
            .collect();
        names.sort();
        names
    }

    /// The doorstep session's token.
    pub fn session(&self) -> Option<String> {
        self.cookie("__Host-doorstep").or_else(|| self.cookie("doorstep"))
    }

    /// Puts a cookie into its jar, as a script or a neighbour on the host could.
    pub fn set_cookie(&self, line: &str) {
        let cookie = RawCookie::parse(line.to_owned()).unwrap();
        let _ = self.jar.lock().unwrap().insert_raw(&cookie, &self.origin);
    }

    /// Forgets all cookies.
    pub fn forget(&self) {
        self.jar.lock().unwrap().clear();
    }

    fn request(&self, kind: Kind, method: &Method, path: &str) -> http::request::Builder {
        let authority = &self.origin[url::Position::BeforeHost..url::Position::AfterPort];
        let (mode, dest, accept) = match kind {
            Kind::Page => (
                "navigate",
                "document",
                "text/html,application/xhtml+xml,*/*;q=0.8",
            ),
            Kind::Script => ("cors", "empty", "*/*"),
        };
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", authority)
            .header("user-agent", "stories/1")
            .header("accept", accept)
            .header("accept-encoding", "gzip");
        if !self.extra.contains_key("sec-fetch-site") {
            request = request.header("sec-fetch-site", "same-origin");
        }
        request = request
            .header("sec-fetch-mode", mode)
            .header("sec-fetch-dest", dest);
        if method != Method::GET && method != Method::HEAD && !self.extra.contains_key("origin") {
            request = request.header("origin", self.origin.origin().ascii_serialization());
        }
        let cookies = self.cookie_header(path);
        if !cookies.is_empty() {
            request = request.header("cookie", cookies);
        }
        for (name, value) in &self.extra {
            request = request.header(name, value);
        }
        request
    }

    async fn try_send(&self, request: Request<Bytes>) -> Result<Answer, Failure> {
        let answer = match self.origin.scheme() {
            "https" => client::send_over(tls::connect(self.address, "http/1.1").await?, request).await?,
            _ => client::send(self.address, request).await?,
        };
        let mut url = self.origin.clone();
        url.set_path(answer.path.split('?').next().unwrap_or("/"));
        let mut jar = self.jar.lock().unwrap();
        for line in answer.set_cookies() {
            if let Ok(cookie) = RawCookie::parse(line) {
                let _ = jar.insert_raw(&cookie, &url);
            }
        }
        Ok(answer)
    }

    #[track_caller]
    fn must(answer: Result<Answer, Failure>) -> Answer {
        answer.unwrap_or_else(|failure| panic!("no answer: {failure}"))
    }

    /// Follows a link.
    pub async fn get(&self, path: &str) -> Answer {
        Self::must(self.try_get(path).await)
    }

    /// Follows a link that may lead nowhere.
    pub async fn try_get(&self, path: &str) -> Result<Answer, Failure> {
        let request = self.request(Kind::Page, &Method::GET, path);
        self.try_send(request.body(Bytes::new())?).await
    }

    /// Any method, as a page would send it.
    pub async fn ask(&self, method: &str, path: &str) -> Answer {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let request = self.request(Kind::Page, &method, path);
        Self::must(self.try_send(request.body(Bytes::new()).unwrap()).await)
    }

    /// Follows a link, and redirects to the end.
    pub async fn go(&self, path: &str) -> Answer {
        let answer = self.get(path).await;
        self.follow(answer).await
    }

    /// Follows an answer's redirects to the end.
    pub async fn follow(&self, mut answer: Answer) -> Answer {
        for _ in 0..10 {
            if !answer.status.is_redirection() {
                return answer;
            }
            let next = path_of(answer.location()).to_owned();
            answer = self.get(&next).await;
        }
        panic!("more than ten redirects: {}", answer.shown());
    }

    /// Sends a form.
    pub async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let body = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(fields)
            .finish();
        self.post_bytes(path, "application/x-www-form-urlencoded", body.into_bytes())
            .await
    }

    /// Sends a form that may be answered by half an answer.
    pub async fn try_post(&self, path: &str, fields: &[(&str, &str)]) -> Result<Answer, Failure> {
        let body = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(fields)
            .finish();
        let request = self
            .request(Kind::Page, &Method::POST, path)
            .header("content-type", "application/x-www-form-urlencoded");
        self.try_send(request.body(body.into())?).await
    }

    /// Sends a form of any content type.
    pub async fn post_bytes(&self, path: &str, content_type: &str, body: Vec<u8>) -> Answer {
        let request = self
            .request(Kind::Page, &Method::POST, path)
            .header("content-type", content_type);
        Self::must(self.try_send(request.body(body.into()).unwrap()).await)
    }

    /// A script's `fetch`.
    pub async fn fetch(&self, method: &str, path: &str) -> Answer {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let request = self.request(Kind::Script, &method, path);
        Self::must(self.try_send(request.body(Bytes::new()).unwrap()).await)
    }

    /// A script's `fetch` with a body.
    pub async fn fetch_with(&self, path: &str, content_type: &str, body: &str) -> Answer {
        let request = self
            .request(Kind::Script, &Method::POST, path)
            .header("content-type", content_type);
        let body = Bytes::from(body.to_owned());
        Self::must(self.try_send(request.body(body).unwrap()).await)
    }

    /// Types name and password into the portal's form: the answer to the post, not followed.
    pub async fn type_password(&self, login: &str, password: &str) -> Answer {
        self.get("/login").await;
        self.post("/login", &[("email", login), ("password", password)])
            .await
    }

    /// Signs in with the right password.
    pub async fn password(&self, login: &str) -> Answer {
        self.type_password(login, password_of(login)).await
    }

    /// A form of the challenge page.
    pub async fn challenge_form(&self, action: &str) -> Form {
        let page = self.get(CHALLENGE).await.expect(200);
        page::form(&page.text(), action)
    }

    /// Sends a form of the challenge page with one field filled in.
    pub async fn send_challenge_form(&self, form: &Form, fill: &[(&str, &str)]) -> Answer {
        let mut fields: Vec<(&str, &str)> = fill.to_vec();
        for (name, value) in &form.fields {
            let given = fill.iter().any(|(filled, _)| filled == name);
            if !given && name != "remember" {
                fields.push((name, value));
            }
        }
        self.post(&absolute(&form.action), &fields).await
    }

    /// Types a token on the challenge page: the answer, not followed.
    pub async fn type_token(&self, token: &str) -> Answer {
        let form = self.challenge_form("challenge/verify").await;
        self.send_challenge_form(&form, &[("token", token)]).await
    }

    /// Asks for an SMS on the challenge page.
    pub async fn ask_for_sms(&self) -> Answer {
        let form = self.challenge_form("challenge/sms").await;
        self.send_challenge_form(&form, &[]).await
    }

    /// Password, then the key: signed in, or the story ends here.
    pub async fn sign_in(&self, login: &str, key: &mut TotpKey) -> Answer {
        self.password(login).await.expect(303).expect_to(CHALLENGE);
        self.type_token(&key.fresh().await).await.expect(303)
    }
}

fn absolute(action: &str) -> String {
    let path = path_of(action);
    if path.starts_with('/') {
        path.to_owned()
    } else {
        format!("/.doorstep/{path}")
    }
}
