//! What verified tokens claim, remembered by the tokens' digests in bounded memory.

use super::verifying::Verified;
use crate::rules::claims::ClaimsRule;
use quick_cache::Weighter;
use quick_cache::sync::Cache;
use std::sync::Arc;

/// How much is remembered, in bytes: some ten thousand tokens with short claims.
const KNOWN_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// About how many tokens that is.
const KNOWN_ESTIMATED: usize = 16 * 1024;

/// What one takes besides its claims, in bytes: the digest, the two counts of its [`Arc`]s, the table's own.
const KNOWN_OVERHEAD_BYTES: usize = 192;

/// A token, and what is asked of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct TokenDigest([u8; 32]);

impl TokenDigest {
    pub(super) fn of(rule: &ClaimsRule, token: &str) -> Self {
        let mut hasher = blake3::Hasher::new();
        for text in rule.names().chain([token]) {
            hasher.update(&text.len().to_le_bytes()).update(text.as_bytes());
        }
        Self(*hasher.finalize().as_bytes())
    }
}

/// A token that was verified.
#[derive(Debug)]
pub(super) struct Known {
    /// The number of the keys that it was verified by.
    keys: u64,
    pub(super) verified: Verified,
}

#[derive(Clone)]
struct Bytes;

impl Weighter<TokenDigest, Arc<Known>> for Bytes {
    fn weight(&self, _: &TokenDigest, known: &Arc<Known>) -> u64 {
        let claims = known.verified.claimed().iter().map(|(name, value)| name.len() + value.len() + 32).sum::<usize>();
        (KNOWN_OVERHEAD_BYTES + claims) as u64
    }
}

/// Those of late.
pub(super) struct KnownTokens(Cache<TokenDigest, Arc<Known>, Bytes>);

impl Default for KnownTokens {
    fn default() -> Self {
        Self(Cache::with_weighter(KNOWN_ESTIMATED, KNOWN_BYTES_MAX, Bytes))
    }
}

impl KnownTokens {
    /// What was verified by these keys.
    pub(super) fn recall(&self, digest: &TokenDigest, keys: u64) -> Option<Arc<Known>> {
        self.0.get(digest).filter(|known| known.keys == keys)
    }

    pub(super) fn remember(&self, digest: TokenDigest, keys: u64, verified: Verified) -> Arc<Known> {
        let known = Arc::new(Known { keys, verified });
        self.0.insert(digest, Arc::clone(&known));
        known
    }
}
