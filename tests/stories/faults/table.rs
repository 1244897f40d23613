//! I9: each dependency in each fault. Whatever happens, the portal sees protected requests of her only who had
//! verified her factor; whoever has only the password, or none, gets nothing; and when the fault is over, people
//! go on. The portal's recorder is the oracle.

use crate::support::gateway::Settings;
use crate::support::meddler::{Meddler, Mood};
use crate::support::portal::{CANARY, Knobs, SECRET};
use crate::support::world::{ANNA, ANNA_PHONE, BEN, CAROL};
use crate::support::{Answer, Browser, Gateway, PATIENCE, Portal, Postgres, Redis, TotpKey, until};

/// A gateway whose every dependency can be made to fail.
pub struct Place {
    pub gateway: Gateway,
    pub portal: Portal,
    /// Verified; only the password; nobody.
    pub anna: Browser,
    pub carol: Browser,
    pub stranger: Browser,
    anna_key: TotpKey,
    pub carol_key: TotpKey,
    /// A key that verified once already.
    spent: String,
    /// Anna's session at the portal.
    sid: String,
}

impl Place {
    pub async fn new(portal: Portal, change: impl FnOnce(&mut Settings)) -> Self {
        Self::run_under(portal, change, &[]).await
    }

    /// The same, the gateway started by way of another program.
    pub async fn run_under(portal: Portal, change: impl FnOnce(&mut Settings), words: &[&str]) -> Self {
        let mut settings = Settings::new(portal.address);
        change(&mut settings);
        let mut gateway = Gateway::prepare(settings);
        gateway.add_firm("acme", "Acme");
        gateway.add_employee(ANNA, "acme", Some(ANNA_PHONE));
        gateway.add_employee(CAROL, "acme", None);
        gateway.add_employee(BEN, "acme", None);
        let mut anna_key = gateway.enrol_totp(ANNA);
        let carol_key = gateway.enrol_totp(CAROL);
        gateway.enrol_totp(BEN);
        gateway.ok(&["firm", "enable-2fa", "acme"]);
        gateway.run_under(words).await;
        let anna = Browser::at(&gateway);
        anna.password(ANNA).await.expect(303);
        let spent = anna_key.fresh().await;
        anna.type_token(&spent).await.expect(303);
        anna.get("/app/secret").await.expect(200);
        let sid = portal.last("/app/secret").cookie("sid").unwrap();
        let carol = Browser::at(&gateway);
        carol.password(CAROL).await.expect(303);
        let stranger = Browser::at(&gateway);
        stranger.get("/login").await.expect(200);
        portal.take_seen();
        Self {
            gateway,
            portal,
            anna,
            carol,
            stranger,
            anna_key,
            carol_key,
            spent,
            sid,
        }
    }

    /// What people and intruders do meanwhile.
    pub async fn try_everything(&mut self, fault: &str) {
        let form = self.carol.try_get("/.doorstep/challenge").await;
        let wrong = self.carol_key.wrong();
        for browser in [&self.carol, &self.stranger] {
            for path in ["/app/secret", "/.doorstep/account"] {
                if let Ok(answer) = browser.try_get(path).await {
                    self.shut(fault, path, &answer);
                }
            }
        }
        if let Ok(page) = form
            && page.status == 200
        {
            let form = crate::support::page::form(&page.text(), "challenge/verify");
            let answer = self.carol.send_challenge_form(&form, &[("token", &wrong)]).await;
            self.shut(fault, "a wrong key", &answer);
        }
        // a password that is right is not enough, whatever is broken
        let fields = [("email", BEN), ("password", "ben-password")];
        if let Ok(answer) = self.stranger.try_post("/login", &fields).await {
            self.shut(fault, "a login", &answer);
        }
        if let Ok(answer) = self.stranger.try_get("/app/secret").await {
            self.shut(fault, "after a login", &answer);
        }
        // Anna is let in or told that nobody can tell; never signed out
        if let Ok(answer) = self.anna.try_get("/app/secret").await {
            let fine = matches!(answer.status.as_u16(), 200 | 303 | 502 | 503 | 504);
            assert!(fine, "{fault}: {}", answer.shown());
            if answer.status.as_u16() >= 500 {
                assert!(answer.set_cookies().is_empty(), "{fault}: {}", answer.shown());
            }
        }
        self.only_anna_came_through(fault);
    }

    /// A key that cannot be spent opens nothing, right as it is.
    pub async fn right_key_opens_nothing(&mut self, fault: &str) {
        let right = self.carol_key.fresh().await;
        let Ok(page) = self.carol.try_get("/.doorstep/challenge").await else {
            return;
        };
        if page.status == 200 {
            let form = crate::support::page::form(&page.text(), "challenge/verify");
            let answer = self.carol.send_challenge_form(&form, &[("token", &right)]).await;
            self.shut(fault, "the right key", &answer);
        }
        if let Ok(answer) = self.carol.try_get("/app/secret").await {
            self.shut(fault, "after the right key", &answer);
        }
        self.only_anna_came_through(fault);
    }

    #[track_caller]
    pub fn shut(&self, fault: &str, what: &str, answer: &Answer) {
        assert!(
            !answer.holds(SECRET) && !answer.holds(CANARY),
            "{fault}, {what}: {}",
            answer.shown()
        );
        let status = answer.status.as_u16();
        assert!(
            status == 303 || (400..600).contains(&status) || answer.path.starts_with("/.doorstep"),
            "{fault}, {what}: {}",
            answer.shown()
        );
    }

    #[track_caller]
    pub fn only_anna_came_through(&self, fault: &str) {
        for seen in self.portal.protected_seen() {
            let hers = seen.cookie("sid").is_some_and(|sid| sid == self.sid);
            assert!(hers, "{fault}: {} reached the portal: {seen:?}", seen.path());
        }
    }

    /// The fault is over: people go on, with what they have or with a new sign-in; a spent key stays spent.
    pub async fn goes_on(&mut self, fault: &str) {
        until(&format!("{fault} is over"), PATIENCE, || async {
            let answer = self.anna.try_get("/app/secret").await.ok()?;
            matches!(answer.status.as_u16(), 200 | 303).then_some(())
        })
        .await;
        self.only_anna_came_through(fault);
        let thief = Browser::at(&self.gateway);
        let answer = until(&format!("{fault} is over for logins"), PATIENCE, || async {
            let fields = [("email", ANNA), ("password", "anna-password")];
            let answer = thief.try_post("/login", &fields).await.ok()?;
            (answer.status == 303).then_some(answer)
        })
        .await;
        assert!(!answer.holds(CANARY), "{fault}");
        // A connection that the fault broke may be met once more: 503, and nothing was judged.
        let answer = until(&format!("{fault} is over for tokens"), PATIENCE, || async {
            let answer = thief.type_token(&self.spent.clone()).await;
            (answer.status != 503).then_some(answer)
        })
        .await;
        assert_eq!(answer.status, 422, "{fault}: I7, a spent key: {}", answer.shown());
        let answer = thief.get("/app/secret").await;
        self.shut(fault, "a thief", &answer);
        self.only_anna_came_through(fault);
        let anew = Browser::at(&self.gateway);
        anew.sign_in(ANNA, &mut self.anna_key).await;
        assert!(anew.get("/app/secret").await.expect(200).holds(SECRET), "{fault}");
        self.sid = self.portal.last("/app/secret").cookie("sid").unwrap();
        self.anna = anew;
        self.portal.take_seen();
        let carol = Browser::at(&self.gateway);
        carol.password(CAROL).await.expect(303);
        self.carol = carol;
        self.stranger = Browser::at(&self.gateway);
        self.portal.take_seen();
    }
}

const MOODS: [Mood; 4] = [Mood::Refusing, Mood::Silent, Mood::Slow, Mood::Rubbish];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i9_a_store_in_any_fault_lets_nobody_in() {
    let redis = Redis::start().await;
    let middle = Meddler::before(redis.address).await;
    let portal = Portal::open(Knobs::default()).await;
    let store = format!("redis://{}/", middle.address);
    let mut place = Place::new(portal, |settings| settings.store = store).await;
    for mood in MOODS {
        let fault = format!("a store that is {mood:?}");
        middle.be(mood);
        place.try_everything(&fault).await;
        middle.be(Mood::Honest);
        if mood != Mood::Refusing {
            middle.lead_to(redis.address);
        }
        place.goes_on(&fault).await;
    }
    let orders: [(&str, &[&str], &[&str]); 3] = [
        (
            "a full store",
            &["CONFIG", "SET", "maxmemory", "1"],
            &["CONFIG", "SET", "maxmemory", "0"],
        ),
        (
            "a read-only store",
            &["REPLICAOF", "127.0.0.1", "1"],
            &["REPLICAOF", "NO", "ONE"],
        ),
        ("a flushed store", &["FLUSHALL"], &["PING"]),
    ];
    for (fault, begin, end) in orders {
        redis.command(begin).await;
        place.try_everything(fault).await;
        redis.command(end).await;
        place.goes_on(fault).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i9_a_postgresql_in_any_fault_lets_nobody_in() {
    let postgres = Postgres::start().await;
    let middle = Meddler::before(postgres.address).await;
    let portal = Portal::open(Knobs::default()).await;
    let url = format!("postgres://doorstep@{}/postgres", middle.address);
    let mut place = Place::new(portal, |settings| settings.directory = url).await;
    for mood in MOODS {
        let fault = format!("a directory that is {mood:?}");
        middle.be(mood);
        place.try_everything(&fault).await;
        middle.be(Mood::Honest);
        middle.lead_to(postgres.address);
        place.goes_on(&fault).await;
    }
    let fault = "a read-only directory";
    postgres.query("ALTER SYSTEM SET default_transaction_read_only = on");
    postgres.query("SELECT pg_reload_conf()");
    until("PostgreSQL is read-only", PATIENCE, || async {
        let shown = postgres.query_as_told("SHOW default_transaction_read_only");
        (shown.trim() == "on").then_some(())
    })
    .await;
    place.try_everything(fault).await;
    place.right_key_opens_nothing(fault).await;
    postgres.query("ALTER SYSTEM RESET default_transaction_read_only");
    postgres.query("SELECT pg_reload_conf()");
    place.goes_on(fault).await;
}

/// The directory hangs in the middle of what it does: a part of it is held by somebody else.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i9_a_postgresql_that_hangs_in_a_transaction_lets_nobody_in() {
    use sqlx::{Connection as _, Executor as _};
    let postgres = Postgres::start().await;
    let portal = Portal::open(Knobs::default()).await;
    let mut place = Place::new(portal, |settings| settings.directory = postgres.url()).await;
    let mut holder = sqlx::PgConnection::connect(&postgres.url()).await.unwrap();
    for table in ["audit", "factors", "employees", "changes"] {
        let fault = format!("somebody who holds {table}");
        holder.execute("BEGIN").await.unwrap();
        let lock = format!("LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE");
        holder.execute(sqlx::AssertSqlSafe(lock)).await.unwrap();
        place.try_everything(&fault).await;
        place.right_key_opens_nothing(&fault).await;
        holder.execute("ROLLBACK").await.unwrap();
        place.goes_on(&fault).await;
    }
}

/// Every write to SQLite fails, as on a full disk or a read-only one; then rows are missing or nonsense (H2).
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i9_h2_a_sqlite_that_takes_no_write_or_holds_nonsense_lets_nobody_in() {
    use sqlx::{Connection as _, Executor as _, Row as _};
    let portal = Portal::open(Knobs::default()).await;
    let mut place = Place::new(portal, |_| {}).await;
    let url = format!("sqlite://{}", place.gateway.file("doorstep.db").display());
    let mut db = sqlx::SqliteConnection::connect(&url).await.unwrap();
    let tables: Vec<String> = db
        .fetch_all("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'")
        .await
        .unwrap()
        .iter()
        .map(|row| row.get(0))
        .collect();
    let each = |make: &dyn Fn(&str, &str) -> String| -> Vec<String> {
        let kinds = ["INSERT", "UPDATE", "DELETE"];
        tables
            .iter()
            .flat_map(|table| kinds.map(|kind| make(table, kind)))
            .collect()
    };
    let fault = "a full disk";
    for order in each(&|table, kind| {
        format!(
            "CREATE TRIGGER full_{table}_{kind} BEFORE {kind} ON {table} BEGIN \
             SELECT RAISE(FAIL, 'database or disk is full'); END"
        )
    }) {
        db.execute(sqlx::AssertSqlSafe(order)).await.unwrap();
    }
    place.try_everything(fault).await;
    place.right_key_opens_nothing(fault).await;
    for order in each(&|table, kind| format!("DROP TRIGGER full_{table}_{kind}")) {
        db.execute(sqlx::AssertSqlSafe(order)).await.unwrap();
    }
    place.goes_on(fault).await;
    // a lock that another process holds
    let fault = "a locked file";
    db.execute("BEGIN IMMEDIATE").await.unwrap();
    place.try_everything(fault).await;
    db.execute("ROLLBACK").await.unwrap();
    place.goes_on(fault).await;
    // H2: absent, or nonsense, is never off
    for (fault, order, mend) in [
        (
            "a switch that is nonsense",
            "UPDATE firms SET two_factor = 7, epoch = epoch + 1",
            "UPDATE firms SET two_factor = 1",
        ),
        (
            "a policy that is nonsense",
            "UPDATE firms SET policy = '{\"factors\": 7'",
            "UPDATE firms SET policy = '{}'",
        ),
    ] {
        db.execute(sqlx::AssertSqlSafe(order.to_owned())).await.unwrap();
        db.execute("UPDATE meta SET counter = counter + 1").await.unwrap();
        db.execute("INSERT INTO changes SELECT counter, 'firm', 'acme', 0 FROM meta")
            .await
            .unwrap();
        place.try_everything(fault).await;
        db.execute(sqlx::AssertSqlSafe(mend.to_owned())).await.unwrap();
    }
    place.goes_on("nonsense").await;
    db.execute("PRAGMA foreign_keys = OFF").await.unwrap();
    db.execute("DELETE FROM firms").await.unwrap();
    place.try_everything("a firm that is gone").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i9_a_portal_and_a_key_file_in_any_fault_let_nobody_in() {
    let portal = Portal::open(Knobs::default()).await;
    let middle = Meddler::before(portal.address).await;
    let address = middle.address;
    let mut place = Place::new(portal, |settings| {
        settings.upstream = address;
        settings.limits = "answer_timeout = \"6s\"\n".into();
        settings.rules = settings
            .rules
            .replace("[[portal.login]]", "[[portal.login]]\ntimeout = \"6s\"");
    })
    .await;
    for mood in [Mood::Refusing, Mood::Silent, Mood::Slow, Mood::Rubbish] {
        let fault = format!("a portal that is {mood:?}");
        middle.be(mood);
        place.try_everything(&fault).await;
        middle.be(Mood::Honest);
        middle.lead_to(place.portal.address);
        place.goes_on(&fault).await;
    }
    let key = std::fs::read(place.gateway.file("doorstep.key")).unwrap();
    for (fault, content) in [
        ("an empty key file", &b""[..]),
        ("rubbish for a key file", b"rubbish\n"),
    ] {
        std::fs::write(place.gateway.file("doorstep.key"), content).unwrap();
        until("the gateway has looked at it", PATIENCE, || async {
            place.gateway.logs().contains("the old keys stay").then_some(())
        })
        .await;
        place.try_everything(fault).await;
        assert!(
            place.anna.get("/app/secret").await.expect(200).holds(SECRET),
            "{fault}"
        );
    }
    std::fs::write(place.gateway.file("doorstep.key"), key).unwrap();
    place.goes_on("a bad key file").await;
}

/// THREATS 4: the primary dies with what it had not told its replica, and the replica takes over: what was spent
/// stays spent, who signed out stays out, and the session before the factor is not revived.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i15_a_failover_that_forgets_lets_nobody_in() {
    let mut primary = Redis::start().await;
    let replica = Redis::start().await;
    let link = Meddler::before(primary.address).await;
    let port = link.address.port().to_string();
    replica.command(&["REPLICAOF", "127.0.0.1", &port]).await;
    let middle = Meddler::before(primary.address).await;
    let portal = Portal::open(Knobs::default()).await;
    let store = format!("redis://{}/", middle.address);
    let mut place = Place::new(portal, |settings| settings.store = store).await;
    let leaver = Browser::at(&place.gateway);
    leaver.password(CAROL).await.expect(303);
    leaver
        .type_token(&place.carol_key.fresh().await)
        .await
        .expect(303);
    leaver.get("/app/secret").await.expect(200);
    let left = Browser::at(&place.gateway);
    left.set_cookie(&format!("doorstep={}; Path=/", leaver.session().unwrap()));
    let waiting = Browser::at(&place.gateway);
    waiting.password(BEN).await.expect(303);
    let before_factor = Browser::at(&place.gateway);
    before_factor.set_cookie(&format!("doorstep={}; Path=/", place.carol.session().unwrap()));
    until("the replica has it all", PATIENCE, || async {
        let keys = |answer: Vec<u8>| String::from_utf8_lossy(&answer).lines().next().map(str::to_owned);
        let theirs = keys(replica.command(&["DBSIZE"]).await);
        (theirs == keys(primary.command(&["DBSIZE"]).await)).then_some(())
    })
    .await;
    // from here on the replica hears nothing
    link.be(Mood::Silent);
    let key = place.carol_key.fresh().await;
    place.carol.type_token(&key).await.expect(303);
    place.carol.get("/app/secret").await.expect(200);
    leaver.get("/logout").await;
    primary.kill();
    replica.command(&["REPLICAOF", "NO", "ONE"]).await;
    middle.lead_to(replica.address);
    until("the replica has taken over", PATIENCE, || async {
        let answer = place.anna.try_get("/app/secret").await.ok()?;
        (answer.status == 200).then_some(())
    })
    .await;
    place.portal.take_seen();
    let answer = left.get("/app/secret").await;
    place.shut("a failover", "somebody who signed out", &answer);
    let answer = before_factor.get("/app/secret").await;
    place.shut("a failover", "the session before the factor", &answer);
    // its key was spent in the directory: not even in the session that came back
    let form = before_factor.try_get("/.doorstep/challenge").await;
    if let Ok(page) = form
        && page.status == 200
    {
        let form = crate::support::page::form(&page.text(), "challenge/verify");
        let answer = before_factor.send_challenge_form(&form, &[("token", &key)]).await;
        place.shut("a failover", "a spent key", &answer);
    }
    let thief = Browser::at(&place.gateway);
    thief.password(CAROL).await.expect(303);
    thief.type_token(&key).await.expect(422);
    place.only_anna_came_through("a failover");
}
