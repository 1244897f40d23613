//! The forms of a page: which field is a password's, and which values are the page's own.

use html5gum::Tokenizer;
use html5gum::emitters::default::{DefaultEmitter, StartTag, Token};

/// A form, as a page shows it.
#[derive(Clone, Default)]
pub struct Form {
    /// Its `action`, as written; empty: the page itself.
    pub action: String,
    /// Whether it is sent by POST.
    pub post: bool,
    /// Its fields.
    pub inputs: Vec<Input>,
}

/// A field of a form.
#[derive(Clone, Default)]
pub struct Input {
    /// Its name, or else its id: pages that scripts send have no names.
    pub name: String,
    /// Its type, in lower case.
    pub kind: String,
    /// Its value, for fields that nobody types into.
    pub value: Option<String>,
}

impl Form {
    /// The field of the password that signs in.
    pub fn password(&self) -> Option<&Input> {
        let mut passwords = self.inputs.iter().filter(|input| input.kind == "password");
        let first = passwords.next()?;
        // Two of them: somebody chooses one, and does not sign in.
        passwords.next().is_none().then_some(first)
    }

    /// The field before the password that somebody types a name into.
    pub fn username(&self) -> Option<&Input> {
        let at = self.inputs.iter().position(|input| input.kind == "password")?;
        let typed = |input: &&Input| matches!(input.kind.as_str(), "text" | "email" | "tel" | "" | "number");
        self.inputs.iter().take(at).rev().find(typed)
    }
}

/// The forms of a page; fields outside of any form are one more.
pub fn read(html: &str) -> Vec<Form> {
    let mut emitter = DefaultEmitter::default();
    emitter.naively_switch_states(true);
    let mut forms = Vec::new();
    let mut open: Option<Form> = None;
    let mut loose = Form::default();
    // A form ends where its end tag or the next form stands, whatever else is crooked in between.
    for token in Tokenizer::new_with_emitter(html, emitter) {
        let Ok(token) = token;
        match token {
            Token::StartTag(tag) if *tag.name == b"form" => {
                forms.extend(open.take());
                open = Some(Form {
                    action: text(&tag, "action").unwrap_or_default(),
                    post: text(&tag, "method").is_some_and(|method| method.eq_ignore_ascii_case("post")),
                    inputs: Vec::new(),
                });
            }
            Token::StartTag(tag) if *tag.name == b"input" || *tag.name == b"button" => {
                if let Some(input) = input(&tag) {
                    open.as_mut().unwrap_or(&mut loose).inputs.push(input);
                }
            }
            Token::EndTag(tag) if *tag.name == b"form" => forms.extend(open.take()),
            _ => {}
        }
    }
    forms.extend(open);
    if loose.inputs.iter().any(|input| input.kind == "password") {
        forms.push(loose);
    }
    forms
}

fn input(tag: &StartTag<()>) -> Option<Input> {
    let kind = text(tag, "type").unwrap_or_default().to_ascii_lowercase();
    let name = text(tag, "name")
        .or_else(|| text(tag, "id"))
        .filter(|name| !name.is_empty())?;
    let value =
        text(tag, "value").filter(|_| matches!(kind.as_str(), "hidden" | "submit" | "button" | "image"));
    Some(Input { name, kind, value })
}

/// An attribute's value.
fn text(tag: &StartTag<()>, name: &str) -> Option<String> {
    let value = tag.attributes.get(name.as_bytes())?;
    Some(String::from_utf8_lossy(&value.value).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_tells_its_password_and_the_name_before_it() {
        let forms = read(
            "<form action=/search><input name=q></form><form method=POST action='/in?a=1&amp;b=2'>\
             <input type=hidden name=tok value=abc><input name=mail type=EMAIL><input name=p type=PassWord>\
             <button name=do value=login type=submit>x</button></form>",
        );
        assert_eq!(forms.len(), 2);
        let login = &forms[1];
        assert!(login.post && forms[0].password().is_none());
        assert_eq!(login.action, "/in?a=1&b=2");
        assert_eq!(login.password().unwrap().name, "p");
        assert_eq!(login.username().unwrap().name, "mail");
        assert_eq!(login.inputs[0].value.as_deref(), Some("abc"));
        assert_eq!(login.inputs[3].value.as_deref(), Some("login"));
        assert_eq!(login.inputs[1].value, None);
    }

    #[test]
    fn two_passwords_are_no_login() {
        let forms = read("<form><input name=a type=password><input name=b type=password></form>");
        assert!(forms[0].password().is_none());
    }
}
