//! The comma-separated directive lists of Cache-Control and its kin: quoted strings, repeated lines, nonsense between.
//!
//! RFC 9111 section 5.2, with the list, token and quoted-string rules of RFC 9110 section 5.6. A broken member never
//! hides the members after it. One pass, linear in the field's length, which the listener bounds.

use http::HeaderMap;
use http::header::{AsHeaderName, HeaderValue};
use std::borrow::Cow;

/// One member of a directive list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Directive<'a> {
    /// The name as it came, a token; compare it with [`Directive::is`].
    pub name: &'a [u8],
    /// What stands behind the name.
    pub argument: Argument<'a>,
}

/// What stands behind a directive's name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Argument<'a> {
    /// Nothing.
    Absent,
    /// `=` and a token, or a quoted string without its quotes and escapes. A token is never empty, a string may be.
    Value(Cow<'a, [u8]>),
    /// Something that is no argument: white space around `=`, a second word, an open quote.
    Broken,
}

impl Directive<'_> {
    /// Whether this is the directive `name`, in any letter case.
    pub(crate) fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name.as_bytes())
    }
}

/// The directives of all lines of a field, in order. Members that don't begin with a token are left out.
pub(crate) fn directives(headers: &HeaderMap, field: impl AsHeaderName) -> impl Iterator<Item = Directive<'_>> {
    headers.get_all(field).iter().map(HeaderValue::as_bytes).flat_map(Members::new)
}

/// The list members of one line.
#[derive(Debug, Clone)]
struct Members<'a> {
    rest: &'a [u8],
    /// A quote was opened that the line never closes. Quotes no longer count then, so that a line of them is not
    /// searched from each one to its end.
    unclosed: bool,
}

impl<'a> Members<'a> {
    const fn new(line: &'a [u8]) -> Self {
        Self { rest: line, unclosed: false }
    }

    fn byte(&self) -> Option<u8> {
        self.rest.first().copied()
    }

    fn skip(&mut self, count: usize) -> &'a [u8] {
        let (taken, rest) = self.rest.split_at_checked(count).unwrap_or((self.rest, &[]));
        self.rest = rest;
        taken
    }

    fn take_while(&mut self, mut wanted: impl FnMut(u8) -> bool) -> &'a [u8] {
        let count = self.rest.iter().position(|&byte| !wanted(byte)).unwrap_or(self.rest.len());
        self.skip(count)
    }

    /// Whether the member ends here, white space left aside.
    fn at_end_of_member(&mut self) -> bool {
        self.take_while(is_white_space);
        matches!(self.byte(), None | Some(b','))
    }

    /// Moves to the next comma that stands outside a well-formed quoted string.
    fn skip_broken_member(&mut self) {
        loop {
            self.take_while(|byte| byte != b',' && byte != b'"');
            if self.byte() != Some(b'"') {
                return;
            }
            if self.quoted_string().is_none() {
                self.skip(1);
            }
        }
    }

    /// The content of the quoted string that begins here, or none (and nothing consumed) where it has no end.
    fn quoted_string(&mut self) -> Option<Cow<'a, [u8]>> {
        if self.unclosed {
            return None;
        }
        let inside = self.rest.strip_prefix(b"\"")?;
        let mut escaped = false;
        let mut has_escapes = false;
        let end = inside.iter().position(|&byte| {
            let ends = byte == b'"' && !escaped;
            escaped = byte == b'\\' && !escaped;
            has_escapes |= escaped;
            ends
        });
        let Some(length) = end else {
            self.unclosed = true;
            return None;
        };
        let content = inside.get(..length)?;
        self.rest = inside.get(length + 1..)?;
        Some(if has_escapes { Cow::Owned(unescape(content)) } else { Cow::Borrowed(content) })
    }

    fn argument(&mut self) -> Argument<'a> {
        if self.byte() != Some(b'=') {
            return if self.at_end_of_member() { Argument::Absent } else { Argument::Broken };
        }
        self.skip(1);
        let value = match self.byte() {
            Some(b'"') => self.quoted_string(),
            _ => Some(Cow::Borrowed(self.take_while(is_token_byte))).filter(|token| !token.is_empty()),
        };
        match value {
            Some(value) if self.at_end_of_member() => Argument::Value(value),
            _ => Argument::Broken,
        }
    }
}

impl<'a> Iterator for Members<'a> {
    type Item = Directive<'a>;

    fn next(&mut self) -> Option<Directive<'a>> {
        loop {
            // RFC 9110 section 5.6.1.2: empty members are ignored.
            self.take_while(|byte| is_white_space(byte) || byte == b',');
            self.byte()?;
            let name = self.take_while(is_token_byte);
            if name.is_empty() {
                self.skip_broken_member();
                continue;
            }
            let argument = self.argument();
            if argument == Argument::Broken {
                self.skip_broken_member();
            }
            return Some(Directive { name, argument });
        }
    }
}

fn unescape(content: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(content.len());
    let mut bytes = content.iter().copied();
    while let Some(byte) = bytes.next() {
        plain.push(if byte == b'\\' { bytes.next().unwrap_or(byte) } else { byte });
    }
    plain
}

const fn is_white_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

/// `tchar` of RFC 9110 section 5.6.2.
pub(crate) const fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'!' | b'#' | b'$' | b'%' | b'&' | b'\'' | b'*' | b'+' | b'-' | b'.' | b'^' | b'_' | b'`' | b'|' | b'~'
        )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Each directive as `name`, `name=value` or `name!` where the argument is broken.
    fn read(lines: &[&[u8]]) -> Vec<String> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append("cache-control", HeaderValue::from_bytes(line).expect("a field value"));
        }
        directives(&headers, "cache-control")
            .map(|directive| {
                let name = String::from_utf8_lossy(directive.name).into_owned();
                match directive.argument {
                    Argument::Absent => name,
                    Argument::Value(value) => format!("{name}={}", String::from_utf8_lossy(&value)),
                    Argument::Broken => format!("{name}!"),
                }
            })
            .collect()
    }

    #[test]
    fn lists_are_read_member_by_member() {
        let rows: &[(&str, &[&str])] = &[
            // RFC 9111 section 5.2: directives with and without arguments, tokens and quoted strings.
            ("no-store", &["no-store"]),
            ("max-age=5, public", &["max-age=5", "public"]),
            ("max-age=\"5\",public", &["max-age=5", "public"]),
            ("max-age='5'", &["max-age='5'"]),
            ("private=\"a, b\" , no-cache", &["private=a, b", "no-cache"]),
            // RFC 9110 section 5.6.4: commas and escapes inside a quoted string.
            (r#"x="max-age=9, no-store", y"#, &["x=max-age=9, no-store", "y"]),
            (r#"x="a\"b\\", y"#, &[r#"x=a"b\"#, "y"]),
            (r#"x="", y"#, &["x=", "y"]),
            // RFC 9110 section 5.6.1.2: empty members.
            ("", &[]),
            (" , ,\t, a ,,", &["a"]),
            // No white space around `=`.
            ("max-age =5, a", &["max-age!", "a"]),
            ("max-age= 5, a", &["max-age!", "a"]),
            ("max-age=, a", &["max-age!", "a"]),
            // A broken member hides nothing behind it.
            ("public max-age=5, no-store", &["public!", "no-store"]),
            ("max-age=5;x, no-store", &["max-age!", "no-store"]),
            ("=5, no-store", &["no-store"]),
            ("@@@, no-store", &["no-store"]),
            ("(\"a, b\"), no-store", &["no-store"]),
            (r#"x="open, no-store"#, &["x!", "no-store"]),
            (r#"x="open\", no-store"#, &["x!", "no-store"]),
            (r#"x="a"b, no-store"#, &["x!", "no-store"]),
        ];
        for (line, expected) in rows {
            assert_eq!(read(&[line.as_bytes()]), *expected, "{line}");
        }
    }

    #[test]
    fn repeated_lines_are_one_list_but_quotes_end_with_their_line() {
        assert_eq!(read(&[b"a, b", b"", b"c"]), ["a", "b", "c"]);
        assert_eq!(read(&[b"x=\"a", b"b\", c"]), ["x!", "b!", "c"]);
        assert_eq!(read(&[b"\xff\xfe, no-store=\xe9, a"]), ["no-store!", "a"]);
    }

    #[test]
    fn a_line_of_escaped_quotes_is_searched_once() {
        let mut line = b"x=\"".to_vec();
        line.extend(b"\\\"".repeat(1 << 20));
        line.extend(b", no-store");
        assert!(Members::new(&line).any(|directive| directive.is("no-store")));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic_and_names_are_tokens(line in prop::collection::vec(any::<u8>(), 0..200)) {
            for directive in Members::new(&line) {
                prop_assert!(!directive.name.is_empty());
                prop_assert!(directive.name.iter().copied().all(is_token_byte));
            }
        }

        #[test]
        fn a_directive_behind_any_line_of_nonsense_is_seen(nonsense in "[ -~\t]{0,60}") {
            // Quotes might close around the directive, so the nonsense has none.
            let line = nonsense.replace('"', "") + ", no-store";
            prop_assert!(Members::new(line.as_bytes()).any(|directive| directive.is("No-Store")));
        }
    }
}
