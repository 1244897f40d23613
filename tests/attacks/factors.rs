//! THREATS G: guesses, repetitions, floods, and what would tell who is there.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde_json::json;

use crate::factors::phone::{Phone, digits};
use crate::support::browser::CHALLENGE;
use crate::support::portal::Knobs;
use crate::support::token::current_step;
use crate::support::world::{ANNA, BEN, BEN_PHONE, CAROL, NORA};
use crate::support::{Answer, Browser, PATIENCE, StoreKind, TotpKey, World, last_sms, page, until};

const VERIFY: &str = "/.doorstep/challenge/verify";

async fn challenged(world: &World, login: &str) -> Browser {
    let browser = world.browser();
    browser.password(login).await.expect(303).expect_to(CHALLENGE);
    browser
}

/// What differs from answer to answer by itself.
fn bare(answer: &Answer) -> (u16, String, Vec<(String, String)>) {
    let own = ["date", "set-cookie", "content-length"];
    let headers = answer
        .headers
        .iter()
        .filter(|(name, _)| !own.contains(&name.as_str()));
    let mut headers: Vec<(String, String)> = headers
        .map(|(name, value)| {
            (
                name.to_string(),
                String::from_utf8_lossy(value.as_bytes()).into_owned(),
            )
        })
        .collect();
    headers.sort();
    (answer.status.as_u16(), answer.text(), headers)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g11_a_wrong_password_says_the_same_of_everybody_and_takes_as_long() {
    let world = World::with(StoreKind::Memory, Knobs::default(), |settings| {
        settings.limits =
            "failed_passwords_per_login = \"9000/10m\"\nfailed_passwords_per_address = \"90000/10m\"\n"
                .into();
    })
    .await;
    // Ben is locked, Carol has no number, Anna has everything, of the others one is known to the portal only.
    let locked = challenged(&world, BEN).await;
    for _ in 0..5 {
        locked.type_token("000000").await;
    }
    let logins = [ANNA, BEN, CAROL, NORA, "nobody@acme.example"];
    let mut said = Vec::new();
    for login in logins {
        let fields = [("email", login), ("password", "wrong")];
        let (status, text, headers) = bare(&world.browser().post("/login", &fields).await);
        said.push((status, text.replace(login, "LOGIN"), headers));
    }
    assert!(said.windows(2).all(|pair| pair[0] == pair[1]), "{said:#?}");
    // What is looked up for one and not for another would take a file's or a network's time, in every attempt; what a
    // busy machine does in between does not.
    let mut seen = Vec::new();
    for _ in 0..3 {
        let quick = quickest(&world, &logins).await;
        let (least, most) = (quick.iter().min().unwrap(), quick.iter().max().unwrap());
        if *most - *least < (*least / 4).max(Duration::from_micros(400)) {
            return;
        }
        seen.push(quick);
    }
    panic!("{seen:?}");
}

/// How long a wrong password takes for each login when nothing else is in the way: the lowest tenth of many.
async fn quickest(world: &World, logins: &[&str]) -> Vec<Duration> {
    let mut times: Vec<Vec<Duration>> = vec![Vec::new(); logins.len()];
    for round in 0..120 {
        for place in 0..logins.len() {
            // nobody is always the first
            let number = (round + place) % logins.len();
            let browser = world.browser();
            let fields = [("email", logins[number]), ("password", "wrong")];
            let begun = Instant::now();
            browser.post("/login", &fields).await;
            times[number].push(begun.elapsed());
        }
    }
    let quick = times.iter_mut().map(|times| {
        times.sort_unstable();
        times[times.len() / 10]
    });
    quick.collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g11_past_the_limit_too_nobody_learns_who_is_there() {
    let world = World::with(StoreKind::Memory, Knobs::default(), |settings| {
        settings.limits = "failed_passwords_per_login = \"2/10m\"\n".into();
    })
    .await;
    let mut said = Vec::new();
    for login in [ANNA, NORA, "nobody@acme.example"] {
        let browser = world.browser();
        for _ in 0..2 {
            browser.type_password(login, "wrong").await;
        }
        let limited = browser
            .post("/login", &[("email", login), ("password", "wrong")])
            .await
            .expect(429);
        let (status, text, _) = bare(&limited);
        // The moment when it ends is each one's own.
        let words: String = text.chars().filter(|c| !c.is_ascii_digit()).collect();
        said.push((status, words));
    }
    assert!(said.windows(2).all(|pair| pair[0] == pair[1]), "{said:#?}");
    // Without an accepted password nothing tells either.
    let stranger = world.browser();
    for path in [
        CHALLENGE,
        "/.doorstep/lost-phone",
        "/.doorstep/account",
        "/.doorstep/enroll/totp",
    ] {
        stranger.get(path).await.expect(401);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g1_guesses_over_sessions_gateways_and_factors_are_one_count() {
    let mut world = World::new(StoreKind::Redis).await;
    let mut other = world.gateway.sibling();
    other.run().await;
    for number in 0..5 {
        let gateway = if number % 2 == 0 { &world.gateway } else { &other };
        let browser = Browser::at(gateway);
        browser.password(ANNA).await.expect(303);
        // A new token in between, another factor, a new login: nothing begins anew.
        browser.ask_for_sms().await;
        let wrong = world.anna.wrong();
        let expected = if number == 4 { 429 } else { 422 };
        browser.type_token(&wrong).await.expect(expected);
    }
    let browser = challenged(&world, ANNA).await;
    let key = world.anna.fresh().await;
    browser.type_token(&key).await.expect(429);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g3_a_used_key_opens_nothing_in_any_spelling_or_session() {
    let mut world = World::new(StoreKind::Memory).await;
    let key = world.anna.fresh().await;
    let first = challenged(&world, ANNA).await;
    first.type_token(&key).await.expect(303);
    let spaced = format!(" {} {} ", &key[..3], &key[3..]);
    let wide: String = key
        .chars()
        .map(|digit| char::from_u32(u32::from(digit) - u32::from('0') + 0xff10).unwrap())
        .collect();
    for typed in [key.as_str(), &spaced, &wide] {
        let second = challenged(&world, ANNA).await;
        second.type_token(typed).await.expect(422);
        second.get("/app/secret").await.expect(303).expect_to(CHALLENGE);
    }
    // Nor one of a step before it.
    let earlier = world.anna.at_step(current_step() - 1);
    let second = challenged(&world, ANNA).await;
    second.type_token(&earlier).await.expect(422);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g4_another_spelling_of_a_login_is_the_same_count() {
    let world = World::new(StoreKind::Memory).await;
    let anna = challenged(&world, ANNA).await;
    for _ in 0..2 {
        anna.type_token(&world.anna.wrong()).await.expect(422);
    }
    let mut judged = 2;
    for login in ["Anna@Acme.Example", " anna@acme.example ", "ANNA@ACME.EXAMPLE"] {
        let browser = world.browser();
        let fields = [
            ("email", login),
            ("password", crate::support::portal::password_of(ANNA)),
        ];
        let answer = browser.post("/login", &fields).await;
        // A portal that knows only one spelling has refused it: then nothing was gained.
        if answer.status != 303 || !answer.location().ends_with(CHALLENGE) {
            continue;
        }
        judged += 1;
        let expected = if judged == 5 { 429 } else { 422 };
        browser.type_token(&world.anna.wrong()).await.expect(expected);
    }
    for _ in judged..5 {
        anna.type_token(&world.anna.wrong()).await;
    }
    anna.type_token(&world.anna.wrong()).await.expect(429);
    let hidden = world.browser();
    let zero_width = "an\u{200b}na@acme.example";
    let fields = [("email", zero_width), ("password", "x")];
    let answer = hidden.post("/login", &fields).await;
    assert!(
        answer.status.is_client_error() || !answer.holds(CHALLENGE),
        "{}",
        answer.shown()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g5_odd_input_is_denied_and_breaks_nothing() {
    let world = World::new(StoreKind::Memory).await;
    let browser = challenged(&world, ANNA).await;
    let csrf = csrf_of(&browser).await;
    let huge = "9".repeat(100_000);
    for body in [
        json!({"csrf": csrf}),
        json!({"csrf": csrf, "token": null}),
        json!({"csrf": csrf, "token": ["123456"]}),
        json!({"csrf": csrf, "token": {"$ne": ""}}),
        json!({"csrf": csrf, "token": 123_456}),
        json!({"csrf": csrf, "token": true}),
        json!({"csrf": csrf, "token": huge}),
    ] {
        let answer = browser
            .fetch_with(VERIFY, "application/json", &body.to_string())
            .await;
        let denied = matches!(answer.status.as_u16(), 400 | 401 | 413 | 422 | 429);
        assert!(
            denied,
            "{}: {}",
            &body.to_string()[..60.min(body.to_string().len())],
            answer.shown()
        );
        assert!(answer.set_cookies().is_empty());
    }
    let ben = challenged(&world, BEN).await;
    let form = ben.challenge_form("challenge/verify").await;
    for token in [
        "",
        " ",
        "000000",
        "1234567",
        "12345",
        "-123456",
        "1e5",
        "\u{0}23456",
        "１２３４５６",
    ] {
        let answer = ben.send_challenge_form(&form, &[("token", token)]).await;
        assert!(
            matches!(answer.status.as_u16(), 400 | 422 | 429),
            "{token:?}: {}",
            answer.shown()
        );
    }
    ben.type_token("123456").await.expect(429);
    for browser in [&browser, &ben] {
        browser.get("/app/secret").await.expect(303).expect_to(CHALLENGE);
    }
}

async fn csrf_of(browser: &Browser) -> String {
    let form = browser.challenge_form("challenge/verify").await;
    let found = form.fields.into_iter().find(|(name, _)| name == "csrf");
    found.expect("a form token").1
}

/// Anna's phone, added with her app.
async fn phone_of_anna(world: &mut World) -> Phone {
    let browser = world.anna_signed_in().await;
    let proof = world.anna.fresh().await;
    Phone::added_by(&browser, &world.gateway, &proof).await
}

async fn request(phone: &Phone) -> serde_json::Value {
    until("a request waits", PATIENCE, || async {
        phone.pending().await.pop()
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g7_a_request_is_approved_by_its_own_number_only_and_never_after_a_no() {
    let mut world = World::new(StoreKind::Memory).await;
    let phone = phone_of_anna(&mut world).await;
    let browser = challenged(&world, ANNA).await;
    let asked = request(&phone).await;
    let right = digits(&browser).await;
    // Plainly, and by a number of more or fewer digits: the first of these counts as a wrong one.
    phone.decide(&asked, "approve", "").await.expect(422);
    phone
        .decide(&asked, "approve", &format!("{right}0"))
        .await
        .expect(422);
    phone.decide(&asked, "approve", &right).await.expect(410);
    let status = browser.fetch("GET", "/.doorstep/challenge/status").await.json();
    assert_eq!(status["status"], "denied");
    // Sent again on a click. The old request, its number and its approval are worth nothing.
    let form = browser.challenge_form("challenge/push").await;
    browser.send_challenge_form(&form, &[]).await.expect(303);
    let newer = request(&phone).await;
    assert_ne!(newer["id"], asked["id"]);
    phone.decide(&asked, "approve", &right).await.expect(410);
    // The newer one, approved for the older one's challenge of another session.
    let other = challenged(&world, ANNA).await;
    let second = until("the other request", PATIENCE, || async {
        phone
            .pending()
            .await
            .into_iter()
            .find(|one| one["challenge"] != newer["challenge"])
    })
    .await;
    let mixed = json!({"challenge": second["challenge"], "id": newer["id"]});
    phone
        .decide(&mixed, "approve", &digits(&other).await)
        .await
        .expect(410);
    phone
        .decide(&newer, "approve", &digits(&browser).await)
        .await
        .expect(200);
    phone
        .decide(&newer, "approve", &digits(&other).await)
        .await
        .expect(410);
    browser.get("/app/secret").await.expect(200);
    other.get("/app/secret").await.expect(303).expect_to(CHALLENGE);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g7_after_three_that_nobody_wanted_no_request_goes_out_by_itself() {
    let mut world = World::with(StoreKind::Memory, Knobs::default(), |settings| {
        settings.limits = "pushes_per_employee = \"5/1h\"\n".into();
    })
    .await;
    let phone = phone_of_anna(&mut world).await;
    for number in 0..3 {
        challenged(&world, ANNA).await;
        let waits = || async { (phone.pending().await.len() > number).then_some(()) };
        until("one more request", PATIENCE, waits).await;
    }
    let tired = challenged(&world, ANNA).await;
    let page = tired.get(CHALLENGE).await.expect(200).text();
    assert!(page.contains("went unanswered"), "{page}");
    assert_eq!(phone.pending().await.len(), 3);
    // By a click it does, until the limit; a key goes all the while.
    let form = tired.challenge_form("challenge/push").await;
    tired.send_challenge_form(&form, &[]).await.expect(303);
    tired.send_challenge_form(&form, &[]).await.expect(303);
    tired.send_challenge_form(&form, &[]).await.expect(429);
    let key = world.anna.fresh().await;
    tired.type_token(&key).await.expect(303);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g8_no_token_is_sent_before_a_password_and_none_past_the_limits() {
    let world = World::with(StoreKind::Memory, Knobs::default(), |settings| {
        settings.limits = "sms_in_all = \"2/1h\"\n".into();
    })
    .await;
    let stranger = world.browser();
    stranger.post("/.doorstep/challenge/sms", &[]).await.expect(401);
    stranger.type_password(BEN, "wrong").await;
    let asked = [("phone", "+12025550199")];
    let refused = stranger.post("/.doorstep/challenge/sms", &asked).await;
    assert!(
        matches!(refused.status.as_u16(), 401 | 403),
        "{}",
        refused.shown()
    );
    assert!(last_sms(&world.gateway.sms_file(), BEN_PHONE).is_none());
    for login in [BEN, ANNA] {
        challenged(&world, login).await.ask_for_sms().await.expect(303);
    }
    // The bill is full, though nobody's own limit is: 429, until when, and what to do instead.
    let late = challenged(&world, ANNA).await;
    let form = late.challenge_form("challenge/sms").await;
    let refused = late.send_challenge_form(&form, &[]).await.expect(429);
    let wait: u64 = refused.header("retry-after").parse().unwrap();
    assert!((1..=3600).contains(&wait), "{wait}");
    let sent = std::fs::read_to_string(world.gateway.sms_file()).unwrap();
    assert_eq!(sent.lines().count(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g9_a_recovery_code_opens_once_under_fifty_and_a_new_set_kills_the_old() {
    let mut world = World::new(StoreKind::Memory).await;
    let browser = world.anna_signed_in().await;
    let old = codes(&browser, &mut world.anna).await;
    let new = codes(&browser, &mut world.anna).await;
    assert_eq!((old.len(), new.len()), (10, 10));
    let late = challenged(&world, ANNA).await;
    late.type_token(&old[0]).await.expect(422);
    let mut waiting = Vec::new();
    for _ in 0..50 {
        let browser = challenged(&world, ANNA).await;
        let form = browser.challenge_form("challenge/verify").await;
        waiting.push((browser, form));
    }
    let code = [("token", new[0].as_str())];
    let sent = waiting
        .iter()
        .map(|(browser, form)| browser.send_challenge_form(form, &code));
    let answers = join_all(sent).await;
    let entered = answers.iter().filter(|answer| answer.status == 303).count();
    assert_eq!(entered, 1);
    let list = world
        .gateway
        .json(&["audit", "list", "--event", "factor.verified"]);
    let said = list.to_string();
    assert!(
        !said.contains(&new[0]) && !world.gateway.logs().contains(&new[0]),
        "I12"
    );
}

async fn codes(browser: &Browser, app: &mut TotpKey) -> Vec<String> {
    let asks = browser.get("/.doorstep/enroll/recovery").await.expect(200).text();
    let form = page::form(&asks, "enroll/recovery");
    let proof = app.fresh().await;
    let made = browser
        .send_challenge_form(&form, &[("proof", &proof)])
        .await
        .expect(200)
        .text();
    made.split("<code>")
        .skip(1)
        .map(|rest| rest.split('<').next().unwrap().to_owned())
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g10_a_remembered_device_is_its_owners_own_and_ends_with_what_made_it() {
    let mut world = World::with(StoreKind::Memory, Knobs::default(), |settings| {
        settings.sessions = "remember_device = \"30d\"\n".into();
    })
    .await;
    world.gateway.ok(&["firm", "set", "acme", "remember_device=7d"]);
    let browser = challenged(&world, ANNA).await;
    let form = browser.challenge_form("challenge/verify").await;
    let key = world.anna.fresh().await;
    let fill = [("token", key.as_str()), ("remember", "yes")];
    browser.send_challenge_form(&form, &fill).await.expect(303);
    let device = browser
        .cookie("doorstep-device")
        .expect("the device is remembered");
    let with = |value: &str| {
        let browser = world.browser();
        browser.set_cookie(&format!("doorstep-device={value}; Path=/; HttpOnly"));
        browser
    };
    // In another's login it opens nothing, and is not spent.
    with(&device).password(BEN).await.expect(303).expect_to(CHALLENGE);
    // Its owner passes, and it turns; the old one, seen again, is a theft: both are over.
    let owner = with(&device);
    owner.password(ANNA).await.expect(302);
    let turned = owner.cookie("doorstep-device").expect("it turned");
    assert_ne!(turned, device);
    with(&device)
        .password(ANNA)
        .await
        .expect(303)
        .expect_to(CHALLENGE);
    with(&turned)
        .password(ANNA)
        .await
        .expect(303)
        .expect_to(CHALLENGE);
    // Edited it is worth nothing, whatever it names.
    let mut edited = turned.into_bytes();
    let last = edited.len() - 2;
    edited[last] = if edited[last] == b'A' { b'B' } else { b'A' };
    let edited = String::from_utf8(edited).unwrap();
    with(&edited)
        .password(ANNA)
        .await
        .expect(303)
        .expect_to(CHALLENGE);
}
