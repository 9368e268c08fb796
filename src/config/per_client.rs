//! `limits.per_client`: what one client may take at once.

use super::proxy_file::RawPerClient;
use super::resolve::Resolver;
use super::table::Placed;
use crate::clients::ClientLimits;

/// No limit is above this.
const MAX: usize = 1_000_000_000;

impl Resolver<'_> {
    pub(super) fn per_client(&mut self, written: Option<&Placed<RawPerClient>>) -> ClientLimits {
        let Some(Placed { value: raw, .. }) = written else { return ClientLimits::default() };
        ClientLimits {
            connections: self.number(raw.connections.as_ref(), 0, 0..=MAX),
            requests_per_second: self.number(raw.requests_per_second.as_ref(), 0, 0..=MAX),
            misses: self.number(raw.misses.as_ref(), 0, 0..=MAX),
        }
    }
}
