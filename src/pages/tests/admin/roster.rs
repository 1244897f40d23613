//! The table: searched, filtered, sorted and paged.

use super::super::world::{firm, ops};
use super::{leak, world};
use crate::directory::NewEmployee;
use crate::gate::{Login, Role};

#[tokio::test]
async fn the_address_holds_search_filter_sort_and_page() {
    let world = world().await;
    let token = world.verified("alva").await;
    let people: Vec<NewEmployee> = (0..120)
        .map(|number| NewEmployee {
            login: Login::parse(&format!("tech{number:03}@acme.example")).unwrap(),
            firm: firm(),
            name: format!("Tech <{number:03}>"),
            phone: None,
            email: None,
            role: Role::Tech,
        })
        .collect();
    let directory = &world.door.directory;
    directory
        .import_employees(&ops(), &people, world.now(), &|_| {})
        .await
        .unwrap();
    world.door.copies.refresh().await.unwrap();
    for (query, range, first) in [
        ("", "1–50 of 124", "alva"),
        ("?page=3", "101–124 of 124", "tech096@acme.example"),
        ("?page=900", "101–124 of 124", "tech096@acme.example"),
        ("?sort=-login", "1–50 of 124", "tech119@acme.example"),
        ("?sort=role", "1–50 of 124", "alva"),
        ("?sort=-last_sign_in", "1–50 of 124", "alva"),
        ("?q=TECH1", "1–20 of 20", "tech100@acme.example"),
        ("?q=%3C007%3E", "1–1 of 1", "tech007@acme.example"),
        ("?q=%25", "None", ""),
        ("?state=no_phone&q=carl", "1–1 of 1", "carl"),
        ("?state=ready", "1–3 of 3", "alva"),
        ("?state=locked", "None", ""),
    ] {
        let page = world
            .page(leak(&format!("/.doorstep/admin/employees{query}")), &token)
            .await;
        assert!(
            page.body.contains(&format!("role=\"status\">{range}</p>")),
            "{query}: {}",
            page.body
        );
        let cell = page.body.split("data-label=\"Login\">").nth(1);
        let login = cell.map_or("", |cell| cell.split('<').next().unwrap());
        assert_eq!(login, first, "{query}");
        assert!(!page.body.contains("<007>"), "names are escaped");
    }
}

/// Run by hand: `cargo test --lib fifty_thousand -- --ignored --nocapture`. Says how long pages take.
#[tokio::test]
#[ignore = "takes a while, and says how long"]
async fn fifty_thousand_employees() {
    let world = world().await;
    let token = world.verified("alva").await;
    let people: Vec<NewEmployee> = (0..50_000)
        .map(|number| NewEmployee {
            login: Login::parse(&format!("tech{number:05}@acme.example")).unwrap(),
            firm: firm(),
            name: format!("Tech {}", number * 7919 % 50_000),
            phone: crate::directory::Phone::parse(&format!("+1415555{:04}", number % 10_000), None)
                .ok()
                .filter(|_| number % 10 > 0),
            email: None,
            role: Role::Tech,
        })
        .collect();
    let began = std::time::Instant::now();
    let directory = &world.door.directory;
    directory
        .import_employees(&ops(), &people, world.now(), &|_| {})
        .await
        .unwrap();
    println!("import: {:?}", began.elapsed());
    world.door.copies.refresh().await.unwrap();
    for path in [
        "/.doorstep/admin/",
        "/.doorstep/admin/employees",
        "/.doorstep/admin/employees?page=1000",
        "/.doorstep/admin/employees?sort=login&page=500",
        "/.doorstep/admin/employees?sort=-last_sign_in",
        "/.doorstep/admin/employees?q=tech04",
        "/.doorstep/admin/employees?q=nobody",
        "/.doorstep/admin/employees?q=49999&sort=-name",
        "/.doorstep/admin/employees?state=no_phone&q=9",
        "/.doorstep/admin/employees?state=ready&page=900",
        "/.doorstep/admin/audit",
    ] {
        let mut times = Vec::new();
        for _ in 0..7 {
            world.door.copies.refresh().await.unwrap();
            let began = std::time::Instant::now();
            let page = world.page(path, &token).await;
            times.push(began.elapsed());
            assert_eq!(page.status, 200, "{path}");
        }
        times.sort();
        println!("{path}: median {:?}, most {:?}", times[3], times[6]);
    }
}
