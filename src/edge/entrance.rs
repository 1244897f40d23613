//! What a connection meets before its first request: a place among the others, and a pace.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use async_trait::async_trait;
use pingora::apps::ServerApp;
use pingora::protocols::{ALPN, Stream};
use pingora::server::ShutdownWatch;

use super::connections::Connections;
use super::pace::{HeadLimits, PACE, Pace, Paced};
use super::proxy::Guarded;

/// Serves connections.
pub struct Entrance {
    /// Serves their requests.
    pub guarded: Arc<Guarded>,
    /// Counts them.
    pub connections: Arc<Connections>,
}

#[async_trait]
impl ServerApp for Entrance {
    async fn process_new(self: &Arc<Self>, stream: Stream, shutdown: &ShutdownWatch) -> Option<Stream> {
        let address = stream
            .get_socket_digest()
            .and_then(|digest| Some(digest.peer_addr()?.as_inet()?.ip()))
            .unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
        let _permit = self.connections.enter(address);
        let limits = {
            let settings = self.guarded.door.door.settings.load();
            let bounds = &settings.config.limits.bounds;
            HeadLimits {
                time: bounds.header_timeout,
                bytes: bounds.header_bytes,
                is_http2: matches!(stream.selected_alpn_proto(), Some(ALPN::H2)),
            }
        };
        let pace = Arc::new(Pace::default());
        let paced: Stream = Box::new(Paced::new(stream, Arc::clone(&pace), limits));
        PACE.scope(pace, self.guarded.process_new(paced, shutdown)).await
    }

    async fn cleanup(&self) {
        self.guarded.cleanup().await;
    }
}
