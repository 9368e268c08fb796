//! What of a client's wishes the origin is asked for.

use crate::engine::exchange::{Client, UpgradeAbility};
use crate::semantics::forwarding::requested_upgrade;
use http::{HeaderMap, HeaderValue};

/// The protocols that the client asks to change to, where its connection can. HTTP/2 in clear text is left out: through
/// it a client could speak to the origin past the rules.
pub(super) fn protocols(client: Option<&Client>, headers: &HeaderMap) -> Option<HeaderValue> {
    if client.is_some_and(|client| client.upgrade == UpgradeAbility::Unable) {
        return None;
    }
    requested_upgrade(headers).filter(|protocols| {
        let mut names = protocols.as_bytes().split(|byte| *byte == b',');
        !names.any(|name| name.trim_ascii().eq_ignore_ascii_case(b"h2c"))
    })
}
