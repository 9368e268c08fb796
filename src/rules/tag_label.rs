//! All tags of an answer in one field, as the caches in front read them: Surrogate-Key, xkey, Cache-Tag.
//!
//! Those caches take no tag with white space or a comma, and no field of any length. A tag that they don't take is written as its
//! digest, and an answer with more tags than a field may hold, or with tags that are known only with its body, is labelled as
//! [`UNLISTED`]: whoever purges tags there purges that as well, so that nothing is missed.

use crate::scope::Tag;
use http::{HeaderName, HeaderValue};
use std::borrow::Cow;
use std::fmt::Write as _;

/// What an answer carries whose tags are not all listed.
pub(crate) const UNLISTED: &str = "larder-unlisted";

/// The longest tag that is written as it is, in bytes.
const TAG_BYTES_MAX: usize = 200;

/// The longest list, in bytes: what Fastly and Cloudflare take is 16 KiB, and other proxies stand between.
const LIST_BYTES_MAX: usize = 4096;

/// Whether the tags of an answer are known when its head is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Known {
    All,
    Some,
}

/// A tag as it is written in such a field, and purged by.
pub(crate) fn written(tag: &str) -> Cow<'_, str> {
    let is_plain = |byte: u8| byte.is_ascii_graphic() && byte != b',';
    if (1..=TAG_BYTES_MAX).contains(&tag.len()) && tag.bytes().all(is_plain) {
        return Cow::Borrowed(tag);
    }
    let mut digest = String::from("larder-");
    for byte in &blake3::hash(tag.as_bytes()).as_bytes()[..12] {
        // Writing to a String cannot fail.
        let _ = write!(digest, "{byte:02x}");
    }
    Cow::Owned(digest)
}

/// The value of the field `name` for an answer with these tags.
pub(crate) fn label(name: &HeaderName, tags: &[Tag], known: Known) -> HeaderValue {
    let separator = if ["surrogate-key", "xkey"].contains(&name.as_str()) { " " } else { "," };
    let mut list: Vec<Cow<'_, str>> = tags.iter().map(|tag| written(tag.as_str())).collect();
    let is_long = list.iter().map(|tag| tag.len() + 1).sum::<usize>() > LIST_BYTES_MAX;
    if is_long {
        list.clear();
    }
    if is_long || known == Known::Some {
        list.push(Cow::Borrowed(UNLISTED));
    }
    HeaderValue::try_from(list.join(separator)).unwrap_or(HeaderValue::from_static(UNLISTED))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labelled(name: &'static str, tags: &[&str], known: Known) -> String {
        let tags: Vec<Tag> = tags.iter().map(|tag| Tag::new(tag).expect("it is a tag")).collect();
        label(&HeaderName::from_static(name), &tags, known).to_str().expect("it is text").to_owned()
    }

    #[test]
    fn all_tags_are_listed_or_the_answer_says_that_they_are_not() {
        for (name, tags, known, expected) in [
            ("surrogate-key", &["product:1", "all"][..], Known::All, "product:1 all"),
            ("cache-tag", &["product:1", "all"], Known::All, "product:1,all"),
            ("cache-tag", &["product:1"], Known::Some, "product:1,larder-unlisted"),
            ("xkey", &[], Known::All, ""),
            ("xkey", &[], Known::Some, "larder-unlisted"),
        ] {
            assert_eq!(labelled(name, tags, known), expected);
        }
        let many: Vec<String> = (0..1_000).map(|n| format!("product:{n}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        assert_eq!(labelled("cache-tag", &many, Known::All), UNLISTED);
    }

    #[test]
    fn a_tag_that_other_caches_do_not_take_is_written_as_its_digest() {
        for tag in ["red shoes", "a,b", "größe", &"x".repeat(201)] {
            let written = written(tag);
            assert!(written.starts_with("larder-") && written.len() == 31, "{written}");
            assert_eq!(labelled("surrogate-key", &[tag], Known::All), written);
        }
        assert_ne!(written("red shoes"), written("red shoe"));
        assert_eq!(written("product:1/a?b=c"), "product:1/a?b=c");
    }
}
