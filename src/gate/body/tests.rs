use super::*;

const MULTIPART: &str = "multipart/form-data; boundary=XX";

fn read(headers: &[(&str, &str)], body: &[u8]) -> Result<FormBody, BadBody> {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.append(
            HeaderName::from_bytes(name.as_bytes()).unwrap(),
            value.parse().unwrap(),
        );
    }
    FormBody::read(&map, &Bytes::copy_from_slice(body))
}

fn part(headers: &str, value: &str) -> String {
    format!("--XX\r\n{headers}\r\n\r\n{value}\r\n")
}

fn multipart_of(parts: &[String]) -> String {
    format!("{}--XX--\r\n", parts.concat())
}

#[test]
fn honest_forms_are_read() {
    let form = "application/x-www-form-urlencoded";
    for content_type in [
        form,
        "application/x-www-form-urlencoded; charset=UTF-8",
        "APPLICATION/X-www-form-urlencoded;charset=\"utf-8\"",
    ] {
        let body = read(&[("content-type", content_type)], b"email=anna%40a.example&p=x").unwrap();
        assert_eq!(body.kind, FormKind::Urlencoded);
        assert_eq!(
            body.fields.values("email").collect::<Vec<_>>(),
            ["anna@a.example"]
        );
    }
    assert_eq!(read(&[], b"").unwrap().kind, FormKind::Empty);
    assert_eq!(
        read(&[("content-type", "application/json")], b"").unwrap().kind,
        FormKind::Empty
    );
    assert!(
        read(
            &[("content-type", form), ("content-encoding", "identity")],
            b"a=b"
        )
        .is_ok()
    );
}

#[test]
fn an_honest_multipart_form_is_read() {
    let body = multipart_of(&[
        part("Content-Disposition: form-data; name=\"email\"", "anna"),
        part(
            "content-disposition: form-data; name=\"f\"; filename=\"a.txt\"\r\nContent-Type: text/plain",
            "\0\u{1}",
        ),
        part(
            "Content-Disposition: form-data; name=\"t\"\r\nContent-Type: text/plain; charset=utf-8",
            "x\r\ny",
        ),
    ]);
    let form = read(&[("content-type", MULTIPART)], body.as_bytes()).unwrap();
    let fields: Vec<_> = form
        .fields
        .iter()
        .map(|f| (f.name.as_str(), f.value.as_str(), f.text))
        .collect();
    assert_eq!(
        fields,
        [
            ("email", "anna", true),
            ("f", "\0\u{1}", false),
            ("t", "x\r\ny", true)
        ]
    );
    let body = body.replace("XX", "----WebKitFormBoundaryAbC");
    let content_type = "multipart/form-data; boundary=----WebKitFormBoundaryAbC";
    assert_eq!(
        read(&[("content-type", content_type)], body.as_bytes())
            .unwrap()
            .fields,
        form.fields
    );
    let empty = read(&[("content-type", MULTIPART)], b"--XX\r\n--XX--\r\n");
    assert!(empty.is_err() || empty.unwrap().fields.iter().next().is_none());
}

#[test]
fn i4_a_body_that_can_be_read_in_two_ways_is_bad() {
    let form = ("content-type", "application/x-www-form-urlencoded");
    for (headers, body, bad) in [
        (
            &[form, ("content-type", "multipart/form-data; boundary=x")][..],
            &b"a=b"[..],
            BadBody::ContentTypes,
        ),
        (&[form, form], b"a=b", BadBody::ContentTypes),
        (
            &[("content-type", "application/x-www-form-urlencoded, text/plain")],
            b"a=b",
            BadBody::ContentTypes,
        ),
        (&[], b"a=b", BadBody::ContentTypes),
        (&[("content-type", "")], b"a=b", BadBody::ContentTypes),
        (
            &[("content-type", "x-www-form-urlencoded")],
            b"a=b",
            BadBody::ContentTypes,
        ),
        (
            &[("content-type", "application/x-www-form-urlencoded-x")],
            b"a=b",
            BadBody::ContentTypes,
        ),
        (&[form, ("content-encoding", "gzip")], b"a=b", BadBody::Compressed),
        (
            &[form, ("content-encoding", "identity, gzip")],
            b"a=b",
            BadBody::Compressed,
        ),
        (
            &[form, ("content-encoding", "identity"), ("content-encoding", "br")],
            b"a=b",
            BadBody::Compressed,
        ),
        (
            &[(
                "content-type",
                "application/x-www-form-urlencoded; charset=utf-16",
            )],
            b"a=b",
            BadBody::Charset,
        ),
        (
            &[(
                "content-type",
                "application/x-www-form-urlencoded; CHARSET=latin1",
            )],
            b"a=b",
            BadBody::Charset,
        ),
        (
            &[(
                "content-type",
                "application/x-www-form-urlencoded; charset=utf-8; charset=utf-7",
            )],
            b"a=b",
            BadBody::Charset,
        ),
        (&[form], b"a=b&_charset_=utf-16", BadBody::Charset),
        (&[form], b"a=b&_Charset_=utf-8", BadBody::Charset),
        (&[form], b"a=b\0", BadBody::Control),
        (&[form], b"a=b\r\n", BadBody::Control),
        (
            &[("content-type", "application/x-www-form-urlencoded; boundary=x")],
            b"a=b",
            BadBody::Unparsable,
        ),
        (&[("content-type", "text/plain")], b"email=x", BadBody::OtherType),
    ] {
        assert_eq!(
            read(headers, body),
            Err(bad),
            "{headers:?} {:?}",
            String::from_utf8_lossy(body)
        );
    }
}

#[test]
fn i4_a_multipart_body_that_can_be_read_in_two_ways_is_bad() {
    let good = part("Content-Disposition: form-data; name=\"email\"", "anna");
    let named =
        |disposition: &str| multipart_of(&[part(&format!("Content-Disposition: {disposition}"), "x")]);
    for body in [
        named("form-data; name=email"),
        named("form-data; name=\"a\"; name=\"email\""),
        named("form-data; name*=utf-8''email"),
        named("form-data; filename=\"; name=email\"; name=\"a\""),
        named("form-data; name=\"a\\\"; name=\\\"email\""),
        named("form-data; name=\"a\"; filename=\"b\\\"; x=\""),
        named("form-data; name=\"a\"; filename*=utf-8''b"),
        named("attachment; name=\"email\""),
        named("inline; name=\"email\""),
        named("form-data"),
        multipart_of(&[part(
            "Content-Disposition: form-data; name=\"a\"\r\nContent-Disposition: form-data; name=\"email\"",
            "x",
        )]),
        multipart_of(&[part(
            "Content-Disposition: form-data; name=\"email\"\r\nContent-Transfer-Encoding: base64",
            "YQ==",
        )]),
        multipart_of(&[part(
            "Content-Disposition: form-data; name=\"email\"\r\nContent-Type: text/plain; charset=utf-16",
            "a",
        )]),
        multipart_of(&[part("Content-Type: text/plain", "a")]),
        multipart_of(&[part("Content-Disposition: form-data;\r\n name=\"email\"", "a")]),
        // A second part for whoever takes bare line feeds, before the first boundary, or after the last.
        multipart_of(&[part(
            "Content-Disposition: form-data; name=\"a\"",
            "x\n--XX\nContent-Disposition: form-data; name=\"email\"\n\nboss",
        )]),
        format!("preamble\r\n{}", multipart_of(std::slice::from_ref(&good))),
        format!(
            "{}{}",
            multipart_of(std::slice::from_ref(&good)),
            multipart_of(std::slice::from_ref(&good))
        ),
        good.clone(),
        String::new(),
    ] {
        assert!(
            read(&[("content-type", MULTIPART)], body.as_bytes()).is_err(),
            "{body}"
        );
    }
    for content_type in [
        "multipart/form-data",
        "multipart/form-data; boundary=",
        "multipart/form-data; boundary=XX; boundary=YY",
        "multipart/form-data; boundary=YY",
        "multipart/form-data; boundary*=XX",
        "multipart/form-data; boundary =XX",
        "multipart/mixed; boundary=XX",
        "multipart/form-data; boundary=XX; charset=utf-7",
    ] {
        let body = multipart_of(std::slice::from_ref(&good));
        assert!(
            read(&[("content-type", content_type)], body.as_bytes()).is_err(),
            "{content_type}"
        );
    }
}

#[test]
fn i12_what_people_type_is_not_in_debug() {
    let body = read(
        &[("content-type", "application/x-www-form-urlencoded")],
        b"email=anna&password=hunter2",
    );
    let shown = format!("{:?}", body.unwrap());
    assert!(
        shown.contains("password") && !shown.contains("hunter2"),
        "{shown}"
    );
    let target = crate::gate::Target::parse(b"/a?access_token=hunter2").unwrap();
    assert!(!format!("{target:?}").contains("hunter2"));
}
