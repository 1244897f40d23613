//! `enroll/totp`: adds an authenticator app, for whoever may change their factors (I14).

use std::time::Duration;

use askama::Template;
use axum::extract::Request;
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use bytes::Bytes;
use http::StatusCode;
use qrcode::render::svg;
use zeroize::Zeroizing;

use super::Told;
use super::body::Fields;
use super::confirm::{ConfirmField, Unconfirmed};
use super::desk::Desk;
use super::first_factor::{OtherWay, other_ways};
use super::layout::{self, Shell};
use super::refusal::Stop;
use crate::access::LiveSession;
use crate::clock::Timestamp;
use crate::directory::{Employee, Owner, TotpShape};
use crate::factors::normalise::Typed;
use crate::factors::totp;
use crate::gate::FactorKind;
use crate::secret::{Purpose, Redacted, SessionToken, random_bytes};
use crate::sessions::{Allowance, Holder, Level, Limit, LimitKey};

/// How long a verified factor lets its holder change factors (I14).
const FRESH: Duration = Duration::from_secs(600);

/// How far two gateways' clocks may be apart.
const CLOCKS_APART: Duration = Duration::from_secs(60);

/// How long a secret that was shown can be confirmed.
const OFFERED: Duration = Duration::from_secs(900);

/// 160 bits, as long as the hash (RFC 4226 4, R6).
const SECRET_LENGTH: usize = 20;

const WRONG: &str = "That key is not right. Check it and the phone’s clock, and try again.";
const TOO_LATE: &str = "That took too long. Scan the new code.";
const USED: &str = "That app was added already. Scan the new code to add another one.";

#[derive(Template)]
#[template(path = "enroll_totp.html")]
pub(super) struct EnrolPage<'a> {
    pub shell: Shell<'a>,
    /// A `data:` address of the QR code.
    pub qr: String,
    /// The secret in base32, in groups of four.
    pub secret: String,
    pub digits: u32,
    pub period: u64,
    pub csrf: String,
    /// The secret again, for the form to bring back.
    pub sealed: String,
    pub error: Option<&'a str>,
    /// The number that a reset suspended, masked.
    pub suspended: Option<String>,
    /// What confirms the change; `None` where adding is also proving.
    pub proof: Option<ConfirmField>,
    /// What else may be set up, where it is the first.
    pub others: Vec<OtherWay>,
}

/// GET `enroll/totp`.
pub(super) async fn show(desk: Desk) -> Response {
    desk.finish(offer(&desk).await)
}

/// POST `enroll/totp`.
pub(super) async fn add(desk: Desk, request: Request) -> Response {
    desk.finish(added(&desk, request).await)
}

async fn offer(desk: &Desk) -> Result<http::Response<Bytes>, Stop> {
    let enrolling = Enrolling::of(desk).await?;
    enrolling.page(desk, &Offer::new(desk.now()), None, None).await
}

async fn added(desk: &Desk, request: Request) -> Result<http::Response<Bytes>, Stop> {
    let (_, fields) = desk.posted(request).await?;
    let enrolling = Enrolling::of(desk).await?;
    let now = desk.now();
    let sealed = fields.get("sealed").unwrap_or_default();
    let Some(offer) = Offer::open(sealed, &enrolling.session.token, now) else {
        return enrolling.page(desk, &Offer::new(now), Some(TOO_LATE), None).await;
    };
    if !enrolling.first && fields.get("send").is_some() {
        let refused = desk.confirm(enrolling.session, &fields).await?.err();
        return enrolling.page(desk, &offer, None, refused).await;
    }
    let typed = fields.get("token").unwrap_or_default();
    let Some(step) = check(&offer, enrolling.shape, typed, now) else {
        return enrolling.page(desk, &offer, Some(WRONG), None).await;
    };
    if !enrolling.first
        && let Err(refused) = desk.confirm(enrolling.session, &fields).await?
    {
        return enrolling.page(desk, &offer, None, Some(refused)).await;
    }
    if !enrolling.take(desk, &offer).await? {
        return enrolling.page(desk, &Offer::new(now), Some(USED), None).await;
    }
    enrolling.add(desk, &offer, step, &fields).await
}

/// Somebody who may add a factor to what is their own.
struct Enrolling<'a> {
    session: &'a LiveSession,
    holder: &'a Holder,
    employee: Employee,
    shape: TotpShape,
    /// By a one-time passcode, so that adding is also proving.
    first: bool,
}

impl<'a> Enrolling<'a> {
    async fn of(desk: &'a Desk) -> Result<Self, Stop> {
        let (session, holder, first) = desk.may_enrol()?;
        let Some(employee) = desk.door.directory.employee(&holder.login).await? else {
            return Err(Told::NotKnown.into());
        };
        if !employee.standing.firm.policy.allows(FactorKind::Totp) {
            return Err(Stop::FactorNotAllowed);
        }
        Ok(Self {
            session,
            holder,
            employee,
            shape: desk.settings.config.factors.totp,
            first,
        })
    }

    /// A secret becomes a factor once, also when its form is sent twice at once: two factors of one secret
    /// would let each of its keys pass twice (I7).
    async fn take(&self, desk: &Desk, offer: &Offer) -> Result<bool, Stop> {
        let key = LimitKey {
            name: "totp_enrolment",
            subject: desk.door.keys.keyed_hash(Purpose::Limit, &*offer.secret),
        };
        let once = Limit {
            count: 1,
            window: OFFERED + CLOCKS_APART,
        };
        let allowance = desk.door.store.take(&key, once, desk.now()).await?;
        Ok(matches!(allowance, Allowance::Granted(_)))
    }

    async fn add(
        &self,
        desk: &Desk,
        offer: &Offer,
        step: u64,
        fields: &Fields,
    ) -> Result<http::Response<Bytes>, Stop> {
        let (door, now, actor) = (&desk.door, desk.now(), desk.actor(self.holder));
        let step = i64::try_from(step).unwrap_or(i64::MAX);
        let login = &self.holder.login;
        door.directory
            .add_totp(
                &actor,
                Owner::under(login, self.holder.employee_epoch),
                &*offer.secret,
                self.shape,
                "Authenticator app",
                step,
                now,
            )
            .await?;
        if self.employee.phone_suspended && fields.get("confirm_phone") == Some("yes") {
            door.directory.confirm_phone(&actor, login, now).await?;
        }
        if !self.first {
            return Ok(layout::see_other("/.doorstep/account"));
        }
        // The first key proved the factor: a lock on guessing is over, and this was a sign-in.
        door.directory.note_verified(login, now).await?;
        match door.raise(self.session, FactorKind::Totp, now).await? {
            Some(entry) => Ok(desk.enter(&entry)),
            None => Err(Told::Retry.into()),
        }
    }

    async fn page(
        &self,
        desk: &Desk,
        offer: &Offer,
        error: Option<&str>,
        refused: Option<Unconfirmed>,
    ) -> Result<http::Response<Bytes>, Stop> {
        let login = self.employee.standing.login.as_str();
        let Some((uri, secret)) = otpauth(&*offer.secret, &self.shape, desk.portal(), login) else {
            tracing::error!("no otpauth address can be made for an employee");
            return Err(Told::CannotTell.into());
        };
        let Some(qr) = qr_code(&uri) else {
            tracing::error!("an otpauth address does not fit into a QR code");
            return Err(Told::CannotTell.into());
        };
        let suspended = self
            .employee
            .phone
            .as_ref()
            .filter(|_| self.employee.phone_suspended);
        let proof = if self.first {
            None
        } else {
            Some(desk.confirm_field(self.session, refused).await?)
        };
        let policy = &self.employee.standing.firm.policy;
        let others = match self.first {
            true => other_ways(desk, policy, "/.doorstep/enroll/totp"),
            false => Vec::new(),
        };
        let title = error.map_or("Add an authenticator app", |_| "Not added yet");
        let page = EnrolPage {
            shell: Shell::new(desk.portal(), title),
            qr,
            secret,
            digits: self.shape.digits,
            period: self.shape.period,
            csrf: self.session.token.form_token(),
            sealed: offer.seal(&self.session.token),
            error,
            suspended: suspended.map(crate::directory::Phone::masked),
            proof,
            others,
        };
        match &page.proof {
            Some(proof) if error.is_none() => Ok(proof.answer(&page)),
            _ => {
                let status = error.map_or(StatusCode::OK, |_| StatusCode::UNPROCESSABLE_ENTITY);
                Ok(layout::page(status, &page))
            }
        }
    }
}

impl Desk {
    /// Whoever verified a factor within 10 minutes: they may change what is their own (I14).
    pub(super) fn fresh(&self) -> Result<(&LiveSession, &Holder), Stop> {
        let (session, now) = (self.verified()?, self.now());
        match &session.stored.record.level {
            Level::SecondFactor { holder, verified, .. }
                if now < verified.plus(FRESH) && *verified <= now.plus(CLOCKS_APART) =>
            {
                Ok((session, holder))
            }
            _ => Err(Stop::NotFresh(session.token.form_token())),
        }
    }

    /// Who may add a factor: verified within 10 minutes, or let in this far by a one-time passcode (I14).
    pub(super) fn may_enrol(&self) -> Result<(&LiveSession, &Holder, bool), Stop> {
        let now = self.now();
        self.stage()?;
        let session = self.session()?;
        match &session.stored.record.level {
            Level::Password {
                holder,
                may_enrol_until: Some(until),
                ..
            } if now < *until => Ok((session, holder, true)),
            Level::SecondFactor { holder, .. } => {
                self.fresh()?;
                Ok((session, holder, false))
            }
            _ => {
                self.verified()?;
                Err(Stop::NoFactorAsked)
            }
        }
    }
}

/// A secret that is offered, and since when. It travels in the form, sealed under the session's token, so
/// that nothing is kept of what nobody confirms.
struct Offer {
    secret: Zeroizing<[u8; SECRET_LENGTH]>,
    since: Timestamp,
}

impl Offer {
    fn new(now: Timestamp) -> Self {
        Self {
            secret: Zeroizing::new(random_bytes()),
            since: now,
        }
    }

    fn seal(&self, token: &SessionToken) -> String {
        let plain = Zeroizing::new([&self.since.0.to_be_bytes()[..], &self.secret[..]].concat());
        URL_SAFE_NO_PAD.encode(token.seal(&plain))
    }

    /// Reads a form's field; `None` where another session made it, it was changed, or it is too old.
    fn open(sealed: &str, token: &SessionToken, now: Timestamp) -> Option<Self> {
        let plain = Zeroizing::new(token.open(&URL_SAFE_NO_PAD.decode(sealed).ok()?)?);
        let (since, secret) = plain.split_first_chunk::<8>()?;
        let since = Timestamp(i64::from_be_bytes(*since));
        let secret = Zeroizing::new(<[u8; SECRET_LENGTH]>::try_from(secret).ok()?);
        let holds = now < since.plus(OFFERED) && since <= now.plus(CLOCKS_APART);
        holds.then_some(Self { secret, since })
    }
}

/// The step whose key was typed, if one near `now` fits.
fn check(offer: &Offer, shape: TotpShape, typed: &str, now: Timestamp) -> Option<u64> {
    let Some(Typed::Digits(key)) = Typed::parse(typed) else {
        return None;
    };
    totp::check(&Redacted::new(offer.secret.to_vec()), shape, &key, now)
}

/// The address that a QR code tells an app, and the secret as it is typed.
fn otpauth(secret: &[u8], shape: &TotpShape, portal: &str, login: &str) -> Option<(String, String)> {
    // A colon parts issuer and account in the label, so neither can hold one.
    let totp = totp_rs::Builder::new()
        .with_secret(secret.to_vec())
        .with_digits(u8::try_from(shape.digits).ok()?)
        .with_step_duration(shape.period)
        .with_issuer(Some(portal.replace(':', " ")))
        .with_account_name(login.replace(':', " "))
        .build()
        .ok()?;
    let typed: Vec<char> = totp.secret().to_base32().chars().collect();
    let groups: Vec<String> = typed.chunks(4).map(|group| group.iter().collect()).collect();
    Some((totp.to_url().ok()?, groups.join(" ")))
}

pub(super) fn qr_code(uri: &str) -> Option<String> {
    let code = qrcode::QrCode::new(uri).ok()?;
    let image = code.render::<svg::Color<'_>>().min_dimensions(232, 232).build();
    Some(format!("data:image/svg+xml;base64,{}", STANDARD.encode(image)))
}

/// The page as the gallery shows it.
#[cfg(test)]
pub(super) fn sample(portal: &str, error: Option<&str>) -> http::Response<Bytes> {
    let shape = TotpShape {
        digits: 6,
        period: 30,
        skew: 1,
    };
    let secret = b"12345678901234567890";
    let (uri, typed) = otpauth(secret, &shape, portal, "anna.lindqvist@corp-a.example").unwrap();
    let page = EnrolPage {
        shell: Shell::new(
            portal,
            error.map_or("Add an authenticator app", |_| "Not added yet"),
        ),
        qr: qr_code(&uri).unwrap(),
        secret: typed,
        digits: shape.digits,
        period: shape.period,
        csrf: "form-token-of-the-session".into(),
        sealed: "sealed".into(),
        error,
        suspended: Some("+1 ••• ••• 0102".into()),
        proof: None,
        others: vec![OtherWay {
            href: "/.doorstep/enroll/push",
            words: "Add a phone that is asked instead",
        }],
    };
    layout::page(StatusCode::OK, &page)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHAPE: TotpShape = TotpShape {
        digits: 8,
        period: 30,
        skew: 1,
    };

    #[test]
    fn an_offer_opens_in_its_own_session_and_in_its_time_only() {
        let (token, now) = (SessionToken::random(), Timestamp(1_000_000_000));
        let offer = Offer::new(now);
        let sealed = offer.seal(&token);
        assert!(!sealed.contains(&URL_SAFE_NO_PAD.encode(*offer.secret)));
        for (sealed, token, at, opens) in [
            (sealed.as_str(), &token, now, true),
            (&sealed, &token, now.plus(OFFERED - Duration::from_secs(1)), true),
            (&sealed, &token, now.plus(OFFERED), false),
            (&sealed, &token, now.minus(Duration::from_secs(3600)), false),
            (&sealed, &SessionToken::random(), now, false),
            ("", &token, now, false),
            (&sealed[1..], &token, now, false),
            (&URL_SAFE_NO_PAD.encode(token.seal(b"short")), &token, now, false),
        ] {
            let opened = Offer::open(sealed, token, at);
            assert_eq!(opened.is_some(), opens, "{at:?}");
            assert!(opened.is_none_or(|opened| opened.secret == offer.secret));
        }
    }

    #[test]
    fn an_app_learns_issuer_account_and_shape() {
        let (uri, typed) = otpauth(b"12345678901234567890", &SHAPE, "127.0.0.1:8080", "anna@corp").unwrap();
        assert!(uri.starts_with("otpauth://totp/"), "{uri}");
        for part in [
            "digits=8",
            "secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ",
            "issuer=127.0.0.1%208080",
        ] {
            assert!(uri.contains(part), "{uri} lacks {part}");
        }
        assert_eq!(typed, "GEZD GNBV GY3T QOJQ GEZD GNBV GY3T QOJQ");
        assert!(qr_code(&uri).unwrap().len() > 500);
        assert!(otpauth(b"12345678901234567890", &SHAPE, "Portal", "a:b").is_some());
    }
}
