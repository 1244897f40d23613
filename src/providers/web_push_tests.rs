use ring::signature::{ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, UnparsedPublicKey};
use web_push_native::decrypt;
use web_push_native::p256::SecretKey;

use super::*;

const UA_PRIVATE: &str = "q1dXpw3UpT5VOmu_cf_v6ih07Aems3njxI-JWgLcM94";
const UA_PUBLIC: &str =
    "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4";
const AUTH: &str = "BTBZMqHH6r4Tts7J_aSIgg";

fn signer(public_url: &str) -> Signer {
    let made = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new()).unwrap();
    let pair = EcdsaKeyPair::from_pkcs8(
        &ECDSA_P256_SHA256_FIXED_SIGNING,
        made.as_ref(),
        &SystemRandom::new(),
    )
    .unwrap();
    Signer::new(pair, &Origin::parse(public_url).unwrap())
}

fn bytes(text: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(text).unwrap()
}

#[test]
fn rfc_8291_appendix_a_is_understood() {
    let body = "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6Tlz\
                AC8wEqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN";
    let key = SecretKey::from_slice(&bytes(UA_PRIVATE)).unwrap();
    let auth = Auth::clone_from_slice(&bytes(AUTH));
    let plain = decrypt(bytes(body), &key, &auth).unwrap();
    assert_eq!(plain, b"When I grow up, I want to be a watermelon");
}

#[test]
fn what_is_sealed_for_a_browser_opens_there_and_nowhere_else() {
    let subscription = Subscription {
        endpoint: String::new(),
        p256dh: UA_PUBLIC.to_owned(),
        auth: AUTH.to_owned(),
    };
    let body = sealed_for(&subscription, b"0123").unwrap();
    let key = SecretKey::from_slice(&bytes(UA_PRIVATE)).unwrap();
    let auth = Auth::clone_from_slice(&bytes(AUTH));
    assert_eq!(decrypt(body.clone(), &key, &auth).unwrap(), b"0123");
    assert!(decrypt(body, &key, &Auth::clone_from_slice(&[0; 16])).is_err());
    for (p256dh, auth) in [("", AUTH), (AUTH, AUTH), (UA_PUBLIC, ""), (UA_PUBLIC, UA_PUBLIC)] {
        let broken = Subscription {
            p256dh: p256dh.to_owned(),
            auth: auth.to_owned(),
            ..subscription.clone()
        };
        assert!(!is_usable(&broken));
    }
}

#[test]
fn a_signature_names_the_services_origin_and_holds_for_less_than_a_day() {
    let signer = signer("https://portal.example.com");
    let url = Url::parse("https://push.example.net:8443/p/abc").unwrap();
    let now = Timestamp(1_795_000_000_000);
    let text = signer.authorization(&url, now).unwrap();
    let (token, key) = text.strip_prefix("vapid t=").unwrap().split_once(", k=").unwrap();
    let (signed, signature) = token.rsplit_once('.').unwrap();
    UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, bytes(key))
        .verify(signed.as_bytes(), &bytes(signature))
        .unwrap();
    let claims: serde_json::Value =
        serde_json::from_slice(&bytes(signed.split_once('.').unwrap().1)).unwrap();
    assert_eq!(claims["aud"], "https://push.example.net:8443");
    assert_eq!(claims["exp"], 1_795_000_000 + 12 * 3600);
    assert_eq!(claims["sub"], "https://portal.example.com");
}

#[test]
fn no_endpoint_leads_into_the_gateways_own_network() {
    let (far, near) = (
        signer("https://portal.example.com"),
        signer("http://127.0.0.1:8080"),
    );
    for (endpoint, from_far, from_near) in [
        ("https://fcm.googleapis.com/fcm/send/x", true, true),
        ("http://fcm.googleapis.com/fcm/send/x", false, false),
        ("https://user@fcm.googleapis.com/", false, false),
        ("https://10.0.0.1/", false, false),
        ("https://169.254.169.254/latest", false, false),
        ("https://[::1]/", false, true),
        ("https://127.0.0.1/", false, true),
        ("http://127.0.0.1:9000/p", false, true),
        ("http://localhost:9000/p", false, true),
        ("https://2130706433/", false, true),
        ("https://redis/", false, false),
        ("file:///etc/passwd", false, false),
        ("nothing", false, false),
    ] {
        assert_eq!(far.would_ask(endpoint), from_far, "{endpoint}");
        assert_eq!(near.would_ask(endpoint), from_near, "{endpoint}");
    }
}
