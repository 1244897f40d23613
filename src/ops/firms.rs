//! `/v1/firms`: firms and their policy.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::header::{ETAG, LOCATION};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::etag;
use super::input::{Asked, Body, Named, Page, cursor, firm_id, firm_named, given, page_length};
use super::problem::Problem;
use super::scope::{Caller, may};
use crate::access::Doorstep;
use crate::config::{Config, parse_positive_duration};
use crate::directory::Firm as Row;
use crate::gate::Policy;
use crate::views::{self, Firm, policy};

/// Which firms are asked for.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct List {
    /// What the page before gave as `next`.
    cursor: Option<String>,
    /// At most so many items: 1 to 500, default 100.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<u32>,
}

/// A new firm.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewFirm {
    /// Its id.
    #[schema(min_length = 1, max_length = 64, pattern = "^[a-z0-9][a-z0-9_.-]*$")]
    id: String,
    /// Its shown name.
    #[schema(min_length = 1)]
    name: String,
    /// Keys of its policy.
    #[schema(nullable = false)]
    policy: Option<PolicyChanges>,
}

/// Changes to a firm.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FirmChanges {
    /// Its shown name.
    #[schema(min_length = 1, nullable = false)]
    name: Option<String>,
    /// Keys of its policy; those that are not given stay.
    #[schema(nullable = false)]
    policy: Option<PolicyChanges>,
}

/// Keys of a policy, in the words of `doorstep firm set`; null clears a key.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PolicyChanges {
    /// Which factors may be used.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<Vec<String>>)]
    factors: Option<Option<Vec<String>>>,
    /// Such as `30d`.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    remember_device: Option<Option<String>>,
    /// Such as `15m`.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    idle_timeout: Option<Option<String>>,
    /// Such as `8h`.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    absolute_timeout: Option<Option<String>>,
    /// Networks such as `10.0.0.0/8`.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<Vec<String>>)]
    networks: Option<Option<Vec<String>>>,
    /// Until a moment, or for so long from now, such as `7d`.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    enrolment_window: Option<Option<String>>,
    /// Whether signing in again keeps the factor.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<bool>)]
    carry_over: Option<Option<bool>>,
    /// At least 1.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<u32>)]
    sessions_per_employee: Option<Option<u32>>,
    /// Patterns such as `*@corp-a.example`.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<Vec<String>>)]
    logins: Option<Option<Vec<String>>>,
}

impl PolicyChanges {
    /// As `firm set` takes them: one parser for both.
    fn assignments(&self) -> Result<Vec<String>, Problem> {
        fn text<T: ToString>(value: &Option<Option<T>>) -> Option<String> {
            let value = value.as_ref()?;
            Some(value.as_ref().map(ToString::to_string).unwrap_or_default())
        }
        let list = |key: &str, value: &Option<Option<Vec<String>>>| {
            let Some(items) = value else { return Ok(None) };
            let items = items.as_deref().unwrap_or_default();
            if items
                .iter()
                .any(|item| item.contains(',') || item.trim().is_empty())
            {
                return Err(Problem::unfit(format!(
                    "policy.{key}: one value in each place of the list"
                )));
            }
            Ok(Some(items.join(",")))
        };
        let words = [
            ("factors", list("factors", &self.factors)?),
            ("remember_device", text(&self.remember_device)),
            ("idle_timeout", text(&self.idle_timeout)),
            ("absolute_timeout", text(&self.absolute_timeout)),
            ("networks", list("networks", &self.networks)?),
            ("enrolment_window", text(&self.enrolment_window)),
            ("carry_over", text(&self.carry_over)),
            ("sessions_per_employee", text(&self.sessions_per_employee)),
            ("logins", list("logins", &self.logins)?),
        ];
        let words = words.into_iter();
        Ok(words
            .filter_map(|(key, value)| Some(format!("{key}={}", value?)))
            .collect())
    }

    fn apply(&self, policy: &Policy, config: &Config, door: &Doorstep) -> Result<Policy, Problem> {
        let mut policy = policy.clone();
        for assignment in self.assignments()? {
            policy::set(&mut String::new(), &mut policy, &assignment, config, door.now())
                .map_err(|why| Problem::unfit(format!("policy.{why}")))?;
        }
        Ok(policy)
    }
}

/// Lists firms, in the order of their ids.
#[utoipa::path(get, path = "/v1/firms", tag = "firms", params(List),
    responses((status = 200, description = "A page of firms.", body = Page<Firm>)))]
pub async fn list(
    _: Caller<may::FirmsRead>,
    State(door): State<Arc<Doorstep>>,
    Asked(asked): Asked<List>,
) -> Result<Response, Problem> {
    let limit = page_length(asked.limit)?;
    let after = cursor(asked.cursor.as_deref())?;
    let mut firms = door.directory.firms().await?;
    firms.retain(|firm| after.as_deref().is_none_or(|after| firm.id.as_str() > after));
    // A database may sort signs otherwise than they are compared here.
    firms.sort_by(|a, b| a.id.as_str().cmp(b.id.as_str()));
    let page = Page::of(firms, limit, |firm| firm.id.to_string(), Firm::of);
    Ok(Json(page).into_response())
}

/// Adds a firm. Its second factor is off until it is switched on.
#[utoipa::path(post, path = "/v1/firms", tag = "firms", request_body = NewFirm,
    responses((status = 201, description = "Made.", body = Firm,
        headers(("location" = String), ("etag" = String)))))]
pub async fn add(
    caller: Caller<may::FirmsWrite>,
    State(door): State<Arc<Doorstep>>,
    Body(new): Body<NewFirm>,
) -> Result<Response, Problem> {
    let id = FirmIdOf::new(&new.id)?;
    let name = shown(&new.name)?;
    let settings = door.settings.load_full();
    let policy = match &new.policy {
        Some(changes) => changes.apply(&Policy::default(), &settings.config, &door)?,
        None => Policy::default(),
    };
    let now = door.now();
    door.directory.add_firm(caller.actor(), &id.0, name, now).await?;
    if policy != Policy::default() {
        door.directory
            .set_firm(caller.actor(), &id.0, name, &policy, now)
            .await?;
    }
    let firm = find(&door, &id.0).await?;
    let location = [(LOCATION, format!("/v1/firms/{}", firm.id))];
    Ok((StatusCode::CREATED, location, shown_with_etag(&firm)).into_response())
}

/// Shows a firm.
#[utoipa::path(get, path = "/v1/firms/{id}", tag = "firms", params(("id" = String, Path, description = "The firm's id.")),
    responses((status = 200, description = "The firm.", body = Firm, headers(("etag" = String)))))]
pub async fn show(
    _: Caller<may::FirmsRead>,
    State(door): State<Arc<Doorstep>>,
    Named(id): Named<String>,
) -> Result<Response, Problem> {
    let firm = find(&door, &firm_named(&id)?).await?;
    Ok(shown_with_etag(&firm).into_response())
}

/// Changes a firm's name or keys of its policy. `If-Match`, where given, must be the firm's `ETag` now.
#[utoipa::path(patch, path = "/v1/firms/{id}", tag = "firms", request_body = FirmChanges,
    params(("id" = String, Path, description = "The firm's id."),
        ("if-match" = Option<String>, Header, description = "The ETag that the firm must have.")),
    responses((status = 200, description = "Changed.", body = Firm, headers(("etag" = String))),
        (status = 412, description = "The firm has changed since.", body = Problem, content_type = "application/problem+json")))]
pub async fn change(
    caller: Caller<may::FirmsWrite>,
    State(door): State<Arc<Doorstep>>,
    Named(id): Named<String>,
    headers: HeaderMap,
    Body(changes): Body<FirmChanges>,
) -> Result<Response, Problem> {
    let id = firm_named(&id)?;
    let settings = door.settings.load_full();
    let name = changes.name.as_deref().map(shown).transpose()?;
    let edit = |firm: &Row| {
        if !etag::matches(&headers, &tag(firm)) {
            return Err(Problem::new(
                StatusCode::PRECONDITION_FAILED,
                "the firm has changed since; read it again",
            ));
        }
        let name = name.unwrap_or(&firm.name);
        let policy = match &changes.policy {
            Some(changes) => changes.apply(&firm.policy, &settings.config, &door)?,
            None => firm.policy.clone(),
        };
        Ok(((*name).to_owned(), policy))
    };
    let firm = door
        .directory
        .edit_firm(caller.actor(), &id, door.now(), edit)
        .await?;
    Ok(shown_with_etag(&firm).into_response())
}

/// A time-boxed way in on passwords.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Glass {
    /// For how long, such as `1h`.
    #[serde(rename = "for")]
    #[schema(pattern = "^[0-9]+[smhd]$")]
    length: String,
    /// Why; the audit keeps it.
    #[schema(min_length = 1)]
    reason: String,
}

/// A way in that was opened.
#[derive(Serialize, ToSchema)]
pub struct Broken {
    /// The firm.
    firm: String,
    /// Shut from then on (RFC 3339).
    until: String,
    /// Why.
    reason: String,
}

/// The longest time that a firm is let in on passwords by one call.
const LONGEST_GLASS: std::time::Duration = std::time::Duration::from_secs(30 * 24 * 60 * 60);

/// Lets a firm in on passwords for a while; written into the audit.
#[utoipa::path(post, path = "/v1/firms/{id}/break-glass", tag = "firms", request_body = Glass,
    params(("id" = String, Path, description = "The firm's id.")),
    responses((status = 200, description = "Passwords let the firm's people in until then.", body = Broken)))]
pub async fn break_glass(
    caller: Caller<may::FirmsWrite>,
    State(door): State<Arc<Doorstep>>,
    Named(id): Named<String>,
    Body(glass): Body<Glass>,
) -> Result<Response, Problem> {
    let id = firm_named(&id)?;
    let length =
        parse_positive_duration(&glass.length).map_err(|why| Problem::unfit(format!("for: {why}")))?;
    if length > LONGEST_GLASS {
        return Err(Problem::unfit("for: at most 30d"));
    }
    let reason = glass.reason.trim();
    if reason.is_empty() {
        return Err(Problem::unfit("reason: say why; the audit keeps it"));
    }
    let now = door.now();
    let until = now.plus(length);
    door.directory
        .break_glass(caller.actor(), &id, until, reason, now)
        .await?;
    let broken = Broken {
        firm: id.to_string(),
        until: until.to_string(),
        reason: reason.to_owned(),
    };
    Ok(Json(broken).into_response())
}

/// A firm, or 404.
pub async fn find(door: &Doorstep, id: &crate::gate::FirmId) -> Result<Row, Problem> {
    let firm = door.directory.firm(id).await?;
    firm.ok_or_else(|| Problem::not_found(format!("there is no firm {id}")))
}

/// A firm's id out of a body, as it was meant: nothing is trimmed or folded away.
struct FirmIdOf(crate::gate::FirmId);

impl FirmIdOf {
    fn new(text: &str) -> Result<Self, Problem> {
        let id = firm_id(text)?;
        if id.as_str() != text {
            return Err(Problem::unfit(format!("id: write it as {id}")));
        }
        Ok(Self(id))
    }
}

fn shown(name: &str) -> Result<&str, Problem> {
    let name = name.trim();
    if name.is_empty() || name.chars().any(char::is_control) {
        return Err(Problem::unfit("name: not empty, and without control characters"));
    }
    Ok(name)
}

fn shown_with_etag(firm: &Row) -> impl axum::response::IntoResponse {
    ([(ETAG, tag(firm))], Json(Firm::of(firm)))
}

/// Of all that is shown: what looks alike is alike.
fn tag(firm: &Row) -> String {
    etag::of(&views::json(&Firm::of(firm)).to_string())
}
