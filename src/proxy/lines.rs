//! The lines of a head, as HTTP/1 writes them: RFC 9112 sections 4 and 5.

use http::{HeaderValue, StatusCode, Version};

/// Writes a status line; without a `reason` the usual one.
pub(super) fn write_status_line(version: Version, status: StatusCode, reason: Option<&[u8]>, out: &mut Vec<u8>) {
    out.extend_from_slice(if version == Version::HTTP_10 { b"HTTP/1.0 " } else { b"HTTP/1.1 " });
    out.extend_from_slice(status.as_str().as_bytes());
    out.push(b' ');
    out.extend_from_slice(reason.unwrap_or_else(|| status.canonical_reason().unwrap_or_default().as_bytes()));
    out.extend_from_slice(b"\r\n");
}

/// Writes a field line.
pub(super) fn write_line(name: &[u8], value: &HeaderValue, out: &mut Vec<u8>) {
    for part in [name, b": ", value.as_bytes(), b"\r\n"] {
        out.extend_from_slice(part);
    }
}
