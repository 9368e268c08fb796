//! A request on its way to the server: its head, then its body, piece by piece.

use super::request_head::{self, Framing};
use crate::engine::origin::BodyError;
use crate::engine::request_fields::RequestFields;
use crate::semantics::chunks::decides_framing;
use crate::semantics::spelling::Spelling;
use crate::upstream::request_body::RequestBody;
use bytes::{Buf as _, Bytes};
use http::{HeaderMap, Request};
use http_body::{Body as _, Frame};
use std::io::{self, ErrorKind, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::AsyncWrite;

/// A piece of a body that is no longer is copied behind what precedes it; a longer one is written from where it is.
const COPIED_BYTES_MAX: usize = 4096;

/// Why a request was not sent to its end.
#[derive(Debug)]
pub(super) enum SendError {
    /// The server takes no more.
    Server(io::Error),
    /// The body failed.
    Body(BodyError),
}

/// The body is longer or shorter than the request says.
#[derive(Debug, thiserror::Error)]
#[error("the request's body does not have the length that its head says")]
struct WrongLength;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Progress {
    /// Nothing has been given to the server.
    Unsent,
    Sending,
    /// The body has been read to its end.
    Read,
}

/// One request. What is to be written next is `out`, then `data`, then `after`.
pub(super) struct Sending {
    body: RequestBody,
    framing: Framing,
    progress: Progress,
    /// Whether anything has been written.
    is_begun: bool,
    /// A piece that was taken of the body before anything was written.
    first: Option<Bytes>,
    out: Vec<u8>,
    written: usize,
    data: Bytes,
    after: &'static [u8],
}

impl Sending {
    pub(super) fn new(head: &Request<RequestFields>, body: RequestBody) -> Self {
        let mut out = Vec::new();
        let framing = request_head::write(head, &mut out);
        let progress = if body.is_end_stream() { Progress::Read } else { Progress::Unsent };
        Self { body, framing, progress, is_begun: false, first: None, out, written: 0, data: Bytes::new(), after: b"" }
    }

    /// Whether nothing has been written.
    pub(super) const fn is_unsent(&self) -> bool {
        !self.is_begun
    }

    /// The body, whole; `None` if anything has been written.
    pub(super) fn take_back(mut self) -> Option<RequestBody> {
        if self.is_begun {
            return None;
        }
        if let Some(first) = self.first.take() {
            self.body.put_back(first);
        }
        Some(self.body)
    }

    /// Whether the body has yet to be asked for.
    pub(super) fn is_held(&self) -> bool {
        self.progress != Progress::Read && self.body.is_held()
    }

    /// Sends what can be sent now; ready once everything has been.
    pub(super) fn poll(
        &mut self,
        context: &mut Context<'_>,
        io: &mut (impl AsyncWrite + Unpin),
    ) -> Poll<Result<(), SendError>> {
        if self.progress == Progress::Unsent {
            // A short body goes with the head.
            self.progress = Progress::Sending;
            if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(context) {
                self.first = frame.as_ref().and_then(|frame| frame.as_ref().ok()?.data_ref().cloned());
                self.put(frame)?;
            }
        }
        loop {
            ready!(self.poll_write(context, io)).map_err(SendError::Server)?;
            if self.progress == Progress::Read {
                return Pin::new(io).poll_flush(context).map_err(SendError::Server);
            }
            let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(context) else {
                return match Pin::new(io).poll_flush(context) {
                    Poll::Ready(Err(error)) => Poll::Ready(Err(SendError::Server(error))),
                    _ => Poll::Pending,
                };
            };
            self.put(frame)?;
        }
    }

    /// Frames what has come of the body.
    fn put(&mut self, frame: Option<Result<Frame<Bytes>, BodyError>>) -> Result<(), SendError> {
        let Some(frame) = frame else { return self.end(None) };
        match frame.map_err(SendError::Body)?.into_data() {
            Ok(data) => self.put_data(data)?,
            Err(frame) => return self.end(frame.into_trailers().ok()),
        }
        // Nothing more comes where it says so, and then it must not be asked again.
        if self.body.is_end_stream() { self.end(None) } else { Ok(()) }
    }

    fn put_data(&mut self, data: Bytes) -> Result<(), SendError> {
        if data.is_empty() {
            return Ok(());
        }
        match &mut self.framing {
            Framing::Length(left) => {
                *left = left.checked_sub(data.len() as u64).ok_or_else(wrong_length)?;
            }
            Framing::Chunked => {
                self.out.extend_from_slice(format!("{:x}\r\n", data.len()).as_bytes());
                self.after = b"\r\n";
            }
        }
        if data.len() <= COPIED_BYTES_MAX {
            self.out.extend_from_slice(&data);
            self.out.extend_from_slice(std::mem::take(&mut self.after));
        } else {
            self.data = data;
        }
        Ok(())
    }

    fn end(&mut self, trailers: Option<HeaderMap>) -> Result<(), SendError> {
        self.progress = Progress::Read;
        match self.framing {
            Framing::Length(0) => Ok(()),
            Framing::Length(_) => Err(wrong_length()),
            Framing::Chunked => {
                match trailers {
                    None if self.data.is_empty() => self.out.extend_from_slice(b"0\r\n\r\n"),
                    // The data is still to be written, and its end with it.
                    None => self.after = b"\r\n0\r\n\r\n",
                    Some(trailers) => self.end_with(trailers),
                }
                Ok(())
            }
        }
    }

    fn end_with(&mut self, mut trailers: HeaderMap) {
        let names: Vec<_> = trailers.keys().filter(|name| decides_framing(name)).cloned().collect();
        for name in names {
            trailers.remove(name);
        }
        self.out.extend_from_slice(b"0\r\n");
        request_head::write_fields(&trailers, &Spelling::default(), &mut self.out);
    }

    fn poll_write(&mut self, context: &mut Context<'_>, io: &mut (impl AsyncWrite + Unpin)) -> Poll<io::Result<()>> {
        loop {
            let out = self.out.get(self.written..).unwrap_or_default();
            let written = if self.data.is_empty() && self.after.is_empty() {
                if out.is_empty() {
                    break;
                }
                ready!(Pin::new(&mut *io).poll_write(context, out))?
            } else {
                let slices = [IoSlice::new(out), IoSlice::new(&self.data), IoSlice::new(self.after)];
                let from = usize::from(out.is_empty());
                ready!(Pin::new(&mut *io).poll_write_vectored(context, slices.get(from..).unwrap_or_default()))?
            };
            if written == 0 {
                return Poll::Ready(Err(ErrorKind::WriteZero.into()));
            }
            self.is_begun = true;
            self.advance(written);
        }
        self.first = None;
        self.out.clear();
        self.written = 0;
        Poll::Ready(Ok(()))
    }

    fn advance(&mut self, written: usize) {
        let of_out = written.min(self.out.len() - self.written);
        self.written += of_out;
        let of_data = (written - of_out).min(self.data.len());
        self.data.advance(of_data);
        self.after = self.after.get(written - of_out - of_data..).unwrap_or_default();
    }
}

fn wrong_length() -> SendError {
    SendError::Body(Box::new(WrongLength))
}
