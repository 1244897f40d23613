//! `[factors]`: how keys are made, who sends tokens.

use std::time::Duration;

use http::HeaderName;
use toml::Spanned;
use url::Url;

use super::countries::{Countries, Country};
use super::duration::{parse_duration, parse_positive_duration};
use super::reader::Reader;
use super::text::{FactorsText, SmsText, TotpText};
use super::vendors::{read_secret, refuse_foreign, vendor_of, vendor_sms};
use super::{FactorSettings, HttpTemplate, Origin, SmsProvider, SmsSettings};
use crate::directory::TotpShape;
use crate::secret::Redacted;

const MINUTE: Duration = Duration::from_secs(60);

pub(super) fn factors(
    reader: &mut Reader<'_>,
    text: &FactorsText,
    public_url: Option<&Origin>,
) -> Option<FactorSettings> {
    let totp = match &text.totp {
        None => totp_shape(reader, &TotpText::default()),
        Some(text) => totp_shape(reader, text),
    };
    let sms = match &text.sms {
        None => Some(None),
        Some(text) => sms(reader, text, public_url).map(Some),
    };
    let push = match &text.push {
        None => Some(None),
        Some(text) => vendor_of(reader, "push", &text.provider, &text.vendor_keys()),
    };
    let totp_provider = match text
        .totp
        .as_ref()
        .and_then(|text| Some((text, text.provider.as_ref()?)))
    {
        Some((text, provider)) => vendor_of(reader, "totp", provider, &text.vendor_keys()),
        None => Some(None),
    };
    let ttl = text.challenge_ttl.as_ref();
    let challenge_ttl = reader.value_or(ttl, 5 * MINUTE, at_most_ten_minutes);
    let hold = text.phone_change_hold.as_ref();
    let phone_change_hold = reader.value_or(hold, 72 * 60 * MINUTE, parse_duration);
    Some(FactorSettings {
        totp: totp?,
        totp_provider: totp_provider?,
        sms: sms?,
        push: push?,
        challenge_ttl: challenge_ttl?,
        phone_change_hold: phone_change_hold?,
    })
}

/// What is proven out of band is proven within ten minutes (NIST SP 800-63B-4 3.1.3.2).
fn at_most_ten_minutes(text: &str) -> Result<Duration, String> {
    let duration = parse_positive_duration(text)?;
    if duration > 10 * MINUTE {
        return Err(format!(
            "{text:?} is longer than 10m, the most that is allowed here"
        ));
    }
    Ok(duration)
}

fn totp_shape(reader: &mut Reader<'_>, text: &TotpText) -> Option<TotpShape> {
    if text.provider.is_none() {
        refuse_foreign(reader, "doorstep", &text.vendor_keys(), &[]);
    }
    let digits = reader.number("digits", text.digits.as_ref(), 6, 6..=8);
    let period = reader.number("period", text.period.as_ref(), 30, 10..=120);
    let skew = reader.number("skew", text.skew.as_ref(), 1, 0..=2);
    Some(TotpShape {
        digits: u32::try_from(digits?).ok()?,
        period: period?,
        skew: u8::try_from(skew?).ok()?,
    })
}

fn sms(reader: &mut Reader<'_>, text: &Spanned<SmsText>, public_url: Option<&Origin>) -> Option<SmsSettings> {
    let span = text.span();
    let text = text.get_ref();
    let digits = reader.number("digits", text.digits.as_ref(), 6, 6..=10);
    let ttl = reader.value_or(text.ttl.as_ref(), 10 * MINUTE, at_most_ten_minutes);
    let countries = match &text.countries {
        None => Some(Vec::new()),
        Some(named) => reader.values(named, Country::parse),
    };
    let provider = match text.provider.get_ref().as_str() {
        "file" => {
            refuse_foreign_keys(reader, text, "file");
            file_provider(reader, text, &span, public_url)
        }
        "http" => {
            refuse_foreign_keys(reader, text, "http");
            http_template(reader, text, &span).map(SmsProvider::Http)
        }
        vendor @ ("twilio" | "twilio-verify" | "authy" | "duo") => {
            refuse_own_keys(reader, text, vendor);
            vendor_sms(reader, text)
        }
        other => {
            let what = format!(
                "{other:?} is no provider of sms; write \"http\", \"twilio\", \"twilio-verify\", \"authy\", \"duo\" or \"file\""
            );
            reader.refuse(text.provider.span(), what);
            None
        }
    };
    Some(SmsSettings {
        digits: u32::try_from(digits?).ok()?,
        ttl: ttl?,
        countries: Countries::new(countries?),
        provider: provider?,
    })
}

/// A key of another provider would be read as if it had an effect.
fn refuse_foreign_keys(reader: &mut Reader<'_>, text: &SmsText, provider: &str) {
    refuse_foreign(reader, provider, &text.vendor_keys(), &[]);
    let foreign = match provider {
        "http" => text.path.as_ref().map(Spanned::span).into_iter().collect(),
        _ => http_keys(text),
    };
    refuse_all(reader, provider, foreign);
}

/// The keys of `http` and `file` in a vendor's table, and what a vendor that makes its tokens itself decides.
fn refuse_own_keys(reader: &mut Reader<'_>, text: &SmsText, vendor: &str) {
    let mut foreign = http_keys(text);
    foreign.extend(text.path.as_ref().map(Spanned::span));
    if vendor != "twilio" {
        foreign.extend(text.digits.as_ref().map(Spanned::span));
        foreign.extend(text.ttl.as_ref().map(Spanned::span));
    }
    refuse_all(reader, vendor, foreign);
}

fn http_keys(text: &SmsText) -> Vec<std::ops::Range<usize>> {
    let keys = [
        &text.method,
        &text.url,
        &text.body,
        &text.secret_file,
        &text.secret_env,
    ];
    let mut spans: Vec<_> = keys
        .iter()
        .filter_map(|key| key.as_ref())
        .map(Spanned::span)
        .collect();
    spans.extend(text.headers.keys().map(Spanned::span));
    spans
}

fn refuse_all(reader: &mut Reader<'_>, provider: &str, spans: Vec<std::ops::Range<usize>>) {
    for span in spans {
        reader.refuse(
            span,
            format!("the SMS provider {provider:?} has no such key; take it out"),
        );
    }
}

fn file_provider(
    reader: &mut Reader<'_>,
    text: &SmsText,
    span: &std::ops::Range<usize>,
    public_url: Option<&Origin>,
) -> Option<SmsProvider> {
    if public_url.is_some_and(|origin| !origin.is_loopback()) {
        let what = "the SMS provider \"file\" writes tokens to a file and is for development only: it needs a \
                    public_url on a loopback address";
        reader.refuse(text.provider.span(), what);
        return None;
    }
    let Some(path) = &text.path else {
        reader.refuse(
            span.clone(),
            "the SMS provider \"file\" needs path, the file to append to",
        );
        return None;
    };
    reader.file_path(path).map(|path| SmsProvider::File { path })
}

fn http_template(
    reader: &mut Reader<'_>,
    text: &SmsText,
    span: &std::ops::Range<usize>,
) -> Option<HttpTemplate> {
    let method = reader.value_or(text.method.as_ref(), http::Method::POST, |method| match method {
        "POST" => Ok(http::Method::POST),
        "PUT" => Ok(http::Method::PUT),
        "GET" => Ok(http::Method::GET),
        other => Err(format!(
            "{other:?} is no method to send with; write \"POST\", \"PUT\" or \"GET\""
        )),
    });
    let url = match &text.url {
        Some(url) => reader.value(url, parse_template_url),
        None => {
            reader.refuse(
                span.clone(),
                "the SMS provider \"http\" needs url, where the service is asked",
            );
            None
        }
    };
    let mut headers = Some(Vec::new());
    for (name, value) in &text.headers {
        let name = reader.value(name, |name| {
            HeaderName::from_bytes(name.as_bytes()).map_err(|_| format!("{name:?} is no header's name"))
        });
        let value = reader.value(value, |value| {
            match value.bytes().any(|byte| byte < b' ' || byte == 0x7f) {
                true => Err("a header holds no control characters".into()),
                false => Ok(value.to_owned()),
            }
        });
        headers = match (headers, name, value) {
            (Some(mut headers), Some(name), Some(value)) => {
                headers.push((name, value));
                Some(headers)
            }
            _ => None,
        };
    }
    let success_status = match &text.success {
        None => Some(vec![200, 201, 202]),
        Some(success) => statuses(reader, &success.status),
    };
    let secret = secret(reader, text, span);
    let template = HttpTemplate {
        method: method?,
        url: url?,
        headers: headers?,
        body: text
            .body
            .as_ref()
            .map(|body| body.get_ref().clone())
            .unwrap_or_default(),
        success_status: success_status?,
        secret: secret?,
    };
    check_placeholders(reader, &template, span)?;
    if let Err(why) = crate::providers::check_template(&template) {
        reader.refuse(span.clone(), why);
        return None;
    }
    Some(template)
}

/// The placeholders may stand in the path and query, never in the host.
fn parse_template_url(text: &str) -> Result<String, String> {
    let url = Url::parse(text).map_err(|error| format!("{text:?} is no URL: {error}"))?;
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return Err("the service's url is http:// or https://".into());
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("credentials belong into secret_file and headers, not into the url".into());
    }
    Ok(text.to_owned())
}

/// Statuses of an answer, at least one.
pub(super) fn statuses(reader: &mut Reader<'_>, list: &[Spanned<u64>]) -> Option<Vec<u16>> {
    let read: Vec<Option<u16>> = list
        .iter()
        .map(|status| {
            reader
                .number("a status", Some(status), 200, 200..=599)
                .and_then(|status| u16::try_from(status).ok())
        })
        .collect();
    read.into_iter().collect()
}

#[allow(clippy::option_option)]
fn secret(
    reader: &mut Reader<'_>,
    text: &SmsText,
    span: &std::ops::Range<usize>,
) -> Option<Option<Redacted<String>>> {
    let given = (text.secret_file.as_ref(), text.secret_env.as_ref());
    read_secret(reader, "secret", given, span)
}

fn check_placeholders(
    reader: &mut Reader<'_>,
    template: &HttpTemplate,
    span: &std::ops::Range<usize>,
) -> Option<()> {
    let says = |placeholder: &str| {
        template.url.contains(placeholder)
            || template.body.contains(placeholder)
            || template
                .headers
                .iter()
                .any(|(_, value)| value.contains(placeholder))
    };
    let fault = if !says("{to}") {
        "nothing in url, headers or body says {to}: the service could not know the number"
    } else if !says("{text}") && !says("{token}") {
        "nothing in url, headers or body says {text} or {token}: no token would be sent"
    } else if says("{secret}") && template.secret.is_none() {
        "{secret} is used, but neither secret_file nor secret_env is given"
    } else {
        return Some(());
    };
    reader.refuse(span.clone(), fault);
    None
}
