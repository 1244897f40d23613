//! An authenticator in software, for tests: one credential on P-256 (WebAuthn level 2, section 6), told how to misbehave.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest::{SHA256, digest};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _};
use serde_json::{Value, json};

use crate::secret::random_bytes;

const USER_PRESENT: u8 = 1;
const USER_VERIFIED: u8 = 4;
const CREDENTIAL: u8 = 0x40;

/// One credential, and what it says of itself.
pub struct Authenticator {
    pair: EcdsaKeyPair,
    id: [u8; 32],
    /// The origin that its browser claims.
    pub origin: String,
    /// The relying party that it signs for.
    pub site: String,
    /// What its counter will say next; 0: it does not count.
    pub counter: u32,
    /// Whether it asks for a finger, face or PIN.
    pub verifies: bool,
}

impl Authenticator {
    pub fn new(origin: &str, site: &str) -> Self {
        let random = SystemRandom::new();
        let key = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &random).unwrap();
        Self {
            pair: EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, key.as_ref(), &random).unwrap(),
            id: random_bytes(),
            origin: origin.to_owned(),
            site: site.to_owned(),
            counter: 1,
            verifies: true,
        }
    }

    /// As `navigator.credentials.create` answers these options.
    pub fn make(&mut self, options: &Value) -> String {
        let mut data = self.data(CREDENTIAL);
        data.extend([0; 16]);
        data.extend([0, 32]);
        data.extend(self.id);
        data.extend(self.public_key());
        // {"fmt": "none", "attStmt": {}, "authData": h'…'} in CBOR (RFC 8949)
        let mut object = b"\xa3\x63fmt\x64none\x67attStmt\xa0\x68authData\x58".to_vec();
        object.push(u8::try_from(data.len()).unwrap());
        object.extend(data);
        self.answer(json!({
            "clientDataJSON": self.client_data("webauthn.create", options),
            "attestationObject": URL_SAFE_NO_PAD.encode(object),
            "transports": ["internal"],
        }))
    }

    /// As `navigator.credentials.get` answers these options.
    pub fn sign(&mut self, options: &Value) -> String {
        let client = self.client_data("webauthn.get", options);
        let data = self.data(0);
        let hash = digest(&SHA256, &URL_SAFE_NO_PAD.decode(&client).unwrap());
        let message = [&data[..], hash.as_ref()].concat();
        let signature = self.pair.sign(&SystemRandom::new(), &message).unwrap();
        self.answer(json!({
            "clientDataJSON": client,
            "authenticatorData": URL_SAFE_NO_PAD.encode(data),
            "signature": URL_SAFE_NO_PAD.encode(signature.as_ref()),
            "userHandle": null,
        }))
    }

    fn answer(&self, response: Value) -> String {
        let id = URL_SAFE_NO_PAD.encode(self.id);
        json!({"id": id, "rawId": id, "type": "public-key", "extensions": {}, "response": response})
            .to_string()
    }

    fn client_data(&self, kind: &str, options: &Value) -> String {
        let challenge = &options["publicKey"]["challenge"];
        let data = json!({"type": kind, "challenge": challenge, "origin": self.origin, "crossOrigin": false});
        URL_SAFE_NO_PAD.encode(data.to_string())
    }

    fn data(&mut self, flags: u8) -> Vec<u8> {
        let verified = if self.verifies { USER_VERIFIED } else { 0 };
        let mut data = digest(&SHA256, self.site.as_bytes()).as_ref().to_vec();
        data.push(flags | USER_PRESENT | verified);
        data.extend(self.counter.to_be_bytes());
        if self.counter > 0 {
            self.counter += 1;
        }
        data
    }

    /// The key as COSE has it (RFC 9053 7.1): {1: 2, 3: -7, -1: 1, -2: x, -3: y}
    fn public_key(&self) -> Vec<u8> {
        let point = self.pair.public_key().as_ref();
        let mut key = b"\xa5\x01\x02\x03\x26\x20\x01\x21\x58\x20".to_vec();
        key.extend(&point[1..33]);
        key.extend(b"\x22\x58\x20");
        key.extend(&point[33..65]);
        key
    }
}
