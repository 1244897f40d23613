//! Whether a page's own Content-Security-Policy (CSP Level 3) lets a script from doorstep's address run.

use http::HeaderMap;
use http::header::CONTENT_SECURITY_POLICY;

use crate::config::Origin;

/// What the policies of one answer say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Allowed {
    /// It may run.
    Plainly,
    /// It may run with this nonce, which is the page's own.
    WithNonce(String),
    /// It would not run.
    No,
}

/// Reads the policies; each of them must allow the script.
pub(super) fn allowed(headers: &HeaderMap, public: &Origin) -> Allowed {
    let lines = headers.get_all(CONTENT_SECURITY_POLICY).iter();
    let texts = lines.map(|value| value.to_str().unwrap_or("script-src 'none'"));
    let mut nonces: Option<Vec<&str>> = None;
    for policy in texts.flat_map(|text| text.split(',')) {
        let Some(policy) = Policy::read(policy) else {
            return Allowed::No;
        };
        if policy.allows(public) {
            continue;
        }
        let own: Vec<&str> = policy
            .sources
            .iter()
            .flatten()
            .filter_map(|source| nonce(source))
            .collect();
        let common: Vec<&str> = match nonces {
            None => own,
            Some(before) => before.into_iter().filter(|nonce| own.contains(nonce)).collect(),
        };
        nonces = Some(common);
    }
    match nonces {
        None => Allowed::Plainly,
        Some(nonces) => match nonces.first() {
            Some(nonce) => Allowed::WithNonce((*nonce).to_owned()),
            None => Allowed::No,
        },
    }
}

/// What one policy says of scripts: its sources, where it says anything.
struct Policy<'a> {
    sources: Option<Vec<&'a str>>,
}

impl<'a> Policy<'a> {
    /// `None`: scripts do not run at all.
    fn read(text: &'a str) -> Option<Self> {
        let mut best: Option<(usize, Vec<&str>)> = None;
        for directive in text.split(';') {
            let mut words = directive.split_ascii_whitespace();
            let Some(name) = words.next() else { continue };
            let sources: Vec<&str> = words.collect();
            let rank = match name.to_ascii_lowercase().as_str() {
                "script-src-elem" => 0,
                "script-src" => 1,
                "default-src" => 2,
                "sandbox"
                    if !sources
                        .iter()
                        .any(|word| word.eq_ignore_ascii_case("allow-scripts")) =>
                {
                    return None;
                }
                _ => continue,
            };
            // Of two of the same name the first one counts.
            if best.as_ref().is_none_or(|(known, _)| rank < *known) {
                best = Some((rank, sources));
            }
        }
        Some(Self {
            sources: best.map(|(_, sources)| sources),
        })
    }

    fn allows(&self, public: &Origin) -> bool {
        let Some(sources) = &self.sources else { return true };
        let says = |word: &str| sources.iter().any(|source| source.eq_ignore_ascii_case(word));
        !says("'strict-dynamic'") && sources.iter().any(|source| names(source, public))
    }
}

/// Whether a source names doorstep's own address.
fn names(source: &str, public: &Origin) -> bool {
    let source = source.to_ascii_lowercase();
    if source == "'self'" || source == "*" || source == format!("{}:", public.scheme()) {
        return true;
    }
    let source = source.strip_suffix('/').unwrap_or(&source);
    let bare = source
        .strip_prefix(&format!("{}://", public.scheme()))
        .unwrap_or(source);
    match bare.strip_prefix('*') {
        Some(ending) => ending.starts_with('.') && public.authority().ends_with(ending),
        None => bare == public.authority(),
    }
}

/// The nonce of a source, where it can stand in an attribute as it is.
fn nonce(source: &str) -> Option<&str> {
    let (kind, rest) = source.strip_suffix('\'')?.split_at_checked("'nonce-".len())?;
    let fits = !rest.is_empty()
        && rest
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"+/-_=".contains(&byte));
    (kind.eq_ignore_ascii_case("'nonce-") && fits).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(policies: &[&str]) -> Allowed {
        let mut headers = HeaderMap::new();
        for policy in policies {
            headers.append(CONTENT_SECURITY_POLICY, policy.parse().unwrap());
        }
        allowed(&headers, &Origin::parse("https://portal.example.com").unwrap())
    }

    #[test]
    fn a_pages_policy_is_kept() {
        let with = |nonce: &str| Allowed::WithNonce(nonce.to_owned());
        for (policies, expected) in [
            (&[][..], Allowed::Plainly),
            (&["frame-ancestors 'none'"], Allowed::Plainly),
            (&["default-src 'self'"], Allowed::Plainly),
            (&["default-src 'none'; script-src 'SELF'"], Allowed::Plainly),
            (&["script-src https:"], Allowed::Plainly),
            (&["script-src *"], Allowed::Plainly),
            (&["script-src https://portal.example.com/"], Allowed::Plainly),
            (&["script-src *.example.com"], Allowed::Plainly),
            (&["script-src https://portal.example.com/static/"], Allowed::No),
            (&["script-src https://cdn.example.net"], Allowed::No),
            (&["default-src 'none'"], Allowed::No),
            (&["default-src"], Allowed::No),
            (&["script-src 'self'; script-src-elem 'none'"], Allowed::No),
            (&["script-src 'none'; script-src 'self'"], Allowed::No),
            (&["script-src 'sha256-abc='"], Allowed::No),
            (&["script-src 'nonce-aB3+/=='"], with("aB3+/==")),
            (&["script-src 'self' 'nonce-x' 'strict-dynamic'"], with("x")),
            (&["script-src 'self' 'strict-dynamic'"], Allowed::No),
            (&["script-src 'nonce-a\"><b'"], Allowed::No),
            (&["script-src 'nonce-x'", "script-src 'self'"], with("x")),
            (&["script-src 'nonce-x'", "script-src 'nonce-y'"], Allowed::No),
            (
                &["script-src 'nonce-x' 'nonce-y'", "script-src 'nonce-y'"],
                with("y"),
            ),
            (&["script-src 'self', default-src 'none'"], Allowed::No),
            (&["sandbox"], Allowed::No),
            (&["sandbox allow-scripts"], Allowed::Plainly),
        ] {
            assert_eq!(said(policies), expected, "{policies:?}");
        }
    }
}
