//! The vendors' keys of `[factors]`: Twilio, Twilio Verify, Authy, Duo.

use std::ops::Range;

use toml::Spanned;
use url::Url;

use super::reader::Reader;
use super::text::{SmsText, Text, VendorKeys};
use super::{AuthySettings, DuoSettings, SmsProvider, TwilioFrom, TwilioSettings, Vendor, VerifySettings};
use crate::directory::Phone;
use crate::secret::Redacted;

const TWILIO_API: &str = "https://api.twilio.com";
const VERIFY_API: &str = "https://verify.twilio.com";
const AUTHY_API: &str = "https://api.authy.com";

/// One table's provider and the vendors' keys beside it.
struct Table<'a> {
    provider: &'a Text,
    keys: &'a VendorKeys<'a>,
}

/// Who is asked about a factor: `None` inside where doorstep is itself.
#[allow(clippy::option_option)]
pub(super) fn vendor_of(
    reader: &mut Reader<'_>,
    factor: &str,
    provider: &Text,
    keys: &VendorKeys<'_>,
) -> Option<Option<Vendor>> {
    let table = Table { provider, keys };
    match provider.get_ref().as_str() {
        "doorstep" => {
            refuse_foreign(reader, "doorstep", keys, &[]);
            Some(None)
        }
        "authy" | "twilio-verify" | "duo" => table.vendor(reader).map(Some),
        other => {
            let what = format!(
                "{other:?} is no provider of {factor}; write \"doorstep\", \"authy\", \"twilio-verify\" or \"duo\""
            );
            reader.refuse(provider.span(), what);
            None
        }
    }
}

/// A vendor that sends SMS.
pub(super) fn vendor_sms(reader: &mut Reader<'_>, text: &SmsText) -> Option<SmsProvider> {
    let keys = text.vendor_keys();
    let table = Table {
        provider: &text.provider,
        keys: &keys,
    };
    match text.provider.get_ref().as_str() {
        "twilio" => table.twilio(reader).map(SmsProvider::Twilio),
        _ => table.vendor(reader).map(SmsProvider::Vendor),
    }
}

/// A key of another provider would be read as if it had an effect.
pub(super) fn refuse_foreign(reader: &mut Reader<'_>, provider: &str, keys: &VendorKeys<'_>, own: &[&str]) {
    for (name, key) in keys {
        if let Some(key) = key
            && !own.contains(name)
        {
            reader.refuse(
                key.span(),
                format!("the provider {provider:?} has no key {name}; take it out"),
            );
        }
    }
}

/// A secret from `NAME_file` or `NAME_env`, if one of them is given.
#[allow(clippy::option_option)]
pub(super) fn read_secret(
    reader: &mut Reader<'_>,
    name: &str,
    (file, env): (Option<&Text>, Option<&Text>),
    span: &Range<usize>,
) -> Option<Option<Redacted<String>>> {
    let (place, secret) = match (file, env) {
        (None, None) => return Some(None),
        (Some(_), Some(_)) => {
            reader.refuse(
                span.clone(),
                format!("{name}_file and {name}_env are both given; keep one"),
            );
            return None;
        }
        (Some(file), None) => {
            let path = reader.file_path(file)?;
            let read = reader.value(file, |_| {
                std::fs::read_to_string(&path)
                    .map_err(|error| format!("the secret in {} cannot be read: {error}", path.display()))
            });
            (file, read)
        }
        (None, Some(env)) => {
            let read = reader.value(env, |name| {
                std::env::var(name).map_err(|_| format!("the environment has no variable {name}"))
            });
            (env, read)
        }
    };
    // An editor's last newline is no part of a secret.
    let secret = Redacted::new(secret?.trim_end_matches(['\r', '\n']).to_owned());
    // Signed with, it would be anybody's.
    let fits = !secret.reveal().is_empty() && !secret.reveal().contains(|c: char| c.is_control());
    if !fits {
        reader.refuse(
            place.span(),
            format!("the {name} is empty, or has more than one line"),
        );
        return None;
    }
    Some(Some(secret))
}

impl Table<'_> {
    fn name(&self) -> &str {
        self.provider.get_ref()
    }

    fn get(&self, name: &str) -> Option<&Text> {
        self.keys
            .iter()
            .find(|(key, _)| *key == name)
            .and_then(|(_, text)| *text)
    }

    fn vendor(&self, reader: &mut Reader<'_>) -> Option<Vendor> {
        match self.name() {
            "authy" => self.authy(reader).map(Vendor::Authy),
            "duo" => self.duo(reader).map(Vendor::Duo),
            _ => self.verify(reader).map(Vendor::Verify),
        }
    }

    fn authy(&self, reader: &mut Reader<'_>) -> Option<AuthySettings> {
        self.only(reader, &["api_key_file", "api_key_env", "base_url"]);
        let base_url = self.base_url(reader, AUTHY_API);
        let api_key = self.secret(reader, "api_key");
        Some(AuthySettings {
            base_url: base_url?,
            api_key: api_key?,
        })
    }

    fn verify(&self, reader: &mut Reader<'_>) -> Option<VerifySettings> {
        self.only(
            reader,
            &[
                "account_sid",
                "auth_token_file",
                "auth_token_env",
                "service_sid",
                "base_url",
            ],
        );
        let base_url = self.base_url(reader, VERIFY_API);
        let account_sid = self.required(reader, "account_sid", |text| sid(text, "AC"));
        let auth_token = self.secret(reader, "auth_token");
        let service_sid = self.required(reader, "service_sid", |text| sid(text, "VA"));
        Some(VerifySettings {
            base_url: base_url?,
            account_sid: account_sid?,
            auth_token: auth_token?,
            service_sid: service_sid?,
        })
    }

    fn duo(&self, reader: &mut Reader<'_>) -> Option<DuoSettings> {
        self.only(
            reader,
            &["base_url", "integration_key", "secret_key_file", "secret_key_env"],
        );
        let base_url = self.required(reader, "base_url", api_url);
        let integration_key = self.required(reader, "integration_key", |text| {
            let fits = text.len() == 20 && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
            fits.then(|| text.to_owned()).ok_or_else(|| {
                "an integration key is 20 letters and digits, such as DIXXXXXXXXXXXXXXXXXX".into()
            })
        });
        let secret_key = self.secret(reader, "secret_key");
        Some(DuoSettings {
            base_url: base_url?,
            integration_key: integration_key?,
            secret_key: secret_key?,
        })
    }

    fn twilio(&self, reader: &mut Reader<'_>) -> Option<TwilioSettings> {
        let own = [
            "account_sid",
            "auth_token_file",
            "auth_token_env",
            "from",
            "messaging_service_sid",
            "base_url",
        ];
        self.only(reader, &own);
        let base_url = self.base_url(reader, TWILIO_API);
        let account_sid = self.required(reader, "account_sid", |text| sid(text, "AC"));
        let auth_token = self.secret(reader, "auth_token");
        let from = match (self.get("from"), self.get("messaging_service_sid")) {
            (Some(from), None) => reader.value(from, sender).map(TwilioFrom::Number),
            (None, Some(service)) => reader
                .value(service, |text| sid(text, "MG"))
                .map(TwilioFrom::Service),
            _ => {
                let what =
                    "the provider \"twilio\" needs either from, a number in E.164, or messaging_service_sid";
                reader.refuse(self.provider.span(), what);
                None
            }
        };
        Some(TwilioSettings {
            base_url: base_url?,
            account_sid: account_sid?,
            auth_token: auth_token?,
            from: from?,
        })
    }

    fn only(&self, reader: &mut Reader<'_>, own: &[&str]) {
        refuse_foreign(reader, self.name(), self.keys, own);
    }

    fn required<T>(
        &self,
        reader: &mut Reader<'_>,
        name: &str,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
        match self.get(name) {
            Some(text) => reader.value(text, parse),
            None => {
                let what = format!("the provider {:?} needs {name}", self.name());
                reader.refuse(self.provider.span(), what);
                None
            }
        }
    }

    fn base_url(&self, reader: &mut Reader<'_>, default: &str) -> Option<Url> {
        match self.get("base_url") {
            Some(text) => reader.value(text, api_url),
            None => api_url(default).ok(),
        }
    }

    fn secret(&self, reader: &mut Reader<'_>, name: &str) -> Option<Redacted<String>> {
        let given = [format!("{name}_file"), format!("{name}_env")];
        let [file, env] = given.each_ref().map(|name| self.get(name));
        let span: Range<usize> = Spanned::span(self.provider);
        let secret = read_secret(reader, name, (file, env), &span)?;
        if secret.is_none() {
            let what = format!("the provider {:?} needs {name}_file or {name}_env", self.name());
            reader.refuse(span, what);
        }
        secret
    }
}

/// Where an API is. The secret travels in each request.
fn api_url(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| format!("{text:?} is no URL: {error}"))?;
    let loopback = match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    if !url.has_host() || !(url.scheme() == "https" || url.scheme() == "http" && loopback) {
        return Err("an API's base_url is https://HOST; http:// on a loopback address only".into());
    }
    if !url.username().is_empty() || url.password().is_some() || url.query().is_some() {
        return Err("a base_url has neither credentials nor a query".into());
    }
    Ok(url)
}

/// Two letters that say what it is, and 32 hexadecimal digits.
fn sid(text: &str, kind: &str) -> Result<String, String> {
    let digits = text.strip_prefix(kind);
    let fits =
        digits.is_some_and(|rest| rest.len() == 32 && rest.bytes().all(|byte| byte.is_ascii_hexdigit()));
    fits.then(|| text.to_owned())
        .ok_or_else(|| format!("it begins with {kind}, and 32 hexadecimal digits follow"))
}

/// A number in E.164, or a sender's name of up to 11 letters and digits.
fn sender(text: &str) -> Result<String, String> {
    let named = (1..=11).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b' ');
    if named {
        return Ok(text.to_owned());
    }
    let number = Phone::parse(text, None).map_err(|what| format!("{text:?} {what}"))?;
    Ok(number.e164().to_owned())
}
