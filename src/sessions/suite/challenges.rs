use super::*;

for_each_store!(
    a_challenge_is_found_until_ten_minutes_after_it_ran_out,
    i7_of_many_that_verify_a_challenge_one_wins,
    a_write_never_makes_a_challenge_that_is_not_there,
);

pub(in crate::sessions) fn challenge() -> Challenge {
    Challenge {
        id: ChallengeId::random(),
        login: Login::parse("ada").unwrap(),
        opened: NOW,
        expires: NOW.plus(5 * MINUTE),
        state: ChallengeState::Open,
        sms: vec![],
        push: None,
        passkey: None,
    }
}

async fn a_challenge_is_found_until_ten_minutes_after_it_ran_out(store: Store) {
    let challenge = challenge();
    assert_eq!(store.challenge(&challenge.id, NOW).await.unwrap(), None);
    store.create_challenge(&challenge, NOW).await.unwrap();
    assert!(store.create_challenge(&challenge, NOW).await.is_err());
    let kept = Versioned {
        value: challenge.clone(),
        version: 1,
    };
    for (now, found) in [
        (NOW, true),
        (challenge.expires, true),
        (challenge.expires.plus(10 * MINUTE), false),
        (challenge.expires.plus(9 * MINUTE), true),
        (NOW.minus(60 * MINUTE), true),
    ] {
        let got = store.challenge(&challenge.id, now).await.unwrap();
        assert_eq!(got, found.then(|| kept.clone()), "{now}");
    }
    let over = challenge.expires.plus(10 * MINUTE);
    assert!(!store.update_challenge(&challenge, 1, over).await.unwrap());
}

async fn i7_of_many_that_verify_a_challenge_one_wins(store: Store) {
    let challenge = challenge();
    store.create_challenge(&challenge, NOW).await.unwrap();
    let won = at_once(40, |n| {
        let (store, mut challenge) = (store.clone(), challenge.clone());
        challenge.state = ChallengeState::Verified {
            factor: FactorKind::Totp,
            at: Timestamp(NOW.0 + n as i64),
        };
        async move {
            store
                .update_challenge(&challenge, 1, NOW)
                .await
                .unwrap()
                .then_some(challenge)
        }
    })
    .await;
    let won: Vec<_> = won.into_iter().flatten().collect();
    assert_eq!(won.len(), 1);
    let kept = store.challenge(&challenge.id, NOW).await.unwrap().unwrap();
    assert_eq!((&kept.value, kept.version), (&won[0], 2));
    assert!(!store.update_challenge(&challenge, 1, NOW).await.unwrap());
    assert!(!store.update_challenge(&challenge, 3, NOW).await.unwrap());
}

async fn a_write_never_makes_a_challenge_that_is_not_there(store: Store) {
    let challenge = challenge();
    for expected in [0, 1] {
        assert!(!store.update_challenge(&challenge, expected, NOW).await.unwrap());
    }
    assert_eq!(store.challenge(&challenge.id, NOW).await.unwrap(), None);
}
