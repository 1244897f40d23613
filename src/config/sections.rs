//! `[listen]`, `[ops]`, `[directory]`, `[sessions]`, `[limits]`, `[secrets]`.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use http::HeaderName;
use ipnet::IpNet;
use url::Url;

use super::bounds::bounds;
use super::duration::{parse_duration, parse_limit, parse_positive_duration};
use super::own_pages::own_pages;
use super::reader::Reader;
use super::text::{DirectoryText, LimitsText, ListenText, OpsText, SecretsText, SessionsText, Text, TlsText};
use super::{
    DirectorySettings, Limits, Listen, Ops, Origin, SessionSettings, StoreSettings, Tls, UnknownEmployee,
};
use crate::secret::Redacted;
use crate::sessions::Limit;

pub(super) fn listen(reader: &mut Reader<'_>, text: &ListenText) -> Option<Listen> {
    reader.not_built("upgrade_socket", &text.upgrade_socket, None);
    let address = reader.value(&text.address, parse_address);
    let public_url = reader.value(&text.public_url, |url| {
        let origin = Origin::parse(url)?;
        if !origin.is_secure() && !origin.is_loopback() {
            return Err(format!(
                "{origin} is plain http, which is for loopback addresses only: passwords and session cookies \
                 would travel in the clear. Write https://"
            ));
        }
        Ok(origin)
    });
    let own = own_pages(reader, text, public_url.as_ref());
    let tls = match &text.tls {
        None => Some(None),
        Some(tls) => read_tls(reader, tls).map(Some),
    };
    let trusted_proxies = reader.values(&text.trusted_proxies, parse_network);
    let place_header = reader.optional(text.place_header.as_ref(), |name| {
        if text.trusted_proxies.is_empty() {
            return Err(
                "place_header is believed from trusted_proxies only; name them, or take it out".into(),
            );
        }
        HeaderName::from_bytes(name.as_bytes()).map_err(|_| format!("{name:?} is no header's name"))
    });
    let drain = reader.value_or(text.drain.as_ref(), Duration::from_secs(8), parse_duration);
    if let (Some(Some(_)), Some(origin), Some(tls)) = (&tls, &public_url, &text.tls)
        && !origin.is_secure()
    {
        reader.refuse(
            tls.certificate.span(),
            "tls is given, but public_url is plain http: write https:// there",
        );
        return None;
    }
    Some(Listen {
        address: address?,
        public_url: public_url?,
        own_address: own.as_ref()?.address,
        own_url: own?.url,
        tls: tls?,
        trusted_proxies: trusted_proxies?,
        place_header: place_header?,
        drain: drain?,
    })
}

fn read_tls(reader: &mut Reader<'_>, text: &TlsText) -> Option<Tls> {
    let certificate = reader.file_path(&text.certificate);
    let key = reader.file_path(&text.key);
    Some(Tls {
        certificate: certificate?,
        key: key?,
    })
}

pub(super) fn ops(reader: &mut Reader<'_>, text: &OpsText, listen: Option<&Listen>) -> Option<Ops> {
    let default = SocketAddr::from(([127, 0, 0, 1], 9443));
    let address = reader.value_or(text.address.as_ref(), default, parse_address);
    let token_file = match &text.token_file {
        None => Some(None),
        Some(file) => reader.file_path(file).map(Some),
    };
    let taken = |listener: SocketAddr| {
        address.is_some_and(|address| {
            address.port() == listener.port()
                && address.port() != 0
                && (address.ip() == listener.ip()
                    || address.ip().is_unspecified()
                    || listener.ip().is_unspecified())
        })
    };
    if let (Some(address), Some(listen), Some(text)) = (address, listen, &text.address)
        && (taken(listen.address) || listen.own_listener().is_some_and(taken))
    {
        reader.refuse(
            text.span(),
            format!("{address} is taken by [listen] address; health and admin need a port of their own"),
        );
        return None;
    }
    Some(Ops {
        address: address?,
        token_file: token_file?,
    })
}

pub(super) fn directory(reader: &mut Reader<'_>, text: &DirectoryText) -> Option<DirectorySettings> {
    let default = format!("sqlite://{}", reader.path("doorstep.db").display());
    let folder = reader.path("");
    let url = reader.value_or(text.url.as_ref(), default, |url| directory_url(url, &folder));
    let unknown = text.unknown_employee.as_ref();
    let unknown_employee = reader.value_or(unknown, UnknownEmployee::Deny, |word| match word {
        "deny" => Ok(UnknownEmployee::Deny),
        "pass" => Ok(UnknownEmployee::Pass),
        "register" => Ok(UnknownEmployee::Register),
        other => Err(format!(
            "{other:?} is not known; write \"deny\", \"register\" or \"pass\""
        )),
    });
    Some(DirectorySettings {
        url: Redacted::new(url?),
        unknown_employee: unknown_employee?,
    })
}

/// Nothing of the URL is repeated in an error: it may hold a password.
fn directory_url(url: &str, folder: &Path) -> Result<String, String> {
    if let Some(rest) = url.strip_prefix("sqlite:") {
        let rest = rest.strip_prefix("//").unwrap_or(rest);
        let (path, query) = rest
            .split_once('?')
            .map_or((rest, None), |(path, query)| (path, Some(query)));
        if path.is_empty() || path.contains(":memory:") || query.is_some_and(|query| query.contains("memory"))
        {
            return Err("the directory is what must not be lost: name a file, such as \
                        sqlite://doorstep.db"
                .into());
        }
        return Ok(format!("sqlite://{}", folder.join(path).display()));
    }
    match Url::parse(url) {
        Ok(parsed) if matches!(parsed.scheme(), "postgres" | "postgresql") && parsed.has_host() => {
            Ok(url.to_owned())
        }
        _ => Err("the directory is sqlite://FILE or postgres://HOST/NAME".into()),
    }
}

pub(super) fn sessions(reader: &mut Reader<'_>, text: &SessionsText) -> Option<SessionSettings> {
    let store = reader.value_or(text.store.as_ref(), StoreSettings::Memory, parse_store);
    let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
    let idle = text.idle_timeout.as_ref();
    let idle_timeout = reader.value_or(idle, minutes(30), parse_positive_duration);
    let absolute = text.absolute_timeout.as_ref();
    let absolute_timeout = reader.value_or(absolute, minutes(720), parse_positive_duration);
    let remember = reader.value_or(text.remember_device.as_ref(), Duration::ZERO, |text| {
        let most = parse_duration(text)?;
        if most > Duration::from_secs(90 * 24 * 60 * 60) {
            return Err("a device is remembered for 90d at most".into());
        }
        Ok(most)
    });
    Some(SessionSettings {
        store: store?,
        idle_timeout: idle_timeout?,
        absolute_timeout: absolute_timeout?,
        remember_device: remember?,
    })
}

/// Nothing of the URL is repeated in an error: it may hold a password.
fn parse_store(text: &str) -> Result<StoreSettings, String> {
    if text == "memory" {
        return Ok(StoreSettings::Memory);
    }
    for scheme in ["redis+sentinel", "redis+cluster"] {
        if text.starts_with(scheme) {
            return Err(format!(
                "{scheme}:// is not built yet; write \"memory\" or redis://HOST"
            ));
        }
    }
    match Url::parse(text) {
        Ok(url) if matches!(url.scheme(), "redis" | "rediss") && url.has_host() => {
            Ok(StoreSettings::Redis(Redacted::new(text.to_owned())))
        }
        _ => Err("the store is \"memory\", redis://HOST or rediss://HOST".into()),
    }
}

pub(super) fn limits(reader: &mut Reader<'_>, text: &LimitsText) -> Option<Limits> {
    let limit = |count, minutes: u64| Limit {
        count,
        window: Duration::from_secs(60 * minutes),
    };
    let mut read = |text: &Option<Text>, default| reader.value_or(text.as_ref(), default, parse_limit);
    let failed_passwords_per_login = read(&text.failed_passwords_per_login, limit(20, 10));
    let failed_passwords_per_address = read(&text.failed_passwords_per_address, limit(300, 10));
    let challenges_per_employee = read(&text.challenges_per_employee, limit(60, 1));
    let sms_per_employee = read(&text.sms_per_employee, limit(5, 60));
    let sms_per_address = read(&text.sms_per_address, limit(300, 60));
    let sms_per_firm = read(&text.sms_per_firm, limit(1000, 60));
    let sms_in_all = read(&text.sms_in_all, limit(5000, 60));
    let pushes_per_employee = read(&text.pushes_per_employee, limit(30, 60));
    let bounds = bounds(reader, text);
    Some(Limits {
        failed_passwords_per_login: failed_passwords_per_login?,
        failed_passwords_per_address: failed_passwords_per_address?,
        challenges_per_employee: challenges_per_employee?,
        sms_per_employee: sms_per_employee?,
        sms_per_address: sms_per_address?,
        sms_per_firm: sms_per_firm?,
        sms_in_all: sms_in_all?,
        pushes_per_employee: pushes_per_employee?,
        bounds: bounds?,
    })
}

pub(super) fn key_file(reader: &mut Reader<'_>, text: &SecretsText) -> Option<PathBuf> {
    match &text.key_file {
        None => Some(reader.path("doorstep.key")),
        Some(file) => reader.file_path(file),
    }
}

pub(super) fn parse_address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| {
        format!("{text:?} is no address; write IP:PORT, such as \"0.0.0.0:8443\" or \"[::]:8443\"")
    })
}

/// A network, or one address as a network of its own.
fn parse_network(text: &str) -> Result<IpNet, String> {
    text.parse::<IpNet>()
        .or_else(|_| text.parse::<std::net::IpAddr>().map(IpNet::from))
        .map_err(|_| format!("{text:?} is no network; write it as 10.0.0.0/8 or 2001:db8::/32"))
}
