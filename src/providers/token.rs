//! Tokens that a provider makes, sends and checks itself.

use std::sync::Arc;

use async_trait::async_trait;

use super::{Person, SendError};
use crate::gate::FactorKind;

/// What a provider said of a typed token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Checked {
    /// It is right. What it was good for is used up there; the caller records it as spent too (I7).
    Right,
    /// It was judged, and is not right.
    Wrong,
    /// It could not be judged, which is no failure (I8): why, without anything secret.
    Unjudged(String),
}

/// Sends tokens that the provider makes itself: doorstep never knows them.
#[async_trait]
pub trait TokenSender: Send + Sync + 'static {
    /// Sends one; ends within 8 s.
    async fn send_own(&self, person: &Person<'_>) -> Result<(), SendError>;
    /// Where it goes, as the page shows it; `None` where this person can be sent nothing.
    fn shown_number(&self, person: &Person<'_>) -> Option<String>;
    /// The word that configuration uses for it.
    fn name(&self) -> &'static str;
}

/// Checks typed tokens.
#[async_trait]
pub trait TokenChecker: Send + Sync + 'static {
    /// Judges a token of ASCII digits; ends within 8 s.
    async fn check(&self, person: &Person<'_>, token: &str) -> Checked;
    /// Names what is asked, so that nothing is asked twice about one token.
    fn name(&self) -> &'static str;
}

/// Who may judge a typed token, and when they are asked.
#[derive(Clone)]
pub struct Checker {
    /// The factor that a right token proves; the firm's policy has to allow it.
    pub factor: FactorKind,
    /// Asked only where this challenge had the provider send a token.
    pub only_if_sent: bool,
    /// Who judges.
    pub judge: Arc<dyn TokenChecker>,
}
