//! The way to the portal: one function makes the peer for forwarded requests and for the exchange alike.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use pingora::protocols::ALPN;
use pingora::upstreams::peer::HttpPeer;
use pingora::{Error, ErrorType};

use super::lines::Lines;
use crate::config;

/// How long a connection to the portal may take to be made.
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long an unused connection to the portal is kept.
pub const IDLE_TIMEOUT: Duration = Duration::from_secs(30);
/// How often the portal's name is looked up anew.
const RESOLVE_EVERY: Duration = Duration::from_secs(10);

/// Where the portal is now: its name, looked up in the background.
#[derive(Debug, Default)]
pub struct Upstream {
    address: ArcSwapOption<SocketAddr>,
    /// The connections to it.
    pub lines: Arc<Lines>,
}

impl Upstream {
    /// Looks the portal's name up; an old address is kept where the look-up fails.
    pub async fn resolve(&self, upstream: &config::Upstream) {
        let host = upstream
            .origin
            .host()
            .trim_start_matches('[')
            .trim_end_matches(']')
            .to_owned();
        match tokio::net::lookup_host((host.as_str(), upstream.origin.port())).await {
            Ok(mut addresses) => {
                if let Some(address) = addresses.next() {
                    self.address.store(Some(Arc::new(address)));
                }
            }
            Err(error) => tracing::warn!(%error, host, "the portal's name cannot be looked up"),
        }
    }

    /// Looks the name up for ever.
    pub async fn keep_resolved(&self, door: Arc<crate::access::Doorstep>) {
        loop {
            tokio::time::sleep(RESOLVE_EVERY).await;
            let upstream = door.settings.load().config.portal.upstream.clone();
            self.resolve(&upstream).await;
        }
    }

    /// Makes a peer whose connection is neither taken from the pool nor found there by others: for upgrades.
    /// On a pooled connection the first WebSocket was now and then cut right after its 101 (seen with pingora
    /// 0.9.1, most likely by the watcher of the idle connection that was just taken out).
    pub fn make_unshared(peer: &mut HttpPeer) {
        static COUNT: AtomicU64 = AtomicU64::new(1);
        peer.group_key = COUNT.fetch_add(1, Ordering::Relaxed);
    }

    /// The peer to connect to.
    ///
    /// # Errors
    /// Where the portal's name was never resolved, or its CA file cannot be read.
    pub fn peer(&self, upstream: &config::Upstream) -> pingora::Result<HttpPeer> {
        let address = self.address.load_full().ok_or_else(|| {
            Error::explain(ErrorType::ConnectError, "the portal's name cannot be looked up")
        })?;
        let host = upstream.origin.host();
        let mut peer = HttpPeer::new(*address, upstream.origin.is_secure(), host.to_owned());
        let options = &mut peer.options;
        options.alpn = ALPN::H1;
        options.connection_timeout = Some(CONNECT_TIMEOUT);
        options.total_connection_timeout = Some(CONNECT_TIMEOUT * 2);
        options.idle_timeout = Some(IDLE_TIMEOUT);
        options.custom_l4 = Some(self.lines.clone());
        Ok(peer)
    }
}
