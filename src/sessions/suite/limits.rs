use super::*;

for_each_store!(
    no_window_holds_more_than_the_limit,
    i8_parallel_takes_cannot_exceed_the_limit,
    what_is_given_back_is_not_counted,
    limits_of_others_are_apart,
    a_clock_set_back_counts_what_was_counted,
);

fn key(name: &'static str, subject: &str) -> LimitKey {
    LimitKey {
        name,
        subject: subject.into(),
    }
}

const LIMIT: Limit = Limit {
    count: 3,
    window: Duration::from_secs(60),
};

/// `None`: granted; else until when not.
async fn take(store: &Store, key: &LimitKey, limit: Limit, seconds: i64) -> Option<i64> {
    let now = Timestamp(NOW.0 + seconds * 1000);
    match store.take(key, limit, now).await.unwrap() {
        Allowance::Granted(ticket) => {
            assert_eq!(ticket.key, *key);
            None
        }
        Allowance::Refused { until } => Some((until.0 - NOW.0) / 1000),
    }
}

async fn no_window_holds_more_than_the_limit(store: Store) {
    let key = key("sms_per_employee", "ada");
    for (seconds, result) in [
        (0, None),
        (10, None),
        (20, None),
        (30, Some(60)),
        (59, Some(60)),
        (60, None),
        (60, Some(70)),
        (69, Some(70)),
        (70, None),
        (71, Some(80)),
        (200, None),
        (200, None),
        (200, None),
        (200, Some(260)),
    ] {
        assert_eq!(take(&store, &key, LIMIT, seconds).await, result, "at {seconds} s");
    }
    // A limit that was lowered since: enough of the old ones have to leave.
    let lower = Limit { count: 1, ..LIMIT };
    assert_eq!(take(&store, &key, lower, 210).await, Some(260));
    let higher = Limit { count: 4, ..LIMIT };
    assert_eq!(take(&store, &key, higher, 220).await, None);
    assert_eq!(take(&store, &key, lower, 230).await, Some(280));
    let none = Limit { count: 0, ..LIMIT };
    assert_eq!(take(&store, &key, none, 230).await, Some(290));
}

async fn i8_parallel_takes_cannot_exceed_the_limit(store: Store) {
    let key = key("passwords_per_address", "192.0.2.7");
    let limit = Limit { count: 7, ..LIMIT };
    let granted = at_once(50, |n| {
        let (store, key) = (store.clone(), key.clone());
        async move { take(&store, &key, limit, n as i64 % 3).await.is_none() }
    })
    .await;
    assert_eq!(granted.iter().filter(|granted| **granted).count(), 7);
}

async fn what_is_given_back_is_not_counted(store: Store) {
    let key = key("sms_per_number", "x");
    let mut tickets = Vec::new();
    for _ in 0..3 {
        match store.take(&key, LIMIT, NOW).await.unwrap() {
            Allowance::Granted(ticket) => tickets.push(ticket),
            Allowance::Refused { .. } => panic!("refused too early"),
        }
    }
    assert!(take(&store, &key, LIMIT, 1).await.is_some());
    store.give_back(&tickets[1]).await.unwrap();
    store.give_back(&tickets[1]).await.unwrap();
    assert_eq!(take(&store, &key, LIMIT, 1).await, None);
    assert!(take(&store, &key, LIMIT, 1).await.is_some());
    for ticket in &tickets {
        store.give_back(ticket).await.unwrap();
    }
    assert_eq!(take(&store, &key, LIMIT, 1).await, None);
}

async fn limits_of_others_are_apart(store: Store) {
    let one = Limit { count: 1, ..LIMIT };
    for (name, subject) in [("a", "x"), ("a", "y"), ("b", "x")] {
        assert_eq!(take(&store, &key(name, subject), one, 0).await, None);
        assert_eq!(take(&store, &key(name, subject), one, 0).await, Some(60));
    }
}

async fn a_clock_set_back_counts_what_was_counted(store: Store) {
    let key = key("a", "x");
    for seconds in [100_000, 100_001, 100_002] {
        assert_eq!(take(&store, &key, LIMIT, seconds).await, None);
    }
    assert_eq!(
        take(&store, &key, LIMIT, 0).await,
        Some(60),
        "not until the wrong clock's time"
    );
    assert_eq!(take(&store, &key, LIMIT, 60).await, None);
}
