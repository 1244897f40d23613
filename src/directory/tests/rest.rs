use std::sync::Arc;

use super::super::{AuditFilter, ChangeRefused, Directory, EmployeeFilter, RevokeScope, TotpShape};
use super::place::{Place, T0, actor, both, login, new_employee, phone};
use crate::secret::KeyRing;

const SHAPE: TotpShape = TotpShape {
    digits: 6,
    period: 30,
    skew: 1,
};
const SEED: &[u8] = b"a-seed-that-can-be-found";

async fn filled(place: &Place) -> Directory {
    let directory = place.open().await;
    place.firm(&directory, "corp").await;
    directory
        .add_employee(&actor(), &new_employee("anna", "corp"), T0)
        .await
        .unwrap();
    directory
        .add_totp(&actor(), &login("anna"), SEED, SHAPE, "app", -1, T0)
        .await
        .unwrap();
    directory
}

#[tokio::test]
async fn i12_the_database_file_holds_no_number_no_seed_and_no_passcode() {
    let place = Place::sqlite();
    let directory = filled(&place).await;
    directory
        .import_employees(&actor(), &[new_employee("ben", "corp")], T0, &|_| {})
        .await
        .unwrap();
    let passcode = directory
        .reset_employee(&actor(), &login("ben"), T0)
        .await
        .unwrap();
    let code = passcode.code.reveal().clone();
    let mut looked_at = 0;
    for file in std::fs::read_dir(&place.folder).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        looked_at += usize::from(bytes.windows(4).any(|window| window == b"anna"));
        let number = phone().e164()[2..].to_owned();
        for secret in [
            number.as_bytes(),
            SEED,
            code.as_bytes(),
            code.replace('-', "").as_bytes(),
        ] {
            assert!(!bytes.windows(secret.len()).any(|window| window == secret));
        }
    }
    assert!(looked_at > 0, "the rows are where this test looks");
}

#[tokio::test]
async fn a_new_file_is_its_owners_only_and_a_missing_folder_is_told_with_what_to_do() {
    use std::os::unix::fs::PermissionsExt as _;
    let place = Place::sqlite();
    let _directory = filled(&place).await;
    let files: Vec<_> = std::fs::read_dir(&place.folder)
        .unwrap()
        .map(|file| file.unwrap().path())
        .collect();
    assert_eq!(files.len(), 3, "{files:?}");
    for file in files {
        assert_eq!(
            std::fs::metadata(&file).unwrap().permissions().mode() & 0o777,
            0o600,
            "{file:?}"
        );
    }
    let url = format!("sqlite://{}/no/such/doorstep.db", place.folder.display());
    let error = Directory::open(&url, Arc::clone(&place.keys))
        .await
        .err()
        .unwrap();
    assert!(error.to_string().contains("mkdir -p"), "{error}");
    for url in ["sqlite::memory:", "sqlite://", "mysql://x/y", "doorstep.db"] {
        assert!(
            Directory::open(url, Arc::clone(&place.keys)).await.is_err(),
            "{url}"
        );
    }
    let odd = format!("sqlite://{}/a b%3F#ü.db", place.folder.display());
    Directory::open(&odd, Arc::clone(&place.keys))
        .await
        .unwrap()
        .health()
        .await
        .unwrap();
    assert!(place.folder.join("a b%3F#ü.db").exists());
}

#[tokio::test]
async fn i15_a_commit_outlives_a_power_cut() {
    let place = Place::sqlite();
    let directory = place.open().await;
    for pool in [&directory.0.reads, &directory.0.writes] {
        for (pragma, value) in [
            ("PRAGMA synchronous", 2),
            ("PRAGMA foreign_keys", 1),
            ("PRAGMA busy_timeout", 5000),
        ] {
            let (set,) = sqlx::query_as::<_, (i64,)>(pragma).fetch_one(pool).await.unwrap();
            assert_eq!(set, value, "{pragma}");
        }
        let (mode,) = sqlx::query_as::<_, (String,)>("PRAGMA journal_mode")
            .fetch_one(pool)
            .await
            .unwrap();
        assert_eq!(mode, "wal");
    }
}

#[tokio::test]
async fn what_postgresql_cannot_hold_is_refused_or_finds_nothing() {
    for place in both().await {
        let directory = filled(&place).await;
        let mut new = new_employee("ben", "corp");
        new.email = Some("a\0b".into());
        let refused = directory.add_employee(&actor(), &new, T0).await;
        assert!(matches!(refused, Err(ChangeRefused::Invalid(_))), "{refused:?}");
        let found = EmployeeFilter {
            query: Some("z\0".into()),
            after: Some("\0".into()),
            ..EmployeeFilter::default()
        };
        assert!(directory.employees(&found).await.unwrap().is_empty());
        let events = AuditFilter {
            event: Some("\0".into()),
            ..AuditFilter::default()
        };
        assert!(directory.audit_list(&events).await.unwrap().is_empty());
        let session = RevokeScope::Session("\0".into());
        let refused = directory.revoke_sessions(&actor(), &session, T0, T0).await;
        assert!(matches!(refused, Err(ChangeRefused::NotFound(_))), "{refused:?}");
    }
}

#[tokio::test]
async fn i12_an_error_shows_no_password() {
    let url = "postgres://doorstep:hunter2@127.0.0.1:1/x";
    let error = Directory::open(url, Arc::new(KeyRing::ephemeral()))
        .await
        .err()
        .unwrap();
    assert!(!error.to_string().contains("hunter2"), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_new_directory_may_be_opened_by_many_at_once_and_has_one_id() {
    for place in both().await {
        let place = Arc::new(place);
        let tasks: Vec<_> = (0..4)
            .map(|_| {
                let place = Arc::clone(&place);
                tokio::spawn(async move { place.open().await })
            })
            .collect();
        let mut ids = Vec::new();
        for task in tasks {
            let directory = task.await.unwrap();
            directory.health().await.unwrap();
            ids.push(directory.id().to_owned());
        }
        ids.dedup();
        assert_eq!(ids.len(), 1);
    }
}

#[tokio::test]
async fn after_a_rotation_everything_opens_with_the_new_key_alone() {
    for place in both().await {
        let directory = filled(&place).await;
        let other = Arc::new(KeyRing::ephemeral());
        assert!(
            directory.reseal(Arc::clone(&other)).await.is_err(),
            "it cannot open what is there"
        );
        assert!(directory.employee(&login("anna")).await.unwrap().is_some());
        let rotated = Arc::new(place.keys.rotated());
        assert_eq!(directory.reseal(Arc::clone(&rotated)).await.unwrap(), 2);
        assert!(
            place.open().await.employee(&login("anna")).await.is_err(),
            "the old key opens nothing"
        );

        let file = std::env::temp_dir().join(format!("doorstep-{}.key", crate::secret::random_id()));
        rotated.replace_file(&file).unwrap();
        let text = std::fs::read_to_string(&file).unwrap();
        let newest: Vec<&str> = text
            .lines()
            .filter(|line| !line.starts_with('#'))
            .take(1)
            .collect();
        std::fs::write(&file, newest.join("\n")).unwrap();
        let only = Arc::new(KeyRing::read(&file).unwrap());
        std::fs::remove_file(&file).unwrap();
        let reopened = Directory::open(&place.url, only).await.unwrap();
        assert_eq!(
            reopened.employee(&login("anna")).await.unwrap().unwrap().phone,
            Some(phone())
        );
        assert_eq!(
            reopened.totp_factors(&login("anna")).await.unwrap()[0]
                .secret
                .reveal()
                .as_slice(),
            SEED
        );
        assert_eq!(
            reopened
                .employees(&EmployeeFilter::default())
                .await
                .unwrap()
                .len(),
            1
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_new_file_is_opened_by_all_who_come_at_once() {
    for _ in 0..30 {
        let place = Arc::new(Place::sqlite());
        let opened = (0..8).map(|_| {
            let place = Arc::clone(&place);
            tokio::spawn(async move { place.open().await.id().to_owned() })
        });
        let mut ids = Vec::new();
        for task in opened.collect::<Vec<_>>() {
            ids.push(task.await.unwrap());
        }
        ids.dedup();
        assert_eq!(ids.len(), 1);
    }
}
