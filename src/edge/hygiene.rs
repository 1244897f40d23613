//! What is refused before anything is classed: a head whose framing, host or credentials two servers
//! could read in two ways (I2, THREATS class C). Looks at the raw bytes, for the parser has already tidied
//! some of it away (pingora removes a Content-Length beside a Transfer-Encoding, and joins equal ones).

use http::header::{AUTHORIZATION, COOKIE, EXPECT, HOST, ORIGIN};
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::config::Origin;

/// Why a head is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unclean {
    /// 400: the text says what was wrong.
    Bad(&'static str),
    /// 421: on HTTP/2, another host than ours (RFC 9113 9.1.2).
    Misdirected,
    /// 431: too much of it.
    TooLarge,
}

/// How large a head may be.
#[derive(Clone, Copy, Debug)]
pub struct HeadSize {
    /// Bytes.
    pub bytes: usize,
    /// Header lines.
    pub lines: usize,
}

impl Default for HeadSize {
    fn default() -> Self {
        Self {
            bytes: 64 * 1024,
            lines: 128,
        }
    }
}

/// Looks at the size of a head that came in HTTP/2's frames. A browser may send each cookie in a line of its own
/// (RFC 9113 8.2.3): those count as one.
///
/// # Errors
/// Where it is too large.
pub fn check_size(target: &[u8], headers: &HeaderMap, most: HeadSize) -> Result<(), Unclean> {
    let cookies = headers.get_all(COOKIE).iter().count();
    let lines = headers.len() - cookies.saturating_sub(1);
    let line = |(name, value): (&HeaderName, &HeaderValue)| name.as_str().len() + value.len() + 4;
    let bytes: usize = target.len() + headers.iter().map(line).sum::<usize>();
    if bytes > most.bytes || lines > most.lines {
        return Err(Unclean::TooLarge);
    }
    Ok(())
}

/// Looks an HTTP/1 head over as it came: request line, header lines, blank line. Gives the target as it
/// stands in the request line.
///
/// # Errors
/// Why the head is refused.
pub fn check_raw_head(raw: &[u8], most: HeadSize) -> Result<&[u8], Unclean> {
    if raw.len() > most.bytes {
        return Err(Unclean::TooLarge);
    }
    let mut framing = Framing::default();
    let mut target: &[u8] = &[];
    for (number, line) in raw.split(|byte| *byte == b'\n').enumerate() {
        if line.is_empty() {
            // After the last line feed.
            continue;
        }
        // The request line before, the empty line behind them.
        if number > most.lines + 1 {
            return Err(Unclean::TooLarge);
        }
        let Some(line) = line.strip_suffix(b"\r") else {
            return Err(Unclean::Bad("a line of the head ends in a bare line feed"));
        };
        if line.contains(&b'\r') {
            return Err(Unclean::Bad("a bare carriage return in the head"));
        }
        match number {
            0 => target = framing.request_line(line)?,
            _ => framing.header_line(line)?,
        }
    }
    framing.verdict()?;
    Ok(target)
}

#[derive(Default)]
struct Framing {
    is_http10: bool,
    lengths: usize,
    encodings: usize,
}

impl Framing {
    fn request_line<'a>(&mut self, line: &'a [u8]) -> Result<&'a [u8], Unclean> {
        let mut words = line.split(|byte| *byte == b' ');
        let (Some(_), Some(target), Some(_), None) = (words.next(), words.next(), words.next(), words.next())
        else {
            return Err(Unclean::Bad("the request line is not METHOD TARGET VERSION"));
        };
        self.is_http10 = line.ends_with(b"HTTP/1.0");
        if line.first().is_some_and(|byte| !byte.is_ascii_uppercase()) {
            return Err(Unclean::Bad("the method is not written in capitals"));
        }
        Ok(target)
    }

    fn header_line(&mut self, line: &[u8]) -> Result<(), Unclean> {
        if line.is_empty() {
            return Ok(());
        }
        if line.first().is_some_and(|byte| matches!(byte, b' ' | b'\t')) {
            return Err(Unclean::Bad("a folded header line"));
        }
        let Some(colon) = line.iter().position(|byte| *byte == b':') else {
            return Err(Unclean::Bad("a header line without a colon"));
        };
        let (name, value) = line.split_at(colon);
        if name.is_empty() || name.iter().any(|byte| *byte <= b' ' || *byte >= 0x7f) {
            return Err(Unclean::Bad("a header's name with spaces or odd bytes"));
        }
        let value = value.get(1..).unwrap_or_default();
        if value
            .iter()
            .any(|byte| *byte < 0x20 && *byte != b'\t' || *byte == 0x7f)
        {
            return Err(Unclean::Bad("control bytes in a header"));
        }
        let folded: Vec<u8> = name
            .iter()
            .map(|byte| {
                if matches!(byte, b'_' | b'.') {
                    b'-'
                } else {
                    byte.to_ascii_lowercase()
                }
            })
            .collect();
        match folded.as_slice() {
            b"content-length" => self.content_length(name, value),
            b"transfer-encoding" => self.transfer_encoding(name, value),
            _ => Ok(()),
        }
    }

    fn content_length(&mut self, name: &[u8], value: &[u8]) -> Result<(), Unclean> {
        self.lengths += 1;
        let value = value.trim_ascii();
        let plain = (1..=18).contains(&value.len())
            && value.iter().all(u8::is_ascii_digit)
            && (value.len() == 1 || value.first() != Some(&b'0'));
        if !name.eq_ignore_ascii_case(b"content-length") || !plain {
            return Err(Unclean::Bad("a Content-Length that can be read in two ways"));
        }
        Ok(())
    }

    fn transfer_encoding(&mut self, name: &[u8], value: &[u8]) -> Result<(), Unclean> {
        self.encodings += 1;
        let plain = value
            .strip_prefix(b" ")
            .unwrap_or(value)
            .eq_ignore_ascii_case(b"chunked");
        if !name.eq_ignore_ascii_case(b"transfer-encoding") || !plain {
            return Err(Unclean::Bad("a Transfer-Encoding other than chunked"));
        }
        Ok(())
    }

    fn verdict(&self) -> Result<(), Unclean> {
        if self.lengths + self.encodings > 1 {
            return Err(Unclean::Bad("the length of the body is given twice"));
        }
        if self.is_http10 && self.encodings > 0 {
            return Err(Unclean::Bad("HTTP/1.0 knows no Transfer-Encoding"));
        }
        Ok(())
    }
}

/// Looks a parsed head over: host, credentials, expectations. `authority` is HTTP/2's.
pub fn check_headers(
    headers: &HeaderMap,
    authority: Option<&str>,
    public: &Origin,
    is_http2: bool,
) -> Result<(), Unclean> {
    let mut hosts = headers.get_all(HOST).iter();
    let host = hosts.next().map(|value| value.to_str().unwrap_or(""));
    if hosts.next().is_some() {
        return Err(Unclean::Bad("more than one Host"));
    }
    let foreign = if is_http2 {
        Unclean::Misdirected
    } else {
        Unclean::Bad("the Host is not this one")
    };
    match (host, authority) {
        (None, None) => return Err(Unclean::Bad("no Host")),
        (Some(host), None) if !public.is_named_by(host) => return Err(foreign),
        (None, Some(authority)) if !public.is_named_by(authority) => return Err(foreign),
        (Some(host), Some(authority))
            if !public.is_named_by(authority) || !host.eq_ignore_ascii_case(authority) =>
        {
            return Err(foreign);
        }
        _ => {}
    }
    if headers.keys().any(is_alias) {
        return Err(Unclean::Bad("a header that some servers take for another"));
    }
    if headers.get_all(AUTHORIZATION).iter().count() > 1 {
        return Err(Unclean::Bad("more than one Authorization"));
    }
    // By these it is judged whose page asks (THREATS D5, F4).
    let whose = [ORIGIN, HeaderName::from_static("sec-fetch-site")];
    if whose.iter().any(|name| headers.get_all(name).iter().count() > 1) {
        return Err(Unclean::Bad("more than one Origin or Sec-Fetch-Site"));
    }
    let expects = headers.get_all(EXPECT);
    if expects
        .iter()
        .any(|value| !value.as_bytes().eq_ignore_ascii_case(b"100-continue"))
    {
        return Err(Unclean::Bad("an expectation that cannot be met"));
    }
    Ok(())
}

/// Whether a name is one of those by which a body is read, spelt as CGI's heirs fold it (HTTP/2 sends no raw
/// head to look at).
fn is_alias(name: &HeaderName) -> bool {
    let name = name.as_str();
    name.contains(['_', '.'])
        && matches!(
            name.replace(['_', '.'], "-").as_str(),
            "content-length" | "content-type" | "content-encoding" | "transfer-encoding"
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(raw: &[u8]) -> Result<&[u8], Unclean> {
        check_raw_head(raw, HeadSize::default())
    }

    fn head(lines: &str) -> Vec<u8> {
        format!("GET / HTTP/1.1\r\nHost: a\r\n{lines}\r\n").into_bytes()
    }

    #[test]
    fn c_framing_that_can_be_read_in_two_ways_is_refused() {
        for lines in [
            "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
            "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
            "Content-Length: 5\r\nContent-Length: 5\r\n",
            "Content-Length: 5, 5\r\n",
            "Content-Length: +5\r\n",
            "Content-Length: 05\r\n",
            "Content-Length: 0x5\r\n",
            "Content-Length: -0\r\n",
            "Content-Length: 5 5\r\n",
            "Content-Length: 1_0\r\n",
            "Content-Length:\r\n",
            "Content-Length: 18446744073709551616\r\n",
            "Content_Length: 5\r\n",
            "Transfer-Encoding: xchunked\r\n",
            "Transfer-Encoding: identity\r\n",
            "Transfer-Encoding: chunked, identity\r\n",
            "Transfer-Encoding: x, chunked\r\n",
            "Transfer-Encoding: ,chunked\r\n",
            "Transfer-Encoding: chunked;x=1\r\n",
            "Transfer-Encoding: \x0bchunked\r\n",
            "Transfer-Encoding : chunked\r\n",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
            "Transfer_Encoding: chunked\r\n",
            "Transfer-Encoding:\tchunked\r\n",
            "X: a\n b\r\n",
            "X: a\r\n b\r\n",
            "X: a\rb\r\n",
            "X: a\0b\r\n",
            "X\r\n",
        ] {
            assert!(matches!(read(&head(lines)), Err(Unclean::Bad(_))), "{lines:?}");
        }
        assert!(read(b"POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n").is_err());
        assert!(read(b"get / HTTP/1.1\r\nHost: a\r\n\r\n").is_err());
        assert!(read(b"GET / x HTTP/1.1\r\nHost: a\r\n\r\n").is_err());
    }

    #[test]
    fn an_honest_head_passes() {
        for lines in [
            "",
            "Content-Length: 0\r\n",
            "Content-Length: 12\r\n",
            "Transfer-Encoding: chunked\r\n",
            "Cookie: a=b; c=d\r\nX_Y: z\r\nAccept:\t*/*\r\nName: J\u{e4}ger\r\n",
        ] {
            assert_eq!(read(&head(lines)), Ok(&b"/"[..]), "{lines:?}");
        }
    }

    #[test]
    fn f3_a_head_has_so_many_bytes_and_lines() {
        let most = HeadSize {
            bytes: 1000,
            lines: 20,
        };
        for (count, length, fits) in [
            (18, 1, true),
            (19, 1, true),
            (20, 1, false),
            (1, 900, true),
            (1, 980, false),
        ] {
            let lines: String = (0..count)
                .map(|number| format!("X-{number}: {}\r\n", "x".repeat(length)))
                .collect();
            assert_eq!(
                check_raw_head(&head(&lines), most).is_ok(),
                fits,
                "{count} {length}"
            );
        }
        // HTTP/2 may cut its cookies up
        let mut headers = HeaderMap::new();
        for number in 0..40 {
            headers.append(COOKIE, format!("c{number}=1").parse().unwrap());
        }
        assert_eq!(check_size(b"/", &headers, most), Ok(()));
        for number in 0..20 {
            headers.append(
                HeaderName::try_from(format!("x-{number}")).unwrap(),
                "1".parse().unwrap(),
            );
        }
        assert_eq!(check_size(b"/", &headers, most), Err(Unclean::TooLarge));
        headers.clear();
        headers.append(COOKIE, "x".repeat(1000).parse().unwrap());
        assert_eq!(check_size(b"/", &headers, most), Err(Unclean::TooLarge));
        headers.clear();
        assert_eq!(check_size(&[b'x'; 1001], &headers, most), Err(Unclean::TooLarge));
    }

    #[test]
    fn d5_f4_whose_page_asks_is_said_once() {
        let public = Origin::parse("https://portal.example.com").unwrap();
        for name in ["origin", "sec-fetch-site", "authorization"] {
            let mut headers = HeaderMap::new();
            headers.insert(HOST, "portal.example.com".parse().unwrap());
            let name: HeaderName = name.parse().unwrap();
            headers.append(&name, "a".parse().unwrap());
            assert!(check_headers(&headers, None, &public, false).is_ok(), "{name}");
            headers.append(&name, "a".parse().unwrap());
            assert!(
                check_headers(&headers, None, &public, false).is_err(),
                "{name} twice"
            );
        }
    }

    #[test]
    fn d1_only_the_public_host_is_served() {
        let public = Origin::parse("https://portal.example.com").unwrap();
        let mut headers = HeaderMap::new();
        assert!(check_headers(&headers, None, &public, false).is_err());
        headers.insert(HOST, "portal.example.com".parse().unwrap());
        assert!(check_headers(&headers, None, &public, false).is_ok());
        headers.append(HOST, "portal.example.com".parse().unwrap());
        assert!(check_headers(&headers, None, &public, false).is_err());
        for host in [
            "",
            "evil.example.com",
            "portal.example.com.",
            "portal.example.com@evil",
            "portal.example.com:8443",
        ] {
            headers.insert(HOST, host.parse().unwrap());
            assert!(check_headers(&headers, None, &public, false).is_err(), "{host:?}");
        }
        let none = HeaderMap::new();
        assert_eq!(
            check_headers(&none, Some("evil"), &public, true),
            Err(Unclean::Misdirected)
        );
        assert!(check_headers(&none, Some("portal.example.com"), &public, true).is_ok());
    }
}
