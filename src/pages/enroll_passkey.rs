//! `enroll/passkey`: adds a passkey, for whoever may change their factors (I14). It needs a script: only that can
//! ask an authenticator.

use std::time::Duration;

use askama::Template;
use axum::extract::Request;
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::StatusCode;

use super::Told;
use super::body::Fields;
use super::confirm::{ConfirmField, Unconfirmed};
use super::desk::Desk;
use super::first_factor::{OtherWay, other_ways};
use super::layout::{self, Shell};
use super::refusal::Stop;
use crate::access::LiveSession;
use crate::clock::Timestamp;
use crate::directory::{ChangeRefused, Employee, NewPasskey};
use crate::factors::passkey::Site;
use crate::factors::passkey_enrolment::{Offered, made};
use crate::gate::FactorKind;
use crate::secret::SessionToken;
use crate::sessions::Holder;

/// How long an offer can be answered.
const OFFERED: Duration = Duration::from_secs(900);
/// How far two gateways' clocks may be apart.
const CLOCKS_APART: Duration = Duration::from_secs(60);

const ENROL: &str = "/.doorstep/enroll/passkey";
const REFUSED: &str = "That passkey was not accepted. Try again, or use another one.";
const TOO_LATE: &str = "That took too long. Make the passkey again.";
const THERE: &str = "That passkey is enrolled already.";

type Answer = Result<http::Response<Bytes>, Stop>;

#[derive(Template)]
#[template(path = "enroll_passkey.html")]
pub(super) struct EnrolPage<'a> {
    pub shell: Shell<'a>,
    pub csrf: String,
    /// What an authenticator is asked to make, for the script.
    pub options: String,
    /// What is needed to judge its answer, for the form to bring back.
    pub sealed: String,
    /// Its answer, where that was good and only the confirmation is missing.
    pub made: &'a str,
    pub name: &'a str,
    pub error: Option<&'a str>,
    /// What confirms the change; `None` where adding is also proving.
    pub proof: Option<ConfirmField>,
    /// What can be set up instead, first.
    pub others: Vec<OtherWay>,
}

/// GET `enroll/passkey`.
pub(super) async fn show(desk: Desk) -> Response {
    desk.finish(offer(&desk).await)
}

/// POST `enroll/passkey` (`passkey`, `name`, `sealed`, and a `proof` or `proof_passkey`).
pub(super) async fn add(desk: Desk, request: Request) -> Response {
    desk.finish(added(&desk, request).await)
}

async fn offer(desk: &Desk) -> Answer {
    let enrolling = Enrolling::of(desk).await?;
    enrolling.anew(desk, "", None).await
}

async fn added(desk: &Desk, request: Request) -> Answer {
    let (_, fields) = desk.posted(request).await?;
    let enrolling = Enrolling::of(desk).await?;
    let name = fields.get("name").unwrap_or_default();
    let answer = fields.get("passkey").unwrap_or_default();
    let sealed = fields.get("sealed").unwrap_or_default();
    let Some(offer) = Offer::open(sealed, &enrolling.session.token, desk.now()) else {
        return enrolling.anew(desk, name, Some(TOO_LATE)).await;
    };
    if !enrolling.first && fields.get("send").is_some() {
        let refused = desk.confirm(enrolling.session, &fields).await?.err();
        return enrolling.again(desk, &offer, answer, name, refused).await;
    }
    let epoch = enrolling.holder.employee_epoch;
    let Some(new) = made(&enrolling.site, &offer.offered, answer, name, epoch) else {
        return enrolling.anew(desk, name, Some(REFUSED)).await;
    };
    if !enrolling.first
        && let Err(refused) = desk.confirm(enrolling.session, &fields).await?
    {
        return enrolling.again(desk, &offer, answer, name, Some(refused)).await;
    }
    enrolling.add(desk, &new).await
}

/// Somebody who may add a passkey to what is their own.
struct Enrolling<'a> {
    session: &'a LiveSession,
    holder: &'a Holder,
    employee: Employee,
    site: Site,
    /// By a one-time passcode or an SMS of the enrolment window, so that adding is also proving.
    first: bool,
}

impl<'a> Enrolling<'a> {
    async fn of(desk: &'a Desk) -> Result<Self, Stop> {
        let (session, holder, first) = desk.may_enrol()?;
        let Some(employee) = desk.door.directory.employee(&holder.login).await? else {
            return Err(Told::NotKnown.into());
        };
        let allowed = employee.standing.firm.policy.allows(FactorKind::Passkey);
        let site = desk.door.passkey_site().filter(|_| allowed);
        Ok(Self {
            session,
            holder,
            employee,
            site: site.ok_or(Stop::FactorNotAllowed)?,
            first,
        })
    }

    async fn add(&self, desk: &Desk, new: &NewPasskey) -> Answer {
        let (door, now, actor) = (&desk.door, desk.now(), desk.actor(self.holder));
        let login = &self.holder.login;
        match door.directory.add_passkey(&actor, login, new, now).await {
            Ok(_) => {}
            Err(ChangeRefused::Duplicate(_)) => return self.anew(desk, &new.name, Some(THERE)).await,
            Err(ChangeRefused::Invalid(_)) => return Err(Stop::BadBody("That name does not fit.")),
            Err(refused) => return Err(refused.into()),
        }
        if !self.first {
            return Ok(layout::see_other("/.doorstep/account"));
        }
        // Making it proved it: a lock on guessing is over, and this was a sign-in.
        door.directory.note_verified(login, now).await?;
        match door.raise(self.session, FactorKind::Passkey, now).await? {
            Some(entry) => Ok(desk.enter(&entry)),
            None => Err(Told::Retry.into()),
        }
    }

    /// The page with a new offer.
    async fn anew(&self, desk: &Desk, name: &str, error: Option<&'static str>) -> Answer {
        let Some((options, offered)) = desk
            .door
            .offer_passkey(&self.site, &self.employee, desk.now())
            .await?
        else {
            return Err(Told::CannotTell.into());
        };
        let offer = Offer {
            options: options.to_string(),
            offered,
        };
        self.page(desk, &offer, "", name, error, None).await
    }

    /// The page with the same offer, whose answer is there: only the confirmation is missing.
    async fn again(
        &self,
        desk: &Desk,
        offer: &Offer,
        answer: &str,
        name: &str,
        refused: Option<Unconfirmed>,
    ) -> Answer {
        self.page(desk, offer, answer, name, None, refused).await
    }

    async fn page(
        &self,
        desk: &Desk,
        offer: &Offer,
        answer: &str,
        name: &str,
        error: Option<&'static str>,
        refused: Option<Unconfirmed>,
    ) -> Answer {
        let proof = match self.first {
            true => None,
            false => Some(desk.confirm_field(self.session, refused).await?),
        };
        let page = EnrolPage {
            shell: Shell::new(desk.portal(), error.map_or("Add a passkey", |_| "Not added yet")),
            csrf: self.session.token.form_token(),
            options: offer.options.clone(),
            sealed: offer.seal(&self.session.token),
            made: answer,
            name,
            error,
            proof,
            others: match self.first {
                true => other_ways(desk, &self.employee.standing.firm.policy, ENROL),
                false => Vec::new(),
            },
        };
        Ok(match &page.proof {
            Some(proof) if error.is_none() => proof.answer(&page),
            _ => layout::page(
                error.map_or(StatusCode::OK, |_| StatusCode::UNPROCESSABLE_ENTITY),
                &page,
            ),
        })
    }
}

/// What an authenticator is asked to make. It travels in the form, sealed under the session's token, so that nothing
/// is kept of what nobody answers; a credential that was added once cannot be added again.
struct Offer {
    options: String,
    offered: Offered,
}

impl Offer {
    fn seal(&self, token: &SessionToken) -> String {
        let text = serde_json::to_vec(&(&self.options, &self.offered)).unwrap_or_default();
        URL_SAFE_NO_PAD.encode(token.seal(&text))
    }

    /// Reads a form's field; `None` where another session made it, it was changed, or it is too old.
    fn open(sealed: &str, token: &SessionToken, now: Timestamp) -> Option<Self> {
        let text = token.open(&URL_SAFE_NO_PAD.decode(sealed).ok()?)?;
        let (options, offered): (String, Offered) = serde_json::from_slice(&text).ok()?;
        let since = offered.since();
        let holds = now < since.plus(OFFERED) && since <= now.plus(CLOCKS_APART);
        holds.then_some(Self { options, offered })
    }
}

/// Where whoever may set up a first factor begins, as their firm allows.
pub(super) fn first_enrolment(session: &LiveSession) -> &'static str {
    let allows = |factor| {
        session
            .standing
            .as_deref()
            .is_none_or(|standing| standing.firm.policy.allows(factor))
    };
    if allows(FactorKind::Totp) {
        "/.doorstep/enroll/totp"
    } else if allows(FactorKind::Passkey) {
        "/.doorstep/enroll/passkey"
    } else {
        "/.doorstep/enroll/push"
    }
}

/// The fields of a form that confirm its change by a passkey.
pub(super) fn signed(fields: &Fields) -> Option<&str> {
    fields.get("proof_passkey").filter(|text| !text.is_empty())
}
