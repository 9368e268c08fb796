//! Field names as two-byte numbers: a `HeaderName` takes 32 bytes, and an entry has a dozen of them.

use http::HeaderName;
use http::header as h;

/// The names that most responses use. A number beyond the table is a place in [`FieldNames`].
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

/// The number of a field name within one head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NameIndex(u16);

/// The names of one head that are not common.
#[derive(Debug, Clone, Default)]
pub(super) struct FieldNames(Box<[HeaderName]>);

/// Collects the names of one head.
#[derive(Debug, Default)]
pub(super) struct FieldNamesBuilder(Vec<HeaderName>);

impl FieldNamesBuilder {
    /// The number of a name; a name seen for the first time is added.
    pub(super) fn index_of(&mut self, name: &HeaderName) -> NameIndex {
        let known = COMMON.iter().chain(&self.0).position(|known| known == name);
        let place = known.unwrap_or_else(|| {
            self.0.push(name.clone());
            COMMON.len() + self.0.len() - 1
        });
        // A HeaderMap holds at most 32,768 names.
        NameIndex(u16::try_from(place).unwrap_or(u16::MAX))
    }

    pub(super) fn finish(self) -> FieldNames {
        FieldNames(self.0.into())
    }
}

impl FieldNames {
    /// The name of a number.
    pub(super) fn get(&self, index: NameIndex) -> Option<&HeaderName> {
        let place = usize::from(index.0);
        COMMON.get(place).or_else(|| self.0.get(place - COMMON.len()))
    }

    /// What the names occupy beyond the struct itself.
    pub(super) fn weight_bytes(&self) -> usize {
        self.0.iter().map(|name| size_of::<HeaderName>() + name.as_str().len()).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_found_again_by_its_number() {
        let mut builder = FieldNamesBuilder::default();
        let own = [HeaderName::from_static("x-shop"), HeaderName::from_static("x-region")];
        let all: Vec<_> = COMMON.iter().chain(&own).chain(&own).collect();
        let numbers: Vec<_> = all.iter().map(|name| builder.index_of(name)).collect();
        let names = builder.finish();
        assert_eq!(
            numbers.iter().map(|number| names.get(*number)).collect::<Vec<_>>(),
            all.into_iter().map(Some).collect::<Vec<_>>()
        );
        assert_eq!(*names.0, own, "common names take no room and others take it once");
        assert_eq!(names.get(NameIndex(u16::MAX)), None);
    }
}
