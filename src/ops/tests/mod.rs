//! The admin API against a real directory.

mod document;
mod firms;
mod owned;
mod people;
mod refusals;
mod scim;
mod twice;
pub(crate) mod world;
