//! The Cache-Status field: RFC 9211.

use super::reason::Reason;
use bytes::{BufMut, BytesMut};
use http::HeaderValue;

/// Why a request went forward: the `fwd` parameter of RFC 9211 section 2.2.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Forward {
    /// Nothing under this key.
    UriMiss,
    /// No fitting variant.
    VaryMiss,
    /// What was stored is stale.
    Stale,
    /// Only a part was stored.
    Partial,
    /// The request's own directives.
    Request,
    /// The route or the request's form passes the cache by.
    Bypass,
    /// The method.
    Method,
}

impl Forward {
    /// Every one.
    pub const ALL: [Self; 7] =
        [Self::UriMiss, Self::VaryMiss, Self::Stale, Self::Partial, Self::Request, Self::Bypass, Self::Method];

    /// The token of the `fwd` parameter.
    #[must_use]
    pub const fn token(self) -> &'static str {
        match self {
            Self::UriMiss => "uri-miss",
            Self::VaryMiss => "vary-miss",
            Self::Stale => "stale",
            Self::Partial => "partial",
            Self::Request => "request",
            Self::Bypass => "bypass",
            Self::Method => "method",
        }
    }
}

/// What became of one request in the cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CacheStatus {
    /// None: a hit.
    pub forward: Option<Forward>,
    /// The origin's status, where the request went forward and it differs from what the client gets.
    pub forward_status: Option<u16>,
    /// Whether the response was stored, as far as that was known in time.
    pub stored: bool,
    /// Whether the request shared another's fetch.
    pub collapsed: bool,
    /// What is left of the lifetime in whole seconds, negative when stale.
    pub ttl_secs: Option<i64>,
    /// The reason, as `detail`.
    pub detail: Option<Reason>,
}

/// The largest integer of a structured field: 15 digits (RFC 9651 section 3.3.1).
const INTEGER_MAX: i64 = 999_999_999_999_999;

/// Room for any member: names, tokens, two numbers and the longest reason.
const MEMBER_BYTES: usize = 160;

impl CacheStatus {
    /// A plain hit.
    pub const HIT: Self =
        Self { forward: None, forward_status: None, stored: false, collapsed: false, ttl_secs: None, detail: None };

    /// The member for this cache, `larder; hit; ttl=271`.
    #[must_use]
    pub fn to_header_value(&self) -> HeaderValue {
        let mut text = BytesMut::with_capacity(MEMBER_BYTES);
        self.write_into(&mut text);
        HeaderValue::from_maybe_shared(text.freeze()).expect("tokens, digits and punctuation make a field value")
    }

    /// Appends the member for this cache to a head that is being written: the same bytes, without an allocation.
    pub fn write_into(&self, out: &mut impl BufMut) {
        out.put_slice(b"larder");
        match self.forward {
            None => out.put_slice(b"; hit"),
            Some(forward) => {
                out.put_slice(b"; fwd=");
                out.put_slice(forward.token().as_bytes());
            }
        }
        if let Some(status) = self.forward_status {
            out.put_slice(b"; fwd-status=");
            put_decimal(out, u64::from(status));
        }
        if let Some(ttl_secs) = self.ttl_secs {
            out.put_slice(b"; ttl=");
            let ttl_secs = ttl_secs.clamp(-INTEGER_MAX, INTEGER_MAX);
            if ttl_secs < 0 {
                out.put_u8(b'-');
            }
            put_decimal(out, ttl_secs.unsigned_abs());
        }
        if self.stored {
            out.put_slice(b"; stored");
        }
        if self.collapsed {
            out.put_slice(b"; collapsed");
        }
        if let Some(detail) = self.detail {
            out.put_slice(b"; detail=");
            out.put_slice(detail.label().as_bytes());
        }
    }
}

/// Appends a number in decimal digits.
pub(crate) fn put_decimal(out: &mut impl BufMut, number: u64) {
    let mut digits = [0; 20];
    let mut start = digits.len();
    let mut rest = number;
    for (index, digit) in digits.iter_mut().enumerate().rev() {
        // A remainder of ten is below ten, so nothing is cut off.
        *digit = b'0' + u8::try_from(rest % 10).unwrap_or_default();
        rest /= 10;
        start = index;
        if rest == 0 {
            break;
        }
    }
    out.put_slice(digits.get(start..).unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use super::*;
    use sfv::{BareItem, ListEntry, Parser};

    #[test]
    fn rfc_9211_2_members_as_the_contract_shows_them() {
        let hit = CacheStatus::HIT;
        let miss = CacheStatus { forward: Some(Forward::UriMiss), ..hit };
        for (status, expected) in [
            (hit, "larder; hit"),
            (CacheStatus { ttl_secs: Some(271), ..hit }, "larder; hit; ttl=271"),
            (CacheStatus { ttl_secs: Some(0), ..hit }, "larder; hit; ttl=0"),
            (
                CacheStatus { ttl_secs: Some(-30), detail: Some(Reason::StaleIfError), ..hit },
                "larder; hit; ttl=-30; detail=stale-if-error",
            ),
            (
                CacheStatus {
                    forward_status: Some(200),
                    stored: true,
                    collapsed: true,
                    ttl_secs: Some(60),
                    detail: Some(Reason::NoEntry),
                    ..miss
                },
                "larder; fwd=uri-miss; fwd-status=200; ttl=60; stored; collapsed; detail=no-entry",
            ),
            (CacheStatus { ttl_secs: Some(i64::MAX), ..hit }, "larder; hit; ttl=999999999999999"),
            (CacheStatus { ttl_secs: Some(i64::MIN), ..hit }, "larder; hit; ttl=-999999999999999"),
        ] {
            assert_eq!(status.to_header_value(), expected);
            let mut written = Vec::new();
            status.write_into(&mut written);
            assert_eq!(written, expected.as_bytes());
        }
    }

    #[test]
    fn rfc_9211_2_every_member_is_a_structured_field_with_token_parameters() {
        for detail in Reason::ALL {
            for forward in Forward::ALL {
                let status = CacheStatus { forward: Some(forward), detail: Some(*detail), ..CacheStatus::HIT };
                let value = status.to_header_value();
                assert!(value.len() <= MEMBER_BYTES);
                let list = Parser::new(value.as_bytes()).parse::<sfv::List>().unwrap();
                let [ListEntry::Item(item)] = list.as_slice() else { panic!("{value:?}") };
                let token = |name| item.params.get(name).and_then(BareItem::as_token).map(sfv::TokenRef::as_str);
                assert_eq!(token("fwd"), Some(forward.token()));
                assert_eq!(token("detail"), Some(detail.label()));
            }
        }
    }

    #[test]
    fn numbers_are_written_in_full() {
        for number in [0, 9, 10, 99, 100, 12_345, u64::MAX] {
            let mut out = Vec::new();
            put_decimal(&mut out, number);
            assert_eq!(out, number.to_string().as_bytes());
        }
    }
}
