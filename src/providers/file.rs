//! `provider = "file"`: messages land in a file, for development.

use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use serde_json::json;

use super::{SendError, SmsSender, TokenMessage};
use crate::clock::Clock;

/// Appends one JSON line per message: `{"to":…,"text":…,"token":…,"at":…}`, `at` in RFC 3339.
pub struct FileSender {
    path: PathBuf,
    clock: Arc<dyn Clock>,
}

impl FileSender {
    /// Appends to `path`, which is made readable by its owner only (0600) where it is missing.
    pub fn new(path: PathBuf, clock: Arc<dyn Clock>) -> Self {
        Self { path, clock }
    }
}

#[async_trait]
impl SmsSender for FileSender {
    async fn send(&self, message: &TokenMessage<'_>) -> Result<(), SendError> {
        let line = json!({
            "to": message.to.e164(),
            "text": message.text,
            "token": message.token,
            "at": self.clock.now().to_string(),
        });
        let path = self.path.clone();
        tokio::task::spawn_blocking(move || append(&path, &format!("{line}\n")))
            .await
            .map_err(|_| SendError::Unavailable("writing was cut off".into()))?
            .map_err(|error| SendError::Unavailable(format!("the file cannot be written: {}", error.kind())))
    }

    fn name(&self) -> &'static str {
        "file"
    }
}

/// One `write` on a descriptor opened with `O_APPEND`: lines of writers at once do not mix.
fn append(path: &Path, line: &str) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(line.as_bytes())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::clock::{ManualClock, Timestamp};
    use crate::directory::Phone;
    use crate::secret::random_id;

    fn sender() -> (FileSender, PathBuf) {
        let path = std::env::temp_dir().join(format!("doorstep-sms-{}.jsonl", random_id()));
        let clock = Arc::new(ManualClock::at(Timestamp(1_795_533_000_000)));
        (FileSender::new(path.clone(), clock), path)
    }

    #[tokio::test]
    async fn each_message_is_one_json_line_that_only_the_owner_reads() {
        let (sender, path) = sender();
        let to = Phone::parse("+14155550102", None).unwrap();
        let text = "Say \"123456\"\n@portal.example.com #123456";
        let message = TokenMessage {
            to: &to,
            token: "123456",
            text,
        };
        let sends = (0..20).map(|_| sender.send(&message));
        for sent in futures_util::future::join_all(sends).await {
            assert_eq!(sent, Ok(()));
        }
        let written = std::fs::read_to_string(&path).unwrap();
        assert_eq!(written.lines().count(), 20);
        for line in written.lines() {
            let line: serde_json::Value = serde_json::from_str(line).unwrap();
            let expected = json!({
                "to": "+14155550102", "text": text, "token": "123456", "at": "2026-11-24T15:10:00Z"
            });
            assert_eq!(line, expected);
        }
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        std::fs::remove_file(&path).unwrap();
    }

    #[tokio::test]
    async fn a_file_that_cannot_be_written_is_unavailable_and_says_nothing_of_the_message() {
        let (_, path) = sender();
        let clock = Arc::new(ManualClock::at(Timestamp(0)));
        let sender = FileSender::new(path.join("missing/folder"), clock);
        let to = Phone::parse("+14155550102", None).unwrap();
        let message = TokenMessage {
            to: &to,
            token: "123456",
            text: "Your token is 123456",
        };
        let error = sender.send(&message).await.unwrap_err();
        assert!(matches!(error, SendError::Unavailable(_)));
        let shown = format!("{error} {error:?}");
        assert!(!shown.contains("123456") && !shown.contains("0102"), "{shown}");
    }
}
