//! A password was accepted, by whichever door: the phones of whoever owes a factor are asked at once.

use http::header::USER_AGENT;
use pingora::proxy::Session;

use super::door::Door;
use crate::factors::browser::browser;
use crate::secret::SessionToken;

impl Door {
    /// Opens the challenge of the new session and alerts phones, where there are any. Nobody waits for a
    /// provider, and what fails is offered again by the challenge page.
    pub(super) async fn alert(&self, session: &Session, token: &SessionToken) {
        let agent = session.get_header(USER_AGENT);
        let browser = browser(agent.and_then(|agent| agent.to_str().ok()).unwrap_or_default());
        self.door.alert(token, &browser, self.door.now()).await;
    }
}
