//! Content codings and their negotiation: RFC 9110 section 8.4 and 12.5.3.
//!
//! A request without Accept-Encoding would take any coding (section 12.5.3), but a client that sends none can seldom
//! decode one: for Larder it accepts identity only, which the section allows as well.

use super::quality::{Quality, weighted};
use http::header::ACCEPT_ENCODING;
use http::{HeaderMap, HeaderValue};

/// Which of the codings that Larder handles a request accepts (quality above zero), and how well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct AcceptedCodings {
    /// `gzip` (or `x-gzip`) is acceptable and no worse than `identity`.
    pub gzip: bool,
    /// `br` is acceptable.
    pub br: bool,
    /// `zstd` is acceptable.
    pub zstd: bool,
    /// `identity` is acceptable.
    pub identity: bool,
}

/// What a request says of each coding by name; the first word on a coding counts.
#[derive(Default)]
struct Listed {
    gzip: Option<Quality>,
    br: Option<Quality>,
    zstd: Option<Quality>,
    identity: Option<Quality>,
    any: Option<Quality>,
}

impl AcceptedCodings {
    /// Reads Accept-Encoding.
    pub(crate) fn parse(headers: &HeaderMap) -> Self {
        Self::from_lines(headers.get_all(ACCEPT_ENCODING).iter())
    }

    /// Reads the lines of Accept-Encoding. A member with a malformed quality says nothing.
    pub(crate) fn from_lines<'a>(lines: impl Iterator<Item = &'a HeaderValue>) -> Self {
        let mut listed = Listed::default();
        for member in weighted(lines) {
            let is = |name: &[u8]| member.item.eq_ignore_ascii_case(name);
            let place = if is(b"gzip") || is(b"x-gzip") {
                &mut listed.gzip
            } else if is(b"br") {
                &mut listed.br
            } else if is(b"zstd") {
                &mut listed.zstd
            } else if is(b"identity") {
                &mut listed.identity
            } else if is(b"*") {
                &mut listed.any
            } else {
                continue;
            };
            *place = place.or(member.quality);
        }
        let quality = |named: Option<Quality>| named.or(listed.any).unwrap_or(Quality::ZERO);
        let identity = listed.identity.unwrap_or(Quality::ZERO);
        Self {
            gzip: quality(listed.gzip) > Quality::ZERO && quality(listed.gzip) >= identity,
            br: quality(listed.br) > Quality::ZERO,
            zstd: quality(listed.zstd) > Quality::ZERO,
            // Acceptable unless excluded by name or by `*;q=0` (section 12.5.3).
            identity: listed.identity.or(listed.any) != Some(Quality::ZERO),
        }
    }

    /// The canonical Accept-Encoding that says the same of the codings handled: sent to the origin and keyed.
    /// `None` if only identity is accepted.
    pub(crate) fn canonical(self) -> Option<HeaderValue> {
        self.canonical_text().map(HeaderValue::from_static)
    }

    /// The text of [`Self::canonical`].
    pub(crate) const fn canonical_text(self) -> Option<&'static str> {
        Some(match (self.br, self.gzip, self.zstd, self.identity) {
            (false, false, false, true) => return None,
            (false, false, true, true) => "zstd",
            (false, true, false, true) => "gzip",
            (false, true, true, true) => "gzip, zstd",
            (true, false, false, true) => "br",
            (true, false, true, true) => "br, zstd",
            (true, true, false, true) => "br, gzip",
            (true, true, true, true) => "br, gzip, zstd",
            (false, false, false, false) => "identity;q=0",
            (false, false, true, false) => "zstd, identity;q=0",
            (false, true, false, false) => "gzip, identity;q=0",
            (false, true, true, false) => "gzip, zstd, identity;q=0",
            (true, false, false, false) => "br, identity;q=0",
            (true, false, true, false) => "br, zstd, identity;q=0",
            (true, true, false, false) => "br, gzip, identity;q=0",
            (true, true, true, false) => "br, gzip, zstd, identity;q=0",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parse(lines: &[&str]) -> AcceptedCodings {
        let lines: Vec<_> = lines.iter().map(|line| HeaderValue::from_str(line).unwrap()).collect();
        AcceptedCodings::from_lines(lines.iter())
    }

    #[test]
    fn rfc_9110_12_5_3_what_a_request_accepts_in_canonical_form() {
        for (lines, expected) in [
            (&[][..], None),
            (&[""], None),
            (&["identity"], None),
            (&["deflate, compress"], None),
            (&["gzip"], Some("gzip")),
            (&["GZip"], Some("gzip")),
            (&["x-gzip"], Some("gzip")),
            (&["zstd,gzip ;q=1,\tbr"], Some("br, gzip, zstd")),
            (&["gzip", "br"], Some("br, gzip")),
            (&["gzip, deflate, br, zstd"], Some("br, gzip, zstd")),
            (&["*"], Some("br, gzip, zstd")),
            (&["*;q=0.1"], Some("br, gzip, zstd")),
            (&["gzip;q=0, *"], Some("br, zstd")),
            (&["gzip;q=0"], None),
            (&["gzip;q=0.000, br;Q=0.001"], Some("br")),
            // Identity is wanted more than gzip.
            (&["gzip;q=0.5, identity"], None),
            (&["gzip;q=0.5, identity;q=0.5"], Some("gzip")),
            (&["gzip;q=0.5, identity;q=0.4"], Some("gzip")),
            // Identity is refused.
            (&["gzip, identity;q=0"], Some("gzip, identity;q=0")),
            (&["br, *;q=0"], Some("br, identity;q=0")),
            (&["br, *;q=0, identity"], Some("br")),
            (&["*;q=0"], Some("identity;q=0")),
            // Malformed.
            (&["gzip;q=2, br"], Some("br")),
            (&["gzip;q=, br;q=x, zstd;q"], Some("zstd")),
            (&[",;q=1,, gzip"], Some("gzip")),
            (&["gzip, gzip;q=0"], Some("gzip")),
        ] {
            assert_eq!(parse(lines).canonical_text(), expected, "{lines:?}");
        }
    }

    proptest! {
        #[test]
        fn the_canonical_form_says_the_same(line in "((gzip|br|zstd|identity|\\*)(;q=(0|0\\.[0-9]|1))?,?){0,5}") {
            let accepted = parse(&[&line]);
            let again = accepted.canonical_text().map_or_else(|| parse(&[]), |text| parse(&[text]));
            prop_assert_eq!(again, accepted);
        }

        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            if let Ok(line) = HeaderValue::from_bytes(&bytes) {
                let _ = AcceptedCodings::from_lines([&line].into_iter());
            }
        }
    }
}
