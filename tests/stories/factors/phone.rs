//! A phone as far as the protocol shows one: a key of its own, and what it signs with it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::{Method, Request};
use ring::digest;
use ring::rand::{SecureRandom as _, SystemRandom};
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use serde_json::{Value, json};

use crate::support::{Answer, Browser, Gateway, client, page};

/// What stands before the point in a P-256 key's SubjectPublicKeyInfo (RFC 5480 2).
const SPKI: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86,
    0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];

/// An enrolled phone.
pub struct Phone {
    pair: EcdsaKeyPair,
    /// Its id.
    pub id: String,
    /// The key by which push services know the gateway (`applicationServerKey`).
    pub push_key: String,
    origin: String,
    address: std::net::SocketAddr,
}

impl Phone {
    /// Adds a phone to whoever is signed in, confirmed by `proof`.
    pub async fn added_by(browser: &Browser, gateway: &Gateway, proof: &str) -> Self {
        let asks = browser.get("/.doorstep/enroll/push").await.expect(200).text();
        let form = page::form(&asks, "enroll/push");
        let made = browser
            .send_challenge_form(&form, &[("proof", proof)])
            .await
            .expect(200)
            .text();
        let (_, rest) = made
            .split_once("#enrol=")
            .unwrap_or_else(|| panic!("no code: {made}"));
        let code: String = rest
            .chars()
            .take_while(|c| c.is_ascii_alphanumeric() || "-_".contains(*c))
            .collect();
        Self::enrolled(gateway, &code).await
    }

    /// Redeems the code that the page shows.
    pub async fn enrolled(gateway: &Gateway, code: &str) -> Self {
        let random = SystemRandom::new();
        let made = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
        let pair =
            EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, made.as_ref(), &random).unwrap();
        let key = URL_SAFE_NO_PAD.encode([&SPKI[..], pair.public_key().as_ref()].concat());
        let mut phone = Self {
            pair,
            id: String::new(),
            push_key: String::new(),
            origin: gateway.origin.clone(),
            address: gateway.address,
        };
        let message = format!("doorstep-device-1\n{}\n{code}\n{key}", phone.origin);
        let body = json!({"code": code, "name": "Pixel", "key": key, "signature": phone.sign(&message)});
        let told = phone.post("register", &body, None).await.expect(201).json();
        phone.id = told["id"].as_str().unwrap().to_owned();
        phone.push_key = told["push_key"].as_str().unwrap().to_owned();
        phone
    }

    fn sign(&self, text: &str) -> String {
        let signed = self.pair.sign(&SystemRandom::new(), text.as_bytes()).unwrap();
        URL_SAFE_NO_PAD.encode(signed)
    }

    async fn post(&self, name: &str, body: &Value, signed: Option<[(&str, String); 4]>) -> Answer {
        let mut request = Request::builder()
            .method(Method::POST)
            .uri(format!("/.doorstep/phone/{name}"))
            .header("host", self.address.to_string())
            .header("origin", &self.origin)
            .header("content-type", "application/json");
        for (name, value) in signed.into_iter().flatten() {
            request = request.header(name, value);
        }
        let request = request.body(Bytes::from(body.to_string())).unwrap();
        client::send(self.address, request).await.unwrap()
    }

    /// Asks as this phone.
    pub async fn ask(&self, name: &str, body: &Value) -> Answer {
        let time = now_ms().to_string();
        let mut nonce = [0; 16];
        SystemRandom::new().fill(&mut nonce).unwrap();
        let nonce = hex(&nonce);
        let hash = hex(digest::digest(&digest::SHA256, body.to_string().as_bytes()).as_ref());
        let path = format!("/.doorstep/phone/{name}");
        let text = [
            "doorstep-phone-1",
            &self.origin,
            "POST",
            &path,
            &time,
            &nonce,
            &hash,
        ]
        .join("\n");
        let signed = [
            ("doorstep-device", self.id.clone()),
            ("doorstep-time", time),
            ("doorstep-nonce", nonce),
            ("doorstep-signature", self.sign(&text)),
        ];
        self.post(name, body, Some(signed)).await
    }

    /// What waits for it now.
    pub async fn pending(&self) -> Vec<Value> {
        let told = self.ask("pending", &json!({})).await.expect(200).json();
        told["requests"].as_array().cloned().unwrap_or_default()
    }

    /// Answers a request.
    pub async fn decide(&self, request: &Value, decision: &str, digits: &str) -> Answer {
        let payload = json!({
            "v": 1, "origin": self.origin, "challenge": request["challenge"], "nonce": request["id"],
            "decision": decision, "digits": digits, "exp": now_ms() + 60_000,
        })
        .to_string();
        let signature = self.sign(&payload);
        self.ask("answer", &json!({"payload": payload, "signature": signature}))
            .await
    }
}

/// The digits that the challenge page shows.
pub async fn digits(browser: &Browser) -> String {
    let page = browser
        .get(crate::support::browser::CHALLENGE)
        .await
        .expect(200)
        .text();
    let (_, rest) = page
        .split_once("class=\"digits\"")
        .unwrap_or_else(|| panic!("no digits: {page}"));
    let (_, rest) = rest.split_once('>').unwrap();
    rest.chars().take(2).collect()
}

pub fn now_ms() -> i64 {
    let since = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap();
    i64::try_from(since.as_millis()).unwrap()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
