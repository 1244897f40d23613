//! What the portal's pages are about: made-up tickets and devices, the same at every start.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use serde::Serialize;

/// A ticket of a firm.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Ticket {
    pub(super) number: u32,
    pub(super) title: String,
    pub(super) device: u32,
    pub(super) state: &'static str,
}

/// A device at a firm's site.
#[derive(Clone, Debug)]
pub(super) struct Device {
    pub(super) id: u32,
    pub(super) firm: &'static str,
    pub(super) model: &'static str,
    pub(super) site: &'static str,
    pub(super) serial: &'static str,
    pub(super) state: &'static str,
    pub(super) log: &'static [(&'static str, &'static str)],
}

const LOG: &[(&str, &str)] = &[
    ("08:12", "Paper jam cleared by hand"),
    ("07:55", "Door open"),
    ("06:00", "Self test passed"),
    ("02:30", "Firmware 4.2.1 installed"),
    ("02:28", "Restart asked for by maintenance window"),
];

/// All devices of all firms.
pub(super) const DEVICES: &[Device] = &[
    device(
        1,
        "Corp A",
        "LabelJet 300",
        "Depot north, gate 2",
        "LJ3-00417",
        "online",
    ),
    device(
        2,
        "Corp A",
        "LabelJet 300",
        "Depot north, gate 5",
        "LJ3-00433",
        "online",
    ),
    device(
        3,
        "Corp A",
        "ScanPost S2",
        "Returns desk",
        "SP2-10220",
        "needs service",
    ),
    device(4, "Corp A", "WeighBridge 40", "Yard", "WB4-00009", "online"),
    device(
        5,
        "Corp B",
        "LabelJet 500",
        "Hall 1, line 3",
        "LJ5-00112",
        "online",
    ),
    device(
        6,
        "Corp B",
        "LabelJet 500",
        "Hall 1, line 4",
        "LJ5-00118",
        "offline",
    ),
    device(
        7,
        "Corp B",
        "ScanPost S2",
        "Hall 2, packing",
        "SP2-10871",
        "needs service",
    ),
    device(8, "Corp B", "ColdLog T8", "Cold store", "CL8-00350", "online"),
];

const fn device(
    id: u32,
    firm: &'static str,
    model: &'static str,
    site: &'static str,
    serial: &'static str,
    state: &'static str,
) -> Device {
    Device {
        id,
        firm,
        model,
        site,
        serial,
        state,
        log: LOG,
    }
}

/// A firm's devices.
pub(super) fn devices_of(firm: &str) -> impl Iterator<Item = &'static Device> {
    DEVICES.iter().filter(move |device| device.firm == firm)
}

/// The most tickets that a firm can open here.
const OPENED_AT_MOST: usize = 50;

/// Tickets that were opened since the start, by firm, newest last.
#[derive(Default)]
pub(super) struct Tickets(Mutex<HashMap<String, Vec<Ticket>>>);

impl Tickets {
    /// All of a firm's tickets, newest first.
    pub(super) fn of(&self, firm: &str) -> Vec<Ticket> {
        let opened = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let opened = opened.get(firm).into_iter().flatten().rev().cloned();
        opened.chain(first_tickets(firm)).collect()
    }

    /// Opens a ticket; `false` where the firm has too many.
    pub(super) fn open(&self, firm: &str, title: String, device: u32) -> bool {
        let mut opened = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let tickets = opened.entry(firm.to_owned()).or_default();
        if tickets.len() >= OPENED_AT_MOST {
            return false;
        }
        let number = 2001 + u32::try_from(tickets.len()).unwrap_or(0);
        tickets.push(Ticket {
            number,
            title,
            device,
            state: "new",
        });
        true
    }
}

fn first_tickets(firm: &str) -> Vec<Ticket> {
    let titles = [
        ("Prints the second label askew", "open"),
        ("Does not answer since the power cut", "waiting for parts"),
        ("Calibration due", "planned"),
        ("Replace worn roller", "closed"),
    ];
    let mut tickets: Vec<_> = devices_of(firm)
        .zip(titles)
        .map(|(device, (title, state))| Ticket {
            number: 1040 + device.id * 3,
            title: title.to_owned(),
            device: device.id,
            state,
        })
        .collect();
    tickets.reverse();
    tickets
}
