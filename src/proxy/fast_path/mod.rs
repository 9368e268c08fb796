//! The fast path: plain hits answered straight from the read buffer, before hyper sees their requests.
//!
//! One value per connection, owned by the socket's wrapper ([`super::wire`]), which asks it only while hyper has nothing
//! under way and nothing left to write. It reads fields with the guard's own parser, request lines more narrowly than that does, asks the handler for a
//! [`FastHit`](crate::engine::fast_path::FastHit), and has its bytes written; every other request is left in the buffer,
//! for hyper, which asks the same engine. So the two can't answer differently, and a request that is declined here
//! has changed nothing.

mod head;
mod known_fields;
mod outgoing;
mod request_ids;
mod request_line;

use super::conversation::Conversation;
use super::guard::head::HeadLimits;
use super::observer::{Ending, PlainHit, Sender};
use super::server::Server;
use super::socket::ConnectionFacts;
use crate::engine::Handler;
use crate::engine::fast_path::PlainRequest;
use known_fields::{KnownFields, Reader};
use outgoing::RequestPlace;
pub(super) use outgoing::{Outgoing, Parts};
use request_ids::RequestIds;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use tokio::time::Instant;

/// The fast path of one connection.
#[derive(Debug)]
pub(super) struct FastPath<H> {
    server: Arc<Server<H>>,
    facts: ConnectionFacts,
    known: KnownFields,
    ids: RequestIds,
}

impl<H: Handler> FastPath<H> {
    /// Of a connection of which this is known.
    pub(super) fn new(server: Arc<Server<H>>, facts: ConnectionFacts) -> Self {
        Self { server, facts, known: KnownFields::default(), ids: RequestIds::default() }
    }

    /// The answer to the request that `buffer` begins with, if that is whole, plain, and a hit.
    pub(super) fn begin(
        &mut self,
        buffer: &[u8],
        limits: &HeadLimits,
        conversation: &Conversation,
    ) -> Option<Outgoing> {
        // What is answered from now on says that the connection ends.
        if self.server.end.is_given() {
            return None;
        }
        let line = request_line::read(buffer, limits)?;
        let Server { handler, options, .. } = &*self.server;
        let reader = Reader { handler: &**handler, entrance: &options.entrance, limits, facts: &self.facts };
        let fields = self.known.fields(buffer, line.bytes, &reader)?;
        let place = RequestPlace { bytes: line.bytes + fields.bytes, target: line.target_range() };
        if place.bytes > limits.head_bytes {
            return None;
        }
        let started = Instant::now();
        let request = PlainRequest { path_and_query: line.target, headers: &fields.plain.headers };
        // A panic is for hyper's side to tell of: it meets the same one and answers 500.
        let hit = catch_unwind(AssertUnwindSafe(|| handler.fast_hit(request))).ok()??;
        conversation.answered_below();
        let given = fields.plain.way.request_id();
        let hsts = fields.plain.hsts.as_ref();
        Some(Outgoing::new(hit, place, started, hsts, |head| self.ids.write_next(given, head)))
    }

    /// Tells of an answer that is over. `buffer` still begins with its request.
    pub(super) fn end(&self, outgoing: &Outgoing, buffer: &[u8], ending: Ending, conversation: &Conversation) {
        let now = Instant::now();
        conversation.request_ended(now);
        let Some(plain) = self.known.plain() else { return };
        let hit = PlainHit {
            sender: Sender { peer: self.facts.peer, way: &plain.way },
            request_id: outgoing.request_id(),
            target: outgoing.target(buffer),
            headers: &plain.headers,
            status: outgoing.status(),
            decision: outgoing.decision(),
            age_secs: outgoing.age_secs(),
            body_bytes: outgoing.body_bytes_sent(),
            duration: now.saturating_duration_since(outgoing.started()),
            ending,
        };
        for observer in conversation.observers.iter() {
            observer.plain_hit(&hit);
        }
    }
}
