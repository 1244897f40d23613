//! What is done to the portal's own pages.

use super::words::and;
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
    if !config.portal.rules.resume.is_empty() {
        let paths: Vec<&str> = config
            .portal
            .rules
            .resume
            .iter()
            .map(|glob| glob.as_str())
            .collect();
        let of = match paths.contains(&"**") {
            true => "every protected page".to_owned(),
            false => and(&paths),
        };
        say.push(format!(
            "A form of {of} that is posted when its session has run out is kept for half an hour, sealed, and offered for \
             sending once to the same employee after they have signed in again."
        ));
    }
    say
}
