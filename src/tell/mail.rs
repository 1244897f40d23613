//! E-mail, through the SMTP server of `[notices] smtp`.

use std::time::Duration;

use anyhow::Context as _;
use lettre::message::header::ContentType;
use lettre::message::{Mailbox, Message};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, CertificateStore, Tls, TlsParameters};
use lettre::{Address, AsyncSmtpTransport, AsyncTransport as _, Tokio1Executor};

use crate::config::{MailTls, Smtp};

/// How long a mail server is waited for.
const PATIENCE: Duration = Duration::from_secs(15);

/// Sends a mail. No error holds the address, the password or the text.
pub async fn send(smtp: &Smtp, to: &str, subject: &str, body: &str) -> anyhow::Result<()> {
    let address = |text: &str| text.parse::<Address>().ok();
    let from = address(&smtp.from).context("the sender's address does not fit")?;
    let to = address(to).context("the employee's address does not fit")?;
    let message = Message::builder()
        .from(Mailbox::new(None, from))
        .to(Mailbox::new(None, to))
        .subject(subject)
        .header(ContentType::TEXT_PLAIN)
        .body(body.to_owned())
        .map_err(|_| anyhow::anyhow!("the mail cannot be put together"))?;
    let sent = tokio::time::timeout(PATIENCE, transport(smtp)?.send(message)).await;
    match sent {
        Ok(Ok(_)) => Ok(()),
        // The server's own words can hold the address.
        Ok(Err(error)) => {
            let code = error
                .status()
                .map(|code| format!(" ({code})"))
                .unwrap_or_default();
            anyhow::bail!(
                "the mail server {}:{} did not take it{code}",
                smtp.host,
                smtp.port
            )
        }
        Err(_) => anyhow::bail!("the mail server {}:{} does not answer", smtp.host, smtp.port),
    }
}

fn transport(smtp: &Smtp) -> anyhow::Result<AsyncSmtpTransport<Tokio1Executor>> {
    let parameters = || {
        let mut builder = TlsParameters::builder(smtp.host.clone());
        if let Some(ca) = &smtp.ca {
            builder = builder
                .certificate_store(CertificateStore::None)
                .add_root_certificate(Certificate::from_pem(ca)?);
        }
        builder.build()
    };
    let parameters = || parameters().map_err(|_| anyhow::anyhow!("TLS cannot be set up"));
    let tls = match smtp.tls {
        MailTls::Implicit => Tls::Wrapper(parameters()?),
        MailTls::StartTls => Tls::Required(parameters()?),
        MailTls::None => Tls::None,
    };
    let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&smtp.host)
        .port(smtp.port)
        .tls(tls)
        .timeout(Some(PATIENCE));
    if let Some((user, password)) = &smtp.login {
        builder = builder.credentials(Credentials::new(user.clone(), password.reveal().clone()));
    }
    Ok(builder.build())
}
