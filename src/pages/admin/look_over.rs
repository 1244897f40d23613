//! Looking a file of employees over: everything that is wrong with it, found away from the threads that serve
//! everybody else. 50,000 lines take a while, and a thread that reads them answers nobody.

use std::sync::Arc;

use super::super::refusal::Stop;
use super::guard::Admin;
use super::profile::not_allowed;
use crate::directory::DirectoryUnknown;
use crate::gate::{FirmId, Policy};
use crate::views::sheet::{BadLine, Sheet};

/// A file that was looked over.
pub(in crate::pages) struct LookedOver {
    /// Its rows that fit, and its lines that do not.
    pub sheet: Sheet,
    /// The file again, escaped for the form that imports it; empty where it does not fit.
    pub html: String,
}

impl Admin<'_> {
    /// Finds what cannot be read, logins that the firm may not have, and what is there already. `told` hears how
    /// many bytes are read.
    pub async fn look_over(
        &self,
        text: Arc<str>,
        told: impl Fn(usize) + Send + 'static,
    ) -> Result<Result<LookedOver, BadLine>, Stop> {
        let firm = self.firm().clone();
        let policy = self.me.standing.firm.policy.clone();
        let mut looked = match read_aside(text, firm, policy, told).await? {
            Ok(looked) => looked,
            Err(bad) => return Ok(Err(bad)),
        };
        let directory = &self.desk.door.directory;
        let misfits = directory.import_misfits(&looked.sheet.rows).await?;
        looked.refuse(misfits);
        Ok(Ok(looked))
    }
}

/// Reads a file on a thread that nobody else waits for.
pub(in crate::pages) async fn read_aside(
    text: Arc<str>,
    firm: FirmId,
    policy: Policy,
    told: impl Fn(usize) + Send + 'static,
) -> Result<Result<LookedOver, BadLine>, DirectoryUnknown> {
    let read = move || LookedOver::read(&text, &firm, &policy, told);
    let read = tokio::task::spawn_blocking(read).await;
    read.map_err(|_| DirectoryUnknown("a file could not be looked over".into()))
}

impl LookedOver {
    fn read(text: &str, firm: &FirmId, policy: &Policy, told: impl Fn(usize)) -> Result<Self, BadLine> {
        let mut sheet = Sheet::read_telling(text.as_bytes(), Some(firm), told)?;
        let allowed = policy.allowed_logins();
        let rows = sheet.rows.iter().enumerate();
        let refused =
            rows.filter_map(|(index, row)| Some((index, not_allowed(&row.login, &allowed, policy)?)));
        let refused = refused.collect();
        sheet.refuse(refused);
        let html = if sheet.bad.is_empty() {
            escaped(text)
        } else {
            String::new()
        };
        Ok(Self { sheet, html })
    }

    /// What of it does not fit after all.
    pub fn refuse(&mut self, rows: Vec<(usize, String)>) {
        self.sheet.refuse(rows);
        self.sheet.bad.sort();
        if !self.sheet.bad.is_empty() {
            self.html.clear();
        }
    }
}

fn escaped(text: &str) -> String {
    match askama::filters::escape(text, askama::filters::Html) {
        Ok(escaped) => escaped.to_string(),
        Err(never) => match never {},
    }
}
