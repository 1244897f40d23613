//! What configuration says of a portal, compiled.

use std::borrow::Cow;
use std::net::IpAddr;
use std::time::Duration;

use http::Method;
use ipnet::IpNet;
use regex::bytes::Regex as BytesRegex;

use super::body::FormKind;
use super::whoami::WhoAmI;
use super::{Glob, Json, JsonPointer};

/// A portal's rules: what is open, how it signs in and out, which cookies leave the vault.
#[derive(Clone, Debug)]
pub struct PortalRules {
    /// Requests that anybody may make.
    pub public: Vec<Matcher>,
    /// Paths that are never forwarded.
    pub closed: Vec<Glob>,
    /// Where somebody not signed in is sent.
    pub login_page: LoginPage,
    /// What happens to somebody not signed in on a protected route.
    pub anonymous: Anonymous,
    /// Requests that end the session.
    pub logout: Vec<Matcher>,
    /// How the portal signs in.
    pub logins: Vec<LoginRule>,
    /// The portal's cookies that reach the browser.
    pub pass_cookies: Vec<Glob>,
    /// The portal's session cookies.
    pub session_cookies: Vec<Glob>,
    /// Parameters that can carry a session (I2).
    pub session_parameters: Vec<String>,
    /// Headers that can carry a token, in small letters.
    pub credential_headers: Vec<http::HeaderName>,
    /// Requests of machine clients that need no second factor: holes.
    pub exempt: Vec<Exempt>,
    /// Paths whose forms are kept where their session ran out (`resume`).
    pub resume: Vec<Glob>,
    /// The request that asks the portal who a session belongs to.
    pub who_am_i: Option<WhoAmI>,
}

impl PortalRules {
    /// The rule of HTTP Basic, if the portal signs in that way too.
    pub fn basic(&self) -> Option<(usize, &LoginRule)> {
        let mut rules = self.logins.iter().enumerate();
        rules.find(|(_, rule)| rule.username == UsernameSource::Basic)
    }

    /// Whether HTTP Basic is the only way to sign in: there is no login page then.
    pub fn only_basic(&self) -> bool {
        self.logins
            .iter()
            .all(|rule| rule.username == UsernameSource::Basic)
    }

    /// Whether some login's answer carries a bearer token.
    pub fn has_bearer(&self) -> bool {
        self.logins.iter().any(|rule| rule.bearer.is_some())
    }

    /// The fields that sign in on every page.
    pub fn fields_everywhere(&self) -> impl Iterator<Item = Cow<'_, str>> {
        let rules = self.logins.iter().filter(|rule| rule.everywhere);
        rules.filter_map(|rule| rule.username.field())
    }

    /// Whether a cookie of this name can be the portal's session.
    pub fn is_session_cookie(&self, name: &str) -> bool {
        self.session_cookies.iter().any(|glob| glob.matches(name))
    }
}

/// What happens to somebody not signed in on a protected route.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Anonymous {
    /// 303 to the login page.
    #[default]
    Login,
    /// The request goes on without any credential.
    Forward,
}

/// The portal's login page: a path and query, in which `{target}` stands for the deep link. Empty where HTTP
/// Basic is the only way to sign in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoginPage(pub String);

impl LoginPage {
    /// The address for somebody who wanted to go to `target`, percent-encoded into its place.
    pub fn address(&self, target: Option<&str>) -> String {
        if self.0.is_empty() {
            return "/".to_owned();
        }
        let target: String = url::form_urlencoded::byte_serialize(target.unwrap_or("/").as_bytes()).collect();
        self.0.replace("{target}", &target)
    }

    /// The path alone.
    pub fn path(&self) -> &str {
        self.0.split('?').next().unwrap_or(&self.0)
    }
}

/// Which requests an entry of `public` or `logout` names. All given parts must hold.
#[derive(Clone, Debug)]
pub struct Matcher {
    /// The path.
    pub path: Glob,
    /// The methods.
    pub methods: Vec<Method>,
    /// Query parameters that must be there with these values.
    pub query: Vec<(String, String)>,
    /// Form fields that must be there with these values.
    pub form: Vec<(String, String)>,
    /// For `public`: a login rule's username fields that may be there all the same (I2).
    pub fields: Vec<String>,
}

/// A request of a machine client that cannot do a second factor. It goes up without any session, with its own
/// `Authorization`; all given parts must hold.
#[derive(Clone, Debug)]
pub struct Exempt {
    /// The path.
    pub path: Glob,
    /// The methods.
    pub methods: Vec<Method>,
    /// The networks that it may come from; empty: any, and then a token is asked for.
    pub networks: Vec<IpNet>,
    /// Whether it must bring a client token of doorstep's in `Doorstep-Client-Token`.
    pub token: bool,
}

impl Exempt {
    /// Whether a request with a plain path is meant, its token aside.
    pub fn names(&self, method: &Method, path: &str, client: IpAddr) -> bool {
        let client = client.to_canonical();
        self.methods.contains(method)
            && self.path.matches(path)
            && (self.networks.is_empty() || self.networks.iter().any(|network| network.contains(&client)))
    }
}

/// Where a login's username stands in the request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UsernameSource {
    /// A field of an `application/x-www-form-urlencoded` body.
    Form(String),
    /// A part of a `multipart/form-data` body.
    Multipart(String),
    /// A text in a JSON body.
    Json(JsonPointer),
    /// The request does not tell: the portal's answer does ([`LoginRule::answer`]), or who-am-I.
    Answer,
    /// The user of HTTP Basic credentials (RFC 7617), which come with each request; the rule's method and path
    /// are the probe that tries them.
    Basic,
}

impl UsernameSource {
    /// The field's name, where the request has one; a JSON pointer as a form would write it (`user[name]`).
    pub fn field(&self) -> Option<Cow<'_, str>> {
        match self {
            Self::Form(name) | Self::Multipart(name) => Some(Cow::Borrowed(name)),
            Self::Json(pointer) => Some(Cow::Owned(pointer.as_field())),
            Self::Answer | Self::Basic => None,
        }
    }

    /// The kind of body that the rule's login has, where it has one.
    pub fn body_kind(&self) -> Option<FormKind> {
        match self {
            Self::Form(_) => Some(FormKind::Urlencoded),
            Self::Multipart(_) => Some(FormKind::Multipart),
            Self::Json(_) => Some(FormKind::Json),
            Self::Answer | Self::Basic => None,
        }
    }
}

/// One way in which the portal signs in.
#[derive(Clone, Debug)]
pub struct LoginRule {
    /// The method of the login itself.
    pub method: Method,
    /// Its path.
    pub path: Glob,
    /// Query parameters that make it a login.
    pub where_query: Vec<(String, String)>,
    /// Form fields that make it a login.
    pub where_form: Vec<(String, String)>,
    /// Values of a JSON body that make it a login.
    pub where_json: Vec<(JsonPointer, Json)>,
    /// Where the username stands.
    pub username: UsernameSource,
    /// Whether the portal takes the username field for a login on every page, in the query too: then no other
    /// request that has it is forwarded, to nobody (I4).
    pub everywhere: bool,
    /// The form field of the password: read only for remembered devices, which keep a digest of it.
    pub password: String,
    /// Where the answer's body names who signed in: that beats what was typed (I4).
    pub answer: Option<JsonPointer>,
    /// Where the answer's body holds a bearer token.
    pub bearer: Option<JsonPointer>,
    /// What an accepted password looks like.
    pub success: Criterion,
    /// What a refused one looks like; `None`: whatever is not success.
    pub failure: Option<Criterion>,
    /// Origins beside the portal's own whose pages may send this login.
    pub from: Vec<String>,
    /// The longest request, in bytes.
    pub request_limit: usize,
    /// The longest answer that is read, in bytes.
    pub answer_limit: usize,
    /// How long the portal may take.
    pub timeout: Duration,
}

/// What a portal's answer must look like; all given parts must hold.
#[derive(Clone, Debug, Default)]
pub struct Criterion {
    /// One of these statuses.
    pub status: Vec<u16>,
    /// Path and query of the Location match.
    pub location: Option<Glob>,
    /// Path and query of the Location do not match; does not hold without a Location.
    pub location_not: Option<Glob>,
    /// The last Set-Cookie of a name that matches is not empty and not expired.
    pub sets_cookie: Option<Glob>,
    /// The body holds these bytes.
    pub body_contains: Option<String>,
    /// A header of this name whose value matches.
    pub header: Option<(http::HeaderName, BytesRegex)>,
    /// The body is JSON and has something at this pointer: anything but `null`, or this value.
    pub json: Option<(JsonPointer, Option<Json>)>,
}

impl Criterion {
    /// Whether the body must be read to judge.
    pub fn reads_body(&self) -> bool {
        self.body_contains.is_some() || self.json.is_some()
    }
}

impl LoginRule {
    /// Whether the answer's body must be read to judge it.
    pub fn reads_body(&self) -> bool {
        self.answer.is_some()
            || self.bearer.is_some()
            || self.success.reads_body()
            || self.failure.as_ref().is_some_and(Criterion::reads_body)
    }
}
