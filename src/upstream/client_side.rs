//! What the request's extensions tell of the client that it came from.

use crate::proxy::client::{Client, UpgradeAbility};
use crate::semantics::forwarding::requested_upgrade;
use http::{Extensions, HeaderMap, HeaderValue, StatusCode};
use std::fmt;
use std::sync::Arc;

/// Hears of the interim responses (1xx, but 100 and 101) to a request that carries it as an extension. A request that
/// carries a [`Client`] has them passed on to that client instead.
#[derive(Clone)]
pub struct InterimListener(Arc<Heard>);

type Heard = dyn Fn(StatusCode, &HeaderMap) + Send + Sync;

impl InterimListener {
    /// A listener that calls `heard`, which must not block: it runs in the connection's task.
    #[must_use]
    pub fn new(heard: impl Fn(StatusCode, &HeaderMap) + Send + Sync + 'static) -> Self {
        Self(Arc::new(heard))
    }

    pub(super) fn heard(&self, status: StatusCode, headers: &HeaderMap) {
        (self.0)(status, headers);
    }
}

impl fmt::Debug for InterimListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("InterimListener(..)")
    }
}

/// The client's side of a request: a [`Client`] where the proxy put one in, none for a fetch of Larder's own.
pub(super) struct ClientSide {
    client: Option<Client>,
    listener: Option<InterimListener>,
}

impl ClientSide {
    /// Takes it from the extensions. What else is in there concerns the client's connection and is let go.
    pub(super) fn take(extensions: &mut Extensions) -> Self {
        let mut extensions = std::mem::take(extensions);
        Self { client: extensions.remove(), listener: extensions.remove() }
    }

    /// The protocols that the client asks to change to, where its connection can. HTTP/2 in clear text is left out:
    /// through it a client could speak to the origin past the rules.
    pub(super) fn protocols(&self, headers: &HeaderMap) -> Option<HeaderValue> {
        let protocols = match &self.client {
            Some(Client { upgrade: UpgradeAbility::Unable, .. }) => None,
            _ => requested_upgrade(headers),
        };
        protocols.filter(|protocols| {
            let mut names = protocols.as_bytes().split(|byte| *byte == b',');
            !names.any(|name| name.trim_ascii().eq_ignore_ascii_case(b"h2c"))
        })
    }

    /// Who hears of interim responses.
    pub(super) fn interim(&self) -> Option<InterimListener> {
        let Some(sender) = self.client.as_ref().and_then(|client| client.interim.clone()) else {
            return self.listener.clone();
        };
        Some(InterimListener::new(move |status, headers| {
            // What becomes of it is the sender's to decide; the origin need not know.
            let _ = sender.send(status, headers);
        }))
    }
}
