//! What of a filter the directory can judge itself, so that not everybody is read.

use serde_json::Value;

use super::filter::{Filter, Op};
use super::resource::{login_of, user_id};
use crate::directory::{ScimWhere, TextMatch};
use crate::gate::{Login, fold};

/// A filter of users as the directory judges it, where it can judge all of it.
pub fn exactly(filter: &Filter) -> Option<ScimWhere> {
    match filter {
        Filter::And(a, b) => Some(ScimWhere::Both(exactly(a)?.into(), exactly(b)?.into())),
        Filter::Or(a, b) => Some(ScimWhere::Either(exactly(a)?.into(), exactly(b)?.into())),
        Filter::Not(inner) => Some(ScimWhere::Not(exactly(inner)?.into())),
        Filter::Compare(path, Op::Ne, value) => Some(ScimWhere::Not(compared(path, Op::Eq, value)?.into())),
        Filter::Compare(path, op, value) => compared(path, *op, value),
        Filter::Present(path) if is(path, &["userName"]) || is(path, &["id"]) => {
            Some(ScimWhere::Not(ScimWhere::Nobody.into()))
        }
        Filter::Present(_) | Filter::Within(..) => None,
    }
}

/// What the directory knows of those who fit; they are judged again.
pub fn narrowed(filter: &Filter) -> Option<ScimWhere> {
    match filter {
        Filter::And(a, b) => match (narrowed(a), narrowed(b)) {
            (Some(a), Some(b)) => Some(ScimWhere::Both(a.into(), b.into())),
            (one, other) => one.or(other),
        },
        other => exactly(other),
    }
}

/// Whether a path, without regard to case, is this one.
pub fn is(path: &[String], names: &[&str]) -> bool {
    path.len() == names.len()
        && path
            .iter()
            .zip(names)
            .all(|(one, name)| one.eq_ignore_ascii_case(name))
}

fn compared(path: &[String], op: Op, value: &Value) -> Option<ScimWhere> {
    if is(path, &["active"]) && op == Op::Eq {
        let wanted = match value {
            Value::Bool(wanted) => *wanted,
            Value::String(text) if text.eq_ignore_ascii_case("true") => true,
            Value::String(text) if text.eq_ignore_ascii_case("false") => false,
            _ => return Some(ScimWhere::Nobody),
        };
        return Some(match wanted {
            true => ScimWhere::Active,
            false => ScimWhere::Not(ScimWhere::Active.into()),
        });
    }
    let Value::String(text) = value else {
        return None;
    };
    if is(path, &["userName"]) {
        let how = match op {
            Op::Eq => return Some(of_login(Login::parse(text).ok())),
            Op::Co => TextMatch::Contains,
            Op::Sw => TextMatch::Starts,
            Op::Ew => TextMatch::Ends,
            _ => return None,
        };
        return Some(ScimWhere::Login(how, fold(text)));
    }
    if op != Op::Eq {
        return None;
    }
    if is(path, &["id"]) {
        let login = login_of(text).ok().filter(|login| user_id(login) == *text);
        return Some(of_login(login));
    }
    if is(path, &["externalId"]) {
        return Some(ScimWhere::ExternalId(text.clone()));
    }
    if is(path, &["groups"]) || is(path, &["groups", "value"]) {
        return Some(ScimWhere::Firm(text.to_lowercase()));
    }
    None
}

/// What can be no login is nobody's.
fn of_login(login: Option<Login>) -> ScimWhere {
    login.map_or(ScimWhere::Nobody, |login| {
        ScimWhere::Login(TextMatch::Is, login.folded().to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_directory_can_judge_is_left_to_it_and_the_rest_is_narrowed() {
        for (filter, exact, narrows) in [
            (r#"userName eq "anna""#, true, true),
            (r#"userName sw "a" and not (active eq true)"#, true, true),
            (r#"id eq "YW5uYQ" or externalId ne "x""#, true, true),
            (r#"groups.value eq "corp-a" and active eq "True""#, true, true),
            ("userName pr", true, true),
            (r#"userName eq "anna" and name.familyName co "x""#, false, true),
            (r#"userName eq "anna" or name.familyName co "x""#, false, false),
            (r#"not (userName eq "anna" and title pr)"#, false, false),
            (r#"userName gt "a""#, false, false),
            (r#"emails[type eq "work"]"#, false, false),
            ("active eq 7", true, true),
        ] {
            let read = Filter::parse(filter).unwrap();
            assert_eq!(
                (exactly(&read).is_some(), narrowed(&read).is_some()),
                (exact, narrows),
                "{filter}"
            );
        }
        let nobody = Filter::parse(r#"userName eq """#).unwrap();
        assert_eq!(exactly(&nobody), Some(ScimWhere::Nobody));
    }
}
