//! The admin API against a real directory.

mod document;
mod firms;
mod owned;
mod people;
mod refusals;
mod scim;
mod scim_search;
mod scim_shapes;
mod twice;
pub(crate) mod world;
