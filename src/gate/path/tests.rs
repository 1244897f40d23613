use super::*;

fn target(raw: &str) -> Target {
    Target::parse(raw.as_bytes()).unwrap_or_else(|error| panic!("{raw:?}: {error}"))
}

#[test]
fn a_target_is_kept_byte_for_byte() {
    for (raw, path, query) in [
        ("/", "/", None),
        ("/a?", "/a", Some("")),
        ("/a?b=c?d", "/a", Some("b=c?d")),
        ("/%C3%A4?q=%0d%0a", "/%C3%A4", Some("q=%0d%0a")),
    ] {
        let target = target(raw);
        assert_eq!(
            (target.path(), target.query(), target.path_and_query()),
            (path, query, raw)
        );
    }
}

#[test]
fn a6_a7_a11_what_no_client_sends_is_refused() {
    for (raw, error) in [
        (&b""[..], TargetError::Form),
        (b"*", TargetError::Form),
        (b"app/secret", TargetError::Form),
        (b"http://portal/app/secret", TargetError::Form),
        (b"\\app", TargetError::Form),
        (b"/a b", TargetError::Control),
        (b"/a\x00", TargetError::Control),
        (b"/a\x7f", TargetError::Control),
        (b"/a\tb", TargetError::Control),
        (b"/a%00", TargetError::Control),
        (b"/a%0d%0ab", TargetError::Control),
        (b"/a%1F", TargetError::Control),
        (b"/a%7f", TargetError::Control),
        (b"/a?x=%01", TargetError::Control),
        (b"/a?x=%7F", TargetError::Control),
        (b"/public#/../app/secret", TargetError::Fragment),
        (b"/app/secret#x", TargetError::Fragment),
        (b"/app?x#y", TargetError::Fragment),
        (b"/a\xff", TargetError::NoText),
        (b"/a?\xc0\xaf", TargetError::NoText),
    ] {
        assert_eq!(
            Target::parse(raw),
            Err(error),
            "{:?}",
            String::from_utf8_lossy(raw)
        );
    }
    let long = format!("/{}", "a".repeat(8 * 1024));
    assert_eq!(Target::parse(long.as_bytes()), Err(TargetError::TooLong));
    assert!(Target::parse(&long.as_bytes()[1..]).is_err() && Target::parse(&long.as_bytes()[..8192]).is_ok());
}

#[test]
fn i2_what_every_server_reads_alike_is_plain() {
    for raw in [
        "/",
        "/a",
        "/a/",
        "/a/b.css",
        "/.well-known/security.txt",
        "/~user",
        "/a-b_c",
        "/a=b&c,d!$'()*+",
        "/user@example.com",
        "/a:b",
        "/my%20file.pdf",
        "/%C3%A4rzte",
        "/%c3%a4rzte",
        "/%E6%97%A5%E6%9C%AC",
        "/%F0%9F%98%80",
        "/a%7Bb%7D",
        "/file.tar.gz",
        "/v1.2.3/x",
        "/a..b",
        "/.doorstep/challenge",
        "/a?x=..%2f..//;%5c",
        "/a?q=100%",
        "/a?text=a%0D%0Ab",
        "/a?x=%25%2e",
    ] {
        assert!(target(raw).is_plain(), "{raw}");
    }
}

#[test]
fn i2_what_servers_read_in_two_ways_is_not_plain() {
    for (id, raw) in [
        ("A1", "/public/%2e%2e%2fapp/secret"),
        ("A1", "/public%5c..%5capp/secret"),
        ("A1", "/app%2Fsecret"),
        ("A2", "/public/../app/secret"),
        ("A2", "/public/.%2e/app/secret"),
        ("A2", "/public../app/secret"),
        ("A2", "/public%2e%2e/app/secret"),
        ("A2", "/./app/secret"),
        ("A2", "/app/."),
        ("A2", "/app/.."),
        ("A2", "/public/..%20/app"),
        ("A2", "/public/..foo"),
        ("A2", "/public/.%20./app"),
        ("A2", "/public/%20/app"),
        ("A2", "/.../app"),
        ("A3", "/public/%252e%252e%252fapp/secret"),
        ("A3", "/%2561pp/secret"),
        ("A3", "/a%25"),
        ("A4", "//app/secret"),
        ("A4", "/app//secret"),
        ("A4", "/app///secret"),
        ("A4", "/app//"),
        ("A4", "//"),
        ("A5", "/public/..;/app/secret"),
        ("A5", "/public/..;a=b/app/secret"),
        ("A5", "/app;x/secret"),
        ("A5", "/app/secret;.css"),
        ("A5", "/app%3bx"),
        ("A6", "/a\\b"),
        ("A6", "/%c0%af"),
        ("A6", "/%c0%ae%c0%ae/"),
        ("A6", "/%e0%80%af"),
        ("A6", "/%u002f"),
        ("A6", "/%ef%bc%8f"),
        ("A6", "/%ef%bc%8e%ef%bc%8e/app"),
        ("A6", "/%"),
        ("A6", "/%2"),
        ("A6", "/%zz"),
        ("A6", "/%ff"),
        ("A6", "/%c3"),
        ("A6", "/%ed%a0%80"),
        ("A6", "/\u{ff0f}"),
        ("A6", "/\u{e4}"),
        ("A6", "/%e2%88%95"),
        ("A6", "/%e2%81%84"),
        ("A6", "/%e2%80%8b"),
        ("A6", "/%c2%a5"),
        ("A6", "/%c2%a0"),
        ("A6", "/%ef%bb%bfa"),
        ("A6", "/%c2%85"),
        ("A6", "/%e2%80%a6"),
        ("A6", "/%e2%84%80"),
        ("A7", "/public%23/../app/secret"),
        ("A7", "/public%23"),
        ("A7", "/public%3fx"),
        ("A12", "/%61pp"),
        ("A12", "/a%2Db"),
        ("A12", "/a%40b"),
        ("A12", "/a[b]"),
        ("A12", "/a|b"),
        ("A12", "/a\"b"),
        ("query", "/a?x=%00"),
        ("query", "/a?x=\u{e4}"),
    ] {
        assert!(!target(raw).is_plain(), "{id} {raw}");
    }
}

#[test]
fn own_addresses_are_known_and_no_spelling_of_them_is_anybody_elses() {
    for raw in ["/.doorstep", "/.doorstep/", "/.doorstep/challenge?x=1"] {
        let target = target(raw);
        assert!(target.is_own() && target.looks_own(), "{raw}");
    }
    for raw in [
        "/.Doorstep",
        "/.DOORSTEP/challenge",
        "/.doorstep./x",
        "/%2edoorstep/x",
        "/.doorste%70/",
        "/.doorstep%2fx",
        "//.doorstep/x",
        "/a/../.doorstep/x",
        "/.doorstep;a=b/x",
        "/;x/.doorstep",
        "/.doorstep%20/",
        "/.doorstep%3bx",
        "/.%64oorstep",
        "/%252edoorstep/x",
        "/\\.doorstep\\x",
        "/x%5c..%5c.doorstep",
        "/%u002edoorstep/",
        "/.door%e2%80%8bstep/",
        "/%ef%bc%8edoorstep/",
        "/%ef%bc%852edoorstep/",
        "/%c0%aedoorstep/",
        "/.doorstep%3fx",
        "/.doorstep::$DATA",
        "/.doorstep%2500x",
        "/%25252525252525252e",
        "/.doorstep/../x",
    ] {
        let target = target(raw);
        assert!(target.looks_own(), "{raw}");
        assert!(!target.is_own(), "{raw}");
    }
    for raw in [
        "/",
        "/doorstep",
        "/.doorsteps",
        "/x.doorstep",
        "/a?/.doorstep/",
        "/.door/step",
        "/a%2fb",
    ] {
        assert!(!target(raw).looks_own() && !target(raw).is_own(), "{raw}");
    }
}

#[test]
fn i2_a_path_session_that_is_the_vaults_own_is_taken_out() {
    let names = ["jsessionid".to_owned(), "sid".to_owned()];
    let holds = |id: &str| id == "ABC";
    for (raw, without) in [
        ("/login;jsessionid=ABC", Some("/login")),
        (
            "/login;JSESSIONID=ABC?x=1;jsessionid=ABC",
            Some("/login?x=1;jsessionid=ABC"),
        ),
        ("/a;sid=ABC/b", Some("/a/b")),
        ("/a;x=1;sid=ABC;y/b", Some("/a;x=1;y/b")),
        ("/a;sid=ABC;sid=ABC", Some("/a;sid=ABC")),
        ("/.;sid=ABC./x", None),
        ("/.;sid=ABC/x", Some("/./x")),
        ("/login;jsessionid=XYZ", None),
        ("/login;jsessionid=", None),
        ("/login;jsessionid", None),
        ("/login;other=ABC", None),
        ("/login", None),
        ("/login?;sid=ABC", None),
    ] {
        let got = target(raw).without_path_session(&names, &holds);
        assert_eq!(got.as_ref().map(Target::path_and_query), without, "{raw}");
    }
    assert!(
        target("/login;sid=ABC")
            .without_path_session(&names, &holds)
            .unwrap()
            .is_plain()
    );
    // Parsed anew: what is left is judged as if it had been sent so.
    assert!(
        !target("/.;sid=ABC/x")
            .without_path_session(&names, &holds)
            .unwrap()
            .is_plain()
    );
    assert!(
        target("/;sid=ABC/.doorstep/x")
            .without_path_session(&names, &holds)
            .unwrap()
            .looks_own()
    );
}
