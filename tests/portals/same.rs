//! What somebody of a firm without two-factor authentication gets through the gateway is what the application
//! itself gives them.

use http::HeaderMap;

use super::app::App;
use super::site::Site;
use crate::support::{Answer, Browser};

/// A browser that talks to the application itself.
pub fn directly(app: &App) -> Browser {
    Browser::to(&format!("http://{}", app.address), app.address)
}

/// A browser that takes the application for what stands at the gateway's address: as if there were no gateway.
pub fn without_gateway(site: &Site) -> Browser {
    Browser::to(&site.gateway.origin, site.app.address)
}

/// Two browsers of one person, both signed in: at the application itself, and through the gateway.
pub struct Both {
    /// At the application.
    pub direct: Browser,
    /// Through the gateway.
    pub through: Browser,
    /// Whether a script asks, and not a person who follows a link.
    pub by_script: bool,
    /// Takes out of a page what differs from one sight of it to the next.
    pub settle: fn(&str) -> String,
}

impl Both {
    /// Follows the same link in both, with headers more; status, header and body must be the same.
    pub async fn same(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        let mut direct = self.direct.also("accept-language", "en");
        let mut through = self.through.also("accept-language", "en");
        for (name, value) in headers {
            direct = direct.also(name, value);
            through = through.also(name, value);
        }
        let (expected, got) = match self.by_script {
            true => (direct.fetch("GET", path).await, through.fetch("GET", path).await),
            false => (direct.get(path).await, through.get(path).await),
        };
        assert_eq!(
            got.status,
            expected.status,
            "{headers:?} {}\n{}",
            got.shown(),
            expected.shown()
        );
        assert_eq!(within(got.location()), within(expected.location()), "{path}");
        assert_eq!(
            settled(&got.headers),
            settled(&expected.headers),
            "{path} {headers:?}"
        );
        if got.body != expected.body {
            let text = |answer: &Answer| (self.settle)(&answer.text());
            assert_eq!(text(&got), text(&expected), "{path} {headers:?}");
        }
        got
    }
}

/// Where a redirect leads on this machine: the portal writes its own port into it, the gateway its own.
fn within(location: &str) -> String {
    match url::Url::parse(location) {
        Ok(url) if url.host_str() == Some("127.0.0.1") => url[url::Position::BeforePath..].to_owned(),
        _ => location.to_owned(),
    }
}

/// The header without what belongs to the moment, to the connection, or to the browser's own jar.
fn settled(headers: &HeaderMap) -> Vec<(String, String)> {
    const OTHERS: [&str; 10] = [
        "date",
        "expires",
        "set-cookie",
        "location",
        "cache-control",
        "connection",
        "keep-alive",
        "transfer-encoding",
        "content-length",
        "host",
    ];
    let mut kept: Vec<(String, String)> = headers
        .iter()
        .filter(|(name, _)| !OTHERS.contains(&name.as_str()))
        .map(|(name, value)| {
            (
                name.to_string(),
                String::from_utf8_lossy(value.as_bytes()).into_owned(),
            )
        })
        .collect();
    kept.sort();
    kept
}
