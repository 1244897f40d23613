//! `resume`: a form that comes when its session has run out is kept, and sent once when its employee, signed in
//! again, says so (DESIGN section 3, "An interrupted request").

use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, ORIGIN, REFERER, SET_COOKIE};
use http::{HeaderMap, HeaderValue, Method};
use pingora::http::RequestHeader;
use pingora::proxy::Session;

use super::answer;
use super::arrival::Arrival;
use super::door::{Broken, Classed, Door, Step};
use super::exchange::strip_hop_by_hop;
use super::forward::watch;
use super::own;
use super::passage::Passage;
use crate::access::{INTERRUPTED, KEPT_FOR, LiveSession, Who};
use crate::gate::body::FormBody;
use crate::gate::{Asker, Credentials, HeadClass, Route, class_body, class_head};
use crate::pages::{self, is_of_own_page};
use crate::vault::Interrupted;

/// The longest body that is kept.
const LONGEST: usize = 64 * 1024;
/// The longest address of the page that sent it.
const LONGEST_REFERER: usize = 2048;
/// The field by which the page that offers it has it sent: `doorstep_resume=TOKEN` and nothing else.
const FIELD: &str = pages::RESUME_FIELD;

/// What a forwarded POST turned out to be.
pub(super) enum Resumed {
    /// The word to send what was kept: it was done.
    Done(Step),
    /// Something else, with its body where that was read.
    No(Option<Bytes>),
}

impl Door {
    /// Keeps a form that is about to be refused, where it is its sender's own and it can be told whose.
    pub(super) async fn keep_interrupted(
        &self,
        session: &mut Session,
        arrival: &mut Arrival,
        who: &Who,
        classed: &Classed,
    ) -> Result<(), Broken> {
        let headers = &session.req_header().headers;
        let config = &arrival.settings.config;
        let may = may_be_kept(arrival, classed.route)
            && !headers.contains_key(CONTENT_ENCODING)
            && is_of_own_page(headers, &config.listen.public_url);
        if !may {
            return Ok(());
        }
        let now = self.door.now();
        let Some(owner) = self
            .door
            .owner_of_interrupted(who, arrival.token().as_ref(), now)
            .await?
        else {
            return Ok(());
        };
        let target = arrival.target.path_and_query().to_owned();
        let content_type = only_text(headers, &CONTENT_TYPE);
        let public = format!("{}/", config.listen.public_url);
        let referer = only_text(headers, &REFERER);
        let referer = referer.filter(|from| from.starts_with(&public) && from.len() <= LONGEST_REFERER);
        let body = match &classed.body {
            Some(body) => body.clone(),
            None => match own::read_body(session, LONGEST, config.limits.bounds.body_timeout).await? {
                Ok(body) => body,
                Err(_) => {
                    // The rest of it is still to come.
                    session.set_keepalive(None);
                    return Ok(());
                }
            },
        };
        if body.len() > LONGEST {
            return Ok(());
        }
        let mut interrupted = Interrupted::new(owner, target, &body, now.plus(KEPT_FOR));
        interrupted.content_type = content_type;
        interrupted.referer = referer;
        let kept = self
            .door
            .keep_interrupted(who, &interrupted, arrival.client, now)
            .await?;
        arrival.collected.extend(kept.flatten());
        Ok(())
    }

    /// Sends what was kept, where a POST of the page that offers it says so.
    pub(super) async fn resumed(
        &self,
        session: &mut Session,
        arrival: &Arrival,
        who: &Who,
        classed: &Classed,
    ) -> Result<Resumed, Broken> {
        let (Who::Session(live), true) = (who, may_be_kept(arrival, classed.route)) else {
            return Ok(Resumed::No(classed.body.clone()));
        };
        let expected = format!("{FIELD}={}", live.token.offer_token());
        let headers = &session.req_header().headers;
        let length = only_text(headers, &CONTENT_LENGTH);
        let is_own = is_of_own_page(headers, &arrival.settings.config.listen.public_url);
        if !is_own || length != Some(expected.len().to_string()) {
            return Ok(Resumed::No(classed.body.clone()));
        }
        let body = match &classed.body {
            Some(body) => body.clone(),
            None => {
                let time = arrival.settings.config.limits.bounds.body_timeout;
                match own::read_body(session, expected.len(), time).await? {
                    Ok(body) => body,
                    Err(refused) => {
                        own::refuse_body(session, refused).await?;
                        return Ok(Resumed::Done(Step::Answered));
                    }
                }
            }
        };
        let given = std::str::from_utf8(&body).ok();
        let given = given.and_then(|text| text.strip_prefix(FIELD)?.strip_prefix('='));
        if !given.is_some_and(|given| live.token.is_offer_token(given)) {
            return Ok(Resumed::No(Some(body)));
        }
        let taken = self.door.take_interrupted(live, self.door.now()).await?;
        let taken = taken.filter(|taken| taken.target == arrival.target.path_and_query());
        let Some(taken) = taken else {
            // It was sent before, or has become too old.
            answer::see_other(session, INTERRUPTED).await?;
            return Ok(Resumed::Done(Step::Answered));
        };
        Box::pin(self.send_kept(session, arrival, live, taken))
            .await
            .map(Resumed::Done)
    }

    async fn send_kept(
        &self,
        session: &mut Session,
        arrival: &Arrival,
        live: &LiveSession,
        kept: Interrupted,
    ) -> Result<Step, Broken> {
        let mut head = session.req_header().clone();
        strip_hop_by_hop(&mut head)?;
        describe(
            &mut head,
            &kept,
            &arrival.settings.config.listen.public_url.to_string(),
        )?;
        let body = Bytes::from(kept.body());
        if class_of(arrival, &head.headers, &body) != Route::Protected {
            return self.show_fields(session, arrival, &kept, &[]).await;
        }
        let who = Who::Session(Box::new(live.clone()));
        let passage = Passage::new(arrival.clone(), who, Route::Protected, Credentials::Vault)?;
        if let Some(live) = passage.watched() {
            watch(live, passage.route, arrival.client);
        }
        passage.prepare(&mut head)?;
        let config = &arrival.settings.config;
        let time = config.limits.bounds.answer_timeout;
        let mut exchange = match self.exchange(config, head, body, time).await {
            Ok(exchange) => exchange,
            Err(error) => {
                self.door.metrics.portal_down();
                tracing::warn!(request_id = arrival.request_id, error = ?error.etype(), "the portal does not answer");
                return self.show_fields(session, arrival, &kept, &[]).await;
            }
        };
        passage.conclude(&self.door, &mut exchange.head).await?;
        if exchange.head.status.is_client_error() || exchange.head.status.is_server_error() {
            let cookies: Vec<HeaderValue> = exchange
                .head
                .headers
                .get_all(SET_COOKIE)
                .iter()
                .cloned()
                .collect();
            exchange.finish().await;
            return self.show_fields(session, arrival, &kept, &cookies).await;
        }
        exchange.step_up(arrival).stream(session).await?;
        Ok(Step::Answered)
    }

    /// The portal did not take it: what it held, for copying.
    async fn show_fields(
        &self,
        session: &mut Session,
        arrival: &Arrival,
        kept: &Interrupted,
        cookies: &[HeaderValue],
    ) -> Result<Step, Broken> {
        let mut page = pages::not_taken(&arrival.settings.config.portal.name, kept);
        for cookie in cookies {
            page.headers_mut().append(SET_COOKIE, cookie.clone());
        }
        answer::write(session, page).await?;
        Ok(Step::Answered)
    }
}

/// Whether a request is a form for a page whose forms are kept.
fn may_be_kept(arrival: &Arrival, route: Route) -> bool {
    let resume = &arrival.settings.config.portal.rules.resume;
    route == Route::Protected
        && arrival.method == Method::POST
        && arrival.asker == Asker::Page
        && !arrival.is_upgrade
        && resume.iter().any(|glob| glob.matches(arrival.target.path()))
}

/// The class that the kept request has now, with its own body.
fn class_of(arrival: &Arrival, headers: &HeaderMap, body: &Bytes) -> Route {
    let rules = &arrival.settings.config.portal.rules;
    match class_head(rules, &Method::POST, &arrival.target) {
        HeadClass::Settled(route) => route,
        HeadClass::NeedsBody { .. } => {
            let form = FormBody::read(headers, body);
            class_body(rules, &Method::POST, &arrival.target, form.as_ref())
        }
    }
}

/// Puts what the kept request said of itself in place of what the offer's form said.
fn describe(head: &mut RequestHeader, kept: &Interrupted, public: &str) -> pingora::Result<()> {
    head.remove_header(&CONTENT_TYPE);
    if let Some(content_type) = &kept.content_type {
        head.insert_header(CONTENT_TYPE, content_type.as_str())?;
    }
    head.insert_header(ORIGIN, public)?;
    let referer = kept
        .referer
        .clone()
        .unwrap_or_else(|| format!("{public}{}", kept.target));
    head.insert_header(REFERER, referer)
}

fn only_text(headers: &HeaderMap, name: &http::HeaderName) -> Option<String> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?.to_str().ok()?;
    values.next().is_none().then(|| value.to_owned())
}
