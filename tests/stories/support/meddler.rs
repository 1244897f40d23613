//! A connection in the middle that misbehaves when told: between the gateway and whatever it depends on.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::process::free_address;

/// What it does with what comes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mood {
    /// Passes it on.
    Honest,
    /// Closes what is open, and whatever comes.
    Refusing,
    /// Says nothing more, and takes what comes.
    Silent,
    /// Passes it on, after two seconds.
    Slow,
    /// Says something else instead.
    Rubbish,
}

/// The middle, for as long as this lives.
pub struct Meddler {
    /// Where it listens.
    pub address: SocketAddr,
    mood: watch::Sender<Mood>,
    target: Arc<Mutex<SocketAddr>>,
    server: JoinHandle<()>,
}

impl Meddler {
    /// Stands before `target`.
    pub async fn before(target: SocketAddr) -> Self {
        let address = free_address();
        let listener = TcpListener::bind(address).await.unwrap();
        let (mood, watched) = watch::channel(Mood::Honest);
        let target = Arc::new(Mutex::new(target));
        let shared = Arc::clone(&target);
        let server = tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                let target = *shared.lock().unwrap_or_else(PoisonError::into_inner);
                tokio::spawn(between(near, target, watched.clone()));
            }
        });
        Self {
            address,
            mood,
            target,
            server,
        }
    }

    /// From now on it does so.
    pub fn be(&self, mood: Mood) {
        self.mood.send_replace(mood);
    }

    /// New connections lead there from now on, and old ones are closed.
    pub fn lead_to(&self, target: SocketAddr) {
        *self.target.lock().unwrap_or_else(PoisonError::into_inner) = target;
        self.be(Mood::Refusing);
        self.be(Mood::Honest);
    }
}

impl Drop for Meddler {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn between(near: TcpStream, target: SocketAddr, mut mood: watch::Receiver<Mood>) {
    if *mood.borrow_and_update() == Mood::Refusing {
        return;
    }
    let Ok(far) = TcpStream::connect(target).await else {
        return;
    };
    let (mut near_reads, mut near_writes) = near.into_split();
    let (mut far_reads, mut far_writes) = far.into_split();
    let there = async {
        let mut chunk = [0; 16 * 1024];
        while let Ok(length @ 1..) = near_reads.read(&mut chunk).await {
            if far_writes.write_all(&chunk[..length]).await.is_err() {
                break;
            }
        }
    };
    let moods = mood.clone();
    let back = async {
        let mut chunk = [0; 16 * 1024];
        while let Ok(length @ 1..) = far_reads.read(&mut chunk).await {
            let now = *moods.borrow();
            let sent = match now {
                Mood::Honest => near_writes.write_all(&chunk[..length]).await,
                Mood::Refusing => break,
                Mood::Silent => Ok(()),
                Mood::Slow => {
                    tokio::time::sleep(Duration::from_secs(2)).await;
                    near_writes.write_all(&chunk[..length]).await
                }
                Mood::Rubbish => near_writes.write_all(b"\0\xff%%% rubbish \r\n+OK\r\n").await,
            };
            if sent.is_err() {
                break;
            }
        }
    };
    // `lead_to` and `Refusing` close what is open, also where nothing is on its way
    let refused = async {
        while mood.changed().await.is_ok() {
            if *mood.borrow_and_update() == Mood::Refusing {
                return;
            }
        }
    };
    tokio::select! {
        () = there => {}
        () = back => {}
        () = refused => {}
    }
}
