use super::*;

for_each_store!(
    a_session_is_found_as_it_was_kept,
    a_taken_id_is_never_overwritten,
    a_write_never_makes_a_session_that_is_not_there,
    now_decides_what_is_over_with_the_clock_moved_both_ways,
    an_update_needs_the_version_it_read,
    of_many_updates_at_once_one_wins,
    a_touch_moves_on_and_never_shortens,
    a_touch_does_not_revive,
    a_session_that_ran_out_still_says_whose_it_was,
    i3_a_vault_is_written_by_compare_and_set,
    i3_no_write_of_many_at_once_is_lost,
    i4_of_two_that_retire_one_gets_it,
    i4_a_replaced_session_takes_no_write,
    a_removed_session_leaves_no_trace,
    sessions_with_a_holder_are_listed,
    i10_clear_ends_every_session_and_challenge,
);

async fn a_session_is_found_as_it_was_kept(store: Store) {
    assert_eq!(store.session(&anonymous().id, NOW).await.unwrap(), Slot::Absent);
    let binary: Vec<u8> = (0..=255).collect();
    for (record, vault) in [
        (anonymous(), &[][..]),
        (held_by("Ada@Example.com", Some("acme")), &binary),
        (held_by("bob", None), b"x"),
    ] {
        store.create(&record, vault, NOW).await.unwrap();
        let stored = live(&store, &record).await;
        assert_eq!(stored.record, record);
        assert_eq!((stored.record_version, stored.vault_version), (1, 1));
        assert_eq!(stored.vault, vault);
    }
}

async fn a_taken_id_is_never_overwritten(store: Store) {
    let record = anonymous();
    store.create(&record, b"first", NOW).await.unwrap();
    assert!(store.create(&record, b"second", NOW).await.is_err());
    assert_eq!(live(&store, &record).await.vault, b"first");
    store.retire(&record.id, NOW).await.unwrap();
    assert!(store.create(&record, b"third", NOW).await.is_err());
    assert_eq!(store.session(&record.id, NOW).await.unwrap(), Slot::Replaced);

    let results = at_once(20, |n| {
        let (store, record) = (
            store.clone(),
            SessionRecord {
                id: crate::secret::SessionId("ab".into()),
                ..anonymous()
            },
        );
        async move { store.create(&record, &[n as u8], NOW).await.is_ok() }
    })
    .await;
    assert_eq!(results.iter().filter(|created| **created).count(), 1);
}

async fn a_write_never_makes_a_session_that_is_not_there(store: Store) {
    let record = held_by("ada", None);
    assert!(!store.update(&record, 1, NOW).await.unwrap());
    assert!(!store.update(&record, 0, NOW).await.unwrap());
    store.touch(&record.id, NOW, NOW.plus(MINUTE)).await.unwrap();
    assert_eq!(
        store.write_vault(&record.id, b"v", 1, NOW).await.unwrap(),
        VaultWrite::Gone
    );
    assert_eq!(
        store.write_vault(&record.id, b"v", 0, NOW).await.unwrap(),
        VaultWrite::Gone
    );
    assert_eq!(store.retire(&record.id, NOW).await.unwrap(), None);
    store.remove(&record.id).await.unwrap();
    assert_eq!(store.session(&record.id, NOW).await.unwrap(), Slot::Absent);
}

async fn now_decides_what_is_over_with_the_clock_moved_both_ways(store: Store) {
    let record = anonymous();
    store.create(&record, b"", NOW).await.unwrap();
    for (now, is_live) in [
        (record.idle_until.minus(Duration::from_millis(1)), true),
        (record.idle_until, false),
        (NOW.minus(6000 * MINUTE), true),
        (NOW.plus(6000 * MINUTE), false),
        (NOW, true),
    ] {
        let slot = store.session(&record.id, now).await.unwrap();
        assert_eq!(matches!(slot, Slot::Live(_)), is_live, "{now}");
    }
    let over = record.idle_until;
    assert!(!store.update(&record, 1, over).await.unwrap());
    assert_eq!(
        store.write_vault(&record.id, b"v", 1, over).await.unwrap(),
        VaultWrite::Gone
    );
    assert_eq!(store.list(&SessionFilter::default(), over).await.unwrap(), []);
    assert_eq!(store.retire(&record.id, over).await.unwrap(), None);
    store
        .touch(&record.id, NOW, NOW.plus(900 * MINUTE))
        .await
        .unwrap();
    let end = store.session(&record.id, record.ends).await.unwrap();
    assert_eq!(end, Slot::Absent, "use never moves the absolute end");
}

async fn an_update_needs_the_version_it_read(store: Store) {
    let mut record = anonymous();
    store.create(&record, b"v", NOW).await.unwrap();
    record.level = held_by("ada", None).level;
    assert!(!store.update(&record, 0, NOW).await.unwrap());
    assert!(!store.update(&record, 2, NOW).await.unwrap());
    assert!(store.update(&record, 1, NOW).await.unwrap());
    assert!(!store.update(&record, 1, NOW).await.unwrap());
    let stored = live(&store, &record).await;
    assert_eq!((&stored.record, stored.record_version), (&record, 2));
    assert_eq!((&stored.vault[..], stored.vault_version), (&b"v"[..], 1));
    // A use noted between reading and writing is kept.
    let (seen, idle) = (NOW.plus(MINUTE), NOW.plus(31 * MINUTE));
    store.touch(&record.id, seen, idle).await.unwrap();
    assert!(store.update(&record, 2, NOW).await.unwrap());
    let stored = live(&store, &record).await;
    assert_eq!((stored.record.last_seen, stored.record.idle_until), (seen, idle));
    // A record that is as new as the last use counts as it is.
    record.last_seen = seen;
    record.idle_until = NOW.plus(5 * MINUTE);
    assert!(store.update(&record, 3, NOW).await.unwrap());
    assert_eq!(live(&store, &record).await.record, record);
}

async fn of_many_updates_at_once_one_wins(store: Store) {
    let record = anonymous();
    store.create(&record, b"", NOW).await.unwrap();
    let won = at_once(40, |n| {
        let (store, mut record) = (store.clone(), record.clone());
        record.level = Level::Anonymous {
            tried: Some(n.to_string()),
        };
        async move { store.update(&record, 1, NOW).await.unwrap().then_some(record) }
    })
    .await;
    let won: Vec<_> = won.into_iter().flatten().collect();
    assert_eq!(won.len(), 1);
    let stored = live(&store, &record).await;
    assert_eq!((&stored.record, stored.record_version), (&won[0], 2));
}

async fn a_touch_moves_on_and_never_shortens(store: Store) {
    let record = anonymous();
    store.create(&record, b"", NOW).await.unwrap();
    assert!(store.update(&record, 1, NOW).await.unwrap());
    let times = |stored: StoredSession| (stored.record.last_seen, stored.record.idle_until);
    let on = (NOW.plus(MINUTE), NOW.plus(31 * MINUTE));
    store.touch(&record.id, on.0, on.1).await.unwrap();
    assert_eq!(times(live(&store, &record).await), on);
    store.touch(&record.id, NOW, NOW.plus(2 * MINUTE)).await.unwrap();
    store.touch(&record.id, NOW.minus(MINUTE), NOW).await.unwrap();
    let stored = live(&store, &record).await;
    assert_eq!(stored.record_version, 2, "a touch is no change of the record");
    assert_eq!(times(stored), on);
    let late = store.session(&record.id, NOW.plus(30 * MINUTE)).await.unwrap();
    assert!(matches!(late, Slot::Live(_)));
}

async fn a_touch_does_not_revive(store: Store) {
    let (idle, retired) = (anonymous(), anonymous());
    for record in [&idle, &retired] {
        store.create(record, b"", NOW).await.unwrap();
    }
    let late = idle.idle_until;
    store.touch(&idle.id, late, late.plus(30 * MINUTE)).await.unwrap();
    assert_eq!(store.session(&idle.id, late).await.unwrap(), Slot::Absent);
    store.retire(&retired.id, NOW).await.unwrap();
    store
        .touch(&retired.id, NOW, NOW.plus(30 * MINUTE))
        .await
        .unwrap();
    assert_eq!(store.session(&retired.id, NOW).await.unwrap(), Slot::Replaced);
    let after = store.session(&retired.id, NOW.plus(MINUTE)).await.unwrap();
    assert_eq!(after, Slot::Absent);
}

async fn i3_a_vault_is_written_by_compare_and_set(store: Store) {
    let record = anonymous();
    store.create(&record, b"one", NOW).await.unwrap();
    for (vault, expected, result) in [
        (&b"two"[..], 1, VaultWrite::Written(2)),
        (b"lost", 1, VaultWrite::Conflict),
        (b"lost", 3, VaultWrite::Conflict),
        (b"", 2, VaultWrite::Written(3)),
        (&[0, 255, 10], 3, VaultWrite::Written(4)),
    ] {
        let written = store.write_vault(&record.id, vault, expected, NOW).await.unwrap();
        assert_eq!(written, result, "{vault:?}");
    }
    let stored = live(&store, &record).await;
    assert_eq!((&stored.vault[..], stored.vault_version), (&[0, 255, 10][..], 4));
    assert_eq!(stored.record_version, 1);
}

async fn i3_no_write_of_many_at_once_is_lost(store: Store) {
    let record = anonymous();
    store.create(&record, b"", NOW).await.unwrap();
    at_once(16, |n| {
        let (store, record) = (store.clone(), record.clone());
        async move {
            loop {
                let stored = live(&store, &record).await;
                let mut vault = stored.vault;
                vault.push(u8::try_from(n).unwrap());
                let written = store
                    .write_vault(&record.id, &vault, stored.vault_version, NOW)
                    .await;
                match written.unwrap() {
                    VaultWrite::Written(_) => return,
                    VaultWrite::Conflict => {}
                    VaultWrite::Gone => panic!("the session is gone"),
                }
            }
        }
    })
    .await;
    let mut vault = live(&store, &record).await.vault;
    vault.sort_unstable();
    assert_eq!(vault, (0..16).collect::<Vec<u8>>());
}

async fn i4_of_two_that_retire_one_gets_it(store: Store) {
    for _ in 0..10 {
        let record = held_by("ada", Some("acme"));
        store.create(&record, b"vault", NOW).await.unwrap();
        store.write_vault(&record.id, b"newer", 1, NOW).await.unwrap();
        let got = at_once(8, |_| {
            let (store, id) = (store.clone(), record.id.clone());
            async move { store.retire(&id, NOW).await.unwrap() }
        })
        .await;
        let got: Vec<_> = got.into_iter().flatten().collect();
        assert_eq!(got.len(), 1);
        assert_eq!((&got[0].record, &got[0].vault[..]), (&record, &b"newer"[..]));
        assert_eq!((got[0].record_version, got[0].vault_version), (1, 2));
    }
}

async fn i4_a_replaced_session_takes_no_write(store: Store) {
    let record = held_by("ada", None);
    store.create(&record, b"", NOW).await.unwrap();
    store.retire(&record.id, NOW).await.unwrap().unwrap();
    assert_eq!(store.retire(&record.id, NOW).await.unwrap(), None);
    assert_eq!(
        store.write_vault(&record.id, b"v", 1, NOW).await.unwrap(),
        VaultWrite::Gone
    );
    assert!(!store.update(&record, 1, NOW).await.unwrap());
    assert_eq!(store.list(&SessionFilter::default(), NOW).await.unwrap(), []);
    for (later, slot) in [
        (59_999, Slot::Replaced),
        (60_000, Slot::Absent),
        (-5000, Slot::Replaced),
    ] {
        let now = Timestamp(NOW.0 + later);
        assert_eq!(store.session(&record.id, now).await.unwrap(), slot, "{later}");
    }
}

async fn a_removed_session_leaves_no_trace(store: Store) {
    let record = anonymous();
    store.create(&record, b"", NOW).await.unwrap();
    store.remove(&record.id).await.unwrap();
    assert_eq!(store.session(&record.id, NOW).await.unwrap(), Slot::Absent);
    store.remove(&record.id).await.unwrap();
}

async fn sessions_with_a_holder_are_listed(store: Store) {
    let ada = held_by("Ada", Some("acme"));
    let bob = held_by("bob", Some("acme"));
    let eve = held_by("eve", None);
    let gone = held_by("ada", Some("acme"));
    for record in [&ada, &bob, &eve, &gone, &anonymous()] {
        store.create(record, b"", NOW).await.unwrap();
    }
    store.retire(&gone.id, NOW).await.unwrap();
    let login = |login| Some(Login::parse(login).unwrap());
    let firm = |firm| Some(FirmId::parse(firm).unwrap());
    for (filter, wanted) in [
        (SessionFilter::default(), vec![&ada, &bob, &eve]),
        (
            SessionFilter {
                login: login("ADA"),
                firm: None,
            },
            vec![&ada],
        ),
        (
            SessionFilter {
                login: None,
                firm: firm("acme"),
            },
            vec![&ada, &bob],
        ),
        (
            SessionFilter {
                login: login("eve"),
                firm: firm("acme"),
            },
            vec![],
        ),
        (
            SessionFilter {
                login: login("nobody"),
                firm: None,
            },
            vec![],
        ),
    ] {
        let mut listed = store.list(&filter, NOW).await.unwrap();
        listed.sort_by(|a, b| a.id.cmp(&b.id));
        let mut wanted: Vec<_> = wanted.into_iter().cloned().collect();
        wanted.sort_by(|a, b| a.id.cmp(&b.id));
        assert_eq!(listed, wanted, "{filter:?}");
    }
    let more = 1500;
    for _ in 0..more {
        store.create(&held_by("zoe", None), b"", NOW).await.unwrap();
    }
    let listed = store.list(&SessionFilter::default(), NOW).await.unwrap();
    assert_eq!(listed.len(), more + 3, "each once, over many steps");
}

async fn i10_clear_ends_every_session_and_challenge(store: Store) {
    let records: Vec<_> = (0..500).map(|_| anonymous()).collect();
    for record in &records {
        store.create(record, b"", NOW).await.unwrap();
    }
    let challenge = challenge();
    store.create_challenge(&challenge, NOW).await.unwrap();
    store.clear().await.unwrap();
    for record in &records {
        assert_eq!(store.session(&record.id, NOW).await.unwrap(), Slot::Absent);
    }
    assert_eq!(store.challenge(&challenge.id, NOW).await.unwrap(), None);
}

async fn a_session_that_ran_out_still_says_whose_it_was(store: Store) {
    let hour = std::time::Duration::from_secs(3600);
    let held = held_by("ada", Some("acme"));
    let (nobodys, removed) = (anonymous(), held_by("bob", None));
    for record in [&held, &nobodys, &removed] {
        store.create(record, b"x", NOW).await.unwrap();
    }
    store.remove(&removed.id).await.unwrap();
    let over = held.expires();
    assert_eq!(
        store.ran_out(&held.id, NOW).await.unwrap(),
        None,
        "it still lives"
    );
    assert_eq!(store.ran_out(&held.id, over).await.unwrap(), Some(held.clone()));
    assert_eq!(store.session(&held.id, over).await.unwrap(), Slot::Absent);
    assert_eq!(store.retire(&held.id, over).await.unwrap(), None);
    assert_eq!(store.ran_out(&held.id, over.plus(hour)).await.unwrap(), None);
    for record in [&nobodys, &removed] {
        assert_eq!(store.ran_out(&record.id, record.expires()).await.unwrap(), None);
    }
    let retired = held_by("eve", None);
    store.create(&retired, b"x", NOW).await.unwrap();
    store.retire(&retired.id, NOW).await.unwrap();
    assert_eq!(store.ran_out(&retired.id, retired.expires()).await.unwrap(), None);
}
