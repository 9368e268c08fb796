//! Which bearer tokens are believed, and what they claim: RFC 7519, as RFC 8725 would have it.
//!
//! A token is checked for every request. What its signature costs is paid once: what it claims is remembered by the digest
//! of the token, until it expires, its keys are replaced, or room is needed. The token itself is kept nowhere.

mod key_set;
mod known;
mod signatures;
mod verifying;

pub(crate) use key_set::{KEY_SET_BYTES_MAX, KeySet, NoKeySet};

use super::claims::ClaimsRule;
use crate::clock::Timestamp;
use crate::key::{KeyBuilder, KeyPart};
use crate::semantics::reason::Reason;
use arc_swap::ArcSwap;
use jsonwebtoken::Algorithm;
use known::{KnownTokens, TokenDigest};
use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// Whose tokens are believed, and which.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TokenTrust {
    /// `jwt.issuer`: who has made them.
    pub(crate) issuer: String,
    /// `jwt.audience`: whom they are for, one of these.
    pub(crate) audience: Vec<String>,
    /// `jwt.algorithms`: what they are signed by, whatever they say.
    pub(crate) algorithms: Vec<Algorithm>,
    /// `jwt.leeway`: by how much clocks may differ.
    pub(crate) leeway: Duration,
}

/// What a verified token claims, of that which a route keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Claimed(Arc<[Claim]>);

/// Its name, and its value as canonical JSON.
type Claim = (Box<str>, Box<[u8]>);

impl Claimed {
    /// Adds it to a key.
    pub(crate) fn add_to(&self, key: &mut KeyBuilder) {
        for (name, value) in &*self.0 {
            key.part(KeyPart::Claim, name.as_bytes()).part(KeyPart::Value, value);
        }
    }

    /// Names and values, the latter as JSON; the first is the issuer.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.0.iter().map(|(name, value)| (&**name, &**value))
    }
}

/// What tokens are checked by. Without a [`TokenTrust`], none is believed.
pub(crate) struct Tokens {
    trust: Option<TokenTrust>,
    keys: ArcSwap<Keys>,
    known: KnownTokens,
    /// Called when a token names a key that is not there.
    stranger: OnceLock<Box<dyn Fn() + Send + Sync>>,
}

/// Whether there are other keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Replaced {
    /// There are.
    Keys,
    /// They are those that were there.
    Nothing,
}

/// The keys in force. Each set has another number than those before it.
#[derive(Debug, Default)]
struct Keys {
    number: u64,
    set: KeySet,
}

impl Default for Tokens {
    fn default() -> Self {
        Self::new(None)
    }
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tokens").field("trust", &self.trust).finish_non_exhaustive()
    }
}

impl Tokens {
    /// Believes these, by no key yet.
    pub(crate) fn new(trust: Option<TokenTrust>) -> Self {
        signatures::install();
        Self { trust, keys: ArcSwap::default(), known: KnownTokens::default(), stranger: OnceLock::new() }
    }

    /// Whose tokens are believed.
    pub(crate) const fn trust(&self) -> Option<&TokenTrust> {
        self.trust.as_ref()
    }

    /// Believes signatures by these keys from now on, and by no others: what was verified by others is verified anew. Returns
    /// whether they are other ones.
    pub(crate) fn replace_keys(&self, set: KeySet) -> Replaced {
        let before = self.keys.load();
        if before.set == set {
            return Replaced::Nothing;
        }
        // One keeper replaces them.
        self.keys.store(Arc::new(Keys { number: before.number + 1, set }));
        Replaced::Keys
    }

    /// How many keys there are.
    pub(crate) fn keys(&self) -> usize {
        self.keys.load().set.len()
    }

    /// Has `told` called whenever a token names a key that is not there. It must not block; the first one stays.
    pub(crate) fn tell_of_strangers(&self, told: impl Fn() + Send + Sync + 'static) {
        let _ = self.stranger.set(Box::new(told));
    }

    /// What a token claims of that which a route keys.
    ///
    /// # Errors
    /// Why it is not believed, or can't be keyed by.
    pub(crate) fn claimed(&self, rule: &ClaimsRule, token: &str, now: Timestamp) -> Result<Claimed, Reason> {
        let Some(trust) = &self.trust else { return Err(Reason::TokenKeyUnknown) };
        let keys = self.keys.load();
        let digest = TokenDigest::of(rule, token);
        let known = match self.known.recall(&digest, keys.number) {
            Some(known) => known,
            None => match verifying::verify(trust, &keys.set, rule, token) {
                Ok(verified) => self.known.remember(digest, keys.number, verified),
                Err(why) => {
                    if let (Reason::TokenKeyUnknown, Some(told)) = (why, self.stranger.get()) {
                        told();
                    }
                    return Err(why);
                }
            },
        };
        known.verified.at(now, trust.leeway)
    }
}

#[cfg(test)]
#[path = "../../../tests/support/tokens.rs"]
#[allow(unreachable_pub, reason = "the other tests of this package share it")]
mod signing;
#[cfg(test)]
mod tests;
