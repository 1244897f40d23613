use super::super::{
    Directory, Employee, EmployeeChanges, EmployeeFilter, EmployeeState, RosterCounts, RosterFilter,
    RosterSort, TotpShape,
};
use super::place::{T0, actor, both, login, new_employee, phone};
use crate::gate::{FirmId, Policy, Role};

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

#[tokio::test]
async fn people_are_found_by_state_in_sql_as_they_are_shown_on_both_databases() {
    for place in both().await {
        let directory = place.open().await;
        for firm in ["corp", "other", "keys", "window"] {
            place.firm(&directory, firm).await;
        }
        fill(&directory).await;
        // Where a number is not enough, and where it is enough for enrolling.
        for (firm, policy) in [
            ("keys", r#"{"factors": ["totp"]}"#),
            (
                "window",
                r#"{"factors": ["totp"], "enrolment_window": 1795000000000}"#,
            ),
        ] {
            let policy: Policy = serde_json::from_str(policy).unwrap();
            let id = FirmId::parse(firm).unwrap();
            directory
                .set_firm(&actor(), &id, firm, &policy, T0)
                .await
                .unwrap();
            let new = new_employee(&format!("z-{firm}"), firm);
            directory.add_employee(&actor(), &new, T0).await.unwrap();
        }
        let all = directory.employees(&EmployeeFilter::default()).await.unwrap();
        let pending = directory.pending_phone_changes(None).await.unwrap();
        let is = |state: EmployeeState, person: &Employee| match state {
            EmployeeState::ChangePending => {
                pending.iter().any(|change| change.login == person.standing.login)
            }
            state => person.state(T0) == state.as_str(),
        };
        let firms = [None, Some("corp"), Some("keys"), Some("window"), Some("nowhere")];
        for state in EmployeeState::ALL {
            for firm in firms.map(|firm| firm.map(|firm| FirmId::parse(firm).unwrap())) {
                for query in [None, Some("AN"), Some("z-"), Some("%")] {
                    let fits = |person: &&Employee| {
                        let name = person.standing.login.folded();
                        is(state, person)
                            && firm.as_ref().is_none_or(|firm| person.standing.firm.id == *firm)
                            && query.is_none_or(|query| name.contains(&query.to_lowercase()))
                    };
                    let expected: Vec<&Employee> = all.iter().filter(fits).collect();
                    let mut filter = EmployeeFilter {
                        firm: firm.clone(),
                        query: query.map(str::to_owned),
                        state: Some((state, T0)),
                        after: None,
                        limit: Some(1),
                    };
                    let mut found: Vec<Employee> = Vec::new();
                    loop {
                        let page = directory.employees(&filter).await.unwrap();
                        let Some(last) = page.last() else { break };
                        filter.after = Some(last.standing.login.folded().to_owned());
                        found.extend(page);
                    }
                    let found: Vec<&Employee> = found.iter().collect();
                    assert_eq!(found, expected, "{state:?} {firm:?} {query:?} {}", place.url);
                }
            }
        }
        let one_of_each = EmployeeState::ALL.map(|state| all.iter().any(|one| is(state, one)));
        assert_eq!(one_of_each, [true; 5], "nothing is proved by an empty state");
    }
}

/// Run by hand: `cargo test --lib by_state_among_fifty_thousand -- --ignored --nocapture`. Says how long pages take.
#[tokio::test]
#[ignore = "takes a while, and says how long"]
async fn by_state_among_fifty_thousand() {
    for place in both().await {
        let directory = place.open().await;
        place.firm(&directory, "corp").await;
        place.firm(&directory, "other").await;
        fill(&directory).await;
        let rows: Vec<_> = (0..50_000)
            .map(|row| new_employee(&format!("tech{row:05}"), "corp"))
            .collect();
        directory
            .import_employees(&actor(), &rows, T0, &|_| {})
            .await
            .unwrap();
        for state in EmployeeState::ALL {
            for (firm, query, after) in [
                (Some(corp()), None, None),
                (None, None, None),
                (None, Some("tech4"), Some("tech30000")),
                (Some(corp()), Some("nobody"), None),
            ] {
                let filter = EmployeeFilter {
                    firm: firm.clone(),
                    query: query.map(str::to_owned),
                    state: Some((state, T0)),
                    after: after.map(str::to_owned),
                    limit: Some(101),
                };
                let begun = std::time::Instant::now();
                let found = directory.employees(&filter).await.unwrap().len();
                let took = begun.elapsed();
                println!("{state:?} {firm:?} {query:?} {after:?}: {found} in {took:?}");
            }
        }
    }
}
