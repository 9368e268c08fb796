//! What the proxies on a request's way say of it: Forwarded (RFC 7239) and the X-Forwarded fields.
//!
//! Both are lists to which each proxy adds at the end, so both are read from there: what stands further left was written
//! by someone further away, and is believed only as far as everyone in between is.

use http::HeaderMap;
use http::header::{FORWARDED, HeaderName};
use std::borrow::Cow;
use std::net::{IpAddr, SocketAddr};

pub(super) const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
pub(super) const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
pub(super) const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");

/// What one proxy says of the request that it received.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Hop<'a> {
    /// Who sent it the request; `None` if that is `unknown`, hidden, or no address.
    pub(super) from: Option<IpAddr>,
    /// The scheme by which it came.
    pub(super) scheme: Option<Cow<'a, str>>,
    /// The host that it was for.
    pub(super) host: Option<Cow<'a, str>>,
}

/// The hops that Forwarded names, the last one first. A line that is malformed hides what stands left of it, too: no part
/// of it has a reading that all would agree on.
pub(super) fn forwarded_hops(headers: &HeaderMap) -> impl Iterator<Item = Hop<'_>> {
    let lines = headers.get_all(FORWARDED).iter().rev();
    lines.map(|line| elements(line.to_str().ok()?)).map_while(|line| line).flat_map(|line| line.into_iter().rev())
}

/// The members of all lines of a field, the last one first.
pub(super) fn members_from_the_right(headers: &HeaderMap, name: HeaderName) -> impl Iterator<Item = &str> {
    let lines = headers.get_all(name).iter().rev();
    // What is no text is no address either.
    lines.flat_map(|line| line.to_str().unwrap_or("?").rsplit(',')).map(str::trim)
}

/// An address as the X-Forwarded-For of various balancers has it: alone, or with a port.
pub(super) fn address(text: &str) -> Option<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']'));
    let with_port = || text.parse::<SocketAddr>().ok().map(|address| address.ip());
    let address = bare.unwrap_or(text).parse().ok().or_else(with_port);
    address.map(|address: IpAddr| address.to_canonical())
}

/// The elements of one line of Forwarded: RFC 7239 section 4. `None` if it is malformed.
fn elements(line: &str) -> Option<Vec<Hop<'_>>> {
    let mut rest = line.trim_start_matches([' ', '\t']);
    let (mut hops, mut hop, mut is_empty) = (Vec::new(), Hop::default(), true);
    loop {
        if !rest.is_empty() && !rest.starts_with([',', ';']) {
            rest = pair(rest, &mut hop)?;
            is_empty = false;
        }
        rest = rest.trim_start_matches([' ', '\t']);
        match rest.chars().next() {
            Some(';') => {}
            // A list may hold empty members: RFC 9110 section 5.6.1.2.
            None | Some(',') if is_empty => {}
            None | Some(',') => {
                hops.push(std::mem::take(&mut hop));
                is_empty = true;
            }
            Some(_) => return None,
        }
        match rest.get(1..) {
            Some(after) => rest = after.trim_start_matches([' ', '\t']),
            None => return Some(hops),
        }
    }
}

/// Reads `name=value` into a hop; returns what follows. Each parameter may stand once in an element.
fn pair<'a>(text: &'a str, hop: &mut Hop<'a>) -> Option<&'a str> {
    let (name, rest) = text.split_once('=')?;
    if name.is_empty() || !name.bytes().all(is_token) {
        return None;
    }
    let (value, rest) = value(rest)?;
    let slot = match name.to_ascii_lowercase().as_str() {
        "for" => {
            if hop.from.is_some() {
                return None;
            }
            hop.from = node(&value);
            return Some(rest);
        }
        "proto" => &mut hop.scheme,
        "host" => &mut hop.host,
        _ => return Some(rest),
    };
    if slot.replace(value).is_some() { None } else { Some(rest) }
}

/// A token or a quoted string, and what follows it.
fn value(text: &str) -> Option<(Cow<'_, str>, &str)> {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.bytes().position(|byte| !is_token(byte)).unwrap_or(text.len());
        return if end == 0 { None } else { Some((text.get(..end)?.into(), text.get(end..)?)) };
    };
    let mut unquoted = String::new();
    let mut characters = quoted.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Some((unquoted.into(), quoted.get(at + 1..)?)),
            '\\' => unquoted.push(characters.next()?.1),
            _ => unquoted.push(character),
        }
    }
    None
}

/// The address of a node: RFC 7239 section 6. Neither `unknown` nor an obfuscated name (`_hidden`) is one; an IPv6 address
/// stands in brackets, a port (which may be obfuscated) is of no account.
fn node(text: &str) -> Option<IpAddr> {
    if let Some(rest) = text.strip_prefix('[') {
        let (address, port) = rest.split_once(']')?;
        let is_port = port.is_empty() || port.starts_with(':');
        return address.parse::<IpAddr>().ok().filter(|address| is_port && address.is_ipv6()).map(|a| a.to_canonical());
    }
    let address = text.split_once(':').map_or(text, |(address, _)| address);
    address.parse().ok()
}

/// RFC 9110 section 5.6.2.
const fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'!' | b'#' | b'$' | b'%' | b'&' | b'\'' | b'*' | b'+' | b'-' | b'.' | b'^' | b'_' | b'`' | b'|' | b'~'
        )
}

#[cfg(test)]
#[path = "forwarded_tests.rs"]
mod tests;
