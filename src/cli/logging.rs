//! What is logged, and where: standard error, text or JSON.

use std::io::IsTerminal as _;

use tracing_subscriber::EnvFilter;

/// Sets logging up. `DOORSTEP_LOG` is the level (default `info` for the gateway, `warn` for other commands)
/// or directives such as `info,doorstep::edge=debug`; `DOORSTEP_LOG_FORMAT=json` makes one JSON object a line.
pub(super) fn init(service: bool) {
    let default = if service { "info" } else { "warn" };
    let wanted = std::env::var("DOORSTEP_LOG").unwrap_or_else(|_| default.to_owned());
    let known = EnvFilter::builder().parse(&wanted).is_ok();
    let level = if known { wanted.as_str() } else { default };
    let filter = EnvFilter::builder().parse_lossy(directives(level));
    // What cannot be logged, because the disk behind the log is full, is lost: to say so in the same place would fail
    // as well, and take the request along (I9).
    let builder = tracing_subscriber::fmt()
        .log_internal_errors(false)
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    let json = std::env::var("DOORSTEP_LOG_FORMAT").is_ok_and(|format| format == "json");
    let done = if json {
        builder.json().flatten_event(true).try_init()
    } else {
        let colour = std::io::stderr().is_terminal() && !super::screen::no_color();
        builder.with_ansi(colour).try_init()
    };
    if done.is_ok() && log::set_logger(&BRIDGE).is_ok() {
        log::set_max_level(log::LevelFilter::Warn);
    }
    if !known {
        tracing::warn!("DOORSTEP_LOG is no level and no list of directives; {default} is used");
    }
}

/// Libraries at `warn` at most, whatever was asked for: below it pingora and sqlx log requests and
/// statements, with what stands in them (I12).
fn directives(level: &str) -> String {
    format!("{level},pingora=warn,sqlx=warn,hyper=warn,reqwest=warn,rustls=warn")
}

static BRIDGE: Bridge = Bridge;

/// Carries what libraries say through the `log` crate (pingora does) into tracing.
struct Bridge;

impl log::Log for Bridge {
    fn enabled(&self, metadata: &log::Metadata<'_>) -> bool {
        metadata.level() <= log::Level::Warn
    }

    fn log(&self, record: &log::Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        let source = record.target();
        let Some(message) = safe(&record.args().to_string()) else {
            return;
        };
        // The target is fixed: tracing knows its events' targets when it is compiled.
        if record.level() == log::Level::Error {
            tracing::error!(target: "doorstep::library", source, "{message}");
        } else {
            tracing::warn!(target: "doorstep::library", source, "{message}");
        }
    }

    fn flush(&self) {}
}

/// A library's message, unless it may carry bytes of a request: errors of parsing do, up to 2 KB of them, and
/// cookies are among those; summaries name path and query (THREATS LOG-2). What goes wrong with a request the
/// gateway logs in its own words.
fn safe(message: &str) -> Option<String> {
    const RAW: [&str; 8] = [
        "buf:", "pars", "chunk", "header", "cookie", "request", "host:", "body",
    ];
    let lower = message.to_ascii_lowercase();
    if RAW.iter().any(|word| lower.contains(word)) {
        return None;
    }
    let printable = message.chars().take(300);
    Some(printable.map(|c| if c.is_control() { ' ' } else { c }).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn log_2_no_message_with_bytes_of_a_request_is_carried_on() {
        for message in [
            "Fail to proxy: Downstream InvalidHTTPHeader context: buf: GET / HTTP/1.1\\r\\nCookie: sid=hunter2",
            "error parsing request: Cookie: hunter2",
            "Invalid chunk size: hunter2",
            "Fail to proxy: ConnectTimedout, GET /a?access_token=hunter2, Host: portal",
        ] {
            assert_eq!(safe(message), None, "{message}");
        }
        assert_eq!(
            safe("Connection refused\n\x1b[1m"),
            Some("Connection refused  [1m".into())
        );
    }

    #[test]
    fn libraries_stay_at_warn_whatever_was_asked_for() {
        let filter = EnvFilter::builder()
            .parse(directives("trace,pingora=trace"))
            .unwrap()
            .to_string();
        assert!(
            filter.contains("pingora=warn") && !filter.contains("pingora=trace"),
            "{filter}"
        );
    }
}
