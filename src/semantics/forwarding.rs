//! What a proxy drops and adds when it forwards a message: RFC 9110 section 7.6, RFC 7239, RFC 8586.

use http::HeaderMap;

/// Removes hop-by-hop fields and those that Connection names (RFC 9110 section 7.6.1).
pub fn strip_hop_by_hop(headers: &mut HeaderMap) {
    todo!("{headers:?}")
}
