//! A new passkey: what an authenticator is asked to make, and what it made.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use webauthn_rs::prelude::{PasskeyRegistration, RegisterPublicKeyCredential};

use super::passkey::{Site, read, user_handle};
use crate::access::{Doorstep, Unknown};
use crate::clock::Timestamp;
use crate::directory::{Employee, NewPasskey};

/// What is kept of an offer until it is answered. It travels in the form, sealed under the session's token.
#[derive(Serialize, Deserialize)]
pub struct Offered {
    state: PasskeyRegistration,
    since: Timestamp,
}

impl Offered {
    /// When it was made.
    pub fn since(&self) -> Timestamp {
        self.since
    }
}

impl Doorstep {
    /// Offers to enrol a passkey: the options for `navigator.credentials.create`, as JSON, and what is needed to
    /// judge the answer. `None` where there can be no passkeys.
    ///
    /// # Errors
    /// Where the directory cannot answer.
    pub async fn offer_passkey(
        &self,
        site: &Site,
        employee: &Employee,
        now: Timestamp,
    ) -> Result<Option<(Value, Offered)>, Unknown> {
        let standing = &employee.standing;
        let kept = self.directory.passkeys(&standing.login, &site.id).await?;
        let there = kept
            .iter()
            .filter_map(read)
            .map(|passkey| passkey.cred_id().clone());
        let started = site.verifier.start_passkey_registration(
            user_handle(self.directory.id(), &standing.login),
            standing.login.as_str(),
            &standing.name,
            Some(there.collect()),
        );
        let (options, state) = match started {
            Ok(started) => started,
            Err(error) => {
                tracing::error!(?error, "no passkey can be offered");
                return Ok(None);
            }
        };
        let options = serde_json::to_value(&options).ok();
        Ok(options.map(|options| (options, Offered { state, since: now })))
    }
}

/// Judges what an authenticator made: the passkey to keep, if it is good. The user was verified, by the
/// authenticator, for this site, in answer to this offer.
pub fn made(site: &Site, offered: &Offered, answer: &str, name: &str, epoch: i64) -> Option<NewPasskey> {
    let answer: RegisterPublicKeyCredential = serde_json::from_str(answer).ok()?;
    let passkey = match site.verifier.finish_passkey_registration(&answer, &offered.state) {
        Ok(passkey) => passkey,
        Err(error) => {
            tracing::info!(?error, "a new passkey was refused");
            return None;
        }
    };
    let key = serde_json::to_value(&passkey).ok()?;
    let counter = key.pointer("/cred/counter").and_then(Value::as_u64).unwrap_or(0);
    Some(NewPasskey {
        name: name.to_owned(),
        credential: URL_SAFE_NO_PAD.encode(passkey.cred_id()),
        site: site.id.clone(),
        key: key.to_string(),
        counter: u32::try_from(counter).unwrap_or(u32::MAX),
        epoch,
    })
}
