//! Field names as numbers of six bits: a `HeaderName` takes 32 bytes, and an entry has a dozen of them.

use http::HeaderName;
use http::header as h;

/// The names that most responses use.
static COMMON: [HeaderName; 46] = [
    h::ACCEPT_RANGES,
    h::ACCESS_CONTROL_ALLOW_CREDENTIALS,
    h::ACCESS_CONTROL_ALLOW_HEADERS,
    h::ACCESS_CONTROL_ALLOW_METHODS,
    h::ACCESS_CONTROL_ALLOW_ORIGIN,
    h::ACCESS_CONTROL_EXPOSE_HEADERS,
    h::ACCESS_CONTROL_MAX_AGE,
    h::ALLOW,
    h::ALT_SVC,
    h::CACHE_CONTROL,
    h::CONTENT_DISPOSITION,
    h::CONTENT_ENCODING,
    h::CONTENT_LANGUAGE,
    h::CONTENT_LENGTH,
    h::CONTENT_LOCATION,
    h::CONTENT_RANGE,
    h::CONTENT_SECURITY_POLICY,
    h::CONTENT_SECURITY_POLICY_REPORT_ONLY,
    h::CONTENT_TYPE,
    h::DATE,
    h::ETAG,
    h::EXPIRES,
    h::LAST_MODIFIED,
    h::LINK,
    h::LOCATION,
    h::PRAGMA,
    h::REFERRER_POLICY,
    h::RETRY_AFTER,
    h::SERVER,
    h::SET_COOKIE,
    h::STRICT_TRANSPORT_SECURITY,
    h::VARY,
    h::VIA,
    h::WARNING,
    h::WWW_AUTHENTICATE,
    h::X_CONTENT_TYPE_OPTIONS,
    h::X_FRAME_OPTIONS,
    h::X_XSS_PROTECTION,
    HeaderName::from_static("cache-tag"),
    HeaderName::from_static("cdn-cache-control"),
    HeaderName::from_static("cross-origin-opener-policy"),
    HeaderName::from_static("permissions-policy"),
    HeaderName::from_static("server-timing"),
    HeaderName::from_static("surrogate-key"),
    HeaderName::from_static("x-powered-by"),
    HeaderName::from_static("x-request-id"),
];

/// The number of a field name. A name without one of its own is read from the head's bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NameCode(u8);

impl NameCode {
    /// Stands for every name that is not common.
    const UNCOMMON: Self = Self(Self::BOUND - 1);

    /// All numbers are below this one.
    pub(super) const BOUND: u8 = 1 << 6;

    /// The number of a name.
    pub(super) fn of(name: &HeaderName) -> Self {
        let place = COMMON.iter().position(|known| known == name).and_then(|place| u8::try_from(place).ok());
        place.map_or(Self::UNCOMMON, Self)
    }

    /// The name of a number, where it is common.
    pub(super) fn name(self) -> Option<&'static HeaderName> {
        COMMON.get(usize::from(self.0))
    }

    /// The number itself.
    pub(super) const fn number(self) -> u8 {
        self.0
    }

    /// From what [`Self::number`] gave.
    pub(super) const fn from_number(number: u8) -> Self {
        Self(number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_common_name_is_found_again_by_its_number_and_no_other_has_one() {
        for name in &COMMON {
            let code = NameCode::of(name);
            assert!(code.number() < NameCode::UNCOMMON.number(), "{name}");
            assert_eq!(NameCode::from_number(code.number()).name(), Some(name));
        }
        let own = NameCode::of(&HeaderName::from_static("x-shop"));
        assert_eq!((own, own.name()), (NameCode::UNCOMMON, None));
    }
}
