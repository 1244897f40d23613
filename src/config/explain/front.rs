//! Forward-auth mode: what another proxy in front asks, and what this mode cannot hold.

use super::words::and;
use crate::config::Config;
use crate::gate::rules::LoginRule;

/// In place of where requests are forwarded to.
pub(super) fn placement(config: &Config) -> Vec<String> {
    let listen = &config.listen;
    let proxies: Vec<String> = listen.trusted_proxies.iter().map(ToString::to_string).collect();
    vec![
        format!(
            "doorstep listens on {} and forwards nothing: a proxy in front, at {}, serves the portal at {}, and asks at \
             /.doorstep/auth for each request whether it may pass. What it does not ask about is not protected.",
            listen.address,
            and(&proxies),
            config.portal.upstream.origin
        ),
        "That proxy sends /.doorstep/ here, and nothing else.".to_owned(),
    ]
}

/// In place of how passwords are judged.
pub(super) fn signing_in(config: &Config) -> Vec<String> {
    let rules = &config.portal.rules;
    let places: Vec<String> = rules.logins.iter().map(place).collect();
    let mut say = vec![format!(
        "Logins pass to the portal unseen: {} from anybody whom the portal does not know yet.",
        and(&places)
    )];
    if let Some(probe) = &rules.who_am_i {
        say.push(format!(
            "Who somebody is says the portal, asked with GET {} and the browser's own cookies and Authorization; its answer is \
             believed for one second.",
            probe.path
        ));
    }
    say
}

fn place(rule: &LoginRule) -> String {
    format!("{} of {}", rule.method, rule.path.as_str())
}

/// In place of what the vault keeps.
pub(super) fn cookies() -> Vec<String> {
    vec!["The portal's cookies are in the browser and go to it past doorstep: there is no vault.".to_owned()]
}

/// What holds in front of a portal only.
pub(super) fn holes(config: &Config) -> Vec<String> {
    if !config.portal.forward_auth {
        return Vec::new();
    }
    [
        "mode = \"forward-auth\": the portal's session is in the browser. Whoever has its cookie and a way to the portal past \
         the proxy in front needs no second factor.",
        "mode = \"forward-auth\": the portal's answer to a login, and its public pages, reach a browser that owes the factor.",
        "mode = \"forward-auth\": a connection that is open (WebSocket, event stream, download) is not closed when its session \
         ends, and ending a session here does not end the portal's own.",
        "mode = \"forward-auth\": doorstep's session cookie reaches the portal with the others.",
    ]
    .map(str::to_owned)
    .to_vec()
}
