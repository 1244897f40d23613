//! The bodies of own addresses: a form or a flat JSON object, of at most 16 KiB.

use axum::body::Body;
use bytes::Bytes;
use http::{HeaderMap, header};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};

use super::refusal::Stop;

/// The longest body, in bytes.
const LIMIT: usize = 16 * 1024;

/// What a body says, by name. Not `Debug`: it holds what people typed.
pub(super) struct Fields(Vec<(String, String)>);

impl Fields {
    /// Reads a body by its content type.
    pub async fn read(headers: &HeaderMap, body: Body) -> Result<Self, Stop> {
        let format = Format::of(headers)?;
        let bytes = match Limited::new(body, LIMIT).collect().await {
            Ok(whole) => whole.to_bytes(),
            Err(error) if error.is::<LengthLimitError>() => return Err(Stop::TooLarge),
            Err(_) => return Err(Stop::BadBody("The request ended before its body did.")),
        };
        match format {
            Format::Form => Ok(Self::urlencoded(&bytes)),
            Format::Json => Self::json(&bytes),
        }
    }

    /// Of pairs that were read elsewhere.
    pub fn of(pairs: Vec<(String, String)>) -> Self {
        Self(pairs)
    }

    pub fn urlencoded(bytes: &[u8]) -> Self {
        Self(url::form_urlencoded::parse(bytes).into_owned().collect())
    }

    fn json(bytes: &Bytes) -> Result<Self, Stop> {
        let read: Result<serde_json::Map<String, serde_json::Value>, _> = serde_json::from_slice(bytes);
        let object = read.map_err(|_| Stop::BadBody("The body is no JSON object."))?;
        let texts = object.into_iter().filter_map(|(name, value)| match value {
            serde_json::Value::String(text) => Some((name, text)),
            _ => None,
        });
        Ok(Self(texts.collect()))
    }

    /// A field's text; `None` also where it is there twice, for then it can be read in two ways.
    pub fn get(&self, name: &str) -> Option<&str> {
        let mut values = self.0.iter().filter(|(key, _)| key == name);
        match (values.next(), values.next()) {
            (Some((_, value)), None) => Some(value),
            _ => None,
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Format {
    Form,
    Json,
}

impl Format {
    fn of(headers: &HeaderMap) -> Result<Self, Stop> {
        let mut values = headers.get_all(header::CONTENT_TYPE).iter();
        let (Some(value), None) = (values.next(), values.next()) else {
            return Err(Stop::UnsupportedType);
        };
        let text = value.to_str().map_err(|_| Stop::UnsupportedType)?;
        let essence = text.split(';').next().unwrap_or_default().trim();
        if essence.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
            Ok(Self::Form)
        } else if essence.eq_ignore_ascii_case("application/json") {
            Ok(Self::Json)
        } else {
            Err(Stop::UnsupportedType)
        }
    }
}

/// Whether the answer is to be JSON: that is what was sent, or what is asked for and HTML is not.
pub(super) fn wants_json(headers: &HeaderMap) -> bool {
    if matches!(Format::of(headers), Ok(Format::Json)) {
        return true;
    }
    let accepts = |essence: &str| {
        headers
            .get_all(header::ACCEPT)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .any(|range| {
                range
                    .split(';')
                    .next()
                    .unwrap_or_default()
                    .trim()
                    .eq_ignore_ascii_case(essence)
            })
    };
    accepts("application/json") && !accepts("text/html")
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn typed(content_type: &'static str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        headers
    }

    const FORM: &str = "application/x-www-form-urlencoded";

    #[tokio::test]
    async fn a_body_is_a_form_or_json_and_short() {
        for (content_type, length, fits) in [
            (FORM, 10, true),
            (FORM, LIMIT, true),
            (FORM, LIMIT + 1, false),
            ("application/x-www-form-urlencoded; charset=UTF-8", 10, true),
            ("text/plain", 10, false),
            ("multipart/form-data; boundary=x", 10, false),
            ("", 10, false),
            ("application/json", 10, false),
        ] {
            let body = Body::from("a".repeat(length));
            let read = Fields::read(&typed(content_type), body).await;
            assert_eq!(read.is_ok(), fits, "{content_type} {length}");
        }
        assert!(Fields::read(&HeaderMap::new(), Body::empty()).await.is_err());
    }

    #[tokio::test]
    async fn g5_a_token_is_one_text_or_none() {
        for (content_type, body, token) in [
            (FORM, "token=123+456", Some("123 456")),
            (FORM, "token=1&token=2", None),
            (FORM, "token", Some("")),
            (FORM, "", None),
            ("application/json", r#"{"token":"1"}"#, Some("1")),
            ("application/json", r#"{"token":1}"#, None),
            ("application/json", r#"{"token":null}"#, None),
            ("application/json", r#"{"token":["1"]}"#, None),
        ] {
            let fields = Fields::read(&typed(content_type), Body::from(body)).await;
            assert_eq!(fields.ok().unwrap().get("token"), token, "{body}");
        }
    }

    #[test]
    fn a_form_gets_a_page_unless_only_json_is_asked_for() {
        for (content_type, accept, json) in [
            (FORM, "text/html,application/xhtml+xml,*/*;q=0.8", false),
            (FORM, "*/*", false),
            (FORM, "application/json", true),
            (FORM, "application/json, text/html;q=0.5", false),
            ("application/json", "text/html", true),
            ("application/json;charset=utf-8", "*/*", true),
        ] {
            let mut headers = typed(content_type);
            headers.insert(header::ACCEPT, HeaderValue::from_static(accept));
            assert_eq!(wants_json(&headers), json, "{content_type} {accept}");
        }
    }
}
