//! Mail over TLS, from the first byte and after STARTTLS; and notices by SMS.

use std::process::Command;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::json;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncWrite, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use super::notices;
use super::tests::{people, reload, smtp};
use crate::access::Settings;
use crate::config::{MailTls, Smtp};
use crate::ops::tests::world::World;
use crate::providers::{SendError, SmsSender, TokenMessage};

type Mails = Arc<Mutex<Vec<String>>>;

/// An authority, and what it signed for 127.0.0.1: the authority's PEM, and a server's TLS.
fn authority() -> (Vec<u8>, TlsAcceptor) {
    let folder = tempfile::tempdir().unwrap();
    let openssl = |words: &str| {
        let made = Command::new("openssl")
            .args(words.split(' '))
            .current_dir(folder.path())
            .output()
            .expect("openssl is there");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    };
    let key = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2";
    openssl(&format!("{key} -subj /CN=Authority -keyout ca.key -out ca.crt"));
    openssl(&format!(
        "{key} -subj /CN=mail -CA ca.crt -CAkey ca.key -addext subjectAltName=IP:127.0.0.1 \
         -addext basicConstraints=critical,CA:FALSE -keyout mail.key -out mail.crt"
    ));
    let file = |name: &str| std::fs::read(folder.path().join(name)).unwrap();
    let chain = CertificateDer::pem_slice_iter(&file("mail.crt"))
        .collect::<Result<Vec<_>, _>>()
        .unwrap();
    let key = PrivateKeyDer::from_pem_slice(&file("mail.key")).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    (file("ca.crt"), TlsAcceptor::from(Arc::new(config)))
}

/// How far a conversation came.
enum Ended {
    Gone,
    StartTls,
}

/// Speaks SMTP until the client leaves or begins TLS.
async fn speak(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    greets: bool,
    offers: bool,
    mails: &Mails,
) -> Ended {
    let (read, mut write) = tokio::io::split(stream);
    let mut lines = BufReader::new(read).lines();
    let (mut mail, mut data) = (String::new(), false);
    if greets {
        let _ = write.write_all(b"220 mail\r\n").await;
    }
    while let Ok(Some(line)) = lines.next_line().await {
        mail.push_str(&line);
        mail.push('\n');
        let answer = match line.as_str() {
            "." if data => {
                data = false;
                mails.lock().unwrap().push(std::mem::take(&mut mail));
                "250 taken"
            }
            _ if data => continue,
            "DATA" => {
                data = true;
                "354 go on"
            }
            "STARTTLS" if offers => {
                let _ = write.write_all(b"220 begin\r\n").await;
                return Ended::StartTls;
            }
            "QUIT" => return Ended::Gone,
            hello if hello.starts_with("EHLO") && offers => "250-mail\r\n250 STARTTLS",
            _ => "250 fine",
        };
        let _ = write.write_all(format!("{answer}\r\n").as_bytes()).await;
    }
    Ended::Gone
}

async fn serve(mut stream: TcpStream, tls: TlsAcceptor, how: &str, mails: Mails) {
    match how {
        "implicit" => {
            if let Ok(mut stream) = tls.accept(stream).await {
                speak(&mut stream, true, false, &mails).await;
            }
        }
        how => {
            let offers = how == "starttls";
            if let Ended::StartTls = speak(&mut stream, true, offers, &mails).await
                && let Ok(mut stream) = tls.accept(stream).await
            {
                speak(&mut stream, false, false, &mails).await;
            }
        }
    }
}

/// A mail server that speaks TLS: `implicit`, `starttls`, or never (`plain`).
async fn mail_server(tls: TlsAcceptor, how: &'static str) -> (u16, Mails) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let mails = Mails::default();
    let kept = mails.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream, tls.clone(), how, kept.clone()));
        }
    });
    (port, mails)
}

#[tokio::test]
async fn mail_goes_over_tls_to_a_server_that_is_who_it_says_and_to_no_other() {
    let (ca, tls) = authority();
    let (other_ca, _) = authority();
    for (how, kind, trusted, arrives) in [
        ("implicit", MailTls::Implicit, Some(&ca), true),
        ("starttls", MailTls::StartTls, Some(&ca), true),
        ("implicit", MailTls::Implicit, Some(&other_ca), false),
        ("starttls", MailTls::StartTls, Some(&other_ca), false),
        // Signed by nobody whom everybody knows.
        ("implicit", MailTls::Implicit, None, false),
        ("starttls", MailTls::StartTls, None, false),
        // A server that offers no TLS, or somebody between who takes the offer away: nothing goes in the clear.
        ("plain", MailTls::StartTls, Some(&ca), false),
    ] {
        let (port, mails) = mail_server(tls.clone(), how).await;
        let server = Smtp {
            tls: kind,
            ca: trusted.cloned(),
            ..smtp(port)
        };
        let sent = super::mail::send(&server, "anna@example.com", "Words", "A factor was added.").await;
        assert_eq!(sent.is_ok(), arrives, "{how} {}: {sent:?}", trusted.is_some());
        let mails = mails.lock().unwrap();
        assert_eq!(mails.len(), usize::from(arrives), "{how}: {mails:?}");
        if arrives {
            assert!(
                mails[0].contains("RCPT TO:<anna@example.com>") && mails[0].contains("A factor was added.")
            );
        }
    }
}

/// Keeps number and text of what it sends.
#[derive(Default)]
struct Phones(Mutex<Vec<(String, String)>>);

#[async_trait]
impl SmsSender for Phones {
    async fn send(&self, message: &TokenMessage<'_>) -> Result<(), SendError> {
        let sent = (message.to.e164().to_owned(), message.text.to_owned());
        self.0.lock().unwrap().push(sent);
        Ok(())
    }

    fn name(&self) -> &'static str {
        "phones"
    }
}

#[tokio::test]
async fn i14_whoever_has_no_address_is_told_by_sms_of_everything_that_is_told() {
    let world = World::new().await;
    people(&world).await;
    for login in ["anna", "boss"] {
        let no_address =
            json!({"email": null, "phone": if login == "anna" { "+14155550102" } else { "+14155550103" }});
        world
            .ask("PATCH", &format!("/v1/employees/{login}"), Some(no_address))
            .await
            .is(200);
    }
    let phones = Arc::new(Phones::default());
    reload(&world, |config| config.notices.sms = true);
    let settings = world.door.settings.load_full();
    world.door.settings.store(Arc::new(Settings {
        config: settings.config.clone(),
        sms: Some(phones.clone()),
        providers: settings.providers.clone(),
    }));
    notices::collect(&world.door).await.unwrap();
    let (directory, now) = (&world.door.directory, crate::ops::tests::world::START);
    let anna = crate::gate::Login::parse("anna").unwrap();
    let firm = crate::gate::FirmId::parse("corp-a").unwrap();
    let actor = crate::directory::Actor {
        name: "anna".into(),
        from: "198.51.100.4".into(),
    };
    let other = crate::directory::Phone::parse("+14155550199", None).unwrap();
    directory
        .ask_phone_change(&actor, &anna, &other, "hash", now)
        .await
        .unwrap();
    directory
        .enable_two_factor(&actor, &firm, None, true, now)
        .await
        .unwrap();
    directory.disable_two_factor(&actor, &firm, now).await.unwrap();
    let lock = crate::directory::AuditEvent {
        event: "factor.locked",
        actor,
        firm: Some(firm),
        login: Some(anna.clone()),
        details: json!({}),
    };
    directory.audit(&lock, now).await.unwrap();
    notices::collect(&world.door).await.unwrap();
    notices::send_due(&world.door).await.unwrap();
    let sent = phones.0.lock().unwrap().clone();
    for (what, both) in [
        ("asked for another phone number", true),
        ("tokens of anna are locked", true),
        ("switched on", false),
        ("switched off", false),
    ] {
        let to = |number: &str| {
            let fits = |(to, text): &&(String, String)| to == number && text.contains(what);
            sent.iter().filter(fits).count()
        };
        assert_eq!(to("+14155550102"), usize::from(both), "{what}: {sent:?}");
        assert_eq!(to("+14155550103"), 1, "{what}: {sent:?}");
    }
    assert_eq!(sent.len(), 6, "{sent:?}");
}
