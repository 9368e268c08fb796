//! Names what is wrong with a head that the parser refused. Off the ordinary path, so it takes its time.

use crate::proxy::refusal::Refusal;

/// What a client begins with that speaks TLS: a record with a handshake, RFC 8446 section 5.1.
const TLS_HANDSHAKE: &[u8] = &[22, 3];

/// The first thing that is wrong with the head at the start of `bytes`, which the parser refused with `error`.
pub(super) fn diagnose(bytes: &[u8], error: httparse::Error) -> Refusal {
    if error == httparse::Error::TooManyHeaders {
        return Refusal::TooManyFields;
    }
    if bytes.starts_with(TLS_HANDSHAKE) {
        return Refusal::Tls;
    }
    for (number, line) in bytes.split_inclusive(|byte| *byte == b'\n').enumerate() {
        let found = match Line::read(line) {
            Err(refusal) => Some(refusal),
            Ok(Line::Complete([])) if number > 0 => break,
            Ok(Line::Complete(text)) if number == 0 => request_line(text),
            Ok(Line::Complete(text) | Line::Cut(text)) if number > 0 => field_line(text),
            Ok(Line::Complete(_) | Line::Cut(_)) => None,
        };
        if let Some(refusal) = found {
            return refusal;
        }
    }
    match error {
        httparse::Error::HeaderName => Refusal::FieldName,
        httparse::Error::HeaderValue => Refusal::FieldValue,
        httparse::Error::NewLine => Refusal::BareCarriageReturn,
        _ => Refusal::RequestLine,
    }
}

enum Line<'a> {
    /// Without its end of line.
    Complete(&'a [u8]),
    /// The bytes end before the line does.
    Cut(&'a [u8]),
}

impl<'a> Line<'a> {
    fn read(line: &'a [u8]) -> Result<Self, Refusal> {
        let (text, read) = if let Some(ended) = line.strip_suffix(b"\n") {
            let text = ended.strip_suffix(b"\r").ok_or(Refusal::BareLineFeed)?;
            (text, Self::Complete(text))
        } else {
            let text = line.strip_suffix(b"\r").unwrap_or(line);
            (text, Self::Cut(text))
        };
        if text.contains(&b'\r') { Err(Refusal::BareCarriageReturn) } else { Ok(read) }
    }
}

fn request_line(line: &[u8]) -> Option<Refusal> {
    let parts: Vec<&[u8]> = line.split(|byte| *byte == b' ').collect();
    let [method, target, version] = parts.as_slice() else { return Some(Refusal::RequestLine) };
    if !is_token(method) {
        return Some(Refusal::Method);
    }
    let is_text =
        std::str::from_utf8(target).is_ok_and(|target| target.bytes().all(|byte| byte > b' ' && byte != 0x7F));
    if target.is_empty() || !is_text {
        return Some(Refusal::Target);
    }
    match *version {
        b"HTTP/1.0" | b"HTTP/1.1" => None,
        [b'H', b'T', b'T', b'P', b'/', major, b'.', minor] if major.is_ascii_digit() && minor.is_ascii_digit() => {
            Some(Refusal::Version)
        }
        _ => Some(Refusal::RequestLine),
    }
}

fn field_line(line: &[u8]) -> Option<Refusal> {
    if line.first().is_some_and(|byte| matches!(byte, b' ' | b'\t')) {
        return Some(Refusal::LineFolding);
    }
    let colon = line.iter().position(|byte| *byte == b':')?;
    let (name, value) = line.split_at_checked(colon)?;
    if name.last().is_some_and(|byte| matches!(byte, b' ' | b'\t')) {
        return Some(Refusal::SpaceBeforeColon);
    }
    if !is_token(name) {
        return Some(Refusal::FieldName);
    }
    value.iter().any(|byte| byte.is_ascii_control() && *byte != b'\t').then_some(Refusal::FieldValue)
}

fn is_token(text: &[u8]) -> bool {
    let special = b"!#$%&'*+-.^_`|~";
    !text.is_empty() && text.iter().all(|byte| byte.is_ascii_alphanumeric() || special.contains(byte))
}
