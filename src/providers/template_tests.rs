use super::*;

const SECRET: &str = "s3cr\"t&+";

fn template(url: &str, headers: &[(&str, &str)], body: &str) -> HttpTemplate {
    HttpTemplate {
        method: Method::POST,
        url: url.to_owned(),
        headers: headers
            .iter()
            .map(|(name, value)| (name.parse().unwrap(), (*value).to_owned()))
            .collect(),
        body: body.to_owned(),
        success_status: vec![],
        secret: Some(Redacted::new(SECRET.to_owned())),
    }
}

fn filled(template: &HttpTemplate, text: &str) -> Filled {
    let to = Phone::parse("+14155550102", None).unwrap();
    let message = TokenMessage {
        to: &to,
        token: "012345",
        text,
    };
    Template::compile(template).unwrap().fill(&message).unwrap()
}

#[test]
fn what_is_filled_in_is_escaped_for_where_it_stands() {
    let text = "a\"b\\c&d=e <f> +{secret}\n#1";
    for (content_type, body, expected) in [
        (
            "application/json",
            r#"{"to":"{to}","t":"{text}","n":"{token}"}"#,
            r#"{"to":"+14155550102","t":"a\"b\\c&d=e <f> +{secret}\n#1","n":"012345"}"#,
        ),
        (
            "application/x-www-form-urlencoded; charset=UTF-8",
            "to={to}&text={text}",
            "to=%2B14155550102&text=a%22b%5Cc%26d%3De+%3Cf%3E+%2B%7Bsecret%7D%0A%231",
        ),
        (
            "text/xml",
            "<sms to='{to}'>{text}</sms>",
            "<sms to='+14155550102'>a&#34;b\\c&#38;d=e &#60;f&#62; +{secret}\n#1</sms>",
        ),
        (
            "text/plain",
            "{to} {text}",
            "+14155550102 a\"b\\c&d=e <f> +{secret}\n#1",
        ),
    ] {
        let template = template("http://sms.example/", &[("Content-Type", content_type)], body);
        assert_eq!(filled(&template, text).body.as_str(), expected, "{content_type}");
    }
}

#[test]
fn the_url_is_filled_in_percent_encoded_and_never_in_its_host() {
    let one = template(
        "https://sms.example/send/{text}?k={secret}&to={to}&t={text}",
        &[],
        "",
    );
    let filled = filled(&one, "a b&c=d#e/../?");
    assert_eq!(
        filled.url.as_str(),
        "https://sms.example/send/a%20b%26c%3Dd%23e%2F..%2F%3F?k=s3cr%22t%26%2B&to=%2B14155550102&t=a%20b%26c%3Dd%23e%2F..%2F%3F"
    );
    for url in [
        "https://sms.example{to}",
        "https://{to}/?a={to}",
        "https://a{to}@sms.example/",
        "https://sms.example/#?{to}",
        "https://sms.example/?a#{to}",
        "{to}",
        "ftp://sms.example/",
        "sms.example/send",
    ] {
        assert!(check_template(&template(url, &[], "")).is_err(), "{url}");
    }
}

#[test]
fn a_header_never_grows_a_second_line_and_hides_what_was_filled_in() {
    let headers = [
        ("Authorization", "Bearer {secret}"),
        ("X-To", "{to}"),
        ("X-Fixed", "1"),
    ];
    let filled = filled(&template("http://sms.example/", &headers, ""), "x");
    assert_eq!(filled.headers.get("x-to").unwrap(), "+14155550102");
    assert!(!format!("{:?}", filled.headers).contains("s3cr"));
    assert!(check_template(&template("http://sms.example/", &[("X-Text", "{text}")], "")).is_err());
    let mut split = template("http://sms.example/", &[("Authorization", "Bearer {secret}")], "");
    split.secret = Some(Redacted::new("one\r\nX-Two: 2".to_owned()));
    let error = check_template(&split).unwrap_err();
    assert!(!error.contains("one") && !error.contains("X-Two"), "{error}");
}

#[test]
fn a_template_that_could_say_more_than_it_should_is_refused() {
    let json = ("Content-Type", "application/json");
    for (headers, body) in [
        (&[json][..], r#"{"to":"{number}"}"#),
        (&[json], r#"{"text":{text}}"#),
        (&[json], r#"{"token":{token}}"#),
        (&[json], r#"{"to":"{to}""#),
        (&[], r#"{"to":"{to}"}"#),
        (&[("Content-Type", "application/x-other")], "{to}"),
        (&[("Content-Type", "multipart/form-data; boundary=x")], "{to}"),
        (&[("Content-Type", "text/plain; charset=latin1")], "{to}"),
        (&[json, json], r#"{"to":"{to}"}"#),
        (&[json, ("Content-Length", "3")], r#"{"to":"{to}"}"#),
        (&[json, ("X-A", "{nobody}")], r#"{"to":"{to}"}"#),
    ] {
        let template = template("http://sms.example/", headers, body);
        let error = check_template(&template).unwrap_err();
        assert!(!error.contains(SECRET), "{error}");
    }
    let mut without = template("http://sms.example/", &[("X-Key", "{secret}")], "");
    without.secret = None;
    assert!(check_template(&without).unwrap_err().contains("secret_file"));
}
