use super::super::{Directory, GroupChanges, ScimProfile, ScimSaid, ScimSearch, ScimWhere, TextMatch};
use super::place::{T0, actor, both, login, new_employee, phone};
use crate::gate::{FirmId, Role};

fn profile(name: &str) -> ScimProfile {
    ScimProfile {
        name: name.into(),
        given_name: None,
        family_name: None,
        external_id: Some(format!("ext-{name}")),
        phone: Some(phone()),
        email: None,
        role: Role::Tech,
        active: true,
        said: Some(ScimSaid::new(format!("{{\"displayName\":\"{name}\"}}"))),
    }
}

async fn filled(directory: &Directory) {
    for name in ["anna", "ben_1", "carl"] {
        directory
            .add_employee(&actor(), &new_employee(name, "corp"), T0)
            .await
            .unwrap();
    }
    for name in ["dora", "émile"] {
        directory
            .add_scim_user(&actor(), &login(name), &profile(name), T0)
            .await
            .unwrap();
    }
    let join = GroupChanges {
        join: vec![login("dora")],
        ..GroupChanges::default()
    };
    let corp = FirmId::parse("corp").unwrap();
    directory
        .change_scim_group(&actor(), &corp, &join, T0)
        .await
        .unwrap();
}

async fn found(directory: &Directory, search: ScimSearch) -> String {
    let people = directory.scim_users(&search).await.unwrap();
    let names: Vec<&str> = people.iter().map(|person| person.login.as_str()).collect();
    names.join(" ")
}

#[tokio::test]
async fn people_are_found_counted_and_paged_alike_on_both_databases() {
    for place in both().await {
        let directory = place.open().await;
        place.firm(&directory, "corp").await;
        filled(&directory).await;
        let is = |name: &str| ScimWhere::Login(TextMatch::Is, name.to_owned());
        let not = |which: ScimWhere| ScimWhere::Not(Box::new(which));
        for (which, expected) in [
            (None, "anna ben_1 carl dora émile"),
            (Some(is("anna")), "anna"),
            (Some(not(is("anna"))), "ben_1 carl dora émile"),
            (Some(ScimWhere::Login(TextMatch::Contains, "_".into())), "ben_1"),
            (Some(ScimWhere::Login(TextMatch::Starts, "é".into())), "émile"),
            (Some(ScimWhere::Login(TextMatch::Ends, "a".into())), "anna dora"),
            (
                Some(ScimWhere::Login(TextMatch::Contains, "\0".into())),
                "anna ben_1 carl dora émile",
            ),
            (
                Some(ScimWhere::Among(vec!["dora".into(), "anna".into(), "x".into()])),
                "anna dora",
            ),
            (Some(ScimWhere::Among(Vec::new())), ""),
            (Some(ScimWhere::ExternalId("ext-dora".into())), "dora"),
            (
                Some(not(ScimWhere::ExternalId("ext-dora".into()))),
                "anna ben_1 carl émile",
            ),
            (Some(ScimWhere::Firm("corp".into())), "anna ben_1 carl dora"),
            (Some(not(ScimWhere::Firm("corp".into()))), "émile"),
            (Some(ScimWhere::Active), "anna ben_1 carl dora"),
            (Some(not(ScimWhere::Active)), "émile"),
            (Some(ScimWhere::Nobody), ""),
            (
                Some(ScimWhere::Either(
                    Box::new(is("émile")),
                    Box::new(ScimWhere::Both(Box::new(is("anna")), Box::new(ScimWhere::Active))),
                )),
                "anna émile",
            ),
        ] {
            let search = ScimSearch {
                which: which.clone(),
                ..ScimSearch::default()
            };
            assert_eq!(
                found(&directory, search.clone()).await,
                expected,
                "{which:?} {}",
                place.url
            );
            let count = directory.count_scim_users(which.as_ref()).await.unwrap();
            assert_eq!(count as usize, expected.split_whitespace().count(), "{which:?}");
            let backwards = ScimSearch {
                descending: true,
                offset: 1,
                limit: Some(2),
                ..search.clone()
            };
            let mut reversed: Vec<&str> = expected.split_whitespace().rev().skip(1).collect();
            reversed.truncate(2);
            assert_eq!(
                found(&directory, backwards).await,
                reversed.join(" "),
                "{which:?}"
            );
            let after = ScimSearch {
                after: Some("carl".into()),
                ..search
            };
            let later = expected.split_whitespace().filter(|name| *name > "carl");
            assert_eq!(
                found(&directory, after).await,
                later.collect::<Vec<_>>().join(" "),
                "{which:?}"
            );
        }
    }
}

#[tokio::test]
async fn what_was_said_goes_along_and_opens_after_a_rotation() {
    for place in both().await {
        let directory = place.open().await;
        place.firm(&directory, "corp").await;
        filled(&directory).await;
        let said = |name: &'static str| {
            let directory = directory.clone();
            async move {
                let person = directory.scim_user(&login(name)).await.unwrap().unwrap();
                person.profile.said.map(|said| said.json().to_owned())
            }
        };
        directory
            .reseal(std::sync::Arc::new(place.keys.rotated()))
            .await
            .unwrap();
        for name in ["dora", "émile"] {
            assert_eq!(said(name).await, Some(format!("{{\"displayName\":\"{name}\"}}")));
        }
        assert_eq!(said("anna").await, None);
        let leave = GroupChanges {
            leave: vec![login("dora")],
            ..GroupChanges::default()
        };
        let corp = FirmId::parse("corp").unwrap();
        directory
            .change_scim_group(&actor(), &corp, &leave, T0)
            .await
            .unwrap();
        assert!(said("dora").await.is_some());
        let text = format!("{:?}", directory.scim_user(&login("dora")).await.unwrap());
        assert!(!text.contains("displayName"), "I12: {text}");
    }
}

/// Run by hand: `cargo test --lib scim_among_fifty_thousand -- --ignored --nocapture`. Says how long pages take.
#[tokio::test]
#[ignore = "takes a while, and says how long"]
async fn scim_among_fifty_thousand() {
    for place in both().await {
        let directory = place.open().await;
        place.firm(&directory, "corp").await;
        filled(&directory).await;
        let rows: Vec<_> = (0..50_000)
            .map(|row| new_employee(&format!("tech{row:05}"), "corp"))
            .collect();
        directory
            .import_employees(&actor(), &rows, T0, &|_| {})
            .await
            .unwrap();
        let page = |which: Option<ScimWhere>, offset: i64| ScimSearch {
            which,
            offset,
            limit: Some(100),
            ..ScimSearch::default()
        };
        for search in [
            page(None, 0),
            page(None, 49_000),
            page(Some(ScimWhere::Login(TextMatch::Is, "tech30000".into())), 0),
            page(Some(ScimWhere::Login(TextMatch::Starts, "tech3".into())), 500),
            page(
                Some(ScimWhere::Among(vec!["tech1".into(), "tech00002".into()])),
                0,
            ),
            page(Some(ScimWhere::ExternalId("ext-dora".into())), 0),
            page(Some(ScimWhere::Active), 20_000),
        ] {
            let begun = std::time::Instant::now();
            let count = directory.count_scim_users(search.which.as_ref()).await.unwrap();
            let counted = begun.elapsed();
            let found = directory.scim_users(&search).await.unwrap().len();
            println!(
                "{:?}: {found} of {count} in {:?}, {counted:?} of it counting",
                search.which,
                begun.elapsed()
            );
        }
        let begun = std::time::Instant::now();
        let mut walk = page(None, 0);
        walk.limit = Some(1000);
        let mut all = 0;
        loop {
            let people = directory.scim_users(&walk).await.unwrap();
            let Some(last) = people.last() else { break };
            walk.after = Some(last.login.folded().to_owned());
            all += people.len();
        }
        println!("{all} walked through in {:?}", begun.elapsed());
    }
}
