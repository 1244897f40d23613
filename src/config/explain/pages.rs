//! What is done to the portal's own pages.

use crate::config::Config;

/// What is added to them.
pub(super) fn placement(config: &Config) -> Vec<String> {
    let mut say = Vec::new();
    if config.portal.step_up_script {
        say.push(
            "A small script is added to the portal's HTML pages: when one of a page's requests is told that a second factor \
             is owed, it goes to the challenge and comes back. Such pages come from the portal uncompressed; one whose \
             Content-Security-Policy allows no script of its own origin and has no nonce stays as it is."
                .to_owned(),
        );
    }
    say
}
