//! Turns values of the file into types, and notes what is wrong with them, all of it.

use std::ops::Range;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use toml::Spanned;
use toml::de::{DeTable, DeValue, ValueDeserializer};

use super::error::{ConfigError, ConfigErrors, error_at, position};
use super::text::{Known, Text};

/// A file being read. Its methods answer `None` where they have noted what is wrong.
pub(super) struct Reader<'a> {
    file: &'a Path,
    folder: PathBuf,
    text: &'a str,
    errors: Vec<ConfigError>,
}

impl<'a> Reader<'a> {
    pub fn new(file: &'a Path, text: &'a str) -> Self {
        let folder = file.parent().unwrap_or(Path::new(""));
        Self {
            file,
            folder: std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned()),
            text,
            errors: Vec::new(),
        }
    }

    /// The file as a tree; with its syntax wrong, nothing more can be said of it.
    pub fn tree(&mut self) -> Option<DeTable<'a>> {
        let (tree, errors) = DeTable::parse_recoverable(self.text);
        for error in &errors {
            self.refuse(error.span().unwrap_or(0..0), error.message());
        }
        errors.is_empty().then(|| tree.into_inner())
    }

    pub fn refuse(&mut self, span: Range<usize>, what: impl Into<String>) {
        self.errors
            .push(error_at(self.file, self.text, &span, what.into()));
    }

    pub fn line(&self, span: &Range<usize>) -> usize {
        position(self.text, span.start).0
    }

    /// Everything that was wrong, in the order of the file.
    pub fn into_errors(mut self) -> ConfigErrors {
        self.errors.sort_by_key(|error| (error.line, error.column));
        self.errors.dedup();
        ConfigErrors(self.errors)
    }

    pub fn is_clean(&self) -> bool {
        self.errors.is_empty()
    }

    /// Gives a table its shape. Serde stops at the first fault: the key at fault is taken out and the rest
    /// read again, until all of them are told.
    pub fn shape<T: DeserializeOwned>(&mut self, name: &str, value: Spanned<DeValue<'_>>) -> Option<T> {
        let span = value.span();
        let DeValue::Table(mut table) = value.into_inner() else {
            self.refuse(span, format!("{name} is a table"));
            return None;
        };
        let mut removed: Vec<String> = Vec::new();
        loop {
            let whole = Spanned::new(span.clone(), DeValue::Table(table.clone()));
            let error = match T::deserialize(ValueDeserializer::from(whole)) {
                Ok(shaped) if removed.is_empty() => return Some(shaped),
                Ok(_) => return None,
                Err(error) => error,
            };
            let at = error.span().unwrap_or_else(|| span.clone());
            let follows = removed
                .iter()
                .any(|key| error.message() == format!("missing field `{key}`"));
            let fault = table
                .iter()
                .find(|(key, value)| holds(&key.span(), &at) || holds(&value.span(), &at))
                .map(|(key, _)| key.get_ref().to_string());
            if !follows {
                let words = in_words(name, error.message());
                let named = fault.as_ref().filter(|_| words.starts_with("invalid "));
                self.refuse(
                    at.clone(),
                    named.map_or_else(|| words.clone(), |key| format!("{key}: {words}")),
                );
            }
            let key = fault?;
            table.remove(key.as_str());
            removed.push(key);
        }
    }

    /// A value by its own parser.
    pub fn value<T>(&mut self, text: &Text, parse: impl FnOnce(&str) -> Result<T, String>) -> Option<T> {
        match parse(text.get_ref()) {
            Ok(value) => Some(value),
            Err(what) => {
                self.refuse(text.span(), what);
                None
            }
        }
    }

    /// A value by its own parser, or the default.
    pub fn value_or<T>(
        &mut self,
        text: Option<&Text>,
        default: T,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
        text.map_or(Some(default), |text| self.value(text, parse))
    }

    /// A value by its own parser, if it is given: `None` where it is wrong, `Some(None)` where it is absent.
    #[allow(clippy::option_option)]
    pub fn optional<T>(
        &mut self,
        text: Option<&Text>,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<Option<T>> {
        match text {
            None => Some(None),
            Some(text) => self.value(text, parse).map(Some),
        }
    }

    /// Several values; `None` where one is wrong, after all were looked at.
    pub fn values<T>(&mut self, texts: &[Text], parse: impl Fn(&str) -> Result<T, String>) -> Option<Vec<T>> {
        let read: Vec<Option<T>> = texts.iter().map(|text| self.value(text, &parse)).collect();
        read.into_iter().collect()
    }

    /// A number within bounds, or the default.
    pub fn number(
        &mut self,
        name: &str,
        number: Option<&Spanned<u64>>,
        default: u64,
        bounds: std::ops::RangeInclusive<u64>,
    ) -> Option<u64> {
        let Some(number) = number else {
            return Some(default);
        };
        if bounds.contains(number.get_ref()) {
            return Some(*number.get_ref());
        }
        let (least, most) = (bounds.start(), bounds.end());
        self.refuse(
            number.span(),
            format!("{name} is {least} to {most}, not {}", number.get_ref()),
        );
        None
    }

    /// Refuses a key that is known but not built yet, unless its value is the one that changes nothing.
    pub fn not_built(&mut self, name: &str, value: &Known, default: Option<&toml::Value>) {
        let Some(value) = value else { return };
        if default != Some(value.get_ref()) {
            self.refuse(value.span(), format!("{name} is not built yet; leave it out"));
        }
    }

    /// A path of the file, relative to its folder.
    pub fn path(&self, path: &str) -> PathBuf {
        self.folder.join(path)
    }

    /// A path of the file that cannot be empty.
    pub fn file_path(&mut self, text: &Text) -> Option<PathBuf> {
        let folder = self.folder.clone();
        self.value(text, |path| {
            if path.trim().is_empty() {
                return Err("a file's path cannot be empty".into());
            }
            Ok(folder.join(path))
        })
    }
}

fn holds(outer: &Range<usize>, inner: &Range<usize>) -> bool {
    outer.start <= inner.start && inner.end <= outer.end
}

/// Serde's message in the words of this file.
fn in_words(section: &str, message: &str) -> String {
    let words = message
        .replace("unknown field", "unknown key")
        .replace("missing field", "missing key");
    if words.starts_with("missing key") {
        return format!("{words} in {section}; config/doorstep.toml shows how it is written");
    }
    if words.starts_with("unknown key") {
        return format!("{words} (in {section})");
    }
    words
}
