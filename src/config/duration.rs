//! Durations and limits as people write them: `8s`, `30m`, `12h`, `30d`, `20/10m`.

use std::time::Duration;

use crate::sessions::Limit;

const UNITS: [(char, u64); 4] = [('d', 86_400), ('h', 3_600), ('m', 60), ('s', 1)];

/// Reads a duration: a whole number with `s`, `m`, `h` or `d`, or a bare `0`.
///
/// # Errors
/// A sentence that says how a duration is written.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let wrong =
        || format!("{text:?} is no duration; write a whole number with s, m, h or d, such as \"30m\"");
    let text_trimmed = text.trim();
    if text_trimmed == "0" {
        return Ok(Duration::ZERO);
    }
    let unit = text_trimmed.chars().last().ok_or_else(wrong)?;
    let (_, seconds) = UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(wrong)?;
    let number = text_trimmed.strip_suffix(unit).unwrap_or_default();
    if number.is_empty() || !number.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(wrong());
    }
    // Ten years: longer is a slip of the hand, and no sum of moments may overflow.
    number
        .parse::<u64>()
        .ok()
        .and_then(|number| number.checked_mul(*seconds))
        .filter(|seconds| *seconds <= 3_660 * 86_400)
        .map(Duration::from_secs)
        .ok_or_else(|| format!("{text:?} is longer than ten years"))
}

/// Like [`parse_duration`], but not zero.
///
/// # Errors
/// As there, and where it is zero.
pub fn parse_positive_duration(text: &str) -> Result<Duration, String> {
    let duration = parse_duration(text)?;
    if duration.is_zero() {
        return Err("cannot be 0; write a duration such as \"30m\"".into());
    }
    Ok(duration)
}

/// A duration in the largest unit that divides it: what [`parse_duration`] reads back.
pub fn show_duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    if seconds == 0 {
        return "0".into();
    }
    UNITS
        .iter()
        .find(|(_, unit)| seconds.is_multiple_of(*unit))
        .map_or_else(String::new, |(name, unit)| format!("{}{name}", seconds / unit))
}

/// Reads a limit: `COUNT/DURATION`.
///
/// # Errors
/// A sentence that says how a limit is written.
pub fn parse_limit(text: &str) -> Result<Limit, String> {
    let wrong = || format!("{text:?} is no limit; write a count and a duration, such as \"20/10m\"");
    let (count, window) = text.split_once('/').ok_or_else(wrong)?;
    let count = count.trim().parse::<u32>().map_err(|_| wrong())?;
    let window = parse_positive_duration(window)?;
    if count == 0 {
        return Err("a limit of 0 would let nothing through; the least is \"1/…\"".into());
    }
    Ok(Limit { count, window })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_and_shown() {
        for (text, seconds) in [
            ("0", 0),
            ("8s", 8),
            ("30m", 1_800),
            ("12h", 43_200),
            ("30d", 2_592_000),
        ] {
            let duration = parse_duration(text).unwrap();
            assert_eq!(duration, Duration::from_secs(seconds), "{text}");
            assert_eq!(show_duration(duration), text);
        }
        assert_eq!(show_duration(Duration::from_secs(90)), "90s");
        for text in [
            "",
            "5",
            "m",
            "-5m",
            "1.5h",
            "5 m",
            "5min",
            "5mm",
            "+5m",
            "99999999999d",
            "٣m",
        ] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn limits_are_a_count_in_a_window() {
        assert_eq!(
            parse_limit("20/10m").unwrap(),
            Limit {
                count: 20,
                window: Duration::from_secs(600)
            }
        );
        for text in ["20", "0/10m", "20/0", "/10m", "20/", "-1/1m", "20/10"] {
            assert!(parse_limit(text).is_err(), "{text}");
        }
    }
}
