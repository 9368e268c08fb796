//! The fields by which origins tag their answers for purging: Surrogate-Key and xkey (parted by spaces), Cache-Tag
//! (parted by commas).

use http::{HeaderMap, HeaderName};

/// The most tags read from one answer; a purge by a tag beyond them does not reach it, and no answer that well tagged
/// is known.
pub const ORIGIN_TAGS_MAX: usize = 512;

const SURROGATE_KEY: HeaderName = HeaderName::from_static("surrogate-key");
const XKEY: HeaderName = HeaderName::from_static("xkey");
const CACHE_TAG: HeaderName = HeaderName::from_static("cache-tag");

/// The texts of all tags of a response, in order, at most [`ORIGIN_TAGS_MAX`]. Lines that are no visible text are
/// passed over.
pub fn origin_tags(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    let named = [(SURROGATE_KEY, ' '), (XKEY, ' '), (CACHE_TAG, ',')];
    let texts = named.into_iter().flat_map(|(name, separator)| {
        let lines = headers.get_all(name).into_iter().filter_map(|line| line.to_str().ok());
        lines.flat_map(move |line| line.split(separator))
    });
    texts.map(str::trim).filter(|text| !text.is_empty()).take(ORIGIN_TAGS_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    #[test]
    fn each_field_is_parted_in_its_own_way() {
        for (name, line, expected) in [
            ("surrogate-key", "shoes  product-7 ", vec!["shoes", "product-7"]),
            ("xkey", "a b", vec!["a", "b"]),
            ("cache-tag", "red shoes, product-7,,", vec!["red shoes", "product-7"]),
            ("surrogate-key", "", vec![]),
            ("x-other", "shoes", vec![]),
        ] {
            let mut headers = HeaderMap::new();
            headers.append(name, HeaderValue::from_static(line));
            assert_eq!(origin_tags(&headers).collect::<Vec<_>>(), expected, "{name}: {line}");
        }
    }

    #[test]
    fn repeated_lines_add_up_to_a_bound() {
        let mut headers = HeaderMap::new();
        for _ in 0..2 * ORIGIN_TAGS_MAX {
            headers.append("cache-tag", HeaderValue::from_static("a"));
        }
        assert_eq!(origin_tags(&headers).count(), ORIGIN_TAGS_MAX);
    }
}
