//! An answer's Set-Cookie lines, parted between browser and vault (I3).

use std::fmt::{self, Write as _};

use cookie::Cookie;
use jiff::fmt::rfc2822::DateTimeParser;
use time::OffsetDateTime;

use super::name::{is_own, pair};
use crate::gate::Glob;

/// An answer's Set-Cookie lines, parted.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Parted {
    /// For the vault, as they came.
    pub kept: Vec<String>,
    /// For the browser: host-only, otherwise as they came.
    pub passed: Vec<String>,
}

/// Parts an answer's Set-Cookie lines: those whose name one of `pass` matches go to the browser, all
/// others into the vault. Doorstep's own names (in any spelling a browser could confuse) are dropped, and
/// so is what cannot be read: no name, no UTF-8, control characters.
pub fn part(set_cookies: &[&[u8]], pass: &[Glob]) -> Parted {
    let mut parted = Parted::default();
    for line in set_cookies
        .iter()
        .filter_map(|bytes| std::str::from_utf8(bytes).ok())
    {
        let Some(mut cookie) = read(line) else { continue };
        if is_own(cookie.name()) {
            continue;
        }
        if pass.iter().any(|glob| glob.matches(cookie.name())) {
            cookie.unset_domain();
            // Not `to_string`, which panics where a date cannot be written.
            let mut passed = String::new();
            if write!(passed, "{cookie}").is_ok() {
                parted.passed.push(passed);
            }
        } else {
            parted.kept.push(line.to_owned());
        }
    }
    parted
}

/// Reads a Set-Cookie line; its value stays byte for byte what it was.
pub(super) fn read(line: &str) -> Option<Cookie<'_>> {
    if line.chars().any(|c| c.is_ascii_control() && c != '\t') {
        return None;
    }
    let mut cookie = Cookie::parse(line).ok()?;
    let (name, value) = pair(line.split(';').next()?);
    // The crate trims Unicode's white space too. A name that needs it is a trick; a value may keep it.
    if cookie.name() != name {
        return None;
    }
    if cookie.value() != value {
        cookie.set_value(value);
    }
    if cookie.expires().is_none()
        && let Some(moment) = lenient_expires(line)
    {
        cookie.set_expires(moment);
    }
    Some(cookie)
}

/// An Expires that browsers can read (RFC 6265 5.1.1 is lenient) and the crate cannot: another name for UTC,
/// none at all, or one digit for the day. Without it such a deletion would be missed.
fn lenient_expires(line: &str) -> Option<OffsetDateTime> {
    let attributes = line.split(';').skip(1).map(pair);
    let (_, text) = attributes
        .filter(|(name, _)| name.eq_ignore_ascii_case("expires"))
        .last()?;
    let parser = DateTimeParser::new().relaxed_weekday(true);
    let moment = parser
        .parse_timestamp(text)
        .or_else(|_| parser.parse_timestamp(format!("{text} GMT")))
        .ok()?;
    OffsetDateTime::from_unix_timestamp(moment.as_second()).ok()
}

impl fmt::Debug for Parted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Parted({} kept, {} passed)",
            self.kept.len(),
            self.passed.len()
        )
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parted(lines: &[&str], pass: &[&str]) -> (Vec<String>, Vec<String>) {
        let pass: Vec<_> = pass.iter().map(|glob| Glob::parse(glob).unwrap()).collect();
        let lines: Vec<_> = lines.iter().map(|line| line.as_bytes()).collect();
        let parted = part(&lines, &pass);
        (parted.kept, parted.passed)
    }

    #[test]
    fn i3_only_named_cookies_reach_the_browser_and_host_only() {
        for (line, passed) in [
            ("theme=dark", "theme=dark"),
            (
                "theme=dark; Path=/x; Domain=.example.com; Secure; HttpOnly; SameSite=Lax",
                "theme=dark; HttpOnly; SameSite=Lax; Secure; Path=/x",
            ),
            ("theme=a%2Fb=\"c\"; domain=other.example", "theme=a%2Fb=\"c\""),
            ("theme=; Max-Age=0; DOMAIN=x", "theme=; Max-Age=0"),
            (
                "theme=; Expires=Thu, 01 Jan 1970 00:00:00 GMT",
                "theme=; Expires=Thu, 01 Jan 1970 00:00:00 GMT",
            ),
            ("DWabc=\u{e9}\u{a0}", "DWabc=\u{e9}\u{a0}"),
        ] {
            let (kept, got) = parted(&[line], &["theme", "DW*"]);
            assert_eq!((kept.len(), got), (0, vec![passed.to_owned()]), "{line:?}");
        }
        for line in ["Theme=x", "themes=x", "sessionid=x; Domain=.example.com", "xDW=1"] {
            assert_eq!(
                parted(&[line], &["theme", "DW*"]),
                (vec![line.to_owned()], vec![]),
                "{line:?}"
            );
        }
    }

    #[test]
    fn i3_own_names_and_unreadable_cookies_go_nowhere() {
        for line in [
            "__Host-doorstep=x; Secure; Path=/",
            "__HOST-doorstep=x",
            "doorstep=x",
            "doorstep-device=x",
            "\u{2000}__Host-doorstep=x",
            "\u{a0}theme=x",
            "=doorstep=x",
            "=x",
            "flag",
            "",
            ";",
            "a=b\u{1}",
            "a=b\r\nSet-Cookie: doorstep=x",
        ] {
            assert_eq!(parted(&[line], &["**"]), (vec![], vec![]), "{line:?}");
            assert_eq!(parted(&[line], &[]), (vec![], vec![]), "{line:?}");
        }
        assert_eq!(part(&[b"a=\xe9"], &[]), Parted::default());
    }

    proptest! {
        #[test]
        fn i3_no_set_cookie_line_panics_or_names_a_domain(
            line in "[a-z]{1,2}=[ -~]{0,6}(; (Max-Age|Expires|Domain|Path|SameSite|Secure)=[ -~é]{0,30}){0,4}",
            date in "(Thu, )?[0-9]{1,2}[ -](Jan|Feb)[ -]-?[0-9]{1,6} [0-9]{1,2}:[0-9]{2}:[0-9]{2} ?(GMT|UTC|-0000|[+]9959)?",
        ) {
            let dated = format!("a=b; Expires={date}; Domain=example.com");
            let (_, passed) = parted(&[&line, &dated], &["**"]);
            prop_assert!(passed.len() <= 2);
            for line in passed {
                prop_assert!(Cookie::parse(&line).unwrap().domain().is_none());
            }
        }

        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..120)) {
            part(&[&bytes], &[Glob::parse("a*").unwrap()]);
        }
    }

    #[test]
    fn i12_debug_shows_no_cookie() {
        let shown = format!("{:?}", part(&[b"a=secret"], &[]));
        assert_eq!(shown, "Parted(1 kept, 0 passed)");
    }
}
