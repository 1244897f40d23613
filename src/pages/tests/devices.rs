//! Remembered devices: who passes on one, and what ends that.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use http::StatusCode;

use super::world::{firm, name, ops};
use super::{Sent, World};
use crate::access::{Accepted, DeviceCookie, LoginOutcome, Who};
use crate::gate::Policy;
use crate::secret::SessionToken;
use crate::vault::Waiting;

const DAY: Duration = Duration::from_secs(86_400);
const VERIFY: &str = "/.doorstep/challenge/verify";

/// What became of a login that the portal accepted.
enum Came {
    In(SessionToken, Option<DeviceCookie>),
    Asked(SessionToken),
}

impl Came {
    fn is_in(&self) -> bool {
        matches!(self, Self::In(..))
    }
}

fn cookie(set_cookie: &str) -> DeviceCookie {
    assert!(
        set_cookie.contains("HttpOnly") && set_cookie.contains("Secure"),
        "{set_cookie}"
    );
    let value = set_cookie.strip_prefix("__Host-doorstep-device=").unwrap();
    DeviceCookie::parse(value.split(';').next().unwrap()).unwrap()
}

impl World {
    async fn login(&self, login: &str, password: &str, device: Option<&DeviceCookie>) -> Came {
        let typed = name(login);
        let accepted = Accepted {
            typed: &typed,
            said: false,
            under: &Who::Nobody,
            keep: &|_| {},
            waiting: Waiting::default(),
            device,
            password: Some(password),
            script: false,
            client: IpAddr::V4(Ipv4Addr::LOCALHOST),
            now: self.now(),
        };
        match self.door.login_accepted(accepted).await.unwrap() {
            LoginOutcome::LetIn { token, device, .. } => Came::In(token, device.as_deref().map(cookie)),
            LoginOutcome::Challenge { token } => Came::Asked(token),
            other => panic!("{other:?}"),
        }
    }

    async fn policy(&self, days: u64) {
        let policy = Policy {
            remember_device: Some(days * 86_400),
            ..Policy::default()
        };
        let directory = &self.door.directory;
        directory
            .set_firm(&ops(), &firm(), "Acme", &policy, self.now())
            .await
            .unwrap();
        self.door.copies.refresh().await.unwrap();
    }

    /// Signs Anna in with `password` and has her device remembered.
    async fn remembered(&self, password: &str) -> Option<DeviceCookie> {
        let Came::Asked(token) = self.login("anna", password, None).await else {
            panic!("nothing was asked");
        };
        self.send(Sent::get("/.doorstep/challenge").by(&token)).await;
        let fields = format!("token={}&remember=yes", self.next_key());
        let inside = self.send(Sent::form(VERIFY, &token, &fields)).await;
        assert_eq!(inside.status, StatusCode::SEE_OTHER, "{}", inside.body);
        let cookies = inside.cookies();
        let device = cookies.iter().find(|one| one.contains("doorstep-device"));
        device.map(|one| cookie(one))
    }
}

#[tokio::test]
async fn off_by_default_and_offered_only_where_the_firm_allows_it() {
    let world = World::new().await;
    assert!(world.remembered("pw").await.is_none());
    let token = world.signed_in("anna").await;
    let page = world.send(Sent::get("/.doorstep/challenge").by(&token)).await;
    assert!(!page.body.contains("Remember this device"));
    world.policy(30).await;
    let page = world.send(Sent::get("/.doorstep/challenge").by(&token)).await;
    assert!(
        page.body.contains("Remember this device for 30 days"),
        "{}",
        page.body
    );
    assert!(world.remembered("pw").await.is_some());
}

#[tokio::test]
async fn a_remembered_device_passes_is_rotated_and_its_old_token_revokes_it() {
    let world = World::new().await;
    world.policy(30).await;
    let first = world.remembered("pw").await.unwrap();
    let Came::In(_, Some(second)) = world.login("anna", "pw", Some(&first)).await else {
        panic!("asked all the same");
    };
    assert_eq!(second.id, first.id);
    assert_ne!(second.token.id(), first.token.id());
    let Came::In(_, Some(third)) = world.login("anna", "pw", Some(&second)).await else {
        panic!("the next token counts");
    };
    // Somebody uses a copy of the first: nobody can tell the thief from the owner.
    assert!(!world.login("anna", "pw", Some(&first)).await.is_in());
    assert!(!world.login("anna", "pw", Some(&third)).await.is_in());
}

#[tokio::test]
async fn i7_one_token_at_two_logins_at_once_lets_one_in_at_most() {
    let world = World::new().await;
    world.policy(30).await;
    let device = world.remembered("pw").await.unwrap();
    let (one, two) = tokio::join!(
        world.login("anna", "pw", Some(&device)),
        world.login("anna", "pw", Some(&device))
    );
    assert!(!(one.is_in() && two.is_in()));
}

#[tokio::test]
async fn another_password_login_or_token_is_asked_anew_and_spends_nothing() {
    let world = World::new().await;
    world.policy(30).await;
    let device = world.remembered("pw").await.unwrap();
    let unknown = DeviceCookie {
        id: "0".repeat(32),
        token: SessionToken::random(),
    };
    for (login, password, device, why) in [
        ("anna", "new password", Some(&device), "the password has changed"),
        ("ben", "pw", Some(&device), "another's login"),
        ("anna", "pw", Some(&unknown), "no such device"),
        ("anna", "pw", None, "no cookie"),
    ] {
        assert!(!world.login(login, password, device).await.is_in(), "{why}");
    }
    assert!(
        world.login("anna", "pw", Some(&device)).await.is_in(),
        "not spent"
    );
}

#[tokio::test]
async fn i10_what_ends_a_remembered_device_is_asked_on_every_request() {
    for what in [
        "expiry",
        "off and on",
        "policy",
        "reset",
        "sign out",
        "removal",
        "forgotten",
    ] {
        let world = World::new().await;
        world.policy(30).await;
        let device = world.remembered("pw").await.unwrap();
        let Came::In(session, Some(device)) = world.login("anna", "pw", Some(&device)).await else {
            panic!("{what}");
        };
        let onward = world.send(Sent::get("/.doorstep/challenge").by(&session)).await;
        assert_eq!(onward.status, StatusCode::SEE_OTHER, "{what}: nothing is owed");
        for page in [
            "/.doorstep/account",
            "/.doorstep/enroll/totp",
            "/.doorstep/enroll/recovery",
        ] {
            let own = world.send(Sent::get(page).by(&session)).await;
            assert_eq!(
                own.status,
                StatusCode::FORBIDDEN,
                "an exception opens no own page"
            );
        }
        let (directory, now, anna) = (&world.door.directory, world.now(), name("anna"));
        match what {
            "expiry" => world.clock.advance(30 * DAY),
            "off and on" => {
                world.two_factor(false).await;
                world.two_factor(true).await;
            }
            "policy" => {
                world.policy(0).await;
                world.policy(30).await;
            }
            "reset" => drop(directory.reset_employee(&ops(), &anna, now).await.unwrap()),
            "sign out" => {
                let scope = crate::directory::RevokeScope::Employee(anna.clone());
                directory
                    .revoke_sessions(&ops(), &scope, now.plus(DAY), now)
                    .await
                    .unwrap();
            }
            "removal" => {
                let id = directory.employee(&anna).await.unwrap().unwrap().factors[0]
                    .id
                    .clone();
                directory.remove_factor(&ops(), &anna, &id, now).await.unwrap();
            }
            _ => directory
                .forget_device(&ops(), &anna, &device.id, "test", now)
                .await
                .unwrap(),
        }
        world.door.copies.refresh().await.unwrap();
        let after = world.send(Sent::get("/.doorstep/challenge").by(&session)).await;
        assert_ne!(
            after.status,
            StatusCode::SEE_OTHER,
            "{what}: the live session too"
        );
        assert!(!world.login("anna", "pw", Some(&device)).await.is_in(), "{what}");
    }
}

#[tokio::test]
async fn a_device_is_listed_and_forgotten_on_its_owners_account_page_only() {
    let world = World::new().await;
    world.policy(30).await;
    let device = world.remembered("pw").await.unwrap();
    let token = world.verified_with(&world.next_key()).await;
    let page = world.send(Sent::get("/.doorstep/account").by(&token)).await;
    assert!(page.body.contains(&device.id), "{}", page.body);
    let fields = format!("id={}", device.id);
    let gone = world
        .send(Sent::form("/.doorstep/account/forget", &token, &fields))
        .await;
    assert_eq!(gone.status, StatusCode::SEE_OTHER);
    assert!(!world.login("anna", "pw", Some(&device)).await.is_in());
}
