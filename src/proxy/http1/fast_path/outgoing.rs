//! A plain hit's answer on its way to the socket.

use super::head::write_fields;
use crate::engine::fast_path::FastHit;
use crate::engine::outcome::Decision;
use crate::proxy::https_policy::OwnFields;
use crate::proxy::out_buffer::{self, COPIED_BYTES_MAX, PIECE_BYTES};
use crate::proxy::request_id::RequestId;
use bytes::{Buf, Bytes};
use http::StatusCode;
use std::io::{self, IoSlice};
use std::ops::Range;
use std::task::{Poll, ready};
use tokio::time::Instant;

/// What is written at once. The kernel takes one buffer more cheaply than a list of one.
#[derive(Debug, Clone, Copy)]
pub(in crate::proxy) enum Parts<'a> {
    /// One buffer.
    One(&'a [u8]),
    /// A head and a piece of the body behind it.
    Two(&'a [IoSlice<'a>]),
}

/// Where a request lies that a buffer begins with.
#[derive(Debug, Clone)]
pub(in crate::proxy) struct RequestPlace {
    /// Its length.
    pub(in crate::proxy) bytes: usize,
    /// Path and query.
    pub(super) target: Range<usize>,
}

/// The answer.
#[derive(Debug)]
pub(in crate::proxy) struct Outgoing {
    hit: FastHit,
    request_id: RequestId,
    request: RequestPlace,
    started: Instant,
    /// The head, with the body behind it where that is short.
    head: Vec<u8>,
    head_sent: usize,
    /// What of the body has not been sent.
    body: Bytes,
    sent: usize,
    head_bytes: usize,
}

impl Outgoing {
    /// The answer to a request, whose head was complete at `started`, with these fields besides; `write_id` ends the
    /// head with its id.
    pub(super) fn new(
        hit: FastHit,
        request: RequestPlace,
        started: Instant,
        own_fields: &OwnFields,
        write_id: impl FnOnce(&mut Vec<u8>) -> RequestId,
    ) -> Self {
        let mut head = out_buffer::take();
        write_fields(&hit, own_fields, &mut head);
        let request_id = write_id(&mut head);
        let head_bytes = head.len();
        let mut body = Bytes::new();
        match hit.body() {
            Some(short) if short.at_rest().len() <= COPIED_BYTES_MAX => head.extend_from_slice(short.at_rest()),
            Some(long) => body = long.to_bytes(),
            None => {}
        }
        Self { hit, request_id, request, started, head, head_sent: 0, body, sent: 0, head_bytes }
    }

    /// Writes what is left.
    pub(in crate::proxy) fn poll_send(
        &mut self,
        mut write: impl FnMut(Parts<'_>) -> Poll<io::Result<usize>>,
    ) -> Poll<io::Result<()>> {
        loop {
            let head = self.head.get(self.head_sent..).unwrap_or_default();
            let piece = self.body.get(..self.body.len().min(PIECE_BYTES)).unwrap_or_default();
            if head.is_empty() && piece.is_empty() {
                return Poll::Ready(Ok(()));
            }
            let written = ready!(match (head, piece) {
                (one, []) | ([], one) => write(Parts::One(one)),
                (head, piece) => write(Parts::Two(&[IoSlice::new(head), IoSlice::new(piece)])),
            })?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            let of_head = written.min(head.len());
            self.head_sent += of_head;
            self.body.advance((written - of_head).min(self.body.len()));
            self.sent += written;
        }
    }

    /// The length of the request that this answers.
    pub(in crate::proxy) const fn request_bytes(&self) -> usize {
        self.request.bytes
    }

    /// The target of that request, which `buffer` still begins with.
    pub(super) fn target<'b>(&self, buffer: &'b [u8]) -> &'b [u8] {
        buffer.get(self.request.target.clone()).unwrap_or_default()
    }

    pub(super) const fn request_id(&self) -> &RequestId {
        &self.request_id
    }

    pub(super) fn status(&self) -> StatusCode {
        self.hit.status()
    }

    pub(super) const fn decision(&self) -> &Decision {
        &self.hit.decision
    }

    pub(super) const fn age_secs(&self) -> u64 {
        self.hit.age_secs
    }

    pub(super) const fn started(&self) -> Instant {
        self.started
    }

    /// Bytes of the body that were handed to the socket.
    pub(super) const fn body_bytes_sent(&self) -> u64 {
        self.sent.saturating_sub(self.head_bytes) as u64
    }
}

impl Drop for Outgoing {
    fn drop(&mut self) {
        out_buffer::give_back(std::mem::take(&mut self.head));
    }
}
