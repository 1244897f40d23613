//! A firm's policy as people write it: `KEY=VALUE`, and as JSON in the same words.

use std::time::Duration;

use super::moment::moment;
use crate::clock::Timestamp;
use crate::config::{Config, parse_duration, parse_positive_duration, show_duration};
use crate::gate::{FactorKind, Glob, Policy};

/// The keys that `firm set` knows, for messages.
const KEYS: &str = "name, factors, remember_device, idle_timeout, absolute_timeout, networks, enrolment_window, \
                    carry_over, sessions_per_employee, logins";

const FACTORS: [FactorKind; 5] = [
    FactorKind::Push,
    FactorKind::Sms,
    FactorKind::Totp,
    FactorKind::Passkey,
    FactorKind::RecoveryCode,
];

/// Applies one `KEY=VALUE`; an empty value clears the key.
///
/// # Errors
/// A sentence that says what is wrong with it.
pub fn set(
    name: &mut String,
    policy: &mut Policy,
    assignment: &str,
    config: &Config,
    now: Timestamp,
) -> Result<(), String> {
    let (key, value) = assignment
        .split_once('=')
        .ok_or_else(|| format!("{assignment:?} is no KEY=VALUE; the keys are {KEYS}"))?;
    let value = value.trim();
    let wrong = |what: String| format!("{key}: {what}");
    match key.trim() {
        "name" if value.is_empty() => return Err("name cannot be cleared".into()),
        "name" => value.clone_into(name),
        "factors" => policy.factors = given(value, factors).map_err(wrong)?,
        "remember_device" => {
            policy.remember_device = given(value, |text| {
                remember_device(text, config.sessions.remember_device)
            })
            .map_err(wrong)?
        }
        "idle_timeout" => {
            let most = config.sessions.idle_timeout;
            policy.idle_timeout = given(value, |text| at_most(text, most)).map_err(wrong)?;
        }
        "absolute_timeout" => {
            let most = config.sessions.absolute_timeout;
            policy.absolute_timeout = given(value, |text| at_most(text, most)).map_err(wrong)?;
        }
        "networks" => policy.networks = list(value, network).map_err(wrong)?,
        "enrolment_window" => {
            policy.enrolment_window = given(value, |text| window(text, now)).map_err(wrong)?;
        }
        "carry_over" => policy.carry_over = given(value, yes_or_no).map_err(wrong)?,
        "sessions_per_employee" => {
            policy.sessions_per_employee = given(value, at_least_one).map_err(wrong)?;
        }
        "logins" => policy.logins = list(value, pattern).map_err(wrong)?,
        other => return Err(format!("{other:?} is no key of a firm; the keys are {KEYS}")),
    }
    Ok(())
}

fn given<T>(text: &str, parse: impl FnOnce(&str) -> Result<T, String>) -> Result<Option<T>, String> {
    if text.is_empty() {
        Ok(None)
    } else {
        parse(text).map(Some)
    }
}

fn list<T>(text: &str, parse: impl Fn(&str) -> Result<T, String>) -> Result<Vec<T>, String> {
    let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
    items.map(parse).collect()
}

fn factors(text: &str) -> Result<Vec<FactorKind>, String> {
    let mut factors = list(text, |word| {
        FACTORS
            .into_iter()
            .find(|factor| factor.as_str() == word)
            .ok_or_else(|| {
                let known: Vec<&str> = FACTORS.iter().map(|factor| factor.as_str()).collect();
                format!("{word:?} is no factor; there are {}", known.join(", "))
            })
    })?;
    if factors.is_empty() {
        return Err("no factor is named; write factors= to allow all".into());
    }
    factors.sort_by_key(|factor| factor.as_str());
    factors.dedup();
    Ok(factors)
}

fn remember_device(text: &str, most: Duration) -> Result<u64, String> {
    let length = parse_duration(text)?;
    if length > most {
        return Err(format!(
            "the configuration allows {} at most ([sessions] remember_device)",
            show_duration(most)
        ));
    }
    Ok(length.as_secs())
}

fn at_most(text: &str, most: Duration) -> Result<u64, String> {
    let duration = parse_positive_duration(text)?;
    if duration > most {
        return Err(format!(
            "{text} is longer than the configuration's {}",
            show_duration(most)
        ));
    }
    Ok(duration.as_secs())
}

fn network(text: &str) -> Result<ipnet::IpNet, String> {
    let network = text
        .parse::<ipnet::IpNet>()
        .or_else(|_| text.parse::<std::net::IpAddr>().map(ipnet::IpNet::from))
        .map_err(|_| format!("{text:?} is no network; write it as 10.0.0.0/8 or 2001:db8::/32"))?;
    if network.prefix_len() == 0 {
        return Err(format!(
            "{text} is the whole world: switch the firm off if that is meant"
        ));
    }
    Ok(network.trunc())
}

/// Until a moment, or for so long from now.
fn window(text: &str, now: Timestamp) -> Result<Timestamp, String> {
    match parse_positive_duration(text) {
        Ok(length) => Ok(now.plus(length)),
        Err(_) => moment(text).map_err(|error| format!("{error}, or how long from now, such as 7d")),
    }
}

fn yes_or_no(text: &str) -> Result<bool, String> {
    match text {
        "yes" | "true" | "on" => Ok(true),
        "no" | "false" | "off" => Ok(false),
        other => Err(format!("{other:?} is neither yes nor no")),
    }
}

fn at_least_one(text: &str) -> Result<u32, String> {
    text.parse()
        .ok()
        .filter(|count| *count > 0)
        .ok_or_else(|| format!("{text:?} is no number of sessions; the least is 1"))
}

fn pattern(text: &str) -> Result<String, String> {
    Glob::parse(text)?;
    Ok(text.to_owned())
}

/// The policy's keys that are set, in the words in which they are set.
pub fn words(policy: &Policy) -> Vec<(&'static str, String)> {
    let seconds = |seconds: u64| show_duration(Duration::from_secs(seconds));
    let mut words = Vec::new();
    let mut put = |key, value: Option<String>| words.extend(value.map(|value| (key, value)));
    let joined = |items: Vec<String>| (!items.is_empty()).then(|| items.join(","));
    put(
        "factors",
        policy.factors.as_ref().map(|factors| names(factors).join(",")),
    );
    put("remember_device", policy.remember_device.map(seconds));
    put("idle_timeout", policy.idle_timeout.map(seconds));
    put("absolute_timeout", policy.absolute_timeout.map(seconds));
    put(
        "networks",
        joined(policy.networks.iter().map(ToString::to_string).collect()),
    );
    put(
        "enrolment_window",
        policy.enrolment_window.map(|until| until.to_string()),
    );
    put(
        "carry_over",
        policy
            .carry_over
            .map(|carry| if carry { "yes" } else { "no" }.to_owned()),
    );
    put(
        "sessions_per_employee",
        policy.sessions_per_employee.map(|count| count.to_string()),
    );
    put("logins", joined(policy.logins.clone()));
    words
}

pub(super) fn names(factors: &[FactorKind]) -> Vec<&'static str> {
    factors.iter().map(|factor| factor.as_str()).collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    const NOW: Timestamp = Timestamp(1_764_000_000_000);

    fn config() -> Config {
        Config::parse(
            include_str!("../../config/doorstep.toml"),
            Path::new("/x/doorstep.toml"),
        )
        .unwrap()
    }

    fn set_all(assignments: &[&str]) -> Result<(String, Policy), String> {
        let (mut name, mut policy) = ("Corp A".to_owned(), Policy::default());
        for assignment in assignments {
            set(&mut name, &mut policy, assignment, &config(), NOW)?;
        }
        Ok((name, policy))
    }

    #[test]
    fn every_key_is_set_shown_and_cleared() {
        let given = [
            "factors=totp,push,sms",
            "remember_device=0",
            "idle_timeout=15m",
            "absolute_timeout=8h",
            "networks=10.0.0.0/8,2001:db8::/32",
            "enrolment_window=2026-12-01",
            "carry_over=no",
            "sessions_per_employee=3",
            "logins=*@corp-a.example",
        ];
        let (_, policy) = set_all(&given).unwrap();
        let shown: Vec<String> = words(&policy)
            .into_iter()
            .map(|(key, value)| format!("{key}={value}"))
            .collect();
        let mut expected: Vec<String> = given.iter().map(|text| (*text).to_owned()).collect();
        expected[0] = "factors=push,sms,totp".into();
        expected[5] = "enrolment_window=2026-12-01T00:00:00Z".into();
        assert_eq!(shown, expected);
        let again: Vec<&str> = shown.iter().map(String::as_str).collect();
        assert_eq!(set_all(&again).unwrap().1, policy);
        let cleared: Vec<String> = words(&policy).iter().map(|(key, _)| format!("{key}=")).collect();
        let mut policy = policy;
        for assignment in cleared {
            set(&mut String::new(), &mut policy, &assignment, &config(), NOW).unwrap();
        }
        assert_eq!(policy, Policy::default());
    }

    #[test]
    fn what_does_not_fit_is_refused_with_its_key() {
        for (assignment, words) in [
            ("name=", "cannot be cleared"),
            ("colour=red", "no key of a firm"),
            ("factors", "no KEY=VALUE"),
            ("factors=email", "is no factor"),
            ("factors=,", "no factor is named"),
            ("idle_timeout=2h", "longer than the configuration's 30m"),
            ("idle_timeout=0", "cannot be 0"),
            ("absolute_timeout=1d", "longer than the configuration's 12h"),
            ("remember_device=30d", "allows 0 at most"),
            ("networks=0.0.0.0/0", "whole world"),
            ("networks=ten", "is no network"),
            ("carry_over=maybe", "neither yes nor no"),
            ("sessions_per_employee=0", "least is 1"),
            ("enrolment_window=soon", "is no moment"),
        ] {
            let error = set_all(&[assignment]).unwrap_err();
            assert!(error.contains(words), "{assignment}: {error}");
        }
        assert_eq!(
            set_all(&["enrolment_window=7d"]).unwrap().1.enrolment_window,
            Some(NOW.plus(Duration::from_secs(604_800)))
        );
        assert_eq!(set_all(&["name=Corp B"]).unwrap().0, "Corp B");
    }
}
