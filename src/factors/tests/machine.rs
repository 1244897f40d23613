//! The session machine against a small model that knows nothing of how it is built: random logins, tokens,
//! switches, waits, revocations and logouts in three tabs over two gateways. After every step, each tab's token
//! and each token that was ever given out is tried on both gateways (I1 to I7).

use std::sync::Arc;

use proptest::prelude::*;
use proptest::test_runner::Config as Cases;

use super::steps::{PEOPLE, Step, TABS, step};
use super::world::{MINUTE, World, firm, name, ops};
use crate::access::{Accepted, Doorstep, Ending, LiveSession, LoginCheck, LoginOutcome, Who};
use crate::clock::Timestamp;
use crate::directory::{RevokeScope, TotpShape};
use crate::factors::challenge::Opening;
use crate::factors::verify::Verdict as Typed;
use crate::gate::rules::Anonymous;
use crate::gate::{Ask, Credentials, Refusal, Route, Verdict, decide};
use crate::secret::SessionToken;
use crate::vault::{Vault, Waiting};

const SEED: &[u8] = b"12345678901234567890";
const SHAPE: TotpShape = TotpShape {
    digits: 6,
    period: 30,
    skew: 1,
};

/// What a tab holds, as the promises have it.
#[derive(Clone, Debug)]
struct Held {
    who: usize,
    /// Under which of the firm's switches the factor was verified.
    verified: Option<u64>,
    since: Timestamp,
}

/// What must be so.
struct Model {
    on: bool,
    switches: u64,
    /// The last step that verified, by person.
    last: [i64; PEOPLE.len()],
    failures: [u32; PEOPLE.len()],
    tabs: [Option<Held>; TABS],
}

impl Model {
    /// I8: the failure that locks is itself answered with the lock.
    fn locked(&mut self, who: usize) {
        self.failures[who] += 1;
        assert!(self.failures[who] >= 5, "I8: locked too early");
    }
}

struct Story {
    world: World,
    model: Model,
    tokens: [Option<SessionToken>; TABS],
    old: Vec<SessionToken>,
    logins: usize,
    /// Whose key verified last, and of which step it was.
    used: Option<(usize, i64)>,
}

impl Story {
    async fn begin() -> Self {
        let world = World::new().await;
        let directory = &world.door().directory;
        directory
            .add_totp(&ops(), &name("carl"), SEED, SHAPE, "Carl's app", -1, world.now())
            .await
            .unwrap();
        Self {
            world,
            model: Model {
                on: true,
                switches: 0,
                last: [i64::MIN; PEOPLE.len()],
                failures: [0; PEOPLE.len()],
                tabs: [const { None }; TABS],
            },
            tokens: [const { None }; TABS],
            old: Vec::new(),
            logins: 0,
            used: None,
        }
    }

    fn door(&self, gate: usize) -> Arc<Doorstep> {
        Arc::clone(&self.world.doors[gate])
    }

    async fn who(&self, gate: usize, token: Option<&SessionToken>) -> Who {
        self.door(gate)
            .who(token.cloned(), self.world.now())
            .await
            .unwrap()
    }

    async fn live(&self, gate: usize, tab: usize) -> Option<LiveSession> {
        match self.who(gate, self.tokens[tab].as_ref()).await {
            Who::Session(live) => Some(*live),
            _ => None,
        }
    }

    fn ends(&mut self, tab: usize) {
        self.old.extend(self.tokens[tab].take());
        self.model.tabs[tab] = None;
    }

    async fn take(&mut self, step: Step) {
        match step {
            Step::Login { tab, gate, who } => self.login(tab, gate, who).await,
            Step::Type {
                tab,
                gate,
                steps,
                wrong,
            } => self.type_token(tab, gate, steps, wrong).await,
            Step::TypeUnderOld { gate, steps } => self.type_under_old(gate, steps).await,
            Step::LoginUnderOld { gate, who } => self.login_under_old(gate, who).await,
            Step::Arrive { tab, gate } => self.arrive(tab, gate).await,
            Step::Replay { gate, before } => self.replay(gate, before).await,
            Step::Toggle => self.toggle().await,
            Step::Wait(seconds) => self.world.clock.advance(std::time::Duration::from_secs(seconds)),
            Step::RevokeEmployee(who) => {
                let scope = RevokeScope::Employee(name(PEOPLE[who]));
                self.revoke(scope).await;
                for tab in 0..TABS {
                    if self.model.tabs[tab].as_ref().is_some_and(|held| held.who == who) {
                        self.ends(tab);
                    }
                }
            }
            Step::RevokeSession(tab) => {
                if let Some(token) = self.tokens[tab].clone() {
                    self.revoke(RevokeScope::Session(token.id().public().to_owned()))
                        .await;
                    self.ends(tab);
                }
            }
            Step::Logout { tab, gate } => {
                if let Some(live) = self.live(gate, tab).await {
                    let ended = self.door(gate).end_session(&live).await.unwrap();
                    assert_eq!(ended, Ending::Ended);
                    self.ends(tab);
                }
            }
        }
    }

    async fn revoke(&self, scope: RevokeScope) {
        let now = self.world.now();
        let directory = &self.world.door().directory;
        directory
            .revoke_sessions(&ops(), &scope, now.plus(720 * MINUTE), now)
            .await
            .unwrap();
    }

    async fn toggle(&mut self) {
        let now = self.world.now();
        let directory = &self.world.door().directory;
        if self.model.on {
            directory.disable_two_factor(&ops(), &firm(), now).await.unwrap();
        } else {
            directory
                .enable_two_factor(&ops(), &firm(), None, true, now)
                .await
                .unwrap();
        }
        self.model.on = !self.model.on;
        self.model.switches += 1;
    }

    async fn login(&mut self, tab: usize, gate: usize, who: usize) {
        let under = self.who(gate, self.tokens[tab].as_ref()).await;
        let held = self.model.tabs[tab].clone();
        let (door, now, login) = (self.door(gate), self.world.now(), name(PEOPLE[who]));
        match door.check_login(&under, Some(&login), now).await.unwrap() {
            LoginCheck::SomebodyElse => {
                assert!(held.is_some_and(|held| held.who != who), "I4: whose vault");
                let Who::Session(live) = &under else { panic!() };
                let _: Ending = door.end_session(live).await.unwrap();
                self.ends(tab);
                return;
            }
            LoginCheck::Gone => panic!("nothing else was under way"),
            LoginCheck::Send(_) => assert!(
                held.as_ref().is_none_or(|held| held.who == who),
                "I4: whose vault"
            ),
        }
        self.logins += 1;
        let cookie = format!("sid={}-{}; Path=/", PEOPLE[who], self.logins);
        let outcome = self.accept(&door, &under, who, &cookie, now).await;
        let carried = held.filter(|held| held.verified == Some(self.model.switches));
        let let_in = carried.is_some() || !self.model.on;
        let token = match outcome {
            LoginOutcome::LetIn { token, .. } if let_in => token,
            LoginOutcome::Challenge { token } if !let_in => token,
            other => panic!("I5: {other:?}"),
        };
        self.old.extend(self.tokens[tab].replace(token));
        self.model.tabs[tab] = Some(Held {
            who,
            since: carried.as_ref().map_or(now, |held| held.since),
            verified: carried.and_then(|held| held.verified),
        });
    }

    async fn accept(
        &self,
        door: &Doorstep,
        under: &Who,
        who: usize,
        cookie: &str,
        now: Timestamp,
    ) -> LoginOutcome {
        let lines = [cookie.to_owned()];
        let keep = move |vault: &mut Vault| {
            vault.main.store(&lines, "/login", &["127.0.0.1"]);
        };
        door.login_accepted(Accepted {
            typed: &name(PEOPLE[who]),
            said: false,
            under,
            keep: &keep,
            waiting: Waiting::default(),
            device: None,
            password: None,
            script: false,
            client: std::net::Ipv4Addr::LOCALHOST.into(),
            now,
        })
        .await
        .unwrap()
    }

    async fn type_token(&mut self, tab: usize, gate: usize, steps: i64, wrong: bool) {
        let Some(held) = self.model.tabs[tab].clone() else {
            return;
        };
        if !self.model.on || held.verified == Some(self.model.switches) {
            return;
        }
        let (door, now) = (self.door(gate), self.world.now());
        let live = self.live(gate, tab).await.expect("the model has it live");
        let opening = door.challenge_for(&live, true, now).await.unwrap();
        if !matches!(opening, Opening::Open(_)) {
            return;
        }
        let live = self.live(gate, tab).await.unwrap();
        let typed = if wrong {
            self.world.wrong()
        } else {
            self.world.key(steps)
        };
        let step = now.seconds().div_euclid(30) + steps;
        let right = !wrong && step > self.model.last[held.who];
        match door.verify_token(&live, &typed, now).await.unwrap() {
            Typed::Verified { entry, .. } => {
                assert!(right, "I7: {step} after {}", self.model.last[held.who]);
                self.old.extend(self.tokens[tab].replace(entry.token));
                self.model.last[held.who] = step;
                self.used = Some((held.who, step));
                self.model.failures[held.who] = 0;
                self.model.tabs[tab] = Some(Held {
                    verified: Some(self.model.switches),
                    ..held
                });
            }
            Typed::Locked { .. } => self.model.locked(held.who),
            Typed::Wrong { .. } | Typed::Used | Typed::Expired => {
                assert!(!right, "a right key is refused");
                self.model.failures[held.who] += 1;
            }
            other => panic!("{}", other.as_str()),
        }
    }

    /// I4, I7: what was replaced or ended verifies nothing, not even with the right key. The key is not spent.
    async fn type_under_old(&mut self, gate: usize, steps: i64) {
        let (door, now) = (self.door(gate), self.world.now());
        for token in self.old.clone().into_iter().rev().take(3) {
            if let Who::Session(live) = self.who(gate, Some(&token)).await {
                let typed = self.world.key(steps);
                let verdict = door.verify_token(&live, &typed, now).await.unwrap();
                panic!("an ended session is live: {}", verdict.as_str());
            }
        }
    }

    async fn arrive(&mut self, tab: usize, gate: usize) {
        if self.live(gate, tab).await.is_some() {
            return;
        }
        let (door, now) = (self.door(gate), self.world.now());
        let client = std::net::Ipv4Addr::LOCALHOST.into();
        let begun = door
            .begin_anonymous(&Vault::default(), None, client, now)
            .await
            .unwrap();
        self.old.extend(self.tokens[tab].take());
        self.tokens[tab] = begun;
    }

    /// I7: what verified once never does again, nor does what was before it.
    async fn replay(&mut self, gate: usize, before: bool) {
        let Some((who, used)) = self.used.filter(|_| self.model.on) else {
            return;
        };
        let (door, now) = (self.door(gate), self.world.now());
        self.logins += 1;
        let cookie = format!("sid={}-{}; Path=/", PEOPLE[who], self.logins);
        let token = match self.accept(&door, &Who::Nobody, who, &cookie, now).await {
            LoginOutcome::Challenge { token } => token,
            other => panic!("I5: {other:?}"),
        };
        let Who::Session(live) = self.who(gate, Some(&token)).await else {
            panic!("a new session is not there")
        };
        if matches!(
            door.challenge_for(&live, true, now).await.unwrap(),
            Opening::Open(_)
        ) {
            let Who::Session(live) = self.who(gate, Some(&token)).await else {
                panic!("a new session is not there")
            };
            let steps = used - i64::from(before) - now.seconds().div_euclid(30);
            match door
                .verify_token(&live, &self.world.key(steps), now)
                .await
                .unwrap()
            {
                Typed::Wrong { .. } | Typed::Used | Typed::Expired => self.model.failures[who] += 1,
                Typed::Locked { .. } => self.model.locked(who),
                other => panic!("I7: a used key is {}", other.as_str()),
            }
        }
        self.old_browser(gate, token).await;
    }

    /// A login under a token that is over begins with an empty jar.
    async fn login_under_old(&mut self, gate: usize, who: usize) {
        let Some(token) = self.old.last().cloned() else {
            return;
        };
        let under = self.who(gate, Some(&token)).await;
        let (door, now) = (self.door(gate), self.world.now());
        assert!(!matches!(under, Who::Session(_)));
        self.logins += 1;
        let cookie = format!("sid={}-{}; Path=/", PEOPLE[who], self.logins);
        match self.accept(&door, &under, who, &cookie, now).await {
            LoginOutcome::Challenge { token } if self.model.on => self.old_browser(gate, token).await,
            LoginOutcome::LetIn { token, .. } if !self.model.on => self.old_browser(gate, token).await,
            other => panic!("{other:?}"),
        }
    }

    /// It is a browser of its own, which signs out again.
    async fn old_browser(&mut self, gate: usize, token: SessionToken) {
        let Who::Session(live) = self.who(gate, Some(&token)).await else {
            panic!("a new session is not there")
        };
        assert!(
            live.stored.record.level.as_str() == "password",
            "I1: a factor came from nowhere"
        );
        let _: Ending = self.door(gate).end_session(&live).await.unwrap();
        self.old.push(token);
    }

    /// The clock may have ended sessions.
    fn by_the_clock(&mut self, waited: u64) {
        let now = self.world.now();
        for tab in 0..TABS {
            let over = self.model.tabs[tab]
                .as_ref()
                .is_some_and(|held| waited >= 7200 || now >= held.since.plus(720 * MINUTE));
            if over {
                self.ends(tab);
            }
        }
    }

    fn decided(&self, who: &Who) -> Verdict {
        decide(&Ask {
            route: Route::Protected,
            presence: who.presence(),
            client: std::net::Ipv4Addr::LOCALHOST.into(),
            now: self.world.now(),
            anonymous: Anonymous::Login,
            pass_unknown: false,
        })
    }

    async fn check(&self) {
        for door in &self.world.doors {
            door.copies.refresh().await.unwrap();
        }
        for gate in 0..2 {
            for tab in 0..TABS {
                let who = self.who(gate, self.tokens[tab].as_ref()).await;
                let expected = match &self.model.tabs[tab] {
                    None => Verdict::Refuse(Refusal::SignIn),
                    Some(held) if !self.model.on || held.verified == Some(self.model.switches) => {
                        Verdict::Forward(Credentials::Vault, None)
                    }
                    Some(_) => Verdict::Refuse(Refusal::SecondFactor),
                };
                assert_eq!(
                    self.decided(&who),
                    expected,
                    "I1, I10: tab {tab} at gateway {gate}"
                );
                if let (Some(held), Who::Session(live)) = (&self.model.tabs[tab], &who) {
                    let vault = live.vault().unwrap();
                    let cookie = vault.main.header("/app").unwrap_or_default();
                    assert!(
                        cookie.starts_with(&format!("sid={}-", PEOPLE[held.who])),
                        "I3, I4: {cookie}"
                    );
                    assert_eq!(
                        live.stored.record.level.holder().unwrap().login,
                        name(PEOPLE[held.who])
                    );
                    let token = self.tokens[tab].as_ref().unwrap().cookie_value();
                    let sealed = String::from_utf8_lossy(&live.stored.vault);
                    assert!(!sealed.contains("sid=") && !sealed.contains(&token), "I6");
                    for other in self.old.iter().chain(self.tokens.iter().flatten()) {
                        let own = other.cookie_value() == token;
                        assert_eq!(Vault::open(other, &live.stored.vault).is_some(), own, "I6");
                    }
                }
            }
            for token in &self.old {
                let who = self.who(gate, Some(token)).await;
                // F1: also one in which nobody had signed in, whoever else may hold it.
                assert!(
                    !matches!(who, Who::Session(_)),
                    "I4, I10: a token that is over is a session's"
                );
                let verdict = self.decided(&who);
                let shut = matches!(verdict, Verdict::Refuse(Refusal::SignIn | Refusal::Retry));
                assert!(shut, "I4: a token that is over gets {verdict:?}");
            }
        }
    }
}

proptest! {
    #![proptest_config(Cases { cases: 24, max_shrink_iters: 40, ..Cases::default() })]

    #[test]
    fn i1_to_i7_hold_after_every_step_of_any_story(steps in prop::collection::vec(step(), 1..40)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut story = Story::begin().await;
            for step in steps {
                story.take(step).await;
                if let Step::Wait(seconds) = step {
                    story.by_the_clock(seconds);
                }
                story.check().await;
            }
        });
    }
}
