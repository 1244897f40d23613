//! The steps by which a request is classed: what is never forwarded, then logins, ambiguity, and what
//! configuration opens.

use std::borrow::Cow;

use http::Method;

use super::Glob;
use super::body::{BadBody, FormBody, FormKind};
use super::json::{Found, Json, JsonPointer};
use super::login::{self, BadLogin};
use super::path::Target;
use super::query::{Fields, Mentions, same_name};
use super::reading;
use super::route::{BODY_LIMIT, Route};
use super::rules::{Anonymous, LoginRule, Matcher, PortalRules, UsernameSource};

/// Whether a login rule's username field is mentioned.
pub(super) fn names_somebody(rules: &PortalRules, fields: &Fields) -> bool {
    rules
        .logins
        .iter()
        .filter_map(|rule| rule.username.field())
        .any(|field| !fields.mentions(&field).is_empty())
}

/// Whether a method's requests carry no body that a portal reads.
fn is_bodiless(method: &Method) -> bool {
    matches!(
        *method,
        Method::GET | Method::HEAD | Method::OPTIONS | Method::TRACE | Method::CONNECT
    )
}

/// Whether a request has what a rule asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Fit {
    /// In no reading.
    No,
    /// In some reading.
    Unclear,
    /// In every reading.
    Yes,
}

/// A request while it is classed.
pub(super) struct Classing<'a> {
    pub(super) rules: &'a PortalRules,
    pub(super) method: &'a Method,
    pub(super) target: &'a Target,
    pub(super) query: &'a Fields,
    pub(super) body: Option<Result<&'a FormBody, &'a BadBody>>,
}

impl<'a> Classing<'a> {
    pub(super) fn never_forwarded(&self) -> Option<Route> {
        if self.target.is_own() {
            return Some(Route::Own);
        }
        (self.target.looks_own() || self.is_closed()).then_some(Route::Closed)
    }

    pub(super) fn class(&self) -> Route {
        if let Some(route) = self.login() {
            return route;
        }
        if self.signs_in_by_another_method() {
            return Route::BadLogin;
        }
        let is_login_page = self.is_login_page();
        if self.signs_in_elsewhere() {
            let is_clean_otherwise =
                self.target.is_plain() && is_login_page && !self.is_ambiguous_beside_names();
            return if is_clean_otherwise {
                Route::LoginPageWithName
            } else {
                Route::BadLogin
            };
        }
        if !self.target.is_plain() || self.has_two_readings() {
            return Route::Ambiguous;
        }
        if self.names_somebody() && !self.may_name_somebody() {
            let is_clean_otherwise = is_login_page && !self.is_ambiguous_beside_names();
            return if is_clean_otherwise {
                Route::LoginPageWithName
            } else {
                Route::Ambiguous
            };
        }
        if self.is_ambiguous() {
            return Route::Ambiguous;
        }
        if self.rules.logout.iter().any(|entry| self.matches(entry)) {
            return if self.body_names_nobody() {
                Route::Logout
            } else {
                Route::Ambiguous
            };
        }
        if is_login_page {
            return Route::LoginPage;
        }
        if self.rules.public.iter().any(|entry| self.matches(entry)) {
            return if self.body_is_readable() {
                Route::Public
            } else {
                Route::Ambiguous
            };
        }
        self.unnamed()
    }

    /// As [`Self::class`], where nobody sees the body.
    pub(super) fn class_unread(&self) -> Route {
        if self.rules.logins.iter().all(|rule| self.place(rule) == Fit::No) {
            return self.class();
        }
        if self.target.is_plain() && !self.has_two_readings() {
            Route::LoginPage
        } else {
            Route::Ambiguous
        }
    }

    /// What no rule names. Where such requests are forwarded for strangers, only those are that change nothing:
    /// any other could be a login that no rule knows.
    fn unnamed(&self) -> Route {
        if self.rules.anonymous == Anonymous::Forward && !is_bodiless(self.method) {
            return Route::Ambiguous;
        }
        Route::Protected
    }

    fn is_closed(&self) -> bool {
        !self.rules.closed.is_empty()
            && self.some_reading(|path| self.rules.closed.iter().any(|glob| glob.matches_folded(path)))
    }

    /// Whether `is_it` for a path that some server could read here, or nothing is known about it.
    fn some_reading(&self, is_it: impl Fn(&str) -> bool) -> bool {
        let path = self.target.path();
        if self.target.is_plain() && reading::is_the_only_one(path) {
            return with_script_paths(path).any(is_it);
        }
        reading::readings(path).is_none_or(|readings| {
            readings
                .iter()
                .flat_map(|path| with_script_paths(path))
                .any(is_it)
        })
    }

    /// How much of the body must be read, if configuration opens this to something that has one.
    pub(super) fn body_limit(&self) -> Option<usize> {
        if is_bodiless(self.method) {
            return None;
        }
        let of_logins = self
            .rules
            .logins
            .iter()
            .filter(|rule| self.may_sign_in(rule))
            .map(|rule| rule.request_limit);
        let of_others = self
            .rules
            .public
            .iter()
            .chain(&self.rules.logout)
            .filter(|entry| self.target.is_plain() && self.matches_head(entry))
            .map(|_| BODY_LIMIT);
        of_logins.chain(of_others).max()
    }

    /// A request whose body is too long to be read: its class, if no more can be told of it than that it is no
    /// login, provided that none of these fields stands in its body. What an entry opens by a field of the form
    /// only is not opened by a body in which nobody looked for that.
    pub(super) fn class_long(&self) -> Option<(Route, Vec<String>)> {
        let rules = self.rules.logins.iter();
        let mut fields: Vec<String> = self.rules.fields_everywhere().map(Cow::into_owned).collect();
        for rule in rules.filter(|rule| self.may_sign_in(rule)) {
            let is_told_by_form = !rule.where_form.is_empty();
            match &rule.username {
                UsernameSource::Form(field) | UsernameSource::Multipart(field) if is_told_by_form => {
                    fields.push(field.clone());
                }
                _ => return None,
            }
        }
        let mut opened = self.rules.public.iter().chain(&self.rules.logout);
        let is_opened =
            self.target.is_plain() && opened.any(|entry| entry.form.is_empty() && self.matches_head(entry));
        (!is_opened && !self.names_somebody()).then_some((Route::Ambiguous, fields))
    }

    // Logins.

    fn login(&self) -> Option<Route> {
        let mut rules = Vec::new();
        let mut unclear = false;
        for (index, rule) in self.rules.logins.iter().enumerate() {
            match self.place(rule) {
                Fit::Yes => rules.push(index),
                Fit::Unclear => unclear = true,
                Fit::No => {}
            }
        }
        if rules.is_empty() && !unclear {
            return None;
        }
        let nothing = FormBody::default();
        let body = match self.body {
            Some(Ok(body)) => body,
            // Where the answer says who it was, the body may be of any kind.
            Some(Err(BadBody::OtherType)) if !unclear && self.all_by_answer(&rules) => &nothing,
            Some(Err(_)) => return Some(Route::BadLogin),
            None => &nothing,
        };
        // Also for those who are let in: a login that slipped past its rule would put another person's portal
        // session into their vault (I4).
        if unclear || self.is_ambiguous_beside_names() {
            return Some(if self.names_somebody() {
                Route::BadLogin
            } else {
                Route::Ambiguous
            });
        }
        Some(self.one_login(&rules, body).map_or(Route::BadLogin, Route::Login))
    }

    /// The one rule that reads a username; several where they agree.
    fn one_login(&self, rules: &[usize], body: &FormBody) -> Option<usize> {
        let mut found = None;
        for index in rules {
            let rule = self.rules.logins.get(*index)?;
            match (login::username(rule, self.query, body), &found) {
                (Err(BadLogin::Missing), _) => {}
                (Err(_), _) => return None,
                (Ok(name), None) => found = Some((*index, name)),
                (Ok(Some(name)), Some((_, Some(other)))) if login::same_person(&name, other) => {}
                (Ok(_), Some(_)) => return None,
            }
        }
        found.map(|(index, _)| index)
    }

    fn all_by_answer(&self, rules: &[usize]) -> bool {
        let by_answer = |index: &usize| {
            self.rules
                .logins
                .get(*index)
                .is_some_and(|rule| rule.username == UsernameSource::Answer)
        };
        rules.iter().all(by_answer)
    }

    /// Whether this names somebody, or may, in a login's place, and only the method is another: many portals look
    /// at the body alone.
    fn signs_in_by_another_method(&self) -> bool {
        let Some(body) = self.body else { return false };
        let rules = self.rules.logins.iter();
        let mut rules = rules
            .filter(|rule| self.place_by_another_method(rule) != Fit::No)
            .peekable();
        if rules.peek().is_none() {
            return false;
        }
        // Signing out is often a DELETE of what the login made, and ends the session whatever is sent with it.
        let is_logout = self.rules.logout.iter().any(|entry| self.matches(entry));
        let form = match body {
            Ok(form) => form,
            Err(BadBody::OtherType) => return !is_logout,
            Err(_) => return true,
        };
        let may = |rule: &LoginRule| match rule.username.field() {
            Some(field) => {
                self.query.mentions_below_a_prefix(&field) || form.fields.mentions_below_a_prefix(&field)
            }
            // Who it is, nobody knows before the answer.
            None => form.kind != FormKind::Empty && !is_logout,
        };
        (self.names_somebody() || rules.any(may)) && !self.may_name_somebody()
    }

    pub(super) fn takes_logins(&self) -> bool {
        let mut rules = self.rules.logins.iter();
        rules.any(|rule| self.place_whatever_the_method(rule) != Fit::No)
    }

    /// Whether the portal may take this for a rule's login, by the rule's method or another.
    fn may_sign_in(&self, rule: &LoginRule) -> bool {
        self.place(rule) != Fit::No || self.place_by_another_method(rule) != Fit::No
    }

    fn place_by_another_method(&self, rule: &LoginRule) -> Fit {
        match rule.method == *self.method {
            true => Fit::No,
            false => self.place_whatever_the_method(rule),
        }
    }

    fn place_whatever_the_method(&self, rule: &LoginRule) -> Fit {
        // Basic credentials come with requests of any kind: they make none of them a login by itself.
        if rule.username == UsernameSource::Basic {
            return Fit::No;
        }
        self.place_given_the_method(rule)
    }

    /// Whether this is a rule's login, whoever it is that signs in.
    fn place(&self, rule: &LoginRule) -> Fit {
        match rule.method == *self.method {
            true => self.place_whatever_the_method(rule),
            false => Fit::No,
        }
    }

    fn place_given_the_method(&self, rule: &LoginRule) -> Fit {
        let path = self.path_fit(rule);
        if path == Fit::No {
            return Fit::No;
        }
        let of_query = rule
            .where_query
            .iter()
            .map(|(name, value)| self.query_fit(name, value));
        let of_form = rule
            .where_form
            .iter()
            .map(|(name, value)| self.form_fit(name, value));
        let of_json = rule
            .where_json
            .iter()
            .map(|(pointer, value)| self.json_fit(pointer, value));
        of_query.chain(of_form).chain(of_json).fold(path, Fit::min)
    }

    fn path_fit(&self, rule: &LoginRule) -> Fit {
        if self.target.is_plain() && rule.path.matches(self.target.path()) {
            return Fit::Yes;
        }
        // Many servers take a path with and without a slash at its end for the same.
        let in_some_reading = self.some_reading(|path| {
            rule.path.matches_folded(path) || rule.path.matches_folded(&format!("{path}/"))
        });
        if in_some_reading { Fit::Unclear } else { Fit::No }
    }

    fn query_fit(&self, name: &str, value: &str) -> Fit {
        fit(name, value, self.query, self.form())
    }

    fn form_fit(&self, name: &str, value: &str) -> Fit {
        match self.body {
            None => Fit::Unclear,
            // Some frameworks make parameters of a JSON body.
            Some(Ok(body)) if body.json.as_ref().is_some_and(|json| json.mentions(name)) => Fit::Unclear,
            Some(Ok(body)) => fit(name, value, &body.fields, Some(self.query)),
            // A body that says itself that it is something else, JSON for one.
            Some(Err(BadBody::OtherType)) => Fit::No,
            Some(Err(_)) => Fit::Unclear,
        }
    }

    fn json_fit(&self, pointer: &JsonPointer, value: &Json) -> Fit {
        let Some(Ok(body)) = self.body else {
            return Fit::Unclear;
        };
        let text = match value {
            Json::Text(text) => text.clone(),
            other => other.shown(),
        };
        if fit(&pointer.as_field(), &text, self.query, Some(&body.fields)) != Fit::No {
            return Fit::Unclear;
        }
        let Some(json) = &body.json else {
            return if body.is_readable() { Fit::No } else { Fit::Unclear };
        };
        match json.at(pointer) {
            Found::One(found) if found == value => Fit::Yes,
            Found::One(Json::Text(found)) if alike(found, &text) => Fit::Unclear,
            Found::Twice => Fit::Unclear,
            Found::One(_) | Found::Absent => Fit::No,
        }
    }

    fn form(&self) -> Option<&'a Fields> {
        self.body.and_then(Result::ok).map(|body| &body.fields)
    }

    // Ambiguity (I2).

    fn has_two_readings(&self) -> bool {
        let fields = [Some(self.query), self.form()];
        fields.into_iter().flatten().any(Fields::has_odd_names) || self.carries_a_session()
    }

    /// Whether the path has a parameter that can carry a session (`;jsessionid=…`), however it is written.
    pub(super) fn path_carries_a_session(&self) -> bool {
        let path = self.target.path().to_ascii_lowercase().replace("%3b", ";");
        path.split(';').skip(1).any(|parameter| {
            let name = parameter.split(['=', '/', '%']).next().unwrap_or_default();
            self.rules
                .session_parameters
                .iter()
                .any(|known| same_name(name, known))
        })
    }

    pub(super) fn carries_a_session(&self) -> bool {
        let can_carry = |name: &str| {
            let parameters = self.rules.session_parameters.iter().map(String::as_str);
            let cookies = &self.rules.session_cookies;
            parameters
                .chain(cookies.iter().map(Glob::as_str))
                .any(|known| same_name(name, known))
                || cookies.iter().any(|glob| glob.matches_folded(name.trim()))
        };
        let in_json = |json: &Json| {
            self.rules
                .session_parameters
                .iter()
                .any(|name| json.mentions(name))
        };
        self.query.names().any(can_carry)
            || self.form().is_some_and(|form| form.names().any(can_carry))
            || self.json().is_some_and(in_json)
    }

    fn is_ambiguous(&self) -> bool {
        let mut names = self.rules.logins.iter().filter_map(|rule| rule.username.field());
        self.is_ambiguous_beside_names() || names.any(|name| self.is_twofold(&name))
    }

    fn is_ambiguous_beside_names(&self) -> bool {
        let of_logins = self
            .rules
            .logins
            .iter()
            .flat_map(|rule| rule.where_query.iter().chain(&rule.where_form));
        let of_others = self
            .rules
            .public
            .iter()
            .chain(&self.rules.logout)
            .flat_map(|entry| entry.query.iter().chain(&entry.form));
        self.has_two_readings() || of_logins.chain(of_others).any(|(name, _)| self.is_twofold(name))
    }

    /// Whether a parameter stands twice in one place, or in two with two values.
    fn is_twofold(&self, name: &str) -> bool {
        let query = self.query.mentions(name);
        let Some(form) = self.form() else {
            return query.is_ambiguous();
        };
        let form = form.mentions(name);
        query.is_ambiguous() || form.is_ambiguous() || {
            let two = query.exact.first().zip(form.exact.first());
            two.is_some_and(|(here, there)| here.value != there.value)
        }
    }

    fn names_somebody(&self) -> bool {
        let mut names = self.rules.logins.iter().filter_map(|rule| rule.username.field());
        names.any(|name| self.is_mentioned(&name))
    }

    /// Whether a field that signs in on every page is here, or may be.
    fn signs_in_elsewhere(&self) -> bool {
        let mut fields = self.rules.fields_everywhere().peekable();
        let is_unreadable = matches!(self.body, Some(Err(error)) if *error != BadBody::OtherType);
        fields.peek().is_some() && (is_unreadable || fields.any(|field| self.is_mentioned(&field)))
    }

    fn is_mentioned(&self, field: &str) -> bool {
        !self.query.mentions(field).is_empty()
            || self
                .body
                .and_then(Result::ok)
                .is_some_and(|body| body.mentions(field))
    }

    fn json(&self) -> Option<&'a Json> {
        self.body.and_then(Result::ok).and_then(|body| body.json.as_ref())
    }

    /// Whether a `public` entry allows every username field that is here.
    fn may_name_somebody(&self) -> bool {
        self.rules.public.iter().any(|entry| {
            let allowed = |field: &str| entry.fields.iter().any(|allowed| allowed == field);
            let mut names = self.rules.logins.iter().filter_map(|rule| rule.username.field());
            self.matches(entry) && names.all(|field| !self.is_mentioned(&field) || allowed(&field))
        })
    }

    // Matchers.

    fn matches_head(&self, entry: &Matcher) -> bool {
        entry.methods.contains(self.method)
            && entry.path.matches(self.target.path())
            && entry
                .query
                .iter()
                .all(|(name, value)| holds(self.query, name, value))
    }

    fn matches(&self, entry: &Matcher) -> bool {
        let holds_in_form =
            |(name, value): &(String, String)| self.form().is_some_and(|form| holds(form, name, value));
        self.matches_head(entry) && entry.form.iter().all(holds_in_form)
    }

    fn body_is_readable(&self) -> bool {
        self.body.is_none_or(|body| body.is_ok_and(FormBody::is_readable))
    }

    /// A script's logout may send JSON: ending a session needs no field.
    fn body_names_nobody(&self) -> bool {
        !matches!(self.body, Some(Err(error)) if *error != BadBody::OtherType)
    }

    fn is_login_page(&self) -> bool {
        matches!(*self.method, Method::GET | Method::HEAD)
            && (self.is_configured_login_page() || self.rules.logins.iter().any(|rule| self.is_page_of(rule)))
    }

    fn is_page_of(&self, rule: &LoginRule) -> bool {
        // A `where` that looks at the form alone would open all that shares the path.
        let of_body = !rule.where_form.is_empty() || !rule.where_json.is_empty();
        let only_body = rule.where_query.is_empty() && of_body;
        rule.method == Method::POST
            && !only_body
            && rule.path.matches(self.target.path())
            && rule
                .where_query
                .iter()
                .all(|(name, value)| holds(self.query, name, value))
    }

    /// The page that strangers are sent to: what stands fixed in its query must be there.
    fn is_configured_login_page(&self) -> bool {
        let page = &self.rules.login_page;
        if page.path() != self.target.path() {
            return false;
        }
        let query = page.0.split_once('?').map_or("", |(_, query)| query);
        let query = query.split('#').next().unwrap_or_default();
        let fixed = Fields::parse(query.as_bytes());
        fixed
            .iter()
            .filter(|field| !field.value.contains("{target}"))
            .all(|field| holds(self.query, &field.name, &field.value))
    }
}

/// A path with those of its beginnings that end in a script's name (`/rpc.php/x` runs `/rpc.php`), without
/// slashes at the end.
fn with_script_paths(path: &str) -> impl Iterator<Item = &str> {
    let beginnings = path.match_indices('/').filter_map(|(slash, _)| path.get(..slash));
    let scripts = beginnings.filter(|path| path.rsplit('/').next().is_some_and(|name| name.contains('.')));
    let trimmed = path.trim_end_matches('/');
    scripts.chain([path, trimmed])
}

/// Whether a field stands there exactly once, with this value; an empty one is also that of a field that is not
/// there.
fn holds(fields: &Fields, name: &str, value: &str) -> bool {
    let mentions = fields.mentions(name);
    if value.is_empty() && mentions.is_empty() {
        return true;
    }
    !mentions.is_ambiguous() && mentions.exact.first().is_some_and(|field| field.value == value)
}

/// Whether a field has a value, given the place where the rule looks and the other one.
fn fit(name: &str, value: &str, here: &Fields, there: Option<&Fields>) -> Fit {
    let here = here.mentions(name);
    let there = there.map(|fields| fields.mentions(name)).unwrap_or_default();
    if here.is_ambiguous() || there.is_ambiguous() {
        return Fit::Unclear;
    }
    // An empty value asks for a field that is not there, or empty.
    let absent = value.is_empty().then_some(Fit::Yes);
    match (likeness(&here, value).or(absent), likeness(&there, value)) {
        (Some(Fit::Yes), None | Some(Fit::Yes)) => Fit::Yes,
        (Some(Fit::No) | None, None | Some(Fit::No)) => Fit::No,
        _ => Fit::Unclear,
    }
}

/// Whether a field's one value is the one a rule names. Some portals drop case and punctuation before they
/// look (DokuWiki's `do` is one), so what differs only there is unclear.
fn likeness(mentions: &Mentions<'_>, value: &str) -> Option<Fit> {
    let field = mentions.exact.first()?;
    Some(match &field.value {
        sent if sent == value => Fit::Yes,
        sent if alike(sent, value) => Fit::Unclear,
        _ => Fit::No,
    })
}

fn alike(one: &str, other: &str) -> bool {
    let bare = |text: &str| {
        text.chars()
            .filter(|c| c.is_alphanumeric())
            .flat_map(char::to_lowercase)
            .collect::<String>()
    };
    one == other || bare(one) == bare(other)
}
