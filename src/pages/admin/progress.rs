//! An import, and the look over its file before it, that tell how far they have come: lines of JSON while they run,
//! the last one what came of it. Whoever runs no script waits for the page that follows.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::body::Body;
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use futures_util::stream;
use http::{HeaderMap, HeaderValue, header};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::super::desk::Desk;
use super::super::layout;
use super::confirm::with_done;
use super::table::EMPLOYEES;
use super::transfer;
use crate::directory::{Actor, ImportRefused, NewEmployee};

/// What a script asks for that wants to be told.
const LINES: &str = "application/x-ndjson";
/// Told after every so many.
const EVERY: usize = 500;
/// Told after every so many bytes.
const BYTES: usize = 64 << 10;

/// Whether whoever asks reads lines of progress.
pub(super) fn is_wanted(headers: &HeaderMap) -> bool {
    let accept = headers.get(header::ACCEPT);
    accept.is_some_and(|accept| accept.as_bytes() == LINES.as_bytes())
}

/// Imports, and tells how far it has come. It goes on where nobody listens any more: it is made whole or not at
/// all, and the trail says which.
pub(super) fn import(desk: Desk, actor: Actor, rows: Vec<NewEmployee>) -> Response {
    let (told, telling) = mpsc::channel::<Value>(16);
    let all = rows.len();
    tokio::spawn(async move {
        let progress = |done: usize| {
            if done.is_multiple_of(EVERY) {
                // A reader that is slow misses a number, and nothing else.
                let _ = told.try_send(json!({"done": done, "of": all}));
            }
        };
        let directory = &desk.door.directory;
        let made = directory
            .import_employees(&actor, &rows, desk.now(), &progress)
            .await;
        let last = match made {
            Ok(()) => match desk.door.copies.changed_here().await {
                Ok(_) => json!({"location": with_done(EMPLOYEES, "imported")}),
                Err(_) => json!({"error": "It was imported, but the table cannot be shown right now."}),
            },
            Err(ImportRefused::Rows(_)) => {
                json!({"error": "Nothing was imported: somebody has added one of them since. Look the file over again."})
            }
            Err(ImportRefused::Unknown(unknown)) => {
                tracing::warn!(id = desk.visitor.request_id, %unknown, "an import cannot be made");
                json!({"error": "Whether it was imported is not known. Look at the table before you try again."})
            }
        };
        let _ = told.send(last).await;
    });
    lines(telling)
}

/// Looks a file over, and tells how much of it is read; the last line holds the page that says what was found.
pub(super) fn look_over(desk: Desk, text: Arc<str>) -> Response {
    let (told, telling) = mpsc::channel::<Value>(16);
    tokio::spawn(async move {
        let (all, tell, next) = (text.len(), told.clone(), AtomicUsize::new(BYTES));
        let progress = move |read: usize| {
            if read >= next.load(Ordering::Relaxed) {
                next.store(read + BYTES, Ordering::Relaxed);
                let _ = tell.try_send(json!({"done": read, "of": all}));
            }
        };
        let last = match transfer::looked_over(&desk, text, progress).await {
            Ok(page) => json!({"page": String::from_utf8_lossy(page.body())}),
            Err(stop) => {
                tracing::warn!(
                    id = desk.visitor.request_id,
                    ?stop,
                    "a file cannot be looked over"
                );
                json!({"error": "This cannot be looked over right now. Choose the file again in a minute."})
            }
        };
        let _ = told.send(last).await;
    });
    lines(telling)
}

fn lines(telling: mpsc::Receiver<Value>) -> Response {
    let lines = stream::unfold(telling, |mut telling| async {
        let value = telling.recv().await?;
        let line = Bytes::from(format!("{value}\n"));
        Some((Ok::<_, std::convert::Infallible>(line), telling))
    });
    let mut response = Body::from_stream(lines).into_response();
    let headers = response.headers_mut();
    layout::guard(headers);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(LINES));
    response
}
