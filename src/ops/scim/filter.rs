//! Filters (RFC 7644 3.4.2.2), read into a tree and judged on a resource's JSON.

use serde_json::Value;

use super::error::ScimError;
use crate::gate::fold;

/// How deep a filter may be nested.
const DEPTH: usize = 16;
/// How long a filter may be.
const LENGTH: usize = 4096;

/// A filter.
#[derive(Clone, Debug, PartialEq)]
pub enum Filter {
    /// Both hold.
    And(Box<Filter>, Box<Filter>),
    /// One holds.
    Or(Box<Filter>, Box<Filter>),
    /// It does not hold.
    Not(Box<Filter>),
    /// The attribute is there and not empty.
    Present(Vec<String>),
    /// A comparison.
    Compare(Vec<String>, Op, Value),
    /// One value of the attribute fits.
    Within(Vec<String>, Box<Filter>),
}

/// How two values are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Op {
    Eq,
    Ne,
    Co,
    Sw,
    Ew,
    Gt,
    Ge,
    Lt,
    Le,
}

impl Filter {
    /// Reads a filter.
    ///
    /// # Errors
    /// `invalidFilter`.
    pub fn parse(text: &str) -> Result<Self, ScimError> {
        let unfit = || ScimError::unfit("invalidFilter", "the filter does not fit");
        if text.len() > LENGTH {
            return Err(unfit());
        }
        let tokens = tokens(text).ok_or_else(unfit)?;
        let mut reader = Reader { tokens, at: 0 };
        let filter = reader.either(0).ok_or_else(unfit)?;
        if reader.at < reader.tokens.len() {
            return Err(unfit());
        }
        Ok(filter)
    }

    /// Whether the filter looks at this attribute.
    pub fn mentions(&self, attribute: &str) -> bool {
        let names = |path: &[String]| {
            path.first()
                .is_some_and(|one| one.eq_ignore_ascii_case(attribute))
        };
        match self {
            Self::And(a, b) | Self::Or(a, b) => a.mentions(attribute) || b.mentions(attribute),
            Self::Not(inner) => inner.mentions(attribute),
            Self::Present(path) | Self::Compare(path, ..) | Self::Within(path, _) => names(path),
        }
    }

    /// Whether a resource fits.
    pub fn fits(&self, resource: &Value) -> bool {
        self.judge(resource, false)
    }

    /// Whether one value of this attribute fits.
    pub fn fits_one(&self, attribute: &str, value: &Value) -> bool {
        self.judge(value, attribute.eq_ignore_ascii_case("members"))
    }

    /// With `exact` also texts that are no ids themselves are compared as they are.
    fn judge(&self, resource: &Value, exact: bool) -> bool {
        match self {
            Self::And(a, b) => a.judge(resource, exact) && b.judge(resource, exact),
            Self::Or(a, b) => a.judge(resource, exact) || b.judge(resource, exact),
            Self::Not(inner) => !inner.judge(resource, exact),
            Self::Present(path) => values(resource, path).iter().any(|value| is_there(value)),
            Self::Compare(path, op, wanted) => {
                let case = if exact { Case::Exact } else { Case::of(path) };
                let values = values(resource, path);
                if *op == Op::Ne {
                    return !values.iter().any(|value| compare(value, Op::Eq, wanted, case));
                }
                values.iter().any(|value| compare(value, *op, wanted, case))
            }
            Self::Within(path, inner) => {
                let name = path.last().map_or("", String::as_str);
                let values = values(resource, path);
                values.iter().any(|value| inner.fits_one(name, value))
            }
        }
    }
}

/// How texts of an attribute are made alike before they are compared.
#[derive(Clone, Copy)]
enum Case {
    /// Not at all.
    Exact,
    /// As logins are.
    Login,
    /// Without regard to case.
    Lower,
}

impl Case {
    fn of(path: &[String]) -> Self {
        let is = |wanted: &str| path.last().is_some_and(|name| name.eq_ignore_ascii_case(wanted));
        let of_members = path
            .first()
            .is_some_and(|name| name.eq_ignore_ascii_case("members"));
        if is("id") || is("externalId") || of_members {
            Self::Exact
        } else if is("userName") {
            Self::Login
        } else {
            Self::Lower
        }
    }

    fn alike(self, op: Op, text: &str) -> String {
        match self {
            Self::Exact => text.to_owned(),
            Self::Login if op == Op::Eq => fold(text.trim()).trim().to_owned(),
            Self::Login => fold(text),
            Self::Lower => text.to_lowercase(),
        }
    }
}

/// The value of an attribute that counts where one must: of several the primary one, else the first.
pub fn first<'a>(resource: &'a Value, path: &[String]) -> Option<&'a Value> {
    let mut value = resource;
    for name in path {
        value = member(one_of(value), name)?;
    }
    let value = one_of(value);
    match value {
        Value::Object(_) => member(value, "value"),
        other => Some(other),
    }
}

fn one_of(value: &Value) -> &Value {
    let Value::Array(items) = value else {
        return value;
    };
    let primary = |item: &&Value| member(item, "primary") == Some(&Value::Bool(true));
    items
        .iter()
        .find(primary)
        .or(items.first())
        .unwrap_or(&Value::Null)
}

/// The values that an attribute's path leads to; a list stands for its items, and an item for its `value`.
fn values<'a>(resource: &'a Value, path: &[String]) -> Vec<&'a Value> {
    let mut found = vec![resource];
    for name in path {
        found = found
            .into_iter()
            .flat_map(items)
            .filter_map(|value| member(value, name))
            .collect();
    }
    found.into_iter().flat_map(items).collect()
}

fn items(value: &Value) -> Vec<&Value> {
    match value {
        Value::Array(items) => items.iter().collect(),
        other => vec![other],
    }
}

/// Names of attributes are compared without regard to case.
pub fn member<'a>(value: &'a Value, name: &str) -> Option<&'a Value> {
    let map = value.as_object()?;
    map.iter()
        .find(|(key, _)| key.eq_ignore_ascii_case(name))
        .map(|(_, value)| value)
}

fn is_there(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(map) => !map.is_empty(),
        Value::Bool(_) | Value::Number(_) => true,
    }
}

fn compare(value: &Value, op: Op, wanted: &Value, case: Case) -> bool {
    let value = match value {
        Value::Object(_) => match member(value, "value") {
            Some(value) => value,
            None => return false,
        },
        other => other,
    };
    match (value, wanted) {
        (Value::String(value), Value::String(wanted)) => {
            text(&case.alike(op, value), op, &case.alike(op, wanted))
        }
        (Value::Bool(value), Value::Bool(wanted)) => op == Op::Eq && value == wanted,
        // Some providers write truth values as text.
        (Value::Bool(value), Value::String(wanted)) => {
            op == Op::Eq && wanted.eq_ignore_ascii_case(if *value { "true" } else { "false" })
        }
        (Value::Number(value), Value::Number(wanted)) => match (value.as_f64(), wanted.as_f64()) {
            (Some(value), Some(wanted)) => ordered(value.partial_cmp(&wanted), op),
            _ => false,
        },
        (Value::Null, Value::Null) => op == Op::Eq,
        _ => false,
    }
}

fn text(value: &str, op: Op, wanted: &str) -> bool {
    match op {
        Op::Co => value.contains(wanted),
        Op::Sw => value.starts_with(wanted),
        Op::Ew => value.ends_with(wanted),
        op => ordered(Some(value.cmp(wanted)), op),
    }
}

fn ordered(order: Option<std::cmp::Ordering>, op: Op) -> bool {
    let Some(order) = order else { return false };
    match op {
        Op::Eq => order.is_eq(),
        Op::Gt => order.is_gt(),
        Op::Ge => order.is_ge(),
        Op::Lt => order.is_lt(),
        Op::Le => order.is_le(),
        Op::Ne | Op::Co | Op::Sw | Op::Ew => false,
    }
}

#[derive(Clone, Debug, PartialEq)]
enum Token {
    Word(String),
    Text(String),
    Open,
    Close,
    OpenValue,
    CloseValue,
}

fn tokens(text: &str) -> Option<Vec<Token>> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '(' | ')' | '[' | ']' => {
                tokens.push(match first {
                    '(' => Token::Open,
                    ')' => Token::Close,
                    '[' => Token::OpenValue,
                    _ => Token::CloseValue,
                });
                1
            }
            '"' => {
                // A JSON string, with its escapes.
                let mut values = serde_json::Deserializer::from_str(rest).into_iter::<String>();
                tokens.push(Token::Text(values.next()?.ok()?));
                values.byte_offset()
            }
            _ => {
                let ends = |c: char| c.is_whitespace() || "()[]\"".contains(c);
                let length = rest.find(ends).unwrap_or(rest.len());
                tokens.push(Token::Word(rest.get(..length)?.to_owned()));
                length
            }
        };
        rest = rest.get(length..)?.trim_start();
    }
    Some(tokens)
}

struct Reader {
    tokens: Vec<Token>,
    at: usize,
}

impl Reader {
    fn next(&mut self) -> Option<Token> {
        let token = self.tokens.get(self.at).cloned();
        self.at += 1;
        token
    }

    fn takes(&mut self, token: &Token) -> bool {
        let is = self.tokens.get(self.at) == Some(token);
        self.at += usize::from(is);
        is
    }

    fn takes_word(&mut self, word: &str) -> bool {
        let is =
            matches!(self.tokens.get(self.at), Some(Token::Word(have)) if have.eq_ignore_ascii_case(word));
        self.at += usize::from(is);
        is
    }

    fn either(&mut self, depth: usize) -> Option<Filter> {
        let mut filter = self.both(depth)?;
        while self.takes_word("or") {
            filter = Filter::Or(Box::new(filter), Box::new(self.both(depth)?));
        }
        Some(filter)
    }

    fn both(&mut self, depth: usize) -> Option<Filter> {
        let mut filter = self.one(depth)?;
        while self.takes_word("and") {
            filter = Filter::And(Box::new(filter), Box::new(self.one(depth)?));
        }
        Some(filter)
    }

    fn one(&mut self, depth: usize) -> Option<Filter> {
        if depth > DEPTH {
            return None;
        }
        if self.takes(&Token::Open) {
            let inner = self.either(depth + 1)?;
            return self.takes(&Token::Close).then_some(inner);
        }
        if self.takes_word("not") {
            if !self.takes(&Token::Open) {
                return None;
            }
            let inner = self.either(depth + 1)?;
            return self.takes(&Token::Close).then(|| Filter::Not(Box::new(inner)));
        }
        let Token::Word(word) = self.next()? else {
            return None;
        };
        let path = attribute(&word)?;
        if self.takes(&Token::OpenValue) {
            let inner = self.either(depth + 1)?;
            return self
                .takes(&Token::CloseValue)
                .then(|| Filter::Within(path, Box::new(inner)));
        }
        if self.takes_word("pr") {
            return Some(Filter::Present(path));
        }
        let Token::Word(op) = self.next()? else {
            return None;
        };
        let op = match op.to_ascii_lowercase().as_str() {
            "eq" => Op::Eq,
            "ne" => Op::Ne,
            "co" => Op::Co,
            "sw" => Op::Sw,
            "ew" => Op::Ew,
            "gt" => Op::Gt,
            "ge" => Op::Ge,
            "lt" => Op::Lt,
            "le" => Op::Le,
            _ => return None,
        };
        let value = match self.next()? {
            Token::Text(text) => Value::String(text),
            Token::Word(word) => serde_json::from_str(&word.to_lowercase()).ok()?,
            _ => return None,
        };
        Some(Filter::Compare(path, op, value))
    }
}

/// The names of an attribute's path, without the schema before them.
pub fn attribute(text: &str) -> Option<Vec<String>> {
    let is_urn = text
        .get(..4)
        .is_some_and(|start| start.eq_ignore_ascii_case("urn:"));
    let bare = if is_urn { text.rsplit(':').next()? } else { text };
    let names: Vec<String> = bare.split('.').map(str::to_owned).collect();
    let is_name = |name: &String| {
        name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '$')
            && name
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "$-_".contains(c))
    };
    ((1..=3).contains(&names.len()) && names.iter().all(is_name)).then_some(names)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_filters_of_rfc_7644_are_read_and_judged() {
        let bjensen = json!({
            "id": "abc", "userName": "bjensen", "externalId": "Ext", "title": "Tour Guide", "userType": "Employee", "active": true,
            "name": {"familyName": "O'Malley"}, "members": [{"value": "YQ"}], "meta": {"lastModified": "2011-05-13T04:42:34Z"},
            "emails": [{"value": "b@example.com", "type": "work"}, {"value": "b@example.org", "type": "home"}],
        });
        for (filter, fits) in [
            (r#"userName eq "bjensen""#, true),
            (r#"USERNAME EQ "BJensen""#, true),
            (r#"externalId eq "ext""#, false),
            (r#"name.familyName co "O'Malley""#, true),
            (r#"userName sw "J""#, false),
            (
                r#"urn:ietf:params:scim:schemas:core:2.0:User:userName sw "b""#,
                true,
            ),
            ("title pr", true),
            ("nickName pr", false),
            (r#"meta.lastModified gt "2011-05-13T04:42:34Z""#, false),
            (r#"meta.lastModified ge "2011-05-13T04:42:34Z""#, true),
            (r#"meta.lastModified le "2011-05-13T04:42:34Z""#, true),
            (r#"title pr and userType eq "Employee""#, true),
            (r#"title pr or userType eq "Intern""#, true),
            (
                r#"userType eq "Employee" and (emails co "example.com" or emails.value co "example.net")"#,
                true,
            ),
            (
                r#"userType ne "Employee" and not (emails co "example.com" or emails.value co "example.org")"#,
                false,
            ),
            (r#"userType eq "Employee" and (emails.type eq "work")"#, true),
            (
                r#"userType eq "Employee" and emails[type eq "work" and value co "@example.com"]"#,
                true,
            ),
            (
                r#"emails[type eq "work" and value co "@example.org"] or ims[type eq "xmpp"]"#,
                false,
            ),
            ("active eq true", true),
            (r#"members.value eq "YQ""#, true),
            (
                r#"members eq "yq" or members.value eq "yq" or members[value eq "yq"]"#,
                false,
            ),
            (r#"members[not (value eq "yq") and value eq "YQ"]"#, true),
            (r#"active eq "True""#, true),
            (r#"title ne "x" or title eq "y" and title eq "z""#, true),
        ] {
            let read = Filter::parse(filter).unwrap_or_else(|error| panic!("{filter}: {error:?}"));
            assert_eq!(read.fits(&bjensen), fits, "{filter}");
        }
    }

    #[test]
    fn what_is_no_filter_is_refused() {
        let deep = format!("{}title pr{}", "(".repeat(40), ")".repeat(40));
        let long = format!("title eq \"{}\"", "x".repeat(5000));
        for filter in [
            "",
            "title",
            "title eq",
            "title is \"x\"",
            "title eq x",
            "(title pr",
            "title pr)",
            "title pr and",
            "not title pr",
            "emails[type eq \"work\"",
            "1a pr",
            "a.b.c.d pr",
            "title eq \"x",
            deep.as_str(),
            long.as_str(),
        ] {
            assert!(Filter::parse(filter).is_err(), "{filter}");
        }
    }
}
