//! What an admin does to one employee, in words of its own: what it is called, what it does, and what is lost.

use super::super::Told;
use super::super::refusal::Stop;

/// A change of one employee.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    Reset,
    Unlock,
    SignOut,
    Deactivate,
    Activate,
    ConfirmPhone,
    ApprovePhone,
    CancelPhone,
    RemoveFactor,
    ForgetDevice,
    EndSession,
}

impl Action {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::Reset,
        Self::Unlock,
        Self::SignOut,
        Self::Deactivate,
        Self::Activate,
        Self::ConfirmPhone,
        Self::ApprovePhone,
        Self::CancelPhone,
        Self::RemoveFactor,
        Self::ForgetDevice,
        Self::EndSession,
    ];

    /// The last part of its address.
    pub fn word(self) -> &'static str {
        match self {
            Self::Reset => "reset",
            Self::Unlock => "unlock",
            Self::SignOut => "sign-out",
            Self::Deactivate => "deactivate",
            Self::Activate => "activate",
            Self::ConfirmPhone => "confirm-phone",
            Self::ApprovePhone => "approve-phone",
            Self::CancelPhone => "cancel-phone",
            Self::RemoveFactor => "remove-factor",
            Self::ForgetDevice => "forget-device",
            Self::EndSession => "end-session",
        }
    }

    pub fn parse(word: &str) -> Result<Self, Stop> {
        let found = Self::ALL.into_iter().find(|action| action.word() == word);
        found.ok_or_else(|| Told::NotFound.into())
    }

    /// What its button says.
    pub fn label(self) -> &'static str {
        match self {
            Self::Reset => "Reset two-factor",
            Self::Unlock => "Unlock",
            Self::SignOut => "Sign out everywhere",
            Self::Deactivate => "Deactivate",
            Self::Activate => "Activate again",
            Self::ConfirmPhone => "Confirm the number",
            Self::ApprovePhone => "Approve the new number",
            Self::CancelPhone => "Cancel the change of number",
            Self::RemoveFactor => "Remove the factor",
            Self::ForgetDevice => "Forget the device",
            Self::EndSession => "Sign out there",
        }
    }

    /// What it does, and what is lost.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Reset => {
                "Their keys, remembered devices and sessions go, and no SMS is sent to their number until it is \
                 confirmed or set anew. You get a one-time passcode to give to them, shown once and good for 24 \
                 hours: with it and their password they set up a new phone. Make sure that it is really them \
                 who asks."
            }
            Self::Unlock => "Wrong tokens are forgotten, and they can try again at once.",
            Self::SignOut => "All their sessions end at once, on every device. They can sign in again.",
            Self::Deactivate => {
                "They cannot sign in any more, and all their sessions end at once. Nothing else is lost: they can be \
                 activated again."
            }
            Self::Activate => "They can sign in again, with the factors they had.",
            Self::ConfirmPhone => {
                "After the reset no SMS goes to this number. Confirm it when you know that the phone with it is in \
                 their own hands: then tokens are sent there again."
            }
            Self::ApprovePhone => {
                "They asked for this number themselves. Ask them, face to face or on a number you know, whether it \
                 is theirs. It counts when the waiting time is over, and until then they, the old phone or you can \
                 cancel it. When it counts, the old number is gone, and all their sessions end."
            }
            Self::CancelPhone => "The number they have stays. They can ask again.",
            Self::RemoveFactor => {
                "It opens nothing any more, and all their sessions and remembered devices end at once. What else \
                 they have goes on."
            }
            Self::ForgetDevice => "It is asked for a second factor again, at its next click.",
            Self::EndSession => "This session ends at once. They can sign in again.",
        }
    }

    pub fn is_dangerous(self) -> bool {
        matches!(self, Self::Reset | Self::Deactivate | Self::RemoveFactor)
    }

    /// Whether admins may do it to themselves: never to their own factors, numbers, locks and standing (I14).
    pub fn is_for_oneself(self) -> bool {
        matches!(self, Self::SignOut | Self::ForgetDevice | Self::EndSession)
    }

    /// Where it is asked for: whose, and which of theirs.
    pub fn address(self, login: &str, id: &str) -> String {
        let mut pairs = url::form_urlencoded::Serializer::new(String::new());
        pairs.append_pair("login", login);
        if !id.is_empty() {
            pairs.append_pair("id", id);
        }
        format!("/.doorstep/admin/employee/{}?{}", self.word(), pairs.finish())
    }
}
