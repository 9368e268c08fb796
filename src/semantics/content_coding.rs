//! The content codings that Larder makes and undoes: RFC 9110 section 8.4.1, RFC 7932 and RFC 8878.

/// A content coding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Coding {
    /// RFC 1952.
    Gzip,
    /// Brotli: RFC 7932.
    Br,
    /// Zstandard: RFC 8878, with windows of at most 8 MiB (RFC 9659).
    Zstd,
}

impl Coding {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Gzip, Self::Br, Self::Zstd];

    /// Its name in Content-Encoding and Accept-Encoding.
    #[must_use]
    pub const fn token(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Br => "br",
            Self::Zstd => "zstd",
        }
    }

    /// The one of this name, in any case; `x-gzip` is gzip (RFC 9110 section 8.4.1.3).
    #[must_use]
    pub fn named(name: &[u8]) -> Option<Self> {
        let is = |token: &str| name.eq_ignore_ascii_case(token.as_bytes());
        if is("x-gzip") { Some(Self::Gzip) } else { Self::ALL.into_iter().find(|coding| is(coding.token())) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_coding_is_found_by_its_name_in_any_case() {
        for coding in Coding::ALL {
            assert_eq!(Coding::named(coding.token().to_ascii_uppercase().as_bytes()), Some(coding));
        }
        assert_eq!(Coding::named(b"X-Gzip"), Some(Coding::Gzip));
        for name in ["", "deflate", "gzip, br", "brotli"] {
            assert_eq!(Coding::named(name.as_bytes()), None, "{name}");
        }
    }
}
