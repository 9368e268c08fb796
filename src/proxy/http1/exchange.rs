//! One request and its answer: the handler runs, the request's body goes to it, the answer comes back, all in the
//! connection's own task, so that a client that leaves cancels it.

use super::encode::Manner;
use super::head::{Persistence, Trailers};
use super::reply::Reply;
use super::request_side::{Change, RequestSide, Rest};
use crate::engine::origin::BodyError;
use crate::proxy::conversation::Conversation;
use crate::proxy::response_body::{Length, ResponseBody};
use crate::proxy::socket::Socket;
use crate::proxy::wire::Wire;
use http::{Response, StatusCode, Version};
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

/// What a client gets that waits to be asked for its body: RFC 9110 section 15.2.1.
const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// An answer that is being made.
pub(super) type Answering = Pin<Box<dyn Future<Output = Response<ResponseBody>> + Send>>;

/// What the request's head says of its answer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked {
    pub(super) version: Version,
    pub(super) persistence: Persistence,
    pub(super) trailers: Trailers,
}

/// What follows an exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Over {
    /// Another request.
    Next,
    /// The end of the connection.
    Closes(Rest),
    /// Another protocol.
    Switches,
}

/// How far the answer is.
enum Stage {
    /// The handler is at it.
    Answering(Answering),
    /// It is being written, and this follows.
    Replying(Persistence),
    /// It is being written, and another protocol follows.
    Switching,
}

impl fmt::Debug for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Answering(_) => "Answering",
            Self::Replying(_) => "Replying",
            Self::Switching => "Switching",
        })
    }
}

/// The exchange under way.
#[derive(Debug)]
pub(super) struct Exchange {
    stage: Stage,
    request: RequestSide,
    reply: Reply,
    asked: Asked,
}

impl Exchange {
    /// Begins one.
    pub(super) fn new(answering: Answering, request: RequestSide, asked: Asked) -> Self {
        Self { stage: Stage::Answering(answering), request, reply: Reply::default(), asked }
    }

    /// Drives it to its end; the connection's last exchange where `is_last`.
    ///
    /// # Errors
    /// Where the connection can only be dropped: the client left, or has a truncated answer.
    pub(super) fn poll<T: Socket>(
        &mut self,
        cx: &mut Context<'_>,
        wire: &mut Wire<T>,
        conversation: &Conversation,
        is_last: impl Fn() -> bool,
    ) -> Poll<Result<Over, BodyError>> {
        loop {
            self.poll_answer(cx, wire, conversation, &is_last);
            let written = self.reply.poll_write(cx, wire)?;
            if written.is_ready()
                && let Some(over) = self.over()
            {
                return Poll::Ready(Ok(over));
            }
            match self.request.poll(cx, wire, conversation)? {
                Poll::Ready(Change::ToBeAsked) => {
                    if matches!(self.stage, Stage::Answering(_)) {
                        self.reply.between().extend_from_slice(CONTINUE);
                    }
                }
                Poll::Ready(Change::Over) => {}
                Poll::Pending => return Poll::Pending,
            }
        }
    }

    /// What follows, once the answer is written and nothing more of the request is read.
    fn over(&self) -> Option<Over> {
        match self.stage {
            Stage::Answering(_) => None,
            Stage::Switching => Some(Over::Switches),
            Stage::Replying(_) if !self.request.is_over() => None,
            Stage::Replying(Persistence::Persists) if self.request.rest() == Rest::Nothing => Some(Over::Next),
            Stage::Replying(_) => Some(Over::Closes(self.request.rest())),
        }
    }

    /// Looks whether there is an answer, which is written then, behind the interim ones.
    fn poll_answer<T: Socket>(
        &mut self,
        cx: &mut Context<'_>,
        wire: &mut Wire<T>,
        conversation: &Conversation,
        is_last: impl Fn() -> bool,
    ) {
        let Stage::Answering(answering) = &mut self.stage else { return };
        let polled = answering.as_mut().poll(cx);
        let interims = &conversation.interims;
        if polled.is_pending() {
            // They may come from another task.
            interims.task.register(cx.waker());
        }
        if self.reply.takes_more() || polled.is_ready() {
            interims.write_into(|| self.reply.between());
        }
        let Poll::Ready(response) = polled else { return };
        interims.close();
        let length = response.body().length();
        let goes_on = self.asked.persistence == Persistence::Persists
            && length != Length::UntilClose
            && !is_last()
            && self.request.may_be_followed(wire);
        let persistence = if goes_on { Persistence::Persists } else { Persistence::Closes };
        let switches = response.status() == StatusCode::SWITCHING_PROTOCOLS;
        self.stage = if switches { Stage::Switching } else { Stage::Replying(persistence) };
        let persistence = if switches { Persistence::Persists } else { persistence };
        let manner = Manner { version: self.asked.version, persistence, length };
        self.reply.begin(response, manner, self.asked.trailers);
    }
}
