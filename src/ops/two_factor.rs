//! `/v1/firms/{id}/two-factor`: the flag, and what switching it means.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;
use utoipa::ToSchema;

use super::input::{Body, Named, at, firm_named};
use super::problem::Problem;
use super::scope::{Caller, may};
use crate::access::Doorstep;
use crate::gate::FirmId;
use crate::sessions::SessionFilter;
use crate::views::Readiness;

/// How the flag is to stand.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Switch {
    /// On or off.
    enabled: bool,
    /// From when it asks: 2026-12-01 (midnight UTC) or RFC 3339; absent: at once.
    from: Option<String>,
    /// Says what it would mean, and changes nothing.
    #[serde(default)]
    dry_run: bool,
    /// Also where people would be shut out.
    #[serde(default)]
    force: bool,
}

/// Switches a firm's second factor on or off. Refused, with the list, while somebody would be shut out.
#[utoipa::path(put, path = "/v1/firms/{id}/two-factor", tag = "firms", request_body = Switch,
    params(("id" = String, Path, description = "The firm's id.")),
    responses((status = 200, description = "Done, or with dry_run what it would mean.", body = Readiness),
        (status = 409, description = "Some have neither a number nor a factor: not_ready.", body = Problem, content_type = "application/problem+json")))]
pub async fn switch(
    caller: Caller<may::FirmsWrite>,
    State(door): State<Arc<Doorstep>>,
    Named(id): Named<String>,
    Body(switch): Body<Switch>,
) -> Result<Response, Problem> {
    let id = firm_named(&id)?;
    let from = switch.from.as_deref().map(|from| at("from", from)).transpose()?;
    if from.is_some() && !switch.enabled {
        return Err(Problem::unfit("from: only with enabled true"));
    }
    // Read before, and not needed: the flag must be switchable while the session store is down.
    let signed_in = signed_in(&door, &id).await;
    let (directory, now) = (&door.directory, door.now());
    let readiness = if switch.dry_run {
        directory.readiness(&id).await?
    } else if switch.enabled {
        directory
            .enable_two_factor(caller.actor(), &id, from, switch.force, now)
            .await?
    } else {
        directory.disable_two_factor(caller.actor(), &id, now).await?;
        directory.readiness(&id).await?
    };
    let enabled = super::firms::find(&door, &id).await?.two_factor.enabled;
    let view = Readiness {
        firm: id.to_string(),
        enabled,
        dry_run: switch.dry_run,
        from: from.map(|from| from.to_string()),
        ready: readiness.ready,
        not_ready: readiness.not_ready,
        signed_in,
    };
    Ok(Json(view).into_response())
}

async fn signed_in(door: &Doorstep, id: &FirmId) -> Option<Vec<String>> {
    let filter = SessionFilter {
        login: None,
        firm: Some(id.clone()),
    };
    let records = door.store.list(&filter, door.now()).await.ok()?;
    let live = records
        .iter()
        .filter(|record| !door.copies.is_ended(record.id.public()).unwrap_or(false));
    let holders = live.filter_map(|record| record.level.holder());
    let logins: BTreeMap<&str, String> = holders
        .map(|holder| (holder.login.folded(), holder.login.to_string()))
        .collect();
    Some(logins.into_values().collect())
}
