//! Keys and tokens: types that redact themselves, are wiped when dropped, and compare in constant time.

mod keyring;
mod redacted;
#[cfg(test)]
mod redaction_tests;
mod session_token;

pub use keyring::{KeyRing, KeyRingError, Purpose};
pub use redacted::Redacted;
pub use session_token::{SessionId, SessionToken};

use ring::rand::{SecureRandom, SystemRandom};

/// `N` random bytes from the operating system.
///
/// # Panics
/// Where the operating system has no randomness to give: nothing safe can be done without it.
pub fn random_bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0_u8; N];
    SystemRandom::new()
        .fill(&mut bytes)
        .expect("the operating system's random source answers");
    bytes
}

/// A random public identifier of 128 bits, as 32 hexadecimal digits. Not a secret.
pub fn random_id() -> String {
    hex(&random_bytes::<16>())
}

/// Lower-case hexadecimal digits of `bytes`.
pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
}
