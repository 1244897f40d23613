//! JSON, read only where there is one way to read it: pointers (RFC 6901) into documents whose keys are told
//! apart by every parser.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

use super::query::is_below_a_prefix;

/// The longest value that a rule compares or a name is read from, in bytes.
const LONGEST: usize = 8 * 1024;

/// A JSON pointer (RFC 6901) that is not empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JsonPointer {
    source: String,
    tokens: Vec<String>,
}

impl JsonPointer {
    /// Reads a pointer such as `/user/name`.
    ///
    /// # Errors
    /// A sentence that says what a pointer looks like.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is no JSON pointer (RFC 6901); it looks like \"/user/name\"");
        let rest = text.strip_prefix('/').ok_or_else(wrong)?;
        let tokens: Vec<String> = rest
            .split('/')
            .map(unescape)
            .collect::<Option<_>>()
            .ok_or_else(wrong)?;
        if tokens
            .iter()
            .any(|token| token.is_empty() || token.chars().any(char::is_control))
        {
            return Err(wrong());
        }
        Ok(Self {
            source: text.to_owned(),
            tokens,
        })
    }

    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.source
    }

    /// The same place as a form would name it: `user[name]`.
    pub(super) fn as_field(&self) -> String {
        let mut tokens = self.tokens.iter();
        let mut field = tokens.next().cloned().unwrap_or_default();
        for token in tokens {
            field.push('[');
            field.push_str(token);
            field.push(']');
        }
        field
    }
}

/// `~1` is a slash, `~0` a tilde, and no other tilde may stand there.
fn unescape(token: &str) -> Option<String> {
    let mut out = String::with_capacity(token.len());
    let mut chars = token.chars();
    while let Some(c) = chars.next() {
        out.push(match c {
            '~' => match chars.next()? {
                '0' => '~',
                '1' => '/',
                _ => return None,
            },
            c => c,
        });
    }
    Some(out)
}

/// A document. Passwords and tokens stand in it: `Debug` shows its kind only.
#[derive(Clone, PartialEq)]
pub enum Json {
    /// `null`
    Null,
    /// `true`, `false`
    Flag(bool),
    /// A number, as the parser writes it.
    Number(String),
    /// A text, escapes undone.
    Text(String),
    /// A list.
    List(Vec<Json>),
    /// Keys and values in their order, those that stand there twice included.
    Object(Vec<(String, Json)>),
}

/// What a pointer leads to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Found<'a> {
    /// Nothing, or `null`.
    Absent,
    /// Two parsers could arrive at two values: a key twice, or in two spellings, on the way.
    Twice,
    /// This.
    One(&'a Json),
}

impl Json {
    /// Reads a whole document of UTF-8 without a byte order mark (RFC 8259 8.1).
    pub fn read(bytes: &[u8]) -> Option<Self> {
        // What stands beyond the nesting that the crate allows (128) is refused with the rest.
        serde_json::from_slice(bytes).ok()
    }

    /// What stands at `pointer`.
    pub fn at(&self, pointer: &JsonPointer) -> Found<'_> {
        let mut here = self;
        for token in &pointer.tokens {
            let next = match here {
                Self::Object(members) => {
                    let mut alike = members.iter().filter(|(key, _)| same_key(key, token));
                    match (alike.next(), alike.next()) {
                        (Some((key, value)), None) if key == token => Some(value),
                        (None, _) => None,
                        // Some parsers fold case (Go's, .NET's), so another spelling is another reading.
                        _ => return Found::Twice,
                    }
                }
                Self::List(items) => token.parse::<usize>().ok().and_then(|index| items.get(index)),
                _ => None,
            };
            match next {
                Some(next) => here = next,
                None => return Found::Absent,
            }
        }
        if *here == Self::Null {
            Found::Absent
        } else {
            Found::One(here)
        }
    }

    /// Whether a server that looks for a field within the object of its own name finds another name there than at
    /// `pointer`: Rails wraps a body that has no such object, and takes one that is there as it is.
    pub(super) fn names_another_within(&self, pointer: &JsonPointer, is_same: impl Fn(&str) -> bool) -> bool {
        let (Self::Object(members), [field]) = (self, pointer.tokens.as_slice()) else {
            return false;
        };
        let is_other = |(key, value): &(String, Self)| {
            let is_harmless = match value {
                Self::Null => true,
                Self::Text(text) => is_same(text),
                _ => false,
            };
            same_key(key, field) && !is_harmless
        };
        members.iter().any(|(key, value)| {
            let within = match value {
                Self::Object(within) => within.as_slice(),
                _ => &[],
            };
            is_below_a_prefix(key, field) || within.iter().any(is_other)
        })
    }

    /// Whether the one value at `pointer` is `wanted`.
    pub fn is_at(&self, pointer: &JsonPointer, wanted: &Json) -> bool {
        matches!(self.at(pointer), Found::One(value) if value == wanted)
    }

    /// Whether some key, however deep, could be taken for the field `name` by a server that makes parameters
    /// of a JSON body.
    pub(super) fn mentions(&self, name: &str) -> bool {
        let bare = name.rsplit('[').next().unwrap_or(name).trim_end_matches(']');
        match self {
            Self::Object(members) => members.iter().any(|(key, value)| {
                super::query::same_name(key, name) || same_key(key, bare) || value.mentions(name)
            }),
            Self::List(items) => items.iter().any(|item| item.mentions(name)),
            _ => false,
        }
    }

    /// Whether some text, however deep, is one that is looked for under its key; in a list, under the list's.
    pub fn any_text(&self, is_it: &dyn Fn(&str, &str) -> bool) -> bool {
        self.any_text_under("", is_it)
    }

    fn any_text_under(&self, key: &str, is_it: &dyn Fn(&str, &str) -> bool) -> bool {
        match self {
            Self::Text(text) => is_it(key, text),
            Self::List(items) => items.iter().any(|item| item.any_text_under(key, is_it)),
            Self::Object(members) => members
                .iter()
                .any(|(key, value)| value.any_text_under(key, is_it)),
            Self::Null | Self::Flag(_) | Self::Number(_) => false,
        }
    }

    /// A text that is not empty, or a whole number: what can name somebody in an answer.
    pub fn as_name(&self) -> Option<&str> {
        match self {
            Self::Text(text) if text.len() <= LONGEST => Some(text),
            Self::Number(number) if number.bytes().all(|byte| byte.is_ascii_digit()) => Some(number),
            _ => None,
        }
    }

    /// As words show it.
    pub fn shown(&self) -> String {
        match self {
            Self::Null => "null".into(),
            Self::Flag(flag) => flag.to_string(),
            Self::Number(number) => number.clone(),
            Self::Text(text) => format!("{text:?}"),
            Self::List(_) => "a list".into(),
            Self::Object(_) => "an object".into(),
        }
    }
}

fn same_key(one: &str, other: &str) -> bool {
    // Parsers in C cut a key at NUL.
    let bare = |text: &str| {
        let text = text.split('\0').next().unwrap_or(text);
        super::query::without_case(text.trim_matches(|c: char| c.is_whitespace() || c.is_control()))
    };
    one == other || bare(one) == bare(other)
}

impl fmt::Debug for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Null => "Json(null)",
            Self::Flag(_) => "Json(flag)",
            Self::Number(_) => "Json(number)",
            Self::Text(_) => "Json(text)",
            Self::List(_) => "Json(list)",
            Self::Object(_) => "Json(object)",
        })
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Document;
        impl<'de> Visitor<'de> for Document {
            type Value = Json;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("JSON")
            }
            fn visit_unit<E>(self) -> Result<Json, E> {
                Ok(Json::Null)
            }
            fn visit_bool<E>(self, flag: bool) -> Result<Json, E> {
                Ok(Json::Flag(flag))
            }
            fn visit_i64<E>(self, number: i64) -> Result<Json, E> {
                Ok(Json::Number(number.to_string()))
            }
            fn visit_u64<E>(self, number: u64) -> Result<Json, E> {
                Ok(Json::Number(number.to_string()))
            }
            fn visit_f64<E>(self, number: f64) -> Result<Json, E> {
                Ok(Json::Number(number.to_string()))
            }
            fn visit_str<E>(self, text: &str) -> Result<Json, E> {
                Ok(Json::Text(text.to_owned()))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Json, A::Error> {
                let mut list = Vec::new();
                while let Some(item) = items.next_element()? {
                    list.push(item);
                }
                Ok(Json::List(list))
            }
            fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Json, A::Error> {
                let mut object = Vec::new();
                while let Some(member) = members.next_entry()? {
                    object.push(member);
                }
                Ok(Json::Object(object))
            }
        }
        deserializer.deserialize_any(Document)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pointer(text: &str) -> JsonPointer {
        JsonPointer::parse(text).unwrap()
    }

    #[test]
    fn i4_a_pointer_leads_to_one_value_or_none() {
        for (document, at, found) in [
            (r#"{"user":{"name":"anna"}}"#, "/user/name", "anna"),
            (r#"{"a/b":{"c~d":"anna"}}"#, "/a~1b/c~0d", "anna"),
            (r#"[{"name":"anna"}]"#, "/0/name", "anna"),
            (r#"{"\u0075ser":"anna"}"#, "/user", "anna"),
            (r#"{"user":"ann\u0061"}"#, "/user", "anna"),
            // Twice, but not on the way.
            (r#"{"x":1,"x":2,"user":"anna"}"#, "/user", "anna"),
        ] {
            let json = Json::read(document.as_bytes()).unwrap();
            assert_eq!(
                json.at(&pointer(at)),
                Found::One(&Json::Text(found.into())),
                "{document}"
            );
        }
        for document in [
            r#"{"user":{"name":"anna","name":"ben"}}"#,
            r#"{"user":{"name":"anna"},"user":{"name":"ben"}}"#,
            r#"{"user":{"name":"anna"},"User":{"name":"ben"}}"#,
            r#"{"User":{"name":"ben"}}"#,
            r#"{"user":{"name":"anna","NAME ":"ben"}}"#,
            r#"{"user":{"name":"anna"},"us\u0065r":null}"#,
            r#"{"user":{"name":"anna"},"u\u017fer":{"name":"ben"}}"#,
            r#"{"user":{"name":"anna"},"USER\u0000x":{"name":"ben"}}"#,
        ] {
            let json = Json::read(document.as_bytes()).unwrap();
            assert_eq!(json.at(&pointer("/user/name")), Found::Twice, "{document}");
        }
        for document in [
            r#"{"user":{"name":null}}"#,
            r#"{"user":"anna"}"#,
            "{}",
            "[]",
            "\"anna\"",
            "7",
        ] {
            let json = Json::read(document.as_bytes()).unwrap();
            assert_eq!(json.at(&pointer("/user/name")), Found::Absent, "{document}");
        }
    }

    #[test]
    fn i4_what_two_parsers_read_in_two_ways_is_no_document() {
        let utf16: Vec<u8> = "{\"user\":\"anna\"}"
            .encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect();
        let deep = format!("{}1{}", "[".repeat(200), "]".repeat(200));
        for bytes in [
            "\u{feff}{\"user\":\"anna\"}".as_bytes(),
            &utf16,
            b"{\"user\":\"an\xffna\"}",
            b"{'user':'anna'}",
            b"{\"user\":\"anna\",}",
            b"{\"user\":\"anna\"} {\"user\":\"ben\"}",
            b"/* */{\"user\":\"anna\"}",
            b"{\"user\":\"\\ud800\"}",
            b"{\"user\":\"a\nb\"}",
            b"",
            deep.as_bytes(),
        ] {
            assert!(
                Json::read(bytes).is_none(),
                "{:?}",
                String::from_utf8_lossy(bytes)
            );
        }
    }

    #[test]
    fn a_pointer_is_read_by_rfc_6901() {
        for text in ["", "user", "/", "/a//b", "/a~2b", "/a~", "/a\u{0}"] {
            assert!(JsonPointer::parse(text).is_err(), "{text:?}");
        }
        assert_eq!(pointer("/user/name").as_field(), "user[name]");
    }

    #[test]
    fn i12_debug_shows_no_value() {
        assert!(!format!("{:?}", Json::read(b"{\"a\":\"hunter2\"}")).contains("hunter2"));
    }
}
