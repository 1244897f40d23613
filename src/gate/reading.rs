//! How else a server could read a path. Only ever used to refuse: what one of these readings names as
//! closed, own or a login is treated so, what none of them names is merely not plain.

use unicode_normalization::UnicodeNormalization as _;

/// So many layers of percent-encoding are taken off; deeper nesting is nobody's honest path.
const LAYERS: usize = 6;

/// Where a path ends for a server that decodes before it splits.
const ENDS: [char; 3] = ['?', '#', '\0'];

/// Every reading of `path` that a server might arrive at, letters' case kept. `None`: nested so deeply that
/// nothing is known about it.
pub(super) fn readings(path: &str) -> Option<Vec<String>> {
    let mut all = Vec::new();
    for layer in layers(path)? {
        let cut = layer.split(ENDS).next().unwrap_or_default().to_owned();
        for text in [layer, cut] {
            for parameters in [true, false] {
                let segments: Vec<&str> = text
                    .split('/')
                    .map(|segment| {
                        if parameters {
                            segment
                        } else {
                            without_parameters(segment)
                        }
                    })
                    .filter(|segment| !segment.is_empty())
                    .collect();
                all.push(joined(segments.iter().copied()));
                all.push(joined(resolved(&segments).into_iter()));
            }
        }
    }
    all.push(path.to_owned());
    all.sort_unstable();
    all.dedup();
    Some(all)
}

/// Whether a plain path has no reading but itself, letters' case and slashes at its end aside.
pub(super) fn is_the_only_one(path: &str) -> bool {
    !path.contains(['%', ':']) && !path.contains("./") && !path.ends_with('.')
}

/// Whether some reading of `path` has a segment that is `name`, letters' case aside.
pub(super) fn has_segment(path: &str, name: &str) -> bool {
    layers(path).is_none_or(|layers| {
        layers.iter().any(|layer| {
            layer
                .split(|c| c == '/' || ENDS.contains(&c))
                .any(|segment| bare(without_parameters(segment)).eq_ignore_ascii_case(name))
        })
    })
}

/// A segment without what Windows drops at its end.
pub(super) fn bare(segment: &str) -> &str {
    segment.trim_end_matches(['.', ' '])
}

/// The byte that two hexadecimal digits stand for.
pub(super) fn hex_pair(digits: &[u8]) -> Option<u8> {
    let [high, low] = digits else { return None };
    let value = |digit: u8| char::from(digit).to_digit(16);
    u8::try_from(value(*high)? * 16 + value(*low)?).ok()
}

/// Whether a character shows nothing, so that dropping it makes another text.
pub(super) fn vanishes(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{fff0}'..='\u{fffd}' | '\u{e0000}'..='\u{e0fff}')
}

/// What best-fit code page mappings make of a look-alike that NFKC leaves alone.
pub(super) fn ascii_twin(c: char) -> Option<char> {
    match c {
        '\u{2044}' | '\u{2215}' | '\u{29f8}' => Some('/'),
        '\u{a5}' | '\u{20a9}' | '\u{2216}' | '\u{29f5}' => Some('\\'),
        '\u{3002}' => Some('.'),
        '\u{37e}' => Some(';'),
        _ => None,
    }
}

/// Whether NFKC makes ASCII of a character.
pub(super) fn folds_to_ascii(c: char) -> bool {
    std::iter::once(c).nfkc().any(|folded| folded.is_ascii())
}

/// The path spelt out, and with one layer of percent-encoding after the other taken off.
fn layers(path: &str) -> Option<Vec<String>> {
    let mut layers = vec![spell_out(path)];
    for _ in 0..LAYERS {
        let last = layers.last()?;
        let next = spell_out(&decode_once(last));
        if next == *last {
            return Some(layers);
        }
        layers.push(next);
    }
    None
}

/// Takes one layer off, forgivingly: `%XX`, `%uXXXX`, and UTF-8 longer than it need be.
fn decode_once(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        rest = tail;
        if first != b'%' {
            bytes.push(first);
        } else if let Some(byte) = tail.get(..2).and_then(hex_pair) {
            bytes.push(byte);
            rest = tail.get(2..).unwrap_or_default();
        } else if let Some(c) = unicode_escape(tail) {
            bytes.extend(c.encode_utf8(&mut [0; 4]).bytes());
            rest = tail.get(5..).unwrap_or_default();
        } else {
            bytes.push(first);
        }
    }
    String::from_utf8_lossy(&shortest_form(&bytes)).into_owned()
}

/// `uXXXX`, as some servers read after a percent sign.
fn unicode_escape(tail: &[u8]) -> Option<char> {
    let (b'u' | b'U', digits) = (*tail.first()?, tail.get(1..5)?) else {
        return None;
    };
    let unit = u32::from(hex_pair(digits.get(..2)?)?) << 8 | u32::from(hex_pair(digits.get(2..)?)?);
    char::from_u32(unit)
}

/// ASCII that hides in UTF-8 sequences of two or three bytes, as ASCII.
fn shortest_form(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    loop {
        let (byte, length) = match *rest {
            [] => return out,
            [lead @ (0xc0 | 0xc1), next, ..] => ((lead & 1) << 6 | next & 0x3f, 2),
            [0xe0, lead @ (0x80 | 0x81), next, ..] => ((lead & 1) << 6 | next & 0x3f, 3),
            [byte, ..] => (byte, 1),
        };
        out.push(byte);
        rest = rest.get(length..).unwrap_or_default();
    }
}

/// Compatibility forms folded, look-alikes replaced, what vanishes gone, backslashes turned.
fn spell_out(text: &str) -> String {
    text.nfkc()
        .map(|c| ascii_twin(c).unwrap_or(c))
        .filter(|c| *c == '\0' || !vanishes(*c))
        .map(|c| if c == '\\' { '/' } else { c })
        .collect()
}

/// A segment without matrix parameters, and without the stream that Windows opens after a colon.
fn without_parameters(segment: &str) -> &str {
    segment.split([';', ':']).next().unwrap_or(segment)
}

/// Dot segments taken out (RFC 3986 5.2.4), read as Windows does: dots and spaces at the end do not count.
fn resolved<'a>(segments: &[&'a str]) -> Vec<&'a str> {
    let mut stack = Vec::with_capacity(segments.len());
    for segment in segments {
        match bare(segment) {
            "" if segment.starts_with("..") => {
                stack.pop();
            }
            "" => {}
            kept => stack.push(kept),
        }
    }
    stack
}

fn joined<'a>(segments: impl Iterator<Item = &'a str>) -> String {
    let mut path = String::new();
    for segment in segments {
        path.push('/');
        path.push_str(segment);
    }
    if path.is_empty() {
        path.push('/');
    }
    path
}
