use std::time::Duration;

use super::super::{ChangeRefused, EmployeeChanges, Readiness};
use super::place::{T0, actor, both, login, new_employee};
use crate::gate::{FactorKind, FirmId, Policy, TwoFactor};

#[tokio::test]
async fn a_firm_begins_off_and_its_epoch_rises_with_every_switch() {
    for place in both().await {
        let directory = place.open().await;
        let id = place.firm(&directory, "corp").await;
        let made = directory.firm(&id).await.unwrap().unwrap();
        assert_eq!(
            made.two_factor,
            TwoFactor {
                enabled: false,
                from: None
            }
        );

        let from = Some(T0.plus(Duration::from_secs(60)));
        directory
            .enable_two_factor(&actor(), &id, from, false, T0)
            .await
            .unwrap();
        let on = directory.firm(&id).await.unwrap().unwrap();
        assert_eq!(on.two_factor, TwoFactor { enabled: true, from });
        assert!(on.epoch > made.epoch);

        directory
            .enable_two_factor(&actor(), &id, from, false, T0)
            .await
            .unwrap();
        assert_eq!(directory.firm(&id).await.unwrap().unwrap(), on, "on already");
        directory
            .enable_two_factor(&actor(), &id, None, false, T0)
            .await
            .unwrap();
        let at_once = directory.firm(&id).await.unwrap().unwrap();
        assert!(at_once.two_factor.from.is_none() && at_once.epoch > on.epoch);

        directory.disable_two_factor(&actor(), &id, T0).await.unwrap();
        let off = directory.firm(&id).await.unwrap().unwrap();
        assert!(!off.two_factor.enabled && off.epoch > at_once.epoch);
    }
}

#[tokio::test]
async fn a_change_of_the_allowed_factors_raises_the_epoch_and_no_other_does() {
    for place in both().await {
        let directory = place.open().await;
        let id = place.firm(&directory, "corp").await;
        let epoch = directory.firm(&id).await.unwrap().unwrap().epoch;
        let mut policy = Policy {
            idle_timeout: Some(600),
            networks: vec!["10.0.0.0/8".parse().unwrap()],
            ..Policy::default()
        };
        directory
            .set_firm(&actor(), &id, "Corp A", &policy, T0)
            .await
            .unwrap();
        let firm = directory.firm(&id).await.unwrap().unwrap();
        assert_eq!((firm.epoch, firm.name.as_str()), (epoch, "Corp A"));
        assert_eq!(firm.policy, policy);
        policy.factors = Some(vec![FactorKind::Totp]);
        directory
            .set_firm(&actor(), &id, "Corp A", &policy, T0)
            .await
            .unwrap();
        assert!(directory.firm(&id).await.unwrap().unwrap().epoch > epoch);
    }
}

#[tokio::test]
async fn enabling_refuses_while_an_active_employee_has_neither_phone_nor_factor() {
    for place in both().await {
        let directory = place.open().await;
        let id = place.firm(&directory, "corp").await;
        for (name, phone) in [("anna", true), ("ben", false), ("cleo", false)] {
            let mut new = new_employee(name, "corp");
            new.phone = new.phone.filter(|_| phone);
            directory.add_employee(&actor(), &new, T0).await.unwrap();
        }
        let away = EmployeeChanges {
            active: Some(false),
            ..EmployeeChanges::default()
        };
        directory
            .set_employee(&actor(), &login("cleo"), &away, T0)
            .await
            .unwrap();

        let refused = directory
            .enable_two_factor(&actor(), &id, None, false, T0)
            .await
            .unwrap_err();
        let ChangeRefused::NotReady { not_ready, .. } = refused else {
            panic!("{refused:?}")
        };
        assert_eq!(not_ready, ["ben"]);
        assert!(!directory.firm(&id).await.unwrap().unwrap().two_factor.enabled);
        assert!(
            directory
                .audit_list(&Default::default())
                .await
                .unwrap()
                .iter()
                .all(|row| row.event != "firm.two_factor_enabled")
        );

        let readiness = directory
            .enable_two_factor(&actor(), &id, None, true, T0)
            .await
            .unwrap();
        assert_eq!(
            readiness,
            Readiness {
                ready: 1,
                not_ready: vec!["ben".into()]
            }
        );
        assert_eq!(directory.readiness(&id).await.unwrap(), readiness);
        assert!(directory.firm(&id).await.unwrap().unwrap().two_factor.enabled);
    }
}

#[tokio::test]
async fn h2_a_policy_that_cannot_be_read_is_unknown_and_never_off() {
    for place in both().await {
        let directory = place.open().await;
        let id = place.firm(&directory, "corp").await;
        directory
            .add_employee(&actor(), &new_employee("anna", "corp"), T0)
            .await
            .unwrap();
        place
            .meddle("UPDATE firms SET policy = '{\"factors\": \"none\"}'")
            .await;
        assert!(directory.firm(&id).await.is_err());
        assert!(directory.employee(&login("anna")).await.is_err());
        assert!(directory.standing(&login("anna")).await.is_err());
    }
}

#[tokio::test]
async fn what_is_not_there_or_there_twice_is_told_apart() {
    for place in both().await {
        let directory = place.open().await;
        let id = place.firm(&directory, "corp").await;
        let nobody = FirmId::parse("nobody").unwrap();
        let again = directory.add_firm(&actor(), &id, "Other", T0).await;
        assert!(matches!(again, Err(ChangeRefused::Duplicate(_))), "{again:?}");
        let missing = directory
            .enable_two_factor(&actor(), &nobody, None, true, T0)
            .await;
        assert!(matches!(missing, Err(ChangeRefused::NotFound(_))), "{missing:?}");
        let missing = directory.readiness(&nobody).await;
        assert!(matches!(missing, Err(ChangeRefused::NotFound(_))), "{missing:?}");
        let silent = directory.break_glass(&actor(), &id, T0, " ", T0).await;
        assert!(matches!(silent, Err(ChangeRefused::Invalid(_))), "{silent:?}");
        directory
            .break_glass(&actor(), &id, T0, "provider down", T0)
            .await
            .unwrap();
        let glass = directory.firms().await.unwrap().remove(0).break_glass.unwrap();
        assert_eq!((glass.until, glass.reason.as_str()), (T0, "provider down"));
    }
}
