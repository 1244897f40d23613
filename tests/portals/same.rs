//! What somebody of a firm without two-factor authentication gets through the gateway is what the application
//! itself gives them.

use http::HeaderMap;

use super::app::App;
use crate::support::{Answer, Browser, Gateway};

/// A browser that talks to the application itself.
pub fn directly(app: &App) -> Browser {
    Browser::to(&format!("http://{}", app.address), app.address)
}

/// Two browsers of one person, both signed in: at the application itself, and through the gateway.
pub struct Both<'a> {
    /// At the application.
    pub direct: Browser,
    /// Through the gateway.
    pub through: Browser,
    /// The gateway.
    pub gateway: &'a Gateway,
    /// The application.
    pub app: &'a App,
    /// Takes out of a page what differs from one sight of it to the next.
    pub settle: fn(&str) -> String,
}

impl Both<'_> {
    /// Follows the same link in both, with headers more; status, header and body must be the same.
    pub async fn same(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        let mut direct = self.direct.also("accept-language", "en");
        let mut through = self.through.also("accept-language", "en");
        for (name, value) in headers {
            direct = direct.also(name, value);
            through = through.also(name, value);
        }
        let (expected, got) = (direct.get(path).await, through.get(path).await);
        assert_eq!(
            got.status,
            expected.status,
            "{headers:?} {}\n{}",
            got.shown(),
            expected.shown()
        );
        let theirs = format!("http://{}", self.app.address);
        let location = got.location().replace(&self.gateway.origin, &theirs);
        assert_eq!(location, expected.location(), "{path}");
        assert_eq!(
            settled(&got.headers),
            settled(&expected.headers),
            "{path} {headers:?}"
        );
        if got.body != expected.body {
            let text = |answer: &Answer| (self.settle)(&answer.text().replace(&self.gateway.origin, &theirs));
            assert_eq!(text(&got), text(&expected), "{path} {headers:?}");
        }
        got
    }
}

/// The header without what belongs to the moment, to the connection, or to the browser's own jar.
fn settled(headers: &HeaderMap) -> Vec<(String, String)> {
    const OTHERS: [&str; 9] = [
        "date",
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
