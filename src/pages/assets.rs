//! The style sheets and scripts, one of each for everybody and one for admins, under names that carry the hash of what is in them.

use std::fmt;
use std::sync::LazyLock;

use bytes::Bytes;
use http::{HeaderValue, Response, header};
use ring::digest;

use super::layout;

const FOLDER: &str = "/.doorstep/assets/";

pub(super) static CSS: LazyLock<Asset> = LazyLock::new(|| {
    Asset::new(
        "door",
        "css",
        "text/css; charset=utf-8",
        include_str!("assets/door.css"),
    )
});
pub(super) static JS: LazyLock<Asset> = LazyLock::new(|| {
    Asset::new(
        "door",
        "js",
        "text/javascript; charset=utf-8",
        include_str!("assets/door.js"),
    )
});

/// Manage Employees' own, beside the others.
pub(super) static DESK_CSS: LazyLock<Asset> = LazyLock::new(|| {
    Asset::new(
        "desk",
        "css",
        "text/css; charset=utf-8",
        include_str!("assets/desk.css"),
    )
});
pub(super) static DESK_JS: LazyLock<Asset> = LazyLock::new(|| {
    Asset::new(
        "desk",
        "js",
        "text/javascript; charset=utf-8",
        include_str!("assets/desk.js"),
    )
});

/// Asks passkeys; only where there is one to ask or to make.
pub(super) static PASSKEY_JS: LazyLock<Asset> = LazyLock::new(|| {
    Asset::new(
        "passkey",
        "js",
        "text/javascript; charset=utf-8",
        include_str!("assets/passkey.js"),
    )
});

/// What `step_up_script` adds to the portal's own pages.
static STEP_UP: LazyLock<Asset> = LazyLock::new(|| {
    Asset::new(
        "step-up",
        "js",
        "text/javascript; charset=utf-8",
        include_str!("assets/step-up.js"),
    )
});

/// The address of the script that follows `Doorstep-Challenge`.
pub fn step_up_script() -> &'static str {
    &STEP_UP.path
}

/// A file that never changes under its name.
pub(super) struct Asset {
    /// Its address.
    pub path: String,
    stem: &'static str,
    ending: &'static str,
    content_type: &'static str,
    body: Bytes,
}

impl Asset {
    fn new(stem: &'static str, ending: &'static str, content_type: &'static str, text: &str) -> Self {
        let body = bare(text);
        let hash = crate::secret::hex(digest::digest(&digest::SHA256, body.as_bytes()).as_ref());
        let hash = hash.get(..16).unwrap_or(&hash);
        Self {
            path: format!("{FOLDER}{stem}.{hash}.{ending}"),
            stem,
            ending,
            content_type,
            body: body.into(),
        }
    }

    /// Whether `path` names this file, of this version or of another.
    fn is_named_by(&self, path: &str) -> bool {
        path.strip_prefix(FOLDER)
            .and_then(|name| name.strip_prefix(self.stem))
            .and_then(|name| name.strip_prefix('.'))
            .and_then(|name| name.strip_suffix(self.ending))
            .is_some_and(|hash| hash.is_empty() || hash.ends_with('.') && !hash.contains('/'))
    }

    fn answer(&self, path: &str) -> Response<Bytes> {
        let mut response = Response::new(self.body.clone());
        let headers = response.headers_mut();
        layout::guard(headers);
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(self.content_type));
        // During an upgrade another gateway's page may name its own version: served, but not kept.
        let cache = if path == self.path {
            "public, max-age=31536000, immutable"
        } else {
            "no-cache"
        };
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache));
        response
    }
}

/// Without what only its readers need: indentation and lines that are a comment. No text in them goes over
/// lines.
fn bare(text: &str) -> String {
    let lines = text.lines().map(str::trim_start);
    let kept: Vec<&str> = lines
        .filter(|line| !line.is_empty() && !line.starts_with("//"))
        .collect();
    kept.join("\n")
}

impl fmt::Debug for Asset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.path)
    }
}

/// The style sheet or the script, if `path` names one: served to anybody and without asking store or
/// directory, so that the page saying that these are down looks like a page.
pub fn asset(path: &str) -> Option<Response<Bytes>> {
    [&*CSS, &*JS, &*DESK_CSS, &*DESK_JS, &*PASSKEY_JS, &*STEP_UP]
        .into_iter()
        .find(|asset| asset.is_named_by(path))
        .map(|asset| asset.answer(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_present_version_may_be_kept_for_ever() {
        for (path, cache) in [
            (CSS.path.as_str(), Some("public, max-age=31536000, immutable")),
            (JS.path.as_str(), Some("public, max-age=31536000, immutable")),
            ("/.doorstep/assets/door.0123456789abcdef.css", Some("no-cache")),
            ("/.doorstep/assets/door.css", Some("no-cache")),
            ("/.doorstep/assets/doorcss", None),
            ("/.doorstep/assets/door.a/../b.css", None),
            ("/.doorstep/assets/other.css", None),
            ("/.doorstep/challenge", None),
        ] {
            let answer = asset(path);
            let given = answer
                .as_ref()
                .map(|a| a.headers()[header::CACHE_CONTROL].to_str().unwrap());
            assert_eq!(given, cache, "{path}");
        }
    }

    #[test]
    fn nothing_in_them_asks_another_origin_for_anything() {
        for asset in [&*CSS, &*JS, &*DESK_CSS, &*DESK_JS, &*PASSKEY_JS, &*STEP_UP] {
            for foreign in ["http:", "https:", "url(", "@import", "eval("] {
                assert!(
                    !String::from_utf8_lossy(&asset.body).contains(foreign),
                    "{asset:?} holds {foreign}"
                );
            }
        }
    }
}
