//! A password was accepted, by whichever door: the phones of whoever owes a factor are asked at once.

use http::header::USER_AGENT;
use pingora::proxy::Session;

use super::arrival::Arrival;
use super::door::Door;
use crate::factors::Whence;
use crate::factors::browser::browser;
use crate::secret::SessionToken;

impl Door {
    /// Opens the challenge of the new session and alerts phones, where there are any. Nobody waits for a
    /// provider, and what fails is offered again by the challenge page.
    pub(super) async fn alert(&self, session: &Session, arrival: &Arrival, token: &SessionToken) {
        let agent = session.get_header(USER_AGENT);
        let browser = browser(agent.and_then(|agent| agent.to_str().ok()).unwrap_or_default());
        let from = Whence {
            browser: &browser,
            place: arrival.place.as_deref(),
        };
        self.door.alert(token, from, self.door.now()).await;
    }
}
