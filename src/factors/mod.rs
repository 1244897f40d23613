//! The factors, one file each, and the challenge that they race in.

pub mod challenge;
