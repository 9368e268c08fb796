//! Fields by which an origin speaks to one kind of cache, understood where a rule asks for them: Surrogate-Control (the
//! Edge Architecture Specification) and X-Accel-Expires (nginx).
//!
//! As a targeted field of RFC 9213 does, one that says how to cache an answer replaces Cache-Control, Expires and
//! CDN-Cache-Control whole. One that says nothing of it, or is no such field, is as if absent.

use super::age::parse_delta_seconds;
use super::cache_control::{Qualified, ResponseDirectives};
use super::lifetime::{LifetimeSource, OriginLifetime};
use crate::clock::Timestamp;
use http::header::CACHE_CONTROL;
use http::{HeaderMap, HeaderName, HeaderValue};
use std::time::Duration;

/// A field that a rule may ask to be understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LifetimeField {
    /// `Surrogate-Control`
    SurrogateControl,
    /// `X-Accel-Expires`
    XAccelExpires,
}

/// What such a field says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Said {
    pub(super) directives: ResponseDirectives,
    pub(super) lifetime: OriginLifetime,
}

impl LifetimeField {
    /// The field's name.
    #[must_use]
    pub const fn name(self) -> HeaderName {
        match self {
            Self::SurrogateControl => HeaderName::from_static("surrogate-control"),
            Self::XAccelExpires => HeaderName::from_static("x-accel-expires"),
        }
    }

    /// The field that a lifetime comes from, if it is one of these.
    #[must_use]
    pub const fn of(source: LifetimeSource) -> Option<Self> {
        match source {
            LifetimeSource::SurrogateControl => Some(Self::SurrogateControl),
            LifetimeSource::XAccelExpires => Some(Self::XAccelExpires),
            _ => None,
        }
    }

    /// The field whose lifetimes have this label, see [`LifetimeSource::label`].
    #[must_use]
    pub fn labelled(label: &str) -> Option<Self> {
        [Self::SurrogateControl, Self::XAccelExpires].into_iter().find(|field| field.source().label() == label)
    }

    /// The label of its lifetimes.
    #[must_use]
    pub const fn label(self) -> &'static str {
        self.source().label()
    }

    const fn source(self) -> LifetimeSource {
        match self {
            Self::SurrogateControl => LifetimeSource::SurrogateControl,
            Self::XAccelExpires => LifetimeSource::XAccelExpires,
        }
    }

    pub(super) fn read(self, headers: &HeaderMap, received_at: Timestamp) -> Option<Said> {
        match self {
            Self::SurrogateControl => surrogate_control(headers),
            Self::XAccelExpires => x_accel_expires(headers, received_at),
        }
    }
}

/// The first of these fields that says how to cache an answer.
pub(super) fn governing(headers: &HeaderMap, fields: &[LifetimeField], received_at: Timestamp) -> Option<Said> {
    fields.iter().find_map(|field| field.read(headers, received_at))
}

/// Directives as in Cache-Control, but that `max-age=60+30` adds a time to be served stale in, and that `;name` aims a
/// directive at one surrogate. What is aimed at another than Larder is passed over.
fn surrogate_control(headers: &HeaderMap) -> Option<Said> {
    let mut list: Vec<u8> = Vec::new();
    for line in headers.get_all(LifetimeField::SurrogateControl.name()) {
        for member in line.as_bytes().split(|byte| *byte == b',') {
            let mut parts = member.split(|byte| *byte == b';').map(<[u8]>::trim_ascii);
            let directive = parts.next().unwrap_or_default();
            if directive.is_empty() || parts.any(|target| !target.eq_ignore_ascii_case(b"larder")) {
                continue;
            }
            let (fresh, stale) = extended(directive);
            list.extend_from_slice(fresh);
            list.extend_from_slice(b", ");
            if let Some(stale) = stale {
                list.extend_from_slice(b"stale-while-revalidate=");
                list.extend_from_slice(stale);
                list.extend_from_slice(b", ");
            }
        }
    }
    let line = HeaderValue::from_bytes(&list).ok()?;
    let directives = ResponseDirectives::parse(&HeaderMap::from_iter([(CACHE_CONTROL, line)]));
    let fresh_for = directives.s_maxage.or(directives.max_age);
    let forbids =
        directives.no_store || directives.no_cache == Qualified::Whole || directives.private == Qualified::Whole;
    if fresh_for.is_none() && !forbids {
        return None;
    }
    let lifetime = OriginLifetime::Explicit(fresh_for.unwrap_or_default(), LifetimeSource::SurrogateControl);
    Some(Said { directives, lifetime })
}

/// `max-age=60+30` as `max-age=60` and `30`.
fn extended(directive: &[u8]) -> (&[u8], Option<&[u8]>) {
    let is_max_age = directive.get(..8).is_some_and(|name| name.eq_ignore_ascii_case(b"max-age="));
    match directive.iter().position(|byte| *byte == b'+') {
        Some(plus) if is_max_age => (&directive[..plus], directive.get(plus + 1..)),
        _ => (directive, None),
    }
}

/// Seconds, `@` and a time in seconds since 1970, or 0 for "do not store". Anything else is ignored, as nginx does.
fn x_accel_expires(headers: &HeaderMap, received_at: Timestamp) -> Option<Said> {
    let text = headers.get(LifetimeField::XAccelExpires.name())?.as_bytes().trim_ascii();
    let fresh_for = match text.strip_prefix(b"@") {
        Some(time) => parse_delta_seconds_unbounded(time)?.saturating_sub(Duration::from_secs(received_at.as_secs())),
        None => parse_delta_seconds(text)?,
    };
    let no_store = fresh_for.is_zero() && !text.starts_with(b"@");
    let directives = ResponseDirectives { max_age: Some(fresh_for), no_store, ..ResponseDirectives::default() };
    Some(Said { directives, lifetime: OriginLifetime::Explicit(fresh_for, LifetimeSource::XAccelExpires) })
}

fn parse_delta_seconds_unbounded(text: &[u8]) -> Option<Duration> {
    let digits = std::str::from_utf8(text).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))?;
    digits.parse().ok().map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NOW: Timestamp = Timestamp::from_millis(1_790_000_000_000);

    fn said(field: LifetimeField, value: &str) -> Option<(Duration, ResponseDirectives)> {
        let line = HeaderValue::from_str(value).expect("a field value");
        let said = field.read(&HeaderMap::from_iter([(field.name(), line)]), NOW)?;
        match said.lifetime {
            OriginLifetime::Explicit(fresh_for, source) => {
                assert_eq!(source, field.source());
                Some((fresh_for, said.directives))
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn x_accel_expires_is_read_as_nginx_reads_it() {
        for (value, expected) in [
            ("60", Some((60, false))),
            ("0", Some((0, true))),
            ("@1790000090", Some((90, false))),
            ("@1600000000", Some((0, false))),
            ("off", None),
            ("-1", None),
            ("6 0", None),
            ("@", None),
            ("", None),
        ] {
            let read = said(LifetimeField::XAccelExpires, value);
            let read = read.map(|(fresh_for, directives)| (fresh_for.as_secs(), directives.no_store));
            assert_eq!(read, expected, "{value}");
        }
    }

    #[test]
    fn surrogate_control_is_read_with_its_extensions_and_targets() {
        let secs = |secs| Some(Duration::from_secs(secs));
        for (value, expected) in [
            ("max-age=60", Some((60, None))),
            ("max-age=60+30, content=\"ESI/1.0\"", Some((60, secs(30)))),
            ("MAX-AGE=60;larder", Some((60, None))),
            ("max-age=10;other, max-age=60", Some((60, None))),
            ("max-age=60, stale-while-revalidate=5", Some((60, secs(5)))),
            ("content=\"ESI/1.0\"", None),
            ("max-age=10;other", None),
            ("no-store-remote", None),
        ] {
            let read = said(LifetimeField::SurrogateControl, value);
            let read = read.map(|(fresh_for, directives)| (fresh_for.as_secs(), directives.stale_while_revalidate));
            assert_eq!(read, expected, "{value}");
        }
        let (fresh_for, directives) = said(LifetimeField::SurrogateControl, "no-store").expect("it forbids");
        assert!(directives.no_store && fresh_for.is_zero());
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(line in prop::collection::vec(any::<u8>(), 0..80)) {
            for field in [LifetimeField::SurrogateControl, LifetimeField::XAccelExpires] {
                if let Ok(value) = HeaderValue::from_bytes(&line) {
                    let _ = field.read(&HeaderMap::from_iter([(field.name(), value)]), NOW);
                }
            }
        }
    }
}
