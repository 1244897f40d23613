//! Tokens that providers make and judge.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;

use super::world::{MINUTE, SECOND, World, name, ops, word};
use crate::access::Settings;
use crate::clock::{Clock as _, SystemClock, Timestamp};
use crate::config::Config;
use crate::directory::{EmployeeChanges, Phone};
use crate::factors::challenge::SmsOutcome;
use crate::factors::confirm::Confirmation;
use crate::gate::FactorKind;
use crate::providers::simulators::{
    AUTHY_KEY, AuthySimulator, DUO_IKEY, DUO_SKEY, DuoSimulator, DuoUser, TWILIO_ACCOUNT, TWILIO_SERVICE,
    TWILIO_TOKEN, TwilioSimulator,
};
use crate::providers::{
    Checked, Checker, Person, Providers, SendError, TokenChecker, TokenSender, identity, providers,
    sms_sender,
};

/// A provider that does as it is told.
#[derive(Default)]
struct Vendor {
    /// What it calls right.
    right: Mutex<Option<String>>,
    silent: Mutex<bool>,
    refuses_to_send: Mutex<Option<SendError>>,
    asked: Mutex<Vec<String>>,
    sent: Mutex<Vec<String>>,
    /// What happens while it thinks.
    meanwhile: Mutex<Option<Meanwhile>>,
}

type Meanwhile = Box<dyn FnOnce() -> std::pin::Pin<Box<dyn Future<Output = ()> + Send>> + Send>;

#[async_trait]
impl TokenChecker for Vendor {
    async fn check(&self, person: &Person<'_>, token: &str) -> Checked {
        self.asked
            .lock()
            .unwrap()
            .push(format!("{} {token}", person.login));
        let meanwhile = self.meanwhile.lock().unwrap().take();
        if let Some(meanwhile) = meanwhile {
            meanwhile().await;
        }
        if *self.silent.lock().unwrap() {
            return Checked::Unjudged("down".into());
        }
        match self.right.lock().unwrap().as_deref() == Some(token) {
            true => Checked::Right,
            false => Checked::Wrong,
        }
    }

    fn name(&self) -> &'static str {
        "vendor"
    }
}

#[async_trait]
impl TokenSender for Vendor {
    async fn send_own(&self, person: &Person<'_>) -> Result<(), SendError> {
        if let Some(error) = self.refuses_to_send.lock().unwrap().clone() {
            return Err(error);
        }
        let to = person.phone.map_or("nowhere", Phone::e164).to_owned();
        self.sent.lock().unwrap().push(to);
        Ok(())
    }

    fn shown_number(&self, person: &Person<'_>) -> Option<String> {
        person.phone.map(Phone::masked)
    }

    fn name(&self) -> &'static str {
        "vendor"
    }
}

impl Vendor {
    fn asked(&self) -> usize {
        self.asked.lock().unwrap().len()
    }
}

/// A world in which the vendor judges keys of apps (`totp`), and sends and judges tokens by SMS (`sms`).
async fn world(sms: bool, totp: bool) -> (World, Arc<Vendor>) {
    let (world, vendor) = (World::new().await, Arc::new(Vendor::default()));
    for door in &world.doors {
        let before = door.settings.load_full();
        let mut providers = Providers::default();
        let mut add = |factor, only_if_sent| {
            let judge = vendor.clone();
            providers.checkers.push(Checker {
                factor,
                only_if_sent,
                judge,
            });
        };
        if sms {
            add(FactorKind::Sms, true);
        }
        if totp {
            add(FactorKind::Totp, false);
        }
        if sms {
            providers.token_sender = Some(vendor.clone());
        }
        door.settings.store(Arc::new(Settings {
            config: before.config.clone(),
            sms: if sms { None } else { before.sms.clone() },
            providers,
        }));
    }
    (world, vendor)
}

impl Vendor {
    fn calls_right(&self, token: &str) {
        *self.right.lock().unwrap() = Some(token.to_owned());
    }
}

#[tokio::test]
async fn a_providers_token_lets_in_once() {
    let (world, vendor) = world(false, true).await;
    vendor.calls_right("7654321");
    let session = world.challenged("carl").await;
    let view = world.door().challenge_view(&session, world.now()).await.unwrap();
    assert!(
        view.totp && !view.nothing_enrolled,
        "the vendor's devices count as enrolled"
    );
    assert_eq!(world.says(&session, "7654321").await, "verified totp");
    // The vendor still calls it right, and on another gateway.
    let again = world.challenged("carl").await;
    let verdict = world.doors[1]
        .verify_token(&again, "7654321", world.now())
        .await
        .unwrap();
    assert_eq!(word(&verdict), "used");
    world.clock.advance(61 * MINUTE);
    let audited = world.audited("factor.verified").await;
    assert_eq!(audited.len(), 1);
    assert!(!format!("{audited:?}").contains("7654321"));
}

#[tokio::test]
async fn i7_one_right_token_in_two_sessions_at_once_lets_in_once() {
    let (world, vendor) = world(false, true).await;
    vendor.calls_right("7654321");
    let (one, two) = (world.challenged("ben").await, world.challenged("ben").await);
    let now = world.now();
    let (one, two) = tokio::join!(
        world.doors[0].verify_token(&one, "7654321", now),
        world.doors[1].verify_token(&two, "7654321", now)
    );
    let mut words = [word(&one.unwrap()), word(&two.unwrap())];
    words.sort();
    assert_eq!(words, ["used", "verified totp"]);
}

#[tokio::test]
async fn a_provider_is_asked_last() {
    let (world, vendor) = world(false, true).await;
    let session = world.challenged("anna").await;
    assert_eq!(world.says(&session, &world.key(0)).await, "verified totp");
    let session = world.challenged("anna").await;
    assert_eq!(world.says(&session, &world.key(0)).await, "used");
    assert_eq!(world.says(&session, "ABCD-EFGH-2345-6789").await, "wrong 3");
    assert_eq!(world.says(&session, "letters").await, "wrong 2");
    assert_eq!(vendor.asked(), 0);
    assert_eq!(world.says(&session, &world.wrong()).await, "wrong 1");
    assert_eq!(vendor.asked(), 1);
}

#[tokio::test]
async fn i8_guesses_are_counted_before_a_provider_is_asked() {
    let (world, vendor) = world(false, true).await;
    let session = world.challenged("carl").await;
    for _ in 0..12 {
        world.verify(&session, "7777777").await.unwrap();
    }
    assert_eq!(vendor.asked(), 5, "then it is locked");
    vendor.calls_right("7654321");
    assert_eq!(world.says(&session, "7654321").await, "locked");
    assert_eq!(vendor.asked(), 5);
}

#[tokio::test]
async fn i8_what_a_provider_cannot_judge_is_no_failure() {
    let (world, vendor) = world(false, true).await;
    *vendor.silent.lock().unwrap() = true;
    let session = world.challenged("carl").await;
    for _ in 0..7 {
        assert_eq!(world.says(&session, "7654321").await, "unavailable");
    }
    assert_eq!(world.employee("carl").await.failures, 0);
    // Anna's own key goes on, and a wrong one is a failure: doorstep judged it itself.
    let session = world.challenged("anna").await;
    assert_eq!(world.says(&session, &world.wrong()).await, "wrong 4");
    assert_eq!(
        world.says(&session, "7654321").await,
        "unavailable",
        "too long for her own key"
    );
    assert_eq!(world.employee("anna").await.failures, 1);
    assert_eq!(world.says(&session, &world.key(0)).await, "verified totp");
}

#[tokio::test]
async fn i9_a_provider_that_is_silent_lets_nobody_in() {
    let (world, vendor) = world(false, true).await;
    vendor.calls_right("7654321");
    *vendor.silent.lock().unwrap() = true;
    let session = world.challenged("ben").await;
    assert_eq!(world.says(&session, "7654321").await, "unavailable");
    assert_eq!(world.texted(&session).await.len(), 6, "SMS goes on");
}

#[tokio::test]
async fn what_a_firm_does_not_allow_is_not_asked_about() {
    let (world, vendor) = world(true, true).await;
    vendor.calls_right("7654321");
    world.set_factors(&[FactorKind::Push]).await;
    let session = world.challenged("anna").await;
    assert_eq!(world.says(&session, "7654321").await, "nothing enrolled");
    let outcome = world.door().send_sms(&session, world.now()).await.unwrap();
    assert_eq!(outcome, SmsOutcome::NoNumber);
    assert_eq!(vendor.asked(), 0);
}

#[tokio::test]
async fn after_a_reset_the_lost_phone_opens_nothing_through_a_provider() {
    let (world, vendor) = world(true, true).await;
    vendor.calls_right("7654321");
    world
        .door()
        .directory
        .reset_employee(&ops(), &name("anna"), world.now())
        .await
        .unwrap();
    let session = world.challenged("anna").await;
    assert_eq!(world.says(&session, "7654321").await, "nothing enrolled");
    let outcome = world.door().send_sms(&session, world.now()).await.unwrap();
    assert_eq!(outcome, SmsOutcome::NoNumber);
    assert_eq!((vendor.asked(), vendor.sent.lock().unwrap().len()), (0, 0));
    world
        .door()
        .directory
        .confirm_phone(&ops(), &name("anna"), world.now())
        .await
        .unwrap();
    assert_eq!(world.says(&session, "7654321").await, "verified totp");
}

#[tokio::test]
async fn i10_what_ended_while_a_provider_judged_lets_nobody_in() {
    let (world, vendor) = world(false, true).await;
    vendor.calls_right("7654321");
    let session = world.challenged("ben").await;
    let (door, now): (_, Timestamp) = (world.doors[1].clone(), world.now());
    let change: Meanwhile = Box::new(move || {
        Box::pin(async move {
            door.directory
                .reset_employee(&ops(), &name("ben"), now)
                .await
                .unwrap();
        })
    });
    *vendor.meanwhile.lock().unwrap() = Some(change);
    assert_eq!(world.says(&session, "7654321").await, "ended");
}

#[tokio::test]
async fn a_token_that_the_provider_sends_is_noted_and_judged_there() {
    let (world, vendor) = world(true, false).await;
    vendor.calls_right("314159");
    let session = world.challenged("ben").await;
    // Nothing was sent in this challenge: nobody is asked about it.
    assert_eq!(world.says(&session, "314159").await, "wrong 4");
    assert_eq!(vendor.asked(), 0);
    let outcome = world.door().send_sms(&session, world.now()).await.unwrap();
    let SmsOutcome::Sent(sent) = outcome else {
        panic!("{outcome:?}");
    };
    assert_eq!(sent.number, "+1 ••• ••• 0103");
    let view = world.door().challenge_view(&session, world.now()).await.unwrap();
    assert_eq!(view.sms_sent, Some(sent));
    let again = world.door().send_sms(&session, world.now()).await.unwrap();
    assert!(matches!(again, SmsOutcome::Limited { .. }), "{again:?}");
    assert_eq!(world.says(&session, "271828").await, "wrong 3");
    assert_eq!(world.says(&session, "314159").await, "verified sms");
    assert_eq!(*vendor.sent.lock().unwrap(), ["+14155550103"]);
}

#[tokio::test]
async fn e7_a_providers_token_counts_for_the_number_it_went_to() {
    let (world, vendor) = world(true, false).await;
    vendor.calls_right("314159");
    let session = world.challenged("ben").await;
    world.door().send_sms(&session, world.now()).await.unwrap();
    let moved = EmployeeChanges {
        phone: Some(Phone::parse("+14155550199", None).ok()),
        ..EmployeeChanges::default()
    };
    let directory = &world.door().directory;
    directory
        .set_employee(&ops(), &name("ben"), &moved, world.now())
        .await
        .unwrap();
    assert_eq!(world.says(&session, "314159").await, "ended");
    // Nor in the challenge of a new sign-in, for which none was sent.
    let session = world.challenged("ben").await;
    assert_eq!(world.says(&session, "314159").await, "wrong 4");
    assert_eq!(vendor.asked(), 0);
}

#[tokio::test]
async fn a_send_that_failed_costs_nothing_and_one_unanswered_does() {
    let (world, vendor) = world(true, false).await;
    let session = world.challenged("ben").await;
    for error in [
        SendError::Unavailable("down".into()),
        SendError::Refused("no".into()),
    ] {
        for _ in 0..6 {
            *vendor.refuses_to_send.lock().unwrap() = Some(error.clone());
            let outcome = world.door().send_sms(&session, world.now()).await.unwrap();
            assert_eq!(outcome, SmsOutcome::Unavailable);
            assert!(world.open(&session).await.value.sms.is_empty());
            world.clock.advance(31 * SECOND);
        }
    }
    *vendor.refuses_to_send.lock().unwrap() = Some(SendError::Unanswered("hangs".into()));
    let session = world.challenged("ben").await;
    let outcome = world.door().send_sms(&session, world.now()).await.unwrap();
    assert_eq!(outcome, SmsOutcome::Unavailable);
    assert_eq!(world.open(&session).await.value.sms.len(), 1, "it may arrive");
}

#[tokio::test]
async fn a_change_is_confirmed_by_a_providers_token_too() {
    let (world, vendor) = world(true, true).await;
    vendor.calls_right("314159");
    let session = world.challenged("ben").await;
    let confirm = async |typed: &str| {
        world
            .door()
            .confirm_token(&session, typed, world.now())
            .await
            .unwrap()
    };
    let means = world
        .door()
        .means_to_confirm(&session, world.now())
        .await
        .unwrap();
    assert!(means.totp && means.sms_number.is_some());
    let sent = world
        .door()
        .send_confirmation_sms(&session, world.now())
        .await
        .unwrap();
    assert!(matches!(sent, SmsOutcome::Sent(_)), "{sent:?}");
    *vendor.silent.lock().unwrap() = true;
    assert_eq!(confirm("314159").await, Confirmation::Unavailable);
    *vendor.silent.lock().unwrap() = false;
    assert_eq!(confirm("271828").await, Confirmation::Wrong { left: 4 });
    assert_eq!(confirm("314159").await, Confirmation::Confirmed(FactorKind::Sms));
    assert_eq!(confirm("314159").await, Confirmation::Used);
}

/// The providers that this `[factors]` makes, at work in a world.
async fn configured(factors: &str) -> World {
    let text = format!(
        "[listen]\naddress = \"127.0.0.1:8443\"\npublic_url = \"https://portal.example.com\"\n\
         [portal]\nupstream = \"http://127.0.0.1:8081\"\n\
         [[portal.login]]\npath = \"/login\"\nusername = {{ form = \"email\" }}\nsuccess = {{ status = [302] }}\n\
         [factors]\n{factors}\n"
    );
    let world = World::new().await;
    std::fs::write(world.folder.join("authy.key"), format!("{AUTHY_KEY}\n")).unwrap();
    std::fs::write(world.folder.join("twilio.token"), format!("{TWILIO_TOKEN}\n")).unwrap();
    std::fs::write(world.folder.join("duo.key"), format!("{DUO_SKEY}\n")).unwrap();
    let config = Config::parse(&text, &world.folder.join("doorstep.toml")).unwrap();
    let sender = sms_sender(config.factors.sms.as_ref().unwrap(), &config.listen.public_url);
    let settings = Settings {
        sms: sender.unwrap(),
        providers: providers(&config).unwrap(),
        config,
    };
    world.door().settings.store(Arc::new(settings));
    world
}

async fn send(world: &World, session: &crate::access::LiveSession) {
    let outcome = world.door().send_sms(session, world.now()).await.unwrap();
    assert!(matches!(outcome, SmsOutcome::Sent(_)), "{outcome:?}");
}

#[tokio::test]
async fn authy_from_its_configuration_to_the_way_in() {
    let simulator = AuthySimulator::start().await;
    let keys = format!(
        "provider = \"authy\", api_key_file = \"authy.key\", base_url = \"{}\"",
        simulator.url
    );
    let world = configured(&format!("sms = {{ {keys} }}\ntotp = {{ {keys} }}")).await;
    let session = world.challenged("ben").await;
    send(&world, &session).await;
    assert_eq!(world.says(&session, "7777777").await, "wrong 4");
    assert_eq!(
        simulator.desk.count("/verify/"),
        1,
        "asked once, though it is named twice"
    );
    assert_eq!(world.says(&session, &simulator.texted()).await, "verified sms");
    simulator.app_shows("1", "4155550103", "7654321");
    let session = world.challenged("ben").await;
    assert_eq!(world.says(&session, "7654321").await, "verified totp");
    // The id is kept in the directory.
    assert_eq!(simulator.desk.count("users/new"), 1);
}

#[tokio::test]
async fn twilio_verify_from_its_configuration_to_the_way_in() {
    let simulator = TwilioSimulator::start().await;
    let keys = format!(
        "provider = \"twilio-verify\", account_sid = \"{TWILIO_ACCOUNT}\", auth_token_file = \"twilio.token\", \
         service_sid = \"{TWILIO_SERVICE}\", base_url = \"{}\"",
        simulator.url
    );
    let world = configured(&format!("sms = {{ {keys} }}\ntotp = {{ {keys} }}")).await;
    let session = world.challenged("ben").await;
    send(&world, &session).await;
    let code = simulator.code("+14155550103");
    assert_eq!(world.says(&session, &code).await, "verified sms");
    simulator.enrol(&identity(TWILIO_SERVICE, &name("carl")), "totp", "2222222");
    let session = world.challenged("carl").await;
    assert_eq!(world.says(&session, "2222222").await, "verified totp");
    assert_eq!(simulator.desk.count("VerificationCheck"), 1);
}

#[tokio::test]
async fn duo_from_its_configuration_to_the_way_in() {
    let simulator = DuoSimulator::start(SystemClock.now()).await;
    let user = DuoUser {
        preauth: "auth",
        passcodes: vec!["1234567".to_owned()],
        ..DuoUser::default()
    };
    simulator.set("carl", user);
    let keys = format!(
        "provider = \"duo\", base_url = \"{}\", integration_key = \"{DUO_IKEY}\", secret_key_file = \"duo.key\"",
        simulator.url
    );
    let world = configured(&format!("sms = {{ {keys} }}\npush = {{ {keys} }}")).await;
    let session = world.challenged("carl").await;
    let view = world.door().challenge_view(&session, world.now()).await.unwrap();
    assert_eq!(view.sms_number.as_deref(), Some("your phone"));
    send(&world, &session).await;
    let sent = simulator.passcodes("carl").remove(0);
    assert_eq!(world.says(&session, &sent).await, "verified sms");
    let bypass = DuoUser {
        preauth: "allow",
        passcodes: vec!["1234567".to_owned()],
        ..DuoUser::default()
    };
    simulator.set("carl", bypass);
    let session = world.challenged("carl").await;
    assert_eq!(
        world.says(&session, "1234567").await,
        "unavailable",
        "a bypass opens nothing"
    );
    assert!(world.door().settings.load().providers.approver.is_some());
}

#[tokio::test]
async fn twilio_messaging_sends_doorsteps_own_token() {
    let simulator = TwilioSimulator::start().await;
    let world = configured(&format!(
        "sms = {{ provider = \"twilio\", account_sid = \"{TWILIO_ACCOUNT}\", auth_token_file = \"twilio.token\", \
         from = \"Acme\", base_url = \"{}\" }}",
        simulator.url
    ))
    .await;
    let session = world.challenged("ben").await;
    send(&world, &session).await;
    let message = simulator.messages().remove(0);
    let token = message["Body"].rsplit_once('#').unwrap().1;
    assert_eq!(
        message["StatusCallback"],
        "https://portal.example.com/.doorstep/callbacks/twilio"
    );
    assert_eq!(world.says(&session, token).await, "verified sms");
}
