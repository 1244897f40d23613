//! What configuration says of a portal, compiled.

use std::time::Duration;

use http::Method;
use regex::bytes::Regex as BytesRegex;

use super::Glob;

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

/// The portal's login page: a path and query, in which `{target}` stands for the deep link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoginPage(pub String);

impl LoginPage {
    /// The address for somebody who wanted to go to `target`, percent-encoded into its place.
    pub fn address(&self, target: Option<&str>) -> String {
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

/// Where a login's username stands in the request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UsernameSource {
    /// A field of an `application/x-www-form-urlencoded` body.
    Form(String),
    /// A part of a `multipart/form-data` body.
    Multipart(String),
}

impl UsernameSource {
    /// The field's name.
    pub fn field(&self) -> &str {
        match self {
            Self::Form(name) | Self::Multipart(name) => name,
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
    /// Where the username stands.
    pub username: UsernameSource,
    /// The form field of the password: read only for remembered devices, which keep a digest of it.
    pub password: String,
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
}

impl Criterion {
    /// Whether the body must be read to judge.
    pub fn reads_body(&self) -> bool {
        self.body_contains.is_some()
    }
}

impl LoginRule {
    /// Whether the answer's body must be read to judge it.
    pub fn reads_body(&self) -> bool {
        self.success.reads_body() || self.failure.as_ref().is_some_and(Criterion::reads_body)
    }
}
