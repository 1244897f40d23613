//! What a page says, read by a real parser.

use tl::{HTMLTag, ParserOptions};

/// A form on a page.
#[derive(Clone, Debug)]
pub struct Form {
    /// Where it goes.
    pub action: String,
    /// Names and values of its fields, hidden ones included; buttons too.
    pub fields: Vec<(String, String)>,
}

/// All forms of a page.
pub fn forms(html: &str) -> Vec<Form> {
    let dom = tl::parse(html, ParserOptions::default()).expect("a page that parses");
    let parser = dom.parser();
    let Some(found) = dom.query_selector("form") else {
        return Vec::new();
    };
    found
        .filter_map(|handle| {
            let form = handle.get(parser)?.as_tag()?;
            let inputs = form.query_selector(parser, "input")?;
            let fields = inputs
                .filter_map(|input| {
                    let tag = input.get(parser)?.as_tag()?;
                    Some((
                        attribute(tag, "name")?,
                        attribute(tag, "value").unwrap_or_default(),
                    ))
                })
                .collect();
            Some(Form {
                action: attribute(form, "action").unwrap_or_default(),
                fields,
            })
        })
        .collect()
}

/// The form whose action ends so; panics with the page where there is none.
#[track_caller]
pub fn form(html: &str, action_ends: &str) -> Form {
    forms(html)
        .into_iter()
        .find(|form| form.action.ends_with(action_ends))
        .unwrap_or_else(|| panic!("no form to …{action_ends} on:\n{html}"))
}

/// The page's words, tags left out and white space folded.
pub fn words(html: &str) -> String {
    let dom = tl::parse(html, ParserOptions::default()).expect("a page that parses");
    let parser = dom.parser();
    let text: Vec<String> = dom
        .children()
        .iter()
        .filter_map(|child| Some(child.get(parser)?.inner_text(parser).into_owned()))
        .collect();
    text.join(" ").split_whitespace().collect::<Vec<_>>().join(" ")
}

fn attribute(tag: &HTMLTag, name: &str) -> Option<String> {
    Some(unescaped(&tag.attributes().get(name)??.as_utf8_str()))
}

/// The five references that a template engine writes.
fn unescaped(text: &str) -> String {
    [
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", "\""),
        ("&#34;", "\""),
        ("&#39;", "'"),
        ("&#x27;", "'"),
        ("&amp;", "&"),
        ("&#38;", "&"),
    ]
    .iter()
    .fold(text.to_owned(), |text, (reference, character)| {
        text.replace(reference, character)
    })
}
