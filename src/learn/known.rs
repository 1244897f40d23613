//! What the recipe that fits knows of a login beyond what one recording shows: answers that nobody provoked, such as
//! a stale form, and a probe that asks for no content.

use http::Method;

use super::attempts::Login;
use super::criterion::Bench;
use super::exchange::Exchange;
use super::recipes::Recipe;
use super::says::Says;
use super::section::Rule;
use crate::gate::login::Judgement;

/// Takes over what the recipe says of this login by the status alone, where it judges what was recorded as it was.
pub fn take_over(bench: &Bench<'_>, recipe: &Recipe, login: &Login, rule: &mut Rule) {
    let Some(known) = recipe.rules().into_iter().find(|known| is_of(rule, known)) else {
        return;
    };
    let Some(failure) = by_status(&known, "failure") else {
        return;
    };
    let success = match rule.basic {
        true => by_status(&known, "success"),
        false => None,
    };
    let success = success.unwrap_or_else(|| rule.criteria.success.clone());
    let all = |indices: &[usize], wanted: Judgement| {
        let exchanges = indices
            .iter()
            .filter_map(|index| bench.recording.exchanges.get(*index));
        exchanges
            .filter(|exchange| !rule.basic || is_of_probe(exchange, rule))
            .all(|exchange| bench.judged(exchange, &success, Some(&failure)) == Some(wanted))
    };
    if !all(&login.right, Judgement::Accepted) || !all(&login.wrong, Judgement::Refused) {
        return;
    }
    rule.remarks.push(format!(
        "From the recipe: the answers that this recording did not provoke{}.",
        if rule.basic {
            ", and the probe's method"
        } else {
            ""
        }
    ));
    rule.criteria.success = success;
    rule.criteria.failure = Some(failure);
    if rule.basic && known.get("method").and_then(toml::Value::as_str) == Some("HEAD") {
        rule.method = Method::HEAD;
    }
}

/// Whether the recipe's rule speaks of the same login.
fn is_of(rule: &Rule, known: &toml::Table) -> bool {
    let Some(username) = known.get("username").and_then(toml::Value::as_table) else {
        return false;
    };
    if rule.basic {
        return username.get("basic").and_then(toml::Value::as_bool) == Some(true);
    }
    let is_named = |(kind, name): &(&'static str, String)| {
        username.get(*kind).and_then(toml::Value::as_str) == Some(name.as_str())
    };
    known.get("path").and_then(toml::Value::as_str) == Some(rule.path.as_str())
        && rule.username.iter().any(is_named)
}

/// Of a Basic login every request is part; the rule speaks of those for its own path.
fn is_of_probe(exchange: &Exchange, rule: &Rule) -> bool {
    exchange.path() == rule.path
}

fn by_status(known: &toml::Table, key: &str) -> Option<Says> {
    let table = known.get(key)?.as_table()?;
    let status = table.get("status")?.as_array()?;
    let status: Option<Vec<u16>> = status
        .iter()
        .map(|code| code.as_integer().and_then(|code| u16::try_from(code).ok()))
        .collect();
    (table.len() == 1).then_some(Says {
        status: status?,
        ..Says::default()
    })
}
