//! Signatures against vectors computed with the vendors' own clients.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;
use serde_json::{Value, json};

use super::duo_signature::{Signed, params};
use super::signature::{authy_params, authy_signature_fits, twilio_body_fits, twilio_form_fits};

/// authy-python's code; Twilio's ECMAScript sample gives the same.
fn nested() -> Value {
    json!({
        "authy_id": 1234,
        "device_uuid": "cea50e20",
        "callback_action": "approval_request_status",
        "uuid": "cdbabf40-1c65-0133-d113-34363b620e52",
        "status": "approved",
        "approval_request": {
            "transaction": {
                "details": {"Email Address": "jdoe@example.com"},
                "hidden_details": {"ip": "1.1.1.1"},
                "encrypted": false,
                "device_geolocation": null,
                "message": "Request to Login"
            },
            "logos": [{"res": "low", "url": "http://a/b"}],
            "expiration_timestamp": 946_641_599
        }
    })
}

const NESTED_PARAMS: &str = "approval_request%5Bexpiration_timestamp%5D=946641599\
    &approval_request%5Blogos%5D%5B%5D%5Bres%5D=low\
    &approval_request%5Blogos%5D%5B%5D%5Burl%5D=http%3A%2F%2Fa%2Fb\
    &approval_request%5Btransaction%5D%5Bdetails%5D%5BEmail+Address%5D=jdoe%40example.com\
    &approval_request%5Btransaction%5D%5Bdevice_geolocation%5D=\
    &approval_request%5Btransaction%5D%5Bencrypted%5D=false\
    &approval_request%5Btransaction%5D%5Bhidden_details%5D%5Bip%5D=1.1.1.1\
    &approval_request%5Btransaction%5D%5Bmessage%5D=Request+to+Login\
    &authy_id=1234&callback_action=approval_request_status&device_uuid=cea50e20&status=approved\
    &uuid=cdbabf40-1c65-0133-d113-34363b620e52";

#[test]
fn authy_signs_a_nested_body() {
    let key = "0123456789abcdef0123456789abcdef";
    let url = "https://gw.example.com/authy/callback";
    let signature = "SdsljHXHx8AitUlQ3EMYpEYAIeUPNM+yL+HDHqmpfqo=";
    let body = nested();
    assert_eq!(authy_params(&body), [NESTED_PARAMS]);
    let fits = |key, nonce, method, url, body: &Value, signature: &str| {
        authy_signature_fits(key, nonce, method, url, body, signature)
    };
    assert!(fits(key, "123456", "POST", url, &body, signature));
    assert!(!fits(
        "0123456789abcdef0123456789abcdee",
        "123456",
        "POST",
        url,
        &body,
        signature
    ));
    assert!(!fits(key, "123457", "POST", url, &body, signature));
    assert!(!fits(key, "123456", "GET", url, &body, signature));
    assert!(!fits(
        key,
        "123456",
        "POST",
        "https://gw.example.com/authy/callback2",
        &body,
        signature
    ));
    assert!(!fits(key, "123456", "POST", url, &body, ""));
    assert!(!fits(key, "123456", "POST", url, &body, "c2hvcnQ="));
    let mut denied = body.clone();
    denied["status"] = json!("denied");
    assert!(!fits(key, "123456", "POST", url, &denied, signature));
    assert!(!fits(key, "123456", "POST", url, &json!({}), signature));
}

#[test]
fn authy_signs_flat_parameters() {
    let url = "https://api.authy.com/dashboard/json/application/webhooks";
    let body = json!({"b": "val|ue&2", "a": "value1"});
    assert_eq!(authy_params(&body), ["a=value1&b=val%7Cue%262"]);
    for (method, signature, empty) in [
        (
            "POST",
            "4f9676D/+BzsEq8NzF0fXpv7qETnzJUW/4YGe7p0EPM=",
            "UJRjviTdXFA0xu4duxW9BWVDRZGsmSUDd4RglmzcX4o=",
        ),
        (
            "GET",
            "W+RlOV+lGi1EA9jaT1X5hL1aJFAuTRwnHuQhCp2tAxI=",
            "yjA/tsM6Rkxgww9wmZLxRWaouw21ZRsi7QIOdm7cEmA=",
        ),
    ] {
        let fits = |body: &Value, signature| {
            authy_signature_fits("foobar123", "1427849783.886085", method, url, body, signature)
        };
        assert!(fits(&body, signature), "{method}");
        // authy-python's own fixture signs no parameters at all: no model for anything.
        assert!(fits(&json!({}), empty), "{method}");
        assert!(!fits(&body, empty), "{method}");
    }
}

#[test]
fn authy_may_sort_in_two_ways() {
    let body = json!({"a": "1", "a[b]": "2", "n": [2, 1], "e": {}, "l": []});
    let by_key = "a=1&a%5Bb%5D=2&n%5B%5D=2&n%5B%5D=1";
    let by_pair = "a%5Bb%5D=2&a=1&n%5B%5D=1&n%5B%5D=2";
    assert_eq!(authy_params(&body), [by_key, by_pair]);
    for params in [by_key, by_pair] {
        let key = hmac::Key::new(hmac::HMAC_SHA256, b"k");
        let signature = hmac::sign(&key, format!("n|POST|https://h/p|{params}").as_bytes());
        let signature = STANDARD.encode(signature.as_ref());
        assert!(authy_signature_fits(
            "k",
            "n",
            "POST",
            "https://h/p",
            &body,
            &signature
        ));
    }
}

#[test]
fn twilio_signs_a_form() {
    let url = "https://mycompany.com/myapp.php?foo=1&bar=2";
    let form = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
        pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    };
    let params = form(&[
        ("To", "+18005551212"),
        ("CallSid", "CA1234567890ABCDE"),
        ("Caller", "+14158675309"),
        ("Digits", "1234"),
        ("From", "+14158675309"),
    ]);
    let signature = "RSOYDt4T1cUTdK1PDd93/VVr8B8=";
    assert!(twilio_form_fits("12345", url, &params, signature));
    // A sender that signs the port, or the address without it.
    let with_port = "https://mycompany.com:443/myapp.php?foo=1&bar=2";
    assert!(twilio_form_fits("12345", with_port, &params, signature));
    assert!(twilio_form_fits(
        "12345",
        url,
        &params,
        "kvajT1Ptam85bY51eRf/AJRuM3w="
    ));
    let plain = "http://mycompany.com/myapp.php?foo=1&bar=2";
    assert!(twilio_form_fits(
        "12345",
        plain,
        &params,
        "0ZXoZLH/DfblKGATFgpif+LLRf4="
    ));
    let other_port = "http://mycompany.com:1234/myapp.php?foo=1&bar=2";
    assert!(twilio_form_fits(
        "12345",
        other_port,
        &params,
        "Zmvh+3yNM1Phv2jhDCwEM3q5ebU="
    ));
    assert!(!twilio_form_fits("12346", url, &params, signature));
    assert!(!twilio_form_fits(
        "12345",
        "https://mycompany.com/myapp.php?foo=1",
        &params,
        signature
    ));
    assert!(!twilio_form_fits("12345", url, &params[1..], signature));
    assert!(!twilio_form_fits(
        "12345",
        url,
        &params,
        "RSOYDt4T1cUTdK1PDd93/VVr8B9="
    ));
    assert!(!twilio_form_fits("12345", url, &params, ""));
    let repeated = form(&[
        ("Sid", "CA123"),
        ("SidAccount", "AC123"),
        ("Digits", "5678"),
        ("Digits", "1234"),
        ("Digits", "1234"),
    ]);
    assert!(twilio_form_fits(
        "12345",
        url,
        &repeated,
        "IK+Dwps556ElfBT0I3Rgjkr1wJU="
    ));
}

#[test]
fn twilio_signs_other_bodies_by_their_hash() {
    let body = br#"{"property": "value", "boolean": true}"#;
    let url = "https://mycompany.com/myapp.php?foo=1&bar=2\
               &bodySHA256=0a1ff7634d9ab3b95db5c9a2dfe9416e41502b283a80c7cf19632632f96e6620";
    let signature = "a9nBmqA0ju/hNViExpshrM61xv4=";
    assert!(twilio_body_fits("12345", url, body, signature));
    assert!(!twilio_body_fits(
        "12345",
        url,
        br#"{"property": "value", "boolean": false}"#,
        signature
    ));
    assert!(!twilio_body_fits("12346", url, body, signature));
    assert!(!twilio_body_fits(
        "12345",
        "https://mycompany.com/myapp.php?foo=1&bar=2",
        body,
        signature
    ));
    let twice = format!("{url}&bodySHA256=00");
    assert!(!twilio_body_fits("12345", &twice, body, signature));
}

/// Computed with duo_client 5.6.1.
#[test]
fn duo_is_asked_under_its_signature() {
    let (ikey, skey) = ("DIXXXXXXXXXXXXXXXXXX", "gtdfxv9YgVBYcF6dl2Eq17KUQJN2PLM2ODVTkvoT");
    let signed = Signed {
        date: "Tue, 17 Nov 2020 14:12:00 -0000",
        method: "post",
        host: "API-x.duosecurity.com",
        path: "/auth/v2/auth",
        params: "",
        body: r#"{"async":"1","device":"auto","factor":"push","username":"alice"}"#,
    };
    assert_eq!(
        signed.authorization(ikey, skey),
        "Basic RElYWFhYWFhYWFhYWFhYWFhYWFg6MzI0ZmRkNzUyNDI4YjQ4YjhlYTE3MDIxZmZmNWIyZmJiM2U1ZWRlYWIwMjU5YTh\
         hY2M1MTg5ZjM3OTBkNGRlYjRiNmIzYTRjMTYwMGRkOTQ4ZDRlYzFmZjFiZGNiOWEyNjUwY2JmODRiYmYxZWU0ZWVkZjM3NjI3\
         MWU5NGM3NjE="
    );
    let older = super::simulators::authorization_v2(
        signed.date,
        "POST",
        signed.host,
        signed.path,
        &params(&[
            ("username", "alice"),
            ("factor", "push"),
            ("device", "auto"),
            ("async", "1"),
        ]),
        skey,
    );
    assert_eq!(
        older,
        "Basic RElYWFhYWFhYWFhYWFhYWFhYWFg6MjIyZDdkNzhkZDA4ZjkxOWQ3ZmFlOTUzYjBlMDg4YzU4NzFkMmU3NzhkYzE5ODE\
         zNWMzNDBjMjAzM2VkZDJlZTNlNzlmOGVlZjRmZmI1M2ZkOGRiNmJhOGVlYTY3YzQyNjRjYjQxMGEyNjA2ZGQzOGY3ZTJkMjUz\
         Y2E4ZjZhN2Y="
    );
}

#[test]
fn duo_parameters_are_escaped_as_rfc_3986_says() {
    assert_eq!(
        params(&[("b", "a b~-_.*"), ("a", "ü&=")]),
        "a=%C3%BC%26%3D&b=a%20b~-_.%2A"
    );
}
