use std::future::Future;

use super::super::{Directory, Spent, TotpShape};
use super::place::{Place, T0, actor, both, login, new_employee};

const SHAPE: TotpShape = TotpShape {
    digits: 7,
    period: 20,
    skew: 2,
};

/// How many of fifty that try at once, over two handles, are told `true`.
async fn winners<F>(place: &Place, attempt: impl Fn(Directory) -> F) -> usize
where
    F: Future<Output = bool> + Send + 'static,
{
    let handles = [place.open().await, place.open().await];
    let tasks: Vec<_> = (0..50)
        .map(|task| tokio::spawn(attempt(handles[task % 2].clone())))
        .collect();
    let mut won = 0;
    for task in tasks {
        won += usize::from(task.await.unwrap());
    }
    won
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn i7_a_step_verifies_once_when_many_race_and_never_after_a_later_one() {
    for place in both().await {
        let directory = place.open().await;
        place.firm(&directory, "corp").await;
        let anna = login("anna");
        directory
            .add_employee(&actor(), &new_employee("anna", "corp"), T0)
            .await
            .unwrap();
        let id = directory
            .add_totp(&actor(), &anna, b"seed", SHAPE, "app", 99, T0)
            .await
            .unwrap();
        let factor = directory.totp_factors(&anna).await.unwrap().remove(0);
        assert_eq!(
            (factor.shape, factor.last_step, factor.id.as_str()),
            (SHAPE, 99, id.as_str())
        );
        assert_eq!(factor.secret.reveal().as_slice(), b"seed");
        assert!(
            !directory.spend_totp_step(&id, 99).await.unwrap(),
            "it confirmed the key"
        );
        let won = winners(&place, |directory| {
            let id = id.clone();
            async move { directory.spend_totp_step(&id, 100).await.unwrap() }
        });
        assert_eq!(won.await, 1);
        assert!(directory.spend_totp_step(&id, 102).await.unwrap());
        assert!(
            !directory.spend_totp_step(&id, 101).await.unwrap(),
            "a later one was used"
        );
        directory.reset_employee(&actor(), &anna, T0).await.unwrap();
        assert!(
            !directory.spend_totp_step(&id, 103).await.unwrap(),
            "the factor is gone"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn i7_a_token_and_a_passcode_are_used_up_once_when_many_race() {
    for place in both().await {
        let directory = place.open().await;
        place.firm(&directory, "corp").await;
        directory
            .add_employee(&actor(), &new_employee("anna", "corp"), T0)
            .await
            .unwrap();
        assert!(!directory.is_spent(Spent::SmsToken, "a").await.unwrap());
        let won = winners(&place, |directory| async move {
            directory.spend(Spent::SmsToken, "a", T0).await.unwrap()
        });
        assert_eq!(won.await, 1);
        assert!(directory.is_spent(Spent::SmsToken, "a").await.unwrap());
        assert!(
            directory.spend(Spent::RecoveryCode, "a", T0).await.unwrap(),
            "another kind"
        );

        let passcode = directory
            .reset_employee(&actor(), &login("anna"), T0)
            .await
            .unwrap();
        let won = winners(&place, |directory| {
            let code = passcode.code.reveal().clone();
            async move { directory.spend_passcode(&login("anna"), &code, T0).await.unwrap() }
        });
        assert_eq!(won.await, 1);
    }
}

#[tokio::test]
async fn i7_what_one_verification_uses_up_raises_no_counter() {
    for place in both().await {
        let directory = place.open().await;
        place.firm(&directory, "corp").await;
        directory
            .add_employee(&actor(), &new_employee("anna", "corp"), T0)
            .await
            .unwrap();
        let id = directory
            .add_totp(&actor(), &login("anna"), b"seed", SHAPE, "app", -1, T0)
            .await
            .unwrap();
        let before = directory.counter().await.unwrap();
        directory.reserve_attempt(&login("anna"), T0).await.unwrap();
        directory.spend_totp_step(&id, 5).await.unwrap();
        directory.spend(Spent::SmsToken, "t", T0).await.unwrap();
        directory.note_verified(&login("anna"), T0).await.unwrap();
        assert_eq!(directory.counter().await.unwrap(), before);
        let anna = directory.employee(&login("anna")).await.unwrap().unwrap();
        assert_eq!((anna.failures, anna.last_sign_in), (0, Some(T0)));
    }
}

#[tokio::test]
async fn g6_a_sweep_with_a_clock_that_goes_back_forgets_nothing_spent() {
    for place in both().await {
        let directory = place.open().await;
        let hour = std::time::Duration::from_secs(3600);
        directory.spend(Spent::SmsToken, "t", T0).await.unwrap();
        directory.sweep(T0.plus(hour)).await.unwrap();
        assert!(!directory.spend(Spent::SmsToken, "t", T0).await.unwrap());
        directory.sweep(T0.plus(hour * 48)).await.unwrap();
        assert!(!directory.is_spent(Spent::SmsToken, "t").await.unwrap());
    }
}
