//! One connection: its streams are accepted, and it is asked to end in order.

use super::gathering::Hold;
use super::pulse::{Heard, Pulse};
use super::received::Received;
use super::replying::Replying;
use super::socket::Http2Socket;
use crate::engine::Handler;
use crate::proxy::service::ConnectionContext;
use crate::proxy::socket::Socket;
use crate::proxy::streams::cancelled::Cancelled;
use crate::proxy::streams::fast_path::{FastPath, Look};
use crate::proxy::streams::serving::{Serving, serve};
use crate::proxy::wire::Wire;
use bytes::{Bytes, BytesMut};
use h2::server::{Connection, Handshake, SendResponse};
use h2::{Reason, RecvStream};
use http::Request;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

/// One connection, which resolves once it has ended.
pub(in crate::proxy) struct Http2Connection<T: Socket, H> {
    streams: Streams<H>,
    state: State<Http2Socket<T>>,
    heard: Heard,
    hold: Hold,
    /// It was asked to end before the client's preface was there.
    ends_early: bool,
}

/// What its streams are served with.
struct Streams<H> {
    context: Arc<ConnectionContext<H>>,
    fast_path: FastPath,
    cancelled: Arc<Cancelled>,
}

enum State<T> {
    Begins(Box<Handshake<T, Bytes>>),
    Serves(Box<Connection<T, Bytes>>, Pulse),
}

impl<T: Socket, H: Handler> Http2Connection<T, H> {
    /// Over this socket, of which so much was read.
    pub(in crate::proxy) fn new(context: Arc<ConnectionContext<H>>, socket: T, read: BytesMut) -> Self {
        let (heard, hold) = (Heard::default(), Hold::default());
        let stall_timeout = context.server.options.stall_timeout;
        let wire = Wire::new(socket, read, context.conversation.clone(), stall_timeout);
        let socket = Http2Socket::new(wire, heard.clone(), hold.clone());
        let state = State::Begins(Box::new(context.server.http2.handshake(socket)));
        let streams = Streams { context, fast_path: FastPath::default(), cancelled: Arc::default() };
        Self { streams, state, heard, hold, ends_early: false }
    }

    /// Takes no more streams, and ends once those under way have: GOAWAY, RFC 9113 section 6.8.
    pub(in crate::proxy) fn graceful_shutdown(&mut self) {
        match &mut self.state {
            State::Begins(_) => self.ends_early = true,
            State::Serves(connection, _) => connection.graceful_shutdown(),
        }
    }
}

impl<T: Socket, H: Handler> Future for Http2Connection<T, H> {
    type Output = Result<(), h2::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        if let State::Begins(handshake) = &mut this.state {
            let mut connection = ready!(Pin::new(handshake).poll(cx))?;
            if this.ends_early {
                connection.graceful_shutdown();
            }
            let pulse = Pulse::new(connection.ping_pong(), this.heard.clone());
            this.state = State::Serves(Box::new(connection), pulse);
        }
        let State::Serves(connection, pulse) = &mut this.state else { return Poll::Pending };
        this.hold.begin();
        loop {
            match connection.poll_accept(cx) {
                // All was read, and what can be answered at once was: asked again, the library flushes it.
                Poll::Pending if this.hold.end() => {}
                // Asked after all was read: nothing may follow what makes a flood.
                Poll::Pending => connection.abrupt_shutdown(ready!(pulse.poll_gone(cx))),
                Poll::Ready(Some(accepted)) => {
                    let (request, respond) = accepted?;
                    this.hold.begin();
                    this.streams.begin(request, respond, cx);
                    if this.streams.is_flood() {
                        connection.abrupt_shutdown(Reason::ENHANCE_YOUR_CALM);
                    }
                }
                Poll::Ready(None) => return Poll::Ready(Ok(())),
            }
        }
    }
}

impl<H: Handler> Streams<H> {
    /// Begins to serve a stream. What is answered at once is answered here; anything else goes on in a task of its own.
    fn begin(&mut self, request: Request<RecvStream>, respond: SendResponse<Bytes>, cx: &mut Context<'_>) {
        if let Some(context) = self.context.renewed() {
            self.context = context;
            self.fast_path = FastPath::default();
        }
        let (request, replying) = (Received::of(request), Replying::new(respond, Arc::clone(&self.cancelled)));
        if self.fast_path.answer(&self.context, &replying, &request, cx) == Look::Answered {
            return;
        }
        let of_stream = Arc::clone(&self.context);
        let mut serving = Serving::new(&self.context.server, |progress| serve(of_stream, replying, request, progress));
        if serving.poll_first(cx).is_pending() {
            tokio::spawn(serving.run());
        }
    }

    /// Whether the client takes too many of them back.
    fn is_flood(&self) -> bool {
        self.cancelled.is_flood(self.context.conversation.requests())
    }
}
