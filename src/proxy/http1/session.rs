//! The state machine of one HTTP/1 connection: between two messages, within an exchange, or at its end.

use super::exchange::{Asked, Exchange, Over};
use super::fast_path::{FastPath, Look, Outgoing, Parts};
use super::head::{Head, HeadLimits, Next, Persistence, Trailers};
use super::head_reader::HeadReader;
use super::request_side::{RequestSide, Rest};
use crate::alarm::Alarm;
use crate::engine::Handler;
use crate::engine::exchange::UpgradeAbility;
use crate::engine::origin::BodyError;
use crate::engine::request_fields::RequestFields;
use crate::proxy::in_buffer::READ_BYTES;
use crate::proxy::observer::Ending;
use crate::proxy::options::ProxyOptions;
use crate::proxy::refusal::Refusal;
use crate::proxy::service::{ConnectionContext, Received, answer, refuse};
use crate::proxy::socket::Socket;
use crate::proxy::upgrade::Tunnel;
use crate::proxy::wire::Wire;
use crate::proxy::written::is_cut_off;
use crate::semantics::spelling::Spelling;
use bytes::{Buf, BytesMut};
use http::Version;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::AsyncWrite as _;
use tokio::time::Instant;

/// How much of a refused request's first line is kept for the log.
const FIRST_LINE_BYTES: usize = 200;
/// How long, and for how many bytes, a closing connection reads on: closing with unread bytes would be a reset, which
/// may take the answer away before the client has read it (RFC 9112 section 9.6).
const LINGER: Duration = Duration::from_secs(2);
const LINGER_BYTES_MAX: usize = 1024 * 1024;

/// How long a session waits, and for how much.
#[derive(Debug, Clone, Copy)]
pub(in crate::proxy) struct SessionLimits {
    /// Of a request's head.
    head: HeadLimits,
    /// From the first byte of a head to its last.
    header_read_timeout: Duration,
    /// Between two requests.
    idle_timeout: Duration,
    /// Between two pieces of a request's body, and between two of a response.
    stall_timeout: Duration,
}

impl From<&ProxyOptions> for SessionLimits {
    fn from(options: &ProxyOptions) -> Self {
        let head = HeadLimits {
            head_bytes: options.header_bytes_max,
            fields: options.headers_max,
            target_bytes: options.uri_bytes_max,
        };
        let ProxyOptions { header_read_timeout, idle_timeout, stall_timeout, .. } = *options;
        Self { head, header_read_timeout, idle_timeout, stall_timeout }
    }
}

/// Where the connection stands.
#[derive(Debug)]
enum Stage {
    /// Between two messages or within a head; or a plain hit is being written.
    Between,
    /// Within an exchange, in a box of its own, so that a connection of plain hits has no room for it.
    Exchange(Box<Exchange>),
    /// All is written, and this is left to be read.
    Closing(Closing),
    /// HTTP is over on this connection.
    Switched,
}

/// How far a connection is on its way to its end.
#[derive(Debug)]
enum Closing {
    /// Its end is being announced.
    Tells(Rest),
    /// What the client still sends is thrown away until then.
    Lingers(Instant),
}

/// Whether another request is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Then {
    Next,
    Closes,
}

/// A connection with a client.
#[derive(Debug)]
pub(in crate::proxy) struct Session<T: Socket, H: Handler> {
    wire: Wire<T>,
    context: Arc<ConnectionContext<H>>,
    fast_path: FastPath<H>,
    limits: SessionLimits,
    heads: HeadReader,
    outgoing: Option<Outgoing>,
    stage: Stage,
    then: Then,
    alarm: Alarm,
    /// Of the head under way.
    deadline: Option<Instant>,
    discarded: usize,
}

impl<T: Socket, H: Handler> Session<T, H> {
    /// A session over a socket from which `read` was read.
    pub(in crate::proxy) fn new(context: Arc<ConnectionContext<H>>, socket: T, read: BytesMut) -> Self {
        let limits = SessionLimits::from(&context.server.options);
        Self {
            wire: Wire::new(socket, read, context.conversation.clone(), limits.stall_timeout),
            fast_path: FastPath::new(context.server.clone(), context.facts.clone()),
            context,
            limits,
            heads: HeadReader::default(),
            outgoing: None,
            stage: Stage::Between,
            then: Then::Next,
            alarm: Alarm::default(),
            deadline: None,
            discarded: 0,
        }
    }

    /// No further request is taken: what is under way is the last.
    pub(in crate::proxy) fn end(&mut self) {
        self.then = Then::Closes;
    }

    /// Goes by the options that are in force now.
    #[cold]
    fn renew(&mut self) {
        if let Some(context) = self.context.renewed() {
            self.limits = SessionLimits::from(&context.server.options);
            self.wire.stall_after(self.limits.stall_timeout);
            self.fast_path = FastPath::new(context.server.clone(), context.facts.clone());
            self.context = context;
        }
    }

    /// What takes the connection over, once HTTP is over on it.
    pub(in crate::proxy) fn tunnel(&self) -> Option<Box<Tunnel>> {
        self.context.tunnel().take()
    }

    /// The client's end, once HTTP is over on it.
    pub(in crate::proxy) const fn wire(&mut self) -> &mut Wire<T> {
        &mut self.wire
    }

    /// Answers plain hits one after another, until there is something else to do.
    fn poll_between(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            ready!(self.poll_outgoing(cx))?;
            if self.then == Then::Closes {
                self.close(Rest::Nothing);
                return Poll::Ready(Ok(()));
            }
            if !self.wire.buffer.is_empty() {
                self.begin();
                if self.outgoing.is_some() {
                    continue;
                }
            }
            if let Stage::Between = self.stage {
                ready!(self.poll_more(cx))?;
            }
            if !matches!(self.stage, Stage::Between) {
                return Poll::Ready(Ok(()));
            }
        }
    }

    /// Begins what the buffer begins with, if it is whole.
    fn begin(&mut self) {
        let is_between = self.heads.is_between_messages();
        if is_between && !self.context.server.is_latest() {
            self.renew();
        }
        let conversation = &self.context.conversation;
        let look = if is_between {
            self.fast_path.begin(&self.wire.buffer, &self.limits.head, conversation)
        } else {
            Look::New
        };
        let are_new = match look {
            Look::Hit(outgoing) => {
                self.outgoing = Some(outgoing);
                return;
            }
            Look::Known(place, found) => {
                if let Some(received) = self.fast_path.known(&self.wire.buffer, &place, found) {
                    return self.exchange_known(received, place.bytes);
                }
                false
            }
            Look::Ordinary => false,
            Look::New => true,
        };
        match self.heads.read(&mut self.wire.buffer, &self.limits.head) {
            Ok(None) => {}
            Ok(Some(head)) => {
                self.deadline = None;
                if are_new {
                    self.outgoing = self.fast_path.begin_new(&self.wire.buffer, &head, conversation);
                }
                if self.outgoing.is_none() {
                    self.exchange(head);
                }
            }
            Err(refusal) => self.refuse(refusal),
        }
    }

    /// Begins an exchange.
    fn exchange(&mut self, head: Head) {
        self.wire.buffer.advance(head.bytes);
        let asked = Asked { version: head.version, persistence: head.persistence, trailers: head.trailers };
        let stall_timeout = self.limits.stall_timeout;
        let begun =
            RequestSide::begin(head.framing, head.expects, &mut self.wire.buffer, &self.limits.head, stall_timeout);
        let (side, body) = match begun {
            Ok(begun) => begun,
            Err(refusal) => {
                let first_line = format!("{} {} {:?}", head.method, head.target, head.version);
                return self.answer_refused(refusal, &first_line);
            }
        };
        let ability = if head.next == Next::Upgrade { UpgradeAbility::Able } else { UpgradeAbility::Unable };
        let fields = RequestFields::Own(Spelling::of(head.whole.clone()));
        let received = Received { request: head.into_request(body), ability, fields, known: None };
        self.answer(received, side, asked);
    }

    /// Begins an exchange whose request is like the one before but for its target.
    fn exchange_known(&mut self, received: Received, bytes: usize) {
        self.deadline = None;
        self.wire.buffer.advance(bytes);
        let asked =
            Asked { version: Version::HTTP_11, persistence: Persistence::Persists, trailers: Trailers::Unwanted };
        self.answer(received, RequestSide::none(), asked);
    }

    fn answer(&mut self, received: Received, side: RequestSide, asked: Asked) {
        let answering = Box::pin(answer(self.context.clone(), received));
        self.stage = Stage::Exchange(Box::new(Exchange::new(answering, side, asked)));
    }

    /// Answers what the buffer begins with, which is no request.
    fn refuse(&mut self, refusal: Refusal) {
        let line = self.wire.buffer.as_ref().split(|byte| matches!(byte, b'\r' | b'\n')).next().unwrap_or_default();
        let first_line = String::from_utf8_lossy(line.get(..FIRST_LINE_BYTES).unwrap_or(line)).into_owned();
        self.answer_refused(refusal, &first_line);
    }

    fn answer_refused(&mut self, refusal: Refusal, first_line: &str) {
        let shown = first_line.char_indices().nth(FIRST_LINE_BYTES).map_or(first_line.len(), |(end, _)| end);
        let response = refuse(&self.context, refusal, first_line.get(..shown).unwrap_or_default().into());
        let asked = Asked { version: Version::HTTP_11, persistence: Persistence::Closes, trailers: Trailers::Unwanted };
        let answering = Box::pin(std::future::ready(response));
        self.stage = Stage::Exchange(Box::new(Exchange::new(answering, RequestSide::refused(), asked)));
    }

    /// Reads more, or finds that the client has ended or that the time for it is over.
    fn poll_more(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let Poll::Ready(read) = self.wire.poll_fill(cx, READ_BYTES) {
            if read? == 0 {
                self.close(Rest::Ended);
            }
            return Poll::Ready(Ok(()));
        }
        if self.wire.buffer.is_empty() {
            let deadline = self.context.conversation.last_event() + self.limits.idle_timeout;
            ready!(self.alarm.poll(cx, deadline));
            self.close(Rest::Ended);
            return Poll::Ready(Ok(()));
        }
        let timeout = self.limits.header_read_timeout;
        let deadline = *self.deadline.get_or_insert_with(|| Instant::now() + timeout);
        ready!(self.alarm.poll(cx, deadline));
        self.refuse(Refusal::HeadTimeout);
        Poll::Ready(Ok(()))
    }

    /// Finishes the plain hit under way, if there is one.
    fn poll_outgoing(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Some(outgoing) = &mut self.outgoing else { return Poll::Ready(Ok(())) };
        let mut sent = ready!(outgoing.poll_send(|parts| {
            let wire = Pin::new(&mut self.wire);
            match parts {
                Parts::One(bytes) => wire.poll_write(cx, bytes),
                Parts::Two(parts) => wire.poll_write_vectored(cx, parts),
            }
        }));
        if sent.is_ok() {
            sent = ready!(Pin::new(&mut self.wire).poll_flush(cx));
        }
        self.end_outgoing(match &sent {
            Ok(()) => Ending::Complete,
            Err(error) if is_cut_off(error) => Ending::CutOff,
            Err(_) => Ending::ClientGone,
        });
        Poll::Ready(sent)
    }

    /// Tells of the plain hit under way, if there is one, and lets its request go.
    fn end_outgoing(&mut self, ending: Ending) {
        let Some(outgoing) = &self.outgoing else { return };
        let buffer = &mut self.wire.buffer;
        self.fast_path.end(outgoing, buffer, ending, &self.context.conversation);
        buffer.advance(outgoing.request_bytes().min(buffer.len()));
        self.outgoing = None;
    }

    /// An exchange is over.
    fn go_on(&mut self, over: Over) {
        self.wire.shrink();
        match over {
            Over::Next => self.stage = Stage::Between,
            Over::Closes(rest) => self.close(rest),
            Over::Switches => self.stage = Stage::Switched,
        }
    }

    fn close(&mut self, rest: Rest) {
        self.stage = Stage::Closing(Closing::Tells(rest));
    }

    /// Whether the client may be sending something that it must not be reset for.
    fn must_linger(&self, rest: Rest) -> bool {
        let conversation = &self.context.conversation;
        let is_unheard = conversation.requests() == 0 && conversation.end.is_given();
        let is_left = rest == Rest::Some || !self.wire.buffer.is_empty();
        is_left && !is_unheard && rest != Rest::Ended
    }

    /// Tells the end, and reads on for a while where the client may still be sending.
    fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            match self.stage {
                Stage::Closing(Closing::Tells(rest)) => {
                    ready!(Pin::new(&mut self.wire).poll_shutdown(cx))?;
                    if !self.must_linger(rest) {
                        return Poll::Ready(Ok(()));
                    }
                    self.stage = Stage::Closing(Closing::Lingers(Instant::now() + LINGER));
                }
                Stage::Closing(Closing::Lingers(until)) => {
                    self.wire.buffer.clear();
                    match self.wire.poll_fill(cx, READ_BYTES) {
                        Poll::Ready(Ok(read)) if read > 0 && self.discarded < LINGER_BYTES_MAX => {
                            self.discarded += read;
                        }
                        Poll::Ready(_) => return Poll::Ready(Ok(())),
                        Poll::Pending => return self.alarm.poll(cx, until).map(Ok),
                    }
                }
                _ => return Poll::Ready(Ok(())),
            }
        }
    }
}

impl<T: Socket, H: Handler> Future for Session<T, H> {
    type Output = Result<(), BodyError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        loop {
            match &mut this.stage {
                Stage::Between => ready!(this.poll_between(cx))?,
                Stage::Exchange(exchange) => {
                    let (then, server) = (this.then, &this.context.server);
                    let is_surplus = || this.context.facts.place.as_ref().is_some_and(|place| !place.is_within());
                    let is_last = || then == Then::Closes || server.end.is_given() || is_surplus();
                    let over = ready!(exchange.poll(cx, &mut this.wire, &this.context.conversation, is_last))?;
                    this.go_on(over);
                }
                Stage::Closing(_) => return this.poll_close(cx).map_err(Into::into),
                Stage::Switched => return Poll::Ready(Ok(())),
            }
        }
    }
}

impl<T: Socket, H: Handler> Drop for Session<T, H> {
    fn drop(&mut self) {
        self.end_outgoing(Ending::ClientGone);
    }
}
