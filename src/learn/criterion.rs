//! What tells an accepted password's answer from a refused one's, judged by the gateway's own matchers.

use std::time::Duration;

use http::Method;
use serde_json::Value;

use super::attempts::Login;
use super::exchange::{Answered, Exchange, Recording};
use super::names;
use super::place::{can_be_named, own_location, path_of};
use super::says::Says;
use super::varying::Varying;
use crate::clock::Timestamp;
use crate::gate::login::{Answer, Asked, Judgement, judge};
use crate::gate::rules::{LoginRule, UsernameSource};
use crate::gate::{Glob, JsonPointer};

/// What was found.
pub struct Criteria {
    pub success: Says,
    pub failure: Option<Says>,
    /// What follows in words for whoever reads the section.
    pub remarks: Vec<String>,
}

/// Judges recorded answers as the gateway would.
pub struct Bench<'a> {
    pub recording: &'a Recording,
    pub varying: &'a Varying,
    pub now: Timestamp,
}

impl Bench<'_> {
    /// What the gateway makes of a recorded answer under these criteria.
    pub fn judged(&self, exchange: &Exchange, success: &Says, failure: Option<&Says>) -> Option<Judgement> {
        let failure = match failure {
            Some(failure) => Some(failure.compiled()?),
            None => None,
        };
        let rule = LoginRule {
            method: Method::POST,
            path: Glob::parse("/").ok()?,
            where_query: Vec::new(),
            where_form: Vec::new(),
            where_json: Vec::new(),
            username: UsernameSource::Answer,
            password: String::new(),
            answer: None,
            bearer: None,
            everywhere: false,
            success: success.compiled()?,
            failure,
            from: Vec::new(),
            request_limit: 1,
            answer_limit: 1,
            timeout: Duration::from_secs(1),
        };
        let recorded = exchange.answer.as_ref()?;
        let asked = Asked {
            path_and_query: &exchange.target,
            public: &self.recording.public,
            upstream: &self.recording.upstream,
        };
        // The body was kept decoded.
        let mut headers = recorded.headers.clone();
        headers.remove(http::header::CONTENT_ENCODING);
        let answer = Answer {
            status: recorded.status,
            headers: &headers,
            body: recorded.body.as_ref().map(|body| body.as_slice()),
        };
        Some(judge(&rule, &asked, &answer, self.now))
    }

    fn fits(&self, exchange: &Exchange, says: &Says) -> bool {
        self.judged(exchange, says, None) == Some(Judgement::Accepted)
    }

    /// Whether it holds for all of these and none of those.
    fn parts(&self, says: &Says, these: &[&Exchange], those: &[&Exchange]) -> bool {
        these.iter().all(|one| self.fits(one, says)) && !those.iter().any(|one| self.fits(one, says))
    }

    /// The criteria of a login; `None` where the two answers cannot be told apart.
    pub fn criteria(&self, login: &Login) -> Option<Criteria> {
        let of = |indices: &[usize]| -> Vec<&Exchange> {
            indices
                .iter()
                .filter_map(|index| self.recording.exchanges.get(*index))
                .collect()
        };
        let (right, wrong) = (of(&login.right), of(&login.wrong));
        if right.is_empty() || wrong.is_empty() {
            return None;
        }
        let mut remarks = Vec::new();
        let success = self.success(&right, &wrong, &mut remarks)?;
        let failure = self.failure(&right, &wrong);
        if failure.is_none() {
            remarks.push(
                "Nothing in the refused answer can be named that the accepted one lacks, so there is no failure: whatever is \
                 not success counts as a wrong password."
                    .to_owned(),
            );
        }
        Some(Criteria {
            success,
            failure,
            remarks,
        })
    }

    fn success(&self, right: &[&Exchange], wrong: &[&Exchange], remarks: &mut Vec<String>) -> Option<Says> {
        let mut says = Says {
            status: statuses(right),
            ..Says::default()
        };
        says.sets_cookie = self.cookie(right, wrong);
        says.location_not = self.elsewhere(right, wrong);
        if right
            .iter()
            .all(|one| one.answer.as_ref().is_some_and(|answer| answer.json().is_some()))
        {
            says.json = self.json(right, wrong);
        }
        if statuses(right)
            .iter()
            .any(|status| statuses(wrong).contains(status))
        {
            remarks.push(format!(
                "Both answers have the status {}: it says nothing by itself.",
                shown(&statuses(right))
            ));
        }
        if !self.parts(&says, right, wrong) || says.is_status_alone() {
            says.body_contains = self.words(right, wrong);
        }
        self.parts(&says, right, wrong).then_some(says)
    }

    fn failure(&self, right: &[&Exchange], wrong: &[&Exchange]) -> Option<Says> {
        let status = Says {
            status: statuses(wrong),
            ..Says::default()
        };
        let refused_by_status = status.status.iter().all(|status| (400..500).contains(status));
        let mut tries = Vec::new();
        if refused_by_status {
            tries.push(status.clone());
        }
        if let Some(path) = self.redirect_of(wrong) {
            tries.push(Says {
                location: Some(format!("{path}**")),
                ..status.clone()
            });
        }
        if let Some((pointer, equals)) = self.json(wrong, right) {
            tries.push(Says {
                json: Some((pointer, equals)),
                ..status.clone()
            });
        }
        if let Some(words) = self.form_again(right, wrong).or_else(|| self.words(wrong, right)) {
            tries.push(Says {
                body_contains: Some(words),
                ..status.clone()
            });
        }
        tries.push(status);
        let found = tries.into_iter().find(|says| self.parts(says, wrong, right))?;
        Some(with_too_many(found, &statuses(right)))
    }

    /// The path to which all of these redirect.
    fn redirect_of(&self, exchanges: &[&Exchange]) -> Option<String> {
        let paths: Vec<String> = exchanges
            .iter()
            .map(|exchange| self.location(exchange).map(|to| path_of(&to).to_owned()))
            .collect::<Option<_>>()?;
        let first = paths.first()?;
        let usable = can_be_named(first) && first != "/";
        (usable && paths.iter().all(|path| path == first)).then(|| first.clone())
    }

    fn location(&self, exchange: &Exchange) -> Option<String> {
        let location = exchange.answer.as_ref()?.location()?;
        own_location(
            location,
            &exchange.target,
            &self.recording.public,
            &self.recording.upstream,
        )
    }

    /// A cookie that lives in all of the accepted answers and in none of the refused.
    fn cookie(&self, right: &[&Exchange], wrong: &[&Exchange]) -> Option<String> {
        let first = right.first()?.answer.as_ref()?;
        let mut cookies = first.living();
        // The likeliest session first.
        cookies.sort_by_key(|cookie| {
            let name = &cookie.name;
            (
                names::is_taste(name) || names::is_csrf(name),
                !(names::is_session(name) && cookie.http_only),
                !cookie.http_only,
                !cookie.print.random,
            )
        });
        let globs = cookies
            .iter()
            .filter(|cookie| !names::is_taste(&cookie.name) && !names::is_csrf(&cookie.name))
            .filter(|cookie| cookie.http_only || cookie.print.random || names::is_session(&cookie.name));
        globs
            .map(|cookie| self.varying.cookie(&cookie.name))
            .find(|glob| {
                let says = Says {
                    sets_cookie: Some(glob.clone()),
                    ..Says::default()
                };
                self.parts(&says, right, wrong)
            })
    }

    /// A place to which an accepted login does not lead: where the refused one does, or the login itself.
    fn elsewhere(&self, right: &[&Exchange], wrong: &[&Exchange]) -> Option<String> {
        right
            .iter()
            .map(|one| self.location(one))
            .collect::<Option<Vec<_>>>()?;
        let of_the_login = wrong.iter().chain(right).map(|one| one.path().to_owned()).next();
        let pages = right.iter().chain(wrong).filter_map(|one| one.referer.as_deref());
        let pages = pages.map(|page| path_of(page).to_owned());
        let mut places: Vec<String> = self
            .redirect_of(wrong)
            .into_iter()
            .chain(of_the_login)
            .chain(pages)
            .collect();
        places.retain(|path| can_be_named(path) && path != "/");
        let globs = places.into_iter().map(|path| format!("{path}**"));
        globs.into_iter().find(|glob| {
            let says = Says {
                location_not: Some(glob.clone()),
                ..Says::default()
            };
            self.parts(&says, right, wrong)
        })
    }

    /// A place of the JSON that only these answers have, or have with a flag of their own.
    fn json(&self, these: &[&Exchange], those: &[&Exchange]) -> Option<(String, Option<Value>)> {
        let document = these.first()?.answer.as_ref()?.json()?;
        let mut places = Vec::new();
        pointers(&document, &mut String::new(), &mut places);
        let likely = |(pointer, value): &(String, Value)| {
            let key = names::bare(names::last_part(pointer));
            let depth = pointer.matches('/').count();
            let flag = value.is_boolean() || matches!(key.as_str(), "status" | "code" | "result");
            let rank = match key.as_str() {
                _ if names::is_bearer(&key) => 0,
                "success" | "ok" | "authenticated" | "loggedin" | "error" | "errors" => 1,
                "user" | "username" | "userid" | "login" | "email" => 2,
                _ if flag => 3,
                _ => 4,
            };
            (rank, depth)
        };
        places.sort_by_key(likely);
        places.into_iter().find_map(|(pointer, value)| {
            let present = Says {
                json: Some((pointer.clone(), None)),
                ..Says::default()
            };
            if self.parts(&present, these, those) {
                return present.json;
            }
            let word = |text: &str| text.len() <= 40 && !self.recording.prints.has_secret(text);
            let comparable = match &value {
                Value::Bool(_) => true,
                Value::Number(number) => number.is_i64(),
                Value::String(text) => {
                    word(text) && !names::is_token(&pointer) && !self.recording.prints.of(text).random
                }
                _ => false,
            };
            let equal = Says {
                json: Some((pointer, Some(value))),
                ..Says::default()
            };
            (comparable && self.parts(&equal, these, those))
                .then_some(equal.json)
                .flatten()
        })
    }

    /// The login form's own field, as it stands in the page that a wrong password gets.
    fn form_again(&self, right: &[&Exchange], wrong: &[&Exchange]) -> Option<String> {
        let form = wrong
            .first()?
            .answer
            .as_ref()?
            .forms
            .iter()
            .find(|form| form.password().is_some())?;
        let field = form.username().or_else(|| form.password())?;
        let candidates = [
            format!("name=\"{}\"", field.name),
            format!("name='{}'", field.name),
            format!("name={}", field.name),
        ];
        self.first_that_parts(candidates.into_iter(), wrong, right)
    }

    /// Words that stand on all of these pages and none of those.
    fn words(&self, these: &[&Exchange], those: &[&Exchange]) -> Option<String> {
        let text = these.first()?.answer.as_ref().and_then(Answered::text)?;
        if these
            .first()?
            .answer
            .as_ref()
            .is_some_and(|answer| answer.json().is_some())
        {
            return None;
        }
        let links = text.match_indices("href=").filter_map(|(at, _)| {
            let rest = text.get(at + 5..)?;
            let mark = rest.chars().next().filter(|c| matches!(c, '"' | '\''))?;
            let end = rest.get(1..)?.find(mark)?;
            let link = rest.get(..end + 2)?;
            let path = path_of(link.trim_matches(mark)).to_owned();
            path.split('/')
                .any(names::says_logout)
                .then(|| format!("href={mark}{path}"))
        });
        let links: Vec<String> = links.collect();
        let sentences = text
            .split(['<', '>', '\n', '\r', '\t'])
            .map(str::trim)
            .filter(|part| (8..=80).contains(&part.len()) && part.contains(' '))
            .filter(|part| {
                part.chars()
                    .all(|c| c.is_alphanumeric() || " .,'!?:-".contains(c))
                    && !part.bytes().any(|byte| byte.is_ascii_digit())
            })
            .map(str::to_owned);
        self.first_that_parts(links.into_iter().chain(sentences), these, those)
    }

    fn first_that_parts(
        &self,
        candidates: impl Iterator<Item = String>,
        these: &[&Exchange],
        those: &[&Exchange],
    ) -> Option<String> {
        candidates
            .filter(|text| !self.recording.prints.has_secret(text))
            .find(|text| {
                let says = Says {
                    body_contains: Some(text.clone()),
                    ..Says::default()
                };
                self.parts(&says, these, those)
            })
    }
}

fn statuses(exchanges: &[&Exchange]) -> Vec<u16> {
    let mut statuses: Vec<u16> = exchanges
        .iter()
        .filter_map(|exchange| exchange.status())
        .collect();
    statuses.sort_unstable();
    statuses.dedup();
    statuses
}

/// Portals answer 429 to too many tries, of the right password too: no sign that the portal has changed.
pub fn with_too_many(mut failure: Says, accepted: &[u16]) -> Says {
    let refuses = failure.status.iter().all(|status| (400..500).contains(status));
    if failure.is_status_alone() && refuses && !failure.status.contains(&429) && !accepted.contains(&429) {
        failure.status.push(429);
    }
    failure
}

fn shown(statuses: &[u16]) -> String {
    let list: Vec<String> = statuses.iter().map(u16::to_string).collect();
    list.join(" and ")
}

/// Every place of a document that is no empty container, with its value.
pub fn pointers(value: &Value, pointer: &mut String, places: &mut Vec<(String, Value)>) {
    let depth = pointer.len();
    if !pointer.is_empty() && !value.is_null() && JsonPointer::parse(pointer).is_ok() {
        places.push((pointer.clone(), value.clone()));
    }
    if let Value::Object(members) = value {
        for (key, value) in members {
            pointer.push('/');
            pointer.push_str(&key.replace('~', "~0").replace('/', "~1"));
            pointers(value, pointer, places);
            pointer.truncate(depth);
        }
    }
}
