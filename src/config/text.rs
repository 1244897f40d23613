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
    pub own_url: Known,
    pub tls: Option<TlsText>,
    #[serde(default)]
    pub trusted_proxies: Texts,
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
    pub session_parameters: Option<Texts>,
    pub identity_header: Option<Text>,
    pub origin: Option<Text>,
    pub who_am_i: Option<Spanned<WhoAmIText>>,
    #[serde(default)]
    pub exempt: Vec<Spanned<ExemptText>>,
    pub resume: Known,
    pub step_up_script: Known,
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
    pub bearer: Option<Text>,
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

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TotpText {
    pub provider: Option<Text>,
    pub digits: Option<Spanned<u64>>,
    pub period: Option<Spanned<u64>>,
    pub skew: Option<Spanned<u64>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PushText {
    pub provider: Text,
}

/// `[factors] sms`; which keys may stand in it depends on the provider.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SmsText {
    pub provider: Text,
    pub digits: Option<Spanned<u64>>,
    pub ttl: Option<Text>,
    // file
    pub path: Option<Text>,
    // http
    pub method: Option<Text>,
    pub url: Option<Text>,
    #[serde(default)]
    pub headers: BTreeMap<Text, Text>,
    pub body: Option<Text>,
    pub success: Option<SmsSuccessText>,
    pub secret_file: Option<Text>,
    pub secret_env: Option<Text>,
    // the vendors'
    pub account_sid: Known,
    pub auth_token_file: Known,
    pub auth_token_env: Known,
    pub from: Known,
    pub messaging_service_sid: Known,
    pub service_sid: Known,
    pub api_key_file: Known,
    pub api_key_env: Known,
    pub base_url: Known,
    pub integration_key: Known,
    pub secret_key_file: Known,
    pub secret_key_env: Known,
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
    pub pushes_per_employee: Option<Text>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SecretsText {
    pub key_file: Option<Text>,
}
