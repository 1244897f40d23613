//! Twilio's Messaging API: sends the token that doorstep made.

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::{Method, Request};

use super::line::{Line, Repeat, Reply, Silence};
use super::{SendError, SmsSender, TokenMessage};
use crate::config::{TwilioFrom, TwilioSettings};
use crate::secret::Redacted;

/// A token that is not delivered in this time is of no use to anybody, in seconds.
const WORTH_SENDING: &str = "600";

/// A line to the Messaging API.
pub struct Twilio {
    pub(super) line: Line,
    account: String,
    token: Redacted<String>,
    from: TwilioFrom,
    /// Where the service tells what became of a message; it calls back over https only.
    status_callback: Option<String>,
}

impl Twilio {
    /// A line as configuration describes it.
    ///
    /// # Errors
    /// Where no TLS client can be made.
    pub fn new(settings: &TwilioSettings, status_callback: Option<String>) -> Result<Self, String> {
        Ok(Self {
            line: Line::new(&settings.base_url)?,
            account: settings.account_sid.clone(),
            token: settings.auth_token.clone(),
            from: settings.from.clone(),
            status_callback,
        })
    }
}

#[async_trait]
impl SmsSender for Twilio {
    async fn send(&self, message: &TokenMessage<'_>) -> Result<(), SendError> {
        let path = ["2010-04-01", "Accounts", &self.account, "Messages.json"];
        let request = self.line.request(Method::POST, &path);
        let mut fields = vec![
            ("To", message.to.e164()),
            match &self.from {
                TwilioFrom::Number(number) => ("From", number.as_str()),
                TwilioFrom::Service(sid) => ("MessagingServiceSid", sid.as_str()),
            },
            ("Body", message.text),
            ("ValidityPeriod", WORTH_SENDING),
        ];
        fields.extend(self.status_callback.as_deref().map(|url| ("StatusCallback", url)));
        let request = form(basic(request, &self.account, &self.token), &fields);
        match self.line.call(self.line.deadline(), request, Repeat::Acts).await {
            Ok(reply) => judge(&reply),
            Err(Silence::Unavailable(why)) => Err(SendError::Unavailable(why)),
            Err(Silence::Unanswered(why)) => Err(SendError::Unanswered(why)),
        }
    }

    fn name(&self) -> &'static str {
        "twilio"
    }
}

fn judge(reply: &Reply) -> Result<(), SendError> {
    let failed = matches!(reply.text("/status"), Some("failed" | "undelivered"));
    if reply.status == 201 && reply.text("/sid").is_some() && !failed {
        return Ok(());
    }
    match reply.status {
        400..=499 if !matches!(reply.status, 401 | 403 | 404 | 429) => Err(SendError::Refused(said(reply))),
        _ if failed => Err(SendError::Refused(said(reply))),
        _ => Err(SendError::Unavailable(said(reply))),
    }
}

/// With the account's credentials.
pub(super) fn basic(mut request: Request, account: &str, token: &Redacted<String>) -> Request {
    let credentials = STANDARD.encode(format!("{account}:{}", token.reveal()));
    if let Ok(mut value) = http::HeaderValue::from_str(&format!("Basic {credentials}")) {
        value.set_sensitive(true);
        request.headers_mut().insert(http::header::AUTHORIZATION, value);
    }
    request
}

/// With a form as its body.
pub(super) fn form(mut request: Request, fields: &[(&str, &str)]) -> Request {
    let body = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(fields)
        .finish();
    let kind = http::HeaderValue::from_static("application/x-www-form-urlencoded");
    request.headers_mut().insert(http::header::CONTENT_TYPE, kind);
    *request.body_mut() = Some(body.into());
    request
}

/// What Twilio answered, with its error code.
pub(super) fn said(reply: &Reply) -> String {
    reply.said(reply.code("/code").or_else(|| reply.code("/error_code")))
}

#[cfg(test)]
#[path = "twilio_tests.rs"]
mod tests;
