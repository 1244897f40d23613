//! What one employee has: taken away one by one, and never another firm's.

use std::time::Duration;

use http::StatusCode;

use super::super::World;
use super::super::world::{SEED, ops};
use super::{may_have, name, world};
use crate::directory::{Actor, NewDevice, Phone, TotpShape};
use crate::gate::FactorKind;

const EMPLOYEE: &str = "/.doorstep/admin/employee";
const CHANGES: &str = "/.doorstep/admin/phone-changes";

/// Ids of all that somebody can have.
pub struct Things {
    pub factor: String,
    pub device: String,
    pub session: String,
    pub change: String,
}

impl Things {
    /// Gives somebody one of each.
    pub async fn of(world: &World, login: &str, firm: &str) -> Self {
        let (directory, who, now) = (&world.door.directory, name(login), world.now());
        let shape = TotpShape {
            digits: 6,
            period: 30,
            skew: 1,
        };
        let factor = directory
            .add_totp(&ops(), &who, SEED, shape, "Their <app>", -1, now)
            .await
            .unwrap();
        let standing = directory.employee(&who).await.unwrap().unwrap().standing;
        let device = NewDevice {
            id: format!("device-of-{login}"),
            factor: FactorKind::Totp,
            hash: format!("hash of {login}"),
            password: "digest".into(),
            browser: "Firefox on Linux".into(),
            address: "198.51.100.4".into(),
            employee_epoch: standing.epoch,
            firm_epoch: standing.firm.epoch,
            expires: now.plus(Duration::from_secs(86_400)),
        };
        directory
            .remember_device(&ops(), &who, &device, now)
            .await
            .unwrap();
        let token = world.signed_in_of(login, firm).await;
        let actor = Actor {
            name: login.into(),
            from: "198.51.100.4".into(),
        };
        let phone = Phone::parse("+14155550199", None).unwrap();
        let change = directory
            .ask_phone_change(&actor, &who, &phone, login, now)
            .await
            .unwrap();
        world.door.copies.refresh().await.unwrap();
        Self {
            factor,
            device: device.id,
            session: token.id().public().to_owned(),
            change,
        }
    }

    fn of_action(&self, action: &str) -> &str {
        match action {
            "remove-factor" => &self.factor,
            "forget-device" => &self.device,
            "end-session" => &self.session,
            _ => &self.change,
        }
    }

    /// How many of the four are there still.
    pub async fn left(&self, world: &World, login: &str) -> usize {
        let (directory, who) = (&world.door.directory, name(login));
        let person = directory.employee(&who).await.unwrap().unwrap();
        let devices = directory.remembered_devices(&who, world.now()).await.unwrap();
        let change = directory.phone_change(&who).await.unwrap();
        usize::from(person.factors.iter().any(|one| one.id == self.factor))
            + usize::from(devices.iter().any(|one| one.id == self.device))
            + usize::from(!world.door.copies.is_ended(&self.session).unwrap())
            + usize::from(change.is_some_and(|one| one.id == self.change && one.approved.is_none()))
    }
}

const ACTIONS: [&str; 5] = [
    "remove-factor",
    "forget-device",
    "end-session",
    "approve-phone",
    "cancel-phone",
];

#[tokio::test]
async fn h3_nothing_of_another_firm_is_shown_or_taken_by_its_id() {
    let world = world().await;
    let theirs = Things::of(&world, "bo", "beta").await;
    let ours = Things::of(&world, "ben", "acme").await;
    let token = world.verified("alva").await;
    for action in ACTIONS {
        let id = theirs.of_action(action);
        for (login, id) in [("bo", id), ("ben", id), ("bo", ours.of_action(action))] {
            let address = format!("{EMPLOYEE}/{action}");
            let page = world
                .page(&format!("{address}?login={login}&id={id}"), &token)
                .await;
            assert_eq!(page.status, StatusCode::NOT_FOUND, "{action} {login}");
            let posted = world
                .change(&address, &token, &format!("login={login}&id={id}&firm=beta"))
                .await;
            assert_eq!(posted.status, StatusCode::NOT_FOUND, "{action} {login}");
        }
    }
    assert_eq!(theirs.left(&world, "bo").await, 4);
    assert_eq!(ours.left(&world, "ben").await, 4);
    let page = world.page(CHANGES, &token).await;
    assert!(
        page.body.contains(">ben<") && !page.body.contains(">bo<"),
        "{}",
        page.body
    );
}

#[tokio::test]
async fn i14_one_thing_is_taken_and_what_it_let_in_goes_with_it() {
    for (action, done, left) in [
        // Sessions and devices that the factor made end by the epoch; the number that waits stays.
        ("remove-factor", "factor-removed", 2),
        ("forget-device", "forgotten", 3),
        ("end-session", "session-ended", 3),
        ("cancel-phone", "cancelled", 3),
        ("approve-phone", "approved", 3),
    ] {
        let world = world().await;
        may_have(&world, &["*@acme.example"]).await;
        let things = Things::of(&world, "ben", "acme").await;
        let token = world.verified("alva").await;
        let id = things.of_action(action);
        let profile = world.page(&format!("{EMPLOYEE}?login=ben"), &token).await;
        let link = format!("{EMPLOYEE}/{action}?login=ben&#38;id={id}");
        assert!(profile.body.contains(&link), "{action}: {}", profile.body);
        let page = world
            .page(&format!("{EMPLOYEE}/{action}?login=ben&id={id}"), &token)
            .await;
        assert_eq!(page.status, StatusCode::OK, "{}", page.body);
        assert!(!page.body.contains("4155550199"), "{}", page.body);
        assert!(!page.body.contains("<app>"), "{}", page.body);
        let address = format!("{EMPLOYEE}/{action}");
        let fields = format!("login=ben&id={id}");
        let without = world.form(&address, &token, &fields).await;
        assert_eq!(without.status, StatusCode::UNPROCESSABLE_ENTITY, "{action}");
        assert_eq!(things.left(&world, "ben").await, 4, "{action}");
        let posted = world.change(&address, &token, &fields).await;
        assert_eq!(
            posted.location(),
            format!("{EMPLOYEE}?login=ben&done={done}"),
            "{action}: {}",
            posted.body
        );
        assert_eq!(things.left(&world, "ben").await, left, "{action}");
        let again = world.change(&address, &token, &fields).await;
        assert_eq!(again.status, StatusCode::NOT_FOUND, "{action}");
    }
}

#[tokio::test]
async fn i14_an_admin_approves_neither_their_own_number_nor_removes_their_own_factor() {
    let world = world().await;
    let things = Things::of(&world, "alva", "acme").await;
    let token = world.verified("alva").await;
    for action in ["remove-factor", "approve-phone", "cancel-phone", "confirm-phone"] {
        let id = things.of_action(action);
        let posted = world
            .change(
                &format!("{EMPLOYEE}/{action}"),
                &token,
                &format!("login=alva&id={id}"),
            )
            .await;
        assert_eq!(posted.status, StatusCode::FORBIDDEN, "{action}");
    }
    let page = world.page(CHANGES, &token).await;
    assert!(
        page.body.contains("Another admin decides about yours."),
        "{}",
        page.body
    );
    let own = format!("login=alva&id={}", things.device);
    let forgotten = world
        .change(&format!("{EMPLOYEE}/forget-device"), &token, &own)
        .await;
    assert_eq!(forgotten.status, StatusCode::SEE_OTHER, "{}", forgotten.body);
}

#[tokio::test]
async fn a_number_that_a_reset_suspended_is_confirmed_by_an_admin() {
    let world = world().await;
    let token = world.verified("alva").await;
    let (directory, ben) = (&world.door.directory, name("ben"));
    directory.reset_employee(&ops(), &ben, world.now()).await.unwrap();
    let profile = world.page(&format!("{EMPLOYEE}?login=ben"), &token).await;
    assert!(
        profile.body.contains("confirm-phone?login=ben"),
        "{}",
        profile.body
    );
    let posted = world
        .change(&format!("{EMPLOYEE}/confirm-phone"), &token, "login=ben")
        .await;
    assert!(
        posted.location().ends_with("done=number-confirmed"),
        "{}",
        posted.body
    );
    let person = directory.employee(&ben).await.unwrap().unwrap();
    assert!(person.usable_phone().is_some());
    let profile = world.page(&format!("{EMPLOYEE}?login=ben"), &token).await;
    assert!(!profile.body.contains("confirm-phone"), "{}", profile.body);
}

#[tokio::test]
async fn who_waits_for_a_number_is_marked_in_the_table_and_undoing_is_one_click_away() {
    let world = world().await;
    Things::of(&world, "ben", "acme").await;
    let token = world.verified("alva").await;
    let page = world
        .page("/.doorstep/admin/employees?state=change_pending", &token)
        .await;
    assert!(
        page.body.contains("1–1 of 1") && page.body.contains("Change pending</span>"),
        "{}",
        page.body
    );
    let overview = world.page(super::ADMIN, &token).await;
    assert!(
        overview.body.contains("waiting for another number"),
        "{}",
        overview.body
    );
    for (address, undo) in [
        (
            format!("{EMPLOYEE}?login=ben&done=deactivated"),
            "/activate?login=ben\"",
        ),
        (
            format!("{}?done=scheduled", super::ADMIN),
            "two-factor?enable=no\">Undo",
        ),
    ] {
        let page = world.page(&address, &token).await;
        assert!(page.body.contains(undo), "{address}: {}", page.body);
    }
    // What is not safe to undo, or what this session did not do, offers nothing.
    for address in [
        format!("{EMPLOYEE}?login=ben&done=saved"),
        format!("{EMPLOYEE}?login=ben&done=saved&undo=1"),
        format!("{EMPLOYEE}?login=ben&done=factor-removed"),
        format!("{}?done=disabled", super::ADMIN),
    ] {
        let page = world.page(&address, &token).await;
        assert!(!page.body.contains(">Undo<"), "{address}");
    }
}

#[tokio::test]
async fn i14_recovery_codes_are_seen_and_removed_by_an_admin_and_by_nobody_else() {
    let world = world().await;
    let (directory, ben) = (&world.door.directory, name("ben"));
    let made = directory.make_recovery_codes(&ops(), &ben, world.now()).await;
    let code = made.unwrap().remove(0);
    directory
        .spend_recovery_code(&ben, code.reveal(), world.now())
        .await
        .unwrap();
    let of_bo = directory
        .make_recovery_codes(&ops(), &name("bo"), world.now())
        .await;
    assert!(of_bo.is_ok());
    let epoch = directory.standing(&ben).await.unwrap().unwrap().epoch;
    let token = world.verified("alva").await;
    let profile = world.page(&format!("{EMPLOYEE}?login=ben"), &token).await;
    assert!(profile.body.contains("9 codes left"), "{}", profile.body);
    let address = format!("{EMPLOYEE}/remove-factor");
    let fields = "login=ben&id=recovery_codes";
    let page = world.page(&format!("{address}?{fields}"), &token).await;
    assert!(
        page.body.contains("9 codes left (Recovery codes)"),
        "{}",
        page.body
    );
    let without = world.form(&address, &token, fields).await;
    assert_eq!(without.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(directory.recovery_codes_left(&ben).await.unwrap(), 9);
    let posted = world.change(&address, &token, fields).await;
    assert_eq!(
        posted.location(),
        format!("{EMPLOYEE}?login=ben&done=factor-removed"),
        "{}",
        posted.body
    );
    assert_eq!(directory.recovery_codes_left(&ben).await.unwrap(), 0);
    assert!(directory.standing(&ben).await.unwrap().unwrap().epoch > epoch);
    for login in ["ben", "bo"] {
        let posted = world
            .change(&address, &token, &format!("login={login}&id=recovery_codes"))
            .await;
        assert_eq!(posted.status, StatusCode::NOT_FOUND, "{login}");
    }
    assert_eq!(directory.recovery_codes_left(&name("bo")).await.unwrap(), 10);
}
