//! The providers that configuration names, made once per reading of the file.

use std::sync::Arc;

use super::{
    Authy, Callbacks, Checker, Duo, FileSender, HttpSender, Providers, SmsSender, TokenSender, Twilio,
    Verify, VerifySms, VerifyTotp,
};
use crate::clock::{Clock, SystemClock};
use crate::config::{Config, Origin, SmsProvider, SmsSettings, Vendor};
use crate::gate::FactorKind;

/// Where Twilio tells what became of a message.
const TWILIO_CALLBACK: &str = "/.doorstep/callbacks/twilio";

/// Who sends the tokens that doorstep makes, if `[factors] sms` asks for such a one.
///
/// # Errors
/// A sentence that says what is wrong with the settings.
pub fn sms_sender(settings: &SmsSettings, public_url: &Origin) -> Result<Option<Arc<dyn SmsSender>>, String> {
    Ok(Some(match &settings.provider {
        SmsProvider::File { path } => Arc::new(FileSender::new(path.clone(), Arc::new(SystemClock))),
        SmsProvider::Http(template) => Arc::new(HttpSender::new(template)?),
        SmsProvider::Twilio(twilio) => {
            // It calls nobody back on a loopback address.
            let reachable = public_url.is_secure() && !public_url.is_loopback();
            let callback = reachable.then(|| format!("{public_url}{TWILIO_CALLBACK}"));
            Arc::new(Twilio::new(twilio, callback)?)
        }
        SmsProvider::Vendor(_) => return Ok(None),
    }))
}

/// Everybody else who is asked.
///
/// # Errors
/// A sentence that says what is wrong with the settings.
pub fn providers(config: &Config) -> Result<Providers, String> {
    let factors = &config.factors;
    let mut all = Providers {
        callbacks: callbacks(config),
        ..Providers::default()
    };
    let host = config.listen.public_url.host();
    if let Some(SmsProvider::Vendor(vendor)) = factors.sms.as_ref().map(|sms| &sms.provider) {
        let (sender, judge): (Arc<dyn TokenSender>, _) = match vendor {
            Vendor::Authy(settings) => {
                let authy = Arc::new(Authy::new(settings, host, clock())?);
                (authy.clone(), authy as _)
            }
            Vendor::Duo(settings) => {
                let duo = Arc::new(Duo::new(settings, clock())?);
                (duo.clone(), duo as _)
            }
            Vendor::Verify(settings) => {
                let verify = Arc::new(Verify::new(settings)?);
                (verify.clone(), Arc::new(VerifySms(verify)) as _)
            }
        };
        all.token_sender = Some(sender);
        all.checkers.push(Checker {
            factor: FactorKind::Sms,
            only_if_sent: true,
            judge,
        });
    }
    for vendor in [&factors.push, &factors.totp_provider].into_iter().flatten() {
        let judge = match vendor {
            Vendor::Authy(settings) => Arc::new(Authy::new(settings, host, clock())?) as _,
            Vendor::Duo(settings) => Arc::new(Duo::new(settings, clock())?) as _,
            Vendor::Verify(settings) => Arc::new(VerifyTotp(Arc::new(Verify::new(settings)?))) as _,
        };
        all.checkers.push(Checker {
            factor: FactorKind::Totp,
            only_if_sent: false,
            judge,
        });
    }
    all.approver = match &factors.push {
        None => None,
        Some(Vendor::Authy(settings)) => Some(Arc::new(Authy::new(settings, host, clock())?)),
        Some(Vendor::Duo(settings)) => Some(Arc::new(Duo::new(settings, clock())?)),
        Some(Vendor::Verify(settings)) => Some(Arc::new(Verify::new(settings)?)),
    };
    Ok(all)
}

/// Duo calls nobody back.
fn callbacks(config: &Config) -> Callbacks {
    let factors = &config.factors;
    let mut callbacks = Callbacks::default();
    let sms = match factors.sms.as_ref().map(|sms| &sms.provider) {
        Some(SmsProvider::Twilio(twilio)) => {
            callbacks.add_twilio(&twilio.auth_token);
            None
        }
        Some(SmsProvider::Vendor(vendor)) => Some(vendor),
        _ => None,
    };
    for vendor in [sms, factors.push.as_ref(), factors.totp_provider.as_ref()]
        .into_iter()
        .flatten()
    {
        match vendor {
            Vendor::Authy(authy) => callbacks.add_authy(&authy.api_key),
            Vendor::Verify(verify) => callbacks.add_twilio(&verify.auth_token),
            Vendor::Duo(_) => {}
        }
    }
    callbacks
}

fn clock() -> Arc<dyn Clock> {
    Arc::new(SystemClock)
}
