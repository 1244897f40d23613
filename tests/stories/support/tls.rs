//! TLS as browsers speak it, and HTTP/2 down to its frames.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, SignatureScheme};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::client::Failure;
use super::{Answer, PATIENCE};

/// Makes `tls.crt` and `tls.key` in a folder, signed by nobody else.
pub fn certificate(folder: &Path) {
    let made = Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
        ])
        .args([
            "-days",
            "2",
            "-subj",
            "/CN=127.0.0.1",
            "-addext",
            "subjectAltName=IP:127.0.0.1",
        ])
        .args(["-keyout", "tls.key", "-out", "tls.crt"])
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()
        .expect("openssl is there");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
}

/// Connects, speaking `protocol` (`h2`, `http/1.1`), whoever signed the certificate.
pub async fn connect(address: SocketAddr, protocol: &str) -> Result<TlsStream<TcpStream>, Failure> {
    let provider = Arc::new(ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Anybody(provider)))
        .with_no_client_auth();
    config.alpn_protocols = vec![protocol.as_bytes().to_vec()];
    let stream = TcpStream::connect(address).await?;
    let name = ServerName::from(address.ip());
    let stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await?;
    let chosen = stream.get_ref().1.alpn_protocol().map(<[u8]>::to_vec);
    assert_eq!(chosen.as_deref(), Some(protocol.as_bytes()), "ALPN");
    Ok(stream)
}

/// Takes any certificate: the stories are not about the chain.
#[derive(Debug)]
struct Anybody(Arc<CryptoProvider>);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

/// Sends one well-formed HTTP/2 request on a connection of its own.
pub async fn h2(address: SocketAddr, request: Request<Bytes>) -> Result<Answer, Failure> {
    let path = request.uri().path().to_owned();
    let exchange = async {
        let (sender, connection) = h2::client::handshake(connect(address, "h2").await?).await?;
        let driver = tokio::spawn(connection);
        let (head, body) = request.into_parts();
        let mut sender = sender.ready().await?;
        let (answer, mut out) = sender.send_request(Request::from_parts(head, ()), body.is_empty())?;
        if !body.is_empty() {
            out.send_data(body, true)?;
        }
        let (head, mut body) = answer.await?.into_parts();
        let mut whole = Vec::new();
        while let Some(chunk) = body.data().await {
            let chunk = chunk?;
            let _ = body.flow_control().release_capacity(chunk.len());
            whole.extend_from_slice(&chunk);
        }
        driver.abort();
        Ok::<_, Failure>(Answer {
            path: path.clone(),
            status: head.status,
            headers: head.headers,
            body: whole,
        })
    };
    tokio::time::timeout(PATIENCE, exchange)
        .await
        .map_err(|_| format!("no answer within {PATIENCE:?}: {path}"))?
}

/// A frame of stream 1.
pub fn frame(kind: u8, flags: u8, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut bytes = length[1..].to_vec();
    bytes.extend_from_slice(&[kind, flags, 0, 0, 0, u8::from(kind != 4)]);
    bytes.extend_from_slice(payload);
    bytes
}

/// A header block: literals that are not indexed, so that anything can be said (RFC 7541 6.2.2).
pub fn block(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (name, value) in fields {
        bytes.push(0);
        for text in [name, value] {
            assert!(text.len() < 127, "a longer integer");
            bytes.push(u8::try_from(text.len()).unwrap());
            bytes.extend_from_slice(text.as_bytes());
        }
    }
    bytes
}

/// Sends frames behind the preface; everything that comes back before a second of silence.
pub async fn h2_frames(address: SocketAddr, frames: &[Vec<u8>]) -> Vec<u8> {
    let mut stream = connect(address, "h2").await.unwrap();
    let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    bytes.extend_from_slice(&frame(4, 0, &[]));
    for frame in frames {
        bytes.extend_from_slice(frame);
    }
    let _ = stream.write_all(&bytes).await;
    let _ = stream.flush().await;
    let mut got = Vec::new();
    let mut chunk = [0; 16 * 1024];
    while let Ok(Ok(length @ 1..)) =
        tokio::time::timeout(Duration::from_secs(1), stream.read(&mut chunk)).await
    {
        got.extend_from_slice(&chunk[..length]);
    }
    got
}

/// The kinds of the frames that came back, settings and windows aside.
pub fn kinds(mut bytes: &[u8]) -> Vec<u8> {
    let mut kinds = Vec::new();
    while let [a, b, c, kind, _, _, _, _, _, rest @ ..] = bytes {
        let length = usize::from(*a) << 16 | usize::from(*b) << 8 | usize::from(*c);
        if !matches!(kind, 4 | 6 | 8) {
            kinds.push(*kind);
        }
        bytes = rest.get(length..).unwrap_or_default();
    }
    kinds
}
