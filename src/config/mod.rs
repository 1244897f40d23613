//! The configuration: what the file says, compiled into types that cannot hold nonsense.

mod bounds;
mod countries;
mod duration;
mod error;
mod explain;
mod factors;
mod login;
mod origin;
mod overlap;
mod own_pages;
mod portal;
mod probes;
mod read;
mod reader;
mod sections;
mod text;
mod told;
mod vendors;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use http::HeaderName;
use ipnet::IpNet;
use url::Url;

pub use bounds::Bounds;
pub use countries::Countries;
pub use duration::{parse_duration, parse_limit, parse_positive_duration, show_duration};
pub use error::{ConfigError, ConfigErrors};
pub use explain::{Part, explain, explanation};
pub use origin::Origin;
pub use own_pages::Side;
pub use told::{AuditSinks, MailTls, Notices, Smtp, Webhook};

use crate::directory::TotpShape;
use crate::gate::{Login, PortalRules};
use crate::secret::Redacted;
use crate::sessions::Limit;

/// A configuration file, read and checked.
#[derive(Clone, Debug)]
pub struct Config {
    /// The file it came from; relative paths in it are relative to its folder.
    pub file: PathBuf,
    /// `[listen]`
    pub listen: Listen,
    /// `[ops]`
    pub ops: Ops,
    /// `[portal]`
    pub portal: Portal,
    /// `[directory]`
    pub directory: DirectorySettings,
    /// `[sessions]`
    pub sessions: SessionSettings,
    /// `[factors]`
    pub factors: FactorSettings,
    /// `[limits]`
    pub limits: Limits,
    /// `[notices]`
    pub notices: Notices,
    /// `[audit]`
    pub audit: AuditSinks,
    /// `[secrets] key_file`
    pub key_file: PathBuf,
    /// `[canary]`
    pub canary: Option<Canary>,
}

/// `[canary]`: the test account of `doorstep canary`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Canary {
    /// Its name at the portal.
    pub login: Login,
    /// The file with its password; a trailing newline is ignored.
    pub password_file: PathBuf,
    /// The field or JSON pointer of the password; `None`: as the page says, else `password`.
    pub password_field: Option<String>,
    /// What else the login needs.
    pub fields: Vec<(String, String)>,
}

/// `[listen]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listen {
    /// Where the public listener is bound.
    pub address: SocketAddr,
    /// The one origin that redirects and cookies are made for.
    pub public_url: Origin,
    /// Where own pages live, if not on `public_url`.
    pub own_url: Option<Origin>,
    /// Where `own_url` is listened on, if that does not follow from its port.
    pub own_address: Option<SocketAddr>,
    /// Certificate chain and key files.
    pub tls: Option<Tls>,
    /// Whose forwarding headers are believed.
    pub trusted_proxies: Vec<IpNet>,
    /// In which header they name the place that a client is at.
    pub place_header: Option<HeaderName>,
    /// How long requests in flight may take to finish after SIGTERM.
    pub drain: Duration,
}

/// `[listen] tls`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tls {
    /// PEM, leaf first.
    pub certificate: PathBuf,
    /// PEM.
    pub key: PathBuf,
}

/// `[ops]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ops {
    /// Where health, metrics and the admin API are served.
    pub address: SocketAddr,
    /// The file with the token that has all scopes.
    pub token_file: Option<PathBuf>,
}

/// `[portal]`
#[derive(Clone, Debug)]
pub struct Portal {
    /// What pages call it; default: the host of `public_url`.
    pub name: String,
    /// Where it is.
    pub upstream: Upstream,
    /// What is open, how it signs in, which cookies leave the vault.
    pub rules: PortalRules,
    /// The header that tells the portal who it is.
    pub identity_header: Option<HeaderName>,
    /// Put the upstream's own origin into `Origin` and `Referer`.
    pub rewrite_origin: bool,
    /// Another proxy serves the portal and asks here who may pass (`mode = "forward-auth"`).
    pub forward_auth: bool,
    /// Add the script that follows `Doorstep-Challenge` to the portal's HTML pages.
    pub step_up_script: bool,
}

/// `[portal] upstream`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upstream {
    /// Scheme, host and port.
    pub origin: Origin,
    /// A CA file for `https`, in PEM.
    pub ca: Option<PathBuf>,
}

/// `[directory]`
#[derive(Clone, Debug)]
pub struct DirectorySettings {
    /// `sqlite://…` or `postgres://…`; a relative SQLite path is made relative to the file's folder.
    pub url: Redacted<String>,
    /// What happens to an accepted login of somebody who is not in the directory.
    pub unknown_employee: UnknownEmployee,
}

/// `[directory] unknown_employee`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UnknownEmployee {
    /// The session ends.
    #[default]
    Deny,
    /// They pass on a password: a hole.
    Pass,
    /// They are added to the firm whose `logins` fit the name that the portal gives; it must be on.
    Register,
}

/// `[sessions]`
#[derive(Clone, Debug)]
pub struct SessionSettings {
    /// Where sessions live.
    pub store: StoreSettings,
    /// Ends an unused session.
    pub idle_timeout: Duration,
    /// Ends any session.
    pub absolute_timeout: Duration,
    /// The longest that a firm may have a device remembered; zero: never.
    pub remember_device: Duration,
}

/// `[sessions] store`
#[derive(Clone, Debug)]
pub enum StoreSettings {
    /// In the process.
    Memory,
    /// `redis://` or `rediss://`.
    Redis(Redacted<String>),
}

/// `[factors]`
#[derive(Clone, Debug)]
pub struct FactorSettings {
    /// How new TOTP keys are made.
    pub totp: TotpShape,
    /// Who else checks keys of an app; `None`: doorstep alone.
    pub totp_provider: Option<Vendor>,
    /// Who sends tokens by SMS; `None`: nobody does.
    pub sms: Option<SmsSettings>,
    /// Who asks for approval; `None`: doorstep itself.
    pub push: Option<Vendor>,
    /// How long a challenge stays open.
    pub challenge_ttl: Duration,
    /// How long a new number waits once it was approved.
    pub phone_change_hold: Duration,
}

/// `[factors] sms`
#[derive(Clone, Debug)]
pub struct SmsSettings {
    /// Digits of a token: 6 by default, 6 to 10.
    pub digits: u32,
    /// How long a token is valid: 10 minutes by default and at most (NIST SP 800-63B-4 3.1.3.2).
    pub ttl: Duration,
    /// Where it may be sent.
    pub countries: Countries,
    /// Who sends it.
    pub provider: SmsProvider,
}

/// `[factors] sms.provider`
#[derive(Clone, Debug)]
pub enum SmsProvider {
    /// Appends one JSON line per message.
    File {
        /// To this file.
        path: PathBuf,
    },
    /// A templated HTTP request.
    Http(HttpTemplate),
    /// Twilio's Messaging API.
    Twilio(TwilioSettings),
    /// A vendor that makes, sends and checks tokens of its own.
    Vendor(Vendor),
}

/// A vendor that sends and checks tokens and asks for approval.
#[derive(Clone, Debug)]
pub enum Vendor {
    /// `authy`
    Authy(AuthySettings),
    /// `twilio-verify`
    Verify(VerifySettings),
    /// `duo`
    Duo(DuoSettings),
}

impl Vendor {
    /// The word that configuration uses for it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Authy(_) => "authy",
            Self::Verify(_) => "twilio-verify",
            Self::Duo(_) => "duo",
        }
    }

    /// Where its API is.
    pub fn base_url(&self) -> &Url {
        match self {
            Self::Authy(authy) => &authy.base_url,
            Self::Verify(verify) => &verify.base_url,
            Self::Duo(duo) => &duo.base_url,
        }
    }
}

/// `provider = "authy"`
#[derive(Clone, Debug)]
pub struct AuthySettings {
    /// Where its API is.
    pub base_url: Url,
    /// The application's key.
    pub api_key: Redacted<String>,
}

/// `provider = "twilio-verify"`
#[derive(Clone, Debug)]
pub struct VerifySettings {
    /// Where its API is.
    pub base_url: Url,
    /// `AC…`
    pub account_sid: String,
    /// The account's token; also signs callbacks.
    pub auth_token: Redacted<String>,
    /// `VA…`
    pub service_sid: String,
}

/// `provider = "duo"`
#[derive(Clone, Debug)]
pub struct DuoSettings {
    /// `https://api-….duosecurity.com`
    pub base_url: Url,
    /// `DI…`
    pub integration_key: String,
    /// Signs requests.
    pub secret_key: Redacted<String>,
}

/// `provider = "twilio"`
#[derive(Clone, Debug)]
pub struct TwilioSettings {
    /// Where its API is.
    pub base_url: Url,
    /// `AC…`
    pub account_sid: String,
    /// The account's token; also signs callbacks.
    pub auth_token: Redacted<String>,
    /// Who sends.
    pub from: TwilioFrom,
}

/// `from` or `messaging_service_sid`
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TwilioFrom {
    /// A number in E.164, or a sender's name.
    Number(String),
    /// `MG…`
    Service(String),
}

/// A templated HTTP request: `{to}`, `{text}`, `{token}` and `{secret}` are filled in, escaped for where
/// they stand.
#[derive(Clone, Debug)]
pub struct HttpTemplate {
    /// `POST`, for one.
    pub method: http::Method,
    /// May hold placeholders in its query.
    pub url: String,
    /// Name and template.
    pub headers: Vec<(HeaderName, String)>,
    /// The body's template.
    pub body: String,
    /// Statuses that mean "sent".
    pub success_status: Vec<u16>,
    /// What `{secret}` stands for.
    pub secret: Option<Redacted<String>>,
}

/// `[limits]`
#[derive(Clone, Debug)]
pub struct Limits {
    /// Wrong passwords for one login.
    pub failed_passwords_per_login: Limit,
    /// Wrong passwords from one address (IPv6: from one /64).
    pub failed_passwords_per_address: Limit,
    /// Challenges opened for one employee.
    pub challenges_per_employee: Limit,
    /// Tokens sent to one employee, and to one number.
    pub sms_per_employee: Limit,
    /// Tokens sent for sign-ins from one address (IPv6: from one /64).
    pub sms_per_address: Limit,
    /// Tokens sent to the employees of one firm.
    pub sms_per_firm: Limit,
    /// Tokens sent in all.
    pub sms_in_all: Limit,
    /// Pushes sent to one employee.
    pub pushes_per_employee: Limit,
    /// What strangers may hold of the gateway itself.
    pub bounds: Bounds,
}

impl Config {
    /// The names under which the portal may set a cookie's `Domain`.
    pub fn cookie_hosts(&self) -> [&str; 2] {
        [self.listen.public_url.host(), self.portal.upstream.origin.host()]
    }
}
