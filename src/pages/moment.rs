//! Times and durations as pages show them.

use std::time::Duration;

use askama::Template;

use crate::clock::Timestamp;

/// A moment: UTC as sent, in the reader's zone once the script has run.
#[derive(Clone, Debug, PartialEq, Eq, Template)]
#[template(path = "moment.html")]
pub(super) struct Moment {
    iso: String,
    shown: String,
    dated: bool,
}

impl Moment {
    /// The time of a day that is clear from the context: `13:30 UTC`.
    pub fn time(at: Timestamp) -> Self {
        Self::shown_as(at, "%H:%M UTC", false)
    }

    /// Day and time: `24 Nov 2026, 13:30 UTC`.
    pub fn day(at: Timestamp) -> Self {
        Self::shown_as(at, "%-d %b %Y, %H:%M UTC", true)
    }

    fn shown_as(at: Timestamp, format: &str, dated: bool) -> Self {
        let iso = at.to_string();
        let shown = match jiff::Timestamp::from_second(at.seconds()) {
            Ok(moment) => moment.strftime(format).to_string(),
            Err(_) => iso.clone(),
        };
        Self { iso, shown, dated }
    }
}

/// Whole seconds from `now` to `until`, rounded up, so that it is never too early when they are over.
pub(super) fn seconds_until(until: Timestamp, now: Timestamp) -> u64 {
    until
        .since(now)
        .as_millis()
        .div_ceil(1000)
        .try_into()
        .unwrap_or(u64::MAX)
}

/// A duration in words: whole seconds below a minute, minutes above.
pub(super) fn in_words(duration: Duration) -> String {
    let seconds = duration.as_millis().div_ceil(1000);
    match (seconds, seconds.div_ceil(60)) {
        (0..60, _) => format!("{seconds} s"),
        (_, 1) => "1 minute".to_owned(),
        (_, minutes) => format!("{minutes} minutes"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_name_their_zone_and_durations_change_unit_at_a_minute() {
        let at = Timestamp(1_795_526_999_999);
        assert_eq!(
            Moment::time(at).to_string(),
            r#"<time datetime="2026-11-24T13:29:59Z">13:29 UTC</time>"#
        );
        assert_eq!(
            Moment::day(at).to_string(),
            r#"<time datetime="2026-11-24T13:29:59Z" data-day>24 Nov 2026, 13:29 UTC</time>"#
        );
        for (millis, words) in [
            (0, "0 s"),
            (1, "1 s"),
            (59_000, "59 s"),
            (59_001, "1 minute"),
            (60_001, "2 minutes"),
            (600_000, "10 minutes"),
        ] {
            assert_eq!(in_words(Duration::from_millis(millis)), words);
        }
        assert_eq!(seconds_until(Timestamp(1_001), Timestamp(0)), 2);
        assert_eq!(seconds_until(Timestamp(0), Timestamp(1_001)), 0);
    }

    #[test]
    fn a_moment_beyond_the_calendar_is_shown_all_the_same() {
        assert!(
            Moment::time(Timestamp(i64::MAX))
                .to_string()
                .contains(" s</time>")
        );
    }
}
