//! The file's shape, as serde reads it: names and kinds of values, and where each stands. What the values
//! mean is judged by the readers beside this file.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use toml::Spanned;

/// A text and where it stands.
pub(super) type Text = Spanned<String>;
/// Texts, and where each stands.
pub(super) type Texts = Vec<Text>;
/// A key that exists, whatever its value: what is not built yet is refused by name, not as unknown.
pub(super) type Known = Option<Spanned<toml::Value>>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ListenText {
    pub address: Text,
    pub public_url: Text,
    pub own_url: Option<Text>,
    pub own_address: Option<Text>,
    pub tls: Option<TlsText>,
    #[serde(default)]
    pub trusted_proxies: Texts,
    pub place_header: Option<Text>,
    pub drain: Option<Text>,
    pub upgrade_socket: Known,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TlsText {
    pub certificate: Text,
    pub key: Text,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OpsText {
    pub address: Option<Text>,
    pub token_file: Option<Text>,
}

/// `[portal]` without `login`, whose rules are read one by one.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PortalText {
    pub name: Option<Text>,
    pub upstream: Spanned<toml::Value>,
    pub ca: Option<Text>,
    #[serde(default)]
    pub public: Vec<Spanned<EntryText>>,
    #[serde(default)]
    pub closed: Texts,
    pub login_page: Option<Text>,
    pub anonymous: Option<Text>,
    #[serde(default)]
    pub logout: Vec<Spanned<EntryText>>,
    #[serde(default)]
    pub pass_cookies: Texts,
    #[serde(default)]
    pub session_cookies: Texts,
    pub credential_headers: Option<Texts>,
    pub session_parameters: Option<Texts>,
    pub identity_header: Option<Text>,
    pub origin: Option<Text>,
    pub who_am_i: Option<Spanned<WhoAmIText>>,
    #[serde(default)]
    pub exempt: Vec<Spanned<ExemptText>>,
    pub resume: Known,
    #[serde(default)]
    pub route: Vec<RouteText>,
    #[serde(default)]
    pub step_up_script: bool,
    pub mode: Option<Text>,
}

/// `[[portal.route]]`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RouteText {
    pub path: Text,
    #[serde(default)]
    pub resume: bool,
}

/// An entry of `public` or `logout`: a path alone, or a table.
pub(super) struct EntryText {
    pub path: Option<Text>,
    pub table: Option<EntryTable>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EntryTable {
    pub path: Text,
    pub methods: Option<Texts>,
    #[serde(default)]
    pub query: BTreeMap<String, String>,
    #[serde(default)]
    pub form: BTreeMap<String, String>,
    #[serde(default)]
    pub fields: Texts,
    pub resume: Known,
}

impl<'de> Deserialize<'de> for EntryText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entry;
        impl<'de> Visitor<'de> for Entry {
            type Value = EntryText;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a path, or a table { path, methods, query, form, fields }")
            }
            fn visit_str<E>(self, path: &str) -> Result<EntryText, E> {
                Ok(EntryText {
                    // The place is the entry's own: whoever holds this has it.
                    path: Some(Spanned::new(0..0, path.to_owned())),
                    table: None,
                })
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<EntryText, A::Error> {
                let table = EntryTable::deserialize(MapAccessDeserializer::new(map))?;
                Ok(EntryText {
                    path: None,
                    table: Some(table),
                })
            }
        }
        deserializer.deserialize_any(Entry)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LoginText {
    pub method: Option<Text>,
    pub path: Text,
    pub username: Spanned<UsernameText>,
    pub password: Option<PasswordText>,
    pub bearer: Option<Text>,
    pub everywhere: Option<Spanned<bool>>,
    pub success: Option<Spanned<CriterionText>>,
    pub failure: Option<Spanned<CriterionText>>,
    pub r#where: Option<Spanned<WhereText>>,
    #[serde(default)]
    pub from: Texts,
    pub request_limit: Option<Spanned<u64>>,
    pub answer_limit: Option<Spanned<u64>>,
    pub timeout: Option<Text>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PasswordText {
    pub form: Text,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct UsernameText {
    pub form: Option<Text>,
    pub multipart: Option<Text>,
    pub json: Option<Text>,
    pub answer: Option<Text>,
    pub basic: Option<Spanned<bool>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WhereText {
    #[serde(default)]
    pub query: BTreeMap<String, String>,
    #[serde(default)]
    pub form: BTreeMap<String, String>,
    #[serde(default)]
    pub json: BTreeMap<Text, Spanned<toml::Value>>,
}

/// `[portal.who_am_i]`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WhoAmIText {
    pub path: Text,
    pub username: Spanned<NamingText>,
    #[serde(default)]
    pub nobody: Texts,
    pub timeout: Option<Text>,
    pub answer_limit: Option<Spanned<u64>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NamingText {
    pub json: Option<Text>,
    pub body_regex: Option<Text>,
    pub header: Option<Text>,
}

/// `[[portal.exempt]]`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ExemptText {
    pub path: Text,
    pub methods: Option<Texts>,
    #[serde(default)]
    pub networks: Texts,
    #[serde(default)]
    pub token: bool,
}

/// `[canary]`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CanaryText {
    pub login: Text,
    pub password_file: Text,
    pub password_field: Option<Text>,
    #[serde(default)]
    pub fields: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CriterionText {
    #[serde(default)]
    pub status: Vec<Spanned<u64>>,
    pub location: Option<Text>,
    pub location_not: Option<Text>,
    pub sets_cookie: Option<Text>,
    pub body_contains: Option<Text>,
    pub header: Option<Spanned<HeaderText>>,
    pub json: Known,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct HeaderText {
    pub name: Text,
    pub matches: Option<Text>,
    pub contains: Option<Text>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DirectoryText {
    pub url: Option<Text>,
    pub unknown_employee: Option<Text>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SessionsText {
    pub store: Option<Text>,
    pub idle_timeout: Option<Text>,
    pub absolute_timeout: Option<Text>,
    pub remember_device: Option<Text>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FactorsText {
    pub totp: Option<TotpText>,
    pub sms: Option<Spanned<SmsText>>,
    pub push: Option<PushText>,
    pub challenge_ttl: Option<Text>,
    pub phone_change_hold: Option<Text>,
}

/// A table with keys of its own and, beside them, those of the vendors; which may stand in it depends on the
/// provider.
macro_rules! with_vendor_keys {
    ($(#[$meta:meta])* $name:ident { $($(#[$of:meta])* $field:ident: $kind:ty),* $(,)? }) => {
        $(#[$meta])*
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        pub(super) struct $name {
            $($(#[$of])* pub $field: $kind,)*
            pub account_sid: Option<Text>,
            pub auth_token_file: Option<Text>,
            pub auth_token_env: Option<Text>,
            pub from: Option<Text>,
            pub messaging_service_sid: Option<Text>,
            pub service_sid: Option<Text>,
            pub api_key_file: Option<Text>,
            pub api_key_env: Option<Text>,
            pub base_url: Option<Text>,
            pub integration_key: Option<Text>,
            pub secret_key_file: Option<Text>,
            pub secret_key_env: Option<Text>,
        }

        impl $name {
            /// The vendors' keys by name.
            pub fn vendor_keys(&self) -> VendorKeys<'_> {
                [
                    ("account_sid", self.account_sid.as_ref()),
                    ("auth_token_file", self.auth_token_file.as_ref()),
                    ("auth_token_env", self.auth_token_env.as_ref()),
                    ("from", self.from.as_ref()),
                    ("messaging_service_sid", self.messaging_service_sid.as_ref()),
                    ("service_sid", self.service_sid.as_ref()),
                    ("api_key_file", self.api_key_file.as_ref()),
                    ("api_key_env", self.api_key_env.as_ref()),
                    ("base_url", self.base_url.as_ref()),
                    ("integration_key", self.integration_key.as_ref()),
                    ("secret_key_file", self.secret_key_file.as_ref()),
                    ("secret_key_env", self.secret_key_env.as_ref()),
                ]
            }
        }
    };
}

/// The vendors' keys of a table, by name.
pub(super) type VendorKeys<'a> = [(&'static str, Option<&'a Text>); 12];

with_vendor_keys! {
    #[derive(Default)]
    TotpText {
        provider: Option<Text>,
        digits: Option<Spanned<u64>>,
        period: Option<Spanned<u64>>,
        skew: Option<Spanned<u64>>,
    }
}

with_vendor_keys! {
    PushText {
        provider: Text,
    }
}

with_vendor_keys! {
    /// `[factors] sms`
    SmsText {
        provider: Text,
        digits: Option<Spanned<u64>>,
        ttl: Option<Text>,
        countries: Option<Texts>,
        // file
        path: Option<Text>,
        // http
        method: Option<Text>,
        url: Option<Text>,
        #[serde(default)]
        headers: BTreeMap<Text, Text>,
        body: Option<Text>,
        success: Option<SmsSuccessText>,
        secret_file: Option<Text>,
        secret_env: Option<Text>,
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SmsSuccessText {
    pub status: Vec<Spanned<u64>>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LimitsText {
    pub failed_passwords_per_login: Option<Text>,
    pub failed_passwords_per_address: Option<Text>,
    pub challenges_per_employee: Option<Text>,
    pub sms_per_employee: Option<Text>,
    pub sms_per_address: Option<Text>,
    pub sms_per_firm: Option<Text>,
    pub sms_in_all: Option<Text>,
    pub pushes_per_employee: Option<Text>,
    pub connections: Option<Spanned<u64>>,
    pub connections_per_address: Option<Spanned<u64>>,
    pub header_timeout: Option<Text>,
    pub header_bytes: Option<Spanned<u64>>,
    pub header_lines: Option<Spanned<u64>>,
    pub body_timeout: Option<Text>,
    pub slowest_body: Option<Text>,
    pub send_timeout: Option<Text>,
    pub answer_timeout: Option<Text>,
    pub anonymous_sessions: Option<Spanned<u64>>,
    pub anonymous_sessions_per_address: Option<Spanned<u64>>,
    pub new_sessions_per_address: Option<Text>,
    pub counted: Option<Spanned<u64>>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SecretsText {
    pub key_file: Option<Text>,
}
