//! Tokens sent by SMS: made, kept as keyed hashes, compared, and put into words.

use std::time::Duration;

use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use crate::directory::Phone;
use crate::secret::{KeyRing, Purpose, random_bytes};
use crate::sessions::ChallengeId;

/// A token may work for 10 minutes at most (NIST SP 800-63B-4 3.1.3.2).
pub const LONGEST_TTL: Duration = Duration::from_secs(600);

/// A random token of `digits` decimal digits (held to 6 to 10), each as likely as any other.
pub fn random_token(digits: u32) -> Zeroizing<String> {
    let digits = digits.clamp(6, 10);
    let count = 10_u64.pow(digits);
    // Numbers above the last whole multiple would make small tokens likelier: drawn again.
    let whole = u64::MAX - u64::MAX % count;
    loop {
        let drawn = u64::from_be_bytes(random_bytes());
        if drawn < whole {
            let width = digits as usize;
            return Zeroizing::new(format!("{:0width$}", drawn % count));
        }
    }
}

/// What a token is bound to: it counts for this challenge only, and only while this is the number that it
/// was sent to.
#[derive(Clone, Copy)]
pub struct Binding<'a> {
    /// The challenge it was sent for.
    pub challenge: &'a ChallengeId,
    /// The number it was sent to.
    pub to: &'a Phone,
}

impl Binding<'_> {
    /// The keyed hash under which a token is kept.
    pub fn hash(self, keys: &KeyRing, token: &str) -> String {
        keys.keyed_hash(Purpose::Token, self.bound(token).as_bytes())
    }

    /// Whether `hash` is that of `token` under any key of the ring; in constant time.
    pub fn fits(self, keys: &KeyRing, token: &str, hash: &str) -> bool {
        keys.keyed_hashes(Purpose::Token, self.bound(token).as_bytes())
            .iter()
            .fold(false, |fits, one| {
                fits | bool::from(one.as_bytes().ct_eq(hash.as_bytes()))
            })
    }

    fn bound(self, token: &str) -> Zeroizing<String> {
        Zeroizing::new(format!("{}:{}:{token}", self.challenge.0, self.to.e164()))
    }
}

/// The message. Its last line binds the token to `host`, so that phones offer it there and nowhere else
/// (the WICG's "Origin-bound one-time codes delivered via SMS").
pub fn text(portal_name: &str, token: &str, ttl: Duration, host: &str) -> Zeroizing<String> {
    let works = in_words(ttl);
    Zeroizing::new(format!(
        "Your token for {portal_name} is {token}. It works for {works}.\n\n@{host} #{token}"
    ))
}

fn in_words(ttl: Duration) -> String {
    match ttl.as_secs() {
        1 => "1 second".to_owned(),
        seconds @ 0..60 => format!("{seconds} seconds"),
        60..120 => "1 minute".to_owned(),
        seconds => format!("{} minutes", seconds / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_have_their_digits_and_each_digit_is_as_likely() {
        for (asked, digits) in [(0, 6), (6, 6), (7, 7), (10, 10), (40, 10)] {
            assert_eq!(random_token(asked).len(), digits);
        }
        let mut seen = [[0_u32; 10]; 6];
        for _ in 0..5000 {
            for (place, digit) in random_token(6).bytes().enumerate() {
                seen[place][usize::from(digit - b'0')] += 1;
            }
        }
        // 500 expected, standard deviation 21: a range of seven on either side.
        assert!(
            seen.iter().flatten().all(|count| (350..650).contains(count)),
            "{seen:?}"
        );
    }

    #[test]
    fn e7_a_token_counts_for_its_own_challenge_and_number_only() {
        let keys = KeyRing::ephemeral();
        let (one, other) = (ChallengeId::random(), ChallengeId::random());
        let to = Phone::parse("+14155550102", None).unwrap();
        let moved = Phone::parse("+14155550103", None).unwrap();
        let binding = Binding {
            challenge: &one,
            to: &to,
        };
        let hash = binding.hash(&keys, "123456");
        assert!(binding.fits(&keys, "123456", &hash));
        assert!(
            binding.fits(&keys.rotated(), "123456", &hash),
            "after a rotation too"
        );
        assert!(!binding.fits(&keys, "123457", &hash));
        assert!(!binding.fits(&keys, "123456", ""));
        assert!(!binding.fits(&KeyRing::ephemeral(), "123456", &hash));
        assert!(
            !Binding {
                challenge: &other,
                to: &to
            }
            .fits(&keys, "123456", &hash)
        );
        assert!(
            !Binding {
                challenge: &one,
                to: &moved
            }
            .fits(&keys, "123456", &hash)
        );
        assert!(!hash.contains("123456"));
    }

    #[test]
    fn the_text_says_how_long_and_ends_in_the_line_that_phones_read() {
        let text = text("Example Portal", "012345", LONGEST_TTL, "portal.example.com");
        assert_eq!(
            text.as_str(),
            "Your token for Example Portal is 012345. It works for 10 minutes.\n\n@portal.example.com #012345"
        );
        for (seconds, words) in [
            (1, "1 second"),
            (59, "59 seconds"),
            (60, "1 minute"),
            (150, "2 minutes"),
        ] {
            assert_eq!(in_words(Duration::from_secs(seconds)), words);
        }
    }
}
