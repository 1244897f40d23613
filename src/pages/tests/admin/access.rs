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
    ("/.doorstep/admin/confirm/phone", true),
    ("/.doorstep/admin/two-factor?enable=yes", true),
    ("/.doorstep/admin/employees?q=a", false),
    ("/.doorstep/admin/employee?login=anna", true),
    ("/.doorstep/admin/employee/new", true),
    ("/.doorstep/admin/employee/reset?login=anna", true),
    ("/.doorstep/admin/employee/unlock?login=anna", true),
    ("/.doorstep/admin/employee/sign-out?login=anna", true),
    ("/.doorstep/admin/employee/deactivate?login=anna", true),
    ("/.doorstep/admin/employee/activate?login=anna", true),
    ("/.doorstep/admin/employee/confirm-phone?login=anna", true),
    ("/.doorstep/admin/employee/approve-phone?login=anna&id=1", true),
    ("/.doorstep/admin/employee/cancel-phone?login=anna&id=1", true),
    ("/.doorstep/admin/employee/remove-factor?login=anna&id=1", true),
    ("/.doorstep/admin/employee/forget-device?login=anna&id=1", true),
    ("/.doorstep/admin/employee/end-session?login=anna&id=1", true),
    ("/.doorstep/admin/undo?id=1", true),
    ("/.doorstep/admin/phone-changes", false),
    ("/.doorstep/admin/import", true),
    ("/.doorstep/admin/export", true),
    ("/.doorstep/admin/phone-check", true),
    ("/.doorstep/admin/policy", true),
    ("/.doorstep/admin/audit", false),
    ("/.doorstep/admin/audit.csv", false),
    ("/.doorstep/admin/passed-without-2fa", false),
    ("/.doorstep/admin/passed-without-2fa.csv", false),
    ("/.doorstep/admin/nothing", true),
];

/// Every address that the router knows stands in [`ADDRESSES`]: none is forgotten in the walks below.
#[test]
fn the_walks_leave_no_address_out() {
    let walked = |path: &str| {
        ADDRESSES
            .iter()
            .any(|(address, _)| address.split('?').next() == Some(path))
    };
    let mut known = 0;
    for source in [
        include_str!("../../admin/mod.rs"),
        include_str!("../../admin/transfer.rs"),
    ] {
        let words = source
            .split('"')
            .filter(|word| word.starts_with("/.doorstep/admin"));
        for path in words.filter(|path| !path.contains('{')) {
            known += 1;
            assert!(walked(path), "{path} is not walked");
        }
    }
    assert!(known > 15, "{known}");
    for action in crate::pages::admin::actions_of_one() {
        let path = format!("/.doorstep/admin/employee/{action}");
        assert!(walked(&path), "{path} is not walked");
    }
}

/// Whether it can be opened, and not only posted to.
fn is_a_page(path: &str) -> bool {
    !["/confirm/sms", "/confirm/phone", "/phone-check"]
        .iter()
        .any(|end| path.ends_with(end))
}

#[tokio::test]
async fn i14_a_tech_opens_no_address_of_the_desk_at_any_level() {
    let world = world().await;
    let verified = world.verified("anna").await;
    let waiting = world.signed_in("ben").await;
    for (path, posts) in ADDRESSES {
        for token in [&verified, &waiting] {
            if is_a_page(path) {
                let page = world.page(path, token).await;
                assert_eq!(page.status, StatusCode::FORBIDDEN, "{path}: {}", page.body);
            }
            if *posts {
                let posted = world.form(path, token, "enable=no&login=anna&token=123456").await;
                assert_eq!(posted.status, StatusCode::FORBIDDEN, "{path}");
            }
        }
        let nobody = world.send(Sent::get(leak(path))).await;
        if is_a_page(path) {
            assert_eq!(nobody.status, StatusCode::UNAUTHORIZED, "{path}");
        }
    }
    assert!(world.events("firm.two_factor_disabled").await.is_empty());
    assert!(world.events("employee.reset").await.is_empty());
}

#[tokio::test]
async fn h3_an_admin_of_one_firm_neither_sees_nor_touches_another() {
    let world = world().await;
    let token = world.verified("alva").await;
    let bo = || async {
        world
            .door
            .directory
            .employee(&super::name("bo"))
            .await
            .unwrap()
            .unwrap()
    };
    let (before, rows) = (bo().await, world.events("employee.*").await.len());
    for (path, posts) in ADDRESSES {
        let theirs = path.replace("login=anna", "login=bo");
        if is_a_page(path) {
            for more in ["", "firm=beta", "firm=beta&login=bo&q=bo&id=bo"] {
                let join = if theirs.contains('?') { '&' } else { '?' };
                let page = world.page(&format!("{theirs}{join}{more}"), &token).await;
                let hidden = !page.body.contains("+1 ••• ••• 0106") && !page.body.contains("Beta");
                assert!(hidden, "{theirs} {more}: {}", page.body);
                if theirs.contains("login=bo") {
                    assert_eq!(page.status, StatusCode::NOT_FOUND, "{theirs}");
                }
            }
        }
        let harmless = ["/confirm", "two-factor", "phone-check"];
        if *posts
            && !harmless
                .iter()
                .any(|one| path.contains(one) && !path.contains("employee/"))
        {
            let address = theirs.split('?').next().unwrap();
            let fields = "login=bo&firm=beta&name=Mallory&role=admin&phone=%2B14155550199&enable=no&logins=*";
            let posted = world.change(address, &token, fields).await;
            assert!(
                !posted.status.is_success() || path.contains("export"),
                "{address}: {}",
                posted.status
            );
        }
    }
    assert_eq!(bo().await, before);
    let export = world.change("/.doorstep/admin/export", &token, "firm=beta").await;
    assert_eq!(export.status, StatusCode::OK, "{}", export.body);
    assert!(
        export.body.contains("alva,alva,+14155550104,acme,admin,"),
        "{}",
        export.body
    );
    assert!(
        !export.body.contains("beta") && !export.body.contains("bo,"),
        "{}",
        export.body
    );
    let exported = world.events("employee.exported").await.len();
    assert_eq!(world.events("employee.*").await.len(), rows + exported);
    let beta = crate::gate::FirmId::parse("beta").unwrap();
    let firm = world.door.directory.firm(&beta).await.unwrap().unwrap();
    assert_eq!(firm.policy, crate::gate::Policy::default());
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
async fn i14_h4_a_factor_that_is_ten_minutes_old_changes_nothing() {
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
