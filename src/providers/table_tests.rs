//! Each provider against each fault, at each thing it is asked for: nothing is ever taken for a yes. Silence has
//! its tests beside each provider, as their time-outs are shortened there.

use std::sync::Arc;

use super::simulators::{
    AUTHY_KEY, AuthySimulator, DUO_IKEY, DUO_SKEY, Desk, DuoSimulator, DuoUser, Fault, NOW, Someone,
    TWILIO_ACCOUNT, TWILIO_SERVICE, TWILIO_TOKEN, TwilioSimulator, assert_tells_nothing,
};
use super::*;
use crate::clock::ManualClock;
use crate::config::{AuthySettings, DuoSettings, VerifySettings};
use crate::secret::Redacted;

const FAULTS: [Fault; 9] = [
    Fault::Status(302),
    Fault::Status(401),
    Fault::Status(429),
    Fault::Status(500),
    Fault::Status(503),
    Fault::Says(""),
    Fault::Says("<html>"),
    Fault::Says("{\"success\":\"true\",\"stat\":\"OK\",\"status\":\"approved\",\"valid\":tr"),
    Fault::Says("{}"),
];

/// A provider in all its roles, and what answers it.
struct Vendor {
    desk: Desk,
    sender: Arc<dyn TokenSender>,
    judges: Vec<Arc<dyn TokenChecker>>,
    approver: Arc<dyn Approver>,
    /// The simulator goes with it.
    _held: Box<dyn std::any::Any>,
}

async fn authy() -> Vendor {
    let simulator = AuthySimulator::start().await;
    simulator.app_shows("1", "4155550102", "7654321");
    let settings = AuthySettings {
        base_url: simulator.url.clone(),
        api_key: Redacted::new(AUTHY_KEY.to_owned()),
    };
    let clock = Arc::new(ManualClock::at(NOW));
    let authy = Arc::new(Authy::new(&settings, "portal.example.com", clock).unwrap());
    Vendor {
        desk: simulator.desk.clone(),
        sender: authy.clone(),
        judges: vec![authy.clone()],
        approver: authy,
        _held: Box::new(simulator),
    }
}

async fn verify() -> Vendor {
    let simulator = TwilioSimulator::start().await;
    let settings = VerifySettings {
        base_url: simulator.url.clone(),
        account_sid: TWILIO_ACCOUNT.to_owned(),
        auth_token: Redacted::new(TWILIO_TOKEN.to_owned()),
        service_sid: TWILIO_SERVICE.to_owned(),
    };
    let verify = Arc::new(Verify::new(&settings).unwrap());
    Vendor {
        desk: simulator.desk.clone(),
        sender: verify.clone(),
        judges: vec![
            Arc::new(VerifySms(verify.clone())),
            Arc::new(VerifyTotp(verify.clone())),
        ],
        approver: verify,
        _held: Box::new(simulator),
    }
}

async fn duo() -> Vendor {
    let simulator = DuoSimulator::start(NOW).await;
    let user = DuoUser {
        preauth: "auth",
        push: true,
        passcodes: vec!["1234567".to_owned()],
        ..DuoUser::default()
    };
    simulator.set(Someone::anna().login.as_str(), user);
    let settings = DuoSettings {
        base_url: simulator.url.clone(),
        integration_key: DUO_IKEY.to_owned(),
        secret_key: Redacted::new(DUO_SKEY.to_owned()),
    };
    let duo = Arc::new(Duo::new(&settings, Arc::new(ManualClock::at(NOW))).unwrap());
    Vendor {
        desk: simulator.desk.clone(),
        sender: duo.clone(),
        judges: vec![duo.clone()],
        approver: duo,
        _held: Box::new(simulator),
    }
}

async fn all() -> [(&'static str, Vendor); 3] {
    [
        ("authy", authy().await),
        ("twilio-verify", verify().await),
        ("duo", duo().await),
    ]
}

#[tokio::test]
async fn i9_whatever_goes_wrong_at_a_provider_nothing_is_taken_for_a_yes() {
    for fault in FAULTS {
        for (name, vendor) in all().await {
            let anna = Someone::anna();
            // As many as one step may ask for.
            let faults = [fault; 8];
            vendor.desk.fail(&faults);
            let what = format!("{name} {fault:?}");
            let asked = vendor.approver.ask(&anna.alert()).await;
            assert!(asked.is_err(), "{what}: {asked:?}");
            assert_tells_nothing(&format!("{asked:?}"));
            for judge in &vendor.judges {
                vendor.desk.fail(&faults);
                let checked = judge.check(&anna.person(), "1234567").await;
                assert_ne!(checked, Checked::Right, "{what}");
                assert_tells_nothing(&format!("{checked:?}"));
            }
            vendor.desk.fail(&faults);
            let sent = vendor.sender.send_own(&anna.person()).await;
            assert!(sent.is_err(), "{what}: {sent:?}");
            assert_tells_nothing(&format!("{sent:?}"));
        }
    }
}

#[tokio::test]
async fn i9_an_approval_is_read_out_of_no_broken_answer() {
    for fault in FAULTS {
        for (name, vendor) in all().await {
            let anna = Someone::anna();
            let Ok(asked) = vendor.approver.ask(&anna.alert()).await else {
                // Verify pushes to what was enrolled there by its own app only: its own tests do that.
                assert_eq!(name, "twilio-verify");
                continue;
            };
            vendor.desk.fail(&[fault; 8]);
            let state = vendor.approver.state(&asked.id).await;
            let unknown = matches!(state, Err(AskError::Unavailable(_)) | Ok(ApprovalState::Pending));
            assert!(unknown, "{name} {fault:?}: {state:?}");
        }
    }
}
