//! Own pages over a real directory and store: one gateway, one firm that asks, three of its people.

mod admin;
mod callbacks;
mod changes;
mod crossing;
mod devices;
mod enrolment;
pub mod gallery;
mod hand_over;
mod lost_phone;
mod passkeys;
mod recovery;
mod refusals;
mod watching;
mod world;

use world::{Sent, World};
