//! Bodies made from stored bytes: as they are, or inflated piece by piece while the client reads.
//!
//! An inflating body holds one piece at a time, whatever its length, and inflates no more than one piece between two
//! turns of other tasks. Positions before a range are inflated and dropped.

use crate::engine::origin::{Body, BodyError};
use crate::entry::coding::InflateError;
use crate::semantics::range::ByteRange;
use bytes::buf::Reader;
use bytes::{Buf, Bytes};
use flate2::bufread::GzDecoder;
use http_body::{Frame, SizeHint};
use http_body_util::{BodyExt, Full};
use std::collections::VecDeque;
use std::io::Read;
use std::pin::Pin;
use std::task::{Context, Poll};

/// The most that is inflated in one turn.
const PIECE_BYTES: usize = 64 * 1024;

/// A body of these bytes, not copied.
pub(crate) fn full(bytes: Bytes) -> Body {
    Full::new(bytes).map_err(|never| match never {}).boxed_unsync()
}

/// A stretch of a body.
#[derive(Debug)]
pub(super) enum Segment {
    /// These bytes.
    Ready(Bytes),
    /// These positions of the inflated bytes.
    Inflated(ByteRange),
}

impl Segment {
    /// How many bytes it has.
    pub(super) fn bytes(&self) -> u64 {
        match self {
            Self::Ready(bytes) => bytes.len() as u64,
            Self::Inflated(range) => range.len(),
        }
    }
}

/// A body of segments, some of which are inflated from one gzip stream.
pub(super) struct InflatingBody {
    gzip: Bytes,
    decoder: GzDecoder<Reader<Bytes>>,
    /// The decoder's position in the inflated bytes.
    position: u64,
    segments: VecDeque<Segment>,
}

impl InflatingBody {
    /// The body that these segments make; none of them is empty.
    pub(super) fn new(gzip: Bytes, segments: VecDeque<Segment>) -> Self {
        Self { decoder: GzDecoder::new(gzip.clone().reader()), gzip, position: 0, segments }
    }

    /// The next piece; an empty one where inflating has not come to the range yet.
    fn next_piece(&mut self) -> Result<Option<Bytes>, InflateError> {
        let range = match self.segments.pop_front() {
            None => return Ok(None),
            Some(Segment::Ready(bytes)) => return Ok(Some(bytes)),
            Some(Segment::Inflated(range)) => range,
        };
        if range.first < self.position {
            self.decoder = GzDecoder::new(self.gzip.clone().reader());
            self.position = 0;
        }
        if self.position < range.first {
            self.segments.push_front(Segment::Inflated(range));
            self.inflate(range.first - self.position)?;
            return Ok(Some(Bytes::new()));
        }
        let piece = self.inflate(range.len())?;
        if self.position <= range.last {
            self.segments.push_front(Segment::Inflated(ByteRange { first: self.position, last: range.last }));
        }
        Ok(Some(piece))
    }

    /// The next bytes of the stream: as many as wanted, at most a piece.
    fn inflate(&mut self, wanted: u64) -> Result<Bytes, InflateError> {
        let mut piece = vec![0; usize::try_from(wanted).unwrap_or(PIECE_BYTES).min(PIECE_BYTES)];
        self.decoder.read_exact(&mut piece).map_err(InflateError::Damaged)?;
        self.position += piece.len() as u64;
        Ok(piece.into())
    }
}

impl http_body::Body for InflatingBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match self.next_piece() {
            Ok(Some(bytes)) if bytes.is_empty() => {
                context.waker().wake_by_ref();
                Poll::Pending
            }
            Ok(Some(bytes)) => Poll::Ready(Some(Ok(Frame::data(bytes)))),
            Ok(None) => Poll::Ready(None),
            Err(error) => {
                self.segments.clear();
                Poll::Ready(Some(Err(error.into())))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.segments.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.segments.iter().map(Segment::bytes).sum())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entry::coding::gzip;
    use http_body::Body as _;

    fn text() -> Bytes {
        (0..60_000).flat_map(|number: u32| format!("{number} ").into_bytes()).collect()
    }

    fn range(first: u64, last: u64) -> Segment {
        Segment::Inflated(ByteRange { first, last })
    }

    async fn collected(segments: Vec<Segment>) -> Result<Bytes, BodyError> {
        let body = InflatingBody::new(gzip(&text()).into(), segments.into());
        assert_eq!(body.size_hint().exact(), Some(body.segments.iter().map(Segment::bytes).sum()));
        Ok(body.collect().await?.to_bytes())
    }

    #[tokio::test]
    async fn ranges_anywhere_in_any_order_are_those_of_the_inflated_bytes() {
        let text = text();
        let last = text.len() as u64 - 1;
        let rows: &[&[(u64, u64)]] = &[
            &[(0, last)],
            &[(0, 0)],
            &[(last, last)],
            &[(70_000, 200_000)],
            &[(10, 20), (15, 30), (300_000, 300_001)],
            &[(300_000, 300_010), (5, 70_000)],
        ];
        for ranges in rows {
            let got = collected(ranges.iter().map(|(first, last)| range(*first, *last)).collect()).await;
            let slices = ranges
                .iter()
                .map(|(first, last)| text.slice(usize::try_from(*first).unwrap()..=usize::try_from(*last).unwrap()));
            assert_eq!(got.expect("the stream is whole"), slices.collect::<Vec<_>>().concat(), "{ranges:?}");
        }
    }

    #[tokio::test]
    async fn a_stream_that_ends_early_is_a_failed_body() {
        let beyond = text().len() as u64;
        for segments in [vec![range(0, beyond)], vec![range(beyond + 5, beyond + 6)]] {
            let error = collected(segments).await.expect_err("the stream has fewer bytes");
            assert!(matches!(error.downcast_ref(), Some(InflateError::Damaged(_))), "{error}");
        }
    }

    #[tokio::test]
    async fn no_turn_inflates_more_than_one_piece() {
        let mut body = InflatingBody::new(gzip(&text()).into(), VecDeque::from([range(200_000, 330_000)]));
        let mut turns = Vec::new();
        while let Some(piece) = body.next_piece().expect("the stream is whole") {
            turns.push(piece.len());
        }
        assert_eq!(turns, [0, 0, 0, 0, PIECE_BYTES, 130_001 - PIECE_BYTES]);
    }
}
