//! From where somebody signs in, as their phone shows it: for people to recognise, never for a decision.

/// A browser, and the place it is at where somebody trusted has named one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Whence<'a> {
    /// The browser, roughly.
    pub browser: &'a str,
    /// The place, as a trusted proxy names it.
    pub place: Option<&'a str>,
}

impl<'a> From<&'a str> for Whence<'a> {
    fn from(browser: &'a str) -> Self {
        Self { browser, place: None }
    }
}

impl Whence<'_> {
    /// The address, with the place behind it.
    pub(super) fn address(&self, address: std::net::IpAddr) -> String {
        let address = address.to_canonical();
        match self.place {
            Some(place) => format!("{address} ({place})"),
            None => address.to_string(),
        }
    }
}
