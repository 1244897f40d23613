//! `doorstep run`: open, serve, reload, stop.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use pingora::connectors::ConnectorOptions;
use pingora::connectors::http::Connector;
use pingora::listeners::tls::TlsSettings;
use pingora::listeners::{L4BufferSettings, ListenerConfig};
use pingora::proxy::{HttpProxy, http_proxy};
use pingora::server::configuration::ServerConf;
use pingora::server::{ExecutionPhase, RunArgs, Server};
use pingora::services::listening::Service;
use tokio::signal::unix::{SignalKind, signal};

use super::connections::{AtTheDoor, Connections};
use super::door::Door;
use super::entrance::Entrance;
use super::front::Identities;
use super::live::Stop;
use super::ops::OpsHooks;
use super::proxy::{Guarded, Hooks};
use super::start;
use super::upstream::Upstream;
use crate::access::Doorstep;
use crate::config::{Config, Listen};
use crate::{ops, pages};

/// Bytes of buffer for a connection: small, so that ten thousand idle ones cost little.
const READ_BUFFER: usize = 4096;
const WRITE_BUFFER: usize = 1460;
/// Connections to the portal that are kept for reuse.
const KEPT_CONNECTIONS: usize = 512;
/// A connection of HTTP/2 with no open request is closed after so long; HTTP/1's after a minute, by pingora.
const H2_IDLE: Duration = Duration::from_secs(75);
/// How long a stop waits at least, so that a request that was just accepted is counted.
const SETTLE: Duration = Duration::from_millis(50);

/// Runs the gateway until it is told to stop.
///
/// # Errors
/// What could not be opened, and what to do.
pub fn run(config: Config) -> anyhow::Result<()> {
    // One TLS provider in the process; a second call finds it set.
    let _ = rustls::crypto::ring::default_provider().install_default();
    check_free(config.listen.address, "[listen] address")?;
    check_free(config.ops.address, "[ops] address")?;
    if let Some(own) = config.listen.own_listener() {
        check_free(own, "[listen] own_url")?;
    }
    let background = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("background")
        .enable_all()
        .build()
        .context("the operating system gives no threads")?;
    let conf = server_conf(&config);
    let listen = config.listen.clone();
    let ops_address = config.ops.address;
    let ops_token = ops::Token::read(config.ops.token_file.as_deref())?;
    let doorstep = background.block_on(start::open(config))?;
    let upstream = Arc::new(Upstream::default());
    background.block_on(upstream.resolve(&doorstep.settings.load().config.portal.upstream));
    let stop = Arc::new(Stop::default());
    let door = Arc::new(Door {
        door: Arc::clone(&doorstep),
        router: pages::router(Arc::clone(&doorstep)),
        upstream: Arc::clone(&upstream),
        connector: Connector::new(Some(ConnectorOptions::from_server_conf(&conf))),
        stop: Arc::clone(&stop),
        identities: Identities::default(),
    });
    background.spawn(start::keep_up(Arc::clone(&doorstep)));
    background.spawn({
        let doorstep = Arc::clone(&doorstep);
        async move { upstream.keep_resolved(doorstep).await }
    });
    background.spawn(reload_on_hangup(Arc::clone(&doorstep)));

    let mut server = Server::new_with_opt_and_conf(None, conf);
    server.bootstrap();
    let conf = Arc::clone(&server.configuration);
    let ops_app = http_proxy(&conf, OpsHooks(ops::router(Arc::clone(&doorstep), ops_token)));
    let mut ops_service: Service<HttpProxy<OpsHooks>> = Service::new("ops".into(), ops_app);
    ops_service.add_tcp(&ops_address.to_string());
    ops_service.threads = Some(1);
    let ops_handle = server.add_service(ops_service);
    let mut proxy = http_proxy(&conf, Hooks(Arc::clone(&door)));
    let mut options = proxy.server_options.take().unwrap_or_default();
    options.h2_idle_timeout = Some(H2_IDLE);
    proxy.server_options = Some(options);
    let connections = Arc::new(Connections::default());
    let guarded = Guarded {
        proxy: Arc::new(proxy),
        door,
    };
    let entrance = Entrance {
        guarded: Arc::new(guarded),
        connections: Arc::clone(&connections),
    };
    let mut public_service = Service::new("public".into(), entrance);
    public_service.set_connection_filter(Arc::new(AtTheDoor {
        connections,
        doorstep: Arc::clone(&doorstep),
    }));
    public_service.add_listener(public_listener(&listen, listen.address)?);
    if let Some(own) = listen.own_listener() {
        public_service.add_listener(public_listener(&listen, own)?);
    }
    let public_handle = server.add_service(public_service);
    public_handle.add_dependency(&ops_handle);

    announce(listen.address, ops_address, Arc::clone(&doorstep));
    stop_when_told(&server, stop, listen.drain);
    server.run(RunArgs::default());
    Ok(())
}

fn server_conf(config: &Config) -> ServerConf {
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get);
    ServerConf {
        threads,
        work_stealing: false,
        grace_period_seconds: Some(config.listen.drain.as_secs().max(1)),
        graceful_shutdown_timeout_seconds: Some(1),
        upstream_keepalive_pool_size: KEPT_CONNECTIONS,
        ca_file: config
            .portal
            .upstream
            .ca
            .as_deref()
            .map(|path| path.display().to_string()),
        ..ServerConf::default()
    }
}

fn public_listener(listen: &Listen, address: SocketAddr) -> anyhow::Result<ListenerConfig> {
    let mut listener =
        ListenerConfig::tcp(address.to_string()).l4_buffer(L4BufferSettings::new(READ_BUFFER, WRITE_BUFFER));
    if let Some(tls) = &listen.tls {
        let path = |path: &Path| path.display().to_string();
        let mut settings = TlsSettings::intermediate(&path(&tls.certificate), &path(&tls.key))
            .map_err(|error| anyhow::anyhow!("[listen] tls: {error}"))?;
        settings.enable_h2();
        listener = listener.tls(settings);
    }
    Ok(listener)
}

/// Fails early and in words where an address is taken; pingora would only panic later.
fn check_free(address: SocketAddr, key: &str) -> anyhow::Result<()> {
    TcpListener::bind(address)
        .map(drop)
        .with_context(|| format!("{key}: {address} cannot be listened on; is something else running there?"))
}

/// Logs `listening` when both listeners answer, and lets `/readyz` say so.
fn announce(public: SocketAddr, ops: SocketAddr, door: Arc<Doorstep>) {
    std::thread::spawn(move || {
        for address in [ops, public] {
            let reachable = SocketAddr::new(
                match address.ip() {
                    ip if ip.is_unspecified() && ip.is_ipv4() => std::net::Ipv4Addr::LOCALHOST.into(),
                    ip if ip.is_unspecified() => std::net::Ipv6Addr::LOCALHOST.into(),
                    ip => ip,
                },
                address.port(),
            );
            while TcpStream::connect_timeout(&reachable, Duration::from_secs(1)).is_err() {
                std::thread::sleep(Duration::from_millis(10));
            }
        }
        door.metrics.note_listening();
        tracing::info!(%public, %ops, "listening");
    });
}

/// After SIGTERM: streams are closed, requests in flight finish within `drain`, and the process ends as
/// soon as nothing is open.
fn stop_when_told(server: &Server, stop: Arc<Stop>, drain: Duration) {
    let mut phases = server.watch_execution_phase();
    std::thread::spawn(move || {
        loop {
            match phases.blocking_recv() {
                Ok(ExecutionPhase::GracefulTerminate) => break,
                Ok(_) | Err(tokio::sync::broadcast::error::RecvError::Lagged(_)) => {}
                Err(tokio::sync::broadcast::error::RecvError::Closed) => return,
            }
        }
        stop.begin();
        let began = Instant::now();
        tracing::info!(open = stop.open(), "stopping");
        while began.elapsed() < SETTLE || (stop.open() > 0 && began.elapsed() < drain) {
            std::thread::sleep(Duration::from_millis(10));
        }
        tracing::info!(open = stop.open(), "stopped");
        std::process::exit(0);
    });
}

/// SIGHUP: the file is read anew; an invalid one is refused, and the old one stays.
async fn reload_on_hangup(door: Arc<Doorstep>) {
    let Ok(mut hangups) = signal(SignalKind::hangup()) else {
        tracing::error!("SIGHUP cannot be listened for: no reload without a restart");
        return;
    };
    while hangups.recv().await.is_some() {
        let file = door.settings.load().config.file.clone();
        match reload(&door, &file) {
            Ok(restart) if restart.is_empty() => tracing::info!(file = %file.display(), "reloaded"),
            Ok(restart) => tracing::warn!(
                file = %file.display(),
                "reloaded, but a change of {} needs a restart: the old value holds until then",
                restart.join(", ")
            ),
            Err(why) => {
                tracing::error!(file = %file.display(), "not reloaded, the old configuration stays: {why:#}");
            }
        }
    }
}

/// Reads the file anew. Which sections changed that need a restart: theirs stay as they were.
fn reload(door: &Doorstep, file: &Path) -> anyhow::Result<Vec<&'static str>> {
    let old = door.settings.load();
    let mut new = Config::read(file)?;
    let restart = old.config.restart_needed(&new);
    new.listen.address = old.config.listen.address;
    new.listen.public_url = old.config.listen.public_url.clone();
    new.listen.own_url = old.config.listen.own_url.clone();
    new.listen.own_address = old.config.listen.own_address;
    new.listen.tls = old.config.listen.tls.clone();
    new.listen.drain = old.config.listen.drain;
    new.ops = old.config.ops.clone();
    new.directory.url = old.config.directory.url.clone();
    new.sessions.store = old.config.sessions.store.clone();
    let settings = start::settings(new)?;
    door.store.bound(settings.config.limits.bounds.store);
    door.settings.store(Arc::new(settings));
    Ok(restart)
}
