//! What the writer and the readers of a shared body see of each other. Synchronous: the owner locks and wakes.

use super::outcome::{AllReadersGone, Retention, Truncated};
use crate::in_flight::{Behind, CutOff, InFlight};
use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use std::collections::VecDeque;
use std::sync::Arc;
use std::task::Waker;

/// A piece shorter than this is joined with its neighbours, once there are [`TINY_RUN`] of them in a row.
const TINY_BYTES: usize = 1024;
/// How many tiny pieces in a row are joined at a time, so that each byte is copied a few times at most.
const TINY_RUN: usize = 64;
/// What a piece costs besides its bytes, roughly: counts towards the window, so that it does not fill with tiny pieces.
const PIECE_OVERHEAD_BYTES: usize = 64;

/// How a body ended.
#[derive(Debug, Clone)]
pub(super) enum End {
    /// Whole, with trailers if there are any.
    Whole(Option<HeaderMap>),
    /// Before its end.
    Cut(Truncated),
}

/// Whether the writer may go on.
pub(super) enum MayWrite {
    Now,
    Later,
    Never,
}

/// What a reader gets next.
pub(super) enum Next {
    Data(Bytes),
    End(End),
    /// Nothing yet: the reader's waker is kept.
    Later,
}

struct Piece {
    bytes: Bytes,
    /// The offset in the body where it ends.
    end: u64,
    /// Once the body is not retained: how many readers have yet to take it. Not counted before.
    unread: usize,
}

/// Where a reader stands.
struct Place {
    offset: u64,
    waker: Option<Waker>,
    /// When it last took something, by the clock of what is in flight.
    took_at: u64,
    /// Whether it has taken something since it was last asked whether it has.
    took: bool,
    state: ReaderState,
}

/// Whether a reader gets what is to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ReaderState {
    Reads,
    CutOff,
}

pub(super) struct State {
    /// The largest body that is held whole, in bytes.
    retained_bytes_max: u64,
    in_flight: Arc<InFlight>,
    /// The most that the window may be, in bytes.
    window_bytes: usize,
    pieces: VecDeque<Piece>,
    arrived: u64,
    pub(super) held: usize,
    /// How many of the last pieces are tiny.
    tiny: usize,
    retention: Retention,
    end: Option<End>,
    /// Readers by number; a number is used again once its reader has left.
    places: Vec<Option<Place>>,
    vacant: Vec<usize>,
    /// How many of those in `places` were cut off.
    cut_off: usize,
    writer: Option<Waker>,
}

impl State {
    pub(super) fn new(retained_bytes_max: u64, in_flight: Arc<InFlight>, window_bytes: usize) -> Self {
        Self {
            retained_bytes_max,
            in_flight,
            window_bytes,
            pieces: VecDeque::new(),
            arrived: 0,
            held: 0,
            tiny: 0,
            retention: Retention::Retained,
            end: None,
            places: Vec::new(),
            vacant: Vec::new(),
            cut_off: 0,
            writer: None,
        }
    }

    pub(super) fn arrived_bytes(&self) -> u64 {
        self.arrived
    }

    pub(super) fn retention(&self) -> Retention {
        self.retention
    }

    /// Once it has ended without trailers, the length it has.
    pub(super) fn length(&self) -> Option<u64> {
        matches!(self.end, Some(End::Whole(None))).then_some(self.arrived)
    }

    fn readers(&self) -> usize {
        self.places.len() - self.vacant.len() - self.cut_off
    }

    /// The pieces of the body, once it is complete.
    pub(super) fn completed(&self) -> Option<Vec<Bytes>> {
        let is_complete = self.is_retained() && matches!(self.end, Some(End::Whole(_)));
        is_complete.then(|| self.pieces.iter().map(|piece| piece.bytes.clone()).collect())
    }

    /// Appends a piece; puts the wakers of those who wait for it into `woken`.
    pub(super) fn append(&mut self, bytes: Bytes, woken: &mut Vec<Waker>) -> Result<(), AllReadersGone> {
        if bytes.is_empty() || self.end.is_some() {
            return Ok(());
        }
        self.arrived = self.arrived.saturating_add(bytes.len() as u64);
        self.held += bytes.len();
        self.tiny = if bytes.len() < TINY_BYTES { self.tiny + 1 } else { 0 };
        self.pieces.push_back(Piece { bytes, end: self.arrived, unread: self.readers() });
        if self.tiny >= TINY_RUN && self.is_retained() {
            self.join_tiny();
        }
        if self.arrived > self.retained_bytes_max {
            self.let_go(Retention::Overrun);
        }
        self.wake_readers(woken);
        self.wanted()
    }

    /// Keeps no more than what readers have yet to take, because there is no room.
    pub(super) fn give_up(&mut self) -> Result<(), AllReadersGone> {
        self.let_go(Retention::NoRoom);
        self.wanted()
    }

    /// Keeps no more than what readers have yet to take, because there will be no others.
    pub(super) fn close(&mut self) {
        self.let_go(Retention::Closed);
    }

    /// Keeps `stored` instead of its own pieces, where that is the same complete body.
    pub(super) fn is_stored_as(&mut self, stored: &Bytes) {
        let is_complete = matches!(self.end, Some(End::Whole(_))) && stored.len() as u64 == self.arrived;
        if self.is_retained() && is_complete {
            self.held = stored.len();
            self.pieces = VecDeque::from([Piece { bytes: stored.clone(), end: self.arrived, unread: 0 }]);
        }
    }

    fn is_retained(&self) -> bool {
        self.retention == Retention::Retained
    }

    /// Whether the body is of use to anybody.
    fn wanted(&mut self) -> Result<(), AllReadersGone> {
        if self.is_retained() || self.readers() > 0 {
            return Ok(());
        }
        self.drop_passed();
        Err(AllReadersGone)
    }

    /// Ends the body, unless it has ended.
    pub(super) fn end(&mut self, end: End, woken: &mut Vec<Waker>) {
        if self.end.is_some() {
            return;
        }
        self.end = Some(end);
        self.wake_readers(woken);
    }

    fn wake_readers(&mut self, woken: &mut Vec<Waker>) {
        woken.extend(self.places.iter_mut().flatten().filter_map(|place| place.waker.take()));
    }

    /// Joins the last pieces, all tiny, into one. Readers know their offset, not their piece, so they don't notice.
    fn join_tiny(&mut self) {
        let run = self.pieces.split_off(self.pieces.len().saturating_sub(self.tiny));
        let mut joined = BytesMut::with_capacity(run.iter().map(|piece| piece.bytes.len()).sum());
        for piece in &run {
            joined.extend_from_slice(&piece.bytes);
        }
        self.tiny = usize::from(joined.len() < TINY_BYTES);
        let bytes = self.in_flight.hold_whole(joined.freeze());
        self.pieces.push_back(Piece { bytes, end: self.arrived, unread: 0 });
    }

    /// Goes from retaining all to keeping what readers have yet to take.
    fn let_go(&mut self, why: Retention) {
        if !self.is_retained() {
            return;
        }
        self.retention = why;
        for piece in &mut self.pieces {
            let reading = self.places.iter().flatten().filter(|place| place.state == ReaderState::Reads);
            piece.unread = reading.filter(|place| place.offset < piece.end).count();
        }
        self.drop_passed();
    }

    /// The readers for whom something is kept that nobody else needs: none while the body is retained in any case.
    pub(super) fn behind(&self) -> Vec<Behind> {
        if self.is_retained() {
            return Vec::new();
        }
        let reading = self.places.iter().enumerate().filter_map(|(reader, place)| Some((reader, place.as_ref()?)));
        reading
            .filter(|(_, place)| place.state == ReaderState::Reads && place.offset < self.arrived)
            .map(|(reader, place)| Behind { reader, bytes: self.arrived - place.offset, took_at: place.took_at })
            .collect()
    }

    /// The readers that have taken nothing since this was last asked, though there was something to take; `None` if
    /// nobody waits for them.
    pub(super) fn stalled(&mut self) -> Vec<usize> {
        let arrived = self.arrived;
        let others_wait = self.places.iter().flatten().any(|place| place.offset == arrived);
        let mut stalled = Vec::new();
        for (reader, place) in self.places.iter_mut().enumerate() {
            let Some(place) = place else { continue };
            if others_wait && !place.took && place.offset < arrived {
                stalled.push(reader);
            }
            place.took = false;
        }
        stalled
    }

    /// Cuts a reader off; returns its waker, and the writer's where that lets it go on.
    pub(super) fn cut_off(&mut self, number: usize) -> [Option<Waker>; 2] {
        let Some(place) = self.places.get_mut(number).and_then(Option::as_mut) else { return [None, None] };
        if place.state == ReaderState::CutOff {
            return [None, None];
        }
        place.state = ReaderState::CutOff;
        self.cut_off += 1;
        let (offset, waker) = (place.offset, place.waker.take());
        [waker, self.passed_by_one(offset)]
    }

    /// One reader less has yet to take what is past `offset`; the writer's waker, where that lets it go on.
    fn passed_by_one(&mut self, offset: u64) -> Option<Waker> {
        if self.is_retained() {
            return None;
        }
        for piece in self.pieces.iter_mut().filter(|piece| piece.end > offset) {
            piece.unread -= 1;
        }
        self.drop_passed();
        self.writer_to_wake()
    }

    fn drop_passed(&mut self) {
        while let Some(piece) = self.pieces.pop_front_if(|piece| piece.unread == 0) {
            self.held -= piece.bytes.len();
        }
    }

    fn within_window(&self) -> bool {
        self.held + self.pieces.len() * PIECE_OVERHEAD_BYTES <= self.in_flight.window_bytes().min(self.window_bytes)
    }

    /// Whether the writer may go on; keeps its waker where not yet.
    pub(super) fn room(&mut self, waker: &Waker) -> MayWrite {
        if self.is_retained() {
            return MayWrite::Now;
        }
        if self.readers() == 0 {
            return MayWrite::Never;
        }
        // An empty window still lets one piece through at a time.
        if self.pieces.is_empty() || self.within_window() {
            return MayWrite::Now;
        }
        self.writer = Some(waker.clone());
        MayWrite::Later
    }

    /// The writer's waker, where it waits for room that there is now.
    fn writer_to_wake(&mut self) -> Option<Waker> {
        let ready = self.readers() == 0 || self.pieces.is_empty() || self.within_window();
        if ready { self.writer.take() } else { None }
    }

    /// A place at the beginning, where that is still held.
    pub(super) fn enter(&mut self) -> Option<usize> {
        if !self.is_retained() || matches!(self.end, Some(End::Cut(_))) {
            return None;
        }
        let took_at = self.in_flight.clock();
        let place = Some(Place { offset: 0, waker: None, took_at, took: true, state: ReaderState::Reads });
        if let Some(number) = self.vacant.pop()
            && let Some(slot) = self.places.get_mut(number)
        {
            *slot = place;
            return Some(number);
        }
        self.places.push(place);
        Some(self.places.len() - 1)
    }

    /// Gives up a place; returns the writer's waker where that lets it go on.
    pub(super) fn leave(&mut self, number: usize) -> Option<Waker> {
        let place = self.places.get_mut(number)?.take()?;
        self.vacant.push(number);
        match place.state {
            ReaderState::Reads => self.passed_by_one(place.offset),
            ReaderState::CutOff => {
                self.cut_off -= 1;
                None
            }
        }
    }

    /// What the reader at this place gets next, and the writer's waker where that lets it go on.
    pub(super) fn next(&mut self, number: usize, waker: &Waker) -> (Next, Option<Waker>) {
        let Some(place) = self.places.get_mut(number).and_then(Option::as_mut) else {
            return (Next::End(End::Cut(Truncated { cause: None })), None);
        };
        if place.state == ReaderState::CutOff {
            return (Next::End(End::Cut(Truncated { cause: Some(Arc::new(CutOff)) })), None);
        }
        let index = self.pieces.partition_point(|piece| piece.end <= place.offset);
        let Some(piece) = self.pieces.get_mut(index) else {
            if let Some(end) = &self.end {
                return (Next::End(end.clone()), None);
            }
            if !place.waker.as_ref().is_some_and(|kept| kept.will_wake(waker)) {
                place.waker = Some(waker.clone());
            }
            return (Next::Later, None);
        };
        // The offset lies within the piece: its end is the first one past the offset, and no reader's place is before
        // the pieces held. So what is left of it is no longer than it.
        let left = usize::try_from(piece.end - place.offset).unwrap_or(usize::MAX).min(piece.bytes.len());
        let data = piece.bytes.slice(piece.bytes.len() - left..);
        place.offset = piece.end;
        place.took_at = self.in_flight.clock();
        place.took = true;
        if self.retention == Retention::Retained {
            return (Next::Data(data), None);
        }
        piece.unread -= 1;
        self.drop_passed();
        (Next::Data(data), self.writer_to_wake())
    }

    /// How many bytes the reader at this place has taken, and whether it has taken all that will come.
    pub(super) fn progress(&self, number: usize) -> (u64, bool) {
        let offset = self.places.get(number).and_then(Option::as_ref).map_or(self.arrived, |place| place.offset);
        (offset, offset == self.arrived && matches!(self.end, Some(End::Whole(None))))
    }
}
