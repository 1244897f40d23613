//! What a typed token is answered with.

use super::world::{MINUTE, SECOND, World, name, ops, word};
use crate::directory::{EmployeeChanges, Phone, RevokeScope, Spent};
use crate::factors::challenge::Verdict;
use crate::gate::FactorKind;
use crate::sessions::{Level, Slot};

#[tokio::test]
async fn a_right_key_lets_in_under_a_new_token_and_is_audited() {
    let world = World::new().await;
    let session = world.challenged("anna").await;
    assert_eq!(world.says(&session, &world.wrong()).await, "wrong 4");
    let verdict = world
        .verify(&session, &format!(" {} ", world.key(0)))
        .await
        .unwrap();
    let Verdict::Verified { factor, entry } = verdict else {
        panic!("{verdict:?}");
    };
    assert_eq!(factor, FactorKind::Totp);
    let store = &world.door().store;
    let old = store.session(&session.token.id(), world.now()).await.unwrap();
    assert_eq!(old, Slot::Replaced);
    let Slot::Live(raised) = store.session(&entry.token.id(), world.now()).await.unwrap() else {
        panic!("the raised session is not there");
    };
    assert!(matches!(
        raised.record.level,
        Level::SecondFactor {
            factor: FactorKind::Totp,
            ..
        }
    ));
    let employee = world.employee("anna").await;
    assert_eq!((employee.failures, employee.last_sign_in), (0, Some(world.now())));
    let audited = world.audited("factor.verified").await;
    assert_eq!(audited.len(), 1);
    assert_eq!(audited[0].details, serde_json::json!({"factor": "totp"}));
    assert_eq!(world.says(&session, &world.key(1)).await, "overtaken");
}

#[tokio::test]
async fn g3_a_step_counts_once_and_never_after_a_later_one() {
    let world = World::new().await;
    for (login_step, expected) in [
        (0, "verified totp"),
        (0, "used"),
        (-1, "used"),
        (1, "verified totp"),
        (0, "used"),
        (1, "used"),
    ] {
        let session = world.challenged("anna").await;
        assert_eq!(
            world.says(&session, &world.key(login_step)).await,
            expected,
            "{login_step}"
        );
    }
}

#[tokio::test]
async fn g6_a_clock_that_goes_back_makes_no_used_step_new() {
    let world = World::new().await;
    let session = world.challenged("anna").await;
    let used = world.key(0);
    let before = world.now();
    assert_eq!(world.says(&session, &used).await, "verified totp");
    world.clock.set(before.minus(60 * MINUTE));
    for step in [-1, 0, 1] {
        let session = world.challenged("anna").await;
        assert_eq!(world.says(&session, &world.key(step)).await, "used", "{step}");
    }
    world.clock.set(before);
    let session = world.challenged("anna").await;
    assert_eq!(world.says(&session, &used).await, "used");
    assert_eq!(world.says(&session, &world.key(1)).await, "verified totp");
}

#[tokio::test]
async fn g5_odd_input_is_wrong_and_counted() {
    let world = World::new().await;
    let session = world.challenged("anna").await;
    let key = world.key(0);
    let wide: String = key
        .chars()
        .map(|c| char::from_u32(u32::from(c) - u32::from('0') + 0xff10).unwrap())
        .collect();
    for (typed, left) in [
        (wide.as_str(), 4),
        ("", 3),
        (&format!("{key}0"), 2),
        (&"0".repeat(100_000), 1),
    ] {
        assert_eq!(world.says(&session, typed).await, format!("wrong {left}"));
    }
    assert_eq!(world.employee("anna").await.failures, 4);
    assert_eq!(world.says(&session, &key).await, "verified totp");
}

#[tokio::test]
async fn only_the_newest_sms_token_counts_and_only_for_ten_minutes() {
    let world = World::new().await;
    let session = world.challenged("ben").await;
    let older = world.texted(&session).await;
    world.clock.advance(31 * SECOND);
    let newest = world.texted(&session).await;
    assert_ne!(older, newest, "one in a million: run again");
    assert_eq!(world.says(&session, &older).await, "expired");
    world.clock.advance(10 * MINUTE - SECOND);
    assert_eq!(world.says(&session, &newest).await, "verified sms");

    let session = world.challenged("ben").await;
    let token = world.texted(&session).await;
    world.clock.advance(10 * MINUTE);
    assert_eq!(world.says(&session, &token).await, "expired");
    assert_eq!(
        world.employee("ben").await.failures,
        1,
        "a failure like any other"
    );
    world.clock.advance(MINUTE);
    assert_eq!(world.says(&session, &token).await, "ran out");
}

#[tokio::test]
async fn an_sms_token_that_was_used_is_told_from_a_wrong_one() {
    let world = World::new().await;
    let session = world.challenged("ben").await;
    let token = world.texted(&session).await;
    let id = world.open(&session).await.value.sms[0].id.clone();
    let directory = &world.door().directory;
    let until = world.now().plus(60 * MINUTE);
    assert!(directory.spend(Spent::SmsToken, &id, until).await.unwrap());
    assert_eq!(world.says(&session, &token).await, "used");
    world.clock.advance(31 * SECOND);
    world.texted(&session).await;
    assert_eq!(
        world.says(&session, &token).await,
        "used",
        "also where it is not the newest"
    );
    assert_eq!(world.employee("ben").await.failures, 2);
}

#[tokio::test]
async fn e7_the_token_of_another_challenge_or_another_number_is_wrong() {
    let world = World::new().await;
    let anna = world.challenged("anna").await;
    let token = world.texted(&anna).await;
    let ben = world.challenged("ben").await;
    world.texted(&ben).await;
    assert_eq!(world.says(&ben, &token).await, "wrong 4");
    assert_eq!(
        world.says(&ben, &world.key(0)).await,
        "wrong 3",
        "her key is not his"
    );
    let other = world.challenged("anna").await;
    assert_eq!(
        world.says(&other, &token).await,
        "wrong 4",
        "her own other session"
    );

    let changes = EmployeeChanges {
        phone: Some(Some(Phone::parse("+14155550199", None).unwrap())),
        ..EmployeeChanges::default()
    };
    let directory = &world.door().directory;
    directory
        .set_employee(&ops(), &name("anna"), &changes, world.now())
        .await
        .unwrap();
    let word = world.says(&anna, &token).await;
    assert!(
        word.starts_with("wrong") || word == "ended",
        "{word}: the number changed meanwhile"
    );
}

#[tokio::test]
async fn what_the_firm_does_not_allow_does_not_judge() {
    let world = World::new().await;
    let session = world.challenged("anna").await;
    let token = world.texted(&session).await;
    world.set_factors(&[FactorKind::Totp]).await;
    assert_eq!(world.says(&session, &token).await, "wrong 4");
    world.set_factors(&[FactorKind::Sms]).await;
    assert_eq!(world.says(&session, &world.key(0)).await, "wrong 3");
    assert_eq!(world.says(&session, &token).await, "verified sms");
    world.set_factors(&[FactorKind::Passkey]).await;
    let session = world.challenged("anna").await;
    assert_eq!(world.says(&session, &world.key(1)).await, "nothing enrolled");
}

#[tokio::test]
async fn nothing_enrolled_is_no_failure() {
    let world = World::new().await;
    let session = world.challenged("carl").await;
    assert_eq!(world.says(&session, "123456").await, "nothing enrolled");
    assert_eq!(world.employee("carl").await.failures, 0);
    assert_eq!(
        world.says(&session, "AAAA-BBBB-CCCC-DDDD").await,
        "wrong 4",
        "a passcode is judged"
    );
}

#[tokio::test]
async fn a_passcode_lets_enrol_once_and_verifies_nothing() {
    let world = World::new().await;
    let directory = &world.door().directory;
    let passcode = directory
        .reset_employee(&ops(), &name("anna"), world.now())
        .await
        .unwrap();
    let code = passcode.code.reveal().to_lowercase().replace('-', " ");
    let session = world.challenged("anna").await;
    assert_eq!(world.says(&session, "AAAA-BBBB-CCCC-DDDD").await, "wrong 4");
    assert_eq!(world.says(&session, &code).await, "may enrol");
    assert_eq!(
        world.employee("anna").await.failures,
        1,
        "neither a failure nor a sign-in"
    );
    let slot = world
        .door()
        .store
        .session(&session.token.id(), world.now())
        .await
        .unwrap();
    let Slot::Live(stored) = slot else {
        panic!("the session went away");
    };
    let Level::Password { may_enrol_until, .. } = stored.record.level else {
        panic!("a passcode raised the session");
    };
    assert_eq!(may_enrol_until, Some(world.now().plus(15 * MINUTE)));
    assert_eq!(world.says(&session, &code).await, "wrong 3");
    assert_eq!(world.audited("employee.passcode_used").await.len(), 1);
    assert!(world.audited("factor.verified").await.is_empty());
}

#[tokio::test]
async fn a_challenge_runs_out_after_five_minutes_and_a_new_one_takes_its_place() {
    let world = World::new().await;
    let session = world.challenged("anna").await;
    world.clock.advance(5 * MINUTE);
    assert_eq!(world.says(&session, &world.key(0)).await, "ran out");
    assert_eq!(world.employee("anna").await.failures, 0);
    world.open(&session).await;
    assert_eq!(world.says(&session, &world.key(0)).await, "verified totp");
}

#[tokio::test]
async fn i10_e8_whoever_was_ended_meanwhile_is_not_let_in() {
    let world = World::new().await;
    let directory = &world.door().directory;
    let later = world.now().plus(720 * MINUTE);

    let revoked = world.challenged("anna").await;
    let scope = RevokeScope::Employee(name("anna"));
    directory
        .revoke_sessions(&ops(), &scope, later, world.now())
        .await
        .unwrap();
    assert_eq!(world.says(&revoked, &world.key(0)).await, "ended");

    let one = world.challenged("anna").await;
    directory
        .end_session(one.stored.record.id.public(), later)
        .await
        .unwrap();
    assert_eq!(world.says(&one, &world.key(0)).await, "ended");

    let gone = world.challenged("anna").await;
    world.door().store.remove(&gone.stored.record.id).await.unwrap();
    assert_eq!(world.says(&gone, &world.key(0)).await, "ended");

    let idle = world.challenged("anna").await;
    world.clock.advance(121 * MINUTE);
    assert_eq!(world.says(&idle, &world.key(0)).await, "ended");

    let inactive = world.challenged("anna").await;
    let changes = EmployeeChanges {
        active: Some(false),
        ..EmployeeChanges::default()
    };
    directory
        .set_employee(&ops(), &name("anna"), &changes, world.now())
        .await
        .unwrap();
    assert_eq!(world.says(&inactive, &world.key(0)).await, "ended");

    let removed = world.challenged("ben").await;
    directory
        .remove_employee(&ops(), &name("ben"), world.now())
        .await
        .unwrap();
    assert_eq!(world.says(&removed, "123456").await, "ended");
    assert!(world.audited("factor.verified").await.is_empty());
}

#[tokio::test]
async fn i9_what_cannot_be_judged_is_an_error_and_no_failure() {
    let world = World::new().await;
    let session = world.challenged("ben").await;
    let token = world.texted(&session).await;
    // After the reservation: what is spent cannot be recorded.
    world.rename("spent", "spent_away").await;
    assert!(world.verify(&session, &token).await.is_err());
    assert_eq!(world.employee("ben").await.failures, 0);
    world.rename("spent_away", "spent").await;
    // Before it: nobody can be looked up.
    world.rename("employees", "employees_away").await;
    assert!(world.verify(&session, &token).await.is_err());
    assert!(world.door().send_sms(&session, world.now()).await.is_err());
    assert!(world.door().challenge_view(&session, world.now()).await.is_err());
    assert!(
        world
            .door()
            .challenge_for(&session, true, world.now())
            .await
            .is_err()
    );
    world.rename("employees_away", "employees").await;
    assert_eq!(world.employee("ben").await.failures, 0);
    assert_eq!(
        word(&world.verify(&session, &token).await.unwrap()),
        "verified sms"
    );
}
