//! Outside services, one file each, behind the traits that [`crate::factors`] need.

mod breaker;
mod file;
mod http;
mod public_address;
mod template;
pub mod web_push;

use std::sync::Arc;

use async_trait::async_trait;

pub use self::file::FileSender;
pub use self::http::HttpSender;
pub use self::template::check_template;

use crate::clock::SystemClock;
use crate::config::{SmsProvider, SmsSettings};
use crate::directory::Phone;

/// A message with a token in it.
pub struct TokenMessage<'a> {
    /// To whom.
    pub to: &'a Phone,
    /// The bare token.
    pub token: &'a str,
    /// The whole text, the token included.
    pub text: &'a str,
}

/// Why a message was not sent. No variant holds the message, the number or a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// The service could not be reached, or said that it cannot send: it may work later. Nothing was sent.
    #[error("the SMS service is not available: {0}")]
    Unavailable(String),
    /// The service refused this message (the number, for one). Nothing was sent.
    #[error("the SMS service refused the message: {0}")]
    Refused(String),
    /// The service was asked and did not answer: the message may arrive or not.
    #[error("the SMS service did not answer: {0}")]
    Unanswered(String),
}

/// Sends a token to a number.
#[async_trait]
pub trait SmsSender: Send + Sync + 'static {
    /// Sends; ends within 8 s.
    async fn send(&self, message: &TokenMessage<'_>) -> Result<(), SendError>;
    /// The word that configuration uses for it.
    fn name(&self) -> &'static str;
}

/// The sender that `[factors] sms` asks for.
///
/// # Errors
/// A sentence that says what is wrong with the settings.
pub fn sms_sender(settings: &SmsSettings) -> Result<Arc<dyn SmsSender>, String> {
    Ok(match &settings.provider {
        SmsProvider::File { path } => Arc::new(FileSender::new(path.clone(), Arc::new(SystemClock))),
        SmsProvider::Http(template) => Arc::new(HttpSender::new(template)?),
    })
}
