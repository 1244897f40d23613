use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::super::{EmployeeChanges, EmployeeFilter, ImportRefused, NewEmployee};
use super::place::{T0, actor, both, login, new_employee};

const PATIENCE: Duration = Duration::from_secs(30);

#[tokio::test]
async fn an_import_is_all_or_nothing_and_names_every_row_that_does_not_fit() {
    for place in both().await {
        let directory = place.open().await;
        place.firm(&directory, "corp").await;
        directory
            .add_employee(&actor(), &new_employee("anna", "corp"), T0)
            .await
            .unwrap();
        let alias = EmployeeChanges {
            aliases: Some(vec![login("annie")]),
            ..EmployeeChanges::default()
        };
        directory
            .set_employee(&actor(), &login("anna"), &alias, T0)
            .await
            .unwrap();
        let before = directory.counter().await.unwrap();

        let mut rows: Vec<NewEmployee> = (0..1200)
            .map(|row| new_employee(&format!("tech{row}"), "corp"))
            .collect();
        rows[3] = new_employee("ANNA", "corp");
        rows[5] = new_employee("Annie", "corp");
        rows[700] = new_employee("TECH1", "corp");
        rows[1100] = new_employee("far", "nobody");
        rows[1101].name = "line\nbreak".into();
        let told = AtomicUsize::new(0);
        let progress = |done: usize| told.store(done, Ordering::Relaxed);
        let refused = directory
            .import_employees(&actor(), &rows, T0, &progress)
            .await
            .unwrap_err();
        let ImportRefused::Rows(refused) = refused else {
            panic!("{refused:?}")
        };
        let indexes: Vec<usize> = refused.iter().map(|(index, _)| *index).collect();
        assert_eq!(indexes, [3, 5, 700, 1100, 1101], "{refused:?}");
        assert_eq!(
            directory
                .employees(&EmployeeFilter::default())
                .await
                .unwrap()
                .len(),
            1
        );
        assert_eq!(directory.counter().await.unwrap(), before);

        let rows: Vec<NewEmployee> = rows
            .into_iter()
            .filter(|row| row.login.as_str().starts_with("tech"))
            .collect();
        let rows: Vec<NewEmployee> = rows.into_iter().filter(|row| !row.name.contains('\n')).collect();
        directory
            .import_employees(&actor(), &rows, T0, &progress)
            .await
            .unwrap();
        assert_eq!(told.load(Ordering::Relaxed), rows.len());
        assert_eq!(
            directory
                .employees(&EmployeeFilter::default())
                .await
                .unwrap()
                .len(),
            rows.len() + 1
        );
        let row = directory
            .audit_list(&Default::default())
            .await
            .unwrap()
            .pop()
            .unwrap();
        assert_eq!(
            (row.event.as_str(), row.details["count"].as_u64()),
            ("employee.imported", Some(rows.len() as u64))
        );
        let one = directory.employee(&login("TECH7")).await.unwrap().unwrap();
        assert_eq!(one.phone, Some(super::place::phone()));
        assert!(one.standing.epoch > before);
    }
}

/// Says how long it takes; nothing here depends on it.
#[tokio::test]
async fn as_many_rows_as_large_firms_have_are_imported_and_found_by_their_key() {
    for place in both().await {
        let directory = place.open().await;
        place.firm(&directory, "corp").await;
        let rows: Vec<NewEmployee> = (0..20_000)
            .map(|row| new_employee(&format!("tech{row}"), "corp"))
            .collect();
        let begun = Instant::now();
        directory
            .import_employees(&actor(), &rows, T0, &|_| {})
            .await
            .unwrap();
        eprintln!("{} rows: {:?} on {}", rows.len(), begun.elapsed(), place.url);
        directory.employee(&login("tech19999")).await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn others_change_things_while_rows_are_put_beside_and_are_not_overrun() {
    for place in both().await {
        let directory = place.open().await;
        place.firm(&directory, "corp").await;
        let rows: Vec<NewEmployee> = (0..400)
            .map(|row| new_employee(&format!("tech{row}"), "corp"))
            .collect();
        // Somebody adds one of them after the file was looked over and before it is taken over.
        let (begun, wait) = (tokio::sync::Notify::new(), tokio::sync::Notify::new());
        let importing = async {
            assert!(directory.import_misfits(&rows).await.unwrap().is_empty());
            begun.notify_one();
            wait.notified().await;
            directory.import_employees(&actor(), &rows, T0, &|_| {}).await
        };
        let adding = async {
            begun.notified().await;
            let added = directory
                .add_employee(&actor(), &new_employee("TECH7", "corp"), T0)
                .await;
            wait.notify_one();
            added
        };
        let (refused, added) = tokio::join!(importing, adding);
        added.unwrap();
        let Err(ImportRefused::Rows(refused)) = refused else {
            panic!("{refused:?}")
        };
        assert_eq!(refused[0].0, 7);
        let all = directory.employees(&EmployeeFilter::default()).await.unwrap();
        assert_eq!(all.len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_the_middle_of_an_import_anybody_else_changes_what_they_like() {
    for place in both().await {
        let directory = place.open().await;
        place.firm(&directory, "corp").await;
        let rows: Vec<NewEmployee> = (0..200)
            .map(|row| new_employee(&format!("tech{row}"), "corp"))
            .collect();
        let (reached, mut half) = tokio::sync::mpsc::unbounded_channel();
        let (go_on, held) = std::sync::mpsc::channel();
        let held = std::sync::Mutex::new(held);
        let importing = directory.clone();
        let importing = tokio::spawn(async move {
            // Stands still at its first rows until the other change is made.
            let progress = |done: usize| {
                let _ = reached.send(done);
                if done == 50 {
                    tokio::task::block_in_place(|| held.lock().unwrap().recv_timeout(PATIENCE).ok());
                }
            };
            importing.import_employees(&actor(), &rows, T0, &progress).await
        });
        half.recv().await.unwrap();
        directory
            .add_employee(&actor(), &new_employee("zoe", "corp"), T0)
            .await
            .unwrap();
        go_on.send(()).unwrap();
        importing.await.unwrap().unwrap();
        let all = directory.employees(&EmployeeFilter::default()).await.unwrap();
        assert_eq!(all.len(), 201);
    }
}
