//! The folder that a demo lives in: made at its start, removed at its end.

use std::fs::DirBuilder;
use std::io::ErrorKind;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::PathBuf;

use anyhow::Context as _;

use crate::secret::random_id;

/// A folder of our own (0700) that goes when this is dropped.
pub struct Workspace(PathBuf);

impl Workspace {
    /// Makes one below the system's folder for temporary files.
    ///
    /// # Errors
    /// Where the folder cannot be made.
    pub fn new() -> anyhow::Result<Self> {
        let path = std::env::temp_dir().join(format!("doorstep-demo-{}", random_id()));
        DirBuilder::new()
            .mode(0o700)
            .create(&path)
            .with_context(|| format!("folder {} cannot be made", path.display()))?;
        Ok(Self(path))
    }

    /// A file or folder in it.
    pub fn join(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Removes it with all that is in it; a second time there is nothing to do.
    pub fn remove(&self) {
        match std::fs::remove_dir_all(&self.0) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                eprintln!("doorstep demo: {} stays behind: {error}", self.0.display());
            }
            _ => {}
        }
    }
}

impl Drop for Workspace {
    fn drop(&mut self) {
        self.remove();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_stays_behind() {
        let workspace = Workspace::new().unwrap();
        let path = workspace.0.clone();
        std::fs::write(workspace.join("doorstep.key"), "x").unwrap();
        drop(workspace);
        assert!(!path.exists());
    }
}
