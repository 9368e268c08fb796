//! What the origin answers, step by step.

use super::barrier::Barrier;
use super::origin::Seen;
use super::wire::{Framing, Wire};
use std::fmt::Write as _;
use std::io;

/// An answer, and how it is sent.
#[derive(Debug, Clone)]
pub struct Reply {
    status: u16,
    lines: Vec<(String, String)>,
    framing: Option<Framing>,
    steps: Vec<Step>,
    trailers: Vec<(String, String)>,
    end: End,
}

#[derive(Debug, Clone)]
enum Step {
    Interim(String),
    Hold(Barrier),
    Flush,
    Wait(Barrier),
    Piece(Vec<u8>),
    RequestBody,
    Raw(Vec<u8>),
}

/// What becomes of the connection afterwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// It serves the next request.
    KeepAlive,
    /// It is closed, as the answer's Connection field announced.
    Close,
    /// It is closed without a word.
    Cut,
    /// It is reset.
    Reset,
    /// It sends back every byte that comes.
    Echo,
}

/// An answer with this status.
#[must_use]
pub fn reply(status: u16) -> Reply {
    Reply { status, lines: Vec::new(), framing: None, steps: Vec::new(), trailers: Vec::new(), end: End::KeepAlive }
}

/// These bytes as they are, then the connection closes.
#[must_use]
pub fn raw(bytes: &str) -> Reply {
    let mut answer = reply(0);
    answer.steps.push(Step::Raw(bytes.as_bytes().to_vec()));
    answer.end = End::Close;
    answer
}

impl Reply {
    fn step(mut self, step: Step) -> Self {
        self.steps.push(step);
        self
    }

    /// Adds a field line.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.lines.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The next bytes of the body. Without [`Self::length`] or [`Self::chunked`] Content-Length is their sum.
    #[must_use]
    pub fn body(self, bytes: impl AsRef<[u8]>) -> Self {
        self.step(Step::Piece(bytes.as_ref().to_vec()))
    }

    /// The request's own body as the next bytes of the body.
    #[must_use]
    pub fn echoing_the_body(self) -> Self {
        self.chunked().step(Step::RequestBody)
    }

    /// Says this Content-Length, true or not.
    #[must_use]
    pub fn length(mut self, bytes: u64) -> Self {
        self.framing = Some(Framing::Length(bytes));
        self
    }

    /// Each piece is a chunk.
    #[must_use]
    pub fn chunked(mut self) -> Self {
        self.framing = Some(Framing::Chunked);
        self
    }

    /// The body ends with the connection.
    #[must_use]
    pub fn until_close(mut self) -> Self {
        self.framing = Some(Framing::UntilClose);
        self.end = End::Close;
        self
    }

    /// Adds a trailer line; the body must be chunked.
    #[must_use]
    pub fn trailer(mut self, name: &str, value: &str) -> Self {
        self.trailers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Sends an interim response first.
    #[must_use]
    pub fn interim(self, head: &str) -> Self {
        self.step(Step::Interim(format!("HTTP/1.1 {head}\r\n\r\n")))
    }

    /// Waits at the barrier before the head.
    #[must_use]
    pub fn hold(self, barrier: &Barrier) -> Self {
        self.step(Step::Hold(barrier.clone()))
    }

    /// Sends what there is so far, the head at least, and waits at the barrier.
    #[must_use]
    pub fn wait(self, barrier: &Barrier) -> Self {
        self.step(Step::Flush).step(Step::Wait(barrier.clone()))
    }

    /// Ends the connection after the last step without a word, and so cuts short whatever is unfinished.
    #[must_use]
    pub fn cut(mut self) -> Self {
        self.end = End::Cut;
        self
    }

    /// Closes the connection after the whole answer, and says so in it.
    #[must_use]
    pub fn close(mut self) -> Self {
        self.end = End::Close;
        self
    }

    /// Resets the connection after the last step. Alone: before any answer.
    #[must_use]
    pub fn reset(mut self) -> Self {
        self.end = End::Reset;
        self
    }

    /// Sends back every byte that comes after the head.
    #[must_use]
    pub fn echo(mut self) -> Self {
        self.end = End::Echo;
        self.framing = Some(Framing::UntilClose);
        self
    }

    /// Plays the answer; `seen` is the request with its body.
    pub(super) async fn play(&self, wire: &mut Wire, seen: &Seen) -> io::Result<End> {
        let says_nothing = !self.steps.iter().any(|step| !matches!(step, Step::Hold(_)));
        if says_nothing && matches!(self.end, End::Reset | End::Cut) {
            for step in &self.steps {
                if let Step::Hold(barrier) = step {
                    barrier.pass().await;
                }
            }
            return Ok(self.end);
        }
        let bodiless = seen.method == "HEAD" || matches!(self.status, 101 | 204 | 304);
        let mut pending = self.head(bodiless, seen);
        for step in &self.steps {
            match step {
                Step::Interim(head) => wire.write(head.as_bytes()).await?,
                Step::Hold(barrier) | Step::Wait(barrier) => barrier.pass().await,
                Step::Raw(bytes) => wire.write(bytes).await?,
                Step::Flush => wire.write(&std::mem::take(&mut pending)).await?,
                Step::Piece(_) | Step::RequestBody if bodiless => {}
                Step::Piece(bytes) => self.push(&mut pending, bytes),
                Step::RequestBody => self.push(&mut pending, &seen.body),
            }
        }
        if self.framing == Some(Framing::Chunked) && matches!(self.end, End::KeepAlive | End::Close) && !bodiless {
            let mut last = String::from("0\r\n");
            write_lines(&mut last, &self.trailers);
            pending.extend_from_slice(last.as_bytes());
        }
        if self.status != 0 {
            wire.write(&pending).await?;
        }
        Ok(self.end)
    }

    fn head(&self, bodiless: bool, seen: &Seen) -> Vec<u8> {
        let reason = if self.status == 200 { "OK" } else { "Scripted" };
        let mut head = format!("HTTP/1.1 {} {reason}\r\n", self.status);
        let mut lines = self.lines.clone();
        match self.framing {
            Some(Framing::UntilClose) => {}
            Some(Framing::Chunked) => lines.push(("Transfer-Encoding".to_owned(), "chunked".to_owned())),
            Some(Framing::Length(bytes)) => lines.push(("Content-Length".to_owned(), bytes.to_string())),
            None if bodiless && seen.method != "HEAD" => {}
            None => lines.push(("Content-Length".to_owned(), self.pieces_length().to_string())),
        }
        if self.end == End::Close {
            lines.push(("Connection".to_owned(), "close".to_owned()));
        }
        write_lines(&mut head, &lines);
        head.into_bytes()
    }

    fn pieces_length(&self) -> usize {
        self.steps.iter().map(|step| if let Step::Piece(bytes) = step { bytes.len() } else { 0 }).sum()
    }

    fn push(&self, pending: &mut Vec<u8>, bytes: &[u8]) {
        if self.framing == Some(Framing::Chunked) {
            if !bytes.is_empty() {
                pending.extend_from_slice(format!("{:x}\r\n", bytes.len()).as_bytes());
                pending.extend_from_slice(bytes);
                pending.extend_from_slice(b"\r\n");
            }
        } else {
            pending.extend_from_slice(bytes);
        }
    }
}

fn write_lines(text: &mut String, lines: &[(String, String)]) {
    for (name, value) in lines {
        write!(text, "{name}: {value}\r\n").expect("a String takes all that is written");
    }
    text.push_str("\r\n");
}
