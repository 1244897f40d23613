//! The audit, its chain, and who passed on a password.

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::directory::{AuditEntry, ChainState, PassedWithoutSecondFactor};

/// A row of the audit.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct AuditRow {
    /// Its place in the chain, from 1.
    pub seq: i64,
    /// When (RFC 3339).
    pub at: String,
    /// What, such as `firm.two_factor_enabled`.
    pub event: String,
    /// Who did it.
    pub actor: String,
    /// From where.
    pub from: String,
    /// Which firm it is about.
    #[schema(required = true)]
    pub firm: Option<String>,
    /// Which employee it is about.
    #[schema(required = true)]
    pub login: Option<String>,
    /// Before and after, without secrets.
    #[schema(value_type = Object)]
    pub details: Value,
    /// SHA-256 of the row before it and of this one.
    pub hash: String,
}

impl AuditRow {
    /// A row as it is shown.
    pub fn of(entry: &AuditEntry) -> Self {
        Self {
            seq: entry.seq,
            at: entry.at.to_string(),
            event: entry.event.clone(),
            actor: entry.actor.clone(),
            from: entry.from.clone(),
            firm: entry.firm.clone(),
            login: entry.login.clone(),
            details: entry.details.clone(),
            hash: entry.hash.clone(),
        }
    }
}

/// Whether the audit's chain holds.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Chain {
    /// Every row carries the hash of the one before it.
    pub holds: bool,
    /// How many rows there are, where it holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub rows: Option<i64>,
    /// The first row that does not fit.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub at: Option<i64>,
    /// What does not fit.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub why: Option<String>,
}

impl Chain {
    /// The chain's state as it is shown.
    pub fn of(state: &ChainState) -> Self {
        match state {
            ChainState::Holds { rows } => Self {
                holds: true,
                rows: Some(*rows),
                at: None,
                why: None,
            },
            ChainState::Broken { at, why } => Self {
                holds: false,
                rows: None,
                at: Some(*at),
                why: Some(why.clone()),
            },
        }
    }
}

/// Somebody who got in on a password alone, and why.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Passed {
    /// When (RFC 3339).
    pub at: String,
    /// Who.
    pub login: String,
    /// Whose.
    #[schema(required = true)]
    pub firm: Option<String>,
    /// `policy_off`, `break_glass`, `network`, `unknown_employee` and so on.
    pub reason: String,
    /// From where.
    pub from: String,
    /// Of a break-glass: who opened it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub opened_by: Option<String>,
    /// Of a break-glass: the reason that they gave.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub because: Option<String>,
}

impl Passed {
    /// A row as it is shown.
    pub fn of(passed: &PassedWithoutSecondFactor) -> Self {
        Self {
            at: passed.at.to_string(),
            login: passed.login.clone(),
            firm: passed.firm.clone(),
            reason: passed.reason.clone(),
            from: passed.from.clone(),
            opened_by: passed.opened_by.clone(),
            because: passed.because.clone(),
        }
    }
}
