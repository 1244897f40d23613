//! Stories of the challenge over a real directory and a real store.

mod challenges;
mod confirmations;
mod locks;
mod pushes;
mod providers;
mod races;
mod sends;
mod verdicts;
mod world;
