//! Content codings and their negotiation: RFC 9110 section 8.4 and 12.5.3.
//!
//! A request without Accept-Encoding would take any coding (section 12.5.3), but a client that sends none can seldom
//! decode one: for Larder it accepts identity only, which the section allows as well.

use super::content_coding::Coding;
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
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct CodingWishes {
    gzip: Option<Quality>,
    br: Option<Quality>,
    zstd: Option<Quality>,
    identity: Option<Quality>,
    any: Option<Quality>,
}

impl CodingWishes {
    /// Reads Accept-Encoding.
    pub(crate) fn parse(headers: &HeaderMap) -> Self {
        Self::from_lines(headers.get_all(ACCEPT_ENCODING).iter())
    }

    /// Reads the lines of Accept-Encoding. A member with a malformed quality says nothing.
    fn from_lines<'a>(lines: impl Iterator<Item = &'a HeaderValue>) -> Self {
        let mut listed = Self::default();
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
        listed
    }

    fn quality(&self, coding: Coding) -> Quality {
        let named = match coding {
            Coding::Gzip => self.gzip,
            Coding::Br => self.br,
            Coding::Zstd => self.zstd,
        };
        named.or(self.any).unwrap_or(Quality::ZERO)
    }

    /// The coding that the request wants most among these; of those that it wants alike, the first. `None` where it takes
    /// none of them, or wants the uncoded body more (section 12.5.3).
    pub(crate) fn best(&self, among: impl Iterator<Item = Coding>) -> Option<Coding> {
        let least = self.identity.unwrap_or(Quality::ZERO);
        let mut best: Option<(Coding, Quality)> = None;
        for coding in among {
            let quality = self.quality(coding);
            let is_taken = quality > Quality::ZERO && quality >= least;
            if is_taken && best.is_none_or(|(_, so_far)| quality > so_far) {
                best = Some((coding, quality));
            }
        }
        best.map(|(coding, _)| coding)
    }

    /// Whether the uncoded body is acceptable: unless excluded by name or by `*;q=0` (section 12.5.3).
    pub(crate) fn takes_identity(&self) -> bool {
        self.identity.or(self.any) != Some(Quality::ZERO)
    }
}

impl AcceptedCodings {
    /// Reads Accept-Encoding.
    pub(crate) fn parse(headers: &HeaderMap) -> Self {
        Self::of(&CodingWishes::parse(headers))
    }

    /// Reads the lines of Accept-Encoding.
    pub(crate) fn from_lines<'a>(lines: impl Iterator<Item = &'a HeaderValue>) -> Self {
        Self::of(&CodingWishes::from_lines(lines))
    }

    fn of(wishes: &CodingWishes) -> Self {
        Self {
            gzip: wishes.best([Coding::Gzip].into_iter()).is_some(),
            br: wishes.quality(Coding::Br) > Quality::ZERO,
            zstd: wishes.quality(Coding::Zstd) > Quality::ZERO,
            identity: wishes.takes_identity(),
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

    #[test]
    fn rfc_9110_12_5_3_the_coding_wanted_most_is_chosen_and_of_equals_the_first() {
        use Coding::{Br, Gzip, Zstd};
        let all = &[Zstd, Br, Gzip][..];
        for (line, among, expected) in [
            ("zstd, br, gzip", all, Some(Zstd)),
            ("gzip, br, zstd", all, Some(Zstd)),
            ("gzip, br, zstd", &[Br, Gzip], Some(Br)),
            ("gzip, deflate, br", all, Some(Br)),
            ("gzip", all, Some(Gzip)),
            ("x-gzip", all, Some(Gzip)),
            ("*", all, Some(Zstd)),
            ("*, zstd;q=0", all, Some(Br)),
            ("zstd;q=0.5, br;q=0.9, gzip", all, Some(Gzip)),
            ("zstd;q=0.5, br;q=0.9", all, Some(Br)),
            ("br;q=0.1", all, Some(Br)),
            // Identity is wanted more.
            ("br;q=0.5, identity", all, None),
            ("br;q=0.5, identity;q=0.5", all, Some(Br)),
            ("br;q=0.5, gzip, identity;q=0.7", all, Some(Gzip)),
            ("br, identity;q=0", all, Some(Br)),
            ("br, *;q=0", all, Some(Br)),
            ("identity;q=0, *;q=0", all, None),
            ("identity", all, None),
            ("", all, None),
            ("br", &[Gzip], None),
            ("br", &[], None),
            ("zstd;q=1.5, gzip", all, Some(Gzip)),
        ] {
            let headers = HeaderMap::from_iter([(ACCEPT_ENCODING, HeaderValue::from_static(line))]);
            assert_eq!(CodingWishes::parse(&headers).best(among.iter().copied()), expected, "{line} {among:?}");
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
