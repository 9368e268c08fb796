//! The body of the answer under way: RFC 9112 section 6.3 and 7.

use super::scratch;
use crate::engine::origin::BodyError;
use crate::semantics::chunks::{ChunkError, Chunks};
use bytes::{BufMut as _, Bytes, BytesMut};
use http::HeaderMap;
use http_body::{Frame, SizeHint};
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncReadExt as _, ReadBuf};

/// Where so much is still to come, it is read into a buffer that is handed on; less is copied out of the thread's.
const LONG: u64 = 16 * 1024;
/// What is read at once into a buffer that is handed on.
const BUFFER_BYTES: usize = 64 * 1024;

/// How a body ends.
#[derive(Debug)]
pub(super) enum Framing {
    /// After so many bytes more.
    Length(u64),
    Chunked(Chunks),
    /// With the connection.
    ToEnd,
}

/// Why a body is not whole.
#[derive(Debug, thiserror::Error)]
enum Fault {
    #[error("the connection ended before the body")]
    Short,
    #[error(transparent)]
    Chunk(#[from] ChunkError),
    #[error("the connection broke")]
    Broken(#[from] io::Error),
}

/// What follows a body on its connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Following {
    Nothing,
    /// Something that nobody asked for, or the connection's end.
    Something,
}

/// One body. What has come with the head is kept until it is asked for.
#[derive(Debug)]
pub(super) struct Reading {
    framing: Framing,
    /// How much there is to come in all, where the head says so.
    announced: bool,
    data: Bytes,
    trailers: Option<HeaderMap>,
    /// What a long body is read into.
    buffer: BytesMut,
    fault: Option<Fault>,
    following: Following,
}

impl Reading {
    /// What comes after a head with this framing; `bytes` have come with it.
    pub(super) fn begin(framing: Framing, bytes: &[u8]) -> Self {
        let announced = matches!(framing, Framing::Length(_));
        let following = if matches!(framing, Framing::ToEnd) { Following::Something } else { Following::Nothing };
        let mut reading = Self {
            framing,
            announced,
            data: Bytes::new(),
            trailers: None,
            buffer: BytesMut::new(),
            fault: None,
            following,
        };
        if !bytes.is_empty() {
            reading.take(bytes);
        }
        reading
    }

    /// No body.
    pub(super) fn nothing() -> Self {
        Self::begin(Framing::Length(0), b"")
    }

    /// What follows it, as far as that has been read.
    pub(super) const fn following(&self) -> Following {
        self.following
    }

    /// Whether all has been read of it, and found well.
    pub(super) fn is_whole(&self) -> bool {
        let is_over = match &self.framing {
            Framing::Length(left) => *left == 0,
            Framing::Chunked(chunks) => chunks.is_over(),
            Framing::ToEnd => false,
        };
        is_over && self.fault.is_none()
    }

    /// Whether nothing more will be given.
    pub(super) fn is_end_stream(&self) -> bool {
        self.is_whole() && self.data.is_empty() && self.trailers.is_none()
    }

    pub(super) fn size_hint(&self) -> SizeHint {
        match &self.framing {
            Framing::Length(left) if self.announced => SizeHint::with_exact(left + self.data.len() as u64),
            _ if self.is_end_stream() => SizeHint::with_exact(0),
            _ => SizeHint::default(),
        }
    }

    pub(super) fn poll_frame(
        &mut self,
        context: &mut Context<'_>,
        io: &mut (impl AsyncRead + Unpin),
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        loop {
            if !self.data.is_empty() {
                return Poll::Ready(Some(Ok(Frame::data(std::mem::take(&mut self.data)))));
            }
            if let Some(fault) = self.fault.take() {
                return Poll::Ready(Some(Err(Box::new(fault))));
            }
            if let Some(trailers) = self.trailers.take() {
                return Poll::Ready(Some(Ok(Frame::trailers(trailers))));
            }
            if self.is_whole() {
                return Poll::Ready(None);
            }
            let read = match self.to_come() {
                left if left >= LONG => self.poll_long(context, io, left),
                _ => self.poll_short(context, io),
            };
            match ready!(read) {
                Ok(0) if matches!(self.framing, Framing::ToEnd) => self.framing = Framing::Length(0),
                Ok(0) => self.fault = Some(Fault::Short),
                Ok(_) => {}
                Err(error) => self.fault = Some(error.into()),
            }
        }
    }

    /// How much data comes next for certain.
    const fn to_come(&self) -> u64 {
        match &self.framing {
            Framing::Length(left) => *left,
            Framing::Chunked(chunks) => chunks.data_left(),
            Framing::ToEnd => 0,
        }
    }

    fn poll_short(&mut self, context: &mut Context<'_>, io: &mut (impl AsyncRead + Unpin)) -> Poll<io::Result<usize>> {
        scratch::with(|scratch| {
            let mut buffer = ReadBuf::new(scratch);
            ready!(Pin::new(io).poll_read(context, &mut buffer))?;
            self.take(buffer.filled());
            Poll::Ready(Ok(buffer.filled().len()))
        })
    }

    /// Reads nothing but data, without a copy where much has come.
    fn poll_long(
        &mut self,
        context: &mut Context<'_>,
        io: &mut (impl AsyncRead + Unpin),
        left: u64,
    ) -> Poll<io::Result<usize>> {
        let most = usize::try_from(left).unwrap_or(usize::MAX).min(BUFFER_BYTES);
        if self.buffer.capacity() < most.min(BUFFER_BYTES / 4) {
            self.buffer = BytesMut::with_capacity(most);
        }
        let room = self.buffer.capacity().min(most);
        let read = ready!(pin!(io.read_buf(&mut (&mut self.buffer).limit(room))).poll(context))?;
        match &mut self.framing {
            Framing::Length(left) => *left -= read as u64,
            Framing::Chunked(chunks) => chunks.pass(read as u64),
            Framing::ToEnd => {}
        }
        // A little of a large buffer would hold all of it.
        if read >= BUFFER_BYTES / 8 {
            self.data = self.buffer.split().freeze();
        } else {
            self.data = Bytes::copy_from_slice(&self.buffer);
            self.buffer.clear();
        }
        Poll::Ready(Ok(read))
    }

    /// Takes what has been read.
    fn take(&mut self, bytes: &[u8]) {
        let taken = match &mut self.framing {
            Framing::Length(left) => {
                let taken = usize::try_from(*left).unwrap_or(usize::MAX).min(bytes.len());
                *left -= taken as u64;
                self.data = Bytes::copy_from_slice(bytes.get(..taken).unwrap_or_default());
                taken
            }
            Framing::Chunked(chunks) => {
                let (decoded, result) = chunks.decode(bytes);
                self.data = decoded.data;
                self.trailers = decoded.trailers;
                self.fault = result.err().map(Fault::from);
                decoded.taken
            }
            Framing::ToEnd => {
                self.data = Bytes::copy_from_slice(bytes);
                bytes.len()
            }
        };
        if taken < bytes.len() {
            self.following = Following::Something;
        }
    }
}
