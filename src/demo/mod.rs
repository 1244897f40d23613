//! placeholder

/// Placeholder for the merge.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// The gateway's port.
    pub port: Option<u16>,
    /// JSON in place of the story.
    pub json: bool,
}

/// Placeholder for the merge.
#[allow(clippy::missing_errors_doc)]
pub fn run(_options: Options) -> anyhow::Result<()> {
    anyhow::bail!("the demo is on another branch")
}
