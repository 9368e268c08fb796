//! One connection, from its first byte to its last.

use super::conversation::Conversation;
use super::end_signal::EndSignal;
use super::http1::Session;
use super::http2::Http2Connection;
use super::in_buffer::{self, READ_BYTES};
use super::observer::{Closed, WhyClosed};
use super::room::LEAVING_MAX;
use super::server::Server;
use super::service::ConnectionContext;
use super::socket::{ConnectionFacts, Protocol, Socket};
use crate::alarm::Alarm;
use crate::engine::Handler;
use crate::engine::origin::BodyError;
use bytes::BytesMut;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::Instant;

/// What an HTTP/2 client with prior knowledge sends first: RFC 9113 section 3.4.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// How long an idle HTTP/1 connection is still read from at the server's end: its client may just be sending a request, which
/// would be lost. It is answered, with `Connection: close`.
const LINGER: Duration = Duration::from_millis(500);

/// A connection whose protocol is known, on its way to its end: in a box of the size that this protocol needs, so that what one
/// answer after another looks at lies together.
type Conversing = Pin<Box<dyn Future<Output = Result<(), BodyError>> + Send>>;

/// Serves one connection until it ends or the server does. The future holds little by itself: what only the beginning needs is
/// given back before the first request.
pub(super) fn serve<H: Handler, T: Socket>(
    server: Arc<Server<H>>,
    socket: T,
    facts: ConnectionFacts,
    conversation: Arc<Conversation>,
) -> impl Future<Output = ()> + Send {
    let (client, of_all) = (facts.peer, Arc::clone(&conversation));
    let beginning = Box::pin(begin(server, socket, facts, conversation));
    async move {
        let conversing = async {
            let begun = beginning.await?;
            match begun {
                Some(conversing) => conversing.await,
                None => Ok(()),
            }
        };
        reported(client, &of_all, conversing).await;
    }
}

/// Has a connection of this client served, and reports it.
pub(super) async fn reported(
    client: SocketAddr,
    conversation: &Arc<Conversation>,
    conversing: impl Future<Output = Result<(), BodyError>>,
) {
    for observer in conversation.observers.iter() {
        observer.opened(client);
    }
    let _closing = Closing { client, conversation: Arc::clone(conversation) };
    if let Err(error) = conversing.await {
        // Ordinary: clients leave, and a truncated answer ends its connection with an error.
        tracing::debug!(%client, error = %error, "a connection ended with an error");
    }
}

/// Tells of a connection's end, also when its task is ended from outside.
struct Closing {
    client: SocketAddr,
    conversation: Arc<Conversation>,
}

impl Drop for Closing {
    fn drop(&mut self) {
        let (bytes_read, bytes_written) = self.conversation.bytes();
        let why = if self.conversation.end.is_given() { WhyClosed::Room } else { WhyClosed::Ordinary };
        let requests = self.conversation.requests();
        let closed = Closed { client: self.client, bytes_read, bytes_written, requests, why };
        for observer in self.conversation.observers.iter() {
            observer.closed(&closed);
        }
    }
}

/// Finds out what the client speaks; `None` if the connection is over before that.
async fn begin<H: Handler, T: Socket>(
    server: Arc<Server<H>>,
    mut socket: T,
    facts: ConnectionFacts,
    conversation: Arc<Conversation>,
) -> Result<Option<Conversing>, BodyError> {
    let mut read = BytesMut::new();
    let agreed = facts.tls.as_ref().and_then(|tls| tls.protocol);
    let sniffed = tokio::time::timeout(server.options.idle_timeout, sniff(&mut socket, &mut read, agreed));
    let protocol = tokio::select! {
        biased;
        sniffed = sniffed => match sniffed {
            Ok(Ok(Some(protocol))) => protocol,
            Ok(Ok(None)) | Err(_) => return Ok(None),
            Ok(Err(error)) => return Err(error.into()),
        },
        () = server.end.heard_by_newcomers() => return Ok(None),
        () = conversation.end.wait() => return Ok(None),
    };
    let context = ConnectionContext { server, facts, conversation, tunnel: Mutex::default() };
    let context = Arc::new(context);
    Ok(Some(match protocol {
        Protocol::Http1 => Box::pin(converse_http1(context, socket, read)),
        Protocol::Http2 => Box::pin(converse_http2(context, socket, read)),
    }))
}

/// HTTP/1: a session, and after it whatever other protocol was agreed on. The session is made before the future, which holds it
/// once then.
fn converse_http1<H: Handler, T: Socket>(
    context: Arc<ConnectionContext<H>>,
    socket: T,
    read: BytesMut,
) -> impl Future<Output = Result<(), BodyError>> + Send {
    let (of_all, cut) = (Arc::clone(&context.server.end), Arc::clone(&context.server.cut));
    let conversation = Arc::clone(&context.conversation);
    let mut session = Session::new(context, socket, read);
    async move {
        let end = Ends { of_all: &of_all, linger: LINGER, conversation: &conversation, idle: None };
        drive(Pin::new(&mut session), &end, |session| session.get_mut().end()).await?;
        if let Some(tunnel) = session.tunnel() {
            Box::pin(tunnel.run(session.wire(), cut.wait())).await;
        }
        Ok(())
    }
}

/// HTTP/2, asked to end once the connection was idle for too long.
async fn converse_http2<H: Handler, T: Socket>(
    context: Arc<ConnectionContext<H>>,
    socket: T,
    read: BytesMut,
) -> Result<(), BodyError> {
    let (of_all, conversation) = (Arc::clone(&context.server.end), Arc::clone(&context.conversation));
    let options = &context.server.options;
    let idle = Idle { timeout: options.idle_timeout, patience: options.stall_timeout };
    let connection = pin!(Http2Connection::new(context, socket, read));
    let end = Ends { of_all: &of_all, linger: Duration::ZERO, conversation: &conversation, idle: Some(idle) };
    Ok(drive(connection, &end, |connection| connection.get_mut().graceful_shutdown()).await?)
}

/// Reads until it is clear what the client speaks, which may have been agreed on already; `None` if it leaves before
/// that.
async fn sniff<T: Socket>(
    socket: &mut T,
    read: &mut BytesMut,
    agreed: Option<Protocol>,
) -> std::io::Result<Option<Protocol>> {
    loop {
        if poll_fn(|cx| in_buffer::poll_read(socket, cx, read, READ_BYTES)).await? == 0 {
            return Ok(None);
        }
        if agreed.is_some() {
            return Ok(agreed);
        }
        let compared = read.len().min(PREFACE.len());
        if read.get(..compared) != PREFACE.get(..compared) {
            return Ok(Some(Protocol::Http1));
        }
        if compared == PREFACE.len() {
            return Ok(Some(Protocol::Http2));
        }
    }
}

/// What ends a connection from outside.
pub(super) struct Ends<'a> {
    /// The server's end.
    pub(super) of_all: &'a EndSignal,
    /// How long after that it is still read from while it is idle.
    pub(super) linger: Duration,
    pub(super) conversation: &'a Conversation,
    /// `None` if it sees to that by itself.
    pub(super) idle: Option<Idle>,
}

/// When a connection counts as idle.
pub(super) struct Idle {
    /// After the last request.
    pub(super) timeout: Duration,
    /// How long it may take to end once asked to: what its client does not take would keep it for ever.
    pub(super) patience: Duration,
}

/// How far a connection is on its way to its end.
enum Drive {
    Goes,
    /// The server ends; the connection is idle, and is notified then unless a request comes.
    Lingers(Instant),
    Told,
    /// It was idle: it has until then.
    MustEndBy(Instant),
}

/// Polls a connection to its end, and asks it to end once the server does, once its place is wanted, or once it was idle
/// for too long (which HTTP/1 sees to by itself).
pub(super) async fn drive<C: Future<Output = Result<(), E>>, E>(
    mut connection: Pin<&mut C>,
    ends: &Ends<'_>,
    end: impl Fn(Pin<&mut C>),
) -> C::Output {
    let mut given = [pin!(ends.of_all.given()), pin!(ends.conversation.end.given())];
    let mut is_registered = false;
    let mut drive = Drive::Goes;
    let mut alarm = Alarm::default();
    poll_fn(|cx| {
        if !is_registered {
            is_registered = true;
            for given in &mut given {
                let _ = given.as_mut().poll(cx);
            }
        }
        let polled = connection.as_mut().poll(cx);
        if polled.is_ready() {
            return polled;
        }
        match drive {
            Drive::Goes | Drive::Lingers(_) => {}
            Drive::Told => return Poll::Pending,
            Drive::MustEndBy(deadline) => return alarm.poll(cx, deadline).map(Ok),
        }
        if ends.of_all.is_given() && !ends.linger.is_zero() && !ends.conversation.is_busy() {
            let until = match drive {
                Drive::Lingers(until) => until,
                _ => Instant::now() + ends.linger,
            };
            drive = Drive::Lingers(until);
            if alarm.poll(cx, until).is_pending() {
                return Poll::Pending;
            }
        }
        let makes_room = ends.conversation.end.is_given();
        let patience = if makes_room && !ends.conversation.is_busy() {
            Some(LEAVING_MAX)
        } else if makes_room || ends.of_all.is_given() {
            None
        } else if ends.is_idle(cx, &mut alarm) {
            ends.idle.as_ref().map(|idle| idle.patience)
        } else {
            return Poll::Pending;
        };
        end(connection.as_mut());
        drive = Drive::Told;
        if let Some(patience) = patience {
            let deadline = Instant::now() + patience;
            drive = Drive::MustEndBy(deadline);
            let _ = alarm.poll(cx, deadline);
        }
        connection.as_mut().poll(cx)
    })
    .await
}

impl Ends<'_> {
    /// Whether the connection was idle for too long.
    fn is_idle(&self, cx: &mut Context<'_>, alarm: &mut Alarm) -> bool {
        let Some(idle) = &self.idle else { return false };
        if alarm.poll(cx, self.conversation.last_event() + idle.timeout).is_pending() {
            return false;
        }
        if self.conversation.is_busy() {
            let _ = alarm.poll(cx, Instant::now() + idle.timeout);
            return false;
        }
        true
    }
}

#[cfg(test)]
#[path = "connection_tests.rs"]
mod tests;
