//! Changes that the admin who made them may take back, for as long as the session lasts in which they made them.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;

/// So many of a session's newest changes can be taken back.
const MOST: usize = 5;

/// A change that can be taken back, once.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Undo {
    /// Which: random.
    #[serde(rename = "i")]
    pub id: String,
    /// When it was made.
    #[serde(rename = "a")]
    pub at: Timestamp,
    /// What it changed, as whoever kept it wrote it.
    #[serde(rename = "w")]
    pub what: String,
}

/// A session's newest changes, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Undos(Vec<Undo>);

impl Undos {
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Keeps one more; the oldest makes room.
    pub fn keep(&mut self, undo: Undo) {
        if self.0.len() >= MOST {
            self.0.remove(0);
        }
        self.0.push(undo);
    }

    /// The one of this id.
    pub fn find(&self, id: &str) -> Option<&Undo> {
        self.0.iter().find(|undo| undo.id == id)
    }

    /// Takes the one of this id out.
    pub fn take(&mut self, id: &str) -> Option<Undo> {
        let place = self.0.iter().position(|undo| undo.id == id)?;
        Some(self.0.remove(place))
    }
}

/// Shows that there is one, never what it holds (I12).
impl fmt::Debug for Undo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Undo({})", self.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_few_are_kept_and_each_is_taken_once() {
        let mut undos = Undos::default();
        for number in 0..MOST + 1 {
            undos.keep(Undo {
                id: number.to_string(),
                at: Timestamp(0),
                what: "+14155550102".into(),
            });
        }
        assert!(undos.find("0").is_none() && undos.find("1").is_some());
        assert_eq!(undos.take("1").map(|undo| undo.id).as_deref(), Some("1"));
        assert!(undos.take("1").is_none() && undos.find("2").is_some());
        assert!(!format!("{undos:?}").contains("4155550102"));
    }
}
