//! The field **Token or Security Key** in the form of a change to what is one's own (I14): the portal's scripts
//! share this origin and could send the form, but cannot type what the phone shows.

use http::StatusCode;

use super::body::Fields;
use super::desk::Desk;
use super::enroll_passkey::signed;
use super::layout;
use super::moment::{in_words, seconds_until};
use super::passkey;
use super::refusal::Stop;
use crate::access::LiveSession;
use crate::clock::Timestamp;
use crate::factors::challenge::SmsOutcome;
use crate::factors::confirm::{Confirmation, Means};
use crate::factors::push::PushSent;
use crate::gate::FactorKind;

/// Why a change is not made yet: its page is shown again, with these words beside the field.
#[derive(Clone, Debug)]
pub(super) struct Unconfirmed {
    /// What the page says.
    pub words: String,
    /// A token is on its way: good news.
    pub sent: bool,
    status: StatusCode,
    again: Option<u64>,
}

/// The field, as the template `confirm_field.html` shows it.
pub(super) struct ConfirmField {
    pub means: Means,
    pub refused: Option<Unconfirmed>,
}

impl ConfirmField {
    /// The status of the page that shows it.
    pub fn status(&self) -> StatusCode {
        self.refused
            .as_ref()
            .map_or(StatusCode::OK, |refused| refused.status)
    }

    /// The page's answer, saying when to try again where that is known.
    pub fn answer(&self, page: &impl askama::Template) -> http::Response<bytes::Bytes> {
        let response = layout::page(self.status(), page);
        match self.refused.as_ref().and_then(|refused| refused.again) {
            Some(seconds) => layout::retry_after(response, seconds),
            None => response,
        }
    }
}

impl Desk {
    /// The field for a page.
    pub async fn confirm_field(
        &self,
        session: &LiveSession,
        refused: Option<Unconfirmed>,
    ) -> Result<ConfirmField, Stop> {
        let means = self.door.means_to_confirm(session, self.now()).await?;
        Ok(ConfirmField { means, refused })
    }

    /// Judges what was typed into the field of a change's own form (`proof`), or sends the SMS that was asked
    /// for there (`send`). The inner error is shown beside the field; nothing may be changed then.
    pub async fn confirm(
        &self,
        session: &LiveSession,
        fields: &Fields,
    ) -> Result<Result<FactorKind, Unconfirmed>, Stop> {
        let now = self.now();
        if fields.get("send") == Some("sms") {
            let outcome = self.door.send_confirmation_sms(session, now).await?;
            return Ok(Err(Unconfirmed::of_sms(outcome, now)));
        }
        if fields.get("send") == Some("phone") {
            let sent = self.door.ask_phone_for_token(session, self.whence(), now).await?;
            return Ok(Err(Unconfirmed::of_phone(&sent, now)));
        }
        let typed = fields.get("proof").unwrap_or_default();
        let signed = signed(fields);
        if signed.is_none() && typed.trim().is_empty() {
            return Ok(Err(Unconfirmed::because(
                "Type a token or key: a change is made only with one.",
            )));
        }
        let confirmation = match signed {
            Some(answer) => self.door.confirm_passkey(session, answer, now).await?,
            None => self.door.confirm_token(session, typed, now).await?,
        };
        Ok(match confirmation {
            Confirmation::Confirmed(factor) => Ok(factor),
            Confirmation::Ended => return Err(self.sign_in_again()),
            other => Err(Unconfirmed::of(other, now)),
        })
    }
}

impl Unconfirmed {
    /// Not processed, for this reason.
    pub fn because(words: &str) -> Self {
        Self {
            words: words.to_owned(),
            sent: false,
            status: StatusCode::UNPROCESSABLE_ENTITY,
            again: None,
        }
    }

    fn until(words: &str, until: Timestamp, now: Timestamp) -> Self {
        Self {
            words: format!("{words} {}.", in_words(until.since(now))),
            status: StatusCode::TOO_MANY_REQUESTS,
            again: Some(seconds_until(until, now).max(1)),
            ..Self::because("")
        }
    }

    fn of(confirmation: Confirmation, now: Timestamp) -> Self {
        match confirmation {
            Confirmation::Wrong { left } => Self::because(&format!(
                "That token is not right. Check it and try again; {}.",
                match left {
                    0 => "no try is left".to_owned(),
                    1 => "1 try is left".to_owned(),
                    more => format!("{more} tries are left"),
                }
            )),
            Confirmation::Expired => Self::because("That token ran out. Ask for a new one."),
            Confirmation::Used => Self::because("That key was already used. Wait for the next one."),
            Confirmation::Locked { until } => {
                Self::until("Too many tries. Changes are locked for", until, now)
            }
            Confirmation::Unavailable => Self {
                status: StatusCode::SERVICE_UNAVAILABLE,
                again: Some(60),
                ..Self::because("That cannot be checked right now. Try another way.")
            },
            Confirmation::NotByPasskey(fault) => Self::because(passkey::words(fault)),
            Confirmation::NothingEnrolled | Confirmation::Confirmed(_) | Confirmation::Ended => {
                Self::because(
                    "You have neither a key nor a number that a token could come from. Type a recovery code.",
                )
            }
        }
    }

    fn of_phone(sent: &PushSent, now: Timestamp) -> Self {
        match sent {
            PushSent::Sent | PushSent::Held => Self {
                words: "We asked your phone. Open the request there, and type the token that it shows."
                    .to_owned(),
                sent: true,
                status: StatusCode::OK,
                again: None,
            },
            PushSent::Limited { until } => Self::until("Your phone can be asked again in", *until, now),
            PushSent::NoPhone => Self::because("There is no phone that could be asked."),
            PushSent::Over => Self::because("That took too long. Try again."),
        }
    }

    fn of_sms(outcome: SmsOutcome, now: Timestamp) -> Self {
        match outcome {
            SmsOutcome::Sent(sent) => Self {
                words: format!("We sent a token to {}.", sent.number),
                sent: true,
                status: StatusCode::OK,
                again: None,
            },
            SmsOutcome::Limited { until } => Self::until("You can ask for another token in", until, now),
            SmsOutcome::Locked { until } => Self::until("Too many tries. Changes are locked for", until, now),
            SmsOutcome::Unavailable => Self {
                status: StatusCode::SERVICE_UNAVAILABLE,
                again: Some(60),
                ..Self::because("SMS is not available right now.")
            },
            SmsOutcome::NoNumber => Self::because("There is no number that an SMS can go to."),
            SmsOutcome::Over => Self::because("That took too long. Try again."),
        }
    }
}
