//! The characters of a request target and of a Host field: RFC 9112 section 3.2, RFC 3986 section 3.

use crate::proxy::refusal::Refusal;

const IN_PATH: u8 = 1;
const IN_QUERY: u8 = 2;
const IN_HOST: u8 = 4;
/// Of what clients send all the same, in a path or a query.
const RAW: u8 = 8;

/// What each byte may be part of. Besides RFC 3986's characters, paths and queries may hold those that browsers send
/// as they are (WHATWG URL), and what other clients send as it is: text beyond ASCII, quotes and angle brackets. A fragment, a
/// space or a control character may stand in neither.
const CLASSES: [u8; 256] = {
    let mut classes = [0; 256];
    let mut byte = 0_u8;
    while byte < 0xFF {
        let path = matches!(byte, 0x21 | 0x24..=0x3B | 0x3D | 0x40..=0x5F | 0x61..=0x7E | b'"');
        let query = matches!(byte, 0x21 | 0x24..=0x3B | 0x3D | 0x3F..=0x7E);
        let host = byte.is_ascii_alphanumeric()
            || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'%' | b'!' | b'$' | b'&' | b'\'')
            || matches!(byte, b'(' | b')' | b'*' | b'+' | b';' | b'=');
        let raw = matches!(byte, b'"' | b'<' | b'>' | 0x80..);
        classes[byte as usize] = path as u8 * IN_PATH + query as u8 * IN_QUERY + host as u8 * IN_HOST + raw as u8 * RAW;
        byte += 1;
    }
    classes[0xFF] = RAW;
    classes
};

fn all(bytes: &[u8], class: u8) -> bool {
    bytes.iter().all(|byte| CLASSES.get(usize::from(*byte)).is_some_and(|classes| classes & class != 0))
}

/// How a target is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::proxy) enum Form {
    /// With nothing but what a URL may hold, or browsers send.
    Plain,
    /// With more than that.
    Raw,
}

/// Checks a target: a path with an optional query, an absolute `http` or `https` URL, or `*` for OPTIONS.
///
/// # Errors
/// [`Refusal::Target`].
pub(in crate::proxy) fn check(method: &str, target: &str) -> Result<Form, Refusal> {
    let origin_form = match target.as_bytes().first() {
        Some(b'/') => target,
        Some(b'*') if target.len() == 1 && method == "OPTIONS" => return Ok(Form::Plain),
        _ => after_authority(target).ok_or(Refusal::Target)?,
    };
    let bytes = origin_form.as_bytes();
    let path_bytes = memchr::memchr(b'?', bytes).unwrap_or(bytes.len());
    let (path, query) = bytes.split_at(path_bytes);
    // The question mark itself may stand in a query.
    if all(path, IN_PATH) && all(query, IN_QUERY) {
        return Ok(Form::Plain);
    }
    if all(path, IN_PATH | RAW) && all(query, IN_QUERY | RAW) { Ok(Form::Raw) } else { Err(Refusal::Target) }
}

/// What follows the authority of an absolute-form target.
fn after_authority(target: &str) -> Option<&str> {
    let (scheme, rest) = target.split_once("://")?;
    if !scheme.eq_ignore_ascii_case("http") && !scheme.eq_ignore_ascii_case("https") {
        return None;
    }
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, rest) = rest.split_at_checked(end)?;
    (is_host(authority.as_bytes())).then_some(rest)
}

/// Whether a Host field's value is a host with an optional port.
pub(super) fn is_host(value: &[u8]) -> bool {
    let (end, host_is_valid) = if let Some(literal) = value.strip_prefix(b"[") {
        let bytes = literal.iter().take_while(|byte| byte.is_ascii_hexdigit() || matches!(byte, b':' | b'.')).count();
        (bytes + 2, bytes > 0 && literal.get(bytes) == Some(&b']'))
    } else {
        let bytes = value.iter().position(|byte| *byte == b':').unwrap_or(value.len());
        (bytes, bytes > 0 && value.get(..bytes).is_some_and(|host| all(host, IN_HOST)))
    };
    let port_is_valid = match value.get(end..) {
        None => false,
        Some([]) => true,
        Some([colon, port @ ..]) => *colon == b':' && port.len() <= 5 && port.iter().all(u8::is_ascii_digit),
    };
    host_is_valid && port_is_valid
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_a_path_an_http_url_or_a_star_for_options() {
        for (method, target, expected) in [
            ("GET", "/", Ok(Form::Plain)),
            ("GET", "/a?b=c|{d}&e=[f]", Ok(Form::Plain)),
            ("GET", "/\"", Ok(Form::Plain)),
            ("GET", "http://shop.example:8080/a?b", Ok(Form::Plain)),
            ("GET", "HTTPS://[::1]", Ok(Form::Plain)),
            ("OPTIONS", "*", Ok(Form::Plain)),
            ("GET", "/<", Ok(Form::Raw)),
            ("GET", "/\u{e9}?\u{20ac}", Ok(Form::Raw)),
            ("GET", "http://shop.example/?a=\"<b>\"", Ok(Form::Raw)),
            ("GET", "/\u{7f}", Err(Refusal::Target)),
            ("GET", "/<#", Err(Refusal::Target)),
            ("GET", "http://\u{e9}/", Err(Refusal::Target)),
            ("GET", "*", Err(Refusal::Target)),
            ("GET", "", Err(Refusal::Target)),
            ("GET", "a", Err(Refusal::Target)),
            ("GET", "/a#b", Err(Refusal::Target)),
            ("GET", "/a?b#c", Err(Refusal::Target)),
            ("GET", "ftp://shop.example/", Err(Refusal::Target)),
            ("GET", "http:///a", Err(Refusal::Target)),
            ("GET", "http://user@shop.example/", Err(Refusal::Target)),
        ] {
            assert_eq!(check(method, target), expected, "{method} {target}");
        }
    }

    #[test]
    fn every_target_taken_here_is_one_that_the_uri_type_takes() {
        for byte in 0..=0x7F_u8 {
            for target in [format!("/{}", char::from(byte)), format!("/?{}", char::from(byte))] {
                if check("GET", &target) == Ok(Form::Plain) {
                    let uri: http::Uri = target.parse().unwrap();
                    assert_eq!(uri.to_string(), target, "nothing is cut off");
                }
            }
        }
    }

    #[test]
    fn a_host_is_a_name_or_an_address_with_an_optional_port() {
        for host in ["a", "shop.example", "shop.example:80", "127.0.0.1:8080", "[::1]", "[::1]:80", "a:"] {
            assert!(is_host(host.as_bytes()), "{host}");
        }
        for host in
            ["", ":80", "a b", "a@b", "a/b", "a?b", "a:b", "a:1:2", "a:123456", "[", "[]", "[::1", "[::1]a", "a,b"]
        {
            assert!(!is_host(host.as_bytes()), "{host}");
        }
    }
}
