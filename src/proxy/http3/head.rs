//! The head of a request, from its fields: RFC 9114 sections 4.2 and 4.3. What is malformed never reaches the handler.

use super::qpack::Text;
use h2::ext::Protocol;
use http::header::{CONNECTION, CONTENT_LENGTH, HOST, TE, TRANSFER_ENCODING, UPGRADE};
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri, Version};

/// Fields that concern one connection of HTTP/1.1: section 4.2.
const OF_CONNECTION: [HeaderName; 5] = [
    CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    TRANSFER_ENCODING,
    UPGRADE,
];

/// A head that is malformed: section 4.1.2.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Malformed;

/// The pseudo-header fields of a request.
#[derive(Default)]
struct Pseudo {
    method: Option<Text>,
    scheme: Option<Text>,
    authority: Option<Text>,
    path: Option<Text>,
    protocol: Option<Text>,
}

/// Makes a request of its fields, in their order.
///
/// # Errors
/// Where a server must not take it.
pub(super) fn request(fields: Vec<(Text, Text)>) -> Result<Request<()>, Malformed> {
    let mut pseudo = Pseudo::default();
    let mut fields = fields.into_iter().peekable();
    while let Some((name, value)) = fields.next_if(|(name, _)| name.starts_with(b":")) {
        let place = match name.as_ref() {
            b":method" => &mut pseudo.method,
            b":scheme" => &mut pseudo.scheme,
            b":authority" => &mut pseudo.authority,
            b":path" => &mut pseudo.path,
            b":protocol" => &mut pseudo.protocol,
            _ => return Err(Malformed),
        };
        if place.replace(value).is_some() {
            return Err(Malformed);
        }
    }
    let mut request = pseudo.request()?;
    *request.headers_mut() = headers(fields)?;
    if request.uri().authority().is_none() && !request.headers().contains_key(HOST) {
        return Err(Malformed);
    }
    *request.version_mut() = Version::HTTP_3;
    Ok(request)
}

impl Pseudo {
    fn request(self) -> Result<Request<()>, Malformed> {
        let method = Method::from_bytes(&self.method.ok_or(Malformed)?).map_err(|_| Malformed)?;
        let authority = self.authority.map(|text| Authority::try_from(text.as_ref()).map_err(|_| Malformed));
        let authority = authority.transpose()?;
        let mut request = Request::new(());
        let mut parts = http::uri::Parts::default();
        let is_plain_connect = method == Method::CONNECT && self.protocol.is_none();
        match (self.scheme, self.path) {
            (None, None) if is_plain_connect && authority.is_some() => {}
            (Some(scheme), Some(path)) if !is_plain_connect => {
                let scheme = Scheme::try_from(scheme.as_ref()).map_err(|_| Malformed)?;
                if scheme != Scheme::HTTP && scheme != Scheme::HTTPS {
                    return Err(Malformed);
                }
                // A URI has a scheme only with an authority.
                parts.scheme = authority.is_some().then_some(scheme);
                parts.path_and_query = Some(target(&path)?);
            }
            _ => return Err(Malformed),
        }
        parts.authority = authority;
        if let Some(protocol) = self.protocol {
            let name = std::str::from_utf8(&protocol).map_err(|_| Malformed)?;
            if method != Method::CONNECT || parts.authority.is_none() {
                return Err(Malformed);
            }
            request.extensions_mut().insert(Protocol::from(name));
        }
        *request.method_mut() = method;
        *request.uri_mut() = Uri::from_parts(parts).map_err(|_| Malformed)?;
        Ok(request)
    }
}

/// Path and query: never empty, and without a fragment.
fn target(text: &Text) -> Result<PathAndQuery, Malformed> {
    let is_target = (text.starts_with(b"/") || text.as_ref() == b"*") && !text.contains(&b'#');
    let target = is_target.then(|| PathAndQuery::try_from(text.as_ref()).ok());
    target.flatten().ok_or(Malformed)
}

/// The regular fields.
fn headers(fields: impl Iterator<Item = (Text, Text)>) -> Result<HeaderMap, Malformed> {
    let mut headers = HeaderMap::new();
    for (name, value) in fields {
        let name = HeaderName::from_lowercase(&name).map_err(|_| Malformed)?;
        let is_padded = [value.first(), value.last()].into_iter().flatten().any(|byte| is_space(*byte));
        let is_of_connection = OF_CONNECTION.contains(&name) || name == TE && value.as_ref() != b"trailers";
        if is_padded || is_of_connection {
            return Err(Malformed);
        }
        headers.append(name, HeaderValue::from_bytes(&value).map_err(|_| Malformed)?);
    }
    if headers.get_all(CONTENT_LENGTH).iter().count() > 1 || headers.get_all(HOST).iter().count() > 1 {
        return Err(Malformed);
    }
    Ok(headers)
}

const fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

/// What Content-Length says.
///
/// # Errors
/// Where it is not a number of octets.
pub(super) fn content_length(headers: &HeaderMap) -> Result<Option<u64>, Malformed> {
    let Some(value) = headers.get(CONTENT_LENGTH) else { return Ok(None) };
    let text = value.to_str().ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
    text.and_then(|text| text.parse().ok()).map(Some).ok_or(Malformed)
}

/// The fields of a trailer section: none of them is a pseudo-header field.
///
/// # Errors
/// As for a head.
pub(super) fn trailers(fields: Vec<(Text, Text)>) -> Result<HeaderMap, Malformed> {
    headers(fields.into_iter())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::borrow::Cow;

    fn read(lines: &[(&'static str, &'static str)]) -> Result<Request<()>, Malformed> {
        let text = |text: &'static str| Cow::Borrowed(text.as_bytes());
        request(lines.iter().map(|(name, value)| (text(name), text(value))).collect())
    }

    const GET: [(&str, &str); 4] =
        [(":method", "GET"), (":scheme", "https"), (":authority", "shop.example"), (":path", "/a?b")];

    #[test]
    fn rfc_9114_4_3_1_a_request_is_made_of_its_pseudo_header_fields() {
        let request = read(&[&GET[..], &[("x-a", "1"), ("te", "trailers")]].concat()).unwrap();
        assert_eq!((request.method(), request.uri().to_string().as_str()), (&Method::GET, "https://shop.example/a?b"));
        assert_eq!((request.version(), &request.headers()["x-a"]), (Version::HTTP_3, &HeaderValue::from_static("1")));
        for good in [
            &[(":method", "OPTIONS"), (":scheme", "https"), (":authority", "shop.example"), (":path", "*")][..],
            &[(":method", "GET"), (":scheme", "https"), (":path", "/"), ("host", "shop.example")],
            &[(":method", "CONNECT"), (":authority", "shop.example:443")],
            &[
                (":method", "CONNECT"),
                (":protocol", "websocket"),
                (":scheme", "https"),
                (":authority", "shop.example"),
                (":path", "/ws"),
            ],
        ] {
            assert!(read(good).is_ok(), "{good:?}");
        }
    }

    #[test]
    fn rfc_9114_4_1_2_what_is_malformed_is_refused() {
        let [method, scheme, authority, path] = GET;
        for bad in [
            &[][..],
            &[scheme, authority, path],
            &[method, authority, path],
            &[method, scheme, authority],
            &[method, scheme, path],
            &[method, authority],
            &[method, scheme, authority, path, path],
            &[method, scheme, authority, path, (":method", "POST")],
            &[method, scheme, authority, path, (":status", "200")],
            &[method, scheme, authority, path, (":other", "1")],
            &[method, scheme, authority, ("x-a", "1"), path],
            &[method, scheme, authority, path, (":protocol", "websocket")],
            &[(":method", "G T"), scheme, authority, path],
            &[method, (":scheme", "ftp"), authority, path],
            &[method, scheme, (":authority", ""), path],
            &[method, scheme, (":authority", "a b"), path],
            &[method, scheme, authority, (":path", "")],
            &[method, scheme, authority, (":path", "a")],
            &[method, scheme, authority, (":path", "/a#b")],
            &[method, scheme, authority, (":path", "/a b")],
            &[(":method", "CONNECT"), scheme, authority, path],
            &[(":method", "CONNECT")],
            &[method, scheme, authority, path, ("X-A", "1")],
            &[method, scheme, authority, path, ("x a", "1")],
            &[method, scheme, authority, path, ("", "1")],
            &[method, scheme, authority, path, ("x-a", "1\r\nx-b: 2")],
            &[method, scheme, authority, path, ("x-a", " 1")],
            &[method, scheme, authority, path, ("connection", "close")],
            &[method, scheme, authority, path, ("keep-alive", "5")],
            &[method, scheme, authority, path, ("proxy-connection", "close")],
            &[method, scheme, authority, path, ("transfer-encoding", "chunked")],
            &[method, scheme, authority, path, ("upgrade", "websocket")],
            &[method, scheme, authority, path, ("te", "gzip")],
            &[method, scheme, authority, path, ("content-length", "1"), ("content-length", "1")],
            &[method, scheme, path, ("host", "a"), ("host", "b")],
        ] {
            assert_eq!(read(bad).map(drop), Err(Malformed), "{bad:?}");
        }
    }

    #[test]
    fn rfc_9110_8_6_a_content_length_is_one_number() {
        for (value, expected) in [
            ("0", Ok(Some(0))),
            ("12", Ok(Some(12))),
            ("+1", Err(Malformed)),
            ("", Err(Malformed)),
            ("1,1", Err(Malformed)),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(CONTENT_LENGTH, HeaderValue::from_static(value));
            assert_eq!(content_length(&headers), expected, "{value}");
        }
    }
}
