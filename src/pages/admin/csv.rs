//! Tables as CSV (RFC 4180), for spreadsheets that take what begins like a formula for one.

use bytes::Bytes;
use http::{HeaderValue, StatusCode, header};

use super::super::layout;
use super::super::refusal::Stop;
use crate::views::sheet::guarded;

/// The file of a table.
pub(super) fn file(
    name: &str,
    head: &[&str],
    rows: impl Iterator<Item = Vec<String>>,
) -> Result<http::Response<Bytes>, Stop> {
    let mut writer = ::csv::Writer::from_writer(Vec::new());
    let wrote = (|| {
        writer.write_record(head)?;
        for row in rows {
            writer.write_record(row.iter().map(|cell| guarded(cell)))?;
        }
        writer.into_inner().map_err(|error| error.into_error().into())
    })();
    let bytes: Vec<u8> = wrote.map_err(|error: ::csv::Error| {
        tracing::error!(%error, "a table cannot be written");
        Stop::BadBody("The table cannot be written.")
    })?;
    let mut answer = layout::plain(StatusCode::OK, "");
    *answer.body_mut() = bytes.into();
    let headers = answer.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/csv; charset=utf-8"),
    );
    let disposition = format!("attachment; filename=\"{name}.csv\"");
    if let Ok(disposition) = HeaderValue::from_str(&disposition) {
        headers.insert(header::CONTENT_DISPOSITION, disposition);
    }
    Ok(answer)
}
