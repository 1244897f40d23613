//! The audit as JSON lines in a file, of each gateway its own. The file itself says how far it has come.

use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde_json::Value;

use super::BATCH;
use crate::access::Doorstep;
use crate::directory::{AuditEntry, AuditFilter};
use crate::views::{self, AuditRow};

/// So much of a file's end is looked at for its last line.
const TAIL: u64 = 1 << 20;

/// Where the file stands.
#[derive(Default)]
pub struct Lines {
    at: Option<(PathBuf, i64)>,
}

impl Lines {
    /// Appends what is new in the audit. A file that was moved away is begun anew with what comes next.
    pub async fn deliver(&mut self, door: &Doorstep) -> anyhow::Result<()> {
        let settings = door.settings.load_full();
        let Some(file) = settings.config.audit.file.clone() else {
            self.at = None;
            return Ok(());
        };
        let mut seq = match &self.at {
            Some((path, seq)) if *path == file => *seq,
            _ => {
                let path = file.clone();
                tokio::task::spawn_blocking(move || last_row(&path)).await??
            }
        };
        loop {
            let filter = AuditFilter {
                after: Some(seq),
                limit: Some(BATCH),
                ..AuditFilter::default()
            };
            let rows = door.directory.audit_onwards(&filter).await?;
            let Some(last) = rows.last() else { break };
            seq = last.seq;
            let path = file.clone();
            // What fails half way is found by reading the file's end again.
            self.at = None;
            tokio::task::spawn_blocking(move || append(&path, &rows)).await??;
            self.at = Some((file.clone(), seq));
        }
        self.at = Some((file, seq));
        Ok(())
    }
}

/// The row of the last whole line; 0 for a new file.
fn last_row(path: &Path) -> anyhow::Result<i64> {
    let mut file = match std::fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(0),
        Err(error) => return Err(error).context("it cannot be read"),
    };
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(TAIL)))?;
    let mut tail = Vec::new();
    file.take(TAIL).read_to_end(&mut tail)?;
    let text = String::from_utf8_lossy(&tail);
    let whole = text
        .rfind('\n')
        .map_or("", |end| text.get(..end).unwrap_or_default());
    let rows = whole.lines().rev().filter_map(|line| {
        let row: Value = serde_json::from_str(line).ok()?;
        row.get("seq")?.as_i64()
    });
    let last = rows.into_iter().next();
    if last.is_none() && length > 0 {
        anyhow::bail!("it holds no line of an audit: name a file of its own");
    }
    Ok(last.unwrap_or(0))
}

fn append(path: &Path, rows: &[AuditEntry]) -> anyhow::Result<()> {
    let mut file = std::fs::OpenOptions::new()
        .read(true)
        .append(true)
        .create(true)
        .mode(0o600)
        .open(path)
        .context("it cannot be written")?;
    let mut text = String::new();
    // A line that was torn by a crash ends here, so that the next one is whole.
    if file.seek(SeekFrom::End(-1)).is_ok() {
        let mut last = [0];
        file.read_exact(&mut last)?;
        if last != *b"\n" {
            text.push('\n');
        }
    }
    for row in rows {
        text.push_str(&views::json(&AuditRow::of(row)).to_string());
        text.push('\n');
    }
    file.write_all(text.as_bytes()).context("it cannot be written")?;
    file.sync_data().context("it cannot be written")
}
