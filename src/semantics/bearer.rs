//! The bearer token of a request: RFC 6750 section 2.1.

use http::HeaderMap;
use http::header::AUTHORIZATION;

/// Why a request has no bearer token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NoToken {
    /// It has no Authorization field, or one of another scheme.
    Absent,
    /// It has more than one, or what follows the scheme is no token.
    Malformed,
}

/// The longest token that is read, in bytes.
pub(crate) const TOKEN_BYTES_MAX: usize = 16 * 1024;

/// The token of a request with these fields.
///
/// # Errors
/// Where it has none.
pub(crate) fn bearer_token(headers: &HeaderMap) -> Result<&str, NoToken> {
    let mut lines = headers.get_all(AUTHORIZATION).iter();
    let line = lines.next().ok_or(NoToken::Absent)?;
    if lines.next().is_some() {
        return Err(NoToken::Malformed);
    }
    let text = line.to_str().map_err(|_| NoToken::Malformed)?.trim_ascii();
    // RFC 9110 section 11.1: the scheme has no case, and spaces alone follow it.
    let (scheme, token) = text.split_once(' ').unwrap_or((text, ""));
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(NoToken::Absent);
    }
    let token = token.trim_start_matches(' ');
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte);
    let is_token = !token.is_empty()
        && token.len() <= TOKEN_BYTES_MAX
        && token.trim_end_matches('=').bytes().all(is_letter)
        && !token.starts_with('=');
    if is_token { Ok(token) } else { Err(NoToken::Malformed) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    #[test]
    fn rfc_6750_2_1_a_bearer_token_is_read_or_there_is_none() {
        let read = |lines: &[&str]| {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append(AUTHORIZATION, HeaderValue::from_str(line).unwrap());
            }
            bearer_token(&headers).map(str::to_owned)
        };
        for line in ["Bearer a.b.c", "bearer a.b.c", "BEARER   a.b.c ", " Bearer a.b.c"] {
            assert_eq!(read(&[line]).as_deref(), Ok("a.b.c"), "{line}");
        }
        assert_eq!(read(&["Bearer aA0-._~+/=="]).as_deref(), Ok("aA0-._~+/=="));
        for lines in [&[][..], &["Basic YTpi"], &["DPoP a.b.c"], &["Bearer-ish a.b.c"], &["a.b.c"], &[""]] {
            assert_eq!(read(lines), Err(NoToken::Absent), "{lines:?}");
        }
        let long = format!("Bearer {}", "a".repeat(TOKEN_BYTES_MAX + 1));
        for lines in [
            &["Bearer"][..],
            &["Bearer "],
            &["Bearer a.b.c, Basic YTpi"],
            &["Bearer a b"],
            &["Bearer a=b"],
            &["Bearer =="],
            &["Bearer\ta.b.c", "Bearer a.b.c"],
            &["Bearer a.b.c", "Bearer a.b.c"],
            &["Basic YTpi", "Bearer a.b.c"],
            &["Bearer é"],
            &[&long],
        ] {
            assert_eq!(read(lines), Err(NoToken::Malformed), "{lines:?}");
        }
    }
}
