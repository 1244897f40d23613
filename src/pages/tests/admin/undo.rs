//! Taking back what was saved.

use http::StatusCode;

use super::super::World;
use super::super::world::{Answer, firm, ops};
use super::{may_have, name, world};
use crate::directory::{Employee, EmployeeChanges};
use crate::gate::{FactorKind, Policy};
use crate::secret::SessionToken;

const EMPLOYEE: &str = "/.doorstep/admin/employee";
const UNDO: &str = "/.doorstep/admin/undo";
const CHANGE: &str = "login=ben&name=Ben+Bell&email=ben%40acme.example&role=admin&phone=%2B44+7400+123456&aliases=Ben.Bell%40Acme.example";

async fn ben(world: &World) -> Employee {
    let found = world.door.directory.employee(&name("ben")).await;
    found.unwrap().unwrap()
}

/// What the page after a save offers, with its id.
async fn offered(world: &World, token: &SessionToken, saved: &Answer) -> String {
    assert_eq!(saved.status, StatusCode::SEE_OTHER, "{}", saved.body);
    let page = world.page(saved.location(), token).await;
    let id = page.body.split("admin/undo?id=").nth(1);
    let id = id.unwrap_or_else(|| panic!("nothing is offered: {}", page.body));
    id.split('"').next().unwrap().to_owned()
}

async fn policy(world: &World) -> Policy {
    world.door.directory.firm(&firm()).await.unwrap().unwrap().policy
}

#[tokio::test]
async fn a_saved_profile_goes_back_whole_once_with_a_token_and_in_the_trail() {
    let world = world().await;
    may_have(&world, &["*@acme.example"]).await;
    let token = world.verified("alva").await;
    let before = ben(&world).await;
    let saved = world.change(EMPLOYEE, &token, CHANGE).await;
    let id = offered(&world, &token, &saved).await;
    let changed = ben(&world).await;
    assert_eq!(changed.standing.name, "Ben Bell");

    let asked = world.page(&format!("{UNDO}?id={id}"), &token).await;
    for words in [
        "Ben Bell",
        "+1 ••• ••• 0103",
        "+44 ••• ••• 3456",
        "ben@acme.example",
        "Admin",
    ] {
        assert!(asked.body.contains(words), "{words}: {}", asked.body);
    }
    assert!(!asked.body.contains("7400123456"), "no full number");
    // Nothing is put back without a token, or with a wrong one.
    for fields in [format!("id={id}"), format!("id={id}&token={}", world.wrong())] {
        let refused = world.form(UNDO, &token, &fields).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{fields}");
        assert_eq!(ben(&world).await, changed);
    }
    let undone = world.change(UNDO, &token, &format!("id={id}")).await;
    assert_eq!(
        undone.location(),
        format!("{EMPLOYEE}?login=ben&done=undone"),
        "{}",
        undone.body
    );
    let mut after = ben(&world).await;
    assert!(after.standing.epoch >= changed.standing.epoch);
    after.standing.epoch = before.standing.epoch;
    assert_eq!(after, before);
    let row = world.events("employee.changed").await.pop().unwrap();
    assert_eq!((row.actor.as_str(), &row.details["undo"]), ("alva", &true.into()));
    assert!(!row.details.to_string().contains("4155550103"));

    // Once.
    for again in [
        world.page(&format!("{UNDO}?id={id}"), &token).await,
        world.change(UNDO, &token, &format!("id={id}")).await,
    ] {
        assert_eq!(again.status, StatusCode::NOT_FOUND);
        assert!(again.body.contains("Nothing to undo"), "{}", again.body);
    }
    let rows = world.events("employee.changed").await.len();
    // A save that changes nothing has nothing to take back.
    let same = "login=ben&name=ben&role=tech";
    let same = world
        .change(
            EMPLOYEE,
            &token,
            &same.replace("name=ben", &format!("name={}", before.standing.name)),
        )
        .await;
    assert_eq!(same.location(), format!("{EMPLOYEE}?login=ben&done=saved"));
    assert_eq!(world.events("employee.changed").await.len(), rows);
}

#[tokio::test]
async fn what_somebody_changed_since_stays_and_is_said() {
    let world = world().await;
    may_have(&world, &["*@acme.example"]).await;
    let token = world.verified("alva").await;
    let saved = world
        .change(
            EMPLOYEE,
            &token,
            "login=ben&name=Ben+Bell&email=ben%40acme.example&role=tech",
        )
        .await;
    let id = offered(&world, &token, &saved).await;
    let since = EmployeeChanges {
        name: Some("Benjamin".into()),
        ..EmployeeChanges::default()
    };
    let directory = &world.door.directory;
    directory
        .set_employee(&ops(), &name("ben"), &since, world.now())
        .await
        .unwrap();
    let refused = world.change(UNDO, &token, &format!("id={id}")).await;
    assert_eq!(refused.status, StatusCode::CONFLICT, "{}", refused.body);
    assert!(
        refused.body.contains("Somebody has changed this since"),
        "{}",
        refused.body
    );
    let after = ben(&world).await;
    assert_eq!(
        (after.standing.name.as_str(), after.email.as_deref()),
        ("Benjamin", Some("ben@acme.example"))
    );

    // Another field that somebody changed since is no matter, and stays.
    let saved = world
        .change(
            EMPLOYEE,
            &token,
            "login=ben&name=Ben&email=ben%40acme.example&role=tech",
        )
        .await;
    let id = offered(&world, &token, &saved).await;
    let since = EmployeeChanges {
        email: Some(Some("b@acme.example".into())),
        ..EmployeeChanges::default()
    };
    directory
        .set_employee(&ops(), &name("ben"), &since, world.now())
        .await
        .unwrap();
    let undone = world.change(UNDO, &token, &format!("id={id}")).await;
    assert_eq!(undone.status, StatusCode::SEE_OTHER, "{}", undone.body);
    let after = ben(&world).await;
    assert_eq!(
        (after.standing.name.as_str(), after.email.as_deref()),
        ("Benjamin", Some("b@acme.example"))
    );
}

#[tokio::test]
async fn i14_a_save_is_taken_back_by_its_own_session_only_and_with_a_fresh_factor() {
    let world = world().await;
    may_have(&world, &["*@acme.example"]).await;
    let token = world.verified("alva").await;
    let saved = world.change(EMPLOYEE, &token, CHANGE).await;
    let id = offered(&world, &token, &saved).await;
    let changed = ben(&world).await;
    world.clock.advance(super::STEP);
    let elsewhere = world.verified("alva").await;
    let page = world.page(saved.location(), &elsewhere).await;
    assert!(!page.body.contains(">Undo<"), "{}", page.body);
    let refused = world.change(UNDO, &elsewhere, &format!("id={id}")).await;
    assert_eq!(refused.status, StatusCode::NOT_FOUND);
    let tech = world.verified_again("anna").await;
    let refused = world.change(UNDO, &tech, &format!("id={id}")).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    world.clock.advance(10 * super::super::world::MINUTE);
    let stale = world.change(UNDO, &token, &format!("id={id}")).await;
    assert_eq!(stale.status, StatusCode::FORBIDDEN, "{}", stale.body);
    assert!(
        stale.body.contains("/.doorstep/admin/confirm?next="),
        "{}",
        stale.body
    );
    assert_eq!(ben(&world).await, changed);
    // Confirmed anew, under a new token, it is the same session still.
    let key = format!("token={}", world.key());
    let again = world.form("/.doorstep/admin/confirm", &token, &key).await;
    let undone = world.change(UNDO, &again.token(), &format!("id={id}")).await;
    assert_eq!(undone.status, StatusCode::SEE_OTHER, "{}", undone.body);
    assert_ne!(ben(&world).await.standing.name, changed.standing.name);
}

#[tokio::test]
async fn an_alias_comes_back_only_where_the_firm_may_have_it_still() {
    let world = world().await;
    may_have(&world, &["*@acme.example"]).await;
    let token = world.verified("alva").await;
    let with = "login=ben&name=Ben&role=tech&aliases=bb%40acme.example";
    world.change(EMPLOYEE, &token, with).await;
    let saved = world
        .change(EMPLOYEE, &token, "login=ben&name=Ben&role=tech")
        .await;
    let id = offered(&world, &token, &saved).await;
    may_have(&world, &["*@acme.test"]).await;
    let refused = world.change(UNDO, &token, &format!("id={id}")).await;
    assert_eq!(refused.status, StatusCode::CONFLICT, "{}", refused.body);
    assert!(refused.body.contains("not among the logins"), "{}", refused.body);
    assert!(ben(&world).await.aliases.is_empty());
}

#[tokio::test]
async fn a_saved_policy_goes_back_and_what_ops_set_meanwhile_stays() {
    let world = world().await;
    let token = world.verified("alva").await;
    let all = "factor_push=yes&factor_sms=yes&factor_totp=yes&factor_passkey=yes&factor_recovery_code=yes";
    let fields = format!("{all}&idle_timeout=10m&networks=192.0.2.0%2F24");
    let saved = world.change("/.doorstep/admin/policy", &token, &fields).await;
    // The factor was proven anew, so the token is another; what was saved went along.
    let token = saved.token();
    let id = offered(&world, &token, &saved).await;
    may_have_also(&world, "*@acme.example").await;
    let asked = world.page(&format!("{UNDO}?id={id}"), &token).await;
    for words in ["Sign out when unused for", "10m", "192.0.2.0/24", "Not set"] {
        assert!(asked.body.contains(words), "{words}: {}", asked.body);
    }
    let undone = world.change(UNDO, &token, &format!("id={id}")).await;
    assert_eq!(
        undone.location(),
        "/.doorstep/admin/policy?done=undone",
        "{}",
        undone.body
    );
    let after = policy(&world).await;
    assert_eq!((after.idle_timeout, after.networks.len()), (None, 0));
    assert_eq!(after.logins, ["*@acme.example"]);
    let row = world.events("firm.changed").await.pop().unwrap();
    assert_eq!((row.actor.as_str(), &row.details["undo"]), ("alva", &true.into()));
    // Since changed by ops: said, and left alone.
    let token = undone.token();
    let saved = world.change("/.doorstep/admin/policy", &token, &fields).await;
    let token = saved.token();
    let id = offered(&world, &token, &saved).await;
    let theirs = Policy {
        idle_timeout: Some(120),
        ..policy(&world).await
    };
    let directory = &world.door.directory;
    directory
        .set_firm(&ops(), &firm(), "Acme", &theirs, world.now())
        .await
        .unwrap();
    let refused = world.change(UNDO, &token, &format!("id={id}")).await;
    assert_eq!(refused.status, StatusCode::CONFLICT, "{}", refused.body);
    assert_eq!(policy(&world).await, theirs);
}

async fn may_have_also(world: &World, pattern: &str) {
    let mut all = policy(world).await;
    all.logins.push(pattern.to_owned());
    let directory = &world.door.directory;
    directory
        .set_firm(&ops(), &firm(), "Acme", &all, world.now())
        .await
        .unwrap();
    world.door.copies.refresh().await.unwrap();
}

/// A token by SMS to alva.
async fn by_sms(world: &World, token: &SessionToken) -> String {
    world.clock.advance(2 * super::STEP);
    let here = "here=/.doorstep/admin/confirm&next=/.doorstep/admin/";
    let sent = world.form("/.doorstep/admin/confirm/sms", token, here).await;
    assert_eq!(sent.status, StatusCode::OK, "{}", sent.body);
    world.phones.tokens.lock().unwrap().last().unwrap().clone()
}

#[tokio::test]
async fn nobody_locks_themselves_out_by_undoing_a_policy() {
    let world = world().await;
    world.two_factor(false).await;
    let sms_only = Policy {
        factors: Some(vec![FactorKind::Sms]),
        ..Policy::default()
    };
    let directory = &world.door.directory;
    directory
        .set_firm(&ops(), &firm(), "Acme", &sms_only, world.now())
        .await
        .unwrap();
    world.door.copies.refresh().await.unwrap();
    let token = world.signed_in("alva").await;
    let text = by_sms(&world, &token).await;
    let confirmed = world
        .form("/.doorstep/admin/confirm", &token, &format!("token={text}"))
        .await;
    let token = confirmed.token();
    let text = by_sms(&world, &token).await;
    let more = format!("factor_sms=yes&factor_totp=yes&token={text}");
    let saved = world.form("/.doorstep/admin/policy", &token, &more).await;
    let token = saved.token();
    let id = offered(&world, &token, &saved).await;
    let both = policy(&world).await;
    // Confirmed with a key from the app, which the policy before did not allow.
    let refused = world.change(UNDO, &token, &format!("id={id}")).await;
    assert_eq!(refused.status, StatusCode::CONFLICT, "{}", refused.body);
    assert!(
        refused.body.contains("you would be locked out"),
        "{}",
        refused.body
    );
    assert_eq!(policy(&world).await, both);
    let text = by_sms(&world, &token).await;
    let undone = world.form(UNDO, &token, &format!("id={id}&token={text}")).await;
    assert_eq!(undone.status, StatusCode::SEE_OTHER, "{}", undone.body);
    assert_eq!(policy(&world).await, sms_only);
}
