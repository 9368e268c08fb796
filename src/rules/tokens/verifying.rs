//! The checks of one token, in their order: what it is signed by, by whom, for whom, for what time, and what it claims.

use super::{Claimed, KeySet, TokenTrust};
use crate::clock::Timestamp;
use crate::rules::claims::ClaimsRule;
use crate::semantics::canonical_json::{NotCanonical, canonical_members_named};
use crate::semantics::reason::Reason;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode};
use serde::Deserialize;
use serde::de::IgnoredAny;
use std::collections::HashSet;
use std::time::Duration;

/// The longest value of a claim that is part of a key, in bytes of canonical JSON.
const CLAIM_BYTES_MAX: usize = 1024;

/// The registered claims that are looked at (RFC 7519 section 4.1, RFC 7800 section 3.1).
const REGISTERED: [&str; 5] = ["iss", "aud", "exp", "nbf", "cnf"];

/// What a token says that is signed by one who is believed.
#[derive(Debug)]
pub(super) struct Verified {
    /// In milliseconds since the Unix epoch.
    expires_millis: f64,
    not_before_millis: f64,
    claimed: Claimed,
}

impl Verified {
    /// What it claims.
    pub(super) const fn claimed(&self) -> &Claimed {
        &self.claimed
    }

    /// The same, at a moment at which it is valid.
    #[expect(clippy::cast_precision_loss, reason = "a double holds milliseconds of many thousand years")]
    pub(super) fn at(&self, now: Timestamp, leeway: Duration) -> Result<Claimed, Reason> {
        let (now, leeway) = (now.as_millis() as f64, leeway.as_secs_f64() * 1000.0);
        // RFC 7519 section 4.1.4: "on or after which the JWT MUST NOT be accepted".
        if now - leeway >= self.expires_millis {
            return Err(Reason::TokenExpired);
        }
        if now + leeway < self.not_before_millis {
            return Err(Reason::TokenNotYetValid);
        }
        Ok(self.claimed.clone())
    }
}

/// What of a token's header is looked at. All else that names a key (`jwk`, `jku`, `x5u`) is not: who signs must not say
/// who is believed.
#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
}

/// Checks a token, but for the time.
///
/// # Errors
/// Why it is not believed, or its claims can't be keyed by.
pub(super) fn verify(trust: &TokenTrust, keys: &KeySet, rule: &ClaimsRule, token: &str) -> Result<Verified, Reason> {
    let mut parts = token.split('.');
    let (Some(header), Some(payload), Some(_), None) = (parts.next(), parts.next(), parts.next(), parts.next()) else {
        return Err(Reason::TokenMalformed);
    };
    let decoded = |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| Reason::TokenMalformed);
    let header: Header = serde_json::from_slice(&decoded(header)?).map_err(|_| Reason::TokenMalformed)?;
    let algorithm = header.alg.parse().ok().filter(|algorithm| trust.algorithms.contains(algorithm));
    let algorithm = algorithm.ok_or(Reason::TokenAlgorithm)?;
    let fitting = keys.fitting(header.kid.as_deref(), algorithm);
    if fitting.is_empty() {
        return Err(Reason::TokenKeyUnknown);
    }
    check_signature(trust, &fitting, algorithm, token)?;
    let names: Vec<&str> = REGISTERED.into_iter().chain(rule.names()).collect();
    let mut members = canonical_members_named(&decoded(payload)?, &names).map_err(unreadable)?;
    let keyed = members.split_off(REGISTERED.len());
    // What is null is not there for most readers.
    for member in &mut members {
        member.take_if(|value| *value == b"null");
    }
    let [Some(issuer), audience, expires, not_before, bound] = &mut members[..] else {
        return Err(Reason::TokenIssuer);
    };
    if audience.is_none() {
        return Err(Reason::TokenAudience);
    }
    if bound.is_some() {
        return Err(Reason::TokenBound);
    }
    let expires_millis = expires.as_deref().and_then(millis).ok_or(Reason::TokenExpired)?;
    let not_before_millis = match not_before.as_deref() {
        Some(date) => millis(date).ok_or(Reason::TokenNotYetValid)?,
        None => f64::NEG_INFINITY,
    };
    // Of another issuer, the same claims may mean something else.
    let issuer = (Box::from("iss"), std::mem::take(issuer).into_boxed_slice());
    let keyed = rule.names().zip(keyed).map(|(name, value)| {
        let value = value.filter(|value| *value != b"null" && value.len() <= CLAIM_BYTES_MAX);
        Ok((Box::from(name), value.ok_or(Reason::TokenClaim)?.into_boxed_slice()))
    });
    let claimed = std::iter::once(Ok(issuer)).chain(keyed).collect::<Result<Vec<_>, Reason>>()?;
    Ok(Verified { expires_millis, not_before_millis, claimed: Claimed(claimed.into()) })
}

/// Checks that one of these keys has signed a token, that it is by the issuer, and for one of the audience.
fn check_signature(
    trust: &TokenTrust,
    fitting: &[&DecodingKey],
    algorithm: Algorithm,
    token: &str,
) -> Result<(), Reason> {
    let mut validation = Validation::new(algorithm);
    // Which are there is looked at afterwards, and so is the time: jsonwebtoken would read a clock.
    (validation.required_spec_claims, validation.validate_exp) = (HashSet::new(), false);
    validation.set_issuer(&[&trust.issuer]);
    validation.set_audience(&trust.audience);
    for key in fitting {
        let Err(error) = decode::<IgnoredAny>(token, key, &validation) else { return Ok(()) };
        return Err(match error.kind() {
            ErrorKind::InvalidSignature => continue,
            ErrorKind::InvalidIssuer => Reason::TokenIssuer,
            ErrorKind::InvalidAudience => Reason::TokenAudience,
            ErrorKind::InvalidClaimFormat(claim) if claim == "iss" => Reason::TokenIssuer,
            ErrorKind::InvalidClaimFormat(claim) if claim == "aud" => Reason::TokenAudience,
            _ => Reason::TokenMalformed,
        });
    }
    Err(Reason::TokenSignature)
}

/// A NumericDate (RFC 7519 section 2), seconds that may have a fraction, in milliseconds.
fn millis(date: &[u8]) -> Option<f64> {
    let seconds: f64 = std::str::from_utf8(date).ok()?.parse().ok()?;
    (seconds.is_finite() && seconds >= 0.0).then_some(seconds * 1000.0)
}

const fn unreadable(why: NotCanonical) -> Reason {
    match why {
        NotCanonical::Malformed | NotCanonical::TooDeep | NotCanonical::RepeatedName => Reason::TokenMalformed,
        NotCanonical::InexactNumber => Reason::TokenClaim,
    }
}
