//! The key file: seals what the directory keeps (factor secrets, phones) and makes the keyed hashes
//! by which sealed values can be compared.
//!
//! One key a line, `ID BASE64`, newest first; `#` begins a comment. The first seals, all open.

use std::fmt;
use std::io::Write as _;
use std::path::Path;

use arc_swap::ArcSwap;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::{hkdf, hmac};
use zeroize::Zeroizing;

use super::{hex, random_bytes};

/// What a sealed value or keyed hash is for; one purpose's values say nothing about another's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// A factor's secret.
    Factor,
    /// A phone number.
    Phone,
    /// A token, passcode or code that is kept only to be compared.
    Token,
    /// A key of a limit, so that the store holds no login, number or address in the clear.
    Limit,
}

impl Purpose {
    fn label(self) -> &'static [u8] {
        match self {
            Self::Factor => b"factor",
            Self::Phone => b"phone",
            Self::Token => b"token",
            Self::Limit => b"limit",
        }
    }
}

/// Why a key file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyRingError {
    /// The file could not be read or written.
    #[error("key file {path}: {source}. Make one with: doorstep key new {path}")]
    Io {
        /// The file.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// A line is not a key.
    #[error("key file {path}, line {line}: expected an id and 32 bytes in base64")]
    Line {
        /// The file.
        path: String,
        /// Its line, from 1.
        line: usize,
    },
    /// No key at all.
    #[error("key file {path} holds no key. Make one with: doorstep key new FILE")]
    Empty {
        /// The file.
        path: String,
    },
    /// A value was sealed under a key that the file no longer holds, or was changed.
    #[error("a value in the directory cannot be opened with the keys in the key file")]
    Unopenable,
}

struct Key {
    id: String,
    master: Zeroizing<[u8; 32]>,
}

impl Key {
    fn derive(&self, kind: &[u8], purpose: Purpose) -> Zeroizing<[u8; 32]> {
        let mut out = Zeroizing::new([0_u8; 32]);
        hkdf::Salt::new(hkdf::HKDF_SHA256, b"doorstep key file v1")
            .extract(self.master.as_slice())
            .expand(&[kind, purpose.label()], hkdf::HKDF_SHA256)
            .and_then(|okm| okm.fill(out.as_mut_slice()))
            .expect("32 bytes are within what HKDF-SHA256 gives");
        out
    }

    fn cipher(&self, purpose: Purpose) -> LessSafeKey {
        let key = UnboundKey::new(&AES_256_GCM, self.derive(b"seal", purpose).as_slice())
            .expect("32 bytes are a key of AES-256");
        LessSafeKey::new(key)
    }
}

/// The keys of the key file, newest first. Never empty. Shared by all that seal and open, so that a rotation
/// reaches a running gateway.
pub struct KeyRing {
    keys: ArcSwap<Vec<Key>>,
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys = self.keys.load();
        let ids: Vec<&str> = keys.iter().map(|key| key.id.as_str()).collect();
        f.debug_struct("KeyRing")
            .field("ids", &ids)
            .finish_non_exhaustive()
    }
}

impl KeyRing {
    /// A ring with one new key, kept nowhere: for tests and the demo.
    pub fn ephemeral() -> Self {
        Self {
            keys: ArcSwap::from_pointee(vec![Self::new_key()]),
        }
    }

    /// Reads a key file.
    ///
    /// # Errors
    /// Where the file is missing or unreadable, a line is no key, or there is none.
    pub fn read(path: &Path) -> Result<Self, KeyRingError> {
        let shown = path.display().to_string();
        let text = std::fs::read_to_string(path)
            .map(Zeroizing::new)
            .map_err(|source| KeyRingError::Io {
                path: shown.clone(),
                source,
            })?;
        let mut keys = Vec::new();
        for (number, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let key = Self::parse_line(line).ok_or_else(|| KeyRingError::Line {
                path: shown.clone(),
                line: number + 1,
            })?;
            keys.push(key);
        }
        if keys.is_empty() {
            return Err(KeyRingError::Empty { path: shown });
        }
        Ok(Self {
            keys: ArcSwap::from_pointee(keys),
        })
    }

    fn parse_line(line: &str) -> Option<Key> {
        let (id, encoded) = line.split_once(char::is_whitespace)?;
        let bytes = Zeroizing::new(STANDARD.decode(encoded.trim()).ok()?);
        let master = <[u8; 32]>::try_from(bytes.as_slice()).ok()?;
        Some(Key {
            id: id.to_owned(),
            master: Zeroizing::new(master),
        })
    }

    /// Makes a new key file, readable by its owner only. Never overwrites.
    ///
    /// # Errors
    /// Where the file exists or cannot be written.
    pub fn create(path: &Path) -> Result<Self, KeyRingError> {
        let ring = Self::ephemeral();
        let io = |source| KeyRingError::Io {
            path: path.display().to_string(),
            source,
        };
        let mut file = owner_only(path, true).map_err(io)?;
        file.write_all(ring.to_text().as_bytes())
            .and_then(|()| file.sync_all())
            .map_err(io)?;
        Ok(ring)
    }

    /// This ring with a new key in front; the old ones stay to open what they sealed.
    pub fn rotated(&self) -> Self {
        let present = self.keys.load();
        let old = present.iter().map(|key| Key {
            id: key.id.clone(),
            master: key.master.clone(),
        });
        Self {
            keys: ArcSwap::from_pointee(std::iter::once(Self::new_key()).chain(old).collect()),
        }
    }

    /// Writes the ring in place of the file at `path`, whole or not at all.
    ///
    /// # Errors
    /// Where the folder cannot be written.
    pub fn replace_file(&self, path: &Path) -> Result<(), KeyRingError> {
        let io = |source| KeyRingError::Io {
            path: path.display().to_string(),
            source,
        };
        let beside = path.with_extension(format!("new-{}", std::process::id()));
        let mut file = owner_only(&beside, true).map_err(io)?;
        file.write_all(self.to_text().as_bytes())
            .and_then(|()| file.sync_all())
            .map_err(io)?;
        std::fs::rename(&beside, path).map_err(io)
    }

    /// Takes over another ring's keys, whoever shares this one: after a rotation of the key file.
    pub fn adopt(&self, other: &Self) {
        self.keys.store(other.keys.load_full());
    }

    /// The id of the key that seals now.
    pub fn newest_id(&self) -> String {
        self.keys.load()[0].id.clone()
    }

    /// Seals `plain` for the row that `context` names; the result is text, `KEYID.BASE64`.
    pub fn seal(&self, purpose: Purpose, context: &str, plain: &[u8]) -> String {
        let keys = self.keys.load();
        let key = &keys[0];
        let nonce = random_bytes::<NONCE_LEN>();
        let mut body = plain.to_vec();
        let tag = key
            .cipher(purpose)
            .seal_in_place_separate_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(context.as_bytes()),
                &mut body,
            )
            .expect("what is sealed is far smaller than what AES-GCM takes at once");
        let mut out = nonce.to_vec();
        out.append(&mut body);
        out.extend_from_slice(tag.as_ref());
        format!("{}.{}", key.id, STANDARD.encode(out))
    }

    /// Opens what [`Self::seal`] made for the same purpose and context.
    ///
    /// # Errors
    /// Where no key of the ring fits, or the value was changed or belongs to another row.
    pub fn open(
        &self,
        purpose: Purpose,
        context: &str,
        sealed: &str,
    ) -> Result<Zeroizing<Vec<u8>>, KeyRingError> {
        self.try_open(purpose, context, sealed)
            .ok_or(KeyRingError::Unopenable)
    }

    fn try_open(&self, purpose: Purpose, context: &str, sealed: &str) -> Option<Zeroizing<Vec<u8>>> {
        let (id, body) = sealed.split_once('.')?;
        let keys = self.keys.load();
        let key = keys.iter().find(|key| key.id == id)?;
        let mut body = Zeroizing::new(STANDARD.decode(body).ok()?);
        let (nonce, rest) = body.split_at_mut_checked(NONCE_LEN)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let plain = key
            .cipher(purpose)
            .open_in_place(nonce, Aad::from(context.as_bytes()), rest)
            .ok()?;
        Some(Zeroizing::new(plain.to_vec()))
    }

    /// A keyed hash of `data` under the newest key, in hexadecimal: equal for equal data, and no way back.
    pub fn keyed_hash(&self, purpose: Purpose, data: &[u8]) -> String {
        Self::hash_with(&self.keys.load()[0], purpose, data)
    }

    /// The keyed hashes of `data` under every key, newest first: what was hashed before a rotation still
    /// compares.
    pub fn keyed_hashes(&self, purpose: Purpose, data: &[u8]) -> Vec<String> {
        self.keys
            .load()
            .iter()
            .map(|key| Self::hash_with(key, purpose, data))
            .collect()
    }

    fn hash_with(key: &Key, purpose: Purpose, data: &[u8]) -> String {
        let hash_key = hmac::Key::new(hmac::HMAC_SHA256, key.derive(b"hash", purpose).as_slice());
        hex(hmac::sign(&hash_key, data).as_ref())
    }

    fn new_key() -> Key {
        Key {
            id: format!("k{}", hex(&random_bytes::<4>())),
            master: Zeroizing::new(random_bytes()),
        }
    }

    fn to_text(&self) -> Zeroizing<String> {
        let mut text = Zeroizing::new(String::from(
            "# doorstep key file: newest key first. Keep a copy apart from the directory's.\n",
        ));
        for key in self.keys.load().iter() {
            let encoded = Zeroizing::new(STANDARD.encode(key.master.as_slice()));
            text.push_str(&key.id);
            text.push(' ');
            text.push_str(&encoded);
            text.push('\n');
        }
        text
    }
}

/// Opens a new file that only its owner may read (0600).
fn owner_only(path: &Path, new: bool) -> std::io::Result<std::fs::File> {
    use std::os::unix::fs::OpenOptionsExt as _;
    std::fs::OpenOptions::new()
        .write(true)
        .create_new(new)
        .mode(0o600)
        .open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rotated_ring_opens_what_the_old_one_sealed() {
        let old = KeyRing::ephemeral();
        let sealed = old.seal(Purpose::Phone, "employee:anna", b"+14155550102");
        let new = old.rotated();
        let opened = new.open(Purpose::Phone, "employee:anna", &sealed).unwrap();
        assert_eq!(opened.as_slice(), b"+14155550102");
        assert!(
            new.keyed_hashes(Purpose::Phone, b"x")
                .contains(&old.keyed_hash(Purpose::Phone, b"x"))
        );
    }

    #[test]
    fn a_value_opens_for_its_own_row_and_purpose_only() {
        let ring = KeyRing::ephemeral();
        let sealed = ring.seal(Purpose::Factor, "factor:1", b"seed");
        assert!(ring.open(Purpose::Factor, "factor:2", &sealed).is_err());
        assert!(ring.open(Purpose::Phone, "factor:1", &sealed).is_err());
        assert!(
            KeyRing::ephemeral()
                .open(Purpose::Factor, "factor:1", &sealed)
                .is_err()
        );
        assert!(ring.open(Purpose::Factor, "factor:1", "nonsense").is_err());
    }

    #[test]
    fn a_key_file_is_never_overwritten_and_only_its_owner_reads_it() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = std::env::temp_dir().join(format!("doorstep-keys-{}", super::super::random_id()));
        std::fs::create_dir(&folder).unwrap();
        let path = folder.join("doorstep.key");
        let ring = KeyRing::create(&path).unwrap();
        assert!(KeyRing::create(&path).is_err());
        assert_eq!(
            std::fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
        assert_eq!(KeyRing::read(&path).unwrap().newest_id(), ring.newest_id());
        ring.rotated().replace_file(&path).unwrap();
        assert_eq!(KeyRing::read(&path).unwrap().keys.load().len(), 2);
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
