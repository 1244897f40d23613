//! `doorstep learn`: watches one wrong and one right login, and writes the `[portal]` section.
//!
//! In the order in which what was seen passes through:
//!
//! - [`scrub`]: takes passwords and tokens out of a request and its answer, before anything is kept.
//! - [`tape`] and [`har`]: the two recorders, live and from a browser's export; both make [`Exchange`]s.
//! - [`attempts`]: which of them are logins, and which of those the portal accepted.
//! - [`criterion`]: what tells the two answers apart, judged by the gateway's own matchers; [`rule`]: the login's rule.
//! - [`cookies`], [`pages`], [`assets`], [`logout`], [`told`]: the rest of the section.
//! - [`varying`]: what would be another word for somebody else, or at another address.
//! - [`section`]: its text. [`proof`]: the text, read and tried by what the gateway itself is made of.
//! - [`recipes`]: applications that are known.
//!
//! All of it is pure but for the recorders' input.

mod analysis;
mod assets;
mod attempts;
mod cookies;
mod criterion;
mod exchange;
mod forms;
mod har;
mod known;
mod logout;
mod named;
mod names;
mod pages;
mod place;
mod proof;
mod recipes;
mod rule;
mod says;
mod scrub;
mod section;
mod tape;
mod told;
mod varying;
mod warnings;

pub use analysis::{Learned, Unlearned, learn};
pub use attempts::{Progress, progress};
pub use exchange::{Exchange, Recording};
pub use har::{HarError, read as read_har};
pub use scrub::{Raw, RawAnswer, is_read};
pub use tape::Tape;

#[cfg(test)]
mod tests;
