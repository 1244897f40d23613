//! G8: nobody runs up a bill.

use std::net::IpAddr;

use super::world::{MINUTE, SECOND, World, name, ops};
use crate::access::LiveSession;
use crate::config::Config;
use crate::directory::{EmployeeChanges, NewEmployee, Phone};
use crate::factors::challenge::SmsOutcome;
use crate::gate::{FirmId, Role};
use crate::sessions::Limit;

const TWICE: Limit = Limit {
    count: 2,
    window: MINUTE.saturating_mul(60),
};

async fn send(world: &World, session: &LiveSession) -> SmsOutcome {
    world.door().send_sms(session, world.now()).await.unwrap()
}

fn is_limited(outcome: &SmsOutcome) -> bool {
    matches!(outcome, SmsOutcome::Limited { .. })
}

/// People of `firm`, each with a number.
async fn hire(world: &World, firm: &str, people: &[(&str, &str)]) {
    let directory = &world.door().directory;
    let firm = FirmId::parse(firm).unwrap();
    if directory.firm(&firm).await.unwrap().is_none() {
        directory
            .add_firm(&ops(), &firm, "Other", world.now())
            .await
            .unwrap();
    }
    for (login, phone) in people {
        let new = NewEmployee {
            login: name(login),
            firm: firm.clone(),
            name: (*login).to_owned(),
            phone: Some(Phone::parse(phone, None).unwrap()),
            email: None,
            role: Role::Tech,
        };
        directory.add_employee(&ops(), &new, world.now()).await.unwrap();
    }
}

async fn with_limit(set: impl FnOnce(&mut Config)) -> World {
    let world = World::new().await;
    hire(
        &world,
        "acme",
        &[("dora", "+14155550104"), ("emil", "+14155550105")],
    )
    .await;
    hire(
        &world,
        "other",
        &[("fred", "+14155550106"), ("gina", "+14155550107")],
    )
    .await;
    world.configure(set);
    world
}

#[tokio::test]
async fn g8_a_firm_has_a_limit_of_its_own() {
    let world = with_limit(|config| config.limits.sms_per_firm = TWICE).await;
    for login in ["ben", "dora"] {
        world.texted(&world.challenged(login).await).await;
    }
    let emil = world.challenged("emil").await;
    let refused = send(&world, &emil).await;
    let until = world.now().plus(60 * MINUTE);
    assert_eq!(refused, SmsOutcome::Limited { until });
    world.texted(&world.challenged("fred").await).await;
    world.clock.set(until);
    world.texted(&world.challenged("emil").await).await;
}

#[tokio::test]
async fn g8_an_address_has_one_and_an_ipv6_network_counts_as_one_address() {
    let world = with_limit(|config| config.limits.sms_per_address = TWICE).await;
    let from = async |login: &str, address: &str| {
        let address: IpAddr = address.parse().unwrap();
        world.challenged_from(login, address).await
    };
    for (login, address) in [("ben", "2001:db8:1:2::1"), ("dora", "2001:db8:1:2:3::9")] {
        world.texted(&from(login, address).await).await;
    }
    assert!(is_limited(
        &send(&world, &from("emil", "2001:db8:1:2:ffff::").await).await
    ));
    world.texted(&from("emil", "2001:db8:1:3::1").await).await;
    // An IPv4 address in IPv6's clothes is that address.
    world.texted(&from("fred", "192.0.2.7").await).await;
    world.texted(&from("gina", "::ffff:192.0.2.7").await).await;
    world.clock.advance(30 * SECOND);
    assert!(is_limited(&send(&world, &from("ben", "192.0.2.7").await).await));
}

#[tokio::test]
async fn g8_all_firms_together_have_one() {
    let world = with_limit(|config| config.limits.sms_in_all = TWICE).await;
    for login in ["ben", "fred"] {
        world.texted(&world.challenged(login).await).await;
    }
    let gina = world.challenged("gina").await;
    assert!(is_limited(&send(&world, &gina).await));
    // What was refused counts against nobody: raised by a reload, it goes out at once.
    world.configure(|config| config.limits.sms_in_all.count = 3);
    world.texted(&gina).await;
    assert_eq!(world.outbox.sent.lock().unwrap().len(), 3);
}

#[tokio::test]
async fn g8_a_confirmation_counts_like_any_other_token() {
    let world = with_limit(|config| config.limits.sms_in_all = TWICE).await;
    for login in ["ben", "fred"] {
        world.texted(&world.challenged(login).await).await;
    }
    let session = world.challenged("anna").await;
    let (door, now) = (world.door(), world.now());
    assert!(is_limited(
        &door.send_confirmation_sms(&session, now).await.unwrap()
    ));
}

#[tokio::test]
async fn g8_no_token_goes_to_a_country_that_is_not_named() {
    let world = World::new().await;
    let jamaica = EmployeeChanges {
        phone: Some(Some(Phone::parse("+18762101234", None).unwrap())),
        ..EmployeeChanges::default()
    };
    let directory = &world.door().directory;
    directory
        .set_employee(&ops(), &name("carl"), &jamaica, world.now())
        .await
        .unwrap();
    let offered = async |session: &LiveSession| {
        let view = world.door().challenge_view(session, world.now()).await.unwrap();
        view.sms_number
    };
    let session = world.challenged("carl").await;
    assert!(offered(&session).await.is_some());
    world.configure(|config| {
        let sms = config.factors.sms.as_mut().unwrap();
        sms.countries = crate::config::Countries::of(&["US"]);
    });
    assert_eq!(send(&world, &session).await, SmsOutcome::NoNumber);
    assert_eq!(offered(&session).await, None);
    let means = world
        .door()
        .means_to_confirm(&session, world.now())
        .await
        .unwrap();
    assert!(means.is_empty(), "{means:?}");
    world.texted(&world.challenged("ben").await).await;
    assert_eq!(world.outbox.sent.lock().unwrap().len(), 1);
}
