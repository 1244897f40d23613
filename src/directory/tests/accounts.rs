//! Providers' own ids of people.

use std::sync::Arc;

use super::place::{T0, actor, both, login, new_employee};
use crate::directory::Directory;
use crate::providers::Accounts as _;
use crate::secret::KeyRing;

const NUMBER: &str = "+14155550102";

async fn of(directory: &Directory, name: &str, subject: &str) -> Option<String> {
    directory.account(&login(name), "authy", subject).await.unwrap()
}

#[tokio::test]
async fn an_id_is_kept_for_its_number_and_employee_until_a_reset() {
    for place in both().await {
        let directory = place.open().await;
        place.firm(&directory, "acme").await;
        for name in ["anna", "ben"] {
            directory
                .add_employee(&actor(), &new_employee(name, "acme"), T0)
                .await
                .unwrap();
        }
        assert_eq!(of(&directory, "anna", NUMBER).await, None);
        directory
            .keep_account(&login("anna"), "authy", NUMBER, "81546")
            .await
            .unwrap();
        directory
            .keep_account(&login("ANNA"), "authy", NUMBER, "81547")
            .await
            .unwrap();
        assert_eq!(of(&directory, "Anna", NUMBER).await.as_deref(), Some("81547"));
        assert_eq!(
            of(&directory, "anna", "+14155550103").await,
            None,
            "another number"
        );
        assert_eq!(of(&directory, "ben", NUMBER).await, None, "another employee");
        let other = directory.account(&login("anna"), "duo", NUMBER).await.unwrap();
        assert_eq!(other, None, "another provider");
        let unknown = directory
            .keep_account(&login("nobody"), "authy", NUMBER, "1")
            .await;
        assert!(unknown.is_err());
        directory
            .reset_employee(&actor(), &login("anna"), T0)
            .await
            .unwrap();
        assert_eq!(of(&directory, "anna", NUMBER).await, None);
        directory
            .keep_account(&login("anna"), "authy", NUMBER, "81547")
            .await
            .unwrap();
        directory
            .remove_employee(&actor(), &login("anna"), T0)
            .await
            .unwrap();
        assert_eq!(of(&directory, "anna", NUMBER).await, None);
    }
}

#[tokio::test]
async fn an_id_is_sealed_and_opens_after_a_rotation() {
    for place in both().await {
        let directory = place.open().await;
        place.firm(&directory, "acme").await;
        directory
            .add_employee(&actor(), &new_employee("anna", "acme"), T0)
            .await
            .unwrap();
        directory
            .keep_account(&login("anna"), "authy", NUMBER, "canary-81547")
            .await
            .unwrap();
        let rotated = Arc::new(place.keys.rotated());
        directory.reseal(Arc::clone(&rotated)).await.unwrap();
        assert_eq!(
            of(&directory, "anna", NUMBER).await.as_deref(),
            Some("canary-81547")
        );
        let stranger = Directory::open(&place.url, Arc::new(KeyRing::ephemeral()))
            .await
            .unwrap();
        assert_eq!(of(&stranger, "anna", NUMBER).await, None);
        assert!(
            place
                .open()
                .await
                .account(&login("anna"), "authy", NUMBER)
                .await
                .is_err(),
            "the old key opens nothing"
        );
        let file = place.folder.join("doorstep.db");
        if file.exists() {
            let all = std::fs::read(&file).unwrap();
            let holds = |text: &str| all.windows(text.len()).any(|part| part == text.as_bytes());
            assert!(!holds("canary-81547"));
        }
    }
}
