//! `account`: the tech's own page.

use std::time::Duration;

use askama::Template;
use axum::extract::Request;
use axum::response::Response;
use bytes::Bytes;
use http::StatusCode;

use super::desk::{Desk, Stage, is_verified};
use super::layout::{self, Shell};
use super::moment::Moment;
use super::refusal::Stop;
use crate::access::LiveSession;
use crate::directory::{Employee, RememberedDevice, RevokeScope};
use crate::gate::FactorKind;
use crate::sessions::{Level, SessionFilter, SessionRecord};

use super::Told;

#[derive(Template)]
#[template(path = "account.html")]
pub(super) struct AccountPage<'a> {
    pub shell: Shell<'a>,
    pub login: &'a str,
    pub name: &'a str,
    pub firm: &'a str,
    pub factors: Vec<FactorRow>,
    pub may_add: bool,
    pub may_add_phone: bool,
    pub may_add_passkey: bool,
    /// Recovery codes left; `None` where the firm does not use them.
    pub codes: Option<u32>,
    pub devices: Vec<DeviceRow>,
    pub sessions: Vec<SessionRow>,
    pub csrf: &'a str,
}

/// A factor as a line.
pub(super) struct FactorRow {
    /// Where it can be removed here.
    pub id: Option<String>,
    pub name: String,
    pub kind: &'static str,
    pub since: Option<Moment>,
    /// A phone that is asked: it can be renamed and removed.
    pub phone: Option<String>,
}

/// A remembered device as a line.
pub(super) struct DeviceRow {
    pub id: String,
    pub browser: String,
    pub address: String,
    pub used: Moment,
    pub until: Moment,
}

/// A session as a line.
pub(super) struct SessionRow {
    pub address: String,
    pub here: bool,
    pub verified: bool,
    pub since: Moment,
    pub last_seen: Moment,
}

/// GET `account`.
pub(super) async fn show(desk: Desk) -> Response {
    desk.finish(page(&desk).await)
}

/// POST `account/sign-out`: ends all of the employee's sessions, this one included.
pub(super) async fn sign_out(desk: Desk, request: Request) -> Response {
    desk.finish(signed_out_everywhere(&desk, request).await)
}

async fn page(desk: &Desk) -> Result<http::Response<Bytes>, Stop> {
    let session = desk.verified()?;
    let Some(holder) = session.stored.record.level.holder() else {
        return Err(Told::SecondFactor.into());
    };
    let Some(employee) = desk.door.directory.employee(&holder.login).await? else {
        return Err(Told::NotKnown.into());
    };
    let filter = SessionFilter {
        login: Some(employee.standing.login.clone()),
        firm: None,
    };
    let mut sessions = Vec::new();
    for record in desk.door.store.list(&filter, desk.now()).await? {
        let is_older = record
            .level
            .holder()
            .is_none_or(|h| h.employee_epoch != holder.employee_epoch);
        if !is_older && !desk.door.copies.is_ended(record.id.public())? {
            sessions.push(SessionRow::of(&record, session));
        }
    }
    let directory = &desk.door.directory;
    let devices = directory.remembered_devices(&holder.login, desk.now()).await?;
    let mut shell = Shell::new(desk.portal(), "Your account");
    shell.wide = true;
    let page = AccountPage {
        shell,
        login: employee.standing.login.as_str(),
        name: &employee.standing.name,
        firm: &employee.standing.firm.name,
        factors: factor_rows(&employee),
        may_add_phone: employee.standing.firm.policy.allows(FactorKind::Push) && desk.asks_own_phones(),
        may_add_passkey: employee.standing.firm.policy.allows(FactorKind::Passkey)
            && desk.door.passkey_site().is_some(),
        may_add: employee.standing.firm.policy.allows(FactorKind::Totp),
        codes: match employee.standing.firm.policy.allows(FactorKind::RecoveryCode) {
            true => Some(desk.door.directory.recovery_codes_left(&holder.login).await?),
            false => None,
        },
        devices: devices.into_iter().map(DeviceRow::of).collect(),
        sessions,
        csrf: &session.token.form_token(),
    };
    Ok(layout::page(StatusCode::OK, &page))
}

async fn signed_out_everywhere(desk: &Desk, request: Request) -> Result<http::Response<Bytes>, Stop> {
    desk.posted(request).await?;
    let session = desk.verified()?;
    let Some(holder) = session.stored.record.level.holder() else {
        return Err(Told::SecondFactor.into());
    };
    let scope = RevokeScope::Employee(holder.login.clone());
    let now = desk.now();
    // An epoch needs no end; the moment is for single sessions.
    let keep_until = now.plus(desk.settings.config.sessions.absolute_timeout + Duration::from_secs(60));
    let actor = desk.actor(holder);
    desk.door
        .directory
        .revoke_sessions(&actor, &scope, keep_until, now)
        .await?;
    desk.door.copies.changed_here().await?;
    Ok(desk.signed_out())
}

impl Desk {
    /// The session, where its second factor is verified and stands.
    pub(super) fn verified(&self) -> Result<&LiveSession, Stop> {
        match self.stage()? {
            Stage::Owed(_) => Err(Told::SecondFactor.into()),
            Stage::Stands(session) if is_verified(session) => Ok(session),
            Stage::Stands(_) => Err(Stop::NoFactorAsked),
        }
    }
}

fn factor_rows(employee: &Employee) -> Vec<FactorRow> {
    let phone = employee.usable_phone().map(|phone| FactorRow {
        id: None,
        name: phone.masked(),
        kind: "tokens by SMS",
        since: None,
        phone: None,
    });
    let enrolled = employee.factors.iter().map(|factor| FactorRow {
        id: Some(factor.id.clone()),
        name: factor.name.clone(),
        kind: kind_in_words(factor.kind),
        since: Some(Moment::day(factor.added)),
        phone: (factor.kind == FactorKind::Push).then(|| factor.id.clone()),
    });
    enrolled.chain(phone).collect()
}

fn kind_in_words(kind: FactorKind) -> &'static str {
    match kind {
        FactorKind::Push => "requests to a phone",
        FactorKind::Sms => "tokens by SMS",
        FactorKind::Totp => "keys from an app",
        FactorKind::Passkey => "passkey",
        FactorKind::RecoveryCode => "recovery codes",
    }
}

impl DeviceRow {
    fn of(device: RememberedDevice) -> Self {
        Self {
            id: device.id,
            browser: device.browser,
            address: device.address,
            used: Moment::day(device.used),
            until: Moment::day(device.expires),
        }
    }
}

impl SessionRow {
    fn of(record: &SessionRecord, here: &LiveSession) -> Self {
        Self {
            address: record.address.to_canonical().to_string(),
            here: record.id == here.stored.record.id,
            verified: matches!(record.level, Level::SecondFactor { .. }),
            since: Moment::day(record.since),
            last_seen: Moment::day(record.last_seen),
        }
    }
}
