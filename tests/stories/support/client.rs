//! One HTTP/1.1 request over one connection, as it is: nothing normalised, followed, stored or unpacked.

use std::net::SocketAddr;

use bytes::Bytes;
use http::{Method, Request};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use super::{Answer, PATIENCE};

/// Why nothing came back.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Sends and reads the whole answer.
pub async fn send(address: SocketAddr, request: Request<Bytes>) -> Result<Answer, Failure> {
    send_over(TcpStream::connect(address).await?, request).await
}

/// The same over a connection that is there.
pub async fn send_over<S>(stream: S, request: Request<Bytes>) -> Result<Answer, Failure>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let path = request.uri().to_string();
    let exchange = async {
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        let driver = tokio::spawn(connection);
        let answer = sender.send_request(request.map(Full::new)).await?;
        let (head, body) = answer.into_parts();
        let body = body.collect().await?.to_bytes().to_vec();
        driver.abort();
        Ok::<_, Failure>(Answer {
            path: path.clone(),
            status: head.status,
            headers: head.headers,
            body,
        })
    };
    tokio::time::timeout(PATIENCE, exchange)
        .await
        .map_err(|_| format!("no answer within {PATIENCE:?}: {path}"))?
}

/// A plain GET, for addresses that ask no cookie.
pub async fn get(address: SocketAddr, path: &str) -> Result<Answer, Failure> {
    let request = Request::builder()
        .method(Method::GET)
        .uri(path)
        .header("host", address.to_string())
        .body(Bytes::new())?;
    send(address, request).await
}
