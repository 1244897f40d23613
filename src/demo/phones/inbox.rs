//! The messages that the provider `file` has written, by number.

use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

/// A message that came to a phone.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub(super) struct Message {
    /// The number it went to.
    #[serde(skip_serializing)]
    pub(super) to: String,
    /// All of it.
    pub(super) text: String,
    /// The token in it.
    pub(super) token: String,
    /// When it was sent, RFC 3339.
    pub(super) at: String,
}

impl Message {
    /// The time of day in this computer's zone, which is the reader's.
    pub(super) fn time(&self) -> String {
        match self.at.parse::<jiff::Timestamp>() {
            Ok(at) => at
                .to_zoned_datetime(jiff::tz::TimeZone::system())
                .strftime("%H:%M:%S")
                .to_string(),
            Err(_) => self.at.clone(),
        }
    }
}

/// All messages, newest first. A file that is not there yet holds none; a line that is being written is left
/// out.
pub(super) async fn read(path: &Path) -> io::Result<Vec<Message>> {
    let text = match tokio::fs::read_to_string(path).await {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let messages = text.lines().rev();
    Ok(messages
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect())
}
