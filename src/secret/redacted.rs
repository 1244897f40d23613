//! A value that never shows itself in logs.

use std::fmt;

use zeroize::Zeroize;

/// Holds a secret: `Debug` says only that there is one, and the memory is wiped when it is dropped.
#[derive(Clone)]
pub struct Redacted<T: Zeroize>(T);

impl<T: Zeroize> Redacted<T> {
    /// Takes a secret in.
    pub fn new(secret: T) -> Self {
        Self(secret)
    }

    /// The secret itself. Named so that each use can be found.
    pub fn reveal(&self) -> &T {
        &self.0
    }
}

impl<T: Zeroize> Drop for Redacted<T> {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl<T: Zeroize> fmt::Debug for Redacted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

impl<T: Zeroize> From<T> for Redacted<T> {
    fn from(secret: T) -> Self {
        Self(secret)
    }
}
