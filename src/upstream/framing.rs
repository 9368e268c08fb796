//! How long an answer's body is: RFC 9112 section 6.3, so strictly that nobody after us can read it in another way.

use super::content_length::{number, say_length};
use super::failure::Invalid;
use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use http::{HeaderMap, Method, StatusCode};

/// Whether the connection can be trusted to be where the next answer begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Framing {
    Sound,
    /// There was a length beside the transfer coding. The coding goes, but the server may have meant the length.
    Doubtful,
}

/// Leaves one length at most, which is a single number, and refuses codings that are not decoded here.
pub(super) fn settle(headers: &mut HeaderMap, status: StatusCode, method: &Method) -> Result<Framing, Invalid> {
    let is_empty = is_empty(status);
    let has_body = has_body(status, method);
    if headers.contains_key(TRANSFER_ENCODING) {
        if has_body && !is_chunked(headers) {
            return Err(Invalid::TransferCoding);
        }
        let is_doubtful = headers.remove(CONTENT_LENGTH).is_some() && has_body;
        return Ok(if is_doubtful { Framing::Doubtful } else { Framing::Sound });
    }
    if is_empty {
        // RFC 9110 section 8.6: none of these has a length.
        headers.remove(CONTENT_LENGTH);
    } else if headers.contains_key(CONTENT_LENGTH) {
        let length = length(headers).ok_or(Invalid::ContentLength)?;
        say_length(headers, length);
    }
    Ok(Framing::Sound)
}

fn is_empty(status: StatusCode) -> bool {
    status.is_informational() || status == StatusCode::NO_CONTENT
}

/// Whether a body follows the head.
pub(super) fn has_body(status: StatusCode, method: &Method) -> bool {
    !is_empty(status) && status != StatusCode::NOT_MODIFIED && *method != Method::HEAD
}

/// Whether the one coding is chunked: it may be applied once only, and no other is decoded.
fn is_chunked(headers: &HeaderMap) -> bool {
    let mut lines = headers.get_all(TRANSFER_ENCODING).iter();
    let first = lines.next().is_some_and(|line| line.as_bytes().trim_ascii().eq_ignore_ascii_case(b"chunked"));
    first && lines.next().is_none()
}

/// The length that all lines and members agree on.
fn length(headers: &HeaderMap) -> Option<u64> {
    let lines = headers.get_all(CONTENT_LENGTH).iter();
    let mut members = lines.flat_map(|line| line.as_bytes().split(|byte| *byte == b','));
    let first = number(members.next()?)?;
    members.all(|member| number(member) == Some(first)).then_some(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    type Lines<'a> = &'a [(&'a str, &'a str)];

    fn fields(lines: Lines<'_>) -> HeaderMap {
        let name = |name: &str| match name {
            "te" => TRANSFER_ENCODING,
            _ => CONTENT_LENGTH,
        };
        let mut headers = HeaderMap::new();
        for (key, value) in lines {
            headers.append(name(key), value.parse().unwrap());
        }
        headers
    }

    fn lengths(headers: &HeaderMap) -> Vec<&str> {
        headers.get_all(CONTENT_LENGTH).iter().map(|value| value.to_str().unwrap()).collect()
    }

    #[test]
    fn rfc_9112_6_3_a_length_is_one_number() {
        let rows: [(Lines, Option<&str>); 13] = [
            (&[("cl", "2")], Some("2")),
            (&[("cl", "2, 2")], Some("2")),
            (&[("cl", "2,2 ,2")], Some("2")),
            (&[("cl", "2"), ("cl", "2")], Some("2")),
            (&[("cl", "002")], Some("2")),
            (&[("cl", "2"), ("cl", "3")], None),
            (&[("cl", "2, 3")], None),
            (&[("cl", "2,")], None),
            (&[("cl", "+2")], None),
            (&[("cl", "-2")], None),
            (&[("cl", "0x2")], None),
            (&[("cl", "")], None),
            (&[("cl", "99999999999999999999")], None),
        ];
        for (lines, expected) in rows {
            for (method, status) in [(Method::GET, StatusCode::OK), (Method::HEAD, StatusCode::OK)] {
                let mut headers = fields(lines);
                let settled = settle(&mut headers, status, &method);
                match expected {
                    Some(length) => assert_eq!((settled, lengths(&headers)), (Ok(Framing::Sound), vec![length])),
                    None => assert_eq!(settled, Err(Invalid::ContentLength), "{lines:?}"),
                }
            }
        }
    }

    #[test]
    fn rfc_9112_6_1_only_chunked_is_decoded_and_whatever_else_is_refused() {
        let refused: [Lines; 8] = [
            &[("te", "gzip, chunked")],
            &[("te", "gzip"), ("te", "chunked")],
            &[("te", "xchunked")],
            &[("te", "chunked, chunked")],
            &[("te", "chunked"), ("te", "chunked")],
            &[("te", "identity"), ("cl", "2")],
            &[("te", "chunked;q=1")],
            &[("te", "")],
        ];
        for lines in refused {
            let settled = settle(&mut fields(lines), StatusCode::OK, &Method::GET);
            assert_eq!(settled, Err(Invalid::TransferCoding), "{lines:?}");
        }
        for value in ["chunked", "Chunked", " chunked "] {
            assert_eq!(settle(&mut fields(&[("te", value)]), StatusCode::OK, &Method::GET), Ok(Framing::Sound));
        }
        let mut both = fields(&[("te", "chunked"), ("cl", "2")]);
        assert_eq!(settle(&mut both, StatusCode::OK, &Method::GET), Ok(Framing::Doubtful));
        assert!(lengths(&both).is_empty());
    }

    #[test]
    fn what_has_no_body_is_framed_by_nothing() {
        for (method, status, length) in
            [(Method::GET, 204, vec![]), (Method::GET, 304, vec!["5"]), (Method::HEAD, 200, vec!["5"])]
        {
            let status = StatusCode::from_u16(status).unwrap();
            let mut headers = fields(&[("cl", "5")]);
            assert_eq!(settle(&mut headers, status, &method), Ok(Framing::Sound));
            assert_eq!(lengths(&headers), length, "{method} {status}");
            assert_eq!(settle(&mut fields(&[("te", "gzip")]), status, &method), Ok(Framing::Sound));
        }
    }
}
