//! What `Cache-Status` (RFC 9211) says of an answer.

use serde::Serialize;

/// Where an answer came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Origin {
    /// From the cache, fresh.
    Hit,
    /// From the cache, stale.
    StaleHit,
    /// From another client's fetch that was under way.
    Collapsed,
    /// From the origin, through the cache.
    Fetched,
    /// From the origin; nothing says that a cache was there.
    Direct,
}

impl Origin {
    /// Reads the field, or that there is none.
    pub(crate) fn of(field: Option<&str>) -> Self {
        let Some(field) = field else { return Self::Direct };
        let mut parameters = field.split(';').map(str::trim).skip(1);
        let mut origin = Self::Fetched;
        let stale = |parameter: &str| parameter.strip_prefix("ttl=").is_some_and(|seconds| seconds.starts_with('-'));
        while let Some(parameter) = parameters.next() {
            match parameter {
                "hit" => return if parameters.any(stale) { Self::StaleHit } else { Self::Hit },
                "collapsed" => origin = Self::Collapsed,
                _ => {}
            }
        }
        origin
    }

    /// Whether the cache answered.
    pub(crate) const fn is_hit(self) -> bool {
        matches!(self, Self::Hit | Self::StaleHit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_field_tells_where_an_answer_came_from() {
        for (field, origin) in [
            (Some("larder; hit; ttl=271"), Origin::Hit),
            (Some("larder;hit"), Origin::Hit),
            (Some("larder; hit; ttl=-3"), Origin::StaleHit),
            (Some("larder; fwd=uri-miss; fwd-status=200; stored; ttl=300"), Origin::Fetched),
            (Some("larder; fwd=uri-miss; collapsed"), Origin::Collapsed),
            (Some("larder; fwd=bypass; detail=no-rule"), Origin::Fetched),
            (None, Origin::Direct),
        ] {
            assert_eq!(Origin::of(field), origin, "{field:?}");
        }
    }
}
