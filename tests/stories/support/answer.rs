//! What a browser got.

use http::{HeaderMap, StatusCode};

/// An answer, read whole.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The path it was asked for.
    pub path: String,
    /// Its status.
    pub status: StatusCode,
    /// Its header.
    pub headers: HeaderMap,
    /// Its body, as sent.
    pub body: Vec<u8>,
}

impl Answer {
    /// A header's value, empty where there is none.
    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap_or(""))
    }

    /// `Location`, without the origin where it is the gateway's own.
    pub fn location(&self) -> &str {
        self.header("location")
    }

    /// All `Set-Cookie` lines.
    pub fn set_cookies(&self) -> Vec<String> {
        let lines = self.headers.get_all("set-cookie");
        lines
            .iter()
            .map(|line| String::from_utf8_lossy(line.as_bytes()).into_owned())
            .collect()
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("no JSON ({error}): {}", self.shown()))
    }

    /// Whether some text stands anywhere in it: header or body.
    pub fn holds(&self, canary: &str) -> bool {
        let in_headers = self.headers.iter().any(|(name, value)| {
            format!("{name}: {}", String::from_utf8_lossy(value.as_bytes())).contains(canary)
        });
        in_headers || self.text().contains(canary)
    }

    /// For a failure's message.
    pub fn shown(&self) -> String {
        let text = self.text();
        let body: String = text.chars().take(600).collect();
        format!("{} {} {:?}\n{body}", self.path, self.status, self.headers)
    }

    /// Itself, after checking its status.
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status.as_u16(), status, "{}", self.shown());
        self
    }

    /// Itself, after checking that it leads to `location`.
    #[track_caller]
    pub fn expect_to(self, location: &str) -> Self {
        assert!(
            self.status.is_redirection() && path_of(self.location()) == location,
            "should lead to {location}: {}",
            self.shown()
        );
        self
    }
}

/// Path and query of a `Location`, absolute or not.
pub fn path_of(location: &str) -> &str {
    let Some((_, rest)) = location.split_once("://") else {
        return location;
    };
    rest.find('/').map_or("/", |slash| &rest[slash..])
}
