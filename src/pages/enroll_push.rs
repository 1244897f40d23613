//! `enroll/push`: a code, as a QR code and a link, by which a phone enrols itself (I14).

use std::time::Duration;

use askama::Template;
use axum::extract::Request;
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::StatusCode;
use serde_json::json;

use super::Told;
use super::confirm::{ConfirmField, Unconfirmed};
use super::desk::Desk;
use super::enroll_totp::qr_code;
use super::first_factor::{OtherWay, other_ways};
use super::layout::{self, Shell};
use super::moment::{Moment, in_words};
use super::refusal::Stop;
use crate::access::LiveSession;
use crate::directory::Owner;
use crate::gate::{FactorKind, Policy};
use crate::secret::{Purpose, random_bytes};
use crate::sessions::{Allowance, Holder, Limit, LimitKey};

/// How long a code can be used.
const LIFE: Duration = Duration::from_secs(600);
/// So many codes an employee can have made in that time.
const CODES: Limit = Limit {
    count: 10,
    window: LIFE,
};

type Answer = Result<http::Response<Bytes>, Stop>;

#[derive(Template)]
#[template(path = "enroll_push.html")]
struct EnrolPage<'a> {
    shell: Shell<'a>,
    csrf: String,
    /// A code was made: its QR code, its link.
    made: Option<Made>,
    /// Too many were.
    later: Option<Moment>,
    /// What confirms the change; `None` where adding is also proving.
    proof: Option<ConfirmField>,
    /// What else may be set up, where it is the first.
    others: Vec<OtherWay>,
}

struct Made {
    qr: String,
    link: String,
    phones: usize,
    seconds: u64,
    life: String,
}

/// GET `enroll/push`.
pub(super) async fn show(desk: Desk) -> Response {
    desk.finish(offer(&desk).await)
}

/// POST `enroll/push`: makes a code.
pub(super) async fn make(desk: Desk, request: Request) -> Response {
    desk.finish(made(&desk, request).await)
}

/// GET `enroll/push/status`: how many phones there are, and where to go on once there is one more.
pub(super) async fn status(mut desk: Desk) -> Response {
    desk.json = true;
    desk.finish(count(&desk).await)
}

async fn offer(desk: &Desk) -> Answer {
    let enrolling = Enrolling::of(desk).await?;
    enrolling.asks(desk, None).await
}

async fn made(desk: &Desk, request: Request) -> Answer {
    let (_, fields) = desk.posted(request).await?;
    let enrolling = Enrolling::of(desk).await?;
    if !enrolling.first
        && let Err(refused) = desk.confirm(enrolling.session, &fields).await?
    {
        return enrolling.asks(desk, Some(refused)).await;
    }
    let holder = enrolling.holder;
    let key = LimitKey {
        name: "device_codes",
        subject: desk
            .door
            .keys
            .keyed_hash(Purpose::Limit, holder.login.folded().as_bytes()),
    };
    if let Allowance::Refused { until } = desk.door.store.take(&key, CODES, desk.now()).await? {
        return enrolling.page(
            desk,
            StatusCode::TOO_MANY_REQUESTS,
            None,
            Some(Moment::time(until)),
        );
    }
    let code = URL_SAFE_NO_PAD.encode(random_bytes::<16>());
    let directory = &desk.door.directory;
    directory
        .keep_device_code(
            Owner::under(&holder.login, holder.employee_epoch),
            &code,
            desk.now().plus(LIFE),
        )
        .await?;
    let public = desk.settings.config.listen.own_origin();
    // In the fragment, so that it stands in no server's log.
    let link = format!("{public}/.doorstep/phone/#enrol={code}");
    let Some(qr) = qr_code(&link) else {
        return Err(Told::CannotTell.into());
    };
    let made = Made {
        qr,
        link,
        phones: directory.devices(&holder.login).await?.len(),
        seconds: LIFE.as_secs(),
        life: in_words(LIFE),
    };
    enrolling.page(desk, StatusCode::OK, Some(made), None)
}

async fn count(desk: &Desk) -> Answer {
    let (_, holder, first) = desk.may_enrol()?;
    let phones = desk.door.directory.devices(&holder.login).await?.len();
    // The first one has proven nothing yet: the challenge asks it.
    let location = if first {
        super::CHALLENGE
    } else {
        "/.doorstep/account"
    };
    Ok(layout::json(
        StatusCode::OK,
        &json!({"phones": phones, "location": location}),
    ))
}

/// Somebody who may add a phone to what is their own.
struct Enrolling<'a> {
    policy: Policy,
    session: &'a LiveSession,
    holder: &'a Holder,
    /// By a one-time passcode, so that there is nothing to confirm it with.
    first: bool,
}

impl<'a> Enrolling<'a> {
    async fn of(desk: &'a Desk) -> Result<Self, Stop> {
        let (session, holder, first) = desk.may_enrol()?;
        let Some(standing) = desk.door.directory.standing(&holder.login).await? else {
            return Err(Told::NotKnown.into());
        };
        let policy = standing.firm.policy;
        if !policy.allows(FactorKind::Push) || !desk.asks_own_phones() {
            return Err(Stop::FactorNotAllowed);
        }
        Ok(Self {
            policy,
            session,
            holder,
            first,
        })
    }

    fn others(&self, desk: &Desk) -> Vec<OtherWay> {
        match self.first {
            true => other_ways(desk, &self.policy, "/.doorstep/enroll/push"),
            false => Vec::new(),
        }
    }

    /// The page that asks, with the field that confirms.
    async fn asks(&self, desk: &Desk, refused: Option<Unconfirmed>) -> Answer {
        let proof = match self.first {
            true => None,
            false => Some(desk.confirm_field(self.session, refused).await?),
        };
        let page = EnrolPage {
            shell: Shell::new(desk.portal(), "Add a phone"),
            csrf: self.session.token.form_token(),
            made: None,
            later: None,
            proof,
            others: self.others(desk),
        };
        Ok(match &page.proof {
            Some(proof) => proof.answer(&page),
            None => layout::page(StatusCode::OK, &page),
        })
    }

    fn page(&self, desk: &Desk, status: StatusCode, made: Option<Made>, later: Option<Moment>) -> Answer {
        let page = EnrolPage {
            shell: Shell::new(desk.portal(), "Add a phone"),
            csrf: self.session.token.form_token(),
            made,
            later,
            proof: None,
            others: self.others(desk),
        };
        Ok(layout::page(status, &page))
    }
}
