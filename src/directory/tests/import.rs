use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::super::{EmployeeChanges, EmployeeFilter, ImportRefused, NewEmployee};
use super::place::{T0, actor, both, login, new_employee};

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

#[tokio::test]
async fn fifty_thousand_rows_take_seconds() {
    for place in both().await {
        let directory = place.open().await;
        place.firm(&directory, "corp").await;
        let rows: Vec<NewEmployee> = (0..50_000)
            .map(|row| new_employee(&format!("tech{row}"), "corp"))
            .collect();
        let begun = Instant::now();
        directory
            .import_employees(&actor(), &rows, T0, &|_| {})
            .await
            .unwrap();
        let took = begun.elapsed();
        eprintln!("50 000 rows: {took:?} on {}", place.url);
        assert!(took < Duration::from_secs(60), "{took:?}");
        let begun = Instant::now();
        directory.employee(&login("tech49999")).await.unwrap().unwrap();
        assert!(
            begun.elapsed() < Duration::from_secs(1),
            "a look-up goes by its key"
        );
    }
}
