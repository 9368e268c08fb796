//! A field section is written: RFC 9204 section 4.5.

use super::integer;
use super::static_table::{Found, find};
use http::{HeaderMap, StatusCode};

/// The section of a response's head.
pub(in crate::proxy::http3) fn encode_response(status: StatusCode, headers: &HeaderMap) -> Vec<u8> {
    let mut out = begun(headers.len());
    put(":status", status.as_str().as_bytes(), &mut out);
    put_all(headers, &mut out);
    out
}

/// The section of trailers.
pub(in crate::proxy::http3) fn encode_trailers(trailers: &HeaderMap) -> Vec<u8> {
    let mut out = begun(trailers.len());
    put_all(trailers, &mut out);
    out
}

/// A section that refers to no other.
fn begun(fields: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(64 + 32 * fields);
    out.extend_from_slice(&[0, 0]);
    out
}

fn put_all(headers: &HeaderMap, out: &mut Vec<u8>) {
    for (name, value) in headers {
        put(name.as_str(), value.as_bytes(), out);
    }
}

fn put(name: &str, value: &[u8], out: &mut Vec<u8>) {
    match find(name, value) {
        Some(Found::Whole(index)) => return integer::put(0b1100_0000, 6, index, out),
        Some(Found::Name(index)) => integer::put(0b0101_0000, 4, index, out),
        None => {
            integer::put(0b0010_0000, 3, name.len() as u64, out);
            out.extend_from_slice(name.as_bytes());
        }
    }
    integer::put(0, 7, value.len() as u64, out);
    out.extend_from_slice(value);
}

#[cfg(test)]
mod tests {
    use super::super::decode;
    use super::*;
    use http::HeaderValue;

    #[test]
    fn what_is_written_is_read_again() {
        let mut headers = HeaderMap::new();
        for (name, value) in [("content-type", "text/plain"), ("x-other", ""), ("x-other", "2"), ("age", "0")] {
            headers.append(name, HeaderValue::from_static(value));
        }
        headers.append("x-long", HeaderValue::try_from("v".repeat(1000)).unwrap());
        let section = encode_response(StatusCode::NOT_FOUND, &headers);
        let fields = decode(&section, 8192).unwrap();
        let mut expected = vec![(&b":status"[..], &b"404"[..])];
        expected.extend(headers.iter().map(|(name, value)| (name.as_str().as_bytes(), value.as_bytes())));
        let fields: Vec<_> = fields.iter().map(|(name, value)| (name.as_ref(), value.as_ref())).collect();
        assert_eq!(fields, expected);
    }
}
