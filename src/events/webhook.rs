//! Signed webhooks: what a shop or a payment provider posts to `/events/{source}` of the admin API.
//!
//! The signature stands in place of the admin token: HMAC-SHA256 of the body, or of its time and the body, by a secret that only
//! the sender knows. Where the time is signed, what is older or newer than a window is refused; the same within it purges again,
//! which does no harm. What is signed is read as JSON, and paths into it make an event of it, which the rules map as any other.

use crate::clock::Timestamp;
use crate::rules::event::{Event, EventError};
use crate::secret;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderName};
use ring::hmac;
use serde_json::{Map, Value};
use serde_json_path::JsonPath;
use std::path::PathBuf;
use std::time::Duration;

/// The most signatures of one call that are looked at: a sender that changes its secret signs by both.
const SIGNATURES_MAX: usize = 8;

/// One `[[events.webhook]]`, resolved.
#[derive(Debug, Clone)]
pub struct Webhook {
    /// `name`: the last part of its path.
    pub(crate) name: String,
    /// `secrets`: files, each of which holds one.
    pub(crate) secrets: Vec<PathBuf>,
    /// `signature.header`
    pub(crate) header: HeaderName,
    /// `signature.form`
    pub(crate) form: Form,
    /// `signature.timestamp_header`: where the time stands, if it is signed and no part of the form.
    pub(crate) timestamp_header: Option<HeaderName>,
    /// `window`
    pub(crate) window: Duration,
    /// `type` or `type_header`
    pub(crate) kind: KindFrom,
    /// `fields`: each a name, and where its values stand.
    pub(crate) fields: Vec<(String, JsonPath)>,
}

/// How a signature is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// `HEX`
    Hex,
    /// `sha256=HEX`
    Sha256Hex,
    /// `BASE64`
    Base64,
    /// `t=SECONDS,v1=HEX`, over `SECONDS.BODY`; Stripe's.
    Stripe,
    /// `v0=HEX` over `v0:SECONDS:BODY`; Slack's.
    Slack,
    /// `v1,BASE64` parted by spaces, over `ID.SECONDS.BODY` with the fields `webhook-id` and `webhook-timestamp`; Standard Webhooks.
    Standard,
}

/// Where the type of the event stands.
#[derive(Debug, Clone)]
pub(crate) enum KindFrom {
    Body(JsonPath),
    Header(HeaderName),
    /// It is always this.
    Always(String),
}

/// Why a call is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotBelieved {
    /// There is no signature, or it is not written as it should be.
    #[error("the call is not signed as this source signs")]
    Unsigned,
    /// It was made by no secret that is known, or of something else.
    #[error("the signature is not one of this body by a known secret")]
    WrongSignature,
    /// What was signed is too old, or from the future.
    #[error("the call was signed at another time than now")]
    OutOfTime,
    /// No file of a secret can be read.
    #[error("no secret of this source can be read")]
    NoSecret,
}

/// What a call claims.
struct Claimed {
    signatures: Vec<Vec<u8>>,
    /// What stands before the body in what was signed.
    before: Vec<u8>,
    signed_at: Option<Timestamp>,
}

const WEBHOOK_ID: HeaderName = HeaderName::from_static("webhook-id");
const WEBHOOK_TIMESTAMP: HeaderName = HeaderName::from_static("webhook-timestamp");

impl Webhook {
    /// Whether a call comes from who knows a secret, and was signed lately.
    ///
    /// # Errors
    /// Where it does not, or nobody can tell.
    pub(crate) fn believe(&self, headers: &HeaderMap, body: &[u8], now: Timestamp) -> Result<(), NotBelieved> {
        let claimed = self.claimed(headers).ok_or(NotBelieved::Unsigned)?;
        let secrets: Vec<String> = self.secrets.iter().filter_map(|file| secret::token_in(file)).collect();
        if secrets.is_empty() {
            return Err(NotBelieved::NoSecret);
        }
        let signed = [claimed.before.as_slice(), body].concat();
        let is_by = |secret: &String| {
            let key = hmac::Key::new(hmac::HMAC_SHA256, &self.key(secret));
            // In constant time.
            claimed.signatures.iter().any(|signature| hmac::verify(&key, &signed, signature).is_ok())
        };
        if !secrets.iter().any(is_by) {
            return Err(NotBelieved::WrongSignature);
        }
        let is_lately = |at: Timestamp| at.since(now).max(now.since(at)) <= self.window;
        if claimed.signed_at.is_none_or(is_lately) { Ok(()) } else { Err(NotBelieved::OutOfTime) }
    }

    /// The event that a believed call tells of.
    ///
    /// # Errors
    /// Where the body is no JSON, or names no type.
    pub(crate) fn event(&self, headers: &HeaderMap, body: &[u8]) -> Result<Event, EventError> {
        let body: Value = serde_json::from_slice(body).map_err(|_| EventError::Syntax)?;
        let kind = match &self.kind {
            KindFrom::Always(kind) => Some(kind.clone()),
            KindFrom::Header(name) => single(headers, name).map(str::to_owned),
            KindFrom::Body(path) => {
                path.query(&body).at_most_one().ok().flatten().and_then(Value::as_str).map(str::to_owned)
            }
        };
        let mut told = Map::new();
        told.insert("type".to_owned(), Value::from(kind.ok_or(EventError::Type)?));
        for (name, path) in &self.fields {
            let mut found = path.query(&body).all();
            match (found.len(), found.pop()) {
                (0, _) | (_, None) => {}
                (1, Some(only)) => drop(told.insert(name.clone(), only.clone())),
                (_, Some(last)) => {
                    let all = found.into_iter().chain([last]).cloned().collect();
                    told.insert(name.clone(), Value::Array(all));
                }
            }
        }
        Event::parse_json(Value::Object(told).to_string().as_bytes())
    }

    /// The bytes of a secret. Standard Webhooks writes them in Base64.
    fn key(&self, secret: &str) -> Vec<u8> {
        let encoded = secret.strip_prefix("whsec_").filter(|_| self.form == Form::Standard);
        encoded.and_then(|encoded| STANDARD.decode(encoded).ok()).unwrap_or_else(|| secret.as_bytes().to_vec())
    }

    fn claimed(&self, headers: &HeaderMap) -> Option<Claimed> {
        let text = single(headers, &self.header)?.trim();
        let timestamp = |name: &HeaderName| single(headers, name).filter(|text| is_seconds(text));
        match self.form {
            Form::Hex | Form::Sha256Hex | Form::Base64 => {
                let signature = match self.form {
                    Form::Base64 => STANDARD.decode(text).ok()?,
                    Form::Sha256Hex => hex(text.strip_prefix("sha256=")?)?,
                    _ => hex(text)?,
                };
                let seconds = match &self.timestamp_header {
                    Some(name) => Some(timestamp(name)?),
                    None => None,
                };
                let before = seconds.map(|seconds| format!("{seconds}.")).unwrap_or_default();
                Some(Claimed { signatures: vec![signature], before: before.into(), signed_at: seconds.and_then(at) })
            }
            Form::Stripe => {
                let parts = || text.split(',').filter_map(|part| part.trim().split_once('='));
                let (_, seconds) = parts().find(|(name, seconds)| *name == "t" && is_seconds(seconds))?;
                let signatures = parts().filter(|(name, _)| *name == "v1").filter_map(|(_, text)| hex(text));
                Claimed::at(seconds, format!("{seconds}."), signatures)
            }
            Form::Slack => {
                let seconds = timestamp(self.timestamp_header.as_ref()?)?;
                Claimed::at(seconds, format!("v0:{seconds}:"), text.strip_prefix("v0=").and_then(hex).into_iter())
            }
            Form::Standard => {
                let (id, seconds) = (single(headers, &WEBHOOK_ID)?, timestamp(&WEBHOOK_TIMESTAMP)?);
                let of_version = |part: &str| STANDARD.decode(part.strip_prefix("v1,")?).ok();
                Claimed::at(seconds, format!("{id}.{seconds}."), text.split(' ').filter_map(of_version))
            }
        }
    }
}

impl Claimed {
    fn at(seconds: &str, before: String, signatures: impl Iterator<Item = Vec<u8>>) -> Option<Self> {
        let signatures: Vec<_> = signatures.take(SIGNATURES_MAX).collect();
        let signed_at = Some(at(seconds)?);
        Some(Self { signatures, before: before.into_bytes(), signed_at })
            .filter(|claimed| !claimed.signatures.is_empty())
    }
}

fn at(seconds: &str) -> Option<Timestamp> {
    seconds.parse().ok().map(Timestamp::from_secs)
}

/// Few enough digits to be a time.
fn is_seconds(text: &str) -> bool {
    (1..=12).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn hex(text: &str) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(2) || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(text.get(at..at + 2)?, 16).ok()).collect()
}

/// The text of a field that stands exactly once.
fn single<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h str> {
    let mut values = headers.get_all(name).iter();
    values.next().filter(|_| values.next().is_none())?.to_str().ok()
}

#[cfg(test)]
#[path = "webhook_tests.rs"]
mod tests;
