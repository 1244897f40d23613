//! The admin API against a real directory.

mod document;
mod firms;
mod people;
mod refusals;
mod twice;
mod world;
