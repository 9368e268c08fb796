//! What the request's extensions tell of the client that it came from.

use http::{Extensions, HeaderMap, StatusCode};
use std::fmt;
use std::sync::Arc;

/// Hears of the interim responses (1xx, but 100 and 101) to a request that carries it as an extension.
#[derive(Clone)]
pub struct InterimListener(Arc<dyn Fn(StatusCode, &HeaderMap) + Send + Sync>);

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

/// The client's side of a request.
pub(super) struct ClientSide {
    pub(super) interim: Option<InterimListener>,
    /// Whether the client's connection can change protocols.
    pub(super) may_upgrade: bool,
}

impl ClientSide {
    /// Takes it from the extensions. What else is in there concerns the client's connection and is let go.
    pub(super) fn take(extensions: &mut Extensions) -> Self {
        let mut extensions = std::mem::take(extensions);
        Self { interim: extensions.remove(), may_upgrade: true }
    }
}
