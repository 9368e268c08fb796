//! The lines of a head, as HTTP/1 writes them: RFC 9112 sections 4 and 5.

use http::{StatusCode, Version};

/// Writes a status line; without a `reason` the usual one.
pub(super) fn write_status_line(version: Version, status: StatusCode, reason: Option<&[u8]>, out: &mut Vec<u8>) {
    out.extend_from_slice(if version == Version::HTTP_10 { b"HTTP/1.0 " } else { b"HTTP/1.1 " });
    out.extend_from_slice(status.as_str().as_bytes());
    out.push(b' ');
    out.extend_from_slice(reason.unwrap_or_else(|| status.canonical_reason().unwrap_or_default().as_bytes()));
    out.extend_from_slice(b"\r\n");
}
