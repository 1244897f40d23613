//! placeholder

pub mod portal;
