//! What ops do: check, reload, stop, ask for health, read the audit.

use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::gateway::{FORM_LOGIN, Settings, shown};
use crate::support::portal::SECRET;
use crate::support::world::{ANNA, BEN};
use crate::support::{Gateway, PATIENCE, Reply, StoreKind, World, client, until};

/// A connection that is kept alive.
struct Kept(TcpStream);

impl Kept {
    async fn open(gateway: &Gateway) -> Self {
        Self(TcpStream::connect(gateway.address).await.unwrap())
    }

    /// GET over it; the head and whatever of the body came with it.
    async fn get(&mut self, gateway: &Gateway, path: &str) -> String {
        let request = format!("GET {path} HTTP/1.1\r\nHost: {}\r\n\r\n", gateway.address);
        self.0.write_all(request.as_bytes()).await.unwrap();
        let mut got = vec![0; 64 * 1024];
        let read = tokio::time::timeout(PATIENCE, self.0.read(&mut got)).await;
        let length = read.unwrap().unwrap();
        String::from_utf8_lossy(&got[..length]).into_owned()
    }
}

over_each_store![
    a_reload_changes_what_is_open_and_drops_no_connection,
    an_invalid_file_is_refused_and_the_old_one_stays,
    a_stop_finishes_what_is_in_flight,
];

async fn a_reload_changes_what_is_open_and_drops_no_connection(kind: StoreKind) {
    let mut world = World::new(kind).await;
    let anna = world.anna_signed_in().await;
    let mut kept = Kept::open(&world.gateway).await;
    assert!(kept.get(&world.gateway, "/public/ping").await.contains("pong"));
    anna.get("/app/open/now").await.expect(200);
    let stranger = world.browser();
    stranger.get("/app/open/now").await.expect(303);
    world.gateway.settings.portal = world
        .gateway
        .settings
        .portal
        .replace("\"/public/**\"", "\"/public/**\", \"/app/open/**\"");
    world.gateway.write_config();
    world.gateway.reload("reload").await;
    until("the new file holds", PATIENCE, || async {
        // the portal itself answers the stranger: a redirect of its own
        (stranger.get("/app/open/now").await.status == 302).then_some(())
    })
    .await;
    assert!(
        kept.get(&world.gateway, "/public/ping").await.contains("pong"),
        "the connection was dropped"
    );
    anna.get("/app/secret").await.expect(200);
}

async fn an_invalid_file_is_refused_and_the_old_one_stays(kind: StoreKind) {
    let mut world = World::new(kind).await;
    let anna = world.anna_signed_in().await;
    let good = world.gateway.settings.portal.clone();
    world.gateway.settings.portal = good.replace("public =", "publik =");
    world.gateway.write_config();
    world.gateway.reload("publik").await;
    anna.get("/app/secret").await.expect(200);
    world.browser().get("/public/ping").await.expect(200);
    world
        .browser()
        .get("/app/secret")
        .await
        .expect(303)
        .expect_to("/login");
}

async fn a_stop_finishes_what_is_in_flight(kind: StoreKind) {
    let mut world = World::with(kind, Default::default(), |settings| {
        settings.listen = "drain = \"8s\"\n".into();
    })
    .await;
    let slow = Reply::page("slow but whole").after(Duration::from_millis(1500));
    world.portal.answer("/public/slow", slow);
    let browser = world.browser();
    let asked = tokio::spawn(async move { browser.try_get("/public/slow").await });
    let portal = &world.portal;
    until("the request is in flight", PATIENCE, || async {
        portal
            .seen()
            .iter()
            .any(|seen| seen.path() == "/public/slow")
            .then_some(())
    })
    .await;
    let begun = Instant::now();
    let code = world.gateway.stop();
    assert_eq!(code, Some(0));
    assert!(
        begun.elapsed() < Duration::from_secs(20),
        "nothing was left to wait for"
    );
    let answer = asked.await.unwrap().expect("the request in flight was cut");
    assert!(answer.holds("slow but whole"), "{}", answer.shown());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_idle_gateway_stops_at_once() {
    let mut world = World::with(StoreKind::Memory, Default::default(), |settings| {
        settings.listen = "drain = \"30s\"\n".into();
    })
    .await;
    let begun = Instant::now();
    assert_eq!(world.gateway.stop(), Some(0));
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn health_and_metrics_stand_on_the_ops_address_only() {
    let world = World::new(StoreKind::Memory).await;
    for path in ["/healthz", "/readyz", "/metrics"] {
        let status = if path == "/metrics" { 401 } else { 200 };
        client::get(world.gateway.ops, path).await.unwrap().expect(status);
        world.gateway.ask_ops(path).await.expect(200);
        let browser = world.browser();
        browser.get(path).await.expect(303).expect_to("/login");
    }
    assert!(world.portal.seen().is_empty());
}

/// What does not even come to the router is refused in the words of all other refusals.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_beyond_the_bound_is_a_problem_on_the_ops_address() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let world = World::new(StoreKind::Memory).await;
    let mut stream = tokio::net::TcpStream::connect(world.gateway.ops).await.unwrap();
    let head = "POST /v1/firms HTTP/1.1\r\nHost: ops\r\nContent-Type: application/json\r\nContent-Length: 2000000\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    tokio::time::timeout(PATIENCE, stream.read_to_end(&mut answer))
        .await
        .unwrap()
        .unwrap();
    let answer = String::from_utf8(answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    let lower = answer.to_lowercase();
    assert!(
        lower.contains("content-type: application/problem+json"),
        "{answer}"
    );
    assert!(answer.contains(r#""status":413"#), "{answer}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readiness_falls_while_the_store_is_away() {
    let mut world = World::new(StoreKind::Redis).await;
    world.redis().kill();
    let ops = world.gateway.ops;
    until("/readyz says no", PATIENCE, || async {
        (client::get(ops, "/readyz").await.ok()?.status == 503).then_some(())
    })
    .await;
    client::get(ops, "/healthz").await.unwrap().expect(200);
    world.redis().restart().await;
    until("/readyz says yes", PATIENCE, || async {
        (client::get(ops, "/readyz").await.ok()?.status == 200).then_some(())
    })
    .await;
}

fn anywhere() -> Settings {
    Settings::new(([127, 0, 0, 1], 9).into())
}

#[test]
fn check_says_what_a_good_file_means() {
    let gateway = Gateway::prepare(anywhere());
    let words = gateway.ok(&["check"]);
    for part in ["/public/**", "/login", "theme", "csrftoken"] {
        assert!(words.contains(part), "{part} is not mentioned:\n{words}");
    }
}

#[test]
fn check_names_line_and_column_and_ends_with_2() {
    type Break = (&'static str, fn(&mut Settings), &'static str);
    let broken: [Break; 6] = [
        ("unknown key", |s| s.portal += "nonsense = 1\n", "nonsense"),
        (
            "wrong type",
            |s| s.sessions = "idle_timeout = true\n".into(),
            "idle_timeout",
        ),
        ("no TOML", |s| s.portal += "logout = [\n", ""),
        (
            "bad duration",
            |s| s.sessions = "idle_timeout = \"soon\"\n".into(),
            "soon",
        ),
        (
            "bad glob",
            |s| s.portal += "closed = [\"xmlrpc.php\"]\n",
            "xmlrpc.php",
        ),
        (
            "a store that is not built",
            |s| s.store = "redis+cluster://127.0.0.1:1/".into(),
            "store",
        ),
    ];
    for (what, change, named) in broken {
        let mut settings = anywhere();
        change(&mut settings);
        let gateway = Gateway::prepare_unchecked(settings);
        let said = gateway.refused(&["check"], 2);
        let text = std::fs::read_to_string(gateway.config()).unwrap();
        let line = text
            .lines()
            .position(|line| !named.is_empty() && line.contains(named));
        if let Some(line) = line {
            let number = (line + 1).to_string();
            let has_line = said
                .split(|c: char| !c.is_ascii_digit())
                .any(|word| word == number);
            assert!(has_line, "{what}: line {number} is not named: {said}");
        }
        // what check refuses does not run
        let run = gateway.command(&["run"]);
        assert_eq!(run.status.code(), Some(2), "{what}: {}", shown(&run));
    }
}

#[test]
fn check_refuses_overlapping_routes_and_a_missing_upstream() {
    let mut settings = anywhere();
    settings.rules = format!("{FORM_LOGIN}{FORM_LOGIN}");
    Gateway::prepare_unchecked(settings).refused(&["check"], 2);
    let gateway = Gateway::prepare_unchecked(anywhere());
    let text = std::fs::read_to_string(gateway.config()).unwrap();
    let without: Vec<&str> = text
        .lines()
        .filter(|line| !line.starts_with("upstream"))
        .collect();
    std::fs::write(gateway.config(), without.join("\n")).unwrap();
    assert!(gateway.refused(&["check"], 2).contains("upstream"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_file_provider_is_refused_on_a_public_address() {
    let gateway = Gateway::prepare_unchecked(anywhere());
    let text = std::fs::read_to_string(gateway.config()).unwrap();
    let origin = format!("public_url = \"{}\"", gateway.origin);
    std::fs::write(
        gateway.config(),
        text.replace(&origin, "public_url = \"https://portal.example.com\""),
    )
    .unwrap();
    gateway.refused(&["check"], 2);
}

#[test]
fn enabling_refuses_listing_those_who_could_not_sign_in() {
    let gateway = Gateway::prepare(anywhere());
    gateway.add_firm("acme", "Acme");
    gateway.add_employee("ready@acme.example", "acme", Some("+12025550102"));
    gateway.add_employee("bare@acme.example", "acme", None);
    let said = gateway.refused(&["firm", "enable-2fa", "acme"], 1);
    assert!(
        said.contains("bare@acme.example") && !said.contains("ready@acme.example"),
        "{said}"
    );
    let said = gateway.ok(&["firm", "enable-2fa", "acme", "--dry-run"]);
    assert!(said.contains("bare@acme.example"), "{said}");
    gateway.ok(&["firm", "enable-2fa", "acme", "--force"]);
    let words = gateway.ok(&["firm", "show", "acme"]);
    assert!(
        words
            .lines()
            .any(|line| line.starts_with("two_factor") && line.ends_with("on")),
        "{words}"
    );
    gateway.ok(&["audit", "verify"]);
    let audit = gateway.ok(&["audit", "list", "--json"]);
    assert!(audit.contains("firm.two_factor_enabled"), "{audit}");
}

#[test]
fn an_import_is_all_or_nothing_and_names_every_bad_line() {
    let gateway = Gateway::prepare(anywhere());
    gateway.add_firm("acme", "Acme");
    let file = gateway.file("people.csv");
    let bad = "login,name,phone,firm,role\n\
        one@acme.example,One,+12025550104,acme,tech\n\
        two@acme.example,Two,12,acme,tech\n\
        three@acme.example,Three,+12025550105,nowhere,tech\n\
        ONE@acme.example,One again,+12025550106,acme,tech\n";
    std::fs::write(&file, bad).unwrap();
    let said = gateway.refused(&["employee", "import", file.to_str().unwrap()], 1);
    for line in ["3", "4", "5"] {
        assert!(
            said.split(|c: char| !c.is_ascii_digit()).any(|word| word == line),
            "line {line}: {said}"
        );
    }
    assert!(
        !gateway
            .ok(&["employee", "list", "--json"])
            .contains("one@acme.example")
    );
    let good = "login,name,phone,firm,role\none@acme.example,One,+12025550104,acme,tech\n\
        two@acme.example,Two,,acme,admin\n";
    std::fs::write(&file, good).unwrap();
    gateway.ok(&["employee", "import", file.to_str().unwrap()]);
    let list = gateway.ok(&["employee", "list", "--json"]);
    assert!(
        list.contains("one@acme.example") && list.contains("two@acme.example"),
        "{list}"
    );
}

#[test]
fn a_key_file_is_never_overwritten() {
    let gateway = Gateway::prepare(anywhere());
    let key = gateway.file("doorstep.key");
    let before = std::fs::read(&key).unwrap();
    gateway.refused(&["key", "new", key.to_str().unwrap()], 1);
    assert_eq!(std::fs::read(&key).unwrap(), before);
}

#[test]
fn odd_command_lines_end_with_2() {
    let gateway = Gateway::prepare(anywhere());
    for words in [
        &["firm"][..],
        &["frobnicate"],
        &["firm", "add"],
        &["employee", "add", "x"],
    ] {
        gateway.refused(words, 2);
    }
    gateway.refused(&["firm", "show", "nowhere"], 1);
}

#[test]
fn the_example_file_passes_check() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/config/doorstep.toml");
    let text = std::fs::read_to_string(file).expect("config/doorstep.toml documents every key");
    for key in [
        "public_url",
        "trusted_proxies",
        "pass_cookies",
        "challenge_ttl",
        "key_file",
        "sms_per_employee",
    ] {
        assert!(text.contains(key), "{key} is not documented");
    }
}

over_each_store![sessions_are_listed_and_one_is_revoked,];

async fn sessions_are_listed_and_one_is_revoked(kind: StoreKind) {
    let mut world = World::new(kind).await;
    let anna = world.anna_signed_in().await;
    let ben = world.browser();
    ben.password(BEN).await.expect(303);
    let listed = world.gateway.json(&["session", "list", "--login", ANNA]);
    let items = listed
        .as_array()
        .cloned()
        .or_else(|| listed["items"].as_array().cloned())
        .unwrap();
    assert_eq!(items.len(), 1, "{listed}");
    assert_eq!(
        (&items[0]["login"], &items[0]["level"]),
        (&ANNA.into(), &"second_factor".into())
    );
    let text = listed.to_string();
    assert!(
        !text.contains(&anna.session().unwrap()),
        "the token itself is listed"
    );
    world
        .gateway
        .ok(&["session", "revoke", items[0]["id"].as_str().unwrap()]);
    until("ANNA is out", crate::support::world::SOON, || async {
        let answer = anna.get("/app/secret").await;
        (answer.status == 303 && !answer.holds(SECRET)).then_some(())
    })
    .await;
    ben.get("/.doorstep/challenge").await.expect(200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn upstream_connections_are_used_again() {
    let mut world = World::new(StoreKind::Memory).await;
    let anna = world.anna_signed_in().await;
    for _ in 0..20 {
        anna.get("/app/secret").await.expect(200);
    }
    assert!(
        world.portal.connections() <= 6,
        "{} connections for 20 requests",
        world.portal.connections()
    );
}
