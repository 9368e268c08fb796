//! The bytes of an entry in one allocation: the head, the body where it is short, and the names it is found by.
//!
//! One after another: the head at rest; its lines that stand in other views only; the body, unless it is kept apart; the
//! URL; the tags, joined by line breaks, which no tag holds; the table of the head's lines. Each is known by its end.

use super::prepared::{HeadLines, PreparedHead};
use crate::scope::{TAG_SEPARATOR, Tag};

/// See the module.
#[derive(Debug)]
pub(super) struct PackedEntry {
    bytes: Box<[u8]>,
    head_at_rest_end: u32,
    head_end: u32,
    body_end: u32,
    path_at: u32,
    url_end: u32,
    tags_end: u32,
}

impl PackedEntry {
    /// These together. `path_start` is where the path begins in `url`.
    pub(super) fn new(head: &PreparedHead, body: &[u8], (url, path_start): (&str, usize), tags: &[Tag]) -> Self {
        let tag_bytes: usize = tags.iter().map(|tag| tag.as_str().len() + 1).sum();
        let bytes_max = head.bytes.len() + body.len() + url.len() + tag_bytes + head.table.len();
        let mut bytes = Vec::with_capacity(bytes_max);
        bytes.extend_from_slice(&head.bytes);
        let head_end = end(&bytes);
        bytes.extend_from_slice(body);
        let body_end = end(&bytes);
        bytes.extend_from_slice(url.as_bytes());
        let url_end = end(&bytes);
        for (at, tag) in tags.iter().enumerate() {
            if at > 0 {
                bytes.extend_from_slice(TAG_SEPARATOR.encode_utf8(&mut [0; 4]).as_bytes());
            }
            bytes.extend_from_slice(tag.as_str().as_bytes());
        }
        let tags_end = end(&bytes);
        bytes.extend_from_slice(&head.table);
        Self {
            bytes: bytes.into_boxed_slice(),
            head_at_rest_end: u32::try_from(head.at_rest_bytes).unwrap_or(u32::MAX),
            head_end,
            body_end,
            path_at: body_end.saturating_add(u32::try_from(path_start).unwrap_or(u32::MAX)),
            url_end,
            tags_end,
        }
    }

    /// How many bytes there are.
    pub(super) const fn len(&self) -> usize {
        self.bytes.len()
    }

    /// The HTTP/1.1 head at rest.
    pub(super) fn head_at_rest(&self) -> &[u8] {
        self.between(0, self.head_at_rest_end)
    }

    /// The lines of the head in all views.
    pub(super) fn head_lines(&self) -> HeadLines<'_> {
        let table = self.bytes.get(self.tags_end as usize..).unwrap_or_default();
        HeadLines { bytes: self.between(0, self.head_end), table }
    }

    /// The body; empty where it is kept apart.
    pub(super) fn body(&self) -> &[u8] {
        self.between(self.head_end, self.body_end)
    }

    /// The URL.
    pub(super) fn url(&self) -> &str {
        text(self.between(self.body_end, self.url_end))
    }

    /// Where the path begins in the URL, in bytes.
    pub(super) const fn path_start(&self) -> usize {
        self.path_at.saturating_sub(self.body_end) as usize
    }

    /// The tags, joined by [`TAG_SEPARATOR`].
    pub(super) fn tags(&self) -> &str {
        text(self.between(self.url_end, self.tags_end))
    }

    fn between(&self, start: u32, end: u32) -> &[u8] {
        self.bytes.get(start as usize..end as usize).unwrap_or_default()
    }
}

/// Where the next byte will lie. Heads, tags and URLs are bounded far below 4 GiB where they are read.
fn end(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).unwrap_or(u32::MAX)
}

/// What was text when it was put there.
fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap_or_default()
}
