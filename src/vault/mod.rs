//! The vault (I3): the portal's own cookies, kept from the browser, sealed under its session token.

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::gate::Glob;
use crate::secret::SessionToken;

/// What a session holds, opened.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Vault {
    /// The jar of login pages and logins; after an accepted login: the portal session itself.
    pub main: Jar,
    /// The jar of all other public routes while nobody has signed in.
    pub public: Jar,
    /// Where the browser wanted to go: path and query.
    pub deep_link: Option<String>,
    /// What of a login's answer waits for the second factor (I5).
    pub waiting: Option<Waiting>,
}

/// What of a withheld answer is released after the second factor.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waiting {
    /// Where the portal's answer pointed: path and query within the portal.
    pub location: Option<String>,
    /// Its `pass_cookies`, as Set-Cookie values for the browser.
    pub cookies: Vec<String>,
}

/// Cookies, kept as a browser keeps them (RFC 6265 5.3, 5.4).
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Jar {}

#[allow(unused_variables)]
impl Vault {
    /// Opens a sealed vault; an empty one for no bytes. `None` where it was sealed under another token.
    pub fn open(token: &SessionToken, sealed: &[u8]) -> Option<Self> {
        unimplemented!()
    }
    /// Seals it.
    pub fn seal(&self, token: &SessionToken) -> Vec<u8> {
        unimplemented!()
    }
}

#[allow(unused_variables)]
impl Jar {
    /// Takes Set-Cookie lines of an answer to a request of `path` in: set, replaced or deleted as a browser
    /// would, in their order. `hosts` are the names under which the portal may set a `Domain`. Whether anything changed.
    pub fn store(&mut self, set_cookies: &[String], path: &str, hosts: &[&str]) -> bool {
        unimplemented!()
    }
    /// The value of the Cookie header for a request of `path`; longest path first. `None`: no cookie fits.
    pub fn header(&self, path: &str) -> Option<String> {
        unimplemented!()
    }
    /// Whether it holds a live cookie of this name, whatever its path.
    pub fn holds(&self, name: &str) -> bool {
        unimplemented!()
    }
    /// Whether any live cookie has exactly this value (sessions in the path).
    pub fn holds_value(&self, value: &str) -> bool {
        unimplemented!()
    }
    /// Whether it holds nothing.
    pub fn is_empty(&self) -> bool {
        unimplemented!()
    }
}

/// An answer's Set-Cookie lines, parted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parted {
    /// For the vault, as they came.
    pub kept: Vec<String>,
    /// For the browser: host-only, otherwise as they came.
    pub passed: Vec<String>,
}

/// Parts an answer's Set-Cookie lines: those whose name one of `pass` matches go to the browser, all
/// others into the vault. Doorstep's own names (in any spelling a browser could confuse) are dropped.
#[allow(unused_variables)]
pub fn part(set_cookies: &[&[u8]], pass: &[Glob]) -> Parted {
    unimplemented!()
}

/// A browser's Cookie headers, split. Values stay byte for byte what they were.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BrowserCookies {
    /// Name and value in the order they came.
    pub pairs: Vec<(String, String)>,
}

#[allow(unused_variables)]
impl BrowserCookies {
    /// Splits Cookie headers (RFC 6265 5.4, leniently as servers do).
    pub fn split<'a>(headers: impl Iterator<Item = &'a [u8]>) -> Self {
        unimplemented!()
    }
    /// The one value of this name; `None` where there is none or more than one ("twice: neither counts").
    pub fn only(&self, name: &str) -> Option<&str> {
        unimplemented!()
    }
    /// What goes up: those that `pass` names, that are not Doorstep's own, and that the jar does not hold;
    /// then the jar's for `path`. `None`: no Cookie header at all.
    pub fn upstream(&self, pass: &[Glob], jar: Option<&Jar>, path: &str) -> Option<String> {
        unimplemented!()
    }
}

#[allow(dead_code)]
fn _unused(_: Timestamp) {}
