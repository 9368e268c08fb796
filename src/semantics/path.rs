//! The path of a target in its one normal form: RFC 3986 section 6.2.2.

use percent_encoding::percent_encode_byte;

/// How a settled path can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PathReading {
    /// In one way.
    Plain,
    /// In more than one way: servers and frameworks differ on what it names.
    Ambiguous,
}

/// Appends the normal form of `path` to `out`: percent-encoded unreserved characters decoded (section 6.2.2.2), other
/// encodings in upper case (section 6.2.2.1), dot segments removed (section 6.2.2.3), characters that a URL does not
/// allow encoded. An empty path becomes `/`, a stray `%` becomes `%25`. Settling twice changes nothing more.
///
/// Says whether the path is ambiguous: an encoded delimiter (`%2F`, `%5C`, `%3B`, `%3F`, `%23`) or control
/// character, a backslash, a path parameter (`;`), an empty segment, an encoding that decodes to another encoding, an
/// overlong UTF-8 sequence (`%C0`, `%C1`) or malformed percent-encoding.
pub(super) fn settle_path(path: &str, out: &mut String) -> PathReading {
    if path.is_empty() {
        out.push('/');
        return PathReading::Plain;
    }
    if is_settled(path.as_bytes()) {
        out.push_str(path);
        return PathReading::Plain;
    }
    let start = out.len();
    out.push('/');
    let mut reading = PathReading::Plain;
    let mut segments = path.strip_prefix('/').unwrap_or(path).split('/').peekable();
    while let Some(segment) = segments.next() {
        let is_last = segments.peek().is_none();
        if segment.is_empty() && !is_last {
            reading = PathReading::Ambiguous;
        }
        let segment_start = out.len();
        let own_reading = settle_segment(segment, out);
        if own_reading == PathReading::Ambiguous || is_encoded_twice(out.get(segment_start..).unwrap_or_default()) {
            reading = PathReading::Ambiguous;
        }
        match out.get(segment_start..) {
            Some(".") => out.truncate(segment_start),
            Some("..") => out.truncate(parent_end(out, start, segment_start)),
            _ if !is_last => out.push('/'),
            _ => {}
        }
    }
    reading
}

/// Where the path ends once the segment that begins at `segment_start` has taken its parent away.
fn parent_end(out: &str, start: usize, segment_start: usize) -> usize {
    let parent = out.get(start..segment_start.saturating_sub(1)).unwrap_or_default();
    parent.rfind('/').map_or(start + 1, |slash| start + slash + 1)
}

/// Whether a path is in normal form and plain, so that it can be copied as it is: nearly every path.
fn is_settled(path: &[u8]) -> bool {
    let mut after_slash = false;
    path.first() == Some(&b'/')
        && path.iter().all(|&byte| {
            let is_ordinary = PLAIN[usize::from(byte)] && !(after_slash && matches!(byte, b'/' | b'.'));
            after_slash = byte == b'/';
            is_ordinary
        })
}

/// [`is_plain`] of each byte.
const PLAIN: [bool; 256] = {
    let mut plain = [false; 256];
    let mut byte = 0_u8;
    while byte < 0x7F {
        plain[byte as usize] = is_plain(byte);
        byte += 1;
    }
    plain
};

/// Whether a byte stands for itself in a segment and is no delimiter: unreserved, sub-delims but `;`, `:`, `@`; or `/`.
const fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'-' | b'.'
                | b'_'
                | b'~'
                | b'!'
                | b'$'
                | b'&'
                | b'\''
                | b'('
                | b')'
                | b'*'
                | b'+'
                | b','
                | b'='
                | b':'
                | b'@'
                | b'/'
        )
}

const fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

fn settle_segment(segment: &str, out: &mut String) -> PathReading {
    let mut reading = PathReading::Plain;
    let mut rest = segment.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if byte != b'%' {
            if is_plain(byte) {
                out.push(char::from(byte));
            } else if byte == b';' {
                out.push(';');
                reading = PathReading::Ambiguous;
            } else {
                out.push_str(percent_encode_byte(byte));
                if byte == b'\\' {
                    reading = PathReading::Ambiguous;
                }
            }
            continue;
        }
        let Some(decoded) = encoded_byte(rest) else {
            out.push_str("%25");
            reading = PathReading::Ambiguous;
            continue;
        };
        rest = rest.get(2..).unwrap_or_default();
        if is_unreserved(decoded) {
            out.push(char::from(decoded));
        } else {
            out.push_str(percent_encode_byte(decoded));
            if is_hazard(decoded) {
                reading = PathReading::Ambiguous;
            }
        }
    }
    reading
}

/// Whether a settled segment holds an encoding that decodes to another encoding. Looked for in the settled form, where
/// nothing hides it: of `%25%31C` the `%31` is decoded only then.
fn is_encoded_twice(settled: &str) -> bool {
    let is_followed = |at| settled.as_bytes().get(at + 3..).and_then(encoded_byte).is_some();
    settled.match_indices("%25").any(|(at, _)| is_followed(at))
}

/// Whether the encoded form of a byte is read as a delimiter by some and as data by others.
const fn is_hazard(decoded: u8) -> bool {
    decoded.is_ascii_control() || matches!(decoded, b'/' | b'\\' | b';' | b'?' | b'#' | 0xC0 | 0xC1)
}

/// The byte that two hexadecimal digits stand for.
fn encoded_byte(digits: &[u8]) -> Option<u8> {
    let digit = |index: usize| char::from(*digits.get(index)?).to_digit(16);
    u8::try_from(digit(0)? * 16 + digit(1)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn settle(path: &str) -> (String, PathReading) {
        let mut out = String::from("http://h");
        let reading = settle_path(path, &mut out);
        (out.split_off("http://h".len()), reading)
    }

    #[test]
    fn rfc_3986_6_2_2_equivalent_paths_settle_to_one_form() {
        for (path, expected) in [
            ("", "/"),
            ("/", "/"),
            ("/a", "/a"),
            ("/a/", "/a/"),
            ("/api/products/42", "/api/products/42"),
            ("/a-._~!$&'()*+,=:@", "/a-._~!$&'()*+,=:@"),
            // 6.2.2.1: hexadecimal digits in upper case.
            ("/%e2%82%ac", "/%E2%82%AC"),
            // 6.2.2.2: unreserved characters decoded, others not.
            ("/%61%2D%5f%7E%30", "/a-_~0"),
            ("/a%20b", "/a%20b"),
            ("/%40%3a", "/%40%3A"),
            // 6.2.2.3: dot segments, also encoded ones.
            ("/a/./b", "/a/b"),
            ("/a/../b", "/b"),
            ("/a/b/..", "/a/"),
            ("/a/.", "/a/"),
            ("/.", "/"),
            ("/..", "/"),
            ("/../../a", "/a"),
            ("/a/%2e%2E/b", "/b"),
            ("/a/.%2e/%2e/b", "/b"),
            ("/a/b/c/../../d", "/a/d"),
            ("/.well-known/x", "/.well-known/x"),
            ("/a/...", "/a/..."),
            ("/a/..b/c", "/a/..b/c"),
            // Raw characters that a URL does not allow.
            ("/é{x}\"", "/%C3%A9%7Bx%7D%22"),
            ("/100%25", "/100%25"),
        ] {
            assert_eq!(settle(path), (expected.to_owned(), PathReading::Plain), "{path}");
        }
    }

    #[test]
    fn paths_that_servers_read_differently_are_ambiguous() {
        for (path, expected) in [
            ("/a%2fb", "/a%2Fb"),
            ("/a%5Cb", "/a%5Cb"),
            ("/a\\b", "/a%5Cb"),
            ("/a%3bx", "/a%3Bx"),
            ("/a;x=1", "/a;x=1"),
            ("/a%3Fb", "/a%3Fb"),
            ("/a%23b", "/a%23b"),
            ("/a%00", "/a%00"),
            ("/a%0d%0A", "/a%0D%0A"),
            ("/a%7F", "/a%7F"),
            ("//a", "//a"),
            ("/a//b", "/a//b"),
            ("/a//", "/a//"),
            ("/a//../b", "/a/b"),
            ("/a/..;/b", "/a/..;/b"),
            ("/%zz", "/%25zz"),
            ("/a%", "/a%25"),
            ("/a%4", "/a%254"),
            ("/%%34%31", "/%2541"),
            ("/a%252Fb", "/a%252Fb"),
            ("/a%25%32Fb", "/a%252Fb"),
            ("/%c0%af", "/%C0%AF"),
        ] {
            assert_eq!(settle(path), (expected.to_owned(), PathReading::Ambiguous), "{path}");
        }
    }

    proptest! {
        #[test]
        fn settling_is_idempotent_and_leaves_no_dot_segment(
            path in "(/(\\.|\\.\\.|%2e|%2E%2e|%25|%|[a-f0-9%./;\\\\]{0,6}|\\PC{0,4})){0,8}"
        ) {
            let (settled, _) = settle(&path);
            prop_assert!(settled.starts_with('/'));
            prop_assert!(settled.split('/').all(|segment| segment != "." && segment != ".."), "{settled}");
            prop_assert_eq!(&settle(&settled).0, &settled);
        }

        #[test]
        fn any_text_settles_to_visible_ascii(path in "\\PC*") {
            prop_assert!(settle(&path).0.bytes().all(|b| b.is_ascii_graphic()));
        }
    }
}
