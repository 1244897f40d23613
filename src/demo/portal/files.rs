//! Files: an upload that is counted as it comes, and a download of any size. Neither is ever held in memory.

use std::convert::Infallible;
use std::sync::LazyLock;

use askama::Template;
use axum::body::Body;
use axum::extract::{Multipart, Path, Query};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream;
use serde::Deserialize;

use super::page::{self, Frame, render};
use super::sessions::SignedIn;

const CHUNK: u64 = 64 * 1024;

/// The download's bytes: byte *i* is *i* mod 256, so a part can be checked by itself.
static PATTERN: LazyLock<Bytes> = LazyLock::new(|| {
    (0..CHUNK + 256)
        .map(|i| u8::try_from(i % 256).unwrap_or(0))
        .collect()
});

#[derive(Template)]
#[template(path = "demo/portal/files.html")]
struct Page {
    frame: Frame,
    received: Option<Received>,
}

/// What an upload brought.
struct Received {
    name: String,
    bytes: u64,
}

pub(super) async fn page(SignedIn(account): SignedIn, headers: HeaderMap) -> Response {
    let frame = Frame::new("Files", Some(account), &headers);
    render(
        StatusCode::OK,
        &Page {
            frame,
            received: None,
        },
    )
}

/// Counts the uploaded files' bytes and says how many there were.
pub(super) async fn upload(SignedIn(account): SignedIn, headers: HeaderMap, mut form: Multipart) -> Response {
    let mut received = Received {
        name: "nothing".to_owned(),
        bytes: 0,
    };
    loop {
        let mut field = match form.next_field().await {
            Ok(Some(field)) => field,
            Ok(None) => break,
            Err(error) => return error.into_response(),
        };
        if let Some(name) = field.file_name() {
            received.name = name.chars().take(80).collect();
        }
        loop {
            match field.chunk().await {
                Ok(Some(chunk)) => received.bytes += chunk.len() as u64,
                Ok(None) => break,
                Err(error) => return error.into_response(),
            }
        }
    }
    let frame = Frame::new("Files", Some(account), &headers);
    render(
        StatusCode::OK,
        &Page {
            frame,
            received: Some(received),
        },
    )
}

#[derive(Deserialize)]
pub(super) struct Asked {
    #[serde(default = "a_mebibyte")]
    size: u64,
}

fn a_mebibyte() -> u64 {
    1024 * 1024
}

/// `sample.bin` of `size` bytes; one `Range` of the form `bytes=FROM-` or `bytes=FROM-TO` is honoured.
pub(super) async fn download(
    SignedIn(account): SignedIn,
    Path(name): Path<String>,
    Query(asked): Query<Asked>,
    headers: HeaderMap,
) -> Response {
    if name != "sample.bin" {
        return page::not_found(SignedIn(account), headers).await;
    }
    let range = headers.get(header::RANGE).and_then(|value| value.to_str().ok());
    let (status, from, to) = match range.and_then(|range| part(range, asked.size)) {
        Some((from, to)) => (StatusCode::PARTIAL_CONTENT, from, to),
        None => (StatusCode::OK, 0, asked.size),
    };
    let mut answer = Response::builder()
        .status(status)
        .header(header::CONTENT_TYPE, "application/octet-stream")
        .header(header::CONTENT_DISPOSITION, "attachment; filename=\"sample.bin\"")
        .header(header::ACCEPT_RANGES, "bytes")
        .header(header::CONTENT_LENGTH, to - from);
    if status == StatusCode::PARTIAL_CONTENT {
        let place = format!("bytes {from}-{}/{}", to - 1, asked.size);
        answer = answer.header(header::CONTENT_RANGE, place);
    }
    answer
        .body(Body::from_stream(stream::iter(chunks(from, to))))
        .unwrap_or_else(|_| StatusCode::INTERNAL_SERVER_ERROR.into_response())
}

/// The part that a `Range` asks for: first byte, and the one after the last.
fn part(range: &str, size: u64) -> Option<(u64, u64)> {
    let (from, last) = range.strip_prefix("bytes=")?.split_once('-')?;
    let from: u64 = from.parse().ok()?;
    let to = if last.is_empty() {
        size
    } else {
        last.parse::<u64>().ok()?.saturating_add(1).min(size)
    };
    (from < to).then_some((from, to))
}

fn chunks(from: u64, to: u64) -> impl Iterator<Item = Result<Bytes, Infallible>> {
    let mut at = from;
    std::iter::from_fn(move || {
        let length = CHUNK.min(to.checked_sub(at)?);
        if length == 0 {
            return None;
        }
        let start = usize::try_from(at % 256).ok()?;
        at += length;
        Some(Ok(PATTERN.slice(start..start + usize::try_from(length).ok()?)))
    })
}
