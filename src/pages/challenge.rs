//! `challenge`, `challenge/sms`, `challenge/verify`: one question, and every way to answer it.

use axum::extract::Request;
use axum::response::Response;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use serde_json::json;

use super::challenge_page::{Problem, Wait, challenge_page};
use super::desk::{Crossing, Desk};
use super::enroll_passkey::first_enrolment;
use super::layout::{json, retry_after, see_other};
use super::moment::seconds_until;
use super::passkey;
use super::refusal::Stop;
use super::{CHALLENGE, Told, place};
use crate::access::{Destination, Entry, LiveSession, browser_in_words};
use crate::clock::Timestamp;
use crate::factors::challenge::{Opening, SmsOutcome, Verdict, View};
use crate::factors::push::{Asked, PushSent};
use crate::sessions::Level;
use crate::vault::Vault;

type Answer = Result<http::Response<Bytes>, Stop>;

/// Seconds after which a provider that was down is worth asking again.
const A_WHILE: u64 = 60;

/// GET `challenge`.
pub(super) async fn show(desk: Desk, uri: Uri, headers: HeaderMap) -> Response {
    let next = place::named(&desk.settings.config.portal.rules, &uri, &headers);
    desk.finish(page(&desk, next).await)
}

/// POST `challenge`: a new challenge in place of one that ran out.
pub(super) async fn reopen(desk: Desk, request: Request) -> Response {
    desk.finish(reopened(&desk, request).await)
}

/// POST `challenge/sms`.
pub(super) async fn sms(desk: Desk, request: Request) -> Response {
    desk.finish(sent(&desk, request).await)
}

/// POST `challenge/push`: by a click, or by the page itself where the challenge has just opened (`auto`).
pub(super) async fn push(desk: Desk, request: Request) -> Response {
    desk.finish(pushed(&desk, request).await)
}

/// POST `challenge/verify`.
pub(super) async fn verify(desk: Desk, request: Request) -> Response {
    desk.finish(verified(&desk, request).await)
}

/// `next` is the place that a page of the portal came from by itself.
async fn page(desk: &Desk, next: Option<String>) -> Answer {
    let session = &*match desk.crossing().await? {
        Crossing::Owed(session) => session,
        Crossing::Entered(mut entry) => {
            entry.location = next.unwrap_or(entry.location);
            return Ok(desk.enter(&entry));
        }
        Crossing::Open(onward) => return Ok(see_other(&desk.at_portal(&next.unwrap_or(onward)))),
    };
    if next.is_some() {
        let note = |vault: &mut Vault| {
            vault.deep_link.clone_from(&next);
            true
        };
        desk.door.change_vault(session, desk.now(), note).await?;
        return Ok(see_other(CHALLENGE));
    }
    let opening = desk.door.challenge_for(session, false, desk.now()).await?;
    if let Some(stopped) = desk.not_opened(&opening, session).await? {
        return Ok(stopped);
    }
    let view = desk.view(session).await?;
    if view.nothing_enrolled && may_enrol(session, desk.now()) {
        return Ok(see_other(first_enrolment(session)));
    }
    let status = if view.nothing_enrolled {
        StatusCode::FORBIDDEN
    } else {
        StatusCode::OK
    };
    Ok(desk.challenge(status, session, &view, None))
}

async fn reopened(desk: &Desk, request: Request) -> Answer {
    desk.posted(request).await?;
    let session = &*match desk.crossing().await? {
        Crossing::Owed(session) => session,
        Crossing::Entered(entry) => return Ok(desk.enter(&entry)),
        Crossing::Open(onward) => return Ok(desk.through(&onward)),
    };
    let opening = desk.door.challenge_for(session, true, desk.now()).await?;
    let stopped = desk.not_opened(&opening, session).await?;
    Ok(stopped.unwrap_or_else(|| desk.moved_to("pending", CHALLENGE)))
}

async fn sent(desk: &Desk, request: Request) -> Answer {
    desk.posted(request).await?;
    let session = &*match desk.crossing().await? {
        Crossing::Owed(session) => session,
        Crossing::Entered(entry) => return Ok(desk.enter(&entry)),
        Crossing::Open(onward) => return Ok(desk.through(&onward)),
    };
    let now = desk.now();
    let (status, word, problem) = match desk.door.send_sms(session, now).await? {
        SmsOutcome::Sent(_) => return Ok(desk.moved_to("sent", CHALLENGE)),
        SmsOutcome::Locked { until } => return desk.locked(session, until).await,
        SmsOutcome::Over => return desk.ran_out(session).await,
        SmsOutcome::Limited { until } => {
            let wait = Wait::until(until, now);
            let word = ("limited", Some(wait.seconds));
            (StatusCode::TOO_MANY_REQUESTS, word, Problem::SmsLimit(wait))
        }
        SmsOutcome::Unavailable => (
            StatusCode::SERVICE_UNAVAILABLE,
            ("sms_unavailable", Some(A_WHILE)),
            Problem::SmsDown,
        ),
        SmsOutcome::NoNumber => (StatusCode::FORBIDDEN, ("no_number", None), Problem::NoNumber),
    };
    let view = desk.view(session).await?;
    Ok(desk.problem(status, word, session, &view, problem))
}

async fn pushed(desk: &Desk, request: Request) -> Answer {
    let (_, fields) = desk.posted(request).await?;
    let session = &*match desk.crossing().await? {
        Crossing::Owed(session) => session,
        Crossing::Entered(entry) => return Ok(desk.enter(&entry)),
        Crossing::Open(onward) => return Ok(desk.through(&onward)),
    };
    let asked = if fields.get("auto").is_some() {
        Asked::ByItself
    } else {
        Asked::Clicked
    };
    let now = desk.now();
    let sent = desk.door.send_push(session, asked, desk.whence(), now).await?;
    let (status, word, problem) = match sent {
        // Held: the page goes on offering the button.
        PushSent::Sent | PushSent::Held => return Ok(desk.moved_to("sent", CHALLENGE)),
        PushSent::Over => return desk.ran_out(session).await,
        PushSent::Limited { until } => {
            let wait = Wait::until(until, now);
            let word = ("limited", Some(wait.seconds));
            (StatusCode::TOO_MANY_REQUESTS, word, Problem::AskedTooOften(wait))
        }
        PushSent::NoPhone => (StatusCode::FORBIDDEN, ("no_phone", None), Problem::NoPhone),
    };
    let view = desk.view(session).await?;
    Ok(desk.problem(status, word, session, &view, problem))
}

async fn verified(desk: &Desk, request: Request) -> Answer {
    let agent = request.headers().get(header::USER_AGENT);
    let browser = browser_in_words(agent.and_then(|agent| agent.to_str().ok()).unwrap_or_default());
    let (_, fields) = desk.posted(request).await?;
    let session = &*match desk.crossing().await? {
        Crossing::Owed(session) => session,
        Crossing::Entered(entry) => return Ok(desk.enter(&entry)),
        Crossing::Open(onward) => return Ok(desk.through(&onward)),
    };
    let remember = matches!(fields.get("remember"), Some("yes" | "true" | "on" | "1"));
    let typed = fields.get("token").unwrap_or_default();
    let verdict = match fields.get("passkey").filter(|answer| !answer.is_empty()) {
        Some(answer) => desk.door.verify_passkey(session, answer, desk.now()).await?,
        None => desk.door.verify_token(session, typed, desk.now()).await?,
    };
    desk.door.metrics.factor(word_of(&verdict));
    let (word, problem) = match verdict {
        Verdict::Verified { factor, mut entry } => {
            if remember && let Some(holder) = session.stored.record.level.holder() {
                let (client, now) = (desk.visitor.client, desk.now());
                let device = desk
                    .door
                    .remember(
                        &holder.login,
                        factor,
                        entry.password.as_deref(),
                        &browser,
                        client,
                        now,
                    )
                    .await;
                match device {
                    Ok(cookie) => entry.cookies.extend(cookie),
                    // The way in is open; the device is asked again next time.
                    Err(unknown) => tracing::warn!(%unknown, "a device is not remembered"),
                }
            }
            return Ok(desk.enter(&entry));
        }
        Verdict::MayEnrol => return Ok(desk.moved_to("may_enrol", first_enrolment(session))),
        Verdict::Ended => return Err(desk.sign_in_again()),
        Verdict::Overtaken => return Err(Told::Retry.into()),
        Verdict::Locked { until } => return desk.locked(session, until).await,
        Verdict::RanOut => return desk.ran_out(session).await,
        Verdict::NothingEnrolled => return desk.nothing_enrolled(session).await,
        Verdict::Unavailable => {
            let view = desk.view(session).await?;
            let word = ("provider_unavailable", Some(A_WHILE));
            let status = StatusCode::SERVICE_UNAVAILABLE;
            return Ok(desk.problem(status, word, session, &view, Problem::ProviderDown));
        }
        Verdict::Wrong { left } => ("wrong_token", Problem::wrong(left)),
        Verdict::Expired => ("expired", Problem::Expired),
        Verdict::Used => ("used", Problem::Used),
        Verdict::NotByPasskey(fault) => (passkey::word(fault), Problem::Passkey(passkey::words(fault))),
    };
    let view = desk.view(session).await?;
    let status = desk.unprocessed();
    Ok(desk.problem(status, (word, None), session, &view, problem))
}

impl Desk {
    /// What to answer where there is no challenge to show.
    async fn not_opened(
        &self,
        opening: &Opening,
        session: &LiveSession,
    ) -> Result<Option<http::Response<Bytes>>, Stop> {
        let until = match opening {
            Opening::Open(_) | Opening::RanOut => return Ok(None),
            // Ended or raised since this request came in: the next one is told which.
            Opening::NotOwed => return Err(Told::Retry.into()),
            Opening::Limited { until } => *until,
        };
        let wait = Wait::until(until, self.now());
        let word = ("limited", Some(wait.seconds));
        let view = self.view(session).await?;
        let problem = Problem::AskedTooOften(wait);
        Ok(Some(self.problem(
            StatusCode::TOO_MANY_REQUESTS,
            word,
            session,
            &view,
            problem,
        )))
    }

    async fn view(&self, session: &LiveSession) -> Result<View, Stop> {
        Ok(self.door.challenge_view(session, self.now()).await?)
    }

    fn challenge(
        &self,
        status: StatusCode,
        session: &LiveSession,
        view: &View,
        problem: Option<Problem>,
    ) -> http::Response<Bytes> {
        let csrf = session.token.form_token();
        challenge_page(status, self.portal(), view, &csrf, problem, self.now())
    }

    /// The page with what went wrong, or `word` and the seconds to wait for a script.
    fn problem(
        &self,
        status: StatusCode,
        (word, seconds): (&str, Option<u64>),
        session: &LiveSession,
        view: &View,
        problem: Problem,
    ) -> http::Response<Bytes> {
        let answer = match (self.json, &problem, seconds) {
            (false, ..) => self.challenge(status, session, view, Some(problem)),
            (true, _, Some(seconds)) => json(status, &json!({"error": word, "retry_after": seconds})),
            (true, _, None) => json(status, &json!({"error": word})),
        };
        match seconds {
            Some(seconds) => retry_after(answer, seconds),
            None => answer,
        }
    }

    /// What a token that is not accepted is answered with: a page that was not processed, or 401.
    fn unprocessed(&self) -> StatusCode {
        if self.json {
            StatusCode::UNAUTHORIZED
        } else {
            StatusCode::UNPROCESSABLE_ENTITY
        }
    }

    async fn locked(&self, session: &LiveSession, until: Timestamp) -> Answer {
        let seconds = seconds_until(until, self.now()).max(1);
        let status = StatusCode::TOO_MANY_REQUESTS;
        if self.json {
            let body = json!({"error": "locked", "retry_after": seconds});
            return Ok(retry_after(json(status, &body), seconds));
        }
        let mut view = self.view(session).await?;
        view.locked_until = Some(until);
        Ok(retry_after(self.challenge(status, session, &view, None), seconds))
    }

    async fn ran_out(&self, session: &LiveSession) -> Answer {
        if self.json {
            return Ok(json(self.unprocessed(), &json!({"error": "challenge_expired"})));
        }
        let view = self.view(session).await?;
        if !view.ran_out {
            // It was verified, or replaced, meanwhile: the page that follows knows.
            return Err(Told::Retry.into());
        }
        Ok(self.challenge(self.unprocessed(), session, &view, None))
    }

    async fn nothing_enrolled(&self, session: &LiveSession) -> Answer {
        let status = StatusCode::FORBIDDEN;
        if self.json {
            return Ok(json(status, &json!({"error": "nothing_enrolled"})));
        }
        let view = self.view(session).await?;
        Ok(self.challenge(status, session, &view, None))
    }

    /// Done, and on to another own page.
    fn moved_to(&self, status: &str, location: &str) -> http::Response<Bytes> {
        if self.json {
            return json(StatusCode::OK, &json!({"status": status, "location": location}));
        }
        see_other(location)
    }

    /// Through the door.
    pub(super) fn through(&self, location: &str) -> http::Response<Bytes> {
        self.moved_to("verified", &self.at_portal(location))
    }

    /// Through the door with what was waiting behind it.
    pub(super) fn enter(&self, entry: &Entry) -> http::Response<Bytes> {
        let (location, cookies) = self.way_in(entry, Destination::Portal(entry.location.clone()));
        let mut response = self.moved_to("verified", &location);
        for cookie in cookies {
            match HeaderValue::from_str(&cookie) {
                Ok(value) => drop(response.headers_mut().append(header::SET_COOKIE, value)),
                Err(_) => tracing::warn!("a cookie of the portal's login answer cannot be passed on"),
            }
        }
        response
    }
}

/// Whether a one-time passcode was typed that still lets its holder enrol: they may have closed that page.
fn may_enrol(session: &LiveSession, now: Timestamp) -> bool {
    let level = &session.stored.record.level;
    matches!(level, Level::Password { may_enrol_until: Some(until), .. } if now < *until)
}

/// The label under which a verdict is counted.
fn word_of(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Verified { factor, .. } => factor.as_str(),
        Verdict::MayEnrol => "passcode",
        Verdict::Wrong { .. } => "wrong",
        Verdict::Expired => "expired",
        Verdict::Used => "used",
        Verdict::Locked { .. } => "locked",
        Verdict::RanOut => "ran_out",
        Verdict::Overtaken => "overtaken",
        Verdict::Ended => "ended",
        Verdict::NothingEnrolled => "nothing_enrolled",
        Verdict::Unavailable => "unavailable",
        Verdict::NotByPasskey(_) => "passkey_refused",
    }
}
