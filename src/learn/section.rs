//! The section's text.

use std::fmt::Write as _;

use http::Method;
use serde_json::Value;

use super::cookies::Cookies;
use super::criterion::Criteria;
use super::exchange::Recording;
use super::logout::Logout;
use super::place::can_be_named;
use super::recipes::Recipe;
use super::says::Says;
use super::told::{Bearer, Place, WhoAmI};
use crate::clock::Timestamp;

/// The default of `session_parameters`.
pub const SESSION_PARAMETERS: [&str; 5] = ["PHPSESSID", "JSESSIONID", "sid", "session_id", "access_token"];
/// The default of `credential_headers`.
const CREDENTIAL_HEADERS: [&str; 5] = [
    "Private-Token",
    "Job-Token",
    "Deploy-Token",
    "X-Redmine-API-Key",
    "X-Redmine-Switch-User",
];
/// As long as a line of the file gets.
const WIDTH: usize = 110;

/// A login rule, as it will be written.
pub struct Rule {
    pub method: Method,
    pub path: String,
    /// `form`, `multipart` or `json`, and `answer`.
    pub username: Vec<(&'static str, String)>,
    pub basic: bool,
    pub password: Option<String>,
    pub where_query: Vec<(String, String)>,
    pub where_form: Vec<(String, String)>,
    pub where_json: Vec<(String, Value)>,
    pub bearer: Option<Bearer>,
    /// Whether the portal takes the username's field for a login on every page.
    pub everywhere: bool,
    pub criteria: Criteria,
    pub remarks: Vec<String>,
}

/// All that will be written.
pub struct Draft<'a> {
    pub recording: &'a Recording,
    pub seen: Vec<String>,
    pub page: Option<String>,
    pub closed: Vec<String>,
    pub public: Vec<String>,
    pub shut: Vec<(String, String)>,
    pub logouts: Vec<Logout>,
    pub session_parameters: Vec<String>,
    pub cookies: Cookies,
    pub rules: Vec<Rule>,
    pub who_am_i: Option<WhoAmI>,
    pub step_up_script: bool,
    pub warnings: Vec<String>,
    pub recipe: Option<&'static Recipe>,
    pub now: Timestamp,
}

/// A text as TOML writes it, on one line.
pub fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            c if c.is_control() => {
                let _ = write!(out, "\\u{:04X}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// A name as a key of an inline table.
fn key(name: &str) -> String {
    let bare = !name.is_empty()
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte));
    if bare { name.to_owned() } else { quoted(name) }
}

fn table(pairs: &[(String, String)]) -> String {
    let list: Vec<String> = pairs
        .iter()
        .map(|(name, value)| format!("{} = {}", key(name), quoted(value)))
        .collect();
    format!("{{ {} }}", list.join(", "))
}

/// `key = [ … ]`, over several lines where it is long.
fn list(name: &str, items: &[String]) -> String {
    let line = format!("{name} = [{}]\n", items.join(", "));
    if line.len() <= WIDTH {
        return line;
    }
    let lines: Vec<String> = items.iter().map(|item| format!("    {item},\n")).collect();
    format!("{name} = [\n{}]\n", lines.concat())
}

fn quoted_all(items: &[String]) -> Vec<String> {
    items.iter().map(|item| quoted(item)).collect()
}

/// A sentence as a comment: without control characters, so that no line of it is anything else.
fn comment(text: &str) -> String {
    let clean: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    let mut lines = String::new();
    let mut line = String::from("#");
    for word in clean.split(' ') {
        if line.len() > 1 && line.len() + 1 + word.len() > WIDTH {
            lines.push_str(&line);
            lines.push('\n');
            line = String::from("#");
        }
        line.push(' ');
        line.push_str(word);
    }
    lines.push_str(line.trim_end());
    lines.push('\n');
    lines
}

impl Draft<'_> {
    /// The section.
    pub fn text(&self) -> String {
        let mut text = self.head();
        text.push_str("\n[portal]\n");
        let _ = writeln!(text, "upstream = {}", quoted(&self.recording.upstream));
        self.open(&mut text);
        self.cookies(&mut text);
        self.credential_headers(&mut text);
        if self.step_up_script {
            text.push_str(&comment(
                "The login is sent by a script, which cannot show the challenge itself: this leads its page there.",
            ));
            text.push_str("step_up_script = true\n");
        }
        for rule in &self.rules {
            text.push('\n');
            rule.write(&mut text);
        }
        self.who_am_i(&mut text);
        text
    }

    fn head(&self) -> String {
        let mut text = comment(&format!(
            "Written by doorstep learn at {} from {}.",
            self.now, self.recording.source
        ));
        text.push_str(&comment(
            "Put it into the configuration in place of [portal], then run: doorstep check",
        ));
        text.push_str("#\n# Seen:\n");
        for line in &self.seen {
            let clean: String = line
                .chars()
                .map(|c| if c.is_control() { ' ' } else { c })
                .collect();
            let _ = writeln!(text, "#   {clean}");
        }
        if let Some(recipe) = self.recipe {
            text.push_str("#\n");
            text.push_str(&comment(&format!(
                "This looks like {}: its recipe is config/portals/{}.toml, which says what its other doors are. What shuts them \
                 is taken over below.",
                recipe.title, recipe.name
            )));
        }
        for warning in &self.warnings {
            text.push_str("#\n");
            text.push_str(&comment(&format!("WARNING: {warning}")));
        }
        text
    }

    fn open(&self, text: &mut String) {
        if !self.public.is_empty() {
            text.push_str(&comment(
                "What the login page asked for while nobody was signed in.",
            ));
            text.push_str(&list("public", &quoted_all(&self.public)));
        }
        for (path, why) in &self.shut {
            text.push_str(&comment(&format!(
                "Asked for by the login page and left shut: {path} ({why})."
            )));
        }
        if !self.closed.is_empty() {
            text.push_str(&comment(
                "Other doors of this application, from its recipe: never forwarded.",
            ));
            text.push_str(&list("closed", &quoted_all(&self.closed)));
        }
        if let Some(page) = &self.page {
            let _ = writeln!(text, "login_page = {}", quoted(page));
        }
        let entries: Vec<String> = self.logout_entries();
        if entries.is_empty() {
            text.push_str(&comment(
                "No logout was seen. If the portal has one, name it here, so that it ends doorstep's session too:",
            ));
            text.push_str("# logout = [\"/logout\"]\n");
        } else {
            text.push_str(&list("logout", &entries));
        }
    }

    fn logout_entries(&self) -> Vec<String> {
        let mut entries: Vec<String> = Vec::new();
        let usable = self.logouts.iter().filter(|logout| can_be_named(&logout.path));
        for logout in usable {
            let mut parts = vec![format!("path = {}", quoted(&logout.path))];
            let usual = matches!(logout.method, Method::GET | Method::POST);
            // Beside a login on the same path it is told apart by its method.
            let beside_login = self.rules.iter().any(|rule| {
                crate::gate::Glob::parse(&rule.path).is_ok_and(|glob| glob.matches(&logout.path))
            });
            if !usual || beside_login || !logout.form.is_empty() {
                parts.push(format!("methods = [{}]", quoted(logout.method.as_str())));
            }
            if !logout.query.is_empty() {
                parts.push(format!("query = {}", table(&logout.query)));
            } else if !logout.form.is_empty() {
                parts.push(format!("form = {}", table(&logout.form)));
            }
            let entry = match parts.as_slice() {
                [_] => quoted(&logout.path),
                _ => format!("{{ {} }}", parts.join(", ")),
            };
            if !entries.contains(&entry) {
                entries.push(entry);
            }
        }
        entries
    }

    fn cookies(&self, text: &mut String) {
        let cookies = &self.cookies;
        if !cookies.session.is_empty() {
            text.push_str(&list("session_cookies", &quoted_all(&cookies.session)));
        }
        if !cookies.pass.is_empty() {
            for (name, why) in &cookies.pass {
                text.push_str(&comment(&format!("{name}: {why}.")));
            }
            let names: Vec<String> = cookies.pass.iter().map(|(name, _)| quoted(name)).collect();
            text.push_str(&list("pass_cookies", &names));
        }
        if !cookies.kept.is_empty() {
            text.push_str(&comment(&format!(
                "Scripts could read these, and were not seen to need them: {}. Add to pass_cookies what they do need.",
                cookies.kept.join(", ")
            )));
        }
        if !self.session_parameters.is_empty() {
            let all: Vec<String> = SESSION_PARAMETERS
                .iter()
                .map(|name| quoted(name))
                .chain(self.session_parameters.iter().map(|name| quoted(name)))
                .collect();
            text.push_str(&comment(&format!(
                "The default list, and what carries a session here: {}.",
                self.session_parameters.join(", ")
            )));
            text.push_str(&list("session_parameters", &all));
        }
    }

    fn credential_headers(&self, text: &mut String) {
        let sent = self.rules.iter().filter_map(|rule| rule.bearer.as_ref());
        let mut others: Vec<String> = sent.flat_map(|bearer| bearer.headers.clone()).collect();
        others.retain(|name| {
            !CREDENTIAL_HEADERS
                .iter()
                .any(|known| known.eq_ignore_ascii_case(name))
        });
        if others.is_empty() {
            return;
        }
        text.push_str(&comment(&format!(
            "The default list, and what carried the token here: {}.",
            others.join(", ")
        )));
        let all = CREDENTIAL_HEADERS.iter().map(|name| quoted(name));
        let all: Vec<String> = all.chain(others.iter().map(|name| quoted(name))).collect();
        text.push_str(&list("credential_headers", &all));
    }

    fn who_am_i(&self, text: &mut String) {
        if let Some(lines) = self.recipe.and_then(Recipe::who_am_i) {
            text.push('\n');
            text.push_str(&comment(
                "From the recipe: the portal itself says who is signed in.",
            ));
            text.push_str("[portal.who_am_i]\n");
            text.push_str(&lines);
            return;
        }
        let Some(found) = &self.who_am_i else { return };
        text.push('\n');
        text.push_str(&comment(
            "This answer named whoever was signed in. If it does so for everybody, let doorstep ask it: single sign-on, \
             remember-me and resets that sign in are then logins too.",
        ));
        let place = match &found.place {
            Place::Json(pointer) => format!("json = {}", quoted(pointer)),
            Place::Page(pattern) => {
                text.push_str(&comment(
                    "Not if people can choose what stands there themselves (a display name), or strangers are named there too.",
                ));
                format!("body_regex = {}", quoted(pattern))
            }
        };
        let _ = writeln!(text, "# [portal.who_am_i]");
        let _ = writeln!(text, "# path = {}", quoted(&found.path));
        let _ = writeln!(text, "# username = {{ {place} }}");
    }
}

impl Rule {
    fn write(&self, text: &mut String) {
        for remark in self.remarks.iter().chain(&self.criteria.remarks) {
            text.push_str(&comment(remark));
        }
        text.push_str("[[portal.login]]\n");
        let _ = writeln!(text, "method = {}", quoted(self.method.as_str()));
        let _ = writeln!(text, "path = {}", quoted(&self.path));
        if let Some(condition) = self.condition() {
            let _ = writeln!(text, "where = {{ {condition} }}");
        }
        if self.basic {
            text.push_str("username = { basic = true }\n");
        } else {
            let parts: Vec<String> = self
                .username
                .iter()
                .map(|(kind, name)| format!("{kind} = {}", quoted(name)))
                .collect();
            let _ = writeln!(text, "username = {{ {} }}", parts.join(", "));
        }
        if let Some(password) = &self.password {
            let _ = writeln!(text, "password = {{ form = {} }}", quoted(password));
        }
        if let Some(bearer) = &self.bearer {
            let _ = writeln!(text, "bearer = {}", quoted(&bearer.pointer));
        }
        if self.everywhere {
            text.push_str(&comment(
                "From the recipe: every page takes a login, so the username's field is refused everywhere else.",
            ));
            text.push_str("everywhere = true\n");
        }
        let _ = writeln!(text, "success = {}", self.criteria.success.toml());
        if let Some(failure) = &self.criteria.failure {
            let _ = writeln!(text, "failure = {}", Says::toml(failure));
        }
    }

    fn condition(&self) -> Option<String> {
        let mut parts = Vec::new();
        if !self.where_query.is_empty() {
            parts.push(format!("query = {}", table(&self.where_query)));
        }
        if !self.where_form.is_empty() {
            parts.push(format!("form = {}", table(&self.where_form)));
        }
        if !self.where_json.is_empty() {
            let list: Vec<String> = self
                .where_json
                .iter()
                .filter_map(|(pointer, value)| {
                    Some(format!("{} = {}", quoted(pointer), quoted(value.as_str()?)))
                })
                .collect();
            parts.push(format!("json = {{ {} }}", list.join(", ")));
        }
        (!parts.is_empty()).then(|| parts.join(", "))
    }
}
