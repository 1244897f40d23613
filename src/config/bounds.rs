//! `[limits]`, as far as it bounds what strangers can hold of the gateway itself: connections, heads, bodies,
//! sessions in which nobody has signed in.

use std::time::Duration;

use toml::Spanned;

use super::duration::{parse_limit, parse_positive_duration, show_duration};
use super::reader::Reader;
use super::text::{LimitsText, Text};
use crate::sessions::{Limit, StoreBounds};

/// What strangers may hold of the gateway.
#[derive(Clone, Debug)]
pub struct Bounds {
    /// Connections open at once.
    pub connections: u32,
    /// Those of one address (IPv6: of one /64). Loopback and trusted proxies are not counted.
    pub connections_per_address: u32,
    /// From the first byte of a request's head until it is whole.
    pub header_timeout: Duration,
    /// Bytes of a head.
    pub header_bytes: usize,
    /// Lines of a head, cookies of HTTP/2 aside.
    pub header_lines: usize,
    /// A body that is read whole before anything is done with it.
    pub body_timeout: Duration,
    /// Bytes that must come in any window while a body is streamed.
    pub slowest_body: Limit,
    /// How long a browser may take nothing of its answer.
    pub send_timeout: Duration,
    /// How long the portal may take to begin an answer, logins aside.
    pub answer_timeout: Duration,
    /// Sessions that begin at one address (IPv6: at one /64) with nobody signed in.
    pub new_sessions_per_address: Limit,
    /// What the store in memory keeps at most.
    pub store: StoreBounds,
}

/// As a configuration that says nothing has it.
impl Default for Bounds {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self {
            connections: 20_000,
            connections_per_address: 2_000,
            header_timeout: seconds(20),
            header_bytes: 65_536,
            header_lines: 128,
            body_timeout: seconds(20),
            slowest_body: Limit {
                count: 6_000,
                window: seconds(60),
            },
            send_timeout: seconds(60),
            answer_timeout: seconds(600),
            new_sessions_per_address: Limit {
                count: 1_000,
                window: seconds(600),
            },
            store: StoreBounds::default(),
        }
    }
}

/// Reads the keys of `[limits]` that bound what strangers may hold.
pub(super) fn bounds(reader: &mut Reader<'_>, text: &LimitsText) -> Option<Bounds> {
    const MANY: std::ops::RangeInclusive<u64> = 1..=10_000_000;
    let usual = Bounds::default();
    let mut number = |name: &str, given: Option<&Spanned<u64>>, default: usize, range| {
        let read = reader.number(name, given, default as u64, range)?;
        usize::try_from(read).ok()
    };
    let default = usual.connections as usize;
    let connections = number("connections", text.connections.as_ref(), default, MANY);
    let given = text.connections_per_address.as_ref();
    let default = usual.connections_per_address as usize;
    let connections_per_address = number("connections_per_address", given, default, MANY);
    let given = text.header_bytes.as_ref();
    let header_bytes = number("header_bytes", given, usual.header_bytes, 1_024..=1_000_000);
    // pingora itself reads no more than 256.
    let given = text.header_lines.as_ref();
    let header_lines = number("header_lines", given, usual.header_lines, 16..=256);
    let given = text.anonymous_sessions.as_ref();
    let anonymous = number("anonymous_sessions", given, usual.store.anonymous, MANY);
    let given = text.anonymous_sessions_per_address.as_ref();
    let default = usual.store.anonymous_per_address;
    let anonymous_per_address = number("anonymous_sessions_per_address", given, default, MANY);
    let counted = number(
        "counted",
        text.counted.as_ref(),
        usual.store.counted,
        100..=10_000_000,
    );
    let mut duration =
        |given: &Option<Text>, default| reader.value_or(given.as_ref(), default, parse_positive_duration);
    let header_timeout = duration(&text.header_timeout, usual.header_timeout);
    let body_timeout = duration(&text.body_timeout, usual.body_timeout);
    let send_timeout = duration(&text.send_timeout, usual.send_timeout);
    let answer_timeout = duration(&text.answer_timeout, usual.answer_timeout);
    let slowest_body = reader.value_or(text.slowest_body.as_ref(), usual.slowest_body, parse_limit);
    let begun = text.new_sessions_per_address.as_ref();
    let new_sessions_per_address = reader.value_or(begun, usual.new_sessions_per_address, parse_limit);
    Some(Bounds {
        connections: u32::try_from(connections?).ok()?,
        connections_per_address: u32::try_from(connections_per_address?).ok()?,
        header_timeout: header_timeout?,
        header_bytes: header_bytes?,
        header_lines: header_lines?,
        body_timeout: body_timeout?,
        slowest_body: slowest_body?,
        send_timeout: send_timeout?,
        answer_timeout: answer_timeout?,
        new_sessions_per_address: new_sessions_per_address?,
        store: StoreBounds {
            anonymous: anonymous?,
            anonymous_per_address: anonymous_per_address?,
            counted: counted?,
        },
    })
}

impl Bounds {
    /// In words, for `check`.
    pub(super) fn in_words(&self) -> Vec<String> {
        let begun = self.new_sessions_per_address;
        vec![
            format!(
                "At most {} connections are open at once, {} of them from one address (loopback and trusted \
                 proxies aside); one more is closed at once.",
                self.connections, self.connections_per_address
            ),
            format!(
                "A request's head has {} to be whole, and at most {} bytes and {} lines; more is answered 431. A \
                 login or a form of doorstep's own has {} for its body; a longer upload ends where fewer than {} \
                 bytes come in {}, and an answer where the browser takes nothing for {}. The portal has {} to begin \
                 an answer (504 past that); one that has begun may take as long as it likes.",
                show_duration(self.header_timeout),
                self.header_bytes,
                self.header_lines,
                show_duration(self.body_timeout),
                self.slowest_body.count,
                show_duration(self.slowest_body.window),
                show_duration(self.send_timeout),
                show_duration(self.answer_timeout),
            ),
            format!(
                "From one address {} sessions can begin in {} with nobody signed in; past that doorstep keeps \
                 neither deep link nor cookie for a newcomer. The store in memory keeps {} such sessions, {} of \
                 one address, and forgets the oldest first; it counts {} addresses and names at once.",
                begun.count,
                show_duration(begun.window),
                self.store.anonymous,
                self.store.anonymous_per_address,
                self.store.counted,
            ),
        ]
    }
}
