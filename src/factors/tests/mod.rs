//! Stories of the challenge over a real directory and a real store.

mod challenges;
mod clocks;
mod confirmations;
mod crowds;
mod guards;
mod locks;
mod machine;
mod passkeys;
mod provider_pushes;
mod providers;
mod pushes;
mod races;
mod recovery;
mod sends;
mod steps;
mod toggles;
mod verdicts;
mod world;
