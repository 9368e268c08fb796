//! The framing of `multipart/byteranges`: RFC 9110 section 14.6, RFC 2046 section 5.1.

use super::range::{ByteRange, content_range};
use bytes::{Bytes, BytesMut};
use http::HeaderValue;

/// One part to be sent: its head, then the bytes of its range.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RangePart {
    /// Delimiter and head, up to and with the empty line.
    pub head: Bytes,
    /// Which bytes of the representation follow.
    pub range: ByteRange,
}

/// A body of several ranges: each part's head and bytes, then the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MultipartRanges {
    /// The parts in the order asked for.
    pub parts: Vec<RangePart>,
    /// What follows the last part's bytes.
    pub end: Bytes,
    boundary: String,
}

impl MultipartRanges {
    /// Frames `ranges` of a representation of `length` bytes. `seed` must be random, so that nobody can put the
    /// boundary made from it into the representation.
    #[must_use]
    pub fn new(seed: u128, content_type: Option<&HeaderValue>, ranges: &[ByteRange], length: u64) -> Self {
        let boundary = format!("{seed:032x}");
        let part = |(index, range): (usize, &ByteRange)| {
            let mut head = BytesMut::new();
            if index > 0 {
                head.extend_from_slice(b"\r\n");
            }
            head.extend_from_slice(b"--");
            head.extend_from_slice(boundary.as_bytes());
            if let Some(content_type) = content_type {
                head.extend_from_slice(b"\r\nContent-Type: ");
                head.extend_from_slice(content_type.as_bytes());
            }
            head.extend_from_slice(b"\r\nContent-Range: ");
            head.extend_from_slice(content_range(*range, length).as_bytes());
            head.extend_from_slice(b"\r\n\r\n");
            RangePart { head: head.freeze(), range: *range }
        };
        let parts = ranges.iter().enumerate().map(part).collect();
        Self { parts, end: format!("\r\n--{boundary}--\r\n").into(), boundary }
    }

    /// The Content-Type of the whole answer.
    #[must_use]
    pub fn content_type(&self) -> HeaderValue {
        HeaderValue::try_from(format!("multipart/byteranges; boundary={}", self.boundary))
            .expect("hexadecimal digits and a media type make a field value")
    }

    /// The Content-Length of the whole answer, in bytes.
    #[must_use]
    pub fn content_length(&self) -> u64 {
        let part_length = |part: &RangePart| (part.head.len() as u64).saturating_add(part.range.len());
        self.parts.iter().map(part_length).fold(self.end.len() as u64, u64::saturating_add)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc_9110_14_6_each_part_has_its_own_head() {
        let ranges = [ByteRange { first: 0, last: 1 }, ByteRange { first: 4, last: 6 }];
        let html = HeaderValue::from_static("text/html");
        let framed = MultipartRanges::new(0xAB, Some(&html), &ranges, 10);
        let body = b"0123456789";
        let mut sent = Vec::new();
        for part in &framed.parts {
            sent.extend_from_slice(&part.head);
            let first = usize::try_from(part.range.first).unwrap();
            sent.extend_from_slice(&body[first..=usize::try_from(part.range.last).unwrap()]);
        }
        sent.extend_from_slice(&framed.end);
        let boundary = "000000000000000000000000000000ab";
        let expected = format!(
            "--{boundary}\r\nContent-Type: text/html\r\nContent-Range: bytes 0-1/10\r\n\r\n01\
             \r\n--{boundary}\r\nContent-Type: text/html\r\nContent-Range: bytes 4-6/10\r\n\r\n456\
             \r\n--{boundary}--\r\n"
        );
        assert_eq!(String::from_utf8(sent).unwrap(), expected);
        assert_eq!(framed.content_length(), expected.len() as u64);
        assert_eq!(framed.content_type(), format!("multipart/byteranges; boundary={boundary}"));
    }

    #[test]
    fn a_part_of_unknown_type_has_no_content_type() {
        let framed = MultipartRanges::new(1, None, &[ByteRange { first: 0, last: 0 }], 1);
        assert!(framed.parts[0].head.ends_with(b"1\r\nContent-Range: bytes 0-0/1\r\n\r\n"));
    }
}
