//! Profiles, policy and the trail: each change, and what it refuses.

use http::StatusCode;

use super::super::World;
use super::super::world::firm;
use super::{may_have, name, world};
use crate::directory::Employee;
use crate::gate::{FactorKind, Role};

const EMPLOYEE: &str = "/.doorstep/admin/employee";
const NEW: &str = "/.doorstep/admin/employee/new";

async fn employee(world: &World, login: &str) -> Employee {
    world
        .door
        .directory
        .employee(&name(login))
        .await
        .unwrap()
        .unwrap()
}

#[tokio::test]
async fn a_profile_is_changed_and_its_number_is_never_shown_whole() {
    let world = world().await;
    may_have(&world, &["*@acme.example"]).await;
    let token = world.verified("alva").await;
    let ben = world.signed_in("ben").await;
    let page = world.page("/.doorstep/admin/employee?login=ben", &token).await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.body);
    assert!(
        page.body.contains("+1 ••• ••• 0103") && !page.body.contains("4155550103"),
        "{}",
        page.body
    );
    let fields = "login=ben&name=Ben+Bell&email=ben%40acme.example&role=admin&phone=%2B44+7400+123456&aliases=Ben.Bell%40Acme.example";
    let saved = world.change(EMPLOYEE, &token, fields).await;
    let next = saved.location();
    assert!(
        next.starts_with("/.doorstep/admin/employee?login=ben&done=saved&undo="),
        "{next}: {}",
        saved.body
    );
    let after = employee(&world, "ben.bell@acme.example").await;
    assert_eq!(
        (after.standing.name.as_str(), after.standing.role),
        ("Ben Bell", Role::Admin)
    );
    assert_eq!(after.phone.unwrap().e164(), "+447400123456");
    let ended = world.page("/.doorstep/challenge", &ben).await;
    assert_eq!(
        ended.status,
        StatusCode::UNAUTHORIZED,
        "what the old number let in is over"
    );
    let events = world.events("employee.changed").await;
    let event = events.last().unwrap();
    assert_eq!((event.actor.as_str(), event.from.as_str()), ("alva", "127.0.0.1"));
    assert!(!event.details.to_string().contains("7400123456"));
}

#[tokio::test]
async fn what_does_not_fit_is_said_beside_its_field_and_uses_no_key_up() {
    let world = world().await;
    may_have(&world, &["*@acme.example"]).await;
    let token = world.verified("alva").await;
    world.clock.advance(super::STEP);
    let key = world.key();
    for (fields, words) in [
        ("login=ben&name=&role=tech", "The name is empty."),
        ("login=ben&name=Ben&role=boss", "Choose tech or admin."),
        ("login=ben&name=Ben&role=tech&phone=12", "The number is no"),
        ("login=ben&name=Ben&role=tech&phone=%2B1+999", "The number is"),
        ("login=ben&name=Ben&role=tech&email=ben", "no e-mail address"),
        (
            "login=ben&name=Ben&role=tech&aliases=bo%40beta.example",
            "not among the logins",
        ),
        (
            "login=ben&name=Ben&role=tech&aliases=x%40acme.example%2F..%40acme.example",
            "not among the logins",
        ),
    ] {
        let fields = format!("{fields}&token={key}");
        let answer = world.form(EMPLOYEE, &token, &fields).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{fields}");
        assert!(answer.body.contains(words), "{fields}: {}", answer.body);
    }
    let fields = format!("login=ben&name=B&role=tech&token={key}");
    assert_eq!(
        world.form(EMPLOYEE, &token, &fields).await.status,
        StatusCode::SEE_OTHER
    );
}

#[tokio::test]
async fn only_logins_that_ops_allow_are_added() {
    let world = world().await;
    let token = world.verified("alva").await;
    let fields = |login: &str| format!("login={login}&name=New&role=tech&phone=%2B14155550120");
    let none = world.change(NEW, &token, &fields("new%40acme.example")).await;
    assert!(
        none.body.contains("has not said yet which logins"),
        "{}",
        none.body
    );
    may_have(&world, &["*@acme.example"]).await;
    for (login, words) in [
        ("new%40evil.example", "not among the logins"),
        ("new%40acme.example.evil", "not among the logins"),
        ("", "cannot be empty"),
        ("a%E2%80%8Bb%40acme.example", "invisible"),
    ] {
        let refused = world.change(NEW, &token, &fields(login)).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{login}");
        assert!(refused.body.contains(words), "{login}: {}", refused.body);
    }
    let added = world.change(NEW, &token, &fields("New%40ACME.example")).await;
    assert!(added.location().ends_with("done=added"), "{}", added.body);
    let new = employee(&world, "new@acme.example").await;
    assert_eq!(new.standing.firm.id, firm());
    let twice = world.change(NEW, &token, &fields("new%40acme.example")).await;
    assert!(twice.body.contains("already an employee"), "{}", twice.body);
}

#[tokio::test]
async fn i14_nobody_changes_their_own_factors_role_or_standing() {
    let world = world().await;
    let token = world.verified("alva").await;
    let before = employee(&world, "alva").await;
    for action in ["reset", "unlock", "deactivate", "activate"] {
        let address = format!("{EMPLOYEE}/{action}");
        let page = world.page(&format!("{address}?login=alva"), &token).await;
        assert_eq!(page.status, StatusCode::FORBIDDEN, "{action}");
        let posted = world.change(&address, &token, "login=ALVA").await;
        assert_eq!(posted.status, StatusCode::FORBIDDEN, "{action}");
    }
    for more in [
        "phone=%2B14155550199",
        "remove_phone=yes",
        "role=tech",
        "aliases=carl2",
    ] {
        let posted = world
            .change(EMPLOYEE, &token, &format!("login=alva&name=alva&{more}"))
            .await;
        assert_eq!(posted.status, StatusCode::UNPROCESSABLE_ENTITY, "{more}");
        assert!(posted.body.contains("Another admin"), "{more}: {}", posted.body);
    }
    let after = employee(&world, "alva").await;
    assert_eq!(
        (after.phone, after.factors, after.standing.role),
        (before.phone, before.factors, Role::Admin)
    );
}

#[tokio::test]
async fn reset_shows_a_passcode_once_and_the_other_actions_do_what_they_say() {
    let world = world().await;
    let token = world.verified("alva").await;
    let anna = world.verified_again("anna").await;
    let ask = world
        .page("/.doorstep/admin/employee/reset?login=anna", &token)
        .await;
    assert!(
        ask.body.contains("one-time passcode") && ask.body.contains("danger"),
        "{}",
        ask.body
    );
    let missing = world
        .form("/.doorstep/admin/employee/reset", &token, "login=anna")
        .await;
    assert_eq!(missing.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(employee(&world, "anna").await.factors.len(), 1);
    let reset = world
        .change("/.doorstep/admin/employee/reset", &token, "login=anna")
        .await;
    assert_eq!(reset.status, StatusCode::OK, "{}", reset.body);
    let code = reset
        .body
        .split("id=\"passcode\">")
        .nth(1)
        .unwrap()
        .split('<')
        .next()
        .unwrap();
    assert_eq!(code.len(), 19);
    assert_eq!(reset.headers["cache-control"], "no-store");
    assert!(employee(&world, "anna").await.factors.is_empty());
    assert_eq!(
        world.page("/.doorstep/account", &anna).await.status,
        StatusCode::UNAUTHORIZED
    );
    let ben = world.signed_in("ben").await;
    for (action, done) in [
        ("sign-out", "signed-out"),
        ("unlock", "unlocked"),
        ("deactivate", "deactivated"),
        ("activate", "activated"),
    ] {
        let answer = world
            .change(&format!("{EMPLOYEE}/{action}"), &token, "login=ben")
            .await;
        assert_eq!(
            answer.location(),
            format!("/.doorstep/admin/employee?login=ben&done={done}"),
            "{}",
            answer.body
        );
        if action == "sign-out" {
            assert_eq!(
                world.page("/.doorstep/challenge", &ben).await.status,
                StatusCode::UNAUTHORIZED
            );
        }
        assert_eq!(
            employee(&world, "ben").await.standing.active,
            action != "deactivate"
        );
    }
    let unknown = world
        .change(&format!("{EMPLOYEE}/explode"), &token, "login=ben")
        .await;
    assert_eq!(unknown.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn the_policy_is_set_whole_and_logins_only_shown() {
    let world = world().await;
    may_have(&world, &["*@acme.example"]).await;
    let token = world.verified("alva").await;
    let page = world.page("/.doorstep/admin/policy", &token).await;
    assert!(page.body.contains("*@acme.example"), "{}", page.body);
    let all = "factor_push=yes&factor_sms=yes&factor_totp=yes&factor_passkey=yes&factor_recovery_code=yes";
    let bad = format!("{all}&idle_timeout=2y&networks=0.0.0.0/0&carry_over=perhaps");
    let bad = world.change("/.doorstep/admin/policy", &token, &bad).await;
    assert_eq!(bad.status, StatusCode::UNPROCESSABLE_ENTITY);
    for id in ["idle_timeout-error", "networks-error", "carry_over-error"] {
        assert!(bad.body.contains(id), "{id}: {}", bad.body);
    }
    let locked_out = world
        .change("/.doorstep/admin/policy", &token, "factor_sms=yes")
        .await;
    assert_eq!(locked_out.status, StatusCode::CONFLICT, "{}", locked_out.body);
    let fields = "factor_totp=yes&factor_sms=yes&idle_timeout=15m&absolute_timeout=8h&networks=192.0.2.0%2F24\
                  &enrolment_window=7d&carry_over=no&sessions_per_employee=3&logins=*&remember_device=";
    let saved = world.change("/.doorstep/admin/policy", &token, fields).await;
    let next = saved.location();
    assert!(
        next.starts_with("/.doorstep/admin/policy?done=saved&undo="),
        "{next}: {}",
        saved.body
    );
    let policy = world.door.directory.firm(&firm()).await.unwrap().unwrap().policy;
    assert_eq!(policy.factors, Some(vec![FactorKind::Sms, FactorKind::Totp]));
    assert_eq!(
        (policy.idle_timeout, policy.absolute_timeout),
        (Some(900), Some(28_800))
    );
    assert_eq!(
        (policy.carry_over, policy.sessions_per_employee),
        (Some(false), Some(3))
    );
    assert_eq!(policy.networks.len(), 1);
    assert_eq!(policy.logins, ["*@acme.example"], "set by ops only");
    assert_eq!(
        world.page("/.doorstep/admin/", &saved.token()).await.status,
        StatusCode::OK
    );
}

#[tokio::test]
async fn the_trail_and_the_report_are_the_firms_own_and_no_cell_is_a_formula() {
    let world = world().await;
    let token = world.verified("alva").await;
    let event = |event, login: &str, details| crate::directory::AuditEvent {
        event,
        actor: crate::directory::Actor {
            name: "=cmd|' /C calc'!A0".into(),
            from: "192.0.2.7".into(),
        },
        firm: Some(crate::gate::FirmId::parse(if login == "bo" { "beta" } else { "acme" }).unwrap()),
        login: Some(name(login)),
        details,
    };
    for login in ["anna", "bo"] {
        let details = serde_json::json!({"reason": "break_glass"});
        let passed = event("login.passed_without_second_factor", login, details);
        world.door.directory.audit(&passed, world.now()).await.unwrap();
    }
    let page = world.page("/.doorstep/admin/audit?event=login.*", &token).await;
    assert!(
        page.body.contains("reason: break_glass") && !page.body.contains(">bo<"),
        "{}",
        page.body
    );
    let none = world
        .page("/.doorstep/admin/audit?event=login.*&until=2020-01-01", &token)
        .await;
    assert!(none.body.contains("Nothing to show"));
    let bad = world.page("/.doorstep/admin/audit?since=soon", &token).await;
    assert_eq!(bad.status, StatusCode::UNPROCESSABLE_ENTITY);
    let report = world.page("/.doorstep/admin/passed-without-2fa", &token).await;
    assert!(
        report.body.contains("break-glass") && report.body.contains("192.0.2.7"),
        "{}",
        report.body
    );
    assert!(!report.body.contains(">bo<"));
    let file = world
        .page("/.doorstep/admin/audit.csv?event=login.*", &token)
        .await;
    assert_eq!(file.headers["content-type"], "text/csv; charset=utf-8");
    assert!(file.body.contains(",'=cmd|' /C calc'!A0,"), "{}", file.body);
    assert!(!file.body.contains(",bo,"));
    let file = world
        .page("/.doorstep/admin/passed-without-2fa.csv", &token)
        .await;
    assert_eq!(file.body.lines().count(), 2, "{}", file.body);
}

#[tokio::test]
async fn a_number_is_checked_as_it_is_typed_and_its_country_named() {
    let world = world().await;
    let token = world.verified("alva").await;
    for (phone, valid, country) in [
        ("%2B1+415+555+2671", true, "US"),
        ("%2B44+7400+123456", true, "GB"),
        ("12", false, ""),
    ] {
        let answer = world
            .form("/.doorstep/admin/phone-check", &token, &format!("phone={phone}"))
            .await;
        let told = answer.json();
        assert_eq!(told["valid"], valid, "{phone}: {told}");
        assert_eq!(
            told["country"].as_str().unwrap_or_default(),
            country,
            "{phone}: {told}"
        );
    }
}

impl World {
    /// As `verified`, with a key that was not used before.
    pub async fn verified_again(&self, login: &str) -> crate::secret::SessionToken {
        self.clock.advance(super::STEP);
        self.verified(login).await
    }
}
