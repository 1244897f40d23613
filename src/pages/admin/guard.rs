//! Who may manage employees, and what each change needs (I14).

use std::time::Duration;

use http::StatusCode;

use super::super::body::Fields;
use super::super::desk::Desk;
use super::super::enroll_passkey::signed;
use super::super::layout::{self, Shell};
use super::super::moment::{Moment, seconds_until};
use super::super::passkey;
use super::super::refusal::Stop;
use super::super::{Told, desk::Stage};
use super::ADMIN;
use super::action::Action;
use crate::access::{Destination, LiveSession};
use crate::clock::Timestamp;
use crate::directory::{Actor, Employee};
use crate::factors::confirm::{Confirmation, Means};
use crate::gate::decide::still_stands;
use crate::gate::policy::PasswordSuffices;
use crate::gate::{FactorKind, FirmId, Login, Role};
use crate::sessions::Level;

/// How long a verified factor lets its holder change anything (I14).
const FRESH: Duration = Duration::from_secs(600);

/// How far two gateways' clocks may be apart.
const CLOCKS_APART: Duration = Duration::from_secs(60);

/// An admin whose second factor is verified, as the directory has them now.
pub(super) struct Admin<'a> {
    pub desk: &'a Desk,
    pub session: &'a LiveSession,
    /// Themselves.
    pub me: Employee,
    verified: Timestamp,
}

impl Desk {
    /// The admin who asks; `here` is where they come back to when they have confirmed that it is them.
    ///
    /// A tech is told nothing but no. An exception or a policy that is off opens nothing here: whoever has not
    /// proven a factor does so first, so that nobody who switches the question on locks themselves out.
    pub(super) async fn admin(&self, here: &str) -> Result<Admin<'_>, Stop> {
        let (session, me) = self.would_be_admin().await?;
        let firm = &me.standing.firm;
        match &session.stored.record.level {
            Level::SecondFactor {
                firm_epoch, verified, ..
            } if *firm_epoch == firm.epoch => {
                let verified = *verified;
                Ok(Admin {
                    desk: self,
                    session,
                    me,
                    verified,
                })
            }
            _ if firm.password_suffices(self.visitor.client, self.now()) == PasswordSuffices::No => {
                Err(Told::SecondFactor.into())
            }
            _ => Err(Stop::ConfirmFirst(confirm_address(here))),
        }
    }

    /// Somebody with the role, whether or not their factor is verified. Read from the directory itself: a
    /// copy may be a second old.
    pub(super) async fn would_be_admin(&self) -> Result<(&LiveSession, Employee), Stop> {
        let (Stage::Owed(session) | Stage::Stands(session)) = self.stage()?;
        let Some(holder) = session.stored.record.level.holder() else {
            return Err(self.sign_in_again());
        };
        let Some(me) = self.door.directory.employee(&holder.login).await? else {
            return Err(Told::NotKnown.into());
        };
        if !still_stands(&session.stored.record.level, Some(&me.standing)) {
            return Err(self.sign_in_again());
        }
        if me.standing.role != Role::Admin {
            return Err(Stop::NotAdmin);
        }
        Ok((session, me))
    }
}

impl Admin<'_> {
    /// The firm: the admin's own, and never what a request names.
    pub fn firm(&self) -> &FirmId {
        &self.me.standing.firm.id
    }

    pub fn now(&self) -> Timestamp {
        self.desk.now()
    }

    /// The author of changes.
    pub fn actor(&self) -> Actor {
        Actor {
            name: self.me.standing.login.to_string(),
            from: self.desk.visitor.client.to_string(),
        }
    }

    /// Whether the factor was verified within 10 minutes.
    pub fn is_fresh(&self) -> bool {
        let now = self.now();
        now < self.verified.plus(FRESH) && self.verified <= now.plus(CLOCKS_APART)
    }

    /// Stops whoever verified their factor too long ago to change anything.
    pub fn fresh(&self, here: &str) -> Result<(), Stop> {
        if self.is_fresh() {
            return Ok(());
        }
        Err(Stop::Stale(confirm_address(here)))
    }

    pub fn is_me(&self, employee: &Employee) -> bool {
        employee.standing.login == self.me.standing.login
    }

    /// An employee of the admin's own firm. Those of other firms are not there, as if nobody had the name.
    pub async fn colleague(&self, login: Option<&str>) -> Result<Employee, Stop> {
        let login = login.and_then(|login| Login::parse(login).ok());
        let login = login.ok_or(Told::NotFound)?;
        let found = self.desk.door.directory.employee(&login).await?;
        let found = found.filter(|found| found.standing.firm.id == *self.firm());
        found.ok_or_else(|| Told::NotFound.into())
    }

    /// Judges the token in a change's own form. The portal's scripts share this origin and could send the form;
    /// they cannot type what the admin's phone shows.
    pub async fn confirm(&self, fields: &Fields) -> Result<Result<FactorKind, Refused>, Stop> {
        let typed = fields.get("token").unwrap_or_default();
        let signed = signed(fields);
        if signed.is_none() && typed.trim().is_empty() {
            return Ok(Err(Refused::MISSING));
        }
        let (door, now) = (&self.desk.door, self.now());
        let confirmation = match signed {
            Some(answer) => door.confirm_passkey(self.session, answer, now).await?,
            None => door.confirm_token(self.session, typed, now).await?,
        };
        Ok(match confirmation {
            Confirmation::Confirmed(factor) => Ok(factor),
            Confirmation::Ended => return Err(self.desk.sign_in_again()),
            other => Err(Refused::of(other, self.now())),
        })
    }

    /// The field for the token, as forms show it.
    pub async fn token_box(&self, here: &str, refused: Option<Refused>) -> Result<TokenBox, Stop> {
        let means = self.desk.door.means_to_confirm(self.session, self.now()).await?;
        Ok(TokenBox {
            means,
            refused,
            here: here.to_owned(),
            csrf: self.session.token.form_token(),
        })
    }

    /// Lets the admin go on after a change that took verifications back: they have just proven theirs.
    pub async fn go_on(&self, factor: FactorKind, location: &str) -> super::Answer {
        let Some(entry) = self.desk.door.raise(self.session, factor, self.now()).await? else {
            return Ok(layout::see_other(location));
        };
        let to = Destination::Own(location.to_owned());
        Ok(self.desk.gone_on(&entry, to))
    }

    /// What all pages of the desk share.
    pub fn frame(&self, here: Here, query: &Fields) -> Frame {
        let stale = !self.is_fresh();
        let word = query.get("done").unwrap_or_default();
        Frame {
            firm: self.me.standing.firm.name.clone(),
            here,
            done: done(word),
            undo: match (word, query.get("undo")) {
                ("saved", Some(id)) => self.undo_address(id),
                _ => undo(word, query.get("login").unwrap_or_default()),
            },
            stale: stale.then(|| confirm_address(here.address())),
        }
    }

    pub fn shell<'s>(&'s self, title: &'s str) -> Shell<'s> {
        Shell::new(self.desk.portal(), title)
    }
}

/// Why a token does not confirm a change.
#[derive(Clone, Debug)]
pub(super) struct Refused {
    /// What the page says beside the field; a moment may stand behind it.
    pub words: &'static str,
    /// How many tries are left, or until when it is locked.
    pub rest: String,
    pub status: StatusCode,
    /// Seconds after which it is worth trying again.
    pub again: Option<u64>,
}

impl Refused {
    const MISSING: Self = Self {
        words: "Type a token or key: a change is made only with one.",
        rest: String::new(),
        status: StatusCode::UNPROCESSABLE_ENTITY,
        again: None,
    };

    fn of(confirmation: Confirmation, now: Timestamp) -> Self {
        let mut refused = Self::MISSING;
        match confirmation {
            Confirmation::Wrong { left } => {
                refused.words = "That token is not right. Check it and try again;";
                refused.rest = match left {
                    0 => "no try is left.".to_owned(),
                    1 => "1 try is left.".to_owned(),
                    more => format!("{more} tries are left."),
                };
            }
            Confirmation::Expired => refused.words = "That token ran out. Ask for a new one.",
            Confirmation::Used => refused.words = "That key was already used. Wait for the next one.",
            Confirmation::Locked { until } => {
                refused.words = "Too many tries. Changes are locked until";
                refused.rest = format!("{}.", Moment::time(until));
                refused.status = StatusCode::TOO_MANY_REQUESTS;
                refused.again = Some(seconds_until(until, now).max(1));
            }
            Confirmation::Unavailable => {
                refused.words = "This cannot be checked right now. Try again in a minute.";
                refused.status = StatusCode::SERVICE_UNAVAILABLE;
                refused.again = Some(60);
            }
            Confirmation::NotByPasskey(fault) => refused.words = passkey::words(fault),
            Confirmation::NothingEnrolled | Confirmation::Confirmed(_) | Confirmation::Ended => {
                refused.words = "You have neither a key nor a number that a token could come from.";
                refused.status = StatusCode::FORBIDDEN;
            }
        }
        refused
    }
}

/// The field **Token or Security Key** in the form of a change.
pub(super) struct TokenBox {
    pub means: Means,
    pub refused: Option<Refused>,
    /// Where a token that was asked for leads back to.
    pub here: String,
    pub csrf: String,
}

impl TokenBox {
    /// The status of the page that shows it again.
    pub fn status(&self, otherwise: StatusCode) -> StatusCode {
        self.refused.as_ref().map_or(otherwise, |refused| refused.status)
    }

    /// Says when to try again, where that is known.
    pub fn answer(&self, response: http::Response<bytes::Bytes>) -> http::Response<bytes::Bytes> {
        match self.refused.as_ref().and_then(|refused| refused.again) {
            Some(seconds) => layout::retry_after(response, seconds),
            None => response,
        }
    }
}

/// Which of the desk's pages is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Here {
    Employees,
    PhoneChanges,
    Policy,
    Trail,
    Report,
}

impl Here {
    pub const ALL: [Self; 5] = [
        Self::Employees,
        Self::PhoneChanges,
        Self::Policy,
        Self::Trail,
        Self::Report,
    ];

    pub fn address(self) -> &'static str {
        match self {
            Self::Employees => ADMIN,
            Self::PhoneChanges => "/.doorstep/admin/phone-changes",
            Self::Policy => "/.doorstep/admin/policy",
            Self::Trail => "/.doorstep/admin/audit",
            Self::Report => "/.doorstep/admin/passed-without-2fa",
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Employees => "Employees",
            Self::PhoneChanges => "Changes of number",
            Self::Policy => "Policy",
            Self::Trail => "Audit trail",
            Self::Report => "Passed without a second factor",
        }
    }
}

/// What all pages of the desk share.
pub(super) struct Frame {
    pub firm: String,
    pub here: Here,
    /// What was just done.
    pub done: Option<&'static str>,
    /// Where it is undone: a form of its own, with what undoing means.
    pub undo: Option<String>,
    /// Where to confirm that it is you, where the last time is too long ago to change anything.
    pub stale: Option<String>,
}

/// What was done, in words. Addresses carry a word of ours, never a text.
fn done(word: &str) -> Option<&'static str> {
    Some(match word {
        "enabled" => "Two-factor authentication is on. Everybody is asked at their next click.",
        "scheduled" => "Two-factor authentication will be on from the date you set.",
        "disabled" => "Two-factor authentication is off. Passwords alone let people in now.",
        "added" => "The employee was added.",
        "saved" => "Saved.",
        "undone" => "Undone: it is as it was before.",
        "unlocked" => "Unlocked.",
        "signed-out" => "Signed out everywhere.",
        "deactivated" => "Deactivated: all their sessions have ended.",
        "activated" => "Active again.",
        "imported" => "Imported.",
        "approved" => "Approved. The new number counts when the time of waiting is over.",
        "cancelled" => "The change of number was cancelled.",
        "number-confirmed" => "The number is confirmed: tokens are sent there again.",
        "factor-removed" => "The factor was removed, and their sessions have ended.",
        "forgotten" => "The device was forgotten.",
        "session-ended" => "That session has ended.",
        "sent" => "We sent a token to your phone.",
        "asked" => "We asked your phone. Open the request there, and type the token that it shows.",
        "confirmed" => "Confirmed. You can make changes for 10 minutes.",
        _ => return None,
    })
}

/// The address that undoes what was just done, where that loses nothing.
fn undo(word: &str, login: &str) -> Option<String> {
    Some(match word {
        "enabled" | "scheduled" => "/.doorstep/admin/two-factor?enable=no".to_owned(),
        "added" | "activated" => Action::Deactivate.address(login, ""),
        "deactivated" => Action::Activate.address(login, ""),
        _ => return None,
    })
}

/// Where an admin confirms that it is them, and then goes on to `next`.
fn confirm_address(next: &str) -> String {
    let next: String = url::form_urlencoded::byte_serialize(next.as_bytes()).collect();
    format!("/.doorstep/admin/confirm?next={next}")
}

/// An address of the desk to go back to; anything else leads to its first page.
pub(super) fn back(given: Option<&str>) -> &str {
    let fits = |address: &&str| {
        address.starts_with(ADMIN)
            && !address.contains("//")
            && !address.contains("..")
            && address
                .bytes()
                .all(|byte| byte.is_ascii_graphic() && byte != b'\\')
    };
    given.filter(fits).unwrap_or(ADMIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_sent_anywhere_but_to_the_desk() {
        for (given, leads) in [
            (
                Some("/.doorstep/admin/employees?q=a%20b"),
                "/.doorstep/admin/employees?q=a%20b",
            ),
            (Some("/.doorstep/admin/"), ADMIN),
            (Some("/.doorstep/account"), ADMIN),
            (Some("/.doorstep/admin/../account"), ADMIN),
            (Some("/.doorstep/admin/x//y"), ADMIN),
            (Some("//evil.example/"), ADMIN),
            (Some("https://evil.example/.doorstep/admin/"), ADMIN),
            (Some("/.doorstep/admin/\r\nx: y"), ADMIN),
            (Some("/.doorstep/admin/\\x"), ADMIN),
            (None, ADMIN),
        ] {
            assert_eq!(back(given), leads, "{given:?}");
        }
    }
}
