//! Outside services, one file each, behind the traits that [`crate::factors`] need.

mod approval;
mod authy;
mod breaker;
mod build;
mod callback;
mod duo;
mod duo_signature;
mod file;
mod http;
mod line;
mod public_address;
mod signature;
#[cfg(test)]
pub mod simulators;
#[cfg(test)]
mod table_tests;
mod template;
mod token;
mod twilio;
#[cfg(test)]
mod vector_tests;
mod verify;
pub mod web_push;

use std::sync::Arc;

use async_trait::async_trait;

pub use self::approval::{Alert, ApprovalState, Approver, AskError, Asked, RequestId};
pub use self::authy::Authy;
pub use self::build::{providers, sms_sender};
pub use self::callback::{Callbacks, Genuine, NotGenuine, Received};
pub use self::duo::Duo;
pub use self::file::FileSender;
pub use self::http::HttpSender;
pub use self::template::check_template;
pub use self::token::{Checked, Checker, TokenChecker, TokenSender};
pub use self::twilio::Twilio;
pub use self::verify::{Verify, VerifySms, VerifyTotp, identity};

use crate::directory::{DirectoryUnknown, Phone};
use crate::gate::Login;

/// Somebody whom a provider is asked about: found there by number (Authy) or by login (Duo, Verify).
#[derive(Clone, Copy)]
pub struct Person<'a> {
    /// The name under which the directory keeps them, never an alias.
    pub login: &'a Login,
    /// Their usable number.
    pub phone: Option<&'a Phone>,
    /// Their address, if known.
    pub email: Option<&'a str>,
    /// Where providers' own ids of people are kept: the directory.
    pub accounts: &'a dyn Accounts,
}

/// Keeps providers' own ids of people.
#[async_trait]
pub trait Accounts: Send + Sync {
    /// The id that was kept for this employee under this `subject` (the number that it stands for); `None`
    /// where there is none, or for another subject.
    async fn account(
        &self,
        login: &Login,
        provider: &'static str,
        subject: &str,
    ) -> Result<Option<String>, DirectoryUnknown>;
    /// Keeps an id in place of the one before it.
    async fn keep_account(
        &self,
        login: &Login,
        provider: &'static str,
        subject: &str,
        id: &str,
    ) -> Result<(), DirectoryUnknown>;
}

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

/// The providers beside the sender of SMS, as configuration names them.
#[derive(Clone, Default)]
pub struct Providers {
    /// Who makes and sends tokens of its own, where `sms` names such a provider.
    pub token_sender: Option<Arc<dyn TokenSender>>,
    /// Who is asked about a typed token that is none of doorstep's own, in this order.
    pub checkers: Vec<Checker>,
    /// Who asks for approval, where `push` names a provider; `None`: doorstep itself.
    pub approver: Option<Arc<dyn Approver>>,
    /// Checks what providers call back.
    pub callbacks: Callbacks,
}
