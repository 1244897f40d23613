//! Who gets in at all.

use std::time::Duration;

use http::StatusCode;

use super::super::{Sent, World, world::MINUTE};
use super::{ADMIN, leak, world};

/// Every address, and whether something can be posted there.
pub const ADDRESSES: &[(&str, bool)] = &[
    ("/.doorstep/admin", false),
    (ADMIN, false),
    ("/.doorstep/admin/confirm", true),
    ("/.doorstep/admin/confirm/sms", true),
    ("/.doorstep/admin/two-factor?enable=yes", true),
    ("/.doorstep/admin/employees?q=a", false),
    ("/.doorstep/admin/nothing", true),
];

#[tokio::test]
async fn i14_a_tech_opens_no_address_of_the_desk_at_any_level() {
    let world = world().await;
    let verified = world.verified("anna").await;
    let waiting = world.signed_in("ben").await;
    for (path, posts) in ADDRESSES {
        for token in [&verified, &waiting] {
            if *path != "/.doorstep/admin/confirm/sms" {
                let page = world.page(path, token).await;
                assert_eq!(page.status, StatusCode::FORBIDDEN, "{path}: {}", page.body);
            }
            if *posts {
                let posted = world.form(path, token, "enable=no&login=anna&token=123456").await;
                assert_eq!(posted.status, StatusCode::FORBIDDEN, "{path}");
            }
        }
        let nobody = world.send(Sent::get(leak(path))).await;
        if *path != "/.doorstep/admin/confirm/sms" {
            assert_eq!(nobody.status, StatusCode::UNAUTHORIZED, "{path}");
        }
    }
    assert!(world.events("firm.two_factor_disabled").await.is_empty());
}

#[tokio::test]
async fn an_admin_comes_in_by_a_factor_and_by_nothing_less() {
    let world = world().await;
    let waiting = world.signed_in("alva").await;
    let owed = world.page(ADMIN, &waiting).await;
    assert_eq!(
        (owed.status, owed.location()),
        (StatusCode::SEE_OTHER, "/.doorstep/challenge")
    );
    let token = world.verified("alva").await;
    let page = world.page(ADMIN, &token).await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.body);
    assert!(page.body.contains("Enable two-factor authentication?"));
    assert!(!page.body.contains("4155550"), "no full number");
    assert!(
        !page.body.contains("login=bo") && !page.body.contains("login=bea"),
        "nobody of another firm"
    );
}

#[tokio::test]
async fn i1_a_policy_that_is_off_and_an_exception_open_nothing() {
    let world = world().await;
    world.two_factor(false).await;
    let token = world.signed_in("alva").await;
    asks_to_confirm(&world, &token).await;
    // A break-glass lets her through to the portal, and not to the desk.
    world.two_factor(true).await;
    let until = world.now().plus(60 * MINUTE);
    let directory = &world.door.directory;
    let firm = super::super::world::firm();
    directory
        .break_glass(&super::ops(), &firm, until, "the provider is down", world.now())
        .await
        .unwrap();
    world.door.copies.refresh().await.unwrap();
    let token = world.signed_in("alva").await;
    asks_to_confirm(&world, &token).await;
}

async fn asks_to_confirm(world: &World, token: &crate::secret::SessionToken) {
    let confirm = "/.doorstep/admin/confirm?next=%2F.doorstep%2Fadmin%2F";
    let page = world.page(ADMIN, token).await;
    assert_eq!((page.status, page.location()), (StatusCode::SEE_OTHER, confirm));
    let script = world.send(Sent::get(ADMIN).by(token).script()).await;
    assert_eq!(script.status, StatusCode::UNAUTHORIZED);
    let posted = world
        .form("/.doorstep/admin/two-factor", token, "enable=no&token=1")
        .await;
    assert_eq!(posted.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn an_admin_of_a_firm_that_is_off_confirms_that_it_is_them_and_manages() {
    let world = world().await;
    world.two_factor(false).await;
    let token = world.signed_in("alva").await;
    let page = world
        .page("/.doorstep/admin/confirm?next=%2F.doorstep%2Fadmin%2F", &token)
        .await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.body.contains("Token or Security Key"), "{}", page.body);
    let wrong = format!("token={}", world.wrong());
    let wrong = world.form("/.doorstep/admin/confirm", &token, &wrong).await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(wrong.body.contains("4 tries are left"), "{}", wrong.body);
    let right = format!("token={}&next=https://evil.example", world.key());
    let right = world.form("/.doorstep/admin/confirm", &token, &right).await;
    assert_eq!(right.status, StatusCode::SEE_OTHER, "{}", right.body);
    assert_eq!(right.location(), "/.doorstep/admin/?done=confirmed");
    let raised = right.token();
    assert_ne!(
        raised.form_token(),
        token.form_token(),
        "every verified factor gets a new token"
    );
    assert_eq!(world.page(ADMIN, &raised).await.status, StatusCode::OK);
    assert_eq!(world.page(ADMIN, &token).await.status, StatusCode::CONFLICT);
}

#[tokio::test]
async fn an_sms_confirms_too_and_nothing_enrolled_leads_to_a_passcode() {
    let world = world().await;
    let token = world.signed_in_of("bea", "beta").await;
    assert_eq!(world.page(ADMIN, &token).await.status, StatusCode::SEE_OTHER);
    let fields = "here=/.doorstep/admin/confirm&next=/.doorstep/admin/";
    let sent = world.form("/.doorstep/admin/confirm/sms", &token, fields).await;
    assert_eq!(sent.status, StatusCode::OK, "{}", sent.body);
    assert!(sent.body.contains("We sent a token"));
    let text = world.phones.tokens.lock().unwrap().last().unwrap().clone();
    let right = world
        .form("/.doorstep/admin/confirm", &token, &format!("token={text}"))
        .await;
    assert_eq!(right.status, StatusCode::SEE_OTHER, "{}", right.body);
    let page = world.page(ADMIN, &right.token()).await;
    assert!(
        page.body.contains("bo") && !page.body.contains("anna"),
        "{}",
        page.body
    );
    // After a reset there is neither key nor number: the passcode leads to enrolment.
    let (actor, bea) = (super::ops(), super::name("bea"));
    let directory = &world.door.directory;
    let reset = directory.reset_employee(&actor, &bea, world.now()).await;
    let code = reset.unwrap().code.reveal().clone();
    world.door.copies.refresh().await.unwrap();
    let token = world.signed_in_of("bea", "beta").await;
    let page = world.page("/.doorstep/admin/confirm", &token).await;
    assert!(page.body.contains("One-time passcode"), "{}", page.body);
    let enrols = world
        .form("/.doorstep/admin/confirm", &token, &format!("token={code}"))
        .await;
    assert_eq!(
        (enrols.status, enrols.location()),
        (StatusCode::SEE_OTHER, "/.doorstep/enroll/totp")
    );
    assert_eq!(
        world.page("/.doorstep/enroll/totp", &token).await.status,
        StatusCode::OK
    );
}

#[tokio::test]
async fn i14_a_factor_that_is_ten_minutes_old_changes_nothing() {
    let world = world().await;
    world.two_factor(true).await;
    let token = world.verified("alva").await;
    world.clock.advance(10 * MINUTE);
    let page = world.page(ADMIN, &token).await;
    assert!(page.body.contains("more than 10 minutes old"), "{}", page.body);
    let stale = world
        .change("/.doorstep/admin/two-factor", &token, "enable=no")
        .await;
    assert_eq!(stale.status, StatusCode::FORBIDDEN, "{}", stale.body);
    assert!(
        stale.body.contains("/.doorstep/admin/confirm?next="),
        "{}",
        stale.body
    );
    let key = format!("token={}", world.key());
    let again = world.form("/.doorstep/admin/confirm", &token, &key).await;
    assert_eq!(again.status, StatusCode::SEE_OTHER, "{}", again.body);
    let token = again.token();
    world.clock.advance(Duration::from_secs(1));
    let done = world
        .change("/.doorstep/admin/two-factor", &token, "enable=no")
        .await;
    assert_eq!(done.status, StatusCode::SEE_OTHER, "{}", done.body);
}
