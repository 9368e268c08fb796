//! Bodies made from stored bytes: as they are, or decoded piece by piece while the client reads.
//!
//! A decoding body holds one piece at a time, whatever its length, and decodes no more than one piece between two
//! turns of other tasks. Positions before a range are decoded and dropped.

use crate::engine::origin::{Body, BodyError};
use crate::entry::coders::{DecodeError, Decoder, decoder};
use crate::semantics::content_coding::Coding;
use crate::semantics::range::ByteRange;
use bytes::Bytes;
use http_body::{Frame, SizeHint};
use http_body_util::{BodyExt, Full};
use std::collections::VecDeque;
use std::io::Read;
use std::pin::Pin;
use std::task::{Context, Poll};

/// The most that is decoded in one turn.
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
    /// These positions of the decoded bytes.
    Decoded(ByteRange),
}

impl Segment {
    /// How many bytes it has.
    pub(super) fn bytes(&self) -> u64 {
        match self {
            Self::Ready(bytes) => bytes.len() as u64,
            Self::Decoded(range) => range.len(),
        }
    }
}

/// A body of segments, some of which are decoded from one stream.
pub(super) struct DecodingBody {
    coding: Coding,
    coded: Bytes,
    /// Where it is in use, and its position in the decoded bytes.
    decoder: Option<(Decoder, u64)>,
    segments: VecDeque<Segment>,
}

impl DecodingBody {
    /// The body that these segments make; none of them is empty.
    pub(super) const fn new(coding: Coding, coded: Bytes, segments: VecDeque<Segment>) -> Self {
        Self { coding, coded, decoder: None, segments }
    }

    /// The next piece; an empty one where decoding has not come to the range yet.
    fn next_piece(&mut self) -> Result<Option<Bytes>, DecodeError> {
        let range = match self.segments.pop_front() {
            None => return Ok(None),
            Some(Segment::Ready(bytes)) => return Ok(Some(bytes)),
            Some(Segment::Decoded(range)) => range,
        };
        let (mut decoder, position) = match self.decoder.take() {
            Some((decoder, position)) if position <= range.first => (decoder, position),
            _ => (decoder(self.coding, self.coded.clone()).map_err(DecodeError::Damaged)?, 0),
        };
        let ahead = range.first - position;
        let piece = decode(&mut decoder, if ahead > 0 { ahead } else { range.len() })?;
        let position = position + piece.len() as u64;
        self.decoder = Some((decoder, position));
        if position <= range.last {
            self.segments
                .push_front(Segment::Decoded(ByteRange { first: position.max(range.first), last: range.last }));
        }
        Ok(Some(if ahead > 0 { Bytes::new() } else { piece }))
    }
}

/// The next bytes of a stream: as many as wanted, at most a piece.
fn decode(decoder: &mut Decoder, wanted: u64) -> Result<Bytes, DecodeError> {
    let mut piece = vec![0; usize::try_from(wanted).unwrap_or(PIECE_BYTES).min(PIECE_BYTES)];
    decoder.read_exact(&mut piece).map_err(DecodeError::Damaged)?;
    Ok(piece.into())
}

impl http_body::Body for DecodingBody {
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
    use crate::entry::coders::code;
    use http_body::Body as _;

    fn text() -> Bytes {
        (0..60_000).flat_map(|number: u32| format!("{number} ").into_bytes()).collect()
    }

    fn range(first: u64, last: u64) -> Segment {
        Segment::Decoded(ByteRange { first, last })
    }

    fn body(coding: Coding, segments: Vec<Segment>) -> DecodingBody {
        DecodingBody::new(coding, code(coding, &text()).into(), segments.into())
    }

    async fn collected(coding: Coding, segments: Vec<Segment>) -> Result<Bytes, BodyError> {
        let body = body(coding, segments);
        assert_eq!(body.size_hint().exact(), Some(body.segments.iter().map(Segment::bytes).sum()));
        Ok(body.collect().await?.to_bytes())
    }

    #[tokio::test]
    async fn ranges_anywhere_in_any_order_are_those_of_the_decoded_bytes() {
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
        for (ranges, coding) in rows.iter().flat_map(|ranges| Coding::ALL.map(|coding| (ranges, coding))) {
            let got = collected(coding, ranges.iter().map(|(first, last)| range(*first, *last)).collect()).await;
            let slices = ranges
                .iter()
                .map(|(first, last)| text.slice(usize::try_from(*first).unwrap()..=usize::try_from(*last).unwrap()));
            assert_eq!(got.expect("the stream is whole"), slices.collect::<Vec<_>>().concat(), "{coding:?} {ranges:?}");
        }
    }

    #[tokio::test]
    async fn a_stream_that_ends_early_is_a_failed_body() {
        let beyond = text().len() as u64;
        for (first, coding) in [0, beyond + 5].into_iter().flat_map(|first| Coding::ALL.map(|coding| (first, coding))) {
            let error =
                collected(coding, vec![range(first, beyond + 6)]).await.expect_err("the stream has fewer bytes");
            assert!(matches!(error.downcast_ref(), Some(DecodeError::Damaged(_))), "{coding:?}: {error}");
        }
    }

    #[tokio::test]
    async fn no_turn_decodes_more_than_one_piece() {
        let mut body = body(Coding::Br, vec![range(200_000, 330_000)]);
        let mut turns = Vec::new();
        while let Some(piece) = body.next_piece().expect("the stream is whole") {
            turns.push(piece.len());
        }
        assert_eq!(turns, [0, 0, 0, 0, PIECE_BYTES, 130_001 - PIECE_BYTES]);
    }
}
