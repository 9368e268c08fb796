//! One connection: its streams are accepted, and it is asked to end in order.

use super::code::Code;
use super::control;
use super::frames::{Broken, Frames};
use super::outgoing::Outgoing;
use super::received::{NoRequest, request};
use super::replying::Replying;
use crate::engine::Handler;
use crate::engine::origin::BodyError;
use crate::proxy::connection::{self, Ends, Idle, drive};
use crate::proxy::conversation::Conversation;
use crate::proxy::refusal::Refusal;
use crate::proxy::server::Server;
use crate::proxy::service::{self, ConnectionContext};
use crate::proxy::socket::ConnectionFacts;
use crate::proxy::streams::answering::{Gone, Sink as _};
use crate::proxy::streams::cancelled::Cancelled;
use crate::proxy::streams::serving::{self, Serving, answer_with};
use quinn::{Connection, RecvStream, SendStream};
use std::future::poll_fn;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::{Sleep, sleep, timeout};

/// The largest identifier that a request's stream can have: all may still come.
const ALL_STREAMS: u64 = (1 << 62) - 4;
/// The identifiers of two requests in a row are so far apart: RFC 9000 section 2.1.
const BETWEEN_REQUESTS: u64 = 4;
/// Round trips that a client may take to hear that it is to open no more streams.
const ROUND_TRIPS: u32 = 3;
/// The least time for that.
const LINGER_MIN: Duration = Duration::from_millis(100);
/// How long the client may take to get all of an answer, once all of it was given to the transport, and the control stream to
/// get away.
const ARRIVAL_MAX: Duration = Duration::from_secs(10);

/// How far a connection is on its way to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Open,
    /// The client was asked to open no more streams; those that it opens meanwhile are served.
    Lingers,
    /// Those are refused.
    Ends,
}

/// Serves one connection until it ends or the server does.
pub(super) async fn serve<H: Handler>(
    server: Arc<Server<H>>,
    connection: Connection,
    facts: ConnectionFacts,
    conversation: Arc<Conversation>,
) {
    let context = ConnectionContext {
        server: Arc::clone(&server),
        facts: facts.clone(),
        conversation: Arc::clone(&conversation),
        tunnel: Mutex::default(),
    };
    let conversing = async {
        let end = Notify::new();
        let idle = Idle { timeout: server.options.idle_timeout, patience: server.options.stall_timeout };
        let ends = Ends { of_all: &server.end, linger: Duration::ZERO, conversation: &conversation, idle: Some(idle) };
        let conversing = pin!(converse(Arc::new(context), connection.clone(), &end));
        let ended = drive(conversing, &ends, |_| end.notify_one()).await;
        connection.close(Code::NoError.number(), b"");
        let stats = connection.stats();
        conversation.note_bytes(stats.udp_rx.bytes, stats.udp_tx.bytes);
        ended
    };
    connection::reported(facts.peer, &conversation, Box::pin(conversing)).await;
}

/// Serves a connection until it ends, by itself or because of `end`.
async fn converse<H: Handler>(
    context: Arc<ConnectionContext<H>>,
    connection: Connection,
    end: &Notify,
) -> Result<(), BodyError> {
    let header_bytes_max = context.server.options.header_bytes_max;
    let mut out = Outgoing::new(connection.open_uni().await?);
    control::settings(&mut out, header_bytes_max);
    let cancelled = Arc::new(Cancelled::default());
    let (mut stage, mut next_stream) = (Stage::Open, 0);
    let mut streams = JoinSet::new();
    let mut minded = pin!(control::mind(&connection, &context.conversation));
    let mut lingering = pin!(sleep(Duration::MAX));
    while stage != Stage::Ends || !streams.is_empty() || out.waits() {
        tokio::select! {
            biased;
            () = end.notified(), if stage == Stage::Open => {
                stage = Stage::Lingers;
                out.push(control::goaway(ALL_STREAMS));
                lingering.set(linger(&connection));
            }
            () = &mut lingering, if stage == Stage::Lingers => {
                stage = Stage::Ends;
                out.push(control::goaway(next_stream));
            }
            flushed = poll_fn(|cx| out.poll_flush(cx)), if out.waits() => {
                if let Err(Gone) = flushed {
                    return Err(close(&connection, Broken::Connection(Code::ClosedCriticalStream)));
                }
            }
            broken = &mut minded => return Err(close(&connection, broken)),
            Some(_) = streams.join_next(), if !streams.is_empty() => {}
            accepted = connection.accept_bi() => {
                let (send, recv) = accepted?;
                if stage == Stage::Ends {
                    reject(send, recv);
                    continue;
                }
                next_stream = u64::from(recv.id()) + BETWEEN_REQUESTS;
                streams.spawn(stream(Arc::clone(&context), connection.clone(), Arc::clone(&cancelled), send, recv));
                if cancelled.is_flood(context.conversation.requests()) {
                    return Err(close(&connection, Broken::Connection(Code::ExcessiveLoad)));
                }
            }
        }
    }
    let _ = timeout(ARRIVAL_MAX, poll_fn(|cx| out.poll_flush(cx))).await;
    connection.close(Code::NoError.number(), b"");
    Ok(())
}

/// How long streams are still served once the client was asked to open none.
fn linger(connection: &Connection) -> Sleep {
    sleep((connection.rtt() * ROUND_TRIPS).max(LINGER_MIN))
}

/// Closes the connection where it is an error of it.
fn close(connection: &Connection, broken: Broken) -> BodyError {
    if let Broken::Connection(code) = &broken {
        connection.close(code.number(), b"");
    }
    broken.into()
}

/// Refuses a stream, of which nothing was looked at: the client may ask again elsewhere.
fn reject(mut send: SendStream, recv: RecvStream) {
    let _ = send.reset(Code::RequestRejected.number());
    Frames::new(recv).stop(Code::RequestRejected);
}

/// Serves one stream, and waits until its client has all of the answer.
async fn stream<H: Handler>(
    context: Arc<ConnectionContext<H>>,
    connection: Connection,
    cancelled: Arc<Cancelled>,
    send: SendStream,
    recv: RecvStream,
) {
    let context = context.renewed().unwrap_or(context);
    let arrived = send.stopped();
    let mut outgoing = Outgoing::new(send);
    let options = &context.server.options;
    let head = request(Frames::new(recv), connection.clone(), options.header_bytes_max);
    match timeout(options.header_read_timeout, head).await {
        Ok(Ok(request)) => {
            let replying = Replying::new(outgoing, cancelled);
            let of_stream = Arc::clone(&context);
            Serving::new(&context.server, |progress| serving::serve(of_stream, replying, request, progress))
                .run()
                .await;
        }
        Ok(Err(NoRequest::HeadTooLarge)) => {
            let replying = Replying::new(outgoing, cancelled);
            let refused = service::refuse(&context, Refusal::HeadTooLarge, Box::default());
            Serving::new(&context.server, |progress| answer_with(refused, replying, progress)).run().await;
        }
        Ok(Err(NoRequest::Broken(broken))) => {
            cancelled.note();
            match &broken {
                Broken::Stream(code) => outgoing.abandon(*code),
                Broken::Connection(code) => connection.close(code.number(), b""),
                Broken::Read(_) => {}
            }
            tracing::debug!(client = %context.facts.peer, error = %broken, "a stream brought no request");
        }
        Err(_) => outgoing.abandon(Code::RequestIncomplete),
    }
    let _ = timeout(ARRIVAL_MAX, arrived).await;
}
