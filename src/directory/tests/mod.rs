//! One suite, run against SQLite and against a real PostgreSQL.

mod place;

use place::{actor, login, new_employee};

#[tokio::test]
async fn smoke() {
    for place in place::both().await {
        let d = place.open().await;
        let firm = place.firm(&d, "corp").await;
        d.add_employee(&actor(), &new_employee("Anna", "corp"), place::T0).await.unwrap();
        let anna = d.employee(&login("anna")).await.unwrap().unwrap();
        assert_eq!(anna.standing.firm.id, firm);
    }
}
