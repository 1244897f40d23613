//! What the vendors' providers mean.

use super::words::{and, place_of};
use crate::config::{Config, SmsProvider, Vendor, show_duration};
use crate::sessions::Limit;

/// Where messages go.
pub(super) fn sms_place(provider: &SmsProvider) -> String {
    match provider {
        SmsProvider::File { path } => path.display().to_string(),
        SmsProvider::Http(template) => place_of(&template.url),
        SmsProvider::Twilio(twilio) => format!("Twilio, {}", place_of(twilio.base_url.as_str())),
        SmsProvider::Vendor(vendor) => place(vendor),
    }
}

/// Tokens by SMS that the vendor makes.
pub(super) fn vendor_sms(config: &Config, vendor: &Vendor) -> String {
    format!(
        "Tokens by SMS are made, sent and checked by {}; doorstep never knows them. {}",
        place(vendor),
        sms_limits(config)
    )
}

/// How many tokens are sent at most, and where to.
pub(super) fn sms_limits(config: &Config) -> String {
    let per = |limit: Limit| format!("{} in {}", limit.count, show_duration(limit.window));
    let limits = &config.limits;
    let countries = config.factors.sms.as_ref().and_then(|sms| sms.countries.shown());
    format!(
        "At most {} go to an employee and to a number, {} to sign-ins from one address, {} to a firm, {} in all, and none \
         before an accepted password; they go to {}.",
        per(limits.sms_per_employee),
        per(limits.sms_per_address),
        per(limits.sms_per_firm),
        per(limits.sms_in_all),
        countries.map_or_else(|| "every country".to_owned(), |named| format!("{named} only"))
    )
}

/// Who asks for approval, who else judges a typed token, how people are found there.
pub(super) fn vendor_sentences(config: &Config) -> Vec<String> {
    let factors = &config.factors;
    let mut say = Vec::new();
    if let Some(vendor) = &factors.push {
        say.push(format!(
            "{} asks for approval on the devices that are enrolled there; an approval that it calls back about counts once \
             it says so on asking.",
            place(vendor)
        ));
    }
    let all = all(config);
    if all.is_empty() {
        return say;
    }
    let places: Vec<String> = all.iter().map(|vendor| place(vendor)).collect();
    say.push(format!(
        "A typed token that none of doorstep's own keys and tokens fits is judged by {}; what cannot be judged there is no \
         failure.",
        and(&places)
    ));
    say.extend(all.iter().map(|vendor| {
        match vendor {
            Vendor::Authy(_) => "Authy finds employees by their number, and registers it at first use.".to_owned(),
            Vendor::Duo(_) => "Duo finds employees by their login; whom it would let in without asking (a bypass) is not let \
                               in here."
                .to_owned(),
            Vendor::Verify(verify) => format!(
                "Twilio Verify finds employees by their number, and their push and TOTP factors under the identity \
                 sha256(\"{}:\" + login in lower case) in hexadecimal.",
                verify.service_sid
            ),
        }
    }));
    say
}

/// What stops when a vendor does not answer.
pub(super) fn when_down(config: &Config) -> Vec<String> {
    let sends = vendor_of_sms(config).map(Vendor::name);
    all(config)
        .into_iter()
        .filter(|vendor| sends != Some(vendor.name()))
        .map(|vendor| {
            format!(
                "{}: its pushes and tokens cannot be used, and the page says so; everything else goes on.",
                place(vendor)
            )
        })
        .collect()
}

/// What speaks against a vendor.
pub(super) fn warnings(config: &Config) -> Vec<String> {
    let mut say = Vec::new();
    if all(config)
        .iter()
        .any(|vendor| matches!(vendor, Vendor::Authy(_)))
    {
        say.push(
            "Authy's API is closed to new customers and will be shut down, without a date; its SMS is not supported any \
             more."
                .to_owned(),
        );
    }
    say
}

/// The vendor that makes the tokens sent by SMS, if one does.
pub(super) fn vendor_of_sms(config: &Config) -> Option<&Vendor> {
    match config.factors.sms.as_ref().map(|sms| &sms.provider) {
        Some(SmsProvider::Vendor(vendor)) => Some(vendor),
        _ => None,
    }
}

/// Each vendor once.
fn all(config: &Config) -> Vec<&Vendor> {
    let factors = &config.factors;
    let sms = vendor_of_sms(config);
    let mut all: Vec<&Vendor> = Vec::new();
    for vendor in [sms, factors.push.as_ref(), factors.totp_provider.as_ref()]
        .into_iter()
        .flatten()
    {
        if all.iter().all(|known| known.name() != vendor.name()) {
            all.push(vendor);
        }
    }
    all
}

fn place(vendor: &Vendor) -> String {
    let name = match vendor {
        Vendor::Authy(_) => "Authy",
        Vendor::Verify(_) => "Twilio Verify",
        Vendor::Duo(_) => "Duo",
    };
    format!("{name} ({})", place_of(vendor.base_url().as_str()))
}
