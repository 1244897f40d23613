//! One suite, run against SQLite and against a real PostgreSQL.

mod accounts;
mod attempts;
mod chain;
mod copies;
mod firms;
mod import;
mod once;
mod people;
pub(crate) mod place;
mod rest;
mod roster;
mod scim;
