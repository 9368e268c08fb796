//! The secrets that stamps are signed with: one a line of a file. The first signs, all are accepted, so that a new one can be
//! put in place everywhere before it is used.

use ring::hmac;
use std::fmt;
use subtle::ConstantTimeEq as _;

/// The shortest secret, in bytes.
const SECRET_BYTES_MIN: usize = 32;

/// The longest secret, in bytes.
const SECRET_BYTES_MAX: usize = 1024;

/// The most secrets.
const SECRETS_MAX: usize = 8;

/// How much of HMAC-SHA256 a stamp carries, in bytes.
const MAC_BYTES: usize = 16;

/// What the MAC is computed over begins so, and no other use of the same secret does.
const PURPOSE: &[u8] = b"larder-stamp 1\n";

/// Why a text holds no secrets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SecretError {
    /// It has no line with something in it.
    #[error("it is empty")]
    Empty,
    /// One is shorter than 32 bytes.
    #[error("a secret is shorter than {SECRET_BYTES_MIN} characters")]
    Short,
    /// One is longer than a kilobyte.
    #[error("a secret is longer than {SECRET_BYTES_MAX} characters")]
    Long,
    /// There are more than eight.
    #[error("it holds more than {SECRETS_MAX} secrets, one a line")]
    Many,
}

/// The secrets.
#[derive(Clone)]
pub(crate) struct StampKeys {
    first: hmac::Key,
    others: Vec<hmac::Key>,
}

/// The MAC of a stamp.
pub(crate) type Mac = [u8; MAC_BYTES];

impl StampKeys {
    /// Those that a file of this text holds.
    ///
    /// # Errors
    /// Where it holds none, or something that is none.
    pub(crate) fn parse(text: &str) -> Result<Self, SecretError> {
        let mut keys = Vec::new();
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
            match line.len() {
                ..SECRET_BYTES_MIN => return Err(SecretError::Short),
                SECRET_BYTES_MIN..=SECRET_BYTES_MAX => keys.push(hmac::Key::new(hmac::HMAC_SHA256, line.as_bytes())),
                _ => return Err(SecretError::Long),
            }
        }
        if keys.len() > SECRETS_MAX {
            return Err(SecretError::Many);
        }
        let mut keys = keys.into_iter();
        let first = keys.next().ok_or(SecretError::Empty)?;
        Ok(Self { first, others: keys.collect() })
    }

    /// Signs a text.
    pub(super) fn sign(&self, text: &[u8]) -> Mac {
        mac(&self.first, text)
    }

    /// Whether one of the secrets has signed a text so. Takes as long whatever differs.
    pub(super) fn has_signed(&self, text: &[u8], presented: &Mac) -> bool {
        let keys = [&self.first].into_iter().chain(&self.others);
        keys.fold(false, |found, key| found | bool::from(mac(key, text).ct_eq(presented)))
    }
}

impl fmt::Debug for StampKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StampKeys").field("secrets", &(1 + self.others.len())).finish_non_exhaustive()
    }
}

fn mac(key: &hmac::Key, text: &[u8]) -> Mac {
    let mut signing = hmac::Context::with_key(key);
    signing.update(PURPOSE);
    signing.update(text);
    let whole = signing.sign();
    std::array::from_fn(|at| whole.as_ref().get(at).copied().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "one-secret-of-thirty-two-letters!";
    const TWO: &str = "two-secret-of-thirty-two-letters!";

    #[test]
    fn a_file_holds_one_secret_a_line() {
        let long = "x".repeat(SECRET_BYTES_MAX + 1);
        let nine = format!("{ONE}\n").repeat(9);
        for (text, expected) in [
            (ONE, None),
            (&format!("\n  {ONE}\r\n\n{TWO}\n"), None),
            ("", Some(SecretError::Empty)),
            ("\n \n", Some(SecretError::Empty)),
            ("short", Some(SecretError::Short)),
            (&format!("{ONE}\nshort\n"), Some(SecretError::Short)),
            (&long, Some(SecretError::Long)),
            (&nine, Some(SecretError::Many)),
        ] {
            assert_eq!(StampKeys::parse(text).err(), expected, "{text}");
        }
    }

    #[test]
    fn the_first_signs_and_all_are_accepted() {
        let (old, both) = (StampKeys::parse(ONE).unwrap(), StampKeys::parse(&format!("{TWO}\n{ONE}")).unwrap());
        assert!(both.has_signed(b"x", &old.sign(b"x")));
        assert!(!old.has_signed(b"x", &both.sign(b"x")));
        assert!(!old.has_signed(b"y", &old.sign(b"x")));
        assert!(!format!("{both:?}").contains("secret-of"));
    }
}
