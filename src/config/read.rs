//! Reads a configuration file as a whole.

use std::ops::Range;
use std::path::Path;

use serde::de::DeserializeOwned;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::error::{ConfigErrors, error_at};
use super::overlap::{check_login_page, check_routes};
use super::portal::Places;
use super::reader::Reader;
use super::text::{
    CanaryText, DirectoryText, FactorsText, LimitsText, ListenText, LoginText, OpsText, PortalText,
    SecretsText, SessionsText,
};
use super::told::{self, AuditText, NoticesText};
use super::{Config, StoreSettings, factors, login, portal, probes, sections};
use crate::gate::rules::{LoginRule, PortalRules};

const SECTIONS: [&str; 11] = [
    "canary",
    "listen",
    "ops",
    "portal",
    "directory",
    "sessions",
    "factors",
    "limits",
    "notices",
    "audit",
    "secrets",
];

impl Config {
    /// Reads and checks the configuration file at `path`.
    ///
    /// # Errors
    /// Everything that is wrong with it, each with line and column; a file that cannot be read is one such.
    pub fn read(path: &Path) -> Result<Self, ConfigErrors> {
        let text = std::fs::read_to_string(path).map_err(|error| {
            let what = format!(
                "the configuration cannot be read: {error}. Name the file with --config or DOORSTEP_CONFIG"
            );
            ConfigErrors(vec![error_at(path, "", &(0..0), what)])
        })?;
        Self::parse(&text, path)
    }

    /// Checks a configuration's text; paths in it are relative to the folder of `path`. A provider's secret
    /// file is read, nothing else is touched.
    ///
    /// # Errors
    /// Everything that is wrong with it, each with line and column.
    pub fn parse(text: &str, path: &Path) -> Result<Self, ConfigErrors> {
        let mut reader = Reader::new(path, text);
        let config = whole(&mut reader, path);
        match config {
            Some(config) if reader.is_clean() => Ok(config),
            _ => Err(reader.into_errors()),
        }
    }

    /// The sections whose changes in `new` take effect only with a restart: `listen`, `ops`, `directory`,
    /// `store`.
    pub fn restart_needed(&self, new: &Self) -> Vec<&'static str> {
        let same_directory = self.directory.url.reveal() == new.directory.url.reveal()
            && self.directory.unknown_employee == new.directory.unknown_employee;
        let same_store = match (&self.sessions.store, &new.sessions.store) {
            (StoreSettings::Memory, StoreSettings::Memory) => true,
            (StoreSettings::Redis(old), StoreSettings::Redis(new)) => old.reveal() == new.reveal(),
            _ => false,
        };
        [
            ("listen", self.listen == new.listen),
            ("ops", self.ops == new.ops),
            ("directory", same_directory),
            ("store", same_store),
        ]
        .into_iter()
        .filter_map(|(name, same)| (!same).then_some(name))
        .collect()
    }
}

fn whole(reader: &mut Reader<'_>, file: &Path) -> Option<Config> {
    let mut tree = reader.tree()?;
    for key in tree
        .keys()
        .filter(|key| !SECTIONS.contains(&key.get_ref().as_ref()))
    {
        let what = format!(
            "unknown section {:?}, expected one of {}",
            key.get_ref(),
            SECTIONS.join(", ")
        );
        reader.refuse(key.span(), what);
    }
    let listen = required(reader, &mut tree, "listen");
    let listen = listen.and_then(|text: ListenText| sections::listen(reader, &text));
    let public_url = listen.as_ref().map(|listen| &listen.public_url);
    let ops = section::<OpsText>(reader, &mut tree, "ops");
    let ops = ops.and_then(|text| sections::ops(reader, &text, listen.as_ref()));
    let portal = read_portal(reader, &mut tree, listen.as_ref());
    let directory = section::<DirectoryText>(reader, &mut tree, "directory");
    if let (Some(text), Some(portal)) = (&directory, &portal) {
        check_register(reader, text, &portal.rules);
    }
    let directory = directory.and_then(|text| sections::directory(reader, &text));
    let sessions = section::<SessionsText>(reader, &mut tree, "sessions");
    let sessions = sessions.and_then(|text| sections::sessions(reader, &text));
    let factors = section::<FactorsText>(reader, &mut tree, "factors");
    let factors = factors.and_then(|text| factors::factors(reader, &text, public_url));
    let limits = section::<LimitsText>(reader, &mut tree, "limits");
    let limits = limits.and_then(|text| sections::limits(reader, &text));
    let notices = section::<NoticesText>(reader, &mut tree, "notices");
    let notices = notices.and_then(|text| told::notices(reader, &text));
    let audit = section::<AuditText>(reader, &mut tree, "audit");
    let audit = audit.and_then(|text| told::audit(reader, &text));
    let secrets = section::<SecretsText>(reader, &mut tree, "secrets");
    let key_file = secrets.and_then(|text| sections::key_file(reader, &text));
    let canary = match tree.remove("canary") {
        None => Some(None),
        Some(value) => {
            let text = reader.shape("[canary]", value);
            text.and_then(|text: CanaryText| probes::canary(reader, &text))
                .map(Some)
        }
    };
    Some(Config {
        file: std::path::absolute(file).unwrap_or_else(|_| file.to_owned()),
        listen: listen?,
        ops: ops?,
        portal: portal?,
        directory: directory?,
        sessions: sessions?,
        factors: factors?,
        limits: limits?,
        notices: notices?,
        audit: audit?,
        key_file: key_file?,
        canary: canary?,
    })
}

/// Nobody is registered by what they typed themselves.
fn check_register(reader: &mut Reader<'_>, text: &DirectoryText, rules: &PortalRules) {
    let Some(word) = text
        .unknown_employee
        .as_ref()
        .filter(|word| word.get_ref() == "register")
    else {
        return;
    };
    if rules.who_am_i.is_none() && rules.logins.iter().all(|rule| rule.answer.is_none()) {
        let what = "\"register\" needs the portal's own word for who signed in: add [portal.who_am_i], or username = { answer = … }";
        reader.refuse(word.span(), what);
    }
}

/// A section that may be left out.
fn section<T: DeserializeOwned + Default>(
    reader: &mut Reader<'_>,
    tree: &mut DeTable<'_>,
    name: &str,
) -> Option<T> {
    match tree.remove(name) {
        None => Some(T::default()),
        Some(value) => reader.shape(&format!("[{name}]"), value),
    }
}

fn required<T: DeserializeOwned>(reader: &mut Reader<'_>, tree: &mut DeTable<'_>, name: &str) -> Option<T> {
    match tree.remove(name) {
        Some(value) => reader.shape(&format!("[{name}]"), value),
        None => {
            reader.refuse(
                0..0,
                format!("section [{name}] is missing; config/doorstep.toml shows how it is written"),
            );
            None
        }
    }
}

fn read_portal(
    reader: &mut Reader<'_>,
    tree: &mut DeTable<'_>,
    listen: Option<&super::Listen>,
) -> Option<super::Portal> {
    let mut places = Places::default();
    let logins = take_logins(reader, tree, &mut places);
    let text: PortalText = required(reader, tree, "portal")?;
    let portal = portal::portal(reader, &text, logins, &mut places, listen)?;
    check_routes(reader, &portal.rules, &places);
    check_login_page(reader, &portal.rules, &places);
    Some(portal)
}

/// Takes `[[portal.login]]` out of `[portal]`, so that each rule is read by itself.
fn take_logins(
    reader: &mut Reader<'_>,
    tree: &mut DeTable<'_>,
    places: &mut Places,
) -> Option<Vec<LoginRule>> {
    let portal = tree.get_mut("portal")?;
    let span = portal.span();
    let DeValue::Table(table) = portal.get_mut() else {
        return None;
    };
    let Some(value) = table.remove("login") else {
        reader.refuse(
            span,
            "[[portal.login]] is missing: without a login rule nobody could sign in",
        );
        return None;
    };
    let span = value.span();
    let DeValue::Array(rules) = value.into_inner() else {
        reader.refuse(
            span,
            "a login rule begins with [[portal.login]], in double brackets",
        );
        return None;
    };
    let rules: Vec<(Range<usize>, Spanned<DeValue<'_>>)> =
        rules.into_iter().map(|rule| (rule.span(), rule)).collect();
    if rules.is_empty() {
        reader.refuse(
            span,
            "[[portal.login]] is empty: without a login rule nobody could sign in",
        );
        return None;
    }
    let read: Vec<Option<LoginRule>> = rules
        .into_iter()
        .map(|(span, rule)| {
            places.logins.push(span.clone());
            let text: LoginText = reader.shape("[[portal.login]]", rule)?;
            login::rule(reader, &text, &span)
        })
        .collect();
    read.into_iter().collect()
}

#[cfg(test)]
mod tests;
