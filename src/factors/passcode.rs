//! The one-time passcode that a reset prints: `XXXX-XXXX-XXXX-XXXX`. It leads to enrolment only.

/// How long a typed passcode lets its holder enrol.
pub const ENROLMENT: std::time::Duration = std::time::Duration::from_secs(15 * 60);

/// Whether this, freed of spaces and dashes, has a passcode's shape: sixteen ASCII letters and digits. No
/// other token is that long.
pub fn has_shape(plain: &str) -> bool {
    plain.len() == 16 && plain.bytes().all(|byte| byte.is_ascii_alphanumeric())
}
