//! Manage Employees: who gets in, what a change needs, and what it does.

mod access;
mod belongings;
mod gallery;
mod people;
mod question;
mod roster;
mod sheets;
mod undo;

use std::time::Duration;

use super::world::{Answer, name, ops};
use super::{Sent, World};
use crate::directory::{NewEmployee, Phone, TotpShape};
use crate::gate::{FirmId, Role};
use crate::secret::SessionToken;

pub const ADMIN: &str = "/.doorstep/admin/";
const STEP: Duration = Duration::from_secs(30);

/// Alva manages Acme; Acme is on. Bea and Bo are of Beta, and Bea manages it.
pub async fn world() -> World {
    let world = World::new().await;
    let directory = &world.door.directory;
    let now = world.now();
    let beta = FirmId::parse("beta").unwrap();
    directory.add_firm(&ops(), &beta, "Beta", now).await.unwrap();
    let acme = super::world::firm();
    for (login, firm, role, phone) in [
        ("alva", &acme, Role::Admin, "+14155550104"),
        ("bea", &beta, Role::Admin, "+14155550105"),
        ("bo", &beta, Role::Tech, "+14155550106"),
    ] {
        let new = NewEmployee {
            login: name(login),
            firm: firm.clone(),
            name: login.to_owned(),
            phone: Phone::parse(phone, None).ok(),
            email: None,
            role,
        };
        directory.add_employee(&ops(), &new, now).await.unwrap();
    }
    let shape = TotpShape {
        digits: 6,
        period: 30,
        skew: 1,
    };
    let seed = super::world::SEED;
    directory
        .add_totp(&ops(), &name("alva"), seed, shape, "Alva's app", -1, now)
        .await
        .unwrap();
    world.door.copies.refresh().await.unwrap();
    world
}

/// Carl has neither phone nor factor: with a number everybody of Acme is ready.
pub async fn ready_world() -> World {
    let world = world().await;
    let phone = Phone::parse("+14155550107", None).unwrap();
    let changes = crate::directory::EmployeeChanges {
        phone: Some(Some(phone)),
        ..Default::default()
    };
    let directory = &world.door.directory;
    directory
        .set_employee(&ops(), &name("carl"), &changes, world.now())
        .await
        .unwrap();
    world
}

/// Ops say which logins a firm may have.
pub async fn may_have(world: &World, patterns: &[&str]) {
    let policy = crate::gate::Policy {
        logins: patterns.iter().map(|pattern| (*pattern).to_owned()).collect(),
        ..Default::default()
    };
    let directory = &world.door.directory;
    let firm = super::world::firm();
    directory
        .set_firm(&ops(), &firm, "Acme", &policy, world.now())
        .await
        .unwrap();
    world.door.copies.refresh().await.unwrap();
}

impl World {
    /// An own page by somebody.
    pub async fn page(&self, path: &str, token: &SessionToken) -> Answer {
        self.send(Sent::get(leak(path)).by(token)).await
    }

    /// A form with a key that was not used before.
    pub async fn change(&self, path: &str, token: &SessionToken, fields: &str) -> Answer {
        self.clock.advance(STEP);
        let fields = format!("{fields}&token={}", self.key());
        self.send(Sent::form(leak(path), token, &fields)).await
    }

    /// A form without one.
    pub async fn form(&self, path: &str, token: &SessionToken, fields: &str) -> Answer {
        self.send(Sent::form(leak(path), token, fields)).await
    }

    pub async fn events(&self, event: &str) -> Vec<crate::directory::AuditEntry> {
        let filter = crate::directory::AuditFilter {
            event: Some(event.to_owned()),
            ..Default::default()
        };
        self.door.directory.audit_list(&filter).await.unwrap()
    }
}

fn leak(path: &str) -> &'static str {
    Box::leak(path.to_owned().into_boxed_str())
}
