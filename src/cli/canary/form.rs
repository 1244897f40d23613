//! What the canary sends: the login page's form filled in, or a body made from the rule alone.

use anyhow::bail;
use serde_json::{Map, Value};

use crate::config::Canary as Account;
use crate::gate::JsonPointer;
use crate::gate::rules::{LoginRule, UsernameSource};
use crate::secret::{Redacted, random_id};

/// A request's body.
pub(super) struct Body {
    /// Its content type.
    pub kind: String,
    /// What it holds.
    pub bytes: Vec<u8>,
}

/// The body by which the test account signs in.
///
/// # Errors
/// Where the fields given do not fit each other.
pub(super) fn body(
    rule: &LoginRule,
    account: &Account,
    password: &Redacted<String>,
    page: &Page,
) -> anyhow::Result<Body> {
    if let UsernameSource::Json(pointer) = &rule.username {
        return Ok(Body {
            kind: "application/json".into(),
            bytes: json_body(rule, account, pointer, password)?,
        });
    }
    let known = account.password_field.clone().or_else(|| page.password.clone());
    let password_field = known.unwrap_or_else(|| rule.password.clone());
    let mut fields: Vec<(String, String)> = page.hidden.clone();
    fields.extend(rule.where_form.iter().cloned());
    fields.extend(account.fields.iter().cloned());
    if let Some(field) = rule.username.field() {
        fields.push((field.into_owned(), account.login.as_str().to_owned()));
    }
    fields.push((password_field, password.reveal().clone()));
    // Each once: the last one given counts.
    let mut once: Vec<(String, String)> = Vec::new();
    for (name, value) in fields {
        once.retain(|(known, _)| *known != name);
        once.push((name, value));
    }
    if matches!(rule.username, UsernameSource::Multipart(_)) {
        return multipart(&once);
    }
    Ok(Body {
        kind: "application/x-www-form-urlencoded".into(),
        bytes: encoded(&once).into_bytes(),
    })
}

/// As browsers send a form with files in it (RFC 7578; names escaped as the HTML standard has it).
fn multipart(fields: &[(String, String)]) -> anyhow::Result<Body> {
    let boundary = format!("doorstep-{}", random_id());
    let mut text = String::new();
    for (name, value) in fields {
        if value.contains(&boundary) {
            bail!("a field of the login holds what separates fields");
        }
        let name = name.replace('"', "%22").replace('\r', "%0D").replace('\n', "%0A");
        text.push_str(&format!(
            "--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n"
        ));
    }
    text.push_str(&format!("--{boundary}--\r\n"));
    Ok(Body {
        kind: format!("multipart/form-data; boundary={boundary}"),
        bytes: text.into_bytes(),
    })
}

/// The username at its pointer, the password beside it or where the configuration says, and what else is asked for.
fn json_body(
    rule: &LoginRule,
    account: &Account,
    username: &JsonPointer,
    password: &Redacted<String>,
) -> anyhow::Result<Vec<u8>> {
    let mut body = Value::Object(Map::new());
    put(&mut body, username.as_str(), Value::from(account.login.as_str()))?;
    let beside = || "/password".to_owned();
    let place = account.password_field.clone().unwrap_or_else(beside);
    put(&mut body, &place, Value::from(password.reveal().as_str()))?;
    for (pointer, value) in &rule.where_json {
        put(&mut body, pointer.as_str(), serde_json::from_str(&value.shown())?)?;
    }
    for (name, value) in &account.fields {
        let pointer = if name.starts_with('/') {
            name.clone()
        } else {
            format!("/{name}")
        };
        put(&mut body, &pointer, Value::from(value.as_str()))?;
    }
    Ok(serde_json::to_vec(&body)?)
}

/// Fields as forms and queries have them.
pub(super) fn encoded(pairs: &[(String, String)]) -> String {
    url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(pairs)
        .finish()
}

/// Puts a value at a pointer, making objects on the way.
fn put(body: &mut Value, pointer: &str, value: Value) -> anyhow::Result<()> {
    JsonPointer::parse(pointer).map_err(anyhow::Error::msg)?;
    let mut here = body;
    for token in pointer.split('/').skip(1) {
        let key = token.replace("~1", "/").replace("~0", "~");
        let Value::Object(members) = here else {
            bail!("{pointer} does not fit the other fields of the login");
        };
        here = members.entry(key).or_insert_with(|| Value::Object(Map::new()));
    }
    *here = value;
    Ok(())
}

/// What of a login page matters.
#[derive(Default)]
pub(super) struct Page {
    hidden: Vec<(String, String)>,
    password: Option<String>,
}

impl Page {
    /// The form that has a password field, else nothing.
    pub(super) fn read(html: &str) -> Self {
        let Ok(dom) = tl::parse(html, tl::ParserOptions::default()) else {
            return Self::default();
        };
        let parser = dom.parser();
        let forms = dom.query_selector("form").into_iter().flatten();
        let mut pages: Vec<Self> = forms
            .filter_map(|form| form.get(parser)?.as_tag()?.query_selector(parser, "input"))
            .map(|inputs| {
                let tags = inputs.filter_map(|input| input.get(parser)?.as_tag());
                Self::of(tags.map(|tag| (text(tag, "type"), text(tag, "name"), text(tag, "value"))))
            })
            .collect();
        let with_password = pages.iter().position(|page| page.password.is_some());
        match with_password {
            Some(place) => pages.swap_remove(place),
            None => Self::default(),
        }
    }

    fn of(inputs: impl Iterator<Item = (Option<String>, Option<String>, Option<String>)>) -> Self {
        let mut page = Self::default();
        for (kind, name, value) in inputs {
            let Some(name) = name.filter(|name| !name.is_empty()) else {
                continue;
            };
            match kind.as_deref().map(str::to_ascii_lowercase).as_deref() {
                Some("hidden") => page.hidden.push((name, value.unwrap_or_default())),
                Some("password") => page.password = page.password.or(Some(name)),
                _ => {}
            }
        }
        page
    }
}

/// An attribute, its references to characters resolved as far as tokens use them.
fn text(tag: &tl::HTMLTag<'_>, name: &str) -> Option<String> {
    let value = tag.attributes().get(name)??.as_utf8_str();
    Some(
        value
            .replace("&quot;", "\"")
            .replace("&#39;", "'")
            .replace("&lt;", "<")
            .replace("&gt;", ">")
            .replace("&amp;", "&"),
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_form_with_a_password_field_is_the_login() {
        let page = Page::read(
            "<form><input type=hidden name=q value=search></form>\
             <form method=post><input type=hidden name=csrf value='a&amp;b'><input name=email>\
             <input type='PASSWORD' name=pass><input type=submit name=go></form>",
        );
        assert_eq!(page.password.as_deref(), Some("pass"));
        assert_eq!(page.hidden, [("csrf".to_owned(), "a&b".to_owned())]);
    }

    #[test]
    fn a_json_login_is_built_from_pointers() {
        let mut body = Value::Object(Map::new());
        put(&mut body, "/user/name", "anna".into()).unwrap();
        put(&mut body, "/user/secret", "x".into()).unwrap();
        put(&mut body, "/a~1b", "y".into()).unwrap();
        assert_eq!(body, json!({"user": {"name": "anna", "secret": "x"}, "a/b": "y"}));
        assert!(put(&mut body, "/a~1b/c", "z".into()).is_err());
    }

    #[test]
    fn a_multipart_login_is_read_as_it_was_meant() {
        let fields = [
            ("e\"mail".to_owned(), "anna".to_owned()),
            ("password".to_owned(), "a\r\nb".to_owned()),
        ];
        let body = multipart(&fields).unwrap();
        let text = String::from_utf8(body.bytes).unwrap();
        let boundary = body.kind.strip_prefix("multipart/form-data; boundary=").unwrap();
        assert_eq!(text.matches(&format!("--{boundary}")).count(), 3);
        assert!(text.contains("name=\"e%22mail\"\r\n\r\nanna\r\n"), "{text}");
        assert!(text.contains("name=\"password\"\r\n\r\na\r\nb\r\n"), "{text}");
    }
}
