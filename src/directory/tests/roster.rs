use super::super::{
    Directory, EmployeeChanges, EmployeeState, RosterCounts, RosterFilter, RosterSort, TotpShape,
};
use super::place::{T0, actor, both, login, new_employee, phone};
use crate::gate::{FirmId, Role};

const SHAPE: TotpShape = TotpShape {
    digits: 6,
    period: 30,
    skew: 1,
};

fn corp() -> FirmId {
    FirmId::parse("corp").unwrap()
}

fn filter() -> RosterFilter {
    RosterFilter {
        firm: corp(),
        query: None,
        state: None,
        sort: RosterSort::Login,
        descending: false,
        size: 4,
        page: 0,
        counted: None,
    }
}

/// One in each state, and one of another firm.
async fn fill(directory: &Directory) {
    for (name, firm, number) in [
        ("anna", "corp", true),
        ("ben", "corp", false),
        ("carl", "corp", false),
        ("dora_1", "corp", true),
        ("emil", "corp", true),
        ("finn", "corp", true),
        ("gone", "corp", true),
        ("hana", "other", true),
    ] {
        let mut new = new_employee(name, firm);
        new.phone = new.phone.filter(|_| number);
        if name == "carl" {
            new.role = Role::Admin;
        }
        directory.add_employee(&actor(), &new, T0).await.unwrap();
    }
    directory
        .add_totp(&actor(), &login("carl"), b"seed", SHAPE, "app", -1, T0)
        .await
        .unwrap();
    directory
        .reset_employee(&actor(), &login("emil"), T0)
        .await
        .unwrap();
    for _ in 0..5 {
        directory.reserve_attempt(&login("finn"), T0).await.unwrap();
    }
    let gone = EmployeeChanges {
        active: Some(false),
        ..EmployeeChanges::default()
    };
    directory
        .set_employee(&actor(), &login("gone"), &gone, T0)
        .await
        .unwrap();
    let other = crate::directory::Phone::parse("+14155550199", None).unwrap();
    assert_ne!(other, phone());
    for asks in ["dora_1", "hana"] {
        directory
            .ask_phone_change(&actor(), &login(asks), &other, asks, T0)
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn a_roster_filters_counts_searches_sorts_and_pages_alike_on_both_databases() {
    for place in both().await {
        let directory = place.open().await;
        place.firm(&directory, "corp").await;
        place.firm(&directory, "other").await;
        fill(&directory).await;
        let names = |filter: RosterFilter| {
            let directory = directory.clone();
            async move {
                let page = directory.roster(&filter, T0).await.unwrap();
                let names: Vec<String> = page
                    .people
                    .iter()
                    .map(|one| one.standing.login.to_string())
                    .collect();
                (names.join(" "), page.matching, page.page)
            }
        };
        let counts = directory.roster_counts(&corp(), T0).await.unwrap();
        let expected = RosterCounts {
            all: 7,
            ready: 3,
            no_phone: 2,
            locked: 1,
            inactive: 1,
            change_pending: 1,
        };
        assert_eq!(counts, expected, "{}", place.url);
        for (state, who) in [
            (EmployeeState::Ready, "anna carl dora_1"),
            (EmployeeState::NoPhone, "ben emil"),
            (EmployeeState::Locked, "finn"),
            (EmployeeState::Inactive, "gone"),
            (EmployeeState::ChangePending, "dora_1"),
        ] {
            let found = names(RosterFilter {
                state: Some(state),
                ..filter()
            })
            .await;
            assert_eq!(found, (who.to_owned(), counts.of(state), 0), "{state:?}");
        }
        for (query, page, who, matching, shown) in [
            ("", 0, "anna ben carl dora_1", 7, 0),
            ("", 1, "emil finn gone", 7, 1),
            ("", 9, "emil finn gone", 7, 1),
            ("EXAMPLE", 0, "anna ben carl dora_1", 7, 0),
            ("EXAMPLE", 9, "emil finn gone", 7, 1),
            ("an", 0, "anna", 1, 0),
            ("an", 3, "anna", 1, 0),
            ("a_1", 0, "dora_1", 1, 0),
            ("%", 0, "", 0, 0),
            ("!", 0, "", 0, 0),
            ("hana", 0, "", 0, 0),
        ] {
            let found = names(RosterFilter {
                query: Some(query.to_owned()),
                page,
                ..filter()
            })
            .await;
            assert_eq!(found, (who.to_owned(), matching, shown), "{query} {page}");
        }
        for (sort, descending, first) in [
            (RosterSort::Login, true, "gone"),
            (RosterSort::Name, false, "anna"),
            (RosterSort::Name, true, "gone"),
            (RosterSort::Role, false, "carl"),
            (RosterSort::LastSignIn, true, "gone"),
        ] {
            let (found, ..) = names(RosterFilter {
                sort,
                descending,
                ..filter()
            })
            .await;
            assert!(found.starts_with(first), "{sort:?} {descending}: {found}");
        }
        let unready = directory.unready(&corp(), 1).await.unwrap();
        assert_eq!((unready.ready, unready.count), (4, 2));
        assert_eq!(unready.first, ["ben"]);
        let readiness = directory.readiness(&corp()).await.unwrap();
        assert_eq!(readiness.ready as u64, unready.ready);
        assert_eq!(readiness.not_ready, ["ben", "emil"]);
    }
}
