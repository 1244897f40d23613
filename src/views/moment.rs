//! Moments as people write them.

use std::str::FromStr as _;

use crate::clock::{Clock as _, SystemClock, Timestamp};
use crate::config::parse_duration;

/// RFC 3339, or a date, which begins at midnight UTC.
///
/// # Errors
/// A sentence that says what a moment looks like.
pub fn moment(text: &str) -> Result<Timestamp, String> {
    if let Ok(moment) = jiff::Timestamp::from_str(text) {
        return Ok(Timestamp(moment.as_millisecond()));
    }
    jiff::civil::Date::from_str(text)
        .ok()
        .filter(|_| text.len() == 10)
        .and_then(|date| date.to_zoned_datetime(jiff::tz::TimeZone::UTC).ok())
        .map(|begin| Timestamp(begin.timestamp().as_millisecond()))
        .ok_or_else(|| format!("{text:?} is no moment; write 2026-12-01 or 2026-12-01T08:00:00Z"))
}

/// A moment, or how long ago it was (`24h`).
///
/// # Errors
/// A sentence that says what a moment looks like.
pub fn since(text: &str) -> Result<Timestamp, String> {
    match parse_duration(text) {
        Ok(ago) => Ok(SystemClock.now().minus(ago)),
        Err(_) => moment(text).map_err(|error| format!("{error}, or how long ago, such as 24h")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_begins_at_midnight_utc() {
        for (text, shown) in [
            ("2026-12-01", "2026-12-01T00:00:00Z"),
            ("2026-12-01T08:00:00Z", "2026-12-01T08:00:00Z"),
            ("2026-12-01T08:00:00+01:00", "2026-12-01T07:00:00Z"),
        ] {
            assert_eq!(moment(text).unwrap().to_string(), shown, "{text}");
        }
        for text in [
            "",
            "tomorrow",
            "2026-13-01",
            "1.12.2026",
            "2026-12-01T08:00:00",
            "20261201",
        ] {
            assert!(moment(text).is_err(), "{text}");
        }
    }
}
