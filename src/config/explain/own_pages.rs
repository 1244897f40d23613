//! Where doorstep's own pages live, what that keeps out, and where passkeys are good.

use crate::config::Config;
use crate::factors::passkey::Site;

/// What `check` says under "Where it stands".
pub(super) fn sentences(config: &Config) -> Vec<String> {
    let listen = &config.listen;
    let mut say = Vec::new();
    if let Some(own) = &listen.own_url {
        let how = if listen.hands_over() {
            "a session is handed over between the two hosts by a code that works once, within 30s, in the same browser"
        } else {
            "it is another port of the same host, so the session's cookie goes to both"
        };
        say.push(format!(
            "Its own pages are on {own} and nowhere else, out of reach of scripts on {}; {how}.",
            listen.public_url
        ));
        say.push(match listen.own_listener() {
            Some(address) => format!("It listens on {address} for them."),
            None => format!(
                "They come in on {} too: whatever stands in front passes {own} there with its Host unchanged.",
                listen.address
            ),
        });
        if listen.tls.is_some() && listen.hands_over() {
            say.push(format!(
                "The certificate has to name both {} and {}.",
                listen.public_url.host(),
                own.host()
            ));
        }
    }
    say.push(match Site::of(listen, &config.portal.name) {
        Some(site) => format!(
            "Passkeys are made for the host {} and are good on {} only; on another host later they have to be made anew.",
            site.id,
            listen.own_origin()
        ),
        None => format!(
            "There can be no passkeys: {} is an address and no name.",
            listen.own_origin()
        ),
    });
    say
}

/// What shares the portal's origin.
pub(super) fn holes(config: &Config) -> Vec<String> {
    let listen = &config.listen;
    if listen.own_url.is_some() {
        return Vec::new();
    }
    vec![format!(
        "doorstep's own pages share the origin {} with the portal's: a script on the portal's pages could read and drive them. \
         So every change of a factor, a policy or an employee asks for a token or passkey in the same form, and a worker \
         script whose scope would cover /.doorstep/ is refused. own_url gives them an origin of their own.",
        listen.public_url
    )]
}
