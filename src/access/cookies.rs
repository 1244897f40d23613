//! Doorstep's own cookie (DESIGN section 7): made by the cookie crate, never by hand.

use cookie::{Cookie, SameSite};

use super::Doorstep;
use crate::config::Origin;
use crate::secret::SessionToken;

/// The session cookie's names: for https, and for a plain-http loopback address.
pub const SESSION_NAMES: [&str; 2] = ["__Host-doorstep", "doorstep"];

/// The remembered device's names: for https, and for a plain-http loopback address.
pub const DEVICE_NAMES: [&str; 2] = ["__Host-doorstep-device", "doorstep-device"];

/// The session cookie's name for this public address.
pub fn session_cookie_name(public: &Origin) -> &'static str {
    let [secure, plain] = SESSION_NAMES;
    if public.is_secure() { secure } else { plain }
}

impl Doorstep {
    /// The Set-Cookie value that hands a token to the browser.
    pub fn session_cookie(&self, token: &SessionToken) -> String {
        self.own_cookie(token.cookie_value()).build().to_string()
    }

    /// The Set-Cookie value that takes the token back.
    pub fn clear_session_cookie(&self) -> String {
        self.own_cookie(String::new()).removal().build().to_string()
    }

    fn own_cookie(&self, value: String) -> cookie::CookieBuilder<'static> {
        let settings = self.settings.load();
        let public = &settings.config.listen.public_url;
        Cookie::build((session_cookie_name(public), value))
            .path("/")
            .http_only(true)
            .same_site(SameSite::Lax)
            .secure(public.is_secure())
    }
}
