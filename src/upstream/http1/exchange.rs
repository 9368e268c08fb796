//! One request: sent, and its answer awaited, both at the same time.

use super::head::{AnswerTo, Head, HeadError, HeadReader, persistence};
use super::io::{Io, Stream};
use super::lines::{Persistence, Plain};
use super::reading::{Framing, Reading};
use super::sending::{SendError, Sending};
use super::{Http1, scratch};
use crate::engine::exchange::{Came, FieldsAs};
use crate::engine::origin::OriginErrorKind;
use crate::engine::request_fields::RequestFields;
use crate::engine::switched::Switched;
use crate::semantics::chunks::{ChunkLimits, Chunks};
use crate::semantics::spelling::Spelling;
use crate::upstream::failure::{Failed, Fate, Invalid, Unanswered};
use crate::upstream::framing;
use crate::upstream::keeping;
use crate::upstream::outgoing::Hearing;
use crate::upstream::request_body::RequestBody;
use crate::upstream::upload::INTERIMS_MAX;
use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use http::{Request, Response, StatusCode, Version};
use std::future::poll_fn;
use std::io::{self, ErrorKind};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, ReadBuf};
use tokio::time::{Sleep, sleep};

/// How long after a failed write the server's last words are read. It may have answered before it closed.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// One request under way.
struct Exchange<'a, S> {
    io: &'a mut Io<S>,
    to: AnswerTo<'a>,
    hearing: Option<&'a Hearing>,
    heads: HeadReader,
    interims: u32,
    /// For so long the last words of a server are read that takes no more of the request.
    patience: Option<Pin<Box<Sleep>>>,
    /// Whether the request has been sent to its end.
    is_sent: bool,
}

/// A head, and what has come of the body.
struct Answered {
    response: Response<Came>,
    persists: bool,
    kept_for: Option<Duration>,
    reading: Reading,
    /// What follows a change of protocols.
    behind: Vec<u8>,
}

impl<S: Stream> Http1<S> {
    /// Sends a request, and waits for the head of its answer, whose body is to be read from the session. A 101 takes the
    /// connection out of it.
    pub(in crate::upstream) async fn send(
        &mut self,
        request: &Request<RequestFields>,
        body: RequestBody,
        hearing: Option<&Hearing>,
        fields: FieldsAs,
    ) -> Result<Response<Came>, Unanswered> {
        let mut sending = Sending::new(request, body);
        let mut exchange = Exchange {
            io: &mut self.io,
            to: AnswerTo { method: request.method(), fields },
            hearing,
            heads: HeadReader::new(self.limits),
            interims: 0,
            patience: None,
            is_sent: false,
        };
        let answered = poll_fn(|context| exchange.poll(context, &mut sending)).await;
        let is_sent = exchange.is_sent;
        let Answered { mut response, persists, kept_for, reading, behind } = match answered {
            Ok(answered) => answered,
            Err(failed) => return Err(unanswered(failed, sending)),
        };
        (self.reading, self.persists, self.kept_for) = (reading, persists, kept_for);
        if response.status() == StatusCode::SWITCHING_PROTOCOLS {
            if let Some(stream) = self.io.take().filter(|_| is_sent) {
                response.extensions_mut().insert(Switched::new(stream, behind));
            }
        } else if !is_sent && sending.is_held() {
            // The server waits for a body that was announced and will not be sent.
            self.persists = false;
        } else if !is_sent {
            self.io.send_apart(sending);
        }
        Ok(response)
    }
}

fn unanswered(failed: Failed, sending: Sending) -> Unanswered {
    let unsent = if failed.kind == OriginErrorKind::Closed { sending.take_back() } else { None };
    let fate = unsent.map_or(Fate::Unknown, |body| Fate::Unsent(Box::new(body)));
    Unanswered { failed, fate }
}

impl<S: Stream> Exchange<'_, S> {
    fn poll(&mut self, context: &mut Context<'_>, sending: &mut Sending) -> Poll<Result<Answered, Failed>> {
        if !self.is_sent
            && self.patience.is_none()
            && let Poll::Ready(sent) = self.poll_send(context, sending)
        {
            match sent {
                Ok(()) => self.is_sent = true,
                Err(SendError::Body(cause)) => {
                    return Poll::Ready(Err(Failed { kind: OriginErrorKind::ClientBody, cause }));
                }
                Err(SendError::Server(error)) if sending.is_unsent() => return Poll::Ready(Err(closed(error))),
                Err(SendError::Server(_)) => self.patience = Some(Box::pin(sleep(LAST_WORDS))),
            }
        }
        if let Poll::Ready(answered) = self.poll_head(context) {
            return Poll::Ready(answered);
        }
        let Some(patience) = &mut self.patience else { return Poll::Pending };
        ready!(patience.as_mut().poll(context));
        Poll::Ready(Err(closed(ErrorKind::BrokenPipe.into())))
    }

    fn poll_send(&mut self, context: &mut Context<'_>, sending: &mut Sending) -> Poll<Result<(), SendError>> {
        match &mut *self.io {
            Io::Whole(stream) => sending.poll(context, stream),
            Io::Sending(..) | Io::Gone => Poll::Ready(Err(SendError::Server(ErrorKind::NotConnected.into()))),
        }
    }

    fn poll_head(&mut self, context: &mut Context<'_>) -> Poll<Result<Answered, Failed>> {
        loop {
            let read = scratch::with(|scratch| {
                let mut buffer = ReadBuf::new(scratch);
                ready!(Pin::new(&mut *self.io).poll_read(context, &mut buffer)).map_err(closed)?;
                if buffer.filled().is_empty() {
                    return Poll::Ready(Err(closed(ErrorKind::UnexpectedEof.into())));
                }
                Poll::Ready(self.feed(buffer.filled()))
            });
            if let Some(answered) = ready!(read)? {
                return Poll::Ready(Ok(answered));
            }
        }
    }

    fn feed(&mut self, bytes: &[u8]) -> Result<Option<Answered>, Failed> {
        let (to, hearing, interims) = (self.to, self.hearing, &mut self.interims);
        let heard = |interim: &Response<Spelling>| {
            *interims += 1;
            if let Some(hearing) = hearing {
                hearing.heard(interim.status(), interim.headers());
            }
            if *interims > INTERIMS_MAX { Err(HeadError::Interims) } else { Ok(()) }
        };
        self.heads.feed(bytes, to, heard, |head, behind| answered(head, behind, to))?.transpose()
    }
}

/// What a head says, with what has come behind it.
fn answered(head: Head, behind: &[u8], to: AnswerTo<'_>) -> Result<Answered, Failed> {
    match head {
        Head::Plain(Plain { status, lines, framing, persistence, kept_for }) => {
            let mut response = Response::new(Came::Lines(lines));
            *response.status_mut() = status;
            let (reading, persists) = (Reading::begin(framing, behind), persistence == Persistence::Persists);
            Ok(Answered { response, persists, kept_for, reading, behind: Vec::new() })
        }
        Head::Fields(response) => answered_by_fields(response, behind, to),
    }
}

fn answered_by_fields(
    mut response: Response<Spelling>,
    behind: &[u8],
    AnswerTo { method, .. }: AnswerTo<'_>,
) -> Result<Answered, Failed> {
    let persistence = persistence(&response);
    let (status, version) = (response.status(), response.version());
    let headers = response.headers_mut();
    if version == Version::HTTP_10 && headers.contains_key(TRANSFER_ENCODING) {
        return Err(Invalid::TransferCoding.into());
    }
    let soundness = framing::settle(headers, status, method)?;
    let kept_for = keeping::said(headers);
    let length = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    let framing = match length {
        _ if !framing::has_body(status, method) => Framing::Length(0),
        _ if headers.contains_key(TRANSFER_ENCODING) => Framing::Chunked(Chunks::new(ChunkLimits::SERVER)),
        Some(length) => Framing::Length(length),
        None => Framing::ToEnd,
    };
    let response = response.map(Came::Fields);
    if status == StatusCode::SWITCHING_PROTOCOLS {
        let (reading, behind) = (Reading::nothing(), behind.to_vec());
        return Ok(Answered { response, persists: false, kept_for, reading, behind });
    }
    let persists = persistence == Persistence::Persists && soundness == framing::Framing::Sound;
    Ok(Answered { response, persists, kept_for, reading: Reading::begin(framing, behind), behind: Vec::new() })
}

fn closed(cause: io::Error) -> Failed {
    Failed { kind: OriginErrorKind::Closed, cause: Box::new(cause) }
}
