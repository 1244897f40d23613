use std::collections::HashMap;

use proptest::prelude::*;

use super::*;

const HOSTS: [&str; 2] = ["portal.example.com", "app.internal"];

fn lines(lines: &[&str]) -> Vec<String> {
    lines.iter().map(|line| (*line).to_owned()).collect()
}

fn jar(path: &str, set_cookies: &[&str]) -> Jar {
    let mut jar = Jar::default();
    jar.store(&lines(set_cookies), path, &HOSTS);
    jar
}

fn header(set_cookies: &[&str], path: &str) -> String {
    jar("/", set_cookies).header(path).unwrap_or_default()
}

#[test]
fn i3_values_go_up_byte_for_byte() {
    for value in [
        "x%2Fy",
        "\"quoted value\"",
        "a=b=c",
        "YWJjZA==",
        "\u{fc}\u{4e2d}\u{1f511}",
        "nbsp\u{a0}",
        "{\"a\":1,\"b\":[2]}",
        "a b",
        "",
        "%",
        "\\",
    ] {
        let line = format!("k={value}; Path=/; HttpOnly");
        assert_eq!(header(&[&line], "/"), format!("k={value}"), "{value:?}");
    }
}

#[test]
fn i3_the_last_line_of_an_answer_counts() {
    for (set, up) in [
        (&["a=1", "a=2"][..], "a=2"),
        (&["a=deleted; Max-Age=0", "a=2"], "a=2"),
        (&["a=2", "a=; Max-Age=0"], ""),
        (&["a=1", "a=; Max-Age=-1", "a=3"], "a=3"),
        (&["a=1", "b=2", "a=3"], "a=3; b=2"),
        (&["a=1; Secure", "A=2"], "a=1; A=2"),
        (
            &["__Host-a=1; Secure; Path=/", "__Secure-b=2; Secure"],
            "__Host-a=1; __Secure-b=2",
        ),
    ] {
        assert_eq!(header(set, "/"), up, "{set:?}");
    }
}

#[test]
fn i3_every_common_form_of_deletion_deletes() {
    for gone in [
        "a=; Max-Age=0",
        "a=; max-age=-100",
        "a=x; Max-Age=0; Expires=Fri, 01 Jan 2100 00:00:00 GMT",
        "a=; Expires=Thu, 01 Jan 1970 00:00:00 GMT",
        "a=; expires=Thu, 01-Jan-1970 00:00:01 GMT; Max-Age=0; path=/",
        "a=deleted; expires=Thu, 01-Jan-1970 00:00:01 GMT",
        "a=; Expires=Thu, 01-Jan-70 00:00:10 GMT",
        "a=; Expires=Thursday, 01-Jan-70 00:00:10 GMT",
        "a=; Expires=Thu Jan  1 00:00:00 1970",
        "a=; expires=Tue, 12-Oct-1999 04:00:00 GMT",
        "a=; expires=Thu, 01 Jan 1970 00:00:00 -0000",
        "a=; expires=Thu, 1 Jan 1970 00:00:00 GMT",
        "a=; expires=Thu, 01 Jan 1970 00:00:00 UTC",
        "a=; expires=Thu, 01 Jan 1970 00:00:00",
    ] {
        assert_eq!(header(&["a=1", gone], "/"), "", "{gone:?}");
    }
}

#[test]
fn i3_paths_are_matched_and_ordered_as_browsers_do() {
    let set = [
        "a=root; Path=/",
        "a=deep; Path=/app/x",
        "a=app; Path=/app",
        "b=two; Path=/app",
        "c=1",
    ];
    let jar = jar("/app/x/login", &set);
    for (path, up) in [
        ("/", "a=root"),
        ("/app", "a=app; b=two; a=root"),
        ("/app/", "a=app; b=two; a=root"),
        ("/apple", "a=root"),
        ("/app/x?q=/y", "a=deep; c=1; a=app; b=two; a=root"),
        ("/app/x/y", "a=deep; c=1; a=app; b=two; a=root"),
        ("/app/xy", "a=app; b=two; a=root"),
    ] {
        assert_eq!(jar.header(path).as_deref(), Some(up), "{path}");
    }
}

#[test]
fn i3_the_default_path_is_that_of_the_request() {
    for (from, path) in [
        ("/", "/"),
        ("/login", "/"),
        ("/app/login?next=/x/y", "/app"),
        ("/app/", "/app"),
    ] {
        for line in ["a=1", "a=1; Path=", "a=1; Path=relative"] {
            let jar = jar(from, &[line]);
            assert_eq!(jar.cookies[0].path.as_ref(), path, "{from} {line}");
        }
    }
}

#[test]
fn i3_a_foreign_domain_is_refused_and_the_portals_own_names_are_not() {
    for (domain, kept) in [
        ("portal.example.com", true),
        (".portal.example.com", true),
        ("PORTAL.EXAMPLE.COM", true),
        ("example.com", true),
        ("app.internal", true),
        ("", true),
        ("other.example.com", false),
        ("x.portal.example.com", false),
        ("rtal.example.com", false),
        ("evil.com", false),
    ] {
        let line = format!("a=1; Domain={domain}");
        assert_eq!(!jar("/", &[&line]).is_empty(), kept, "{domain:?}");
    }
    for (host, domain, kept) in [
        ("127.0.0.1", "127.0.0.1", true),
        ("127.0.0.1", "0.0.1", false),
        ("127.0.0.1", "other", false),
        ("localhost", "localhost", true),
        ("[::1]", "[::1]", true),
        ("::1", "[::1]", true),
    ] {
        let mut jar = Jar::default();
        jar.store(&[format!("a=1; Domain={domain}")], "/", &[host]);
        assert_eq!(!jar.is_empty(), kept, "{host} {domain}");
        assert!(jar.store(&lines(&["b=1"]), "/", &[host]), "{host}");
    }
}

#[test]
fn a_domain_cookie_is_another_than_the_host_only_one() {
    let set = ["a=host", "a=; Max-Age=0; Domain=example.com"];
    assert_eq!(header(&set, "/"), "a=host");
    let set = [
        "a=host",
        "a=wide; Domain=example.com",
        "a=; Max-Age=0; Domain=.example.com",
    ];
    assert_eq!(header(&set, "/"), "a=host");
}

#[test]
fn store_says_whether_anything_changed() {
    let mut jar = Jar::default();
    for (line, changed) in [
        ("a=1", true),
        ("a=1", false),
        ("a=1; Path=/x", true),
        ("a=2", true),
        ("b=; Max-Age=0", false),
        ("a=; Max-Age=0", true),
        ("a=; Max-Age=0", false),
        ("nonsense", false),
        ("a=1; Domain=evil.com", false),
    ] {
        assert_eq!(jar.store(&lines(&[line]), "/", &HOSTS), changed, "{line:?}");
    }
}

#[test]
fn a_jar_is_bounded_and_keeps_what_it_has() {
    let mut jar = Jar::default();
    for n in 0..300 {
        jar.store(&[format!("k{n}=v")], "/", &HOSTS);
    }
    assert_eq!(jar.cookies.len(), MOST_COOKIES);
    assert!(jar.holds("k0") && !jar.holds("k299"));
    assert!(
        jar.store(&lines(&["k0=new"]), "/", &HOSTS),
        "replacing is no growth"
    );

    let mut jar = Jar::default();
    for n in 0..30 {
        jar.store(&[format!("k{n}={}", "v".repeat(4000))], "/", &HOSTS);
    }
    assert!(jar.cookies.iter().map(Kept::size).sum::<usize>() <= MOST_BYTES);
    assert!(jar.holds("k0") && !jar.holds("k29"));
    assert!(!jar.store(&[format!("k0={}", "v".repeat(9000))], "/", &HOSTS));
    assert!(jar.holds_value(&"v".repeat(4000)));
}

#[test]
fn an_expired_cookie_is_neither_held_nor_sent_nor_kept() {
    let mut jar = jar("/", &["a=1; Max-Age=1000", "b=2"]);
    jar.cookies[0].expires = Some(seconds_now());
    assert!(!jar.holds("a") && !jar.holds_value("1") && jar.holds("b"));
    assert_eq!(jar.header("/").as_deref(), Some("b=2"));
    assert!(jar.store(&[], "/", &HOSTS), "what is over is thrown out");
    assert_eq!(jar.cookies.len(), 1);
}

#[test]
fn i3_own_names_are_never_vaulted() {
    for line in [
        "__Host-doorstep=x",
        "doorstep-device=x",
        "\u{2000}doorstep=x",
        "DOORSTEP=x",
    ] {
        assert!(jar("/", &[line]).is_empty(), "{line:?}");
    }
}

#[test]
fn i3_changes_apply_again_to_a_newer_jar() {
    let mut newer = jar("/", &["a=theirs", "c=3"]);
    let changes = Changes {
        set_cookies: lines(&["a=ours", "b=2"]),
        path: "/app/login".into(),
    };
    assert!(changes.apply(&mut newer, &HOSTS));
    assert_eq!(
        newer.header("/app").as_deref(),
        Some("a=ours; b=2; a=theirs; c=3")
    );
    assert!(!changes.apply(&mut newer, &HOSTS));
}

proptest! {
    #[test]
    fn store_and_header_never_panic(set in prop::collection::vec(any::<String>(), 0..6), path in any::<String>()) {
        let mut jar = Jar::default();
        jar.store(&set, &path, &HOSTS);
        let _ = jar.header(&path);
    }

    /// Against a plain model: the last value of each name, whatever came before.
    #[test]
    fn i3_a_jar_gives_back_what_was_stored(
        set in prop::collection::vec(("[a-d]{1,2}", "[!-:<-~]{0,12}", any::<bool>()), 0..20),
    ) {
        let mut jar = Jar::default();
        let mut model = HashMap::new();
        for (name, value, gone) in &set {
            let life = if *gone { 0 } else { 900 };
            jar.store(&[format!("{name}={value}; Path=/; Max-Age={life}")], "/x", &HOSTS);
            if *gone { model.remove(name); } else { model.insert(name, value); }
        }
        let json = serde_json::to_vec(&jar).unwrap();
        let again: Jar = serde_json::from_slice(&json).unwrap();
        prop_assert!(again.cookies == jar.cookies);
        let header = again.header("/y").unwrap_or_default();
        let mut given: Vec<&str> = header.split("; ").filter(|pair| !pair.is_empty()).collect();
        let mut wanted: Vec<String> = model.iter().map(|(name, value)| format!("{name}={value}")).collect();
        given.sort_unstable();
        wanted.sort();
        prop_assert_eq!(given, wanted);
    }
}
