//! The fast path: plain hits answered straight from the read buffer, without a request being made of its bytes.
//!
//! One value per connection, owned by its session, which asks it while nothing is under way. It compares fields with those
//! of the request before, reads request lines more narrowly than the parser does, asks the handler for a
//! [`FastHit`](crate::engine::fast_path::FastHit), and has its bytes written; every other request goes the ordinary way, which
//! asks the same engine, with its fields as they are known where they are. So the two can't answer differently, and a request
//! that is no hit has changed nothing here.

mod head;
mod known_fields;
mod request_ids;
mod request_line;

mod outgoing;

use crate::engine::Handler;
use crate::engine::exchange::UpgradeAbility;
use crate::engine::fast_path::{Marked, PlainRequest};
use crate::proxy::conversation::Conversation;
use crate::proxy::http1::head::{Head, HeadLimits};
use crate::proxy::observer::{Ending, PlainHit, PlainTarget, Sender};
use crate::proxy::plain_fields::Reader;
use crate::proxy::server::Server;
use crate::proxy::service::{Known, Received};
use crate::proxy::socket::ConnectionFacts;
use known_fields::{KnownFields, Plain};
use outgoing::RequestPlace;
pub(super) use outgoing::{Outgoing, Parts};
use request_ids::RequestIds;
use request_line::RequestLine;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use tokio::time::Instant;

/// What a look at a request came to.
#[derive(Debug)]
pub(super) enum Look {
    /// A hit.
    Hit(Outgoing),
    /// No hit, but it need not be read: see [`FastPath::known`].
    Known(RequestPlace, Option<Marked>),
    /// It goes the ordinary way.
    Ordinary,
    /// The same, but it may be a hit: its fields are new.
    New,
}

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

    /// Looks at the request that `buffer` begins with.
    pub(super) fn begin(&mut self, buffer: &[u8], limits: &HeadLimits, conversation: &Conversation) -> Look {
        // What is answered from now on says that the connection ends.
        if self.server.end.is_given() {
            return Look::Ordinary;
        }
        let Some(line) = request_line::read(buffer, limits) else { return Look::Ordinary };
        let fields = buffer.get(line.bytes..).unwrap_or_default();
        let Some(fields_bytes) = self.known.length_in(fields) else { return Look::New };
        let place = RequestPlace { bytes: line.bytes + fields_bytes, target: line.target_range() };
        if place.bytes > limits.head_bytes {
            return Look::Ordinary;
        }
        match self.hit(&line, place.clone(), conversation) {
            Ok(outgoing) => Look::Hit(outgoing),
            Err(found) => Look::Known(place, found),
        }
    }

    /// The request that `buffer` begins with, which is there and is no hit, as it is behind the door; `None` where it is to be
    /// read after all.
    pub(super) fn known(&self, buffer: &[u8], place: &RequestPlace, found: Option<Marked>) -> Option<Received> {
        // What is logged of one is the host that it names itself.
        let Plain { fields: plain, spelling } = self.known.plain().filter(|plain| plain.fields.way.host.is_none())?;
        let path_and_query = std::str::from_utf8(buffer.get(place.target.clone())?).ok()?;
        let plain_request = PlainRequest { path_and_query, headers: &plain.headers };
        let (request, fields, marked) = plain_request.to_request(found, spelling)?;
        let known = Some(Known { way: plain.way.clone(), marked });
        Some(Received { request, ability: UpgradeAbility::Unable, fields, known })
    }

    /// The answer to the request that `buffer` begins with, whose head has been read because its fields were new.
    pub(super) fn begin_new(&mut self, buffer: &[u8], head: &Head, conversation: &Conversation) -> Option<Outgoing> {
        let line = RequestLine::of(head).filter(|_| !self.server.end.is_given())?;
        let Server { handler, options, .. } = &*self.server;
        let reader = Reader { handler: &**handler, entrance: &options.entrance, facts: &self.facts };
        self.known.learn(buffer.get(line.bytes..head.bytes)?, head, &reader)?;
        let place = RequestPlace { bytes: head.bytes, target: line.target_range() };
        self.hit(&line, place, conversation).ok()
    }

    /// The hit that answers a request with the known fields.
    ///
    /// # Errors
    /// Where there is none; with what was found of the request.
    fn hit(
        &mut self,
        line: &RequestLine<'_>,
        place: RequestPlace,
        conversation: &Conversation,
    ) -> Result<Outgoing, Option<Marked>> {
        if self.facts.place.as_ref().is_some_and(|place| !place.is_within()) {
            return Err(None);
        }
        let plain = &self.known.plain().ok_or(None)?.fields;
        let started = Instant::now();
        let request = PlainRequest { path_and_query: line.target, headers: &plain.headers };
        // A panic is left to the ordinary way, which meets the same one and answers 500.
        let hit = catch_unwind(AssertUnwindSafe(|| self.server.handler.fast_hit(request))).map_err(|_| None)??;
        // Last, since what is declined is counted when it is looked at again; one too many is refused there.
        self.server.clients.request(plain.counted, started).map_err(|_| None)?;
        conversation.answered_below();
        let given = plain.way.request_id();
        Ok(Outgoing::new(hit, place, started, &plain.own_fields, |head| self.ids.write_next(given, head)))
    }

    /// Tells of an answer that is over. `buffer` still begins with its request.
    pub(super) fn end(&self, outgoing: &Outgoing, buffer: &[u8], ending: Ending, conversation: &Conversation) {
        let now = Instant::now();
        conversation.request_ended(now);
        let Some(Plain { fields: plain, .. }) = self.known.plain() else { return };
        let hit = PlainHit {
            sender: Sender { peer: self.facts.peer, way: &plain.way },
            request_id: outgoing.request_id(),
            target: PlainTarget::PathAndQuery(outgoing.target(buffer)),
            headers: &plain.headers,
            status: outgoing.status(),
            decision: outgoing.decision(),
            age_secs: outgoing.age_secs(),
            body_bytes: outgoing.body_bytes_sent(),
            duration: now.saturating_duration_since(outgoing.started()),
            ended: now,
            ending,
        };
        for observer in conversation.observers.iter() {
            observer.plain_hit(&hit);
        }
    }
}
