//! Keys from an authenticator app (RFC 6238).

use totp_rs::Builder;

use crate::clock::Timestamp;
use crate::directory::TotpShape;
use crate::secret::Redacted;

/// The time step whose key `typed` is, the oldest where it is that of several: within `shape.skew` steps of
/// `now`, compared in constant time. `None` where it is none, and where secret or shape break RFC 4226
/// (under 128 bits, other than 6 to 8 digits).
///
/// Grants nothing: a step counts only once the directory has recorded it as used (I7).
pub fn check(secret: &Redacted<Vec<u8>>, shape: TotpShape, typed: &str, now: Timestamp) -> Option<u64> {
    let totp = Builder::new()
        .with_secret(secret.reveal().clone())
        .with_digits(u8::try_from(shape.digits).ok()?)
        .with_step_duration(shape.period)
        .with_skew(u16::from(shape.skew))
        .build()
        .ok()?;
    totp.check(typed, u64::try_from(now.seconds()).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHAPE: TotpShape = TotpShape {
        digits: 8,
        period: 30,
        skew: 0,
    };

    fn secret() -> Redacted<Vec<u8>> {
        Redacted::new(b"12345678901234567890".to_vec())
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp(seconds * 1000)
    }

    #[test]
    fn the_keys_are_those_of_rfc_6238() {
        // RFC 6238, appendix B.
        for (seconds, key, step) in [
            (59, "94287082", 0x1),
            (1_111_111_109, "07081804", 0x023_523EC),
            (1_111_111_111, "14050471", 0x023_523ED),
            (1_234_567_890, "89005924", 0x027_3EF07),
            (2_000_000_000, "69279037", 0x3F9_40AA),
            (20_000_000_000, "65353130", 0x27BC_86AA),
        ] {
            assert_eq!(check(&secret(), SHAPE, key, at(seconds)), Some(step), "{seconds}");
            let six = TotpShape { digits: 6, ..SHAPE };
            assert_eq!(check(&secret(), six, &key[2..], at(seconds)), Some(step));
            let seven = TotpShape { digits: 7, ..SHAPE };
            assert_eq!(check(&secret(), seven, &key[1..], at(seconds)), Some(step));
        }
    }

    #[test]
    fn the_keys_are_those_of_rfc_4226() {
        // RFC 4226, appendix D: by counter, which here is the time's step.
        let six = TotpShape { digits: 6, ..SHAPE };
        for (counter, key) in [
            "755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871",
            "520489",
        ]
        .into_iter()
        .enumerate()
        {
            let step = u64::try_from(counter).unwrap();
            let seconds = 30 * i64::try_from(counter).unwrap();
            assert_eq!(check(&secret(), six, key, at(seconds)), Some(step), "{counter}");
            let twenty = TotpShape { period: 20, ..six };
            let seconds = 20 * i64::try_from(counter).unwrap();
            assert_eq!(
                check(&secret(), twenty, key, at(seconds)),
                Some(step),
                "{counter}"
            );
        }
    }

    #[test]
    fn g6_a_key_counts_within_the_skew_and_never_beyond() {
        let skew = TotpShape { skew: 1, ..SHAPE };
        for (seconds, counts) in [(29, true), (59, true), (89, true), (90, false), (150, false)] {
            assert_eq!(
                check(&secret(), skew, "94287082", at(seconds)).is_some(),
                counts,
                "{seconds}"
            );
        }
        assert_eq!(check(&secret(), SHAPE, "94287082", at(60)), None);
        let short = TotpShape { period: 20, ..SHAPE };
        assert_eq!(check(&secret(), short, "94287082", at(39)), Some(1));
    }

    #[test]
    fn g5_odd_input_and_odd_shapes_match_nothing() {
        for typed in [
            "",
            "9428708",
            "942870820",
            "+4287082",
            "９４２８７０８２",
            "94287082 ",
        ] {
            assert_eq!(check(&secret(), SHAPE, typed, at(59)), None, "{typed:?}");
        }
        for (digits, period) in [(5, 30), (9, 30), (300, 30), (8, 0)] {
            let shape = TotpShape {
                digits,
                period,
                skew: 1,
            };
            assert_eq!(check(&secret(), shape, "94287082", at(59)), None);
        }
        let skew = TotpShape { skew: 255, ..SHAPE };
        for now in [Timestamp(i64::MIN), Timestamp(-1), Timestamp(i64::MAX)] {
            let _ = check(&secret(), skew, "94287082", now);
        }
        assert_eq!(
            check(&Redacted::new(b"short".to_vec()), SHAPE, "94287082", at(59)),
            None
        );
    }
}
