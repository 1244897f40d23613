//! `[notices]` and `[audit]`: who is told of what happens.

use std::net::IpAddr;
use std::path::PathBuf;

use serde::Deserialize;
use toml::Spanned;
use url::Url;

use super::reader::Reader;
use super::text::Text;
use super::vendors::read_secret;
use crate::secret::Redacted;

/// `[notices]`: tells people of changes to their factors.
#[derive(Clone, Debug, Default)]
pub struct Notices {
    /// By e-mail.
    pub smtp: Option<Smtp>,
    /// By SMS, through `[factors] sms`, to whoever has no address.
    pub sms: bool,
}

/// `[notices] smtp`
#[derive(Clone, Debug)]
pub struct Smtp {
    /// The mail server.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How the connection is protected.
    pub tls: MailTls,
    /// User and password.
    pub login: Option<(String, Redacted<String>)>,
    /// The sender's address.
    pub from: String,
    /// Who signs the mail server's certificate, in PEM; `None`: the public authorities.
    pub ca: Option<Vec<u8>>,
}

/// `[notices] smtp.tls`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MailTls {
    /// From the first byte (port 465).
    Implicit,
    /// After STARTTLS, or not at all (port 587).
    StartTls,
    /// None: for loopback hosts.
    None,
}

/// `[audit]`: who else keeps the audit.
#[derive(Clone, Debug, Default)]
pub struct AuditSinks {
    /// One JSON line per row is appended to this file.
    pub file: Option<PathBuf>,
    /// Each row is sent there.
    pub webhook: Option<Webhook>,
}

/// `[audit] webhook`
#[derive(Clone, Debug)]
pub struct Webhook {
    /// To where.
    pub url: Url,
    /// What each is signed with.
    pub secret: Redacted<String>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NoticesText {
    smtp: Option<Spanned<SmtpText>>,
    #[serde(default)]
    sms: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SmtpText {
    host: Text,
    port: Option<Spanned<u64>>,
    tls: Option<Text>,
    user: Option<Text>,
    password_file: Option<Text>,
    password_env: Option<Text>,
    from: Text,
    ca: Option<Text>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AuditText {
    file: Option<Text>,
    webhook: Option<Spanned<WebhookText>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WebhookText {
    url: Text,
    secret_file: Option<Text>,
    secret_env: Option<Text>,
}

pub(super) fn notices(reader: &mut Reader<'_>, text: &NoticesText) -> Option<Notices> {
    let smtp = match &text.smtp {
        None => Some(None),
        Some(smtp) => read_smtp(reader, smtp).map(Some),
    };
    Some(Notices {
        smtp: smtp?,
        sms: text.sms,
    })
}

fn read_smtp(reader: &mut Reader<'_>, spanned: &Spanned<SmtpText>) -> Option<Smtp> {
    let text = spanned.get_ref();
    let host = reader.value(&text.host, |host| {
        let fits = !host.is_empty() && !host.contains(|c: char| c.is_whitespace() || "/:@".contains(c));
        fits.then(|| host.to_owned())
            .ok_or_else(|| format!("{host:?} is no host; the port has a key of its own"))
    });
    let tls = reader.value_or(text.tls.as_ref(), MailTls::StartTls, |word| match word {
        "starttls" => Ok(MailTls::StartTls),
        "implicit" => Ok(MailTls::Implicit),
        "none" if is_loopback(text.host.get_ref()) => Ok(MailTls::None),
        "none" => {
            Err("without TLS only a loopback host is spoken to: write \"starttls\" or \"implicit\"".into())
        }
        other => Err(format!(
            "{other:?} is not known; write \"starttls\" or \"implicit\""
        )),
    });
    let default = match tls {
        Some(MailTls::Implicit) => 465,
        Some(MailTls::None) => 25,
        _ => 587,
    };
    let port = reader.number("port", text.port.as_ref(), default, 1..=65535);
    let from = reader.value(&text.from, |from| {
        from.parse::<lettre::Address>()
            .map(|address| address.to_string())
            .map_err(|_| format!("{from:?} is no e-mail address"))
    });
    let ca = match &text.ca {
        None => None,
        Some(ca) => Some(authority(reader, ca)?),
    };
    let given = (text.password_file.as_ref(), text.password_env.as_ref());
    let password = read_secret(reader, "password", given, &spanned.span())?;
    let login = match (&text.user, password) {
        (Some(user), Some(password)) => Some((user.get_ref().clone(), password)),
        (None, None) => None,
        _ => {
            reader.refuse(spanned.span(), "user and password_file belong together");
            return None;
        }
    };
    Some(Smtp {
        host: host?,
        port: u16::try_from(port?).ok()?,
        tls: tls?,
        login,
        from: from?,
        ca,
    })
}

/// Certificates in PEM.
fn authority(reader: &mut Reader<'_>, text: &Text) -> Option<Vec<u8>> {
    let path = reader.file_path(text)?;
    let read = std::fs::read(&path).map_err(|error| format!("{} cannot be read: {error}", path.display()));
    let fits = |pem: Vec<u8>| {
        let holds_one = pem.windows(27).any(|line| line == b"-----BEGIN CERTIFICATE-----");
        let parses = lettre::transport::smtp::client::Certificate::from_pem(&pem).is_ok();
        (holds_one && parses)
            .then_some(pem)
            .ok_or_else(|| format!("{} holds no certificate in PEM", path.display()))
    };
    match read.and_then(fits) {
        Ok(pem) => Some(pem),
        Err(why) => {
            reader.refuse(text.span(), why);
            None
        }
    }
}

pub(super) fn audit(reader: &mut Reader<'_>, text: &AuditText) -> Option<AuditSinks> {
    let file = match &text.file {
        None => Some(None),
        Some(file) => reader.file_path(file).map(Some),
    };
    let webhook = match &text.webhook {
        None => Some(None),
        Some(webhook) => read_webhook(reader, webhook).map(Some),
    };
    Some(AuditSinks {
        file: file?,
        webhook: webhook?,
    })
}

fn read_webhook(reader: &mut Reader<'_>, spanned: &Spanned<WebhookText>) -> Option<Webhook> {
    let text = spanned.get_ref();
    let url = reader.value(&text.url, |url| {
        let url = Url::parse(url).map_err(|_| "is no URL; write https://HOST/PATH".to_owned())?;
        let loopback = url.host_str().is_some_and(is_loopback);
        match url.scheme() {
            _ if !url.username().is_empty() || url.password().is_some() => {
                Err("credentials belong into secret_file, not into the url".into())
            }
            "https" => Ok(url),
            "http" if loopback => Ok(url),
            _ => Err("the audit names people: write https://, http:// is for loopback addresses only".into()),
        }
    });
    let given = (text.secret_file.as_ref(), text.secret_env.as_ref());
    let secret = read_secret(reader, "secret", given, &spanned.span())?;
    let Some(secret) = secret else {
        reader.refuse(
            spanned.span(),
            "secret_file is missing: without it nobody can tell who sent a row",
        );
        return None;
    };
    Some(Webhook { url: url?, secret })
}

fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || bare.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::{Config, explanation};
    use super::MailTls;

    const LEAST: &str = "[listen]\naddress = \"127.0.0.1:8443\"\npublic_url = \"https://portal.example.com\"\n[portal]\nupstream = \"http://127.0.0.1:8081\"\n[[portal.login]]\npath = \"/login\"\nusername = { form = \"email\" }\nsuccess = { status = [302] }\n";

    fn parse(more: &str) -> Result<Config, String> {
        let folder = std::env::temp_dir().join(format!("doorstep-told-{}", crate::secret::random_id()));
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(folder.join("s.secret"), "s3cret\n").unwrap();
        let config = Config::parse(
            &format!("{LEAST}{more}"),
            &folder.join(Path::new("doorstep.toml")),
        );
        std::fs::remove_dir_all(&folder).unwrap();
        config.map_err(|errors| errors.to_string())
    }

    #[test]
    fn who_is_told_is_read_and_said_in_words() {
        let config = parse(
            "[notices]\nsms = true\nsmtp = { host = \"mail.example.com\", user = \"d\", password_file = \"s.secret\", from = \"door@example.com\" }\n\
             [audit]\nfile = \"audit.jsonl\"\nwebhook = { url = \"https://siem.example.com/in\", secret_file = \"s.secret\" }\n",
        )
        .unwrap();
        let smtp = config.notices.smtp.as_ref().unwrap();
        assert_eq!((smtp.port, smtp.tls), (587, MailTls::StartTls));
        assert_eq!(config.audit.webhook.as_ref().unwrap().secret.reveal(), "s3cret");
        assert!(!format!("{config:?}").contains("s3cret"), "I12");
        let words = format!("{:?}", explanation(&config));
        for part in ["mail.example.com", "siem.example.com", "audit.jsonl"] {
            assert!(words.contains(part), "{part}: {words}");
        }
        assert!(parse("").unwrap().notices.smtp.is_none());
    }

    #[test]
    fn what_would_tell_in_the_clear_or_unsigned_is_refused() {
        for (more, words) in [
            (
                "[audit]\nwebhook = { url = \"http://siem.example.com/in\", secret_file = \"s.secret\" }",
                "https://",
            ),
            (
                "[audit]\nwebhook = { url = \"https://a:b@siem.example.com/in\", secret_file = \"s.secret\" }",
                "credentials",
            ),
            (
                "[audit]\nwebhook = { url = \"https://siem.example.com/in\" }",
                "secret_file is missing",
            ),
            ("[audit]\ncolour = 1", "unknown key"),
            (
                "[notices]\nsmtp = { host = \"mail.example.com\", tls = \"none\", from = \"d@example.com\" }",
                "loopback",
            ),
            (
                "[notices]\nsmtp = { host = \"mail.example.com\", user = \"d\", from = \"d@example.com\" }",
                "belong together",
            ),
            (
                "[notices]\nsmtp = { host = \"mail.example.com\", from = \"d@example.com\", ca = \"s.secret\" }",
                "no certificate in PEM",
            ),
            (
                "[notices]\nsmtp = { host = \"mail.example.com\", from = \"d@example.com\", ca = \"none.pem\" }",
                "cannot be read",
            ),
            (
                "[notices]\nsmtp = { host = \"mail.example.com\", from = \"door\" }",
                "no e-mail address",
            ),
            (
                "[notices]\nsmtp = { host = \"mail.example.com:25\", from = \"d@example.com\" }",
                "port has a key",
            ),
        ] {
            let error = parse(more).unwrap_err();
            assert!(error.contains(words), "{more}: {error}");
        }
    }
}
