//! The demo's people: two firms, their techs and admins, with passwords, numbers and keys.

use totp_rs::{Builder, Totp};

use super::portal::Account;
use crate::clock::Timestamp;
use crate::directory::{Actor, ChangeRefused, Directory, NewEmployee, Phone, TotpShape};
use crate::gate::{FirmId, Login, Role};
use crate::secret::random_bytes;

/// A firm of the demo.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Firm {
    /// Its id in the directory.
    pub id: &'static str,
    /// Its name, in portal and directory.
    pub name: &'static str,
    /// Whether it begins with two-factor on.
    pub two_factor: bool,
}

impl Firm {
    /// Its id, parsed.
    ///
    /// # Errors
    /// Where it is none.
    pub fn firm_id(&self) -> anyhow::Result<FirmId> {
        FirmId::parse(self.id).map_err(anyhow::Error::msg)
    }
}

/// The two firms.
pub const FIRMS: [Firm; 2] = [
    Firm {
        id: "corp-a",
        name: "Corp A",
        two_factor: true,
    },
    Firm {
        id: "corp-b",
        name: "Corp B",
        two_factor: false,
    },
];

/// An employee, with what only a demo may know of them.
pub struct Person {
    /// Portal username.
    pub login: &'static str,
    /// The portal's password.
    pub password: &'static str,
    /// Their name.
    pub name: &'static str,
    /// Their firm.
    pub firm: &'static Firm,
    /// Tech or admin.
    pub role: Role,
    /// Their number: of a block that is kept for fiction.
    pub phone: &'static str,
    /// The key generator on their phone, if they have one.
    pub key: Option<Key>,
}

/// A key generator, as an app on a phone holds it.
pub struct Key {
    /// How its keys look.
    pub shape: TotpShape,
    secret: Vec<u8>,
    generator: Totp,
}

const USUAL: TotpShape = TotpShape {
    digits: 6,
    period: 30,
    skew: 1,
};

/// As the Authy app shows keys of Authy accounts.
const SEVEN_DIGITS: TotpShape = TotpShape {
    digits: 7,
    period: 20,
    skew: 1,
};

impl Key {
    fn random(shape: TotpShape) -> anyhow::Result<Self> {
        let secret = random_bytes::<20>().to_vec();
        let generator = Builder::new()
            .with_digits(u8::try_from(shape.digits)?)
            .with_step_duration(shape.period)
            .with_secret(secret.clone())
            .build()?;
        Ok(Self {
            shape,
            secret,
            generator,
        })
    }

    /// The key at `now`, and for how many seconds it is shown.
    pub fn at(&self, now: Timestamp) -> (String, u64) {
        let seconds = u64::try_from(now.seconds()).unwrap_or(0);
        let left = self.shape.period - seconds % self.shape.period;
        (self.generator.generate(seconds).to_string(), left)
    }
}

/// Everybody, with keys made anew.
///
/// # Errors
/// Where the key generator does not take a shape.
pub fn people() -> anyhow::Result<Vec<Person>> {
    let [a, b] = &FIRMS;
    let (tech, admin) = (Role::Tech, Role::Admin);
    let rows = [
        (
            "anna@corp-a.example",
            "anna-demo",
            "Anna Adler",
            a,
            tech,
            "+14155550101",
            Some(USUAL),
        ),
        (
            "adam@corp-a.example",
            "adam-demo",
            "Adam Abel",
            a,
            tech,
            "+14155550102",
            None,
        ),
        (
            "alice@corp-a.example",
            "alice-demo",
            "Alice Arden",
            a,
            admin,
            "+14155550103",
            Some(SEVEN_DIGITS),
        ),
        (
            "bob@corp-b.example",
            "bob-demo",
            "Bob Brook",
            b,
            tech,
            "+14155550104",
            Some(USUAL),
        ),
        (
            "bella@corp-b.example",
            "bella-demo",
            "Bella Berg",
            b,
            tech,
            "+14155550105",
            None,
        ),
        (
            "boris@corp-b.example",
            "boris-demo",
            "Boris Blake",
            b,
            admin,
            "+14155550106",
            Some(SEVEN_DIGITS),
        ),
    ];
    rows.into_iter()
        .map(|(login, password, name, firm, role, phone, shape)| {
            Ok(Person {
                login,
                password,
                name,
                firm,
                role,
                phone,
                key: shape.map(Key::random).transpose()?,
            })
        })
        .collect()
}

/// The portal's accounts of these people.
pub fn accounts(people: &[Person]) -> Vec<Account> {
    people
        .iter()
        .map(|person| Account {
            email: person.login.to_owned(),
            password: person.password.to_owned(),
            name: person.name.to_owned(),
            firm: person.firm.name.to_owned(),
        })
        .collect()
}

/// Who makes the demo's changes.
pub fn actor() -> Actor {
    Actor {
        name: "ops".to_owned(),
        from: "demo".to_owned(),
    }
}

/// Fills an empty directory with firms, people and keys.
///
/// # Errors
/// Whatever the directory refuses.
pub async fn fill(directory: &Directory, people: &[Person], now: Timestamp) -> anyhow::Result<()> {
    let actor = actor();
    for firm in &FIRMS {
        directory
            .add_firm(&actor, &firm.firm_id()?, firm.name, now)
            .await?;
    }
    for person in people {
        let login = Login::parse(person.login)?;
        let new = NewEmployee {
            login: login.clone(),
            firm: person.firm.firm_id()?,
            name: person.name.to_owned(),
            phone: Some(Phone::parse(person.phone, None).map_err(anyhow::Error::msg)?),
            email: Some(person.login.to_owned()),
            role: person.role,
        };
        directory.add_employee(&actor, &new, now).await?;
        if let Some(key) = &person.key {
            directory
                .add_totp(&actor, &login, &key.secret, key.shape, "Phone", -1, now)
                .await?;
        }
    }
    for firm in &FIRMS {
        switch(directory, firm.id, firm.two_factor, now).await?;
    }
    Ok(())
}

/// Switches a firm's second factor on or off.
///
/// # Errors
/// Whatever the directory refuses.
pub async fn switch(
    directory: &Directory,
    firm: &str,
    on: bool,
    now: Timestamp,
) -> Result<(), ChangeRefused> {
    let firm = FirmId::parse(firm).map_err(ChangeRefused::NotFound)?;
    if on {
        directory
            .enable_two_factor(&actor(), &firm, None, false, now)
            .await
            .map(|_| ())
    } else {
        directory.disable_two_factor(&actor(), &firm, now).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_is_one_that_an_sms_could_go_to() {
        for person in people().unwrap() {
            let phone = Phone::parse(person.phone, None).unwrap();
            assert_eq!(phone.e164(), person.phone, "messages are found by this spelling");
        }
    }

    #[test]
    fn a_key_ticks_with_its_own_period_and_digits() {
        let key = Key::random(SEVEN_DIGITS).unwrap();
        let (first, left) = key.at(Timestamp(1_000_000_019_999));
        assert_eq!((first.len(), left), (7, 1));
        let (next, left) = key.at(Timestamp(1_000_000_020_000));
        assert_eq!(left, 20);
        assert_ne!(first, next);
    }

    #[test]
    fn both_firms_have_a_tech_with_a_key_one_without_and_an_admin() {
        let people = people().unwrap();
        for firm in &FIRMS {
            let of_firm = || people.iter().filter(|person| person.firm == firm);
            assert!(of_firm().any(|person| person.role == Role::Tech && person.key.is_some()));
            assert!(of_firm().any(|person| person.role == Role::Tech && person.key.is_none()));
            assert!(of_firm().any(|person| person.role == Role::Admin));
        }
    }
}
