use proptest::prelude::*;

use super::*;

fn split(headers: &[&str]) -> BrowserCookies {
    BrowserCookies::split(headers.iter().map(|header| header.as_bytes()))
}

fn pass(globs: &[&str]) -> Vec<Glob> {
    globs.iter().map(|glob| Glob::parse(glob).unwrap()).collect()
}

fn jar(lines: &[&str]) -> Jar {
    let mut jar = Jar::default();
    let lines: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
    jar.store(&lines, "/", &["portal.example.com"]);
    jar
}

#[test]
fn headers_are_split_at_every_semicolon() {
    for (headers, pairs) in [
        (&["a=1; b=2"][..], &[("a", "1"), ("b", "2")][..]),
        (&["a=1;b=2;", "c=3"], &[("a", "1"), ("b", "2"), ("c", "3")]),
        (
            &["a=x%2Fy; b=\"q r\"; c=d=e=="],
            &[("a", "x%2Fy"), ("b", "\"q r\""), ("c", "d=e==")],
        ),
        (&["a=\"x; b=1\""], &[("a", "\"x"), ("b", "1\"")]),
        (&["  a = 1 ;; ; = ;"], &[("a", "1")]),
        (&["flag; =x"], &[("", "flag"), ("", "x")]),
        (&["\u{2000}a=\u{a0}"], &[("\u{2000}a", "\u{a0}")]),
        (&[""], &[]),
    ] {
        let got = split(headers).pairs;
        let got: Vec<_> = got
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        assert_eq!(got, pairs, "{headers:?}");
    }
    let bytes: &[u8] = b"a=\xff; \xa0b=2; c=3";
    assert_eq!(
        BrowserCookies::split([bytes].into_iter()).pairs,
        [("c".to_owned(), "3".to_owned())]
    );
}

#[test]
fn i3_a_cookie_that_came_twice_counts_as_none() {
    for (headers, only) in [
        (&["__Host-doorstep=t; theme=x"][..], Some("t")),
        (&["a=1", "__Host-doorstep=t"], Some("t")),
        (&["__Host-doorstep-device=d; __Host-doorstep=t"], Some("t")),
        (&["=x; flag; __Host-doorstep=t"], Some("t")),
        (&["a=1"], None),
        (&["__Host-doorstep=t; __Host-doorstep=t"], None),
        (&["__Host-doorstep=t", "__Host-doorstep=u"], None),
        (&["__host-doorstep=t"], None),
        (&["__Host-doorstep=t; __HOST-doorstep=u"], None),
        (&["\u{2000}__Host-doorstep=u; __Host-doorstep=t"], None),
        (&["__Host-doorstep=t; \u{a0}__Host-doorstep=u"], None),
        (&["=__Host-doorstep=u; __Host-doorstep=t"], None),
        (&["__Host-doorstep; __Host-doorstep=t"], None),
        (&["%5F_Host-doorstep=u; __Host-doorstep=t"], None),
        (&["..Host-doorstep=u; __Host-doorstep=t"], None),
    ] {
        assert_eq!(split(headers).only("__Host-doorstep"), only, "{headers:?}");
    }
}

#[test]
fn i3_only_named_cookies_go_up_and_none_that_the_vault_holds() {
    let held = jar(&["sessionid=vault; Path=/", "Deep=1; Path=/deep"]);
    for (sent, globs, up) in [
        ("theme=dark; x=1", &["theme"][..], "theme=dark; sessionid=vault"),
        ("theme=dark", &[], "sessionid=vault"),
        ("sessionid=evil", &["**"], "sessionid=vault"),
        ("SessionId=evil", &["**"], "sessionid=vault"),
        ("%73essionid=evil", &["**"], "sessionid=vault"),
        ("\u{2000}sessionid=evil", &["**"], "sessionid=vault"),
        ("deep=evil", &["**"], "sessionid=vault"),
        (
            "__Host-doorstep=t; doorstep=t; DOORSTEP-device=t",
            &["**"],
            "sessionid=vault",
        ),
        ("=x; flag; =sessionid=evil", &["**"], "sessionid=vault"),
        ("theme=a; theme=a", &["theme"], "theme=a; sessionid=vault"),
        ("theme=a; theme=b", &["theme"], "sessionid=vault"),
        ("theme=a; b=1; theme=a; theme=b", &["**"], "b=1; sessionid=vault"),
        (
            "theme=x%2Fy==; t=\"q r\"",
            &["t*"],
            "theme=x%2Fy==; t=\"q r\"; sessionid=vault",
        ),
    ] {
        let got = split(&[sent]).upstream(&pass(globs), Some(&held), "/");
        assert_eq!(got.as_deref(), Some(up), "{sent:?}");
    }
    let cookies = split(&["theme=dark; sessionid=x"]);
    assert_eq!(
        cookies.upstream(&pass(&["theme"]), None, "/").as_deref(),
        Some("theme=dark")
    );
    assert_eq!(cookies.upstream(&[], None, "/"), None);
    assert_eq!(cookies.upstream(&[], Some(&Jar::default()), "/"), None);
}

#[test]
fn i3_what_an_old_server_reads_as_more_than_one_cookie_stays_here() {
    for (sent, up) in [
        ("$Version=1; theme=\"x; tail=y\"", "tail=y\"; sid=v"),
        ("theme=\"", "sid=v"),
        ("theme=\"a\"b\"", "sid=v"),
        ("theme=\"a\\\"", "sid=v"),
        ("theme=a, sid=evil", "sid=v"),
        ("theme=a\tb", "sid=v"),
        ("theme=a\nCookie: sid=evil", "sid=v"),
        ("the\0me=a", "sid=v"),
        ("theme={\"a\":1,\"b\":2}", "theme={\"a\":1,\"b\":2}; sid=v"),
        ("theme=a,b", "theme=a,b; sid=v"),
    ] {
        let got = split(&[sent]).upstream(&pass(&["**"]), Some(&jar(&["sid=v"])), "/");
        assert_eq!(got.as_deref(), Some(up), "{sent:?}");
    }
}

#[test]
fn a_flood_of_cookies_is_cut() {
    let many: String = (0..20_000).map(|n| format!("k{n}=v;")).collect();
    let up = split(&[&many]).upstream(&pass(&["**"]), None, "/").unwrap();
    assert_eq!(up.split("; ").count(), MOST_PASSED);
}

proptest! {
    #[test]
    fn splitting_never_panics_and_loses_no_pair(
        bytes in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..80), 0..4),
    ) {
        let cookies = BrowserCookies::split(bytes.iter().map(Vec::as_slice));
        for (name, value) in &cookies.pairs {
            prop_assert!(!name.contains([';', '=']) && !value.contains(';'));
            prop_assert!(name.is_empty() || cookies.only(name).is_none_or(|only| only == value));
        }
        let up = cookies.upstream(&pass(&["**"]), None, "/").unwrap_or_default();
        let again = split(&[&up]);
        prop_assert_eq!(again.upstream(&pass(&["**"]), None, "/").unwrap_or_default(), up);
    }

    #[test]
    fn plain_pairs_come_back_as_they_were(
        pairs in prop::collection::vec(("[a-zA-Z0-9_-]{1,8}", "[!-:<-~]{0,12}"), 0..8),
        spaced in any::<bool>(),
    ) {
        let between = if spaced { "; " } else { ";" };
        let header: Vec<String> = pairs.iter().map(|(name, value)| format!("{name}={value}")).collect();
        prop_assert_eq!(split(&[&header.join(between)]).pairs, pairs);
    }
}
