//! Outside services, one file each, behind the traits that [`crate::factors`] need.

use async_trait::async_trait;

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
    /// The service did not answer, or answered what makes no sense: it may work later.
    #[error("the SMS service is not available: {0}")]
    Unavailable(String),
    /// The service refused this message (the number, for one).
    #[error("the SMS service refused the message: {0}")]
    Refused(String),
}

/// Sends a token to a number.
#[async_trait]
pub trait SmsSender: Send + Sync + 'static {
    /// Sends; ends within 8 s.
    async fn send(&self, message: &TokenMessage<'_>) -> Result<(), SendError>;
    /// The word that configuration uses for it.
    fn name(&self) -> &'static str;
}
