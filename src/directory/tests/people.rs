use super::super::{ChangeRefused, EmployeeChanges, EmployeeFilter, Owner, Phone, RevokeScope, TotpShape};
use super::place::{T0, actor, both, login, new_employee, phone};
use crate::gate::{FirmId, Role};

const SHAPE: TotpShape = TotpShape {
    digits: 6,
    period: 30,
    skew: 1,
};

#[tokio::test]
async fn i4_logins_and_aliases_that_fold_alike_cannot_both_exist() {
    for place in both().await {
        let directory = place.open().await;
        place.firm(&directory, "corp").await;
        for name in ["straße", "ben"] {
            directory
                .add_employee(&actor(), &new_employee(name, "corp"), T0)
                .await
                .unwrap();
        }
        let alike = directory
            .add_employee(&actor(), &new_employee(" STRASSE ", "corp"), T0)
            .await;
        assert!(matches!(alike, Err(ChangeRefused::Duplicate(_))), "{alike:?}");

        let aliases = |names: &[&str]| EmployeeChanges {
            aliases: Some(names.iter().map(|name| login(name)).collect()),
            ..EmployeeChanges::default()
        };
        let alike = directory
            .set_employee(&actor(), &login("ben"), &aliases(&["Strasse"]), T0)
            .await;
        assert!(matches!(alike, Err(ChangeRefused::Duplicate(_))), "{alike:?}");
        let own = aliases(&["Benjamin", "ＢＥＮＪＡＭＩＮ", "Ben"]);
        directory
            .set_employee(&actor(), &login("ben"), &own, T0)
            .await
            .unwrap();
        let ben = directory.employee(&login("BENJAMIN")).await.unwrap().unwrap();
        assert_eq!((ben.standing.login.as_str(), ben.aliases.len()), ("ben", 1));
        let alike = directory
            .add_employee(&actor(), &new_employee("benjamin", "corp"), T0)
            .await;
        assert!(matches!(alike, Err(ChangeRefused::Duplicate(_))), "{alike:?}");

        directory
            .set_employee(&actor(), &login("benjamin"), &aliases(&[]), T0)
            .await
            .unwrap();
        assert!(directory.employee(&login("benjamin")).await.unwrap().is_none());
        directory
            .add_employee(&actor(), &new_employee("benjamin", "corp"), T0)
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn i4_of_two_that_add_the_same_name_at_once_one_wins() {
    for place in both().await {
        let (one, two) = (place.open().await, place.open().await);
        place.firm(&one, "corp").await;
        let tasks: Vec<_> = (0..10)
            .map(|task| {
                let directory = if task % 2 == 0 { one.clone() } else { two.clone() };
                let new = new_employee(if task % 3 == 0 { "ANNA" } else { "anna" }, "corp");
                tokio::spawn(async move { directory.add_employee(&actor(), &new, T0).await.is_ok() })
            })
            .collect();
        let mut added = 0;
        for task in tasks {
            added += usize::from(task.await.unwrap());
        }
        assert_eq!(added, 1);
    }
}

#[tokio::test]
async fn epochs_only_rise_even_where_somebody_is_removed_and_added_again() {
    for place in both().await {
        let directory = place.open().await;
        let firm = place.firm(&directory, "corp").await;
        let anna = login("anna");
        let mut epochs = Vec::new();
        directory
            .add_employee(&actor(), &new_employee("anna", "corp"), T0)
            .await
            .unwrap();
        let epoch = async || directory.standing(&anna).await.unwrap().unwrap().epoch;
        epochs.push(epoch().await);
        directory.reset_employee(&actor(), &anna, T0).await.unwrap();
        epochs.push(epoch().await);
        for scope in [
            RevokeScope::Employee(anna.clone()),
            RevokeScope::Firm(firm),
            RevokeScope::All,
        ] {
            directory.revoke_sessions(&actor(), &scope, T0, T0).await.unwrap();
            epochs.push(epoch().await);
        }
        let away = EmployeeChanges {
            active: Some(false),
            ..EmployeeChanges::default()
        };
        directory.set_employee(&actor(), &anna, &away, T0).await.unwrap();
        epochs.push(epoch().await);
        directory.remove_employee(&actor(), &anna, T0).await.unwrap();
        assert!(directory.standing(&anna).await.unwrap().is_none());
        directory
            .add_employee(&actor(), &new_employee("anna", "corp"), T0)
            .await
            .unwrap();
        epochs.push(epoch().await);
        assert!(epochs.is_sorted_by(|a, b| a < b), "{epochs:?}");

        let named = EmployeeChanges {
            name: Some("Anna B.".into()),
            ..EmployeeChanges::default()
        };
        directory.set_employee(&actor(), &anna, &named, T0).await.unwrap();
        assert_eq!(Some(&epoch().await), epochs.last(), "a name ends no session");
        let nobody = RevokeScope::Firm(FirmId::parse("nobody").unwrap());
        let missing = directory.revoke_sessions(&actor(), &nobody, T0, T0).await;
        assert!(matches!(missing, Err(ChangeRefused::NotFound(_))), "{missing:?}");
    }
}

#[tokio::test]
async fn listings_go_by_folded_login_and_page_and_search() {
    for place in both().await {
        let directory = place.open().await;
        place.firm(&directory, "corp").await;
        place.firm(&directory, "other").await;
        for (name, firm) in [
            ("Cleo", "corp"),
            ("anna", "corp"),
            ("Ben_1", "corp"),
            ("ben21", "corp"),
            ("dora", "other"),
        ] {
            directory
                .add_employee(&actor(), &new_employee(name, firm), T0)
                .await
                .unwrap();
        }
        let list = async |filter: EmployeeFilter| -> Vec<String> {
            let people = directory.employees(&filter).await.unwrap();
            people
                .iter()
                .map(|e| e.standing.login.folded().to_owned())
                .collect()
        };
        let corp = EmployeeFilter {
            firm: Some(FirmId::parse("corp").unwrap()),
            ..EmployeeFilter::default()
        };
        let all = list(corp.clone()).await;
        assert_eq!((all.len(), all[0].as_str(), all[3].as_str()), (4, "anna", "cleo"));
        let first = list(EmployeeFilter {
            limit: Some(2),
            ..corp.clone()
        })
        .await;
        let rest = list(EmployeeFilter {
            after: first.last().cloned(),
            ..corp.clone()
        })
        .await;
        assert_eq!([first, rest].concat(), all);
        let found = list(EmployeeFilter {
            query: Some("N_1".into()),
            ..corp.clone()
        })
        .await;
        assert_eq!(found, ["ben_1"], "an underscore stands for itself");
        assert_eq!(
            list(EmployeeFilter {
                query: Some("DORA EX".into()),
                ..EmployeeFilter::default()
            })
            .await,
            ["dora"]
        );
        assert!(
            list(EmployeeFilter {
                query: Some("%".into()),
                ..corp
            })
            .await
            .is_empty()
        );
    }
}

#[tokio::test]
async fn a_reset_takes_everything_and_its_passcode_works_once_within_a_day() {
    for place in both().await {
        let directory = place.open().await;
        place.firm(&directory, "corp").await;
        let anna = login("anna");
        directory
            .add_employee(&actor(), &new_employee("anna", "corp"), T0)
            .await
            .unwrap();
        directory
            .add_totp(&actor(), &anna, b"seed", SHAPE, "app", -1, T0)
            .await
            .unwrap();
        assert!(directory.employee(&anna).await.unwrap().unwrap().is_ready());

        let passcode = directory.reset_employee(&actor(), &anna, T0).await.unwrap();
        let reset = directory.employee(&anna).await.unwrap().unwrap();
        assert!(reset.factors.is_empty() && reset.usable_phone().is_none() && reset.phone.is_some());
        let code = passcode.code.reveal().clone();
        assert_eq!((code.len(), code.matches('-').count()), (19, 3));
        let late = passcode.expires_at;
        assert!(
            !directory.spend_passcode(&anna, &code, late).await.unwrap(),
            "ran out"
        );
        assert!(
            !directory.spend_passcode(&login("ben"), &code, T0).await.unwrap(),
            "somebody else's"
        );
        assert!(
            !directory
                .spend_passcode(&anna, "3333-3333-3333-3333", T0)
                .await
                .unwrap()
        );
        assert!(!directory.spend_passcode(&anna, "", T0).await.unwrap());
        let loose = format!(" {} ", code.replace('-', "").to_lowercase());
        assert!(directory.spend_passcode(&anna, &loose, T0).await.unwrap());
        assert!(!directory.spend_passcode(&anna, &code, T0).await.unwrap(), "used");

        let second = directory.reset_employee(&actor(), &anna, T0).await.unwrap();
        directory
            .add_totp(&actor(), &anna, b"seed", SHAPE, "app", -1, T0)
            .await
            .unwrap();
        assert!(
            !directory
                .spend_passcode(&anna, second.code.reveal(), T0)
                .await
                .unwrap(),
            "a factor is confirmed"
        );
        directory.confirm_phone(&actor(), &anna, T0).await.unwrap();
        assert!(
            directory
                .employee(&anna)
                .await
                .unwrap()
                .unwrap()
                .usable_phone()
                .is_some()
        );
    }
}

#[tokio::test]
async fn i10_what_was_begun_before_a_reset_adds_no_factor_after_it() {
    for place in both().await {
        let directory = place.open().await;
        place.firm(&directory, "corp").await;
        let anna = login("anna");
        directory
            .add_employee(&actor(), &new_employee("anna", "corp"), T0)
            .await
            .unwrap();
        let epoch = async || directory.employee(&anna).await.unwrap().unwrap().standing.epoch;
        let before = Owner::under(&anna, epoch().await);
        directory.reset_employee(&actor(), &anna, T0).await.unwrap();
        let after = Owner::under(&anna, epoch().await);
        let key = async |owner| {
            directory
                .add_totp(&actor(), owner, b"seed", SHAPE, "app", -1, T0)
                .await
        };
        let codes = async |owner| directory.make_recovery_codes(&actor(), owner, T0).await;
        let phone = async |owner, code| {
            directory
                .keep_device_code(owner, code, T0.plus(std::time::Duration::from_secs(3600)))
                .await
        };
        assert!(matches!(key(before).await, Err(ChangeRefused::NotFound(_))));
        assert!(matches!(codes(before).await, Err(ChangeRefused::NotFound(_))));
        assert!(phone(before, "one").await.is_err());
        let left = directory.recovery_codes_left(&anna).await.unwrap();
        let factors = directory.employee(&anna).await.unwrap().unwrap().factors;
        assert!(left == 0 && factors.is_empty(), "{left} {factors:?}");
        key(after).await.unwrap();
        codes(after).await.unwrap();
        phone(after, "two").await.unwrap();
        // ops ask for whoever it is now
        phone(Owner::from(&anna), "three").await.unwrap();
    }
}

#[tokio::test]
async fn a_change_of_an_employee_changes_what_was_named_and_says_so_without_the_number() {
    for place in both().await {
        let directory = place.open().await;
        place.firm(&directory, "corp").await;
        let anna = login("anna");
        directory
            .add_employee(&actor(), &new_employee("anna", "corp"), T0)
            .await
            .unwrap();
        // The same last four digits: masked they look alike.
        let other = Phone::parse("+14155562671", None).unwrap();
        let changes = EmployeeChanges {
            phone: Some(Some(other.clone())),
            email: Some(Some("anna@corp.example".into())),
            role: Some(Role::Admin),
            ..EmployeeChanges::default()
        };
        directory
            .set_employee(&actor(), &anna, &changes, T0)
            .await
            .unwrap();
        let changed = directory.employee(&anna).await.unwrap().unwrap();
        assert_eq!((changed.phone, changed.standing.role), (Some(other), Role::Admin));
        let row = directory
            .audit_list(&Default::default())
            .await
            .unwrap()
            .pop()
            .unwrap();
        let text = row.details.to_string();
        assert_eq!(row.event, "employee.changed");
        assert!(
            text.contains("another number") && text.contains("admin"),
            "{text}"
        );
        assert!(
            !text.contains(phone().e164()) && !text.contains("4155562671"),
            "{text}"
        );
        let cleared = EmployeeChanges {
            phone: Some(None),
            ..EmployeeChanges::default()
        };
        directory
            .set_employee(&actor(), &anna, &cleared, T0)
            .await
            .unwrap();
        assert!(directory.employee(&anna).await.unwrap().unwrap().phone.is_none());
    }
}
