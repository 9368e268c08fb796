//! Interim responses on their way to a client that may not read them.

use super::answering::Answering;
use crate::engine::exchange::InterimListener;
use crate::semantics::forwarding::strip_hop_by_hop;
use http::header::CONTENT_LENGTH;
use http::{HeaderMap, Response, StatusCode};

/// Bytes of the interim responses to one request, which wait for a client that does not read; more are dropped, as they may
/// be: they only inform.
const BYTES_MAX: usize = 64 * 1024;
/// What an interim response costs besides its fields.
const BYTES_EACH: usize = 64;

/// What the interim responses to one request may still hold, in bytes.
#[derive(Debug)]
pub(in crate::proxy) struct Room(usize);

impl Default for Room {
    fn default() -> Self {
        Self(BYTES_MAX)
    }
}

impl Room {
    /// An interim response as it is sent, where there is room for it.
    pub(in crate::proxy) fn take(&mut self, status: StatusCode, headers: &HeaderMap) -> Option<Response<()>> {
        let bytes: usize = headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
        self.0 = self.0.checked_sub(bytes + BYTES_EACH)?;
        let mut response = Response::new(());
        *response.status_mut() = status;
        headers.clone_into(response.headers_mut());
        strip_hop_by_hop(response.headers_mut());
        // There is no body.
        response.headers_mut().remove(CONTENT_LENGTH);
        Some(response)
    }
}

/// Passes interim responses on, but 100, which is said once the request's body is wanted, and 101, which is final and
/// means nothing outside HTTP/1.1 (RFC 9113 section 8.6, RFC 9114 section 4.5).
pub(super) fn listener<A: Answering>(answering: &A) -> InterimListener {
    let answering = answering.clone();
    InterimListener::new(move |status, headers| {
        if !matches!(status.as_u16(), 100 | 101) {
            answering.send_interim(status, headers);
        }
    })
}
