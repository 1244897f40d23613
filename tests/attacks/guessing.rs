//! THREATS G1, G11, B5: passwords guessed through the doorstep, in parallel, from many addresses and gateways, and
//! lists of stolen ones tried out.

use futures_util::future::join_all;

use crate::support::portal::Knobs;
use crate::support::world::{ANNA, OLGA};
use crate::support::{Answer, Browser, StoreKind, World};

/// A world behind a proxy that tells addresses apart.
async fn world(kind: StoreKind, limits: &str) -> World {
    World::with(kind, Knobs::default(), |settings| {
        settings.limits = limits.into();
        settings.listen = "trusted_proxies = [\"127.0.0.0/8\"]\n".into();
    })
    .await
}

async fn guess(browser: &Browser, login: &str, password: &str) -> Answer {
    browser
        .post("/login", &[("email", login), ("password", password)])
        .await
}

over_each_store![
    g1_parallel_guesses_at_one_name_from_everywhere_cannot_exceed_the_limit,
    b5_stolen_passwords_tried_from_one_network_cannot_exceed_the_limit,
];

async fn g1_parallel_guesses_at_one_name_from_everywhere_cannot_exceed_the_limit(kind: StoreKind) {
    let world = world(kind, "failed_passwords_per_login = \"10/10m\"").await;
    for name in [ANNA, "nobody-of-that-name@acme.example"] {
        let before = world.portal.logins_sent();
        let guesses = (0..40).map(|number| {
            let address = format!("198.51.{}.{number}", number % 5);
            let browser = world.browser().with("x-forwarded-for", &address);
            async move { guess(&browser, name, &format!("guess-{number}")).await }
        });
        let answers = join_all(guesses).await;
        let sent = world.portal.logins_sent() - before;
        assert_eq!(sent, 10, "{name}: the portal was asked {sent} times");
        let refused: Vec<&Answer> = answers.iter().filter(|answer| answer.status == 429).collect();
        assert_eq!(refused.len(), 30, "{name}");
        assert!(
            refused
                .iter()
                .all(|answer| !answer.header("retry-after").is_empty())
        );
        // another spelling of the name counts for the same one
        let other = world.browser().with("x-forwarded-for", "203.0.113.9");
        guess(&other, &name.to_uppercase(), "guess").await.expect(429);
        guess(&other, &format!(" {name} "), "guess").await.expect(429);
    }
    // somebody else is not held up
    let olga = world.browser().with("x-forwarded-for", "203.0.113.10");
    guess(&olga, OLGA, "olga-password").await.expect(302);
}

async fn b5_stolen_passwords_tried_from_one_network_cannot_exceed_the_limit(kind: StoreKind) {
    let world = world(kind, "failed_passwords_per_address = \"8/10m\"").await;
    let before = world.portal.logins_sent();
    let tries = (0..30).map(|number| {
        // the same /64, another address each time, and lies to the left of it
        let address = format!("203.0.113.{number}, 2001:db8:7:7:{number:x}::{number:x}");
        let browser = world.browser().with("x-forwarded-for", &address);
        async move { guess(&browser, &format!("somebody-{number}@acme.example"), "stolen").await }
    });
    let answers = join_all(tries).await;
    assert_eq!(world.portal.logins_sent() - before, 8);
    assert_eq!(answers.iter().filter(|answer| answer.status == 429).count(), 22);
    let elsewhere = world.browser().with("x-forwarded-for", "2001:db8:7:8::1");
    guess(&elsewhere, OLGA, "olga-password").await.expect(302);
}

/// What a wrong password, an unknown name, and a name past its limit are answered tells nothing apart.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g11_answers_do_not_tell_which_names_exist() {
    let world = world(StoreKind::Memory, "failed_passwords_per_login = \"3/10m\"").await;
    let shape = async |name: &str| {
        let browser = world.browser().with("x-forwarded-for", "203.0.113.77");
        browser.get("/login").await.expect(200);
        let mut shapes = Vec::new();
        let digits = regex::Regex::new("[0-9]+").unwrap();
        for _ in 0..5 {
            let answer = guess(&browser, name, "wrong").await;
            let names: Vec<String> = answer.headers.keys().map(ToString::to_string).collect();
            let body = answer.text().replace(name, "NAME");
            // a time to wait differs by the second
            shapes.push((
                answer.status.as_u16(),
                names,
                digits.replace_all(&body, "N").into_owned(),
            ));
        }
        shapes
    };
    let known = shape(ANNA).await;
    for unknown in ["nobody@acme.example", "x@nowhere.example"] {
        assert_eq!(shape(unknown).await, known, "{unknown}");
    }
    assert_eq!(
        known.iter().filter(|(status, ..)| *status == 429).count(),
        2,
        "{known:?}"
    );
}
