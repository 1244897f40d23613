//! `[[portal.exempt]]`: machine clients that cannot do a second factor. A hole, and as narrow as it gets: no
//! session, no vault, no own page; its own Authorization as it was sent.

use http::HeaderMap;
use pingora::proxy::Session;

use super::arrival::Arrival;
use super::door::Door;
use crate::access::{Unknown, Who};
use crate::gate::Route;
use crate::gate::rules::Exempt;

/// The header that carries a client token.
pub(super) const CLIENT_TOKEN: &str = "doorstep-client-token";

impl Door {
    /// The exempt entry under which a request passes, if one does. Whoever brings a session of doorstep's is
    /// no machine client.
    pub(super) async fn exempted(
        &self,
        session: &Session,
        arrival: &Arrival,
        who: &Who,
        route: Route,
    ) -> Result<bool, Unknown> {
        let rules = &arrival.settings.config.portal.rules;
        if rules.exempt.is_empty() || route != Route::Protected || !matches!(who, Who::Nobody) {
            return Ok(false);
        }
        if !arrival.target.is_plain() || arrival.is_upgrade {
            return Ok(false);
        }
        let path = arrival.target.path();
        for entry in rules
            .exempt
            .iter()
            .filter(|entry| entry.names(&arrival.method, path, arrival.client))
        {
            let Some(client) = self.client_of(entry, &session.req_header().headers).await? else {
                continue;
            };
            self.door
                .note_exempt(entry.path.as_str(), client.as_deref(), arrival.client)
                .await?;
            self.door.metrics.exempted();
            return Ok(true);
        }
        Ok(false)
    }

    /// `None`: the entry asks for a token, and this is none. `Some(None)`: it asks for none.
    #[allow(clippy::option_option)]
    async fn client_of(
        &self,
        entry: &Exempt,
        headers: &HeaderMap,
    ) -> Result<Option<Option<String>>, Unknown> {
        if !entry.token {
            return Ok(Some(None));
        }
        let mut tokens = headers.get_all(CLIENT_TOKEN).iter();
        let (Some(token), None) = (tokens.next().and_then(|token| token.to_str().ok()), tokens.next()) else {
            return Ok(None);
        };
        let client = self
            .door
            .directory
            .client_of_token(token, self.door.now())
            .await?;
        Ok(client.map(Some))
    }
}
