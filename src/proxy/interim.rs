//! Interim responses, status 1xx: RFC 9110 section 15.2.
//!
//! They are queued here by whoever talks to the origin, and written by the client's session before the final response. 100
//! is its own: it sends that once the body of a request that expects it is wanted. HTTP/1.0 clients know no interim
//! responses; those to HTTP/2 clients go by [`super::http2`].

use super::lines::write_status_line;
use crate::semantics::forwarding::strip_hop_by_hop;
use crate::semantics::spelling::Spelling;
use futures_util::task::AtomicWaker;
use http::header::CONTENT_LENGTH;
use http::{HeaderMap, StatusCode, Version};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// How many interim responses wait for a client that does not read; more are dropped, as they may be (they only inform).
const QUEUED_MAX: usize = 16;
/// Bytes of one interim response.
const BYTES_MAX: usize = 64 * 1024;

/// What became of an interim response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum InterimFate {
    /// It will be written before the final response.
    Queued,
    /// It is not one to pass on: 100 is sent when the request's body is first polled, 101 is final.
    NotPassedOn,
    /// The final response has begun, too many wait already, or it is too large.
    Dropped,
}

/// Passes interim responses on to the client of one request.
#[derive(Debug, Clone)]
pub(super) struct InterimSender {
    queue: Arc<InterimQueue>,
    number: u64,
}

impl InterimSender {
    /// A sender for the request with this number.
    pub(super) const fn new(queue: Arc<InterimQueue>, number: u64) -> Self {
        Self { queue, number }
    }

    /// Passes one interim response on. Does not wait: the final response is held back until this one is written.
    /// Fields that concern one connection only are left out.
    pub(super) fn send(&self, status: StatusCode, headers: &HeaderMap) -> InterimFate {
        let passed_on = status.is_informational() && !matches!(status.as_u16(), 100 | 101);
        if !passed_on {
            return InterimFate::NotPassedOn;
        }
        let fate = encode(status, headers.clone())
            .map_or(InterimFate::Dropped, |message| self.queue.push(self.number, message));
        if fate == InterimFate::Queued {
            self.queue.task.wake();
        }
        fate
    }
}

fn encode(status: StatusCode, mut headers: HeaderMap) -> Option<Vec<u8>> {
    strip_hop_by_hop(&mut headers);
    // There is no body.
    headers.remove(CONTENT_LENGTH);
    let mut message = Vec::with_capacity(256);
    write_status_line(Version::HTTP_11, status, None, &mut message);
    for (name, value) in &headers {
        Spelling::default().put_line(name, value, &mut message);
    }
    message.extend_from_slice(b"\r\n");
    (message.len() <= BYTES_MAX).then_some(message)
}

/// The interim responses of one connection that wait to be written.
///
/// `waiting` changes only under the lock, so that a push and a look never miss each other; it is read without
/// the lock, so that a request without interim responses takes none. An entry whose request is no longer the open one
/// is dropped by the writer: a sender in another task that comes too late can't write into the next message.
#[derive(Debug, Default)]
pub(super) struct InterimQueue {
    open: AtomicU64,
    /// The task that writes them.
    pub(super) task: AtomicWaker,
    waiting: AtomicBool,
    entries: Mutex<Vec<(u64, Vec<u8>)>>,
}

impl InterimQueue {
    /// From now on interim responses for this request are taken.
    pub(super) fn open(&self, number: u64) {
        self.open.store(number, Ordering::Release);
    }

    /// From now on none are taken.
    pub(super) fn close(&self) {
        self.open.store(0, Ordering::Release);
    }

    fn push(&self, number: u64, message: Vec<u8>) -> InterimFate {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        if self.open.load(Ordering::Acquire) != number || entries.len() >= QUEUED_MAX {
            return InterimFate::Dropped;
        }
        entries.push((number, message));
        self.waiting.store(true, Ordering::Release);
        InterimFate::Queued
    }

    /// Moves those that wait, if any do, behind what `out` holds.
    pub(super) fn write_into<'a>(&self, out: impl FnOnce() -> &'a mut Vec<u8>) {
        if !self.waiting.load(Ordering::Acquire) {
            return;
        }
        let out = out();
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let open = self.open.load(Ordering::Acquire);
        for (_, message) in entries.drain(..).filter(|(number, _)| *number == open) {
            out.extend_from_slice(&message);
        }
        self.waiting.store(false, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;
    use http::header::{CONNECTION, LINK};

    #[test]
    fn an_interim_response_is_written_whole_and_without_connection_fields() {
        let mut headers = HeaderMap::new();
        headers.insert(LINK, HeaderValue::from_static("</a.css>; rel=preload"));
        headers.insert(CONNECTION, HeaderValue::from_static("close, x-of-this-connection"));
        headers.insert("x-of-this-connection", HeaderValue::from_static("1"));
        headers.insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
        let message = encode(StatusCode::EARLY_HINTS, headers);
        assert_eq!(message.as_deref(), Some(&b"HTTP/1.1 103 Early Hints\r\nlink: </a.css>; rel=preload\r\n\r\n"[..]));
    }

    #[test]
    fn only_the_open_request_gets_interim_responses_and_never_100_or_101() {
        let queue = Arc::new(InterimQueue::default());
        let sender = InterimSender::new(Arc::clone(&queue), 1);
        let headers = HeaderMap::new();
        assert_eq!(sender.send(StatusCode::PROCESSING, &headers), InterimFate::Dropped);
        queue.open(1);
        assert_eq!(sender.send(StatusCode::CONTINUE, &headers), InterimFate::NotPassedOn);
        assert_eq!(sender.send(StatusCode::SWITCHING_PROTOCOLS, &headers), InterimFate::NotPassedOn);
        assert_eq!(sender.send(StatusCode::PROCESSING, &headers), InterimFate::Queued);
        queue.open(2);
        let mut written = Vec::new();
        queue.write_into(|| &mut written);
        assert!(written.is_empty(), "what came too late is never written");
    }

    #[test]
    fn waiting_interim_responses_are_bounded() {
        let queue = Arc::new(InterimQueue::default());
        queue.open(1);
        let sender = InterimSender::new(queue, 1);
        let headers = HeaderMap::new();
        let fates: Vec<_> = (0..=QUEUED_MAX).map(|_| sender.send(StatusCode::PROCESSING, &headers)).collect();
        assert_eq!(fates.iter().filter(|fate| **fate == InterimFate::Queued).count(), QUEUED_MAX);
    }
}
