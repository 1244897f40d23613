//! Requests that a provider carries to the devices enrolled there.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use async_trait::async_trait;

use super::world::{World, name, ops};
use crate::access::{LiveSession, Settings};
use crate::factors::challenge::Status;
use crate::factors::collect::Collected;
use crate::factors::push::{Asked as By, PushSent, PushShown};
use crate::gate::FactorKind;
use crate::providers::{Alert, ApprovalState, Approver, AskError, Asked, Providers, RequestId};

/// A provider whose owner's phone does as it is told.
struct Phone {
    refuses: Mutex<Option<AskError>>,
    state: Mutex<Result<ApprovalState, AskError>>,
    alerts: Mutex<Vec<String>>,
    looks: Mutex<u32>,
}

#[async_trait]
impl Approver for Phone {
    async fn ask(&self, alert: &Alert<'_>) -> Result<Asked, AskError> {
        let line = format!(
            "{} {} {}",
            alert.person.login,
            alert.from,
            alert.browser.unwrap_or("-")
        );
        self.alerts.lock().unwrap().push(line);
        if let Some(error) = self.refuses.lock().unwrap().clone() {
            return Err(error);
        }
        Ok(Asked {
            id: RequestId("r1".into()),
            digits: Some("376".into()),
            expires: alert.expires,
        })
    }

    async fn state(&self, _id: &RequestId) -> Result<ApprovalState, AskError> {
        *self.looks.lock().unwrap() += 1;
        self.state.lock().unwrap().clone()
    }

    fn name(&self) -> &'static str {
        "phone"
    }

    async fn news(&self, _id: &RequestId) {
        // Called back at once, as often as one looks.
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

async fn world() -> (World, Arc<Phone>) {
    let world = World::new().await;
    let phone = Arc::new(Phone {
        refuses: Mutex::default(),
        state: Mutex::new(Ok(ApprovalState::Pending)),
        alerts: Mutex::default(),
        looks: Mutex::default(),
    });
    let before = world.door().settings.load_full();
    world.door().settings.store(Arc::new(Settings {
        config: before.config.clone(),
        sms: before.sms.clone(),
        providers: Providers {
            approver: Some(phone.clone()),
            ..Providers::default()
        },
    }));
    (world, phone)
}

/// A session with its challenge open, as the next request under its token finds it.
async fn challenged(world: &World, login: &str) -> LiveSession {
    let before = world.challenged(login).await;
    world.session(before.token.clone()).await
}

async fn ask(world: &World, session: &LiveSession) {
    let sent = world.doors[0]
        .send_push(session, By::Clicked, "Firefox", world.now())
        .await
        .unwrap();
    assert_eq!(sent, PushSent::Sent);
}

/// How the page shows the request.
async fn shown(world: &World, session: &LiveSession) -> (PushShown, String) {
    let view = world.door().challenge_view(session, world.now()).await.unwrap();
    let push = view.push.unwrap();
    (push.state, push.digits)
}

async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let begun = Instant::now();
    while !holds().await {
        assert!(begun.elapsed() < Duration::from_secs(10), "{what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

async fn looked(phone: &Phone) {
    let before = *phone.looks.lock().unwrap();
    until("a look", async || *phone.looks.lock().unwrap() > before + 1).await;
}

#[tokio::test]
async fn an_approval_at_the_provider_lets_in_once() {
    let (world, phone) = world().await;
    // Carl has nothing enrolled here: what he has there counts.
    let session = challenged(&world, "carl").await;
    ask(&world, &session).await;
    until("it went out", async || {
        shown(&world, &session).await == (PushShown::Sent, "376".into())
    })
    .await;
    assert_eq!(*phone.alerts.lock().unwrap(), ["carl 127.0.0.1 Firefox"]);
    assert!(matches!(
        world.door().collect(&session, world.now()).await.unwrap(),
        Collected::Nothing
    ));
    *phone.state.lock().unwrap() = Ok(ApprovalState::Approved);
    let status = async || {
        world
            .door()
            .challenge_status(&session, world.now())
            .await
            .unwrap()
    };
    until("approved", async || status().await == Status::Approved).await;
    let collected = world.door().collect(&session, world.now()).await.unwrap();
    assert!(matches!(collected, Collected::Entry(_)), "{collected:?}");
    let again = world.door().collect(&session, world.now()).await.unwrap();
    assert!(!matches!(again, Collected::Entry(_)), "{again:?}");
    until("audited", async || {
        world.audited("factor.verified").await.len() == 1
    })
    .await;
    let audited = world.audited("factor.verified").await;
    assert_eq!(audited[0].details["device"], "provider:phone");
}

#[tokio::test]
async fn a_decline_is_final_and_other_factors_stay() {
    let (world, phone) = world().await;
    let session = challenged(&world, "anna").await;
    ask(&world, &session).await;
    *phone.state.lock().unwrap() = Ok(ApprovalState::Denied { fraud: false });
    until("declined", async || {
        shown(&world, &session).await.0 == PushShown::Denied
    })
    .await;
    *phone.state.lock().unwrap() = Ok(ApprovalState::Approved);
    assert!(matches!(
        world.door().collect(&session, world.now()).await.unwrap(),
        Collected::Nothing
    ));
    assert_eq!(world.says(&session, &world.key(0)).await, "verified totp");
    until("audited", async || world.audited("push.denied").await.len() == 1).await;
}

#[tokio::test]
async fn who_says_that_it_was_not_them_puts_the_stranger_out() {
    let (world, phone) = world().await;
    let session = challenged(&world, "ben").await;
    ask(&world, &session).await;
    *phone.state.lock().unwrap() = Ok(ApprovalState::Denied { fraud: true });
    until("reported", async || {
        world.audited("push.reported").await.len() == 1
    })
    .await;
    assert_eq!(world.says(&session, "123456").await, "ended");
}

#[tokio::test]
async fn i9_a_provider_that_is_down_shuts_nothing_else() {
    for error in [
        AskError::Unavailable("down".into()),
        AskError::NoDevice,
        AskError::Refused("a bypass".into()),
    ] {
        let (world, phone) = world().await;
        *phone.refuses.lock().unwrap() = Some(error);
        let session = challenged(&world, "anna").await;
        ask(&world, &session).await;
        until("not delivered", async || {
            shown(&world, &session).await.0 == PushShown::NotDelivered
        })
        .await;
        assert_eq!(world.says(&session, &world.key(0)).await, "verified totp");
    }
}

#[tokio::test]
async fn a_state_that_is_not_known_is_asked_for_again() {
    let (world, phone) = world().await;
    let session = challenged(&world, "ben").await;
    *phone.state.lock().unwrap() = Err(AskError::Unavailable("down".into()));
    ask(&world, &session).await;
    looked(&phone).await;
    assert_eq!(shown(&world, &session).await.0, PushShown::Sent);
    *phone.state.lock().unwrap() = Err(AskError::Refused("a bypass".into()));
    let before = async || *phone.looks.lock().unwrap();
    looked_no_more(&phone).await;
    let last = before().await;
    *phone.state.lock().unwrap() = Ok(ApprovalState::Approved);
    tokio::task::yield_now().await;
    assert!(before().await <= last + 1);
    assert!(matches!(
        world.door().collect(&session, world.now()).await.unwrap(),
        Collected::Nothing
    ));
}

/// Until nobody looks any more for a tenth of a second.
async fn looked_no_more(phone: &Phone) {
    let mut last = (*phone.looks.lock().unwrap(), Instant::now());
    until("nobody looks", async || {
        let looks = *phone.looks.lock().unwrap();
        if looks != last.0 {
            last = (looks, Instant::now());
        }
        last.1.elapsed() > Duration::from_millis(200)
    })
    .await;
}

#[tokio::test]
async fn i10_an_approval_after_a_reset_or_a_new_policy_counts_for_nothing() {
    for reset in [true, false] {
        let (world, phone) = world().await;
        let session = challenged(&world, "ben").await;
        ask(&world, &session).await;
        looked(&phone).await;
        if reset {
            let directory = &world.door().directory;
            directory
                .reset_employee(&ops(), &name("ben"), world.now())
                .await
                .unwrap();
        } else {
            world.set_factors(&[FactorKind::Sms]).await;
        }
        *phone.state.lock().unwrap() = Ok(ApprovalState::Approved);
        looked_no_more(&phone).await;
        assert!(matches!(
            world.door().collect(&session, world.now()).await.unwrap(),
            Collected::Nothing
        ));
        assert!(world.audited("factor.verified").await.is_empty());
    }
}

#[tokio::test]
async fn a_faster_factor_ends_the_looking() {
    let (world, phone) = world().await;
    let session = challenged(&world, "anna").await;
    ask(&world, &session).await;
    looked(&phone).await;
    assert_eq!(world.says(&session, &world.key(0)).await, "verified totp");
    looked_no_more(&phone).await;
}
