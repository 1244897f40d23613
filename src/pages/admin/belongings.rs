//! What one employee has: factors, remembered devices, sessions, a number that waits. A profile lists it, and an
//! action names one of it by its id.

use super::super::Told;
use super::super::moment::Moment;
use super::super::refusal::Stop;
use super::action::Action;
use super::guard::Admin;
use super::table::factor_in_words;
use crate::clock::Timestamp;
use crate::directory::{Approval, Employee, Phone, PhoneChange};
use crate::sessions::{Level, SessionFilter, SessionRecord};

/// A thing of an employee's, as a line.
pub(super) struct Thing {
    /// By what it is known.
    pub name: String,
    /// What else is said of it: words, and a moment behind them.
    pub about: Vec<(String, Option<Moment>)>,
    /// Where it is taken away; `None`: not by this admin.
    pub href: Option<String>,
}

/// A change of number that waits, as a line.
pub(super) struct Pending {
    pub login: String,
    pub name: String,
    /// Of the employee's profile.
    pub profile: String,
    pub phone: String,
    pub country: String,
    pub asked: Moment,
    pub from: String,
    /// Who said yes, and from when it counts.
    pub approved: Option<(String, Moment)>,
    pub approve: Option<String>,
    pub cancel: Option<String>,
}

impl Pending {
    pub fn of(admin: &Admin<'_>, change: &PhoneChange) -> Self {
        let login = change.login.as_str();
        let mine = change.login == admin.me.standing.login;
        let by = |approval: &Approval| match approval {
            Approval::Person(name) => name.clone(),
            Approval::RecoveryCode => "a recovery code".to_owned(),
        };
        Self {
            login: login.to_owned(),
            name: change.name.clone(),
            profile: super::table::profile_address(login),
            phone: change.phone.masked(),
            country: change.phone.country().unwrap_or_default(),
            asked: Moment::day(change.asked),
            from: change.asked_from.clone(),
            approve: (!mine && change.approved.is_none())
                .then(|| Action::ApprovePhone.address(login, &change.id)),
            cancel: (!mine).then(|| Action::CancelPhone.address(login, &change.id)),
            approved: change
                .approved
                .as_ref()
                .zip(change.due)
                .map(|((_, approval), due)| (by(approval), Moment::day(due))),
        }
    }
}

fn said(words: &str, at: Timestamp) -> (String, Option<Moment>) {
    (words.to_owned(), Some(Moment::day(at)))
}

impl Admin<'_> {
    /// The employee's enrolled factors and recovery codes; their number is shown apart.
    pub async fn factors_of(&self, employee: &Employee) -> Result<Vec<Thing>, Stop> {
        let login = employee.standing.login.as_str();
        let mine = self.is_me(employee);
        let factors = self.desk.door.directory.factors_of(employee).await?;
        let things = factors.iter().map(|factor| Thing {
            name: factor.name.clone(),
            about: vec![said(
                &format!("{}, since", factor_in_words(factor.kind)),
                factor.added,
            )],
            href: (!mine).then(|| Action::RemoveFactor.address(login, &factor.id)),
        });
        Ok(things.collect())
    }

    /// The browsers that are not asked at the employee's logins.
    pub async fn devices_of(&self, employee: &Employee) -> Result<Vec<Thing>, Stop> {
        let login = &employee.standing.login;
        let devices = self
            .desk
            .door
            .directory
            .remembered_devices(login, self.now())
            .await?;
        let thing = |device: crate::directory::RememberedDevice| Thing {
            about: vec![
                said(&format!("{}, last used", device.address), device.used),
                said(", remembered until", device.expires),
            ],
            href: Some(Action::ForgetDevice.address(login.as_str(), &device.id)),
            name: device.browser,
        };
        Ok(devices.into_iter().map(thing).collect())
    }

    /// The employee's live sessions.
    pub async fn sessions_of(&self, employee: &Employee) -> Result<Vec<SessionRecord>, Stop> {
        let standing = &employee.standing;
        let filter = SessionFilter {
            login: Some(standing.login.clone()),
            firm: Some(self.firm().clone()),
        };
        let mut sessions = self.desk.door.store.list(&filter, self.now()).await?;
        sessions.retain(|record| {
            let holder = record.level.holder();
            holder.is_some_and(|holder| holder.employee_epoch == standing.epoch)
        });
        let mut live = Vec::new();
        for record in sessions {
            if !self.desk.door.copies.is_ended(record.id.public())? {
                live.push(record);
            }
        }
        Ok(live)
    }

    /// A session as a line.
    pub fn session_line(&self, employee: &Employee, record: &SessionRecord) -> Thing {
        let verified = matches!(record.level, Level::SecondFactor { .. });
        let mut about = vec![said("since", record.since), said(", last seen", record.last_seen)];
        if !verified {
            about.push((", second factor not confirmed".to_owned(), None));
        }
        let here = record.id == self.session.stored.record.id;
        let mut name = record.address.to_canonical().to_string();
        if here {
            name.push_str(" (this browser)");
        }
        let login = employee.standing.login.as_str();
        Thing {
            name,
            about,
            href: (!here).then(|| Action::EndSession.address(login, record.id.public())),
        }
    }

    /// What of the employee's an action is about, in words; nothing of that id: not found, whoever's it may be.
    pub async fn subject(&self, action: Action, employee: &Employee, id: &str) -> Result<String, Stop> {
        let missing = || Stop::from(Told::NotFound);
        let directory = &self.desk.door.directory;
        let login = &employee.standing.login;
        Ok(match action {
            Action::RemoveFactor => {
                let factors = directory.factors_of(employee).await?;
                let factor = factors.iter().find(|factor| factor.id == id);
                let factor = factor.ok_or_else(missing)?;
                format!("{} ({})", factor.name, factor_in_words(factor.kind))
            }
            Action::ForgetDevice => {
                let devices = directory.remembered_devices(login, self.now()).await?;
                let device = devices.into_iter().find(|device| device.id == id);
                let device = device.ok_or_else(missing)?;
                format!("{}, {}", device.browser, device.address)
            }
            Action::EndSession => {
                let sessions = self.sessions_of(employee).await?;
                let session = sessions.iter().find(|record| record.id.public() == id);
                let session = session.ok_or_else(missing)?;
                session.address.to_canonical().to_string()
            }
            Action::ApprovePhone | Action::CancelPhone => {
                let change = directory.phone_change(login).await?;
                let change = change.filter(|change| change.id == id).ok_or_else(missing)?;
                change.phone.masked()
            }
            Action::ConfirmPhone => {
                let phone = employee.phone.as_ref().filter(|_| employee.phone_suspended);
                phone.map(Phone::masked).ok_or_else(missing)?
            }
            _ => String::new(),
        })
    }
}
