//! A response's body on its way from the origin. Once it has ended, its connection can be used again.

use super::connections::{Connection, Connections};
use super::http1::Reuse;
use super::http2::Http2Body;
use super::session::Session;
use super::under_way::UnderWay;
use super::upload::Upload;
use crate::alarm::Alarm;
use crate::engine::exchange::Quiet;
use crate::engine::origin::BodyError;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::time::Instant;

/// Why a response's body ended before its end.
#[derive(Debug, thiserror::Error)]
pub enum ResponseBodyError {
    /// The connection broke, or what came over it was no valid body.
    #[error("the upstream's body was cut short")]
    Broken(#[source] BodyError),
    /// Nothing came for so long.
    #[error("the upstream sent nothing of its body for {0:?}")]
    Silent(Duration),
}

/// What a body gives back when it ends.
pub(super) struct Loan {
    pub(super) connection: Connection,
    /// Those that it came from.
    pub(super) connections: Arc<Connections>,
    /// It counts as under way until then.
    pub(super) under_way: UnderWay,
}

impl Loan {
    /// Gives the connection back as soon as it is ready for another request, which may be after the request's body.
    fn give_back(self) {
        let Self { mut connection, connections, .. } = self;
        // A place on a connection of HTTP/2 is given back by its end.
        let Some(session) = connection.http1() else { return };
        match session.reuse() {
            Reuse::Now => connections.keep(connection),
            Reuse::Later => {
                if let Ok(runtime) = Handle::try_current() {
                    runtime.spawn(async move {
                        if let Some(session) = connection.http1()
                            && session.sent().await == Reuse::Now
                        {
                            connections.keep(connection);
                        }
                    });
                }
            }
            Reuse::Never => {}
        }
    }
}

pub(super) struct ResponseBody {
    /// That of HTTP/2; none: HTTP/1.1, whose session reads it.
    body: Option<Http2Body>,
    /// Until the body has ended. Dropped with it, the connection closes.
    loan: Option<Loan>,
    upload: Option<Arc<Upload>>,
    read_timeout: Duration,
    /// Since when somebody has been waiting for the next frame. Time in which nobody asks does not count.
    waiting_since: Option<Instant>,
    alarm: Alarm,
    /// A stream of events, which may be let be silent.
    quiet: Option<Quiet>,
    failed: bool,
}

impl ResponseBody {
    pub(super) fn new(
        body: Option<Http2Body>,
        loan: Option<Loan>,
        upload: Option<Arc<Upload>>,
        read_timeout: Duration,
        quiet: Option<Quiet>,
    ) -> Self {
        let mut response = Self {
            body,
            loan,
            upload,
            read_timeout,
            waiting_since: None,
            alarm: Alarm::default(),
            quiet,
            failed: false,
        };
        if response.has_ended() {
            response.finish();
        }
        response
    }

    fn poll_received(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match (&mut self.body, &mut self.loan) {
            (Some(body), _) => body.poll_frame(context).map_err(Into::into),
            (None, Some(loan)) => match loan.connection.http1() {
                Some(session) => session.poll_frame(context),
                None => Poll::Ready(None),
            },
            (None, None) => Poll::Ready(None),
        }
    }

    fn has_ended(&self) -> bool {
        match (&self.body, &self.loan) {
            (Some(body), _) => body.is_end_stream(),
            (None, Some(Loan { connection: Connection { session: Session::Http1(session), .. }, .. })) => {
                session.is_end_stream()
            }
            (None, _) => true,
        }
    }

    /// The body is complete.
    fn finish(&mut self) {
        if let Some(upload) = self.upload.take() {
            upload.over();
        }
        if let Some(loan) = self.loan.take() {
            loan.give_back();
        }
    }

    fn fail(&mut self, error: ResponseBodyError) -> BodyError {
        self.failed = true;
        // Where the request has a body, its client may have broken it off.
        if let Some(loan) = self.loan.take()
            && self.upload.is_none()
        {
            loan.under_way.member().failed("it broke an answer off");
        }
        Box::new(error)
    }

    /// Ready when nothing has come for too long.
    fn poll_silence(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let since = *self.waiting_since.get_or_insert_with(Instant::now);
        match self.alarm.poll(context, since + self.read_timeout) {
            Poll::Ready(()) if self.quiet.as_ref().is_some_and(Quiet::is_allowed) => Poll::Pending,
            rung => rung,
        }
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        if self.failed {
            return Poll::Ready(None);
        }
        let Poll::Ready(frame) = self.poll_received(context) else {
            return self.poll_silence(context).map(|()| {
                let silent = ResponseBodyError::Silent(self.read_timeout);
                Some(Err(self.fail(silent)))
            });
        };
        self.waiting_since = None;
        Poll::Ready(match frame {
            Some(Err(error)) => Some(Err(self.fail(ResponseBodyError::Broken(error)))),
            Some(Ok(frame)) => {
                if self.has_ended() {
                    self.finish();
                }
                Some(Ok(frame))
            }
            None => {
                self.finish();
                None
            }
        })
    }

    fn is_end_stream(&self) -> bool {
        self.failed || self.has_ended()
    }

    fn size_hint(&self) -> SizeHint {
        match (&self.body, &self.loan) {
            (Some(body), _) => body.size_hint(),
            (None, Some(Loan { connection: Connection { session: Session::Http1(session), .. }, .. })) => {
                session.size_hint()
            }
            (None, _) => SizeHint::with_exact(0),
        }
    }
}

impl Drop for ResponseBody {
    fn drop(&mut self) {
        if let Some(upload) = self.upload.take() {
            upload.over();
        }
    }
}
