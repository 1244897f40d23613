//! The ops address: the same bridge, another router. Served by pingora, so that a takeover carries it along.

use std::time::Duration;

use async_trait::async_trait;
use axum::Router;
use http::Extensions;
use pingora::proxy::{ProxyHttp, Session};
use pingora::upstreams::peer::HttpPeer;
use pingora::{Error, ErrorType, Result};

use super::hygiene::{HeadSize, check_raw_head};
use super::{answer, own};
use crate::ops::{BODY_LIMIT, Peer, refusal};

/// How long a request's body may take.
const BODY_TIME: Duration = Duration::from_secs(20);

/// Serves a router, and forwards nothing.
pub struct OpsHooks(pub Router);

#[async_trait]
impl ProxyHttp for OpsHooks {
    type CTX = ();

    fn new_ctx(&self) {}

    async fn request_filter(&self, session: &mut Session, _ctx: &mut ()) -> Result<bool> {
        let raw = session.as_downstream().to_h1_raw();
        match check_raw_head(&raw, HeadSize::default()) {
            Ok(_) => {
                let mut known = Extensions::new();
                let peer = session.client_addr().and_then(|address| address.as_inet());
                if let Some(peer) = peer {
                    known.insert(Peer(peer.ip()));
                }
                let served = own::serve_knowing(session, &self.0, known, BODY_LIMIT, BODY_TIME).await?;
                if let Err(refused) = served {
                    let (status, words) = refused.said();
                    session.set_keepalive(None);
                    answer::write(session, refusal(status, words)).await?;
                    own::let_finish(session, refused).await;
                }
            }
            Err(unclean) => answer::refuse(session, unclean).await?,
        }
        Ok(true)
    }

    async fn upstream_peer(&self, _session: &mut Session, _ctx: &mut ()) -> Result<Box<HttpPeer>> {
        Err(Error::explain(
            ErrorType::InternalError,
            "the ops address forwards nothing",
        ))
    }
}
