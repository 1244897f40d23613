//! Remembered devices (DESIGN section 7): looked at only after an accepted password, rotated at each use.

use std::time::Duration;

use cookie::{Cookie, SameSite};
use zeroize::Zeroizing;

use super::{Accepted, DEVICE_NAMES, Doorstep, Unknown};
use crate::clock::Timestamp;
use crate::config::Origin;
use crate::directory::{Actor, DeviceUse, NewDevice, PresentedDevice};
use crate::gate::{EmployeeStanding, FactorKind, FirmStanding, Login};
use crate::secret::{Purpose, SessionToken, hex, random_id};

/// What a browser's device cookie holds: which device, and its token.
#[derive(Clone)]
pub struct DeviceCookie {
    /// The device's id. Not a secret.
    pub id: String,
    /// 256 random bits, another at each use.
    pub token: SessionToken,
}

impl DeviceCookie {
    /// Reads a cookie's value.
    pub fn parse(text: &str) -> Option<Self> {
        let (id, token) = text.split_once('.')?;
        let fits = id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
        let token = SessionToken::parse(token)?;
        fits.then(|| Self {
            id: id.to_owned(),
            token,
        })
    }

    /// The digest of a password (itself a keyed hash) that only this token can make.
    fn digest(&self, password: &str) -> String {
        hex(&self
            .token
            .keyed_digest("doorstep device password", password.as_bytes()))
    }
}

/// The device cookie's name for this public address.
pub fn device_cookie_name(public: &Origin) -> &'static str {
    let [secure, plain] = DEVICE_NAMES;
    if public.is_secure() { secure } else { plain }
}

impl Doorstep {
    /// For how long this firm's people may have a device remembered; `None`: not at all.
    pub fn remembers_for(&self, firm: &FirmStanding) -> Option<Duration> {
        let most = self.settings.load().config.sessions.remember_device;
        let wanted = Duration::from_secs(firm.policy.remember_device.unwrap_or(0));
        Some(most.min(wanted)).filter(|length| !length.is_zero())
    }

    /// Keyed hashes of a password of this employee's, under each key of the ring, newest first.
    pub(super) fn password_hashes(&self, login: &Login, password: &str) -> Vec<String> {
        let bound = Zeroizing::new(format!("password:{}\0{password}", login.folded()));
        self.keys.keyed_hashes(Purpose::Token, bound.as_bytes())
    }

    /// Remembers the device on which a factor was just verified; its cookie. `None` where the firm or the
    /// configuration does not allow that, the password was not seen, or a recovery code was used.
    ///
    /// # Errors
    /// Where the directory cannot answer.
    pub async fn remember(
        &self,
        login: &Login,
        factor: FactorKind,
        password: Option<&str>,
        browser: &str,
        from: std::net::IpAddr,
        now: Timestamp,
    ) -> Result<Option<String>, Unknown> {
        let Some(standing) = self.directory.standing(login).await? else {
            return Ok(None);
        };
        let (Some(length), Some(password)) = (self.remembers_for(&standing.firm), password) else {
            return Ok(None);
        };
        if factor == FactorKind::RecoveryCode {
            return Ok(None);
        }
        let device = DeviceCookie {
            id: random_id(),
            token: SessionToken::random(),
        };
        let actor = Actor {
            name: login.to_string(),
            from: from.to_string(),
        };
        let new = NewDevice {
            id: device.id.clone(),
            hash: device.token.id().0,
            password: device.digest(password),
            factor,
            browser: browser.to_owned(),
            address: from.to_canonical().to_string(),
            employee_epoch: standing.epoch,
            firm_epoch: standing.firm.epoch,
            expires: now.plus(length),
        };
        self.directory.remember_device(&actor, login, &new, now).await?;
        self.copies.changed_here().await?;
        Ok(Some(self.device_cookie(&device, length)))
    }

    /// Judges the device that came with an accepted login: its id and the next cookie where it counts.
    pub(super) async fn recognise(
        &self,
        accepted: &Accepted<'_>,
        standing: &EmployeeStanding,
    ) -> Result<Option<(String, String)>, Unknown> {
        let (Some(device), Some(password)) = (accepted.device, accepted.password) else {
            return Ok(None);
        };
        let now = accepted.now;
        let login = &standing.login;
        if self.remembers_for(&standing.firm).is_none() {
            return Ok(None);
        }
        let current = self.directory.standing(login).await?;
        if !current.is_some_and(|current| current.remembers(&device.id, now)) {
            return Ok(None);
        }
        let hashes = self.password_hashes(login, password);
        let next = DeviceCookie {
            id: device.id.clone(),
            token: SessionToken::random(),
        };
        let newest = hashes.first().map_or("", String::as_str);
        let presented = PresentedDevice {
            id: &device.id,
            hash: &device.token.id().0,
            passwords: hashes.iter().map(|hash| device.digest(hash)).collect(),
            next_hash: &next.token.id().0,
            next_password: &next.digest(newest),
            address: &accepted.client.to_canonical().to_string(),
        };
        let actor = Actor {
            name: login.to_string(),
            from: accepted.client.to_string(),
        };
        let used = self.directory.use_device(&actor, login, &presented, now).await?;
        if used == DeviceUse::Revoked {
            self.copies.changed_here().await?;
        }
        Ok(match used {
            DeviceUse::Rotated(expires) => {
                Some((device.id.clone(), self.device_cookie(&next, expires.since(now))))
            }
            DeviceUse::Ignored | DeviceUse::Revoked => None,
        })
    }

    /// The Set-Cookie value that hands a device's token to the browser.
    fn device_cookie(&self, device: &DeviceCookie, length: Duration) -> String {
        let settings = self.settings.load();
        let public = &settings.config.listen.public_url;
        let value = format!("{}.{}", device.id, device.token.cookie_value());
        let seconds = i64::try_from(length.as_secs()).unwrap_or(i64::MAX);
        Cookie::build((device_cookie_name(public), value))
            .path("/")
            .http_only(true)
            .same_site(SameSite::Lax)
            .secure(public.is_secure())
            .max_age(time::Duration::seconds(seconds))
            .build()
            .to_string()
    }
}

/// What a browser calls itself, in words: `Firefox on Linux`.
pub fn browser_in_words(agent: &str) -> String {
    let first = |known: &[(&str, &'static str)], other: &'static str| {
        let found = known.iter().find(|(mark, _)| agent.contains(mark));
        found.map_or(other, |(_, name)| name)
    };
    let browser = first(
        &[
            ("Edg", "Edge"),
            ("OPR/", "Opera"),
            ("Firefox/", "Firefox"),
            ("Chrome/", "Chrome"),
            ("Safari/", "Safari"),
        ],
        "A browser",
    );
    let system = first(
        &[
            ("Android", "Android"),
            ("iPhone", "iPhone"),
            ("iPad", "iPad"),
            ("Windows", "Windows"),
            ("Mac OS", "Mac"),
            ("Linux", "Linux"),
        ],
        "an unknown system",
    );
    format!("{browser} on {system}")
}
