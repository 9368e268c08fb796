//! The stamps that a request presents: taken out of its fields, so that they are part of no key and reach no origin.

use super::secret::StampKeys;
use super::token::Written;
use super::{LARDER_STAMP, StampCookie, StampOptions};
use http::header::COOKIE;
use http::{HeaderMap, HeaderValue};
use std::borrow::Cow;
use std::time::Duration;

/// The name of the cookie.
const COOKIE_NAME: &str = "larder-stamp";

/// The most stamps of one request that are compared. More count as one that no instance has reached.
const STAMPS_MAX: usize = 16;

/// What a request presents.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Presented {
    /// What the stamps say that a known secret has signed.
    pub(crate) said: Vec<Written>,
    /// How many others there are, which are ignored.
    pub(crate) ignored: usize,
}

impl Presented {
    fn verify(&mut self, text: &str, keys: &StampKeys) {
        match Written::verified(text, keys) {
            Some(written) => self.said.push(written),
            None => self.ignored += 1,
        }
    }
}

impl StampOptions {
    /// Takes the stamps out of a request's fields, and returns them.
    pub(crate) fn take(&self, headers: &mut HeaderMap) -> Presented {
        let mut presented = Presented::default();
        if headers.contains_key(&LARDER_STAMP)
            && let http::header::Entry::Occupied(lines) = headers.entry(&LARDER_STAMP)
        {
            // Intermediaries may have joined lines.
            for line in lines.remove_entry_mult().1 {
                let texts = line.to_str().unwrap_or_default().split(',').map(str::trim);
                texts.for_each(|text| presented.verify(text, &self.keys));
            }
        }
        if self.cookie != StampCookie::Off && headers.get_all(COOKIE).iter().any(has_stamp) {
            self.take_cookies(headers, &mut presented);
        }
        if presented.said.len() > STAMPS_MAX {
            presented.said = vec![Written::Unplaced];
        }
        presented
    }

    fn take_cookies(&self, headers: &mut HeaderMap, presented: &mut Presented) {
        let http::header::Entry::Occupied(lines) = headers.entry(COOKIE) else { return };
        let lines: Vec<HeaderValue> = lines.remove_entry_mult().1.collect();
        for line in lines {
            let left = without_stamps(line.as_bytes(), |text| presented.verify(text, &self.keys));
            let left = match left {
                Cow::Borrowed(_) => line,
                Cow::Owned(left) if left.is_empty() => continue,
                // It is made of pieces of a value.
                Cow::Owned(left) => HeaderValue::from_bytes(&left).unwrap_or(line),
            };
            headers.append(COOKIE, left);
        }
    }
}

/// The value of Set-Cookie that has a browser keep a stamp for so long. No script reads it; it is sent with what the site's own
/// pages ask for, and over TLS alone where it was given so.
pub(crate) fn set_cookie(stamp: &str, kept_for: Duration, scheme: &str) -> String {
    let secure = if scheme == "https" { "; Secure" } else { "" };
    format!("{COOKIE_NAME}={stamp}; Max-Age={}; Path=/; HttpOnly; SameSite=Lax{secure}", kept_for.as_secs())
}

/// Whether a line of Cookie may hold a stamp.
pub(crate) fn has_stamp(line: &HeaderValue) -> bool {
    memchr::memmem::find(line.as_bytes(), COOKIE_NAME.as_bytes()).is_some()
}

/// A line of Cookie without the stamps in it, each of which `found` is given.
fn without_stamps(line: &[u8], mut found: impl FnMut(&str)) -> Cow<'_, [u8]> {
    let stamp_of = |pair: &[u8]| {
        let pair = pair.trim_ascii();
        let value = pair.strip_prefix(COOKIE_NAME.as_bytes())?.trim_ascii_start().strip_prefix(b"=")?;
        Some(String::from_utf8_lossy(value.trim_ascii()).into_owned())
    };
    let pairs: Vec<(&[u8], Option<String>)> = line.split(|b| *b == b';').map(|pair| (pair, stamp_of(pair))).collect();
    if pairs.iter().all(|(_, stamp)| stamp.is_none()) {
        return Cow::Borrowed(line);
    }
    let mut left = Vec::with_capacity(line.len());
    for (pair, stamp) in pairs {
        if let Some(stamp) = stamp {
            found(&stamp);
            continue;
        }
        let pair = pair.trim_ascii();
        if !pair.is_empty() {
            if !left.is_empty() {
                left.extend_from_slice(b"; ");
            }
            left.extend_from_slice(pair);
        }
    }
    Cow::Owned(left)
}

#[cfg(test)]
mod tests {
    use super::super::place::{LogId, Place};
    use super::*;
    use crate::stamp::Stamp;

    fn options(cookie: StampCookie) -> StampOptions {
        let keys = StampKeys::parse(&"k".repeat(32)).unwrap();
        StampOptions { keys, wait: Duration::ZERO, cookie }
    }

    fn place(count: u64) -> Written {
        Written::Before(Place { log: LogId::of_process(1), stamp: Stamp::local(count) })
    }

    const ON: StampCookie = StampCookie::For(Duration::from_mins(1));

    #[test]
    fn stamps_are_taken_out_of_the_fields_and_nothing_else_is() {
        let text = |count| place(count).signed(&options(ON).keys);
        let (one, two) = (text(1), text(2));
        let forged = one.replace("-1@", "-9@");
        for (cookie, sent, said, left) in [
            (ON, vec![("accept", "a")], vec![], vec![("accept", "a")]),
            (ON, vec![("larder-stamp", one.as_str())], vec![place(1)], vec![]),
            (ON, vec![("larder-stamp", &one), ("larder-stamp", &two)], vec![place(1), place(2)], vec![]),
            (ON, vec![("larder-stamp", &format!("{one} , {two}"))], vec![place(1), place(2)], vec![]),
            (ON, vec![("larder-stamp", &forged)], vec![], vec![]),
            (ON, vec![("larder-stamp", "")], vec![], vec![]),
            (ON, vec![("cookie", &format!("larder-stamp={one}"))], vec![place(1)], vec![]),
            (
                ON,
                vec![("cookie", &format!("a=1;larder-stamp={one};b=2"))],
                vec![place(1)],
                vec![("cookie", "a=1; b=2")],
            ),
            (ON, vec![("cookie", &format!("larder-stamp={forged}; a=1"))], vec![], vec![("cookie", "a=1")]),
            (
                ON,
                vec![("cookie", "my-larder-stamp=1;a=larder-stamp")],
                vec![],
                vec![("cookie", "my-larder-stamp=1;a=larder-stamp")],
            ),
            (
                ON,
                vec![("larder-stamp", &one), ("cookie", &format!("a=1; larder-stamp={two}")), ("cookie", "c=3")],
                vec![place(1), place(2)],
                vec![("cookie", "a=1"), ("cookie", "c=3")],
            ),
            (
                StampCookie::Off,
                vec![("cookie", &format!("larder-stamp={one}"))],
                vec![],
                vec![("cookie", &format!("larder-stamp={one}"))],
            ),
        ] {
            let mut headers = HeaderMap::new();
            for (name, value) in &sent {
                headers.append(*name, HeaderValue::from_str(value).unwrap());
            }
            assert_eq!(options(cookie).take(&mut headers).said, said, "{sent:?}");
            let found: Vec<_> = headers.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect();
            assert_eq!(found, left, "{sent:?}");
        }
    }

    #[test]
    fn more_stamps_than_are_compared_are_not_dropped() {
        let many = vec![place(1).signed(&options(ON).keys); STAMPS_MAX + 1].join(",");
        let mut headers = HeaderMap::new();
        headers.insert(&LARDER_STAMP, HeaderValue::from_str(&many).unwrap());
        assert_eq!(options(ON).take(&mut headers).said, [Written::Unplaced]);
    }
}
