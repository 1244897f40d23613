//! The factors, one file each, and the challenge that they race in.
//!
//! A session that owes a factor is read anew from store and directory for each step ([`waiting`]). The page
//! shows its [`challenge`]; [`send`] sends a token, [`push`] a request to phones, which [`push_answer`]
//! judges and [`collect`] turns into the way in; [`verify`] judges what was typed ([`normalise`]) by
//! [`passcode`], [`totp`] and [`sms`], in this order, and at last by providers ([`vendor`]). [`confirm`] judges
//! a token in the form of a change. [`passkey`] asks passkeys and judges what they sign, [`passkey_enrolment`] what
//! is to become one.

pub mod browser;
pub mod challenge;
pub mod collect;
pub mod confirm;
mod guards;
pub mod normalise;
pub mod passcode;
pub mod passkey;
mod passkey_confirm;
pub mod passkey_enrolment;
pub mod phone_token;
pub mod push;
pub mod push_answer;
mod push_follow;
mod push_vendor;
mod recovery;
pub mod send;
pub mod sms;
pub mod totp;
mod vendor;
pub mod verify;
mod waiting;
mod whence;

pub use self::push_follow::Following;
pub use self::whence::Whence;

#[cfg(test)]
pub mod authenticator;
#[cfg(test)]
mod tests;
