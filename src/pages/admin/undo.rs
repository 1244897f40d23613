//! `admin/undo`: takes back the save of a profile or a policy, by the session that made it, once, and only where
//! nobody has changed the same since. It is a change like the one that it takes back, confirmed like that.

use std::sync::Mutex;

use askama::Template;
use axum::extract::Request;
use axum::response::Response;
use http::StatusCode;
use serde::{Deserialize, Serialize};

use super::super::body::Fields;
use super::super::desk::Desk;
use super::super::layout::{self, Shell};
use super::super::refusal::Stop;
use super::confirm::with_done;
use super::guard::{Admin, Frame, Here, Refused, TokenBox};
use super::policy::{POLICY, labels};
use super::table::{profile_address, role_in_words};
use super::{ADMIN, Answer};
use crate::directory::{ChangeRefused, Phone, Profile, ProfileChange, Undone};
use crate::gate::{FactorKind, Login, Policy};
use crate::secret::random_id;
use crate::vault::{Undo, Vault};
use crate::views::policy::words;

/// Where a save is taken back.
const UNDO: &str = "/.doorstep/admin/undo";

/// A save, as the session keeps it.
#[derive(Serialize, Deserialize)]
#[serde(tag = "of", rename_all = "snake_case")]
pub(super) enum Saved {
    /// Of a profile.
    Profile(ProfileChange),
    /// Of the firm's policy.
    Policy { before: Policy, after: Policy },
}

/// A field that goes back.
struct Line {
    label: &'static str,
    now: String,
    again: String,
}

#[derive(Template)]
#[template(path = "admin/undo.html")]
struct UndoPage<'a> {
    shell: Shell<'a>,
    frame: Frame,
    id: &'a str,
    /// Whose profile; empty: the policy.
    of: String,
    /// Where "Cancel" leads.
    back: String,
    lines: Vec<Line>,
    /// Why it cannot be done.
    fault: Option<String>,
    token: Option<TokenBox>,
}

/// GET `admin/undo?id=`.
pub(super) async fn ask(desk: Desk, uri: http::Uri) -> Response {
    desk.finish(asked(&desk, &uri).await)
}

/// POST `admin/undo` (`id`, `token`).
pub(super) async fn act(desk: Desk, request: Request) -> Response {
    desk.finish(acted(&desk, request).await)
}

impl Admin<'_> {
    /// Keeps what was saved, and says where the page after it offers to take it back. Where the session cannot keep
    /// it, nothing is offered: the save itself is done.
    pub async fn after_saving(&self, address: &str, saved: Option<&Saved>) -> String {
        let address = with_done(address, "saved");
        let Some(what) = saved.and_then(|saved| serde_json::to_string(saved).ok()) else {
            return address;
        };
        let undo = Undo {
            id: random_id(),
            at: self.now(),
            what,
        };
        let keep = |vault: &mut Vault| {
            vault.undos.keep(undo.clone());
            true
        };
        match self.desk.door.change_vault(self.session, self.now(), keep).await {
            Ok(true) => format!("{address}&undo={}", undo.id),
            Ok(false) => address,
            Err(unknown) => {
                tracing::warn!(id = self.desk.visitor.request_id, %unknown, "a save cannot be taken back");
                address
            }
        }
    }

    /// The address that takes a save back, where this session made it and has not done so yet.
    pub fn undo_address(&self, id: &str) -> Option<String> {
        let kept = self.session.vault().ok()?;
        kept.undos.find(id).map(|undo| address(&undo.id))
    }

    fn saved(&self, id: &str) -> Result<Option<Saved>, Stop> {
        let kept = self.session.vault()?;
        let undo = kept.undos.find(id);
        Ok(undo.and_then(|undo| serde_json::from_str(&undo.what).ok()))
    }

    /// Takes it out of the session: of many who try at once, one gets it.
    async fn take(&self, id: &str) -> Result<Option<Saved>, Stop> {
        let taken = Mutex::new(None);
        let take = |vault: &mut Vault| {
            let found = vault.undos.take(id);
            let is_found = found.is_some();
            if let Ok(mut taken) = taken.lock() {
                // Where another was faster, this runs again and finds nothing.
                *taken = found;
            }
            is_found
        };
        let is_kept = self
            .desk
            .door
            .change_vault(self.session, self.now(), take)
            .await?;
        let taken = taken.into_inner().unwrap_or_default().filter(|_| is_kept);
        Ok(taken.and_then(|undo| serde_json::from_str(&undo.what).ok()))
    }
}

fn address(id: &str) -> String {
    let id: String = url::form_urlencoded::byte_serialize(id.as_bytes()).collect();
    format!("{UNDO}?id={id}")
}

async fn asked(desk: &Desk, uri: &http::Uri) -> Answer {
    let query = Fields::urlencoded(uri.query().unwrap_or_default().as_bytes());
    let id = query.get("id").unwrap_or_default();
    let admin = desk.admin(&address(id)).await?;
    match admin.saved(id)? {
        Some(saved) => page(&admin, id, &saved, None).await,
        None => Ok(gone(&admin, id)),
    }
}

async fn acted(desk: &Desk, request: Request) -> Answer {
    let (_, fields) = desk.posted(request).await?;
    let id = fields.get("id").unwrap_or_default();
    let here = address(id);
    let admin = desk.admin(&here).await?;
    let Some(saved) = admin.saved(id)? else {
        return Ok(gone(&admin, id));
    };
    admin.fresh(&here)?;
    let factor = match admin.confirm(&fields).await? {
        Ok(factor) => factor,
        Err(refused) => return page(&admin, id, &saved, Some(refused)).await,
    };
    if let Some(why) = locks_out(&admin, &saved, factor) {
        return Ok(refused(&admin, id, &saved, why));
    }
    // Another request may have been faster.
    let Some(saved) = admin.take(id).await? else {
        return Ok(gone(&admin, id));
    };
    let (directory, actor, now) = (&desk.door.directory, admin.actor(), admin.now());
    let undone = match &saved {
        Saved::Profile(made) => directory.undo_profile(&actor, admin.firm(), made, now).await,
        Saved::Policy { before, after } => {
            directory
                .undo_policy(&actor, admin.firm(), before, after, now)
                .await
        }
    };
    match undone {
        Ok(Undone::Done) => {}
        Ok(Undone::ChangedSince) => {
            let why = "Somebody has changed this since, so nothing was put back.";
            return Ok(refused(&admin, id, &saved, why.to_owned()));
        }
        Err(ChangeRefused::Duplicate(why) | ChangeRefused::Invalid(why)) => {
            let why = format!("Nothing was put back: {why}.");
            return Ok(refused(&admin, id, &saved, why));
        }
        Err(ChangeRefused::NotFound(_)) => return Ok(gone(&admin, id)),
        Err(other) => return Err(other.into()),
    }
    desk.door.copies.changed_here().await?;
    let next = with_done(&saved.page(), "undone");
    match saved {
        Saved::Profile(_) => Ok(layout::see_other(&next)),
        Saved::Policy { .. } => admin.go_on(factor, &next).await,
    }
}

/// Why taking a policy back would shut out the admin who does it.
fn locks_out(admin: &Admin<'_>, saved: &Saved, factor: FactorKind) -> Option<String> {
    let Saved::Policy { before, after } = saved else {
        return None;
    };
    let back = admin.me.standing.firm.policy.put_back(before, after)?;
    let why = "You have just confirmed with a factor that this takes away: you would be locked out.";
    (!back.allows(factor)).then(|| why.to_owned())
}

async fn page(admin: &Admin<'_>, id: &str, saved: &Saved, refused: Option<Refused>) -> Answer {
    let token = admin.token_box(&address(id), refused).await?;
    let status = token.status(StatusCode::OK);
    let page = shown(admin, id, saved, Some(token), None);
    let answer = layout::page(status, &page);
    Ok(match &page.token {
        Some(token) => token.answer(answer),
        None => answer,
    })
}

fn refused(admin: &Admin<'_>, id: &str, saved: &Saved, why: String) -> http::Response<bytes::Bytes> {
    layout::page(StatusCode::CONFLICT, &shown(admin, id, saved, None, Some(why)))
}

fn shown<'a>(
    admin: &'a Admin<'_>,
    id: &'a str,
    saved: &Saved,
    token: Option<TokenBox>,
    fault: Option<String>,
) -> UndoPage<'a> {
    UndoPage {
        shell: admin.shell("Undo"),
        frame: admin.frame(saved.here(), &Fields::of(Vec::new())),
        id,
        of: saved.of(),
        back: saved.page(),
        lines: saved.lines(),
        fault,
        token,
    }
}

/// It was taken back, belongs to another session, or was never there.
fn gone(admin: &Admin<'_>, id: &str) -> http::Response<bytes::Bytes> {
    let why = "There is nothing to undo here: it was undone already, newer changes took its place, or it was made in \
               another session.";
    let page = UndoPage {
        shell: admin.shell("Nothing to undo"),
        frame: admin.frame(Here::Employees, &Fields::of(Vec::new())),
        id,
        of: String::new(),
        back: ADMIN.to_owned(),
        lines: Vec::new(),
        fault: Some(why.to_owned()),
        token: None,
    };
    layout::page(StatusCode::NOT_FOUND, &page)
}

impl Saved {
    fn here(&self) -> Here {
        match self {
            Self::Profile(_) => Here::Employees,
            Self::Policy { .. } => Here::Policy,
        }
    }

    /// The page of what was saved.
    fn page(&self) -> String {
        match self {
            Self::Profile(made) => profile_address(made.login.as_str()),
            Self::Policy { .. } => POLICY.to_owned(),
        }
    }

    fn of(&self) -> String {
        match self {
            Self::Profile(made) => made.login.to_string(),
            Self::Policy { .. } => String::new(),
        }
    }

    /// What differs, as it is now and as it will be again.
    fn lines(&self) -> Vec<Line> {
        let (now, again) = match self {
            Self::Profile(made) => (profile_in_words(&made.after), profile_in_words(&made.before)),
            Self::Policy { before, after } => (policy_in_words(after), policy_in_words(before)),
        };
        let pairs = now.into_iter().zip(again);
        let lines = pairs.map(|((label, now), (_, again))| Line { label, now, again });
        let mut lines: Vec<Line> = lines.filter(|line| line.now != line.again).collect();
        if let (true, Self::Profile(_)) = (lines.is_empty(), self) {
            // Two numbers can look alike once they are masked.
            lines.push(Line {
                label: "Phone",
                now: "Another number".to_owned(),
                again: "The number before".to_owned(),
            });
        }
        lines
    }
}

fn or_none(text: String) -> String {
    if text.is_empty() { "None".to_owned() } else { text }
}

fn profile_in_words(profile: &Profile) -> Vec<(&'static str, String)> {
    let mut phone = profile.phone().as_ref().map(Phone::masked).unwrap_or_default();
    if profile.phone_suspended && !phone.is_empty() {
        phone.push_str(", suspended after a reset");
    }
    let aliases: Vec<&str> = profile.aliases.iter().map(Login::as_str).collect();
    vec![
        ("Name", profile.name.clone()),
        ("E-mail", or_none(profile.email.clone().unwrap_or_default())),
        ("Role", role_in_words(profile.role).to_owned()),
        ("Phone", or_none(phone)),
        ("Other logins", or_none(aliases.join(", "))),
    ]
}

fn policy_in_words(policy: &Policy) -> Vec<(&'static str, String)> {
    let values = words(policy);
    let value = |key: &str| {
        values
            .iter()
            .find(|(one, _)| *one == key)
            .map(|(_, value)| value.clone())
    };
    let lines = labels().map(|(key, label)| (label, value(key).unwrap_or_else(|| "Not set".to_owned())));
    lines.collect()
}
