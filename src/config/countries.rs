//! `[factors.sms] countries`: where tokens may be sent.

use phonenumber::metadata::DATABASE;

use crate::directory::Phone;

/// The countries that SMS may go to; none named: all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Countries(Vec<Country>);

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Country {
    /// By calling code, which several countries may share: `+1`.
    Code(String),
    /// By ISO 3166-1 alpha-2.
    Iso(String),
}

impl Countries {
    pub(super) fn new(countries: Vec<Country>) -> Self {
        Self(countries)
    }

    #[cfg(test)]
    pub fn of(named: &[&str]) -> Self {
        Self(named.iter().map(|text| Country::parse(text).unwrap()).collect())
    }

    /// Whether a token may be sent to this number.
    pub fn allow(&self, phone: &Phone) -> bool {
        self.0.is_empty()
            || self.0.iter().any(|country| match country {
                Country::Code(code) => phone.parts().is_some_and(|(given, _)| given == *code),
                Country::Iso(iso) => phone.country().is_some_and(|given| given == *iso),
            })
    }

    /// As written, for words; `None` where all are allowed.
    pub fn shown(&self) -> Option<String> {
        let shown = |country: &Country| match country {
            Country::Code(code) => format!("+{code}"),
            Country::Iso(iso) => iso.clone(),
        };
        (!self.0.is_empty()).then(|| self.0.iter().map(shown).collect::<Vec<_>>().join(", "))
    }
}

impl Country {
    /// Reads `US` or `+49`.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is no country; write \"US\" (ISO 3166) or \"+49\" (calling code)");
        if let Some(code) = text.strip_prefix('+') {
            let number: u16 = code.parse().map_err(|_| wrong())?;
            let known = DATABASE.by_code(&number).is_some() && code == number.to_string();
            return known.then(|| Self::Code(code.to_owned())).ok_or_else(wrong);
        }
        let id = text.parse::<phonenumber::country::Id>().map_err(|_| wrong())?;
        Ok(Self::Iso(id.as_ref().to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn g8_a_number_of_a_country_that_is_not_named_is_not_allowed() {
        for (named, number, allowed) in [
            (&[][..], "+8562023456789", true),
            (&["US"], "+14155550102", true),
            // Both have +1, and Jamaica is dearer.
            (&["US"], "+18762101234", false),
            (&["US"], "+14165550102", false),
            (&["US", "CA"], "+14165550102", true),
            (&["+1"], "+18762101234", true),
            (&["+49"], "+4915123456789", true),
            (&["DE"], "+4915123456789", true),
            (&["+49", "US"], "+33612345678", false),
        ] {
            let phone = Phone::parse(number, None).unwrap();
            assert_eq!(Countries::of(named).allow(&phone), allowed, "{named:?} {number}");
        }
    }

    #[test]
    fn only_countries_that_there_are_can_be_named() {
        for text in ["", "+", "+0", "+999", "+049", "49", "XX", "us", "Germany", "+1 "] {
            let read = Country::parse(text);
            assert!(read.is_err(), "{text:?}: {read:?}");
        }
        assert_eq!(Countries::of(&["US", "+49"]).shown().as_deref(), Some("US, +49"));
        assert_eq!(Countries::default().shown(), None);
    }
}
