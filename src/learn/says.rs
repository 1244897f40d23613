//! A criterion, as configuration writes it and as the gateway reads it.

use std::fmt::Write as _;

use serde_json::Value;

use super::section::quoted;
use crate::gate::rules::Criterion;
use crate::gate::{Glob, Json, JsonPointer};

/// A criterion as configuration writes it.
#[derive(Clone, Default, PartialEq)]
pub struct Says {
    pub status: Vec<u16>,
    pub location: Option<String>,
    pub location_not: Option<String>,
    pub sets_cookie: Option<String>,
    pub body_contains: Option<String>,
    pub json: Option<(String, Option<Value>)>,
}

impl Says {
    /// As a table of the configuration.
    pub fn toml(&self) -> String {
        let mut parts = Vec::new();
        if !self.status.is_empty() {
            let list: Vec<String> = self.status.iter().map(u16::to_string).collect();
            parts.push(format!("status = [{}]", list.join(", ")));
        }
        for (key, value) in [
            ("location", &self.location),
            ("location_not", &self.location_not),
            ("sets_cookie", &self.sets_cookie),
            ("body_contains", &self.body_contains),
        ] {
            if let Some(value) = value {
                parts.push(format!("{key} = {}", quoted(value)));
            }
        }
        if let Some((pointer, equals)) = &self.json {
            let mut text = String::new();
            let _ = match equals {
                Some(value) => write!(
                    text,
                    "json = {{ pointer = {}, equals = {} }}",
                    quoted(pointer),
                    match value {
                        Value::String(text) => quoted(text),
                        other => other.to_string(),
                    }
                ),
                None => write!(text, "json = {}", quoted(pointer)),
            };
            parts.push(text);
        }
        format!("{{ {} }}", parts.join(", "))
    }

    /// Whether it looks at nothing but the status.
    pub fn is_status_alone(&self) -> bool {
        *self
            == Self {
                status: self.status.clone(),
                ..Self::default()
            }
    }

    /// As the gateway reads it; `None` where it does not.
    pub fn compiled(&self) -> Option<Criterion> {
        let glob = |text: &Option<String>| text.as_deref().map(Glob::parse).transpose().ok();
        let json = match &self.json {
            None => None,
            Some((pointer, equals)) => {
                let equals = match equals {
                    None => None,
                    Some(Value::String(text)) => Some(Json::Text(text.clone())),
                    Some(Value::Bool(flag)) => Some(Json::Flag(*flag)),
                    Some(Value::Number(number)) => Some(Json::Number(number.to_string())),
                    Some(_) => return None,
                };
                Some((JsonPointer::parse(pointer).ok()?, equals))
            }
        };
        Some(Criterion {
            status: self.status.clone(),
            location: glob(&self.location)?,
            location_not: glob(&self.location_not)?,
            sets_cookie: glob(&self.sets_cookie)?,
            body_contains: self.body_contains.clone(),
            header: None,
            json,
        })
    }
}
