//! The keys of a JSON Web Key Set (RFC 7517) that tokens may be signed by.

use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyOperations, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;
use serde_json::Value;

/// The longest set that is read, in bytes.
pub(crate) const KEY_SET_BYTES_MAX: usize = 256 * 1024;

/// The most keys of a set.
const KEYS_MAX: usize = 100;

/// So many keys at most are tried on a token that does not say which is its own.
const TRIED_MAX: usize = 4;

/// Why a text is no set of keys.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NoKeySet {
    /// It is not JSON with a list `keys`.
    #[error("it is no JSON Web Key Set: {0}")]
    Unreadable(String),
    /// It is larger than any that is in use.
    #[error("it is larger than 256 KiB, or has more than 100 keys")]
    TooLarge,
    /// None of its keys can have signed a token that is believed.
    #[error("it has no key for signatures by {0}")]
    NoKey(String),
}

/// The keys by which signatures are checked.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct KeySet {
    keys: Vec<Key>,
}

#[derive(Debug, Clone)]
struct Key {
    /// As the set has it: what it is compared by.
    jwk: Jwk,
    /// What it may have signed by.
    algorithms: Vec<Algorithm>,
    decoding: DecodingKey,
}

#[derive(Deserialize)]
struct RawSet {
    keys: Vec<Value>,
}

impl KeySet {
    /// Reads the keys of a set that are for signatures by these algorithms; others are no concern of tokens here (RFC 7517
    /// section 5).
    ///
    /// # Errors
    /// Where the text is no set, or has no such key.
    pub(crate) fn read(text: &[u8], algorithms: &[Algorithm]) -> Result<Self, NoKeySet> {
        if text.len() > KEY_SET_BYTES_MAX {
            return Err(NoKeySet::TooLarge);
        }
        let set: RawSet = serde_json::from_slice(text).map_err(|error| NoKeySet::Unreadable(error.to_string()))?;
        if set.keys.len() > KEYS_MAX {
            return Err(NoKeySet::TooLarge);
        }
        let keys: Vec<Key> = set.keys.into_iter().filter_map(|key| Key::read(key, algorithms)).collect();
        if keys.is_empty() {
            let names: Vec<String> = algorithms.iter().map(|algorithm| format!("{algorithm:?}")).collect();
            return Err(NoKeySet::NoKey(names.join(", ")));
        }
        Ok(Self { keys })
    }

    /// How many keys there are.
    pub(crate) const fn len(&self) -> usize {
        self.keys.len()
    }

    /// The keys that may have signed a token whose header says this. None, if that says too little.
    pub(super) fn fitting(&self, id: Option<&str>, algorithm: Algorithm) -> Vec<&DecodingKey> {
        let fits = |key: &&Key| {
            key.algorithms.contains(&algorithm) && id.is_none_or(|id| key.jwk.common.key_id.as_deref() == Some(id))
        };
        let fitting: Vec<_> = self.keys.iter().filter(fits).map(|key| &key.decoding).collect();
        if fitting.len() > TRIED_MAX { Vec::new() } else { fitting }
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.jwk == other.jwk
    }
}

impl Key {
    fn read(key: Value, wanted: &[Algorithm]) -> Option<Self> {
        let jwk: Jwk = serde_json::from_value(key).ok()?;
        let (about, common) = (&jwk.algorithm, &jwk.common);
        let is_for_signatures = common.public_key_use.as_ref().is_none_or(|of| *of == PublicKeyUse::Signature)
            && common.key_operations.as_ref().is_none_or(|of| of.contains(&KeyOperations::Verify));
        if !is_for_signatures {
            return None;
        }
        let mut algorithms: Vec<Algorithm> = wanted.iter().copied().filter(|wanted| signs_by(about, *wanted)).collect();
        if let Some(only) = common.key_algorithm {
            algorithms.retain(|algorithm| Algorithm::try_from(only).is_ok_and(|only| only == *algorithm));
        }
        if algorithms.is_empty() {
            return None;
        }
        let decoding = DecodingKey::from_jwk(&jwk).ok()?;
        Some(Self { jwk, algorithms, decoding })
    }
}

/// Whether a key of this kind can have signed by an algorithm. A shared secret (`oct`) is no public key and never does.
fn signs_by(key: &AlgorithmParameters, algorithm: Algorithm) -> bool {
    match key {
        AlgorithmParameters::RSA(_) => matches!(
            algorithm,
            Algorithm::RS256
                | Algorithm::RS384
                | Algorithm::RS512
                | Algorithm::PS256
                | Algorithm::PS384
                | Algorithm::PS512
        ),
        AlgorithmParameters::EllipticCurve(key) => match key.curve {
            EllipticCurve::P256 => algorithm == Algorithm::ES256,
            EllipticCurve::P384 => algorithm == Algorithm::ES384,
            _ => false,
        },
        AlgorithmParameters::OctetKeyPair(key) => key.curve == EllipticCurve::Ed25519 && algorithm == Algorithm::EdDSA,
        _ => false,
    }
}
