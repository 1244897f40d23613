//! How many connections are open, in all and for each address: one too many is closed before it costs anything.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use ipnet::IpNet;
use pingora::listeners::ConnectionFilter;

use crate::access::Doorstep;
use crate::config::Config;

/// A connection whose TLS handshake has not come to an end may still become one for so long: pingora gives a
/// handshake as much.
const HANDSHAKE: Duration = Duration::from_secs(60);

/// The connections of the public listener.
#[derive(Default)]
pub struct Connections(Mutex<Hall>);

#[derive(Default)]
struct Hall {
    /// Open ones and handshakes that may be under way.
    inside: usize,
    guests: HashMap<Network, Guest>,
}

/// The connections of one network.
#[derive(Default)]
struct Guest {
    open: usize,
    /// When handshakes began of which nothing was heard since, the oldest first.
    knocks: VecDeque<Instant>,
}

/// An IPv4 address or an IPv6 /64.
type Network = (bool, u64);

/// An open connection, until it is dropped.
pub struct Permit {
    connections: Arc<Connections>,
    network: Network,
}

/// What may be open at once.
#[derive(Clone, Copy, Debug)]
pub struct Most {
    /// In all.
    pub in_all: usize,
    /// Of one network.
    pub per_network: usize,
}

impl Most {
    /// For an address: those of this machine and of trusted proxies bring many people.
    fn of(config: &Config, address: IpAddr) -> Self {
        let bounds = &config.limits.bounds;
        let trusted: &[IpNet] = &config.listen.trusted_proxies;
        let brings_many = address.is_loopback() || trusted.iter().any(|network| network.contains(&address));
        let per_network = if brings_many {
            usize::MAX
        } else {
            bounds.connections_per_address as usize
        };
        Self {
            in_all: bounds.connections as usize,
            per_network,
        }
    }
}

impl Connections {
    /// A connection wants to begin. Whether there is room; where there is, the place is kept for it.
    pub fn knock(&self, address: IpAddr, most: Most, now: Instant) -> bool {
        let mut hall = self.lock();
        let network = network(address);
        hall.forget_old_knocks(network, now);
        if hall.inside >= most.in_all {
            hall.forget_all_old_knocks(now);
        }
        let theirs = hall.guests.get(&network).map_or(0, Guest::count);
        if hall.inside >= most.in_all || theirs >= most.per_network {
            return false;
        }
        hall.inside += 1;
        hall.guests.entry(network).or_default().knocks.push_back(now);
        true
    }

    /// It has begun: its place becomes its own.
    pub fn enter(self: &Arc<Self>, address: IpAddr) -> Permit {
        let network = network(address);
        let mut hall = self.lock();
        let guest = hall.guests.entry(network).or_default();
        guest.open += 1;
        if guest.knocks.pop_front().is_none() {
            hall.inside += 1;
        }
        Permit {
            connections: Arc::clone(self),
            network,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Hall> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Hall {
    fn forget_old_knocks(&mut self, network: Network, now: Instant) {
        let Some(guest) = self.guests.get_mut(&network) else {
            return;
        };
        self.inside = self.inside.saturating_sub(guest.forget_old_knocks(now));
        if guest.count() == 0 {
            self.guests.remove(&network);
        }
    }

    fn forget_all_old_knocks(&mut self, now: Instant) {
        let mut gone = 0;
        self.guests.retain(|_, guest| {
            gone += guest.forget_old_knocks(now);
            guest.count() > 0
        });
        self.inside = self.inside.saturating_sub(gone);
    }
}

impl Guest {
    fn count(&self) -> usize {
        self.open + self.knocks.len()
    }

    fn forget_old_knocks(&mut self, now: Instant) -> usize {
        let before = self.knocks.len();
        while self
            .knocks
            .front()
            .is_some_and(|knock| now.saturating_duration_since(*knock) >= HANDSHAKE)
        {
            self.knocks.pop_front();
        }
        before - self.knocks.len()
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut hall = self.connections.lock();
        hall.inside = hall.inside.saturating_sub(1);
        if let Some(guest) = hall.guests.get_mut(&self.network) {
            guest.open = guest.open.saturating_sub(1);
            if guest.count() == 0 {
                hall.guests.remove(&self.network);
            }
        }
    }
}

fn network(address: IpAddr) -> Network {
    match address.to_canonical() {
        IpAddr::V4(address) => (false, u32::from(address).into()),
        IpAddr::V6(address) => (true, u64::try_from(u128::from(address) >> 64).unwrap_or_default()),
    }
}

/// pingora asks it about each connection that was just accepted, before TLS.
pub struct AtTheDoor {
    /// The connections.
    pub connections: Arc<Connections>,
    /// The settings, as they are now.
    pub doorstep: Arc<Doorstep>,
}

#[async_trait]
impl ConnectionFilter for AtTheDoor {
    async fn should_accept(&self, address: Option<&SocketAddr>) -> bool {
        let Some(address) = address else {
            return true;
        };
        let address = address.ip().to_canonical();
        let most = Most::of(&self.doorstep.settings.load().config, address);
        let has_room = self.connections.knock(address, most, Instant::now());
        if !has_room {
            self.doorstep.metrics.refused("connections");
        }
        has_room
    }
}

impl fmt::Debug for AtTheDoor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AtTheDoor").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOST: Most = Most {
        in_all: 10,
        per_network: 4,
    };

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn b5_one_address_has_so_many_connections_and_a_network_of_ipv6_is_one_address() {
        for (one, sibling, other) in [
            ("192.0.2.1", "192.0.2.1", "192.0.2.2"),
            ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", "2001:db8:1:3::1"),
            ("::ffff:192.0.2.1", "192.0.2.1", "192.0.2.2"),
        ] {
            let connections = Arc::new(Connections::default());
            let now = Instant::now();
            let mut open = Vec::new();
            for _ in 0..4 {
                assert!(connections.knock(address(one), MOST, now));
                open.push(connections.enter(address(sibling)));
            }
            assert!(!connections.knock(address(sibling), MOST, now), "{one}");
            assert!(connections.knock(address(other), MOST, now), "{other}");
            open.pop();
            assert!(connections.knock(address(one), MOST, now), "{one}");
        }
    }

    #[test]
    fn all_together_have_so_many_and_closing_makes_room() {
        let connections = Arc::new(Connections::default());
        let now = Instant::now();
        let mut open = Vec::new();
        for host in 0..10 {
            let address = address(&format!("192.0.2.{host}"));
            assert!(connections.knock(address, MOST, now));
            open.push(connections.enter(address));
        }
        assert!(!connections.knock(address("198.51.100.1"), MOST, now));
        open.clear();
        assert!(connections.knock(address("198.51.100.1"), MOST, now));
        let hall = connections.lock();
        assert_eq!(
            (hall.inside, hall.guests.len()),
            (1, 1),
            "somebody was not forgotten"
        );
    }

    #[test]
    fn a_handshake_that_came_to_nothing_gives_its_place_back() {
        let connections = Arc::new(Connections::default());
        let now = Instant::now();
        for _ in 0..4 {
            assert!(connections.knock(address("192.0.2.1"), MOST, now));
        }
        assert!(!connections.knock(address("192.0.2.1"), MOST, now));
        for host in 0..6 {
            assert!(connections.knock(address(&format!("198.51.100.{host}")), MOST, now));
        }
        assert!(!connections.knock(address("203.0.113.1"), MOST, now));
        assert!(connections.knock(address("203.0.113.1"), MOST, now + HANDSHAKE));
        assert_eq!(connections.lock().inside, 1);
    }
}
