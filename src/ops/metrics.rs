//! What is counted. No label ever holds a login, a token or an address (I12): each has a few fixed values.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse as _, Response};
use prometheus::{IntCounter, IntCounterVec, Opts, Registry, TextEncoder};

use super::drift::Drift;
use super::scope::{Caller, may};
use crate::access::{Doorstep, Unknown};
use crate::gate::{Credentials, Refusal, Route, Verdict};

/// The counters of one gateway.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    requests: [IntCounter; OUTCOMES.len()],
    refused: IntCounterVec,
    logins: IntCounterVec,
    factors: IntCounterVec,
    unknown: IntCounterVec,
    portal_down: IntCounter,
    drifts: IntCounterVec,
    probes: IntCounterVec,
    exempted: IntCounter,
    /// What the portal does that its rules do not say.
    pub drift: Drift,
    listening: AtomicBool,
}

/// How a request was decided; resolved once, so that counting is one addition.
const OUTCOMES: [&str; 7] = [
    "own",
    "forwarded",
    "forwarded_anonymous",
    "login",
    "logout",
    "sign_in",
    "refused",
];

impl Metrics {
    /// New counters, all at zero.
    ///
    /// # Panics
    /// Never: names and labels are fixed here and well formed.
    pub fn new() -> Self {
        let registry = Registry::new();
        let family = |name: &str, help: &str, label: &str| {
            let counters = IntCounterVec::new(Opts::new(name, help), &[label])
                .expect("the names of metrics are well formed");
            registry
                .register(Box::new(counters.clone()))
                .expect("each metric is registered once");
            counters
        };
        let requests = family(
            "doorstep_requests_total",
            "Requests, by how they were decided.",
            "outcome",
        );
        let refused = family(
            "doorstep_refused_heads_total",
            "Requests refused unread.",
            "reason",
        );
        let logins = family(
            "doorstep_logins_total",
            "Logins sent by browsers, by what became of them.",
            "outcome",
        );
        let factors = family(
            "doorstep_factor_attempts_total",
            "Typed tokens, by verdict.",
            "verdict",
        );
        let unknown = family(
            "doorstep_unknown_total",
            "Look-ups that could not be answered.",
            "source",
        );
        let portal_down = IntCounter::new(
            "doorstep_portal_down_total",
            "Requests the portal did not answer.",
        )
        .expect("the names of metrics are well formed");
        registry
            .register(Box::new(portal_down.clone()))
            .expect("each metric is registered once");
        let drifts = family(
            "doorstep_portal_drift_total",
            "What the portal's rules do not say.",
            "reason",
        );
        let probes = family(
            "doorstep_who_am_i_total",
            "Who-am-I probes, by what the portal said.",
            "answer",
        );
        let exempted = IntCounter::new(
            "doorstep_exempt_total",
            "Requests of machine clients that need no second factor.",
        )
        .expect("the names of metrics are well formed");
        registry
            .register(Box::new(exempted.clone()))
            .expect("each metric is registered once");
        Self {
            drifts,
            probes,
            exempted,
            drift: Drift::default(),
            requests: OUTCOMES.map(|outcome| requests.with_label_values(&[outcome])),
            registry,
            refused,
            logins,
            factors,
            unknown,
            portal_down,
            listening: AtomicBool::new(false),
        }
    }

    /// Counts a decision.
    pub fn decided(&self, _route: Route, verdict: &Verdict) {
        let [own, forwarded, anonymous, login, logout, sign_in, refused] = &self.requests;
        match verdict {
            Verdict::Own => own,
            Verdict::Forward(Credentials::Vault, _) => forwarded,
            Verdict::Forward(..) => anonymous,
            Verdict::Login(_) => login,
            Verdict::Logout => logout,
            Verdict::Refuse(Refusal::SignIn) => sign_in,
            Verdict::Refuse(_) => refused,
        }
        .inc();
    }

    /// Counts a request that was refused before it was classed.
    pub fn refused(&self, reason: &'static str) {
        self.refused.with_label_values(&[reason]).inc();
    }

    /// Counts a login.
    pub fn login(&self, outcome: &'static str) {
        self.logins.with_label_values(&[outcome]).inc();
    }

    /// Counts a typed token.
    pub fn factor(&self, verdict: &'static str) {
        self.factors.with_label_values(&[verdict]).inc();
    }

    /// Counts a look-up that could not be answered.
    pub fn unknown(&self, unknown: &Unknown) {
        let source = match unknown {
            Unknown::Store(_) => "store",
            Unknown::Directory(_) => "directory",
        };
        self.unknown.with_label_values(&[source]).inc();
    }

    /// Counts a request that the portal did not answer.
    pub fn portal_down(&self) {
        self.portal_down.inc();
    }

    /// Counts what the portal's rules do not say.
    pub fn drifted(&self, reason: &'static str) {
        self.drifts.with_label_values(&[reason]).inc();
    }

    /// Counts a who-am-I probe.
    pub fn probed(&self, answer: &'static str) {
        self.probes.with_label_values(&[answer]).inc();
    }

    /// Counts a machine client's request.
    pub fn exempted(&self) {
        self.exempted.inc();
    }

    /// The public listener is open.
    pub fn note_listening(&self) {
        self.listening.store(true, Ordering::SeqCst);
    }

    /// Whether the public listener is open.
    pub fn is_listening(&self) -> bool {
        self.listening.load(Ordering::SeqCst)
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

/// `GET /metrics`, in Prometheus' text format.
pub async fn show(_: Caller<may::Metrics>, State(door): State<Arc<Doorstep>>) -> Response {
    let text = TextEncoder::new()
        .encode_to_string(&door.metrics.registry.gather())
        .unwrap_or_default();
    ([(CONTENT_TYPE, "text/plain; version=0.0.4")], text).into_response()
}
