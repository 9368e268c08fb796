//! Opening a connection, and what drives it until it ends.

use super::super::failure::LineError;
use super::super::options::UpstreamOptions;
use super::super::transport::{Refusal, Transport};
use super::line::{HeadMax, Line, Pulse, STREAMS_MAX};
use bytes::Bytes;
use h2::client::Builder;
use h2::{Ping, PingPong};
use rustls::pki_types::ServerName;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, sleep, timeout};

/// What a response may send ahead of its reader.
const WINDOW_BYTES: u32 = 128 * 1024;
/// What is kept of a request's body until the server takes it.
const SEND_BYTES_MAX: usize = 64 * 1024;
/// A connection on which nothing has come for so long is asked for a sign of life.
const QUIET: Duration = Duration::from_secs(20);
/// How long the server may take to give it.
const PONG_WAIT: Duration = Duration::from_secs(10);
/// How often one is asked for: servers of gRPC end connections that ask more often.
const PING_PAUSE: Duration = Duration::from_mins(5);

/// How connections are opened.
#[derive(Debug, Clone)]
pub(in crate::upstream) struct Http2Options {
    builder: Builder,
    head_max: HeadMax,
}

impl Http2Options {
    pub(in crate::upstream) fn new(options: &UpstreamOptions) -> Self {
        let mut builder = Builder::new();
        let head_bytes_max = u32::try_from(options.response_head_bytes_max).unwrap_or(u32::MAX);
        let connection = WINDOW_BYTES.saturating_mul(u32::try_from(STREAMS_MAX).unwrap_or(u32::MAX));
        builder
            .enable_push(false)
            .initial_window_size(WINDOW_BYTES)
            .initial_connection_window_size(connection)
            .max_send_buffer_size(SEND_BYTES_MAX)
            // What is larger than allowed is still read, to be refused as that.
            .max_header_list_size(head_bytes_max.saturating_mul(2));
        let head_max = HeadMax { fields: options.response_fields_max, bytes: options.response_head_bytes_max };
        Self { builder, head_max }
    }

    /// A connection that the server has confirmed to be one, its settings known, and what drives it until it ends.
    pub(in crate::upstream) async fn open(
        &self,
        transport: Transport,
        proved: Option<ServerName<'static>>,
        ended: impl FnOnce(Result<(), LineError>) + Send + 'static,
    ) -> Result<Line, LineError> {
        let refusal = transport.refusal();
        self.over(transport, refusal, proved, ended).await
    }

    async fn over<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
        &self,
        stream: S,
        refusal: Refusal,
        proved: Option<ServerName<'static>>,
        ended: impl FnOnce(Result<(), LineError>) + Send + 'static,
    ) -> Result<Line, LineError> {
        let pulse = Arc::new(Pulse::new());
        let stream = Watched { stream, pulse: Arc::clone(&pulse) };
        let (sender, mut connection) = self.builder.handshake::<_, Bytes>(stream).await?;
        let pings = connection.ping_pong();
        let (confirmed, confirmation) = tokio::sync::oneshot::channel();
        let (watch, of_task) = (watch(pings, Arc::clone(&pulse), confirmed), Arc::clone(&pulse));
        tokio::spawn(async move {
            let result = tokio::select! {
                biased;
                ended = connection => ended.map_err(LineError::from),
                dead = watch => Err(dead),
            };
            of_task.over();
            ended(result);
        });
        match confirmation.await {
            Ok(()) => Ok(Line::new(sender, proved, pulse, self.head_max, refusal)),
            // The connection ended first; what it says of that is the same for all who ask.
            Err(_) => Err(first_error(sender).await),
        }
    }
}

/// Why a connection that has ended takes no request.
async fn first_error(mut sender: h2::client::SendRequest<Bytes>) -> LineError {
    match std::future::poll_fn(|context| sender.poll_ready(context)).await {
        Err(error) => error.into(),
        Ok(()) => LineError::Dead(PONG_WAIT),
    }
}

/// Asks for signs of life: one at the beginning, by which the server's settings have come, too, and whenever nothing
/// has come for long.
async fn watch(pings: Option<PingPong>, pulse: Arc<Pulse>, confirmed: tokio::sync::oneshot::Sender<()>) -> LineError {
    let Some(mut pings) = pings else { return LineError::Dead(Duration::ZERO) };
    match pings.ping(Ping::opaque()).await {
        Ok(_) => drop(confirmed.send(())),
        Err(error) => return error.into(),
    }
    let mut asked = Instant::now();
    loop {
        let due = (pulse.heard_at() + QUIET).max(asked);
        let now = Instant::now();
        if now < due {
            sleep(due - now).await;
            continue;
        }
        if pulse.under_way() == 0 {
            sleep(QUIET).await;
            continue;
        }
        if timeout(PONG_WAIT, pings.ping(Ping::opaque())).await.is_err() && pulse.heard_at() < now {
            return LineError::Dead(now.elapsed() + QUIET);
        }
        asked = now + PING_PAUSE;
    }
}

/// Notes when something comes.
struct Watched<S> {
    stream: S,
    pulse: Arc<Pulse>,
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.stream).poll_read(context, buffer);
        if polled.is_ready() {
            self.pulse.heard();
        }
        polled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::request_body::RequestBody;
    use super::super::slot::Slot;
    use super::*;
    use crate::engine::request_fields::RequestFields;
    use http::Request;

    #[tokio::test(start_paused = true)]
    async fn a_server_that_gives_no_sign_of_life_while_requests_are_under_way_is_given_up() {
        let (ours, theirs) = tokio::io::duplex(64 * 1024);
        let (sender, ended) = tokio::sync::oneshot::channel();
        let server = tokio::spawn(async move {
            let mut streams = h2::server::handshake(theirs).await.unwrap();
            let asked = streams.accept().await.unwrap().unwrap();
            // From here on it does nothing, not even read.
            (streams, asked)
        });
        let options = Http2Options::new(&UpstreamOptions::of(Vec::new()));
        let opening = options.over(ours, Refusal::default(), None, |result| drop(sender.send(result)));
        let line = Arc::new(opening.await.unwrap());
        let slot = Slot::on(&line).unwrap();
        let head = Request::builder().uri("/").header("host", "a").body(RequestFields::default()).unwrap();
        let answer = tokio::spawn(slot.send(&head, RequestBody::empty(), None));
        let silent = server.await.unwrap();
        let began = Instant::now();
        assert!(matches!(ended.await.unwrap(), Err(LineError::Dead(_))));
        assert!((QUIET..=QUIET * 2 + PONG_WAIT).contains(&began.elapsed()), "{:?}", began.elapsed());
        assert!(answer.await.unwrap().is_err() && line.is_closed() && Slot::on(&line).is_none());
        drop(silent);
    }
}
