//! Bodies that are looked through as they stream: longer than what is read, or of a portal that takes a field for a
//! login on every page.

use std::borrow::Cow;

use pingora::proxy::Session;

use super::arrival::Arrival;
use super::door::Classed;
use crate::gate::Route;
use crate::gate::route::class_long;
use crate::gate::scan::Scan;

impl Classed {
    /// A request whose head settles its class.
    pub(super) fn by_head(session: &Session, arrival: &Arrival, route: Route, has_body: bool) -> Self {
        let rules = &arrival.settings.config.portal.rules;
        let fields: Vec<String> = rules.fields_everywhere().map(Cow::into_owned).collect();
        let headers = &session.req_header().headers;
        Self {
            route,
            body: None,
            form: None,
            scan: match has_body && !fields.is_empty() {
                true => Scan::of(headers, fields, false),
                false => None,
            },
        }
    }

    /// A request whose body says that it is longer than what is read, if it may stream all the same.
    pub(super) fn unread(session: &Session, arrival: &Arrival, limit: usize) -> Option<Self> {
        let headers = &session.req_header().headers;
        let length = headers.get(http::header::CONTENT_LENGTH)?.to_str().ok()?;
        if length.parse::<usize>().ok()? <= limit {
            return None;
        }
        let rules = &arrival.settings.config.portal.rules;
        let (route, fields) = class_long(rules, &arrival.method, &arrival.target)?;
        Some(Self {
            route,
            body: None,
            form: None,
            scan: match fields.is_empty() {
                true => None,
                false => Scan::of(headers, fields, true),
            },
        })
    }
}
