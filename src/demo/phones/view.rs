//! What the page shows, and what `state.json` says: one and the same.

use anyhow::Context as _;
use serde::Serialize;

use super::inbox::{self, Message};
use super::{Person, Phones};
use crate::clock::Timestamp;
use crate::demo::seed::FIRMS;
use crate::gate::Login;

/// How many messages a phone shows.
const SHOWN: usize = 3;

/// Everything on the page.
#[derive(Serialize)]
pub(super) struct View {
    /// Of when, in milliseconds since 1970.
    pub(super) now: Timestamp,
    pub(super) firms: Vec<FirmView>,
}

#[derive(Serialize)]
pub(super) struct FirmView {
    pub(super) id: &'static str,
    pub(super) name: String,
    /// As the directory has it now.
    pub(super) two_factor: bool,
    pub(super) phones: Vec<PhoneView>,
}

#[derive(Serialize)]
pub(super) struct PhoneView {
    pub(super) login: &'static str,
    pub(super) password: &'static str,
    pub(super) name: &'static str,
    pub(super) role: &'static str,
    pub(super) number: &'static str,
    pub(super) key: Option<KeyView>,
    /// Phones that are asked to approve, by name.
    pub(super) devices: Vec<String>,
    /// Newest first.
    pub(super) messages: Vec<Message>,
}

impl PhoneView {
    /// The login's first part, by which the page's script finds what changes.
    pub(super) fn short(&self) -> &'static str {
        self.login.split('@').next().unwrap_or(self.login)
    }
}

#[derive(Serialize)]
pub(super) struct KeyView {
    pub(super) key: String,
    /// Seconds that a key is shown in all, and for how many more this one is.
    pub(super) period: u64,
    pub(super) left: u64,
}

impl KeyView {
    /// In two groups, as apps show it.
    pub(super) fn grouped(&self) -> String {
        let (head, tail) = self.key.split_at(self.key.len() / 2);
        format!("{head} {tail}")
    }
}

impl Phones {
    /// The present state of phones and firms.
    pub(super) async fn view(&self) -> anyhow::Result<View> {
        let now = self.clock.now();
        let messages = inbox::read(&self.messages).await.context("messages")?;
        let mut firms = Vec::new();
        for firm in &FIRMS {
            let found = self
                .directory
                .firm(&firm.firm_id()?)
                .await?
                .context("no such firm")?;
            let mut phones = Vec::new();
            for person in self.people.iter().filter(|person| person.firm == firm) {
                let devices = self.directory.devices(&Login::parse(person.login)?).await?;
                let devices = devices.into_iter().map(|device| device.name).collect();
                phones.push(phone(person, devices, &messages, now));
            }
            firms.push(FirmView {
                id: firm.id,
                two_factor: found.two_factor.asks(now),
                name: found.name,
                phones,
            });
        }
        Ok(View { now, firms })
    }
}

/// One person's phone.
pub(super) fn phone(
    person: &Person,
    devices: Vec<String>,
    messages: &[Message],
    now: Timestamp,
) -> PhoneView {
    let own = messages.iter().filter(|message| message.to == person.phone);
    PhoneView {
        login: person.login,
        password: person.password,
        name: person.name,
        role: person.role.as_str(),
        number: person.phone,
        key: person.key.as_ref().map(|key| {
            let (shown, left) = key.at(now);
            KeyView {
                key: shown,
                period: key.shape.period,
                left,
            }
        }),
        devices,
        messages: own.take(SHOWN).cloned().collect(),
    }
}
