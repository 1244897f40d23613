//! doorstep: a second factor in front of a portal that cannot be changed.
//!
//! The modules in the order in which a request meets them:
//!
//! - [`edge`]: all that knows pingora. Refuses what is ambiguous, strips what is spoofed, makes the
//!   login exchange, forwards, and carries own addresses to [`pages`].
//! - [`gate`]: pure. Path classes, login rules, the verdict of a login, policy, and `decide`.
//! - [`access`]: what happens to a session when a login is accepted, a factor verified, a logout asked.
//! - [`vault`]: the portal's own cookies, kept from the browser and sealed under its session token.
//! - [`sessions`]: the session store (memory, Redis): sessions, open challenges, limits.
//! - [`directory`]: firms, employees, factors, what is spent, audit: SQL and nothing else.
//! - [`factors`]: one file per factor, and the challenge that they race in.
//! - [`providers`]: one file per outside service that delivers tokens.
//! - [`pages`]: what people see below `/.doorstep/`.
//! - [`ops`]: health, metrics and the admin API, on an address of their own.
//! - [`tell`]: what leaves doorstep about what happened: notices to people, the audit to a SIEM.
//! - [`views`]: firms, people, sessions and the audit as every JSON of doorstep shows them.
//! - [`config`]: the configuration file, its check, and what it means in words.
//! - [`cli`]: one file per group of commands.
//! - [`demo`]: a sample portal and the phones of its people.
//! - [`secret`], [`clock`]: keys and tokens that redact themselves; the time, passed in.
#![forbid(unsafe_code)]

pub mod access;
pub mod cli;
pub mod clock;
pub mod config;
pub mod demo;
pub mod directory;
pub mod edge;
pub mod factors;
#[cfg(any(test, fuzzing))]
pub mod fuzz;
pub mod gate;
pub mod learn;
pub mod ops;
pub mod pages;
pub mod providers;
pub mod secret;
pub mod sessions;
pub mod tell;
pub mod vault;
pub mod views;
