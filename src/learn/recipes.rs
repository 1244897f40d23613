//! Applications that are known: what they are recognised by, and the doors that their recipe shuts.

use super::attempts::{Login, Way};
use super::exchange::{Authorization, Recording};

/// An application with a recipe in `config/portals`.
pub struct Recipe {
    /// The file's name, without its end.
    pub name: &'static str,
    /// How people call it.
    pub title: &'static str,
    /// Its text.
    pub text: &'static str,
    fits: fn(&Trace<'_>) -> bool,
}

/// What recognises.
struct Trace<'a> {
    recording: &'a Recording,
    logins: &'a [Login],
}

const RECIPES: [Recipe; 4] = [
    Recipe {
        name: "django-admin",
        title: "Django's admin",
        text: include_str!("../../config/portals/django-admin.toml"),
        fits: |trace| {
            trace.has_field("csrfmiddlewaretoken")
                && trace.sets("sessionid")
                && trace.login_path_ends("/login/")
        },
    },
    Recipe {
        name: "dokuwiki",
        title: "DokuWiki",
        text: include_str!("../../config/portals/dokuwiki.toml"),
        fits: |trace| trace.sets("DokuWiki") || trace.sets_begin("DW") && trace.has_field("sectok"),
    },
    Recipe {
        name: "node-red",
        title: "Node-RED",
        text: include_str!("../../config/portals/node-red.toml"),
        fits: |trace| {
            trace.login_path_ends("/auth/token") && trace.has_field("client_id") && trace.asked("/auth/login")
        },
    },
    Recipe {
        name: "nginx-basic",
        title: "nginx with HTTP Basic",
        text: include_str!("../../config/portals/nginx-basic.toml"),
        fits: |trace| trace.only_basic() && trace.server("nginx"),
    },
];

/// The recipe that fits what was seen.
pub fn find(recording: &Recording, logins: &[Login]) -> Option<&'static Recipe> {
    static TABLE: [Recipe; 4] = RECIPES;
    let trace = Trace { recording, logins };
    TABLE.iter().find(|recipe| (recipe.fits)(&trace))
}

impl Recipe {
    fn portal(&self) -> Option<toml::Table> {
        let mut whole = self.text.parse::<toml::Table>().ok()?;
        match whole.remove("portal")? {
            toml::Value::Table(portal) => Some(portal),
            _ => None,
        }
    }

    /// What the recipe never forwards.
    pub fn closed(&self) -> Vec<String> {
        let portal = self.portal().unwrap_or_default();
        let paths = portal
            .get("closed")
            .and_then(toml::Value::as_array)
            .into_iter()
            .flatten();
        paths
            .filter_map(|path| path.as_str().map(str::to_owned))
            .collect()
    }

    /// Its login rules.
    pub fn rules(&self) -> Vec<toml::Table> {
        let portal = self.portal().unwrap_or_default();
        let rules = portal.get("login").and_then(toml::Value::as_array);
        let tables = rules.into_iter().flatten().filter_map(toml::Value::as_table);
        tables.cloned().collect()
    }

    /// Whether every page takes a login, by this field.
    pub fn is_everywhere(&self, field: &str) -> bool {
        let rules = self.rules();
        let names_it = |rule: &&toml::Table| {
            let username = rule.get("username").and_then(toml::Value::as_table);
            username.is_some_and(|username| username.values().any(|name| name.as_str() == Some(field)))
        };
        rules
            .iter()
            .filter(names_it)
            .any(|rule| rule.get("everywhere").and_then(toml::Value::as_bool) == Some(true))
    }

    /// The lines of its `[portal.who_am_i]`.
    pub fn who_am_i(&self) -> Option<String> {
        let portal = self.portal()?;
        let probe = portal.get("who_am_i")?.as_table()?;
        let inline = |value: &toml::Value| match value.as_table() {
            None => value.to_string(),
            Some(table) => {
                let pairs: Vec<String> = table
                    .iter()
                    .map(|(key, value)| format!("{key} = {value}"))
                    .collect();
                format!("{{ {} }}", pairs.join(", "))
            }
        };
        Some(
            probe
                .iter()
                .map(|(key, value)| format!("{key} = {}\n", inline(value)))
                .collect(),
        )
    }
}

impl Trace<'_> {
    fn logins(&self) -> impl Iterator<Item = &super::exchange::Exchange> {
        let indices = self
            .logins
            .iter()
            .flat_map(|login| login.right.iter().chain(&login.wrong));
        indices.filter_map(|index| self.recording.exchanges.get(*index))
    }

    fn has_field(&self, name: &str) -> bool {
        self.logins()
            .any(|login| login.fields().iter().any(|field| field.name == name))
    }

    fn sets(&self, name: &str) -> bool {
        self.cookie(|cookie| cookie == name)
    }

    fn sets_begin(&self, begin: &str) -> bool {
        self.cookie(|cookie| cookie.strip_prefix(begin).is_some_and(|rest| rest.len() == 32))
    }

    fn cookie(&self, is_it: impl Fn(&str) -> bool) -> bool {
        let answers = self
            .recording
            .exchanges
            .iter()
            .filter_map(|exchange| exchange.answer.as_ref());
        answers
            .flat_map(|answer| &answer.cookies)
            .any(|cookie| is_it(&cookie.name))
    }

    fn login_path_ends(&self, end: &str) -> bool {
        self.logins().any(|login| login.path().ends_with(end))
    }

    fn asked(&self, path: &str) -> bool {
        self.recording
            .exchanges
            .iter()
            .any(|exchange| exchange.path().ends_with(path))
    }

    fn only_basic(&self) -> bool {
        !self.logins.is_empty()
            && self.logins.iter().all(|login| login.way == Way::Basic)
            && self
                .logins()
                .all(|login| matches!(login.authorization, Some(Authorization::Basic(..))))
    }

    fn server(&self, name: &str) -> bool {
        let answers = self
            .recording
            .exchanges
            .iter()
            .filter_map(|exchange| exchange.answer.as_ref());
        answers
            .filter_map(|answer| answer.headers.get(http::header::SERVER)?.to_str().ok())
            .any(|server| server.to_ascii_lowercase().starts_with(name))
    }
}
