//! The demo: a sample portal, the gateway before it, and its people's phones, in one process on loopback.

mod phones;
pub mod portal;
mod seed;
mod settings;
mod story;
mod workspace;

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use axum::Router;
use tokio::runtime::{Builder, Runtime};

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
    let workspace = Workspace::new()?;
    let keys = Arc::new(KeyRing::create(&workspace.join(settings::KEYS))?);
    let (portal, phones) = (listener(0)?, listener(0)?);
    let addresses = Addresses {
        gateway: gateway_address(options.port)?,
        phones: phones.local_addr()?,
        portal: portal.local_addr()?,
        ops: free_address()?,
    };
    let file = workspace.join(settings::CONFIG);
    std::fs::write(
        &file,
        settings::text(addresses.gateway, addresses.portal, addresses.ops),
    )?;
    let config = Config::read(&file)?;

    let people: Arc<[Person]> = seed::people()?.into();
    let beside = Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()?;
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
    beside.spawn(tell(addresses, people, options.json));
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
async fn tell(addresses: Addresses, people: Arc<[Person]>, json: bool) {
    while tokio::net::TcpStream::connect(addresses.gateway).await.is_err() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    if json {
        println!("{}", addresses.json(&people));
    } else {
        print!("{}", addresses.text(&people));
    }
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

/// A port that is free now; the gateway binds it a moment later.
fn free_address() -> anyhow::Result<SocketAddr> {
    Ok(listener(0)?.local_addr()?)
}

fn gateway_address(port: Option<u16>) -> anyhow::Result<SocketAddr> {
    if let Some(port) = port {
        return Ok(listener(port)?.local_addr()?);
    }
    listener(USUAL_PORT)
        .or_else(|_| listener(0))
        .and_then(|listener| Ok(listener.local_addr()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_port_is_refused_where_it_was_asked_for() {
        let taken = listener(0).unwrap();
        let port = taken.local_addr().unwrap().port();
        let refused = gateway_address(Some(port)).unwrap_err();
        assert!(format!("{refused:#}").contains(&port.to_string()), "{refused:#}");
        assert!(gateway_address(None).unwrap().ip().is_loopback());
    }
}
