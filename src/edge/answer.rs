//! Own answers on the wire.

use bytes::Bytes;
use http::Response;
use pingora::http::ResponseHeader;
use pingora::proxy::Session;

use super::hygiene::Unclean;

/// Writes an own answer. The connection stays usable where the request's body was read.
///
/// # Errors
/// Where the client is gone.
pub async fn write(session: &mut Session, answer: Response<Bytes>) -> pingora::Result<()> {
    let (parts, body) = answer.into_parts();
    let mut head = ResponseHeader::build(parts.status, Some(parts.headers.len() + 2))?;
    for (name, value) in &parts.headers {
        head.append_header(name.clone(), value.clone())?;
    }
    let no_body = parts.status == 304 || parts.status == 204;
    if !no_body {
        head.insert_header(http::header::CONTENT_LENGTH, body.len().to_string())?;
    }
    let is_head = session.req_header().method == http::Method::HEAD;
    let sends_body = !(is_head || no_body || body.is_empty());
    session.write_response_header(Box::new(head), !sends_body).await?;
    if sends_body {
        session.write_response_body(Some(body), true).await?;
    }
    Ok(())
}

/// Refuses an unclean head: a plain body, and the connection closed, since nobody can be sure where the
/// next request begins.
///
/// # Errors
/// Where the client is gone.
pub async fn refuse(session: &mut Session, unclean: Unclean) -> pingora::Result<()> {
    let (status, text) = match unclean {
        Unclean::Bad(text) => (400, text),
        Unclean::Misdirected => (421, "another host is served here"),
        Unclean::TooLarge => (431, "the head of the request is too large"),
    };
    plain(session, status, text).await
}

/// Sends the browser elsewhere.
///
/// # Errors
/// Where the client is gone.
pub async fn see_other(session: &mut Session, location: &str) -> pingora::Result<()> {
    let answer = Response::builder()
        .status(303)
        .header(http::header::LOCATION, location)
        .header(http::header::CACHE_CONTROL, "no-store")
        .body(Bytes::new())
        .map_err(|_| pingora::Error::new(pingora::ErrorType::InternalError))?;
    write(session, answer).await
}

/// Answers in plain text and closes the connection.
///
/// # Errors
/// Where the client is gone.
pub async fn plain(session: &mut Session, status: u16, text: &str) -> pingora::Result<()> {
    session.set_keepalive(None);
    let answer = Response::builder()
        .status(status)
        .header(http::header::CONTENT_TYPE, "text/plain; charset=utf-8")
        .header(http::header::CACHE_CONTROL, "no-store")
        .header(http::header::CONNECTION, "close")
        .body(Bytes::from(format!("{text}\n")))
        .map_err(|_| pingora::Error::new(pingora::ErrorType::InternalError))?;
    write(session, answer).await
}
