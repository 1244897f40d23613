//! What a token may do. A handler names its scope in its signature, as the type of its caller: there is no
//! handler without one.

use std::marker::PhantomData;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::StatusCode;
use axum::http::request::Parts;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::problem::Problem;
use crate::directory::Actor;

/// One thing that a token may do. Write does not include read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
pub enum Scope {
    /// Firms and their policy.
    #[serde(rename = "firms:read")]
    FirmsRead,
    /// Adding and changing firms, the flag, break-glass.
    #[serde(rename = "firms:write")]
    FirmsWrite,
    /// Employees, their factors and devices.
    #[serde(rename = "employees:read")]
    EmployeesRead,
    /// Adding, changing and removing employees and factors; reset, unlock, sign out.
    #[serde(rename = "employees:write")]
    EmployeesWrite,
    /// Live sessions.
    #[serde(rename = "sessions:read")]
    SessionsRead,
    /// Ending sessions.
    #[serde(rename = "sessions:write")]
    SessionsWrite,
    /// Which tokens there are.
    #[serde(rename = "tokens:read")]
    TokensRead,
    /// Making, rotating and removing tokens, with no scope that the maker has not.
    #[serde(rename = "tokens:write")]
    TokensWrite,
    /// The audit and the reports made from it.
    #[serde(rename = "audit:read")]
    AuditRead,
    /// All of `/scim/v2`.
    #[serde(rename = "scim")]
    Scim,
    /// `/metrics`.
    #[serde(rename = "metrics")]
    Metrics,
}

impl Scope {
    /// All there are.
    pub const ALL: [Self; 11] = [
        Self::FirmsRead,
        Self::FirmsWrite,
        Self::EmployeesRead,
        Self::EmployeesWrite,
        Self::SessionsRead,
        Self::SessionsWrite,
        Self::TokensRead,
        Self::TokensWrite,
        Self::AuditRead,
        Self::Scim,
        Self::Metrics,
    ];

    /// The word in JSON and in the directory.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::FirmsRead => "firms:read",
            Self::FirmsWrite => "firms:write",
            Self::EmployeesRead => "employees:read",
            Self::EmployeesWrite => "employees:write",
            Self::SessionsRead => "sessions:read",
            Self::SessionsWrite => "sessions:write",
            Self::TokensRead => "tokens:read",
            Self::TokensWrite => "tokens:write",
            Self::AuditRead => "audit:read",
            Self::Scim => "scim",
            Self::Metrics => "metrics",
        }
    }

    /// The scope that this word names; a word that an older or newer doorstep wrote names none.
    pub fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.as_str() == word)
    }
}

/// Who presented a good token; put on the request by `token::require`.
#[derive(Clone, Debug)]
pub struct Bearer {
    /// The token's id; empty for that of the token file.
    pub id: String,
    /// What it may do.
    pub scopes: Vec<Scope>,
    /// For the audit.
    pub actor: Actor,
}

/// A scope as a type.
pub trait Needs: Send + Sync + 'static {
    /// The scope.
    const SCOPE: Scope;
}

/// Who asks, and may: their token has the scope `S`.
pub struct Caller<S> {
    /// The token.
    pub bearer: Arc<Bearer>,
    scope: PhantomData<S>,
}

impl<S> Caller<S> {
    /// For the audit.
    pub fn actor(&self) -> &Actor {
        &self.bearer.actor
    }
}

impl<S: Needs, T: Send + Sync> FromRequestParts<T> for Caller<S> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &T) -> Result<Self, Problem> {
        let bearer = parts.extensions.get::<Arc<Bearer>>();
        // `require` stands before every handler; without it nobody may do anything.
        let Some(bearer) = bearer else {
            return Err(Problem::new(StatusCode::UNAUTHORIZED, "send a bearer token"));
        };
        if !bearer.scopes.contains(&S::SCOPE) {
            return Err(Problem::new(
                StatusCode::FORBIDDEN,
                format!("this token has not the scope {}", S::SCOPE.as_str()),
            ));
        }
        Ok(Self {
            bearer: Arc::clone(bearer),
            scope: PhantomData,
        })
    }
}

macro_rules! scopes {
    ($($name:ident)*) => {
        /// Scopes as types, for [`Caller`].
        pub mod may {
            use super::{Needs, Scope};
            $(
                #[doc = concat!("See [`Scope::", stringify!($name), "`].")]
                pub struct $name;
                impl Needs for $name {
                    const SCOPE: Scope = Scope::$name;
                }
            )*
        }
    };
}
scopes! { FirmsRead FirmsWrite EmployeesRead EmployeesWrite SessionsRead SessionsWrite TokensRead TokensWrite AuditRead Scim Metrics }
