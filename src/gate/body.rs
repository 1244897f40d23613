//! A form's body, read only where there is one way to read it.

use bytes::Bytes;
use futures_util::{FutureExt as _, stream};
use http::{HeaderMap, HeaderName, header};

use super::json::Json;
use super::query::Fields;

/// A body that was read.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FormBody {
    /// What it was.
    pub kind: FormKind,
    /// Its fields.
    pub fields: Fields,
    /// The document, where it is JSON that every parser reads alike.
    pub json: Option<Json>,
}

/// What a body is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FormKind {
    /// Nothing was sent.
    #[default]
    Empty,
    /// `application/x-www-form-urlencoded`
    Urlencoded,
    /// `multipart/form-data` (RFC 7578)
    Multipart,
    /// `application/json`, or a type that ends in `+json` (RFC 6839 3.1).
    Json,
}

/// Why a body can be read in no way, or in two.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadBody {
    /// No content type for a body that is not empty, or more than one.
    #[error("the body has no content type, or two")]
    ContentTypes,
    /// A content coding.
    #[error("the body is compressed")]
    Compressed,
    /// A charset other than UTF-8.
    #[error("the body's charset is not UTF-8")]
    Charset,
    /// Raw control bytes in a urlencoded body.
    #[error("the body holds control bytes")]
    Control,
    /// It is not what its content type says, or some servers would read it otherwise.
    #[error("the body cannot be parsed")]
    Unparsable,
    /// Of one content type, which is not a form's.
    #[error("the body is no form")]
    OtherType,
    /// Longer than the bound within which it is read.
    #[error("the body is too long")]
    TooLong,
}

impl FormBody {
    /// Whether there is one way to read it; JSON that is none is no form either.
    pub fn is_readable(&self) -> bool {
        self.kind != FormKind::Json || self.json.is_some()
    }

    /// Whether it holds something that a server could take for the field `name`.
    pub(super) fn mentions(&self, name: &str) -> bool {
        !self.fields.mentions(name).is_empty() || self.json.as_ref().is_some_and(|json| json.mentions(name))
    }

    /// Reads a whole body by the headers of its request.
    ///
    /// # Errors
    /// Where a server could read it otherwise.
    pub fn read(headers: &HeaderMap, bytes: &Bytes) -> Result<Self, BadBody> {
        if values(headers, &header::CONTENT_ENCODING).any(|coding| !coding.eq_ignore_ascii_case("identity")) {
            return Err(BadBody::Compressed);
        }
        let kind = match kind_of(headers) {
            // Nothing can be read in two ways where nothing is.
            Err(BadBody::ContentTypes) if bytes.is_empty() && has_one_type(headers) => None,
            kind => kind?,
        };
        let form = match kind {
            None if bytes.is_empty() => return Ok(Self::default()),
            None => return Err(BadBody::ContentTypes),
            Some((FormKind::Urlencoded, _)) => urlencoded(bytes)?,
            Some((FormKind::Multipart, content_type)) => multipart(content_type, bytes)?,
            Some((_, _)) if bytes.is_empty() => Self::default(),
            Some((FormKind::Json, content_type)) => {
                let parameters = content_type
                    .split_once(';')
                    .map_or("", |(_, parameters)| parameters);
                let json = parameters_are_harmless(parameters, false)
                    .ok()
                    .and_then(|()| Json::read(bytes));
                Self {
                    kind: FormKind::Json,
                    fields: Fields::default(),
                    json,
                }
            }
            Some((FormKind::Empty, _)) => return Err(BadBody::OtherType),
        };
        form.charset_is_utf8()
    }

    /// A field `_charset_` tells the server how to read the others (HTML standard, 4.10.21.5).
    fn charset_is_utf8(self) -> Result<Self, BadBody> {
        if self.kind == FormKind::Json {
            return Ok(self);
        }
        let mentions = self.fields.mentions("_charset_");
        let utf8 = mentions.exact.iter().all(|field| is_utf8(&field.value));
        if utf8 && mentions.alike == 0 {
            Ok(self)
        } else {
            Err(BadBody::Charset)
        }
    }
}

/// What a body says that it is, with its content type; [`FormKind::Empty`] where that is no form's.
///
/// # Errors
/// Where servers could take it for another.
pub(super) fn kind_of(headers: &HeaderMap) -> Result<Option<(FormKind, &str)>, BadBody> {
    let mut types = headers.get_all(header::CONTENT_TYPE).iter();
    let Some(content_type) = types.next() else {
        return Ok(None);
    };
    let content_type = content_type.to_str().map_err(|_| BadBody::ContentTypes)?;
    if types.next().is_some() || content_type.contains(',') {
        return Err(BadBody::ContentTypes);
    }
    let (essence, parameters) = content_type.split_once(';').unwrap_or((content_type, ""));
    let kind = match essence.trim().to_ascii_lowercase().as_str() {
        "application/x-www-form-urlencoded" => {
            parameters_are_harmless(parameters, false)?;
            FormKind::Urlencoded
        }
        "multipart/form-data" => {
            parameters_are_harmless(parameters, true)?;
            FormKind::Multipart
        }
        other if is_json(other) => FormKind::Json,
        other if other.contains('/') && !other.contains("form") => FormKind::Empty,
        _ => return Err(BadBody::ContentTypes),
    };
    Ok(Some((kind, content_type)))
}

fn has_one_type(headers: &HeaderMap) -> bool {
    headers.get_all(header::CONTENT_TYPE).iter().count() == 1
        && values(headers, &header::CONTENT_TYPE).count() == 1
}

fn is_json(content_type: &str) -> bool {
    content_type == "application/json"
        || (content_type.starts_with("application/") && content_type.ends_with("+json"))
}

/// The values of a header that may be a list, trimmed; a value that is no text is one that fits nothing.
fn values<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a str> {
    headers
        .get_all(name)
        .iter()
        .flat_map(|value| value.to_str().unwrap_or("?").split(','))
        .map(str::trim)
        .filter(|value| !value.is_empty())
}

fn is_utf8(charset: &str) -> bool {
    let charset = charset.trim().trim_matches('"');
    charset.eq_ignore_ascii_case("utf-8") || charset.eq_ignore_ascii_case("utf8")
}

/// A charset other than UTF-8 is not read; whatever else stands there must be a multipart body's boundary.
fn parameters_are_harmless(parameters: &str, multipart: bool) -> Result<(), BadBody> {
    let mut boundaries = 0;
    for parameter in parameters
        .split(';')
        .map(str::trim)
        .filter(|parameter| !parameter.is_empty())
    {
        let (name, value) = parameter.split_once('=').ok_or(BadBody::Unparsable)?;
        match name.to_ascii_lowercase().as_str() {
            "charset" if is_utf8(value) => {}
            "charset" => return Err(BadBody::Charset),
            "boundary" if multipart => boundaries += 1,
            _ => return Err(BadBody::Unparsable),
        }
    }
    if boundaries == usize::from(multipart) {
        Ok(())
    } else {
        Err(BadBody::Unparsable)
    }
}

fn urlencoded(bytes: &Bytes) -> Result<FormBody, BadBody> {
    if bytes.iter().any(u8::is_ascii_control) {
        return Err(BadBody::Control);
    }
    Ok(FormBody {
        kind: FormKind::Urlencoded,
        fields: Fields::parse(bytes),
        json: None,
    })
}

fn multipart(content_type: &str, bytes: &Bytes) -> Result<FormBody, BadBody> {
    let boundary = multer::parse_boundary(content_type).map_err(|_| BadBody::Unparsable)?;
    let is_bchar = |byte: u8| byte.is_ascii_alphanumeric() || b"'()+_-./:=?".contains(&byte);
    let fits = (1..=70).contains(&boundary.len()) && boundary.bytes().all(is_bchar);
    if !fits || !bytes.starts_with(format!("--{boundary}\r\n").as_bytes()) {
        return Err(BadBody::Unparsable);
    }
    let whole = bytes.clone();
    let body = stream::once(async move { Ok::<_, std::convert::Infallible>(whole) });
    // The stream is ready throughout, so nothing here ever waits.
    let fields = parts(multer::Multipart::new(body, boundary))
        .now_or_never()
        .unwrap_or(Err(BadBody::Unparsable))?;
    // More of these than parts: hidden in a value, after the end, or twice on one part, for a parser that
    // takes bare line feeds or the other of two headers.
    if count(bytes, b"content-disposition") != fields.iter().count() {
        return Err(BadBody::Unparsable);
    }
    Ok(FormBody {
        kind: FormKind::Multipart,
        fields,
        json: None,
    })
}

async fn parts(mut body: multer::Multipart<'_>) -> Result<Fields, BadBody> {
    let mut fields = Fields::default();
    while let Some(part) = body.next_field().await.map_err(|_| BadBody::Unparsable)? {
        let disposition = part
            .headers()
            .get(header::CONTENT_DISPOSITION)
            .and_then(|value| std::str::from_utf8(value.as_bytes()).ok())
            .ok_or(BadBody::Unparsable)?;
        let (name, file) = disposition_of(disposition).ok_or(BadBody::Unparsable)?;
        for (header, value) in part.headers() {
            match header.as_str() {
                "content-disposition" | "content-length" => {}
                "content-type" => part_is_utf8(value.to_str().unwrap_or("?"))?,
                // Some servers undo a transfer encoding, some do not (RFC 7578 4.7 deprecates it).
                _ => return Err(BadBody::Unparsable),
            }
        }
        let (name, text) = (name.to_owned(), !file);
        let value = part.bytes().await.map_err(|_| BadBody::Unparsable)?;
        fields.push(name, String::from_utf8_lossy(&value).into_owned(), text);
    }
    Ok(fields)
}

fn part_is_utf8(content_type: &str) -> Result<(), BadBody> {
    let lower = content_type.to_ascii_lowercase();
    match lower.split_once("charset") {
        None => Ok(()),
        Some((_, rest)) if rest.strip_prefix('=').is_some_and(is_utf8) => Ok(()),
        Some(_) => Err(BadBody::Charset),
    }
}

/// Name of a part and whether it is a file, where the disposition has the one shape that browsers send:
/// in any other, servers find different names.
fn disposition_of(value: &str) -> Option<(&str, bool)> {
    let (kind, rest) = value.split_once(';')?;
    if !kind.trim().eq_ignore_ascii_case("form-data") {
        return None;
    }
    let (name, rest) = rest.trim_start().strip_prefix("name=\"")?.split_once('"')?;
    if name.contains('\\') {
        return None;
    }
    if rest.trim().is_empty() {
        return Some((name, false));
    }
    let file = rest.trim_start().strip_prefix(';')?.trim_start();
    let (file, rest) = file.strip_prefix("filename=\"")?.split_once('"')?;
    (rest.trim().is_empty() && !file.ends_with('\\')).then_some((name, true))
}

fn count(bytes: &[u8], word: &[u8]) -> usize {
    bytes
        .windows(word.len())
        .filter(|window| window.eq_ignore_ascii_case(word))
        .count()
}

#[cfg(test)]
mod tests;
