//! A page that names whoever is signed in, for portals that have no JSON which does.

use std::borrow::Cow;

use http::Method;
use regex::bytes::Regex;

use super::exchange::{Answered, Exchange, Field, Recording};
use super::names;
use super::place::can_be_named;
use super::varying::Varying;
use crate::gate::Login as Name;

/// So many characters before the name are looked at.
const BEFORE: usize = 48;
/// Words that say that what follows is the login's name. A display name is none: people choose it themselves.
const SAYS: [&str; 4] = ["username", "userid", "userlogin", "loginname"];

/// A page of those who are signed in.
pub struct Named {
    /// Path and query.
    pub path: String,
    /// What stands before the name, and the name.
    pub pattern: String,
}

/// A page as it is looked through.
struct Page<'a> {
    exchange: &'a Exchange,
    inside: bool,
    text: Cow<'a, str>,
}

/// The shortest page that names whoever is signed in, in words with which no page names strangers.
pub fn find(recording: &Recording, name: &Name, inside: &[bool], varying: &Varying) -> Option<Named> {
    let pages = recording
        .exchanges
        .iter()
        .zip(inside)
        .filter_map(|(exchange, inside)| {
            let shown =
                exchange.method == Method::GET && exchange.status() == Some(200) && exchange.is_page();
            let text = exchange.answer.as_ref().and_then(Answered::text)?;
            shown.then_some(Page {
                exchange,
                inside: *inside,
                text,
            })
        });
    let mut pages: Vec<Page<'_>> = pages.collect();
    pages.sort_by_key(|page| page.text.len());
    let asked = pages.iter().filter(|page| {
        page.inside && can_be_asked(page.exchange) && !varying.is_personal(&page.exchange.target)
    });
    asked
        .filter_map(|page| {
            let pattern = patterns(&page.text, name).find(|pattern| holds(pattern, &pages, name))?;
            Some(Named {
                path: page.exchange.target.clone(),
                pattern,
            })
        })
        .next()
}

/// Whether the address can stand in the configuration, and means the same for everybody.
fn can_be_asked(exchange: &Exchange) -> bool {
    let is_odd = |field: &Field| names::is_token(&field.name) || field.print.random;
    can_be_named(exchange.path()) && !exchange.query.iter().any(is_odd)
}

/// What could be said of the places where the name stands: the key or the attribute before it.
fn patterns<'a>(text: &'a str, name: &'a Name) -> impl Iterator<Item = String> + 'a {
    let ends = text.match_indices(['"', '\'', '<']);
    ends.filter_map(move |(end, close)| {
        let before = text.get(..end)?;
        let start = before.rfind(['"', '\'', '>'])? + 1;
        let told = before.get(start..)?;
        if told.len() > 256 || Name::parse(told).ok()?.folded() != name.folded() {
            return None;
        }
        let lead = before.get(..start)?;
        let from = lead.char_indices().rev().nth(BEFORE).map_or(0, |(at, _)| at);
        let lead = lead.get(from..)?;
        let cut = lead.rfind(['<', ',', ';', '{', '(', ' ', '\n', '\r', '\t']);
        let lead = lead.get(cut.map_or(0, |at| at + 1)..)?;
        let says = SAYS.iter().any(|word| names::bare(lead).contains(word));
        says.then(|| format!("{}([^{close}]+)", regex::escape(lead)))
    })
}

/// Whether it names that person wherever it says something, and nobody to strangers.
fn holds(pattern: &str, pages: &[Page<'_>], name: &Name) -> bool {
    let Ok(pattern) = Regex::new(pattern) else {
        return false;
    };
    pages.iter().all(|page| {
        let found = pattern.captures(page.text.as_bytes());
        let told = found.and_then(|found| found.get(1));
        let Some(told) = told else { return true };
        let told = String::from_utf8_lossy(told.as_bytes());
        page.inside && Name::parse(&told).is_ok_and(|told| told.folded() == name.folded())
    })
}
