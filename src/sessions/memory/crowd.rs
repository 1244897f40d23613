//! Who came and has not signed in: counted in all and for each network, so that strangers cannot fill the
//! memory. The oldest go first.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;

use crate::secret::SessionId;
use crate::sessions::{StoreBounds, limited_network};

/// Sessions in which nobody has signed in, in the order in which they began.
#[derive(Default)]
pub(super) struct Crowd {
    next: u64,
    places: HashMap<SessionId, u64>,
    line: BTreeMap<u64, (SessionId, String)>,
    networks: HashMap<String, BTreeSet<u64>>,
}

impl Crowd {
    /// One more joins; those who must go for it.
    pub(super) fn join(&mut self, id: &SessionId, address: IpAddr, bounds: StoreBounds) -> Vec<SessionId> {
        let network = limited_network(address);
        let place = self.next;
        self.next += 1;
        self.places.insert(id.clone(), place);
        self.networks.entry(network.clone()).or_default().insert(place);
        self.line.insert(place, (id.clone(), network.clone()));
        let mut gone = Vec::new();
        while self.of(&network) > bounds.anonymous_per_address.max(1) {
            let Some(oldest) = self.networks.get(&network).and_then(BTreeSet::first).copied() else {
                break;
            };
            gone.extend(self.drop_place(oldest));
        }
        while self.line.len() > bounds.anonymous.max(1) {
            let Some(oldest) = self.line.keys().next().copied() else {
                break;
            };
            gone.extend(self.drop_place(oldest));
        }
        gone
    }

    /// One has signed in, or is over.
    pub(super) fn leave(&mut self, id: &SessionId) {
        if let Some(place) = self.places.get(id).copied() {
            self.drop_place(place);
        }
    }

    /// Forgets all of them.
    pub(super) fn clear(&mut self) {
        *self = Self {
            next: self.next,
            ..Self::default()
        };
    }

    fn of(&self, network: &str) -> usize {
        self.networks.get(network).map_or(0, BTreeSet::len)
    }

    fn drop_place(&mut self, place: u64) -> Option<SessionId> {
        let (id, network) = self.line.remove(&place)?;
        self.places.remove(&id);
        if let Some(places) = self.networks.get_mut(&network) {
            places.remove(&place);
            if places.is_empty() {
                self.networks.remove(&network);
            }
        }
        Some(id)
    }
}
