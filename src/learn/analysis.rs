//! From what was seen to what is written: the one pure function.

use serde::Serialize;

use super::assets;
use super::attempts::{Login, Way, logins, told_of};
use super::cookies;
use super::criterion::Bench;
use super::exchange::{Exchange, Field, Recording};
use super::known;
use super::logout::{self, Logout};
use super::names;
use super::pages::{self, Page};
use super::proof;
use super::recipes::{self, Recipe};
use super::rule::rule;
use super::section::Draft;
use super::told::{self, Bearer};
use super::varying::{Varying, masked};
use super::warnings::{self, Found};
use crate::clock::Timestamp;

/// What was learned.
#[derive(Debug, Serialize)]
pub struct Learned {
    /// The `[portal]` section, comments included.
    pub section: String,
    /// Which logins were seen, in words.
    pub seen: Vec<String>,
    /// What ops should know.
    pub warnings: Vec<String>,
    /// The recipe that fits.
    pub recipe: Option<&'static str>,
}

/// Why no section can be written.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unlearned {
    /// There is no login.
    #[error(
        "no login was seen: no form, JSON or Basic credentials with a password. Sign in through the printed address, once with a \
         wrong password and once with the right one"
    )]
    NoLogin,
    /// The portal signs in by a GET.
    #[error(
        "the portal signs in by a GET with the password in its query ({0}): no rule can be written for that. See whether it \
         takes a form by POST"
    )]
    ByGet(String),
    /// Only accepted ones.
    #[error(
        "no refused login was seen ({0}): sign in with a wrong password too, so that the two answers can be compared"
    )]
    NoWrong(String),
    /// Only refused ones.
    #[error(
        "no accepted login was seen ({0}): sign in with the right password too, so that the two answers can be compared"
    )]
    NoRight(String),
    /// The answers cannot be told apart.
    #[error(
        "the answers to the wrong and to the right password cannot be told apart ({0}; {1}): no rule is written, for it would \
         take every password for right. See what tells them apart in the portal itself"
    )]
    Alike(String, String),
    /// Nothing names the user.
    #[error(
        "the login {0} names nobody: neither a field with a name nor an answer that tells it was seen. doorstep has to know who \
         signs in: where all share one password, give the portal one account for each person first"
    )]
    NoName(String),
    /// HTTP Basic, and no page that could be asked for.
    #[error(
        "the portal takes HTTP Basic ({0}), and no page was seen that can be asked whether a password is right: one whose GET is \
         answered 401 without credentials and 200 with them. Open such a page, before and after signing in; or write the rule \
         by hand, with any path whose GET is answered 401 to a wrong password and otherwise to a right one, and those statuses"
    )]
    NoProbe(String),
    /// No configuration can name the place.
    #[error("the login's path {0:?} is no plain path, so no rule can name it")]
    NoPlainPath(String),
    /// What was written does not hold what it should.
    #[error("the section that was found does not hold up, so it is not written: {0}")]
    Unproven(String),
}

/// Writes the section.
///
/// # Errors
/// Why none can be written.
pub fn learn(recording: &Recording, now: Timestamp) -> Result<Learned, Unlearned> {
    let mut logins = logins(recording);
    let outs = logout::find(recording, &logins);
    let left_out = complete(recording, &mut logins)?;
    let varying = Varying::of(recording, &logins);
    let bench = Bench {
        recording,
        varying: &varying,
        now,
    };
    let page = pages::find(recording, &logins);
    let mut rules = Vec::new();
    for login in &logins {
        rules.push(rule(&bench, login)?);
    }
    let cookies = cookies::find(recording, &logins, &varying);
    let out_indices: Vec<usize> = outs.iter().map(|out| out.index).collect();
    let by_form = logins.iter().any(|login| login.way != Way::Basic);
    let assets = match by_form {
        true => assets::find(recording, &logins, &out_indices),
        false => assets::Assets::default(),
    };
    let recipe = recipes::find(recording, &logins);
    for (rule, login) in rules.iter_mut().zip(&logins) {
        if let Some(recipe) = recipe {
            known::take_over(&bench, recipe, login, rule);
        }
        let by_form = rule
            .username
            .iter()
            .find(|(kind, _)| matches!(*kind, "form" | "multipart"));
        rule.everywhere =
            by_form.is_some_and(|(_, field)| recipe.is_some_and(|recipe| recipe.is_everywhere(field)));
    }
    // A star in its place could open more than signing out.
    let (outs, unnamed): (Vec<Logout>, Vec<Logout>) =
        outs.into_iter().partition(|out| masked(&out.path) == out.path);
    let bearers: Vec<&Bearer> = rules.iter().filter_map(|rule| rule.bearer.as_ref()).collect();
    let mut warnings = left_out;
    warnings.extend(warnings::of(&Found {
        recording,
        logins: &logins,
        cookies: &cookies,
        bearers: &bearers,
        public: &assets.public,
    }));
    warnings.extend(unnamed.first().map(|out| {
        format!(
            "A logout with a token or a number of its own in its path was seen ({} {}): no entry of logout is written for it, so it \
             does not end doorstep's session. Name it with a * there only if nothing else can be asked for at such paths.",
            out.method,
            masked(&out.path)
        )
    }));
    let draft = Draft {
        recording,
        seen: seen(recording, &logins, &outs),
        page: page.as_ref().map(|page| page.address.clone()),
        closed: closed(recipe, &assets.public, &logins, recording),
        public: assets.public,
        shut: assets.shut,
        logouts: outs,
        session_parameters: session_parameters(recording, &bearers, &cookies.session, &varying),
        cookies,
        rules,
        who_am_i: told::who_am_i(recording, &logins, &out_indices, &varying),
        step_up_script: by_form && is_sent_by_script(recording, &logins),
        warnings,
        recipe,
        now,
    };
    proved(recording, draft, &logins, page.as_ref(), now)
}

/// The draft as it stands, or without what would open content.
fn proved(
    recording: &Recording,
    mut draft: Draft<'_>,
    logins: &[Login],
    page: Option<&Page>,
    now: Timestamp,
) -> Result<Learned, Unlearned> {
    // Each round takes one entry out, so this ends.
    loop {
        let section = draft.text();
        match proof::check(
            recording,
            &section,
            logins,
            page.map(|page| page.index),
            &draft.logouts,
            now,
        ) {
            Ok(remarks) => {
                if !remarks.is_empty() {
                    draft.warnings.extend(remarks);
                }
                return Ok(Learned {
                    section: draft.text(),
                    seen: draft.seen.clone(),
                    warnings: draft.warnings.clone(),
                    recipe: draft.recipe.map(|recipe| recipe.name),
                });
            }
            Err(proof::Fault::Opens { entry, content }) if draft.public.contains(&entry) => {
                draft.public.retain(|known| *known != entry);
                draft.shut.push((entry, format!("it would open {content}")));
            }
            Err(proof::Fault::Refused(what) | proof::Fault::Opens { content: what, .. }) => {
                return Err(Unlearned::Unproven(what));
            }
        }
    }
}

/// Keeps the logins of which both a refused and an accepted one were seen; a word about the others.
fn complete(recording: &Recording, logins: &mut Vec<Login>) -> Result<Vec<String>, Unlearned> {
    let told = |indices: &[usize]| {
        let exchange = indices.first().and_then(|index| recording.exchanges.get(*index));
        exchange.map(told_of).unwrap_or_default()
    };
    let one_sided: Vec<(String, bool)> = logins
        .iter()
        .filter(|login| login.wrong.is_empty() || login.right.is_empty())
        .map(|login| match login.wrong.is_empty() {
            true => (told(&login.right), true),
            false => (told(&login.wrong), false),
        })
        .collect();
    let by_get = logins.iter().find(|login| login.way == Way::Query);
    let by_get = by_get.map(|login| told(&[login.wrong.as_slice(), login.right.as_slice()].concat()));
    logins.retain(|login| !login.wrong.is_empty() && !login.right.is_empty() && login.way != Way::Query);
    if logins.is_empty() {
        return Err(match (by_get, one_sided.first()) {
            (Some(get), _) => Unlearned::ByGet(get),
            (None, Some((what, true))) => Unlearned::NoWrong(what.clone()),
            (None, Some((what, false))) => Unlearned::NoRight(what.clone()),
            (None, None) => Unlearned::NoLogin,
        });
    }
    let missing = one_sided.into_iter().map(|(what, accepted)| {
        let seen = if accepted { "accepted" } else { "refused" };
        format!("Another login ({what}) was seen {seen} only: no rule is written for it, and what no rule names is shut.")
    });
    let get = by_get.map(|get| {
        format!("The portal also signs in by a GET with the password in its query ({get}): shut.")
    });
    Ok(missing.chain(get).collect())
}

fn seen(recording: &Recording, logins: &[Login], outs: &[Logout]) -> Vec<String> {
    let mut lines = Vec::new();
    let exchange = |index: &usize| recording.exchanges.get(*index);
    for login in logins {
        for (word, indices) in [("wrong password", &login.wrong), ("right password", &login.right)] {
            let Some(exchange) = indices.first().and_then(exchange) else {
                continue;
            };
            lines.push(format!("{word}  {}{}", told_of(exchange), more_of(exchange)));
        }
    }
    if let Some(exchange) = outs.first().and_then(|out| exchange(&out.index)) {
        lines.push(format!("signed out      {}", told_of(exchange)));
    }
    lines
}

/// Whether some login is sent by a script, not by a form that leads to the next page.
fn is_sent_by_script(recording: &Recording, logins: &[Login]) -> bool {
    let by_form = logins.iter().filter(|login| login.way != Way::Basic);
    let sent = by_form
        .flat_map(|login| &login.right)
        .filter_map(|index| recording.exchanges.get(*index));
    sent.into_iter().any(|exchange| !exchange.navigates)
}

/// What else an answer did.
fn more_of(exchange: &Exchange) -> String {
    let Some(answer) = &exchange.answer else {
        return String::new();
    };
    let mut more = Vec::new();
    if answer.asks_for_a_password() {
        more.push("the form again".to_owned());
    }
    let mut names: Vec<String> = answer
        .living()
        .iter()
        .map(|cookie| names::as_glob(&cookie.name))
        .collect();
    names.sort();
    if !names.is_empty() {
        more.push(format!("set {}", names.join(", ")));
    }
    match more.is_empty() {
        true => String::new(),
        false => format!(": {}", more.join("; ")),
    }
}

fn closed(
    recipe: Option<&Recipe>,
    public: &[String],
    logins: &[Login],
    recording: &Recording,
) -> Vec<String> {
    let mut closed = recipe.map(Recipe::closed).unwrap_or_default();
    // What the recipe shuts and this installation was seen to need is for its operator to decide.
    let needed: Vec<&str> = logins
        .iter()
        .flat_map(|login| login.right.iter().chain(&login.wrong))
        .filter_map(|index| recording.exchanges.get(*index))
        .map(Exchange::path)
        .chain(public.iter().map(String::as_str))
        .collect();
    closed.retain(|path| {
        crate::gate::Glob::parse(path)
            .is_ok_and(|glob| !needed.iter().any(|needed| glob.matches_folded(needed)))
    });
    closed
}

/// Parameters that carry a session here and are not in the default list.
fn session_parameters(
    recording: &Recording,
    bearers: &[&Bearer],
    session: &[String],
    varying: &Varying,
) -> Vec<String> {
    let mut names: Vec<String> = bearers
        .iter()
        .flat_map(|bearer| bearer.parameters.clone())
        .collect();
    let cookies: Vec<super::exchange::Print> = recording
        .exchanges
        .iter()
        .flat_map(|exchange| exchange.answer.iter().flat_map(|answer| &answer.cookies))
        .filter(|cookie| {
            cookie.alive && cookie.print.len >= 8 && session.contains(&varying.cookie(&cookie.name))
        })
        .map(|cookie| cookie.print)
        .collect();
    for exchange in &recording.exchanges {
        let fields = exchange.query.iter();
        let carries =
            |field: &&Field| cookies.contains(&field.print) && !recording.prints.is_secret(&field.print);
        names.extend(fields.filter(carries).map(|field| field.name.clone()));
        names.extend(
            exchange
                .path_parameter
                .iter()
                .map(|name| name.to_ascii_uppercase()),
        );
    }
    let default = super::section::SESSION_PARAMETERS;
    names.retain(|name| {
        !name.is_empty()
            && !default.iter().any(|known| known.eq_ignore_ascii_case(name))
            && name.chars().all(|c| c.is_ascii_graphic())
    });
    names.sort();
    names.dedup();
    names
}
