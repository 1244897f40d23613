//! What a configuration means, in plain words.

use super::Config;

/// What the file means, as prose that can be pasted into a change request.
pub fn explain(config: &Config) -> String {
    config.portal.name.clone()
}
