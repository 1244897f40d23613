//! The vault (I3): the portal's own cookies, kept from the browser, sealed under its session token.
//!
//! - [`part`] parts an answer's Set-Cookie lines: what the browser gets, what stays here.
//! - [`Jar`] keeps what stays, as a browser would.
//! - [`BrowserCookies`] splits what the browser sends and says what of it goes up.
//! - [`Bound`] tells the credentials that the session's own login brought.
//! - [`Vault`] is all that a session holds, and its seal (I6).
//!
//! Names and values are UTF-8 text and go up byte for byte as they came down. A cookie in another
//! encoding is dropped on both ways: it cannot be carried faithfully in the types around it.

mod bound;
mod browser;
mod interrupted;
mod jar;
mod name;
mod part;
mod sealed;
mod undo;

pub use bound::{Bound, Credential};
pub use browser::BrowserCookies;
pub use interrupted::Interrupted;
pub use jar::{Changes, Jar};
pub use name::is_own as is_own_cookie;
pub use part::{Parted, part};
pub use sealed::{Vault, Waiting};
pub use undo::{Undo, Undos};
