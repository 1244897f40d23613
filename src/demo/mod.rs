//! The demo: a sample portal, the gateway before it, and its people's phones, in one process on loopback.

mod phones;
pub mod portal;
mod seed;
mod settings;
mod story;
mod workspace;

use std::io::Write as _;
use std::net::{Ipv4Addr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use axum::Router;
use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{SignalKind, signal};

use crate::clock::{Clock, SystemClock};
use crate::config::Config;
use crate::directory::Directory;
use crate::secret::KeyRing;

use phones::Phones;
use portal::{PortalApp, portal_router};
use seed::Person;
use story::Addresses;
use workspace::Workspace;

/// The gateway's port where nothing else was asked for, if it is free.
const USUAL_PORT: u16 = 8080;

/// How long the gateway may take to end: its `drain` and a little.
const LONGEST_END: Duration = Duration::from_secs(3);

/// What may be asked of the demo.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// The gateway's port; `None`: 8080, or any free one.
    pub port: Option<u16>,
    /// Print one JSON object in place of the story.
    pub json: bool,
}

/// Plays until SIGTERM or SIGINT, then removes what it made.
///
/// # Errors
/// Where a port is taken, the folder cannot be made, or the gateway does not start.
pub fn run(options: Options) -> anyhow::Result<()> {
    let workspace = Arc::new(Workspace::new()?);
    let is_up = Arc::new(AtomicBool::new(false));
    let beside = Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()?;
    beside.spawn(clear_up_when_told(workspace.clone(), is_up.clone()));
    let keys = Arc::new(KeyRing::create(&workspace.join(settings::KEYS))?);
    let (portal, phones) = (listener(0)?, listener(0)?);
    let addresses = addresses(&options, &portal, &phones)?;
    let file = workspace.join(settings::CONFIG);
    std::fs::write(
        &file,
        settings::text(addresses.gateway, addresses.portal, addresses.ops),
    )?;
    let config = Config::read(&file)?;

    let people: Arc<[Person]> = seed::people()?.into();
    let directory = beside.block_on(fill(&config, keys, &people))?;
    serve(
        &beside,
        portal,
        portal_router(PortalApp::new(seed::accounts(&people))),
    )?;
    let router = phones::router(Phones {
        people: people.clone(),
        directory,
        messages: workspace.join(settings::MESSAGES),
        clock: Arc::new(SystemClock),
        addresses,
    });
    serve(&beside, phones, router)?;
    beside.spawn(tell(addresses, people, options.json, is_up));
    let outcome = crate::edge::run(config);
    beside.shutdown_timeout(Duration::from_millis(500));
    outcome
}

/// Opens the directory that the configuration names and puts everybody in.
async fn fill(config: &Config, keys: Arc<KeyRing>, people: &[Person]) -> anyhow::Result<Directory> {
    let directory = Directory::open(config.directory.url.reveal(), keys).await?;
    seed::fill(&directory, people, SystemClock.now()).await?;
    Ok(directory)
}

/// Prints the story as soon as the gateway takes connections, so that nobody is sent to a closed door.
async fn tell(addresses: Addresses, people: Arc<[Person]>, json: bool, is_up: Arc<AtomicBool>) {
    while tokio::net::TcpStream::connect(addresses.gateway).await.is_err() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    is_up.store(true, Ordering::Release);
    let story = if json {
        format!("{}\n", addresses.json(&people))
    } else {
        addresses.text(&people)
    };
    // Nobody may be reading; the demo goes on all the same.
    let mut out = std::io::stdout();
    let _ = out.write_all(story.as_bytes()).and_then(|()| out.flush());
}

/// Removes what was made when a signal comes. The gateway ends the process by itself; where it is not up
/// yet, or where a terminal was closed, which it takes for a reload, this does.
async fn clear_up_when_told(workspace: Arc<Workspace>, is_up: Arc<AtomicBool>) {
    let signals = [
        SignalKind::interrupt(),
        SignalKind::terminate(),
        SignalKind::hangup(),
    ]
    .map(signal);
    let [Ok(mut interrupt), Ok(mut terminate), Ok(mut hangup)] = signals else {
        return;
    };
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
        _ = hangup.recv() => {}
    }
    workspace.remove();
    if is_up.load(Ordering::Acquire) {
        tokio::time::sleep(LONGEST_END).await;
    }
    std::process::exit(0);
}

fn serve(beside: &Runtime, listener: TcpListener, router: Router) -> anyhow::Result<()> {
    listener.set_nonblocking(true)?;
    let _inside = beside.enter();
    let listener = tokio::net::TcpListener::from_std(listener)?;
    beside.spawn(async move { axum::serve(listener, router).await });
    Ok(())
}

fn listener(port: u16) -> anyhow::Result<TcpListener> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).with_context(|| format!("port {port} on 127.0.0.1"))
}

/// Where everything is. The gateway binds its own two ports a moment later.
fn addresses(options: &Options, portal: &TcpListener, phones: &TcpListener) -> anyhow::Result<Addresses> {
    let gateway = match options.port {
        Some(port) => listener(port)?,
        None => listener(USUAL_PORT).or_else(|_| listener(0))?,
    };
    // Both are held until both are known, or they could be one.
    let ops = listener(0)?;
    Ok(Addresses {
        gateway: gateway.local_addr()?,
        phones: phones.local_addr()?,
        portal: portal.local_addr()?,
        ops: ops.local_addr()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_port_is_refused_where_it_was_asked_for() {
        let taken = listener(0).unwrap();
        let port = taken.local_addr().unwrap().port();
        let asked = Options {
            port: Some(port),
            json: false,
        };
        let refused = addresses(&asked, &taken, &taken).unwrap_err();
        assert!(format!("{refused:#}").contains(&port.to_string()), "{refused:#}");
        let found = addresses(&Options::default(), &taken, &taken).unwrap();
        assert!(found.gateway.ip().is_loopback());
        assert_ne!(found.gateway.port(), found.ops.port());
    }
}
