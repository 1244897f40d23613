//! `interrupted`: a form that was posted when its session had run out, offered for sending once; and what it held,
//! where the portal did not take it.

use askama::Template;
use axum::extract::Request;
use axum::response::Response;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header};

use super::CHALLENGE;
use super::body::Fields;
use super::desk::{Desk, Stage};
use super::layout::{self, Shell};
use super::proof;
use super::refusal::Stop;
use crate::config::Origin;
use crate::gate::FormBody;
use crate::vault::Interrupted;

/// The field of the form that has it sent.
pub const RESUME_FIELD: &str = "doorstep_resume";
/// What a field's name holds whose value is not shown.
const HIDDEN: [&str; 12] = [
    "pass", "pwd", "secret", "token", "csrf", "nonce", "pin", "otp", "code", "cvc", "cvv", "key",
];

#[derive(Template)]
#[template(path = "interrupted.html")]
struct OfferPage<'a> {
    shell: Shell<'a>,
    target: &'a str,
    fields: Vec<Shown>,
    field: &'static str,
    csrf: String,
}

#[derive(Template)]
#[template(path = "not_taken.html")]
struct NotTakenPage<'a> {
    shell: Shell<'a>,
    target: &'a str,
    fields: Vec<Shown>,
}

/// One field, as it is shown.
pub(super) struct Shown {
    pub name: String,
    /// `None`: a secret, a file, or bytes.
    pub value: Option<String>,
}

/// GET `interrupted`.
pub(super) async fn show(desk: Desk) -> Response {
    desk.finish(offered(&desk))
}

/// POST `interrupted`: it shall not be sent.
pub(super) async fn discard(desk: Desk, request: Request) -> Response {
    desk.finish(discarded(&desk, request).await)
}

fn offered(desk: &Desk) -> Result<http::Response<Bytes>, Stop> {
    let session = match desk.stage()? {
        Stage::Owed(_) => return Ok(layout::see_other(CHALLENGE)),
        Stage::Stands(session) => session,
    };
    let Some(kept) = desk.door.interrupted(session, desk.now())? else {
        return Ok(layout::see_other("/"));
    };
    Ok(offer(desk.portal(), &kept, session.token.offer_token()))
}

/// The page that offers what is kept.
pub(super) fn offer(portal: &str, kept: &Interrupted, csrf: String) -> http::Response<Bytes> {
    let mut shell = Shell::new(portal, "Your form is still here");
    shell.wide = true;
    let page = OfferPage {
        shell,
        target: &kept.target,
        fields: fields(kept),
        field: RESUME_FIELD,
        csrf,
    };
    layout::page(StatusCode::OK, &page)
}

async fn discarded(desk: &Desk, request: Request) -> Result<http::Response<Bytes>, Stop> {
    let (parts, body) = request.into_parts();
    // Where own pages have an origin of their own, this one is on the portal's.
    proof::check_site(&parts.headers, &desk.settings.config.listen.public_url)?;
    let session = desk.session()?;
    let fields = Fields::read(&parts.headers, body).await?;
    let given = fields.get("csrf").unwrap_or_default();
    if !session.token.is_offer_token(given) {
        return Err(Stop::BadForm);
    }
    if let Stage::Owed(_) = desk.stage()? {
        return Ok(layout::see_other(CHALLENGE));
    }
    desk.door.take_interrupted(session, desk.now()).await?;
    Ok(layout::see_other("/"))
}

/// The page for a form that the portal did not take: what it held, for copying.
pub fn not_taken(portal: &str, kept: &Interrupted) -> http::Response<Bytes> {
    let mut shell = Shell::new(portal, "The form was not taken");
    shell.wide = true;
    let page = NotTakenPage {
        shell,
        target: &kept.target,
        fields: fields(kept),
    };
    layout::page(StatusCode::UNPROCESSABLE_ENTITY, &page)
}

/// Whether a page of the portal's own origin sent a request, as the browser says.
pub fn is_of_own_page(headers: &HeaderMap, public: &Origin) -> bool {
    proof::check_site(headers, public).is_ok()
}

fn fields(kept: &Interrupted) -> Vec<Shown> {
    let mut headers = HeaderMap::new();
    let content_type = kept.content_type.as_deref().unwrap_or_default();
    if let Ok(value) = HeaderValue::from_str(content_type) {
        headers.insert(header::CONTENT_TYPE, value);
    }
    let body = Bytes::from(kept.body());
    match FormBody::read(&headers, &body) {
        Ok(form) if form.json.is_none() => {
            let shown = form.fields.iter().filter(|field| !field.value.is_empty());
            shown
                .map(|field| Shown {
                    value: (field.text && !is_secret(&field.name)).then(|| field.value.clone()),
                    name: field.name.clone(),
                })
                .collect()
        }
        _ => vec![Shown {
            name: content_type.to_owned(),
            value: None,
        }],
    }
}

fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    HIDDEN.iter().any(|word| name.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;
    use crate::gate::Login;

    fn page(content_type: &str, body: &str) -> String {
        let owner = Login::parse("anna").unwrap();
        let mut kept = Interrupted::new(owner, "/tickets/7?a=b".into(), body.as_bytes(), Timestamp(0));
        kept.content_type = Some(content_type.to_owned());
        let answer = not_taken("Portal", &kept);
        String::from_utf8(answer.body().to_vec()).unwrap()
    }

    #[test]
    fn i12_what_a_form_held_is_shown_for_copying_but_for_secrets() {
        let form = "application/x-www-form-urlencoded";
        let text = page(
            form,
            "title=%3Cscript%3Ea&note=line+1%0D%0Aline+2&new_password=hunter2&csrfmiddlewaretoken=abc&empty=",
        );
        assert!(
            text.contains("&#60;script&#62;a") || text.contains("&lt;script&gt;a"),
            "{text}"
        );
        assert!(text.contains("line 1") && text.contains("new_password"), "{text}");
        for hidden in ["hunter2", "abc", "<script>a", "empty"] {
            assert!(!text.contains(hidden), "{hidden}: {text}");
        }
        let parts = "--x\r\nContent-Disposition: form-data; name=\"title\"\r\n\r\nA ticket\r\n--x\r\n\
                     Content-Disposition: form-data; name=\"plan\"; filename=\"p.txt\"\r\n\r\nbytes of a file\r\n--x--\r\n";
        let text = page("multipart/form-data; boundary=x", parts);
        assert!(text.contains("A ticket") && text.contains("plan"), "{text}");
        assert!(!text.contains("bytes of a file"));
        assert!(page("application/octet-stream", "\u{1}\u{2}").contains("application/octet-stream"));
    }
}
