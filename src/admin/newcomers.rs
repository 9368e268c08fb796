//! Connections over which nothing has come yet, and how they are let go.
//!
//! At a graceful shutdown hyper closes such a connection at once. Its client may have sent a request that is still on its
//! way; at a take-over it cannot know that the process which accepted it is the one that ends.

use super::secure::Stream;
use crate::proxy::tls::TlsEndpoint;
use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::time::timeout;

/// A listener that counts its newcomers, and accepts until it is asked to stop.
#[derive(Debug)]
pub(super) struct Listening {
    listener: TcpListener,
    tls: Option<Arc<TlsEndpoint>>,
    newcomers: Arc<Newcomers>,
}

/// What a listener and who ends it share.
#[derive(Debug, Default)]
pub(super) struct Newcomers(watch::Sender<State>);

#[derive(Debug, Default)]
struct State {
    newcomers: usize,
    is_closed: bool,
}

impl Listening {
    /// Over TLS, where there is an endpoint.
    pub(super) fn new(listener: TcpListener, tls: Option<Arc<TlsEndpoint>>) -> Self {
        Self { listener, tls, newcomers: Arc::default() }
    }

    pub(super) fn newcomers(&self) -> Arc<Newcomers> {
        Arc::clone(&self.newcomers)
    }
}

impl Newcomers {
    /// Accepts no more, and waits until each newcomer has sent something or is gone, at most so long.
    pub(super) async fn close(&self, linger: Duration) {
        self.0.send_modify(|state| state.is_closed = true);
        let mut state = self.0.subscribe();
        // Whoever still says nothing is let go.
        let _ = timeout(linger, state.wait_for(|state| state.newcomers == 0)).await;
    }

    async fn closed(&self) {
        // The sender is this one's own, so it is not gone.
        let _ = self.0.subscribe().wait_for(|state| state.is_closed).await;
    }
}

impl Listener for Listening {
    type Io = Connection;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Connection, SocketAddr) {
        tokio::select! {
            biased;
            () = self.newcomers.closed() => std::future::pending().await,
            (stream, address) = Listener::accept(&mut self.listener) => {
                let newcomer = Some(Newcomer::enter(&self.newcomers));
                let local = stream.local_addr().ok();
                let stream = Stream::of(stream, address, self.tls.as_ref());
                (Connection { stream, local, newcomer }, address)
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// Counts as long as it lives.
#[derive(Debug)]
struct Newcomer(Arc<Newcomers>);

impl Newcomer {
    fn enter(newcomers: &Arc<Newcomers>) -> Self {
        newcomers.0.send_modify(|state| state.newcomers += 1);
        Self(Arc::clone(newcomers))
    }
}

impl Drop for Newcomer {
    fn drop(&mut self) {
        self.0.0.send_modify(|state| state.newcomers -= 1);
    }
}

/// An accepted connection.
#[derive(Debug)]
pub(super) struct Connection {
    stream: Stream,
    /// Where it was accepted.
    local: Option<SocketAddr>,
    /// Until something came.
    newcomer: Option<Newcomer>,
}

impl Connection {
    /// Where it was accepted.
    pub(super) const fn local_addr(&self) -> Option<SocketAddr> {
        self.local
    }
}

/// The address at which a connection was accepted, and that from which it came.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ends {
    pub(super) local: Option<IpAddr>,
    pub(super) client: IpAddr,
}

impl Connected<IncomingStream<'_, Listening>> for Ends {
    fn connect_info(stream: IncomingStream<'_, Listening>) -> Self {
        let local = stream.io().local_addr().map(|address| address.ip());
        Self { local, client: stream.remote_addr().ip() }
    }
}

impl AsyncRead for Connection {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let read = ready!(Pin::new(&mut self.stream).poll_read(cx, buffer));
        self.newcomer = None;
        Poll::Ready(read)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, parts)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::Router;
    use axum::routing::get;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpStream;
    use tokio::sync::oneshot;

    async fn answer(stream: &mut TcpStream) -> String {
        let request = b"POST / HTTP/1.1\r\nHost: admin\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
        stream.write_all(request).await.expect("it reads");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.expect("text");
        answer
    }

    #[tokio::test]
    async fn who_has_connected_before_the_end_is_answered_after_it_and_nobody_else_is_accepted() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("it listens");
        let listening = Listening::new(listener, None);
        let (newcomers, (stop, stopped)) = (listening.newcomers(), oneshot::channel::<()>());
        let ending = async move {
            let _ = stopped.await;
            newcomers.close(Duration::from_secs(20)).await;
        };
        let router = Router::new().route("/", get(|| async { "here" }).post(|| async { "here" }));
        let serving = tokio::spawn(axum::serve(listening, router).with_graceful_shutdown(ending).into_future());
        let mut early = TcpStream::connect(address).await.expect("it listens");
        // Connections are accepted one after another.
        let mut first = TcpStream::connect(address).await.expect("it listens");
        assert!(answer(&mut first).await.ends_with("here"));
        drop(stop);
        // Long enough for the end to reach every task, each of which is run in turn.
        for _ in 0..20_000 {
            tokio::task::yield_now().await;
        }
        assert!(answer(&mut early).await.ends_with("here"));
        serving.await.expect("it does not panic").expect("it ends well");
    }
}
