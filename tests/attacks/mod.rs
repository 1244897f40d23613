//! Published ways around gateways and second factors, sent as raw bytes. The portal's recorder is the
//! oracle: whatever the status, nothing protected may reach it.

mod between;
mod factors;
mod framing;
mod guessing;
mod h2;
mod h2_floods;
mod h2_paths;
mod h2_rules;
mod headers;
mod host_and_method;
mod limits;
mod logins;
mod logs;
mod methods;
mod own_pages;
mod paths;
mod pool;
mod servers;
mod sessions;
mod side_calls;
mod states;
mod two_gateways;
mod websockets;

use std::time::Duration;

use futures_util::future::join_all;

use crate::support::portal::SECRET;
use crate::support::raw::{RawAnswer, raw_for};
use crate::support::world::ANNA;
use crate::support::{Browser, StoreKind, World};

/// The gateway under attack: by a stranger, and by somebody who has only the password.
struct Siege {
    world: World,
    /// The attackers' `Cookie` lines: none, and that of a session that owes its factor.
    cookies: [String; 2],
    waiting: Browser,
}

impl Siege {
    async fn lay() -> Self {
        let world = World::new(StoreKind::Memory).await;
        let waiting = world.browser();
        waiting.password(ANNA).await.expect(303);
        let cookies = [
            String::new(),
            format!("Cookie: {}\r\n", waiting.cookie_header("/")),
        ];
        world.portal.take_seen();
        Self {
            world,
            cookies,
            waiting,
        }
    }

    /// The `Host` line that is right.
    fn host(&self) -> String {
        self.world.gateway.address.to_string()
    }

    async fn send(&self, bytes: &[u8]) -> RawAnswer {
        raw_for(self.world.gateway.address, bytes, Duration::from_millis(1200)).await
    }

    /// GETs each target, by each attacker: each must be refused or led to where everybody is led.
    async fn targets<T: AsRef<[u8]>>(&self, targets: &[T]) {
        let asked = targets.iter().flat_map(|target| {
            self.cookies.iter().map(move |cookie| async move {
                let mut bytes = b"GET ".to_vec();
                bytes.extend_from_slice(target.as_ref());
                let host = self.host();
                let rest = format!(
                    " HTTP/1.1\r\nHost: {host}\r\nAccept: text/html\r\nSec-Fetch-Mode: navigate\r\n\
                     Connection: close\r\n{cookie}\r\n"
                );
                bytes.extend_from_slice(rest.as_bytes());
                (target.as_ref(), self.send(&bytes).await)
            })
        });
        for (target, answer) in join_all(asked).await {
            self.assert_shut(&String::from_utf8_lossy(target), &answer);
        }
        self.assert_nothing_came_through();
    }

    /// Sends each piece as it is (with `{host}` and `{cookie}` filled in), by each attacker.
    async fn pieces(&self, pieces: &[(&str, String)]) {
        let sent = pieces.iter().flat_map(|(name, piece)| {
            self.cookies.iter().map(move |cookie| async move {
                let bytes = piece.replace("{host}", &self.host()).replace("{cookie}", cookie);
                (*name, self.send(bytes.as_bytes()).await)
            })
        });
        for (name, answer) in join_all(sent).await {
            self.assert_shut(name, &answer);
        }
        self.assert_nothing_came_through();
    }

    #[track_caller]
    fn assert_shut(&self, what: &str, answer: &RawAnswer) {
        let text = answer.text();
        assert!(!text.contains(SECRET), "{what}: {text}");
        for status in answer.statuses() {
            let shut = matches!(status, 303 | 400..=499 | 501 | 505);
            assert!(shut, "{what}: {status} in {text}");
        }
    }

    #[track_caller]
    fn assert_nothing_came_through(&self) {
        let seen = self.world.portal.protected_seen();
        assert!(seen.is_empty(), "reached the portal: {seen:?}");
    }
}
