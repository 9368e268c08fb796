//! The fast path: plain hits answered straight from the read buffer, before hyper sees their requests.
//!
//! One value per connection, owned by the socket's wrapper ([`super::wire`]), which asks it only while hyper has nothing
//! under way and nothing left to write. It reads fields with the guard's own parser, request lines more narrowly than that does, asks the handler for a
//! [`ReadyHit`](crate::engine::ready::ReadyHit), and has its bytes written; every other request is left in the buffer,
//! for hyper, which asks the same engine. So the two roads can't answer differently, and a request that is declined here
//! has changed nothing.

mod known_fields;
mod outgoing;
pub(super) mod request_line;

use super::conversation::Conversation;
use super::guard::head::HeadLimits;
use super::observer::{Ending, PlainHit};
use crate::engine::Handler;
use crate::engine::ready::PlainRequest;
use known_fields::KnownFields;
pub(super) use outgoing::{Outgoing, Parts};
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use tokio::time::Instant;

/// The fast path of one connection.
#[derive(Debug)]
pub(super) struct FastPath<H> {
    handler: Arc<H>,
    client: SocketAddr,
    known: KnownFields,
}

impl<H: Handler> FastPath<H> {
    /// For a connection of this client.
    pub(super) fn new(handler: Arc<H>, client: SocketAddr) -> Self {
        Self { handler, client, known: KnownFields::default() }
    }

    /// The answer to the request that `buffer` begins with, if that is whole, plain, and a hit.
    pub(super) fn begin(
        &mut self,
        buffer: &[u8],
        limits: &HeadLimits,
        conversation: &Conversation,
    ) -> Option<Outgoing> {
        let line = request_line::read(buffer, limits)?;
        let fields = self.known.fields(buffer, line.bytes, limits)?;
        let request_bytes = line.bytes + fields.bytes;
        if request_bytes > limits.head_bytes {
            return None;
        }
        let started = Instant::now();
        let request = PlainRequest { path_and_query: line.target, headers: fields.headers };
        // A panic is for the other road to tell of: it meets the same one and answers 500.
        let hit = catch_unwind(AssertUnwindSafe(|| self.handler.ready_hit(request))).ok()??;
        conversation.answered_below();
        Some(Outgoing::new(hit, request_bytes, started))
    }

    /// Tells of an answer that is over. `buffer` still begins with its request.
    pub(super) fn end(&self, outgoing: &Outgoing, buffer: &[u8], ending: Ending, conversation: &Conversation) {
        let now = Instant::now();
        conversation.request_ended(now);
        let hit = PlainHit {
            client: self.client,
            request: buffer,
            headers: self.known.headers(),
            status: outgoing.status(),
            decision: outgoing.decision(),
            body_bytes: outgoing.body_bytes_sent(),
            duration: now.saturating_duration_since(outgoing.started()),
            ending,
        };
        for observer in conversation.observers.iter() {
            observer.plain_hit(&hit);
        }
    }
}
