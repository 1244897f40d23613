//! Looking for a field in a form's body while it streams (I4): nothing of a body that has it reaches the portal
//! beyond what stands before the field's name.

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, header};
use percent_encoding::percent_decode;

use super::body::{FormKind, kind_of};
use super::query::same_name;

/// The longest name of a field, and the longest header of a part, that is held back until it is known.
const LONGEST: usize = 8 * 1024;

/// A part's header that names its field (RFC 7578 4.2).
const DISPOSITION: &[u8] = b"content-disposition";

/// The body has one of the fields, or cannot be told from one that has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the body names somebody")]
pub struct NamesSomebody;

/// Reads a body as it passes.
#[derive(Debug)]
pub struct Scan {
    fields: Vec<String>,
    kind: Kind,
    /// What is not yet known to be harmless.
    held: BytesMut,
    /// Whether `held` takes part in what is looked for; else bytes pass until the next separator.
    inside: bool,
}

/// How names stand in the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Between separators and `=`.
    Urlencoded,
    /// In lines that begin with `Content-Disposition`, wherever they stand: what is a boundary, parsers dispute.
    Multipart,
    /// Nobody knows: only an empty body passes.
    Unclear,
}

impl Scan {
    /// For a request with these headers; `None` where its body is no form, whatever stands in it.
    ///
    /// `json_counts`: some frameworks make parameters of a JSON body, so such a body cannot be told from one
    /// that has the fields.
    pub fn of(headers: &HeaderMap, fields: Vec<String>, json_counts: bool) -> Option<Self> {
        let kind = match kind_of(headers) {
            Ok(Some((FormKind::Urlencoded, _))) => Kind::Urlencoded,
            Ok(Some((FormKind::Multipart, _))) => Kind::Multipart,
            Ok(Some((FormKind::Json, _))) if json_counts => Kind::Unclear,
            Ok(Some((FormKind::Json | FormKind::Empty, _))) => return None,
            Ok(None) | Err(_) => Kind::Unclear,
        };
        let compressed = headers
            .get_all(header::CONTENT_ENCODING)
            .iter()
            .any(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"identity"));
        Some(Self {
            fields,
            kind: if compressed { Kind::Unclear } else { kind },
            held: BytesMut::new(),
            inside: true,
        })
    }

    /// Reads on; what may go up by now.
    ///
    /// # Errors
    /// Where a field is there: nothing more may go up.
    pub fn feed(&mut self, bytes: &[u8], end: bool) -> Result<Bytes, NamesSomebody> {
        let mut out = BytesMut::with_capacity(bytes.len() + self.held.len());
        match self.kind {
            Kind::Unclear if bytes.is_empty() => {}
            Kind::Unclear => return Err(NamesSomebody),
            Kind::Urlencoded => self.urlencoded(bytes, &mut out)?,
            Kind::Multipart => self.multipart(bytes, &mut out)?,
        }
        if end {
            self.look_at_held()?;
            out.extend_from_slice(&self.held.split());
        }
        Ok(out.freeze())
    }

    fn urlencoded(&mut self, mut bytes: &[u8], out: &mut BytesMut) -> Result<(), NamesSomebody> {
        while !bytes.is_empty() {
            // Some servers split at `;` too.
            let ends = |byte: &u8| matches!(byte, b'&' | b';') || byte.is_ascii_control();
            let stop = match self.inside {
                true => bytes.iter().position(|byte| *byte == b'=' || ends(byte)),
                false => bytes.iter().position(ends),
            };
            let (before, rest) = bytes.split_at(stop.map_or(bytes.len(), |at| at + 1));
            bytes = rest;
            if !self.inside {
                out.extend_from_slice(before);
                self.inside = stop.is_some();
                continue;
            }
            self.held.extend_from_slice(before);
            if stop.is_none() {
                return self.pass_long_name(out);
            }
            self.look_at_held()?;
            self.inside = self.held.last() != Some(&b'=');
            out.extend_from_slice(&self.held.split());
        }
        Ok(())
    }

    fn multipart(&mut self, mut bytes: &[u8], out: &mut BytesMut) -> Result<(), NamesSomebody> {
        while let Some((byte, after)) = bytes.split_first() {
            if !self.inside {
                let stop = bytes.iter().position(is_break).map_or(bytes.len(), |at| at + 1);
                let (before, rest) = bytes.split_at(stop);
                out.extend_from_slice(before);
                self.inside = before.last().is_some_and(is_break);
                bytes = rest;
                continue;
            }
            // A header goes on in a line that begins with a space (RFC 5322 2.2.3).
            let is_over =
                self.held.last().is_some_and(is_break) && !matches!(byte, b' ' | b'\t' | b'\n' | b'\r');
            if is_over {
                self.look_at_held()?;
                out.extend_from_slice(&self.held.split());
            }
            self.held.extend_from_slice(&[*byte]);
            bytes = after;
            let mut pairs = self.held.iter().zip(DISPOSITION);
            if !pairs.all(|(here, word)| here.eq_ignore_ascii_case(word)) {
                out.extend_from_slice(&self.held.split());
                self.inside = is_break(byte);
            }
            if self.held.len() > LONGEST {
                return Err(NamesSomebody);
            }
        }
        Ok(())
    }

    /// What is longer than any field's name is none, unless what makes it long counts for nothing.
    fn pass_long_name(&mut self, out: &mut BytesMut) -> Result<(), NamesSomebody> {
        if self.held.len() <= LONGEST {
            return Ok(());
        }
        let name = decoded(&self.held);
        if name
            .trim_start_matches(|c: char| c.is_whitespace() || c.is_control())
            .len()
            < LONGEST / 8
        {
            return Err(NamesSomebody);
        }
        self.look_at_held()?;
        self.inside = false;
        out.extend_from_slice(&self.held.split());
        Ok(())
    }

    /// Whether what is held names a field; its names, and what a server may make of them.
    fn look_at_held(&self) -> Result<(), NamesSomebody> {
        if self.held.is_empty() {
            return Ok(());
        }
        let is_one = match self.kind {
            Kind::Urlencoded => {
                let mut pieces = self
                    .held
                    .as_ref()
                    .split(|byte| matches!(byte, b'=' | b'&' | b';'));
                let name = pieces.next();
                self.is_one(&decoded(name.unwrap_or_default()))
            }
            Kind::Multipart => names_in(&self.held).iter().any(|name| self.is_one(name)),
            Kind::Unclear => true,
        };
        if is_one { Err(NamesSomebody) } else { Ok(()) }
    }

    fn is_one(&self, name: &str) -> bool {
        self.fields.iter().any(|field| same_name(name, field)) || name.contains('\u{fffd}')
    }
}

fn is_break(byte: &u8) -> bool {
    matches!(byte, b'\n' | b'\r')
}

/// A name as a server decodes it; twice where it holds percent signs still.
fn decoded(name: &[u8]) -> String {
    let spaces: Vec<u8> = name
        .iter()
        .map(|byte| if *byte == b'+' { b' ' } else { *byte })
        .collect();
    let once = percent_decode(&spaces).collect::<Vec<u8>>();
    let twice = percent_decode(&once).collect::<Vec<u8>>();
    String::from_utf8_lossy(&twice).into_owned()
}

/// Every value of a parameter that a parser could take for `name`, bare.
fn names_in(line: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(line);
    let lower = text.to_ascii_lowercase();
    lower
        .match_indices("name")
        .filter(|(at, _)| {
            let before = lower.get(..*at).and_then(|before| before.chars().last());
            !before.is_some_and(|c| c.is_ascii_alphanumeric())
        })
        .filter_map(|(at, word)| {
            let rest = lower
                .get(at + word.len()..)?
                .trim_start_matches(['*', '0', ' ', '\t', '\r', '\n']);
            let value = rest.strip_prefix('=')?.trim_start();
            let value = match value.chars().next() {
                Some(quote @ ('"' | '\'')) => {
                    let inner = value.get(1..)?;
                    inner.split(quote).next()?
                }
                _ => value.split([';', ' ', '\t', '\r', '\n', ',']).next()?,
            };
            // RFC 8187: charset'language'value
            let value = value.rsplit('\'').next()?;
            Some(decoded(value.replace('\\', "").as_bytes()))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    const URLENCODED: &str = "application/x-www-form-urlencoded";
    const MULTIPART: &str = "multipart/form-data; boundary=x";

    fn scan(kind: &str) -> Option<Scan> {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_str(kind).unwrap());
        Scan::of(&headers, vec!["u".into()], false)
    }

    /// What goes up of a body that comes in chunks of `size` bytes, and whether all of it may.
    fn pass(kind: &str, body: &[u8], size: usize) -> (Vec<u8>, bool) {
        let mut scan = scan(kind).unwrap();
        let mut out = Vec::new();
        for chunk in body.chunks(size) {
            match scan.feed(chunk, false) {
                Ok(bytes) => out.extend_from_slice(&bytes),
                Err(NamesSomebody) => return (out, false),
            }
        }
        match scan.feed(b"", true) {
            Ok(bytes) => out.extend_from_slice(&bytes),
            Err(NamesSomebody) => return (out, false),
        }
        (out, true)
    }

    #[test]
    fn i4_a_body_without_the_field_passes_byte_for_byte_however_it_is_cut() {
        let long = format!("text={}&do%5Bsave%5D=1", "u%3D1 ".repeat(2000));
        let json = format!("{{\"text\":\"{}\"}}", "long ".repeat(4000));
        let part = "--x\r\nContent-Disposition: form-data; name=\"upload\"; filename=\"u.txt\"\r\n\
                    Content-Type: text/html\r\n\r\n<input name=\"u\">\r\n\nname=u\r\n\r\n--x--\r\n";
        for (kind, body) in [
            (URLENCODED, long.as_str()),
            (URLENCODED, ""),
            (URLENCODED, json.as_str()),
            (URLENCODED, "us=1&x=u&=&a"),
            (MULTIPART, part),
            (
                MULTIPART,
                "--x\r\nContent-Disposition: form-data; name=\"us\"\r\n\r\n1\r\n--x--",
            ),
        ] {
            for size in [1, 2, 3, 7, 64, 100_000] {
                let (out, whole) = pass(kind, body.as_bytes(), size);
                assert!(whole, "{body}");
                assert_eq!(String::from_utf8_lossy(&out), body, "{size}");
            }
        }
    }

    #[test]
    fn i4_a_body_with_the_field_stops_before_its_name() {
        for (kind, body) in [
            (URLENCODED, "a=1&u=ben&p=x".to_owned()),
            (URLENCODED, "u=ben".into()),
            (URLENCODED, "a=1&u".into()),
            (URLENCODED, "a=1;u=ben".into()),
            (URLENCODED, "a=1&%75=ben".into()),
            (URLENCODED, "a=1&%2575=ben".into()),
            (URLENCODED, "a=1&u[]=ben".into()),
            (URLENCODED, "a=1&+u=ben".into()),
            (URLENCODED, "a=1&U=ben".into()),
            (URLENCODED, "a=1&u%00x=ben".into()),
            (URLENCODED, format!("a={}&u=ben", "x".repeat(300_000))),
            (URLENCODED, format!("a=1&{}u=ben", "+".repeat(9000))),
            (
                MULTIPART,
                "--x\r\nContent-Disposition: form-data; name=\"u\"\r\n\r\nben\r\n--x--".into(),
            ),
            (
                MULTIPART,
                "--x\ncontent-disposition: form-data; name=u\n\nben\n--x--".into(),
            ),
            (
                MULTIPART,
                "--x\r\nContent-Disposition: form-data;\r\n name=u\r\n\r\nben\r\n--x--".into(),
            ),
            (
                MULTIPART,
                "--x\r\nContent-Disposition : form-data; NAME = 'u'\r\n\r\nben".into(),
            ),
            (
                MULTIPART,
                "--x\r\nContent-Disposition: form-data; name=a; name=\"\\u\"\r\n\r\nben".into(),
            ),
            (
                MULTIPART,
                "--x\r\nContent-Disposition: form-data; name*=utf-8''%75\r\n\r\nben".into(),
            ),
            (
                MULTIPART,
                "--x\r\nX: y\rContent-Disposition: form-data; name=u\r\n\r\nben".into(),
            ),
            (MULTIPART, "Content-Disposition: form-data; name=u".into()),
        ] {
            for size in [1, 5, 1000, 400_000] {
                let (out, whole) = pass(kind, body.as_bytes(), size);
                let shown: String = body.chars().take(80).collect();
                assert!(!whole, "{shown}");
                let out = String::from_utf8_lossy(&out).to_ascii_lowercase();
                assert!(
                    !out.contains("ben") && !out.contains("name=\"u"),
                    "{shown}: {out}"
                );
            }
        }
    }

    #[test]
    fn i4_what_is_no_form_is_not_looked_at_and_what_cannot_be_told_is_refused() {
        for other in [
            "application/octet-stream",
            "application/json",
            "image/png",
            "text/plain",
        ] {
            assert!(scan(other).is_none(), "{other}");
        }
        let mut two = HeaderMap::new();
        two.append(header::CONTENT_TYPE, HeaderValue::from_static("text/plain"));
        two.append(header::CONTENT_TYPE, HeaderValue::from_static(URLENCODED));
        let mut packed = HeaderMap::new();
        packed.insert(header::CONTENT_TYPE, HeaderValue::from_static(URLENCODED));
        packed.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        let mut utf16 = HeaderMap::new();
        utf16.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/x-www-form-urlencoded; charset=utf-16"),
        );
        for headers in [two, packed, utf16, HeaderMap::new()] {
            let mut scan = Scan::of(&headers, vec!["u".into()], false).unwrap();
            assert_eq!(scan.feed(b"", false), Ok(Bytes::new()));
            assert_eq!(scan.feed(b"a=1", true), Err(NamesSomebody), "{headers:?}");
        }
    }
}
