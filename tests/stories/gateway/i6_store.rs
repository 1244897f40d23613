//! I6: a copy of the store opens nothing.

use crate::support::portal::CANARY;
use crate::support::world::{ANNA, ANNA_PHONE, BEN, BEN_PHONE};
use crate::support::{StoreKind, World, last_sms};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i6_what_is_carried_off_holds_no_cookie_and_no_token() {
    let mut world = World::new(StoreKind::Redis).await;
    let anna = world.anna_signed_in().await;
    anna.get("/app/secret").await.expect(200);
    let ben = world.browser();
    ben.password(BEN).await.expect(303);
    ben.ask_for_sms().await.expect(303);
    let sms = last_sms(&world.gateway.sms_file(), BEN_PHONE).unwrap();
    let token = anna.session().unwrap();
    let sessions = world.portal.signed_in();
    let dump = world.redis().carried_off().await;
    assert!(dump.len() > 200, "the dump is empty: this story sees nothing");
    let text = String::from_utf8_lossy(&dump);
    let mut canaries = vec![
        token,
        ben.session().unwrap(),
        CANARY.into(),
        "kept-in-the-vault".into(),
        "portalsession".into(),
        ANNA_PHONE.into(),
        BEN_PHONE.into(),
        format!("\"{sms}\""),
        "anna-password".into(),
    ];
    canaries.extend(sessions);
    for canary in canaries {
        assert!(!text.contains(&canary), "{canary} in the store");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i6_the_directory_file_holds_no_key_and_no_number() {
    let mut world = World::new(StoreKind::Memory).await;
    let key = world.gateway.json(&["employee", "enroll-totp", ANNA]);
    let uri = key["uri"].as_str().unwrap();
    let secret = uri
        .split("secret=")
        .nth(1)
        .unwrap()
        .split('&')
        .next()
        .unwrap()
        .to_owned();
    world.anna_signed_in_with(uri).await;
    for name in ["doorstep.db", "doorstep.db-wal"] {
        let bytes = std::fs::read(world.gateway.file(name)).unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes);
        for canary in [secret.as_str(), ANNA_PHONE, &ANNA_PHONE[1..], "anna-password"] {
            assert!(!text.contains(canary), "{canary} in {name}");
        }
    }
    let mode = |name: &str| {
        use std::os::unix::fs::PermissionsExt;
        std::fs::metadata(world.gateway.file(name))
            .unwrap()
            .permissions()
            .mode()
            & 0o777
    };
    assert_eq!((mode("doorstep.db"), mode("doorstep.key")), (0o600, 0o600));
}
