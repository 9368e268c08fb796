//! Rows of the tables: what a client sends, and how a server may take it. The rows are those of h2spec, by the sections of
//! RFC 9113 where h2spec has those of RFC 7540, and more.

use crate::support::deadline::DEADLINE;
use crate::support::h2_frames::{Frame, Frames, flag, kind};
use crate::support::{Barrier, Setup, reply};
use futures_util::future::join_all;
use tokio::time::timeout;

/// Error codes: RFC 9113 section 7.
pub(super) mod code {
    pub(crate) const PROTOCOL: u32 = 1;
    pub(crate) const FLOW_CONTROL: u32 = 3;
    pub(crate) const STREAM_CLOSED: u32 = 5;
    pub(crate) const FRAME_SIZE: u32 = 6;
    pub(crate) const REFUSED_STREAM: u32 = 7;
    pub(crate) const CANCEL: u32 = 8;
    pub(crate) const COMPRESSION: u32 = 9;
    pub(crate) const ENHANCE_YOUR_CALM: u32 = 11;
}

/// One step of a client.
#[derive(Debug, Clone)]
pub(super) enum Step {
    /// Sends these bytes.
    Send(Vec<u8>),
    /// Waits for the head of the answer on this stream.
    Head(u32),
    /// Waits for the end of the answer on this stream.
    End(u32),
    /// Waits for so many bytes of DATA on this stream.
    Data(u32, usize),
}

/// How a server may take it.
#[derive(Debug, Clone, Copy)]
pub(super) enum Allowed {
    /// The connection goes on: a PING is answered after it.
    Goes,
    /// This stream is answered with status 200, and the connection goes on.
    Answer(u32),
    /// An error of this stream with one of these codes; the connection goes on. Or an error of the connection with one.
    /// Here and below PROTOCOL_ERROR counts, too: the library says it where another code would say more.
    Stream(u32, &'static [u32]),
    /// An error of the connection with one of these codes, and its end.
    Connection(&'static [u32]),
    /// An error of stream 1 or of the connection with one of these codes, or nothing at all.
    ErrorOrNothing(&'static [u32]),
    /// As an error of stream 1 with PROTOCOL_ERROR, or answered with an error's status (RFC 9113 section 8.1.1).
    Malformed,
}

/// One row.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) name: &'static str,
    pub(super) steps: Vec<Step>,
    pub(super) allowed: Allowed,
}

/// A row.
pub(super) fn row(name: &'static str, allowed: Allowed, steps: impl Into<Vec<Step>>) -> Row {
    Row { name, steps: steps.into(), allowed }
}

/// A frame.
pub(super) fn frame(kind: u8, flags: u8, stream: u32, payload: impl AsRef<[u8]>) -> Step {
    let payload = payload.as_ref();
    let length = u32::try_from(payload.len()).expect("a frame is short").to_be_bytes();
    Step::Send([&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat())
}

/// A frame of HEADERS that is a whole request.
pub(super) fn headers(stream: u32, block: impl AsRef<[u8]>) -> Step {
    frame(kind::HEADERS, flag::END_HEADERS | flag::END_STREAM, stream, block)
}

/// A frame of HEADERS whose request brings a body.
pub(super) fn opening(stream: u32, block: impl AsRef<[u8]>) -> Step {
    frame(kind::HEADERS, flag::END_HEADERS, stream, block)
}

/// A frame of SETTINGS with one entry.
pub(super) fn setting(name: u16, value: u32) -> Step {
    frame(kind::SETTINGS, 0, 0, [&name.to_be_bytes()[..], &value.to_be_bytes()].concat())
}

/// A field as HPACK has it: a literal without indexing, with a new name.
pub(super) fn field(name: &str, value: &str) -> Vec<u8> {
    let length = |text: &str| u8::try_from(text.len()).ok().filter(|length| *length < 127).expect("it is short");
    [&[0, length(name)], name.as_bytes(), &[length(value)], value.as_bytes()].concat()
}

/// The fields of a request, each a literal.
pub(super) fn fields(fields: &[(&str, &str)]) -> Vec<u8> {
    fields.iter().flat_map(|(name, value)| field(name, value)).collect()
}

/// A request by this method for this path.
pub(super) fn request(method: &str, path: &str) -> Vec<u8> {
    fields(&[(":method", method), (":scheme", "http"), (":path", path), (":authority", "shop.test")])
}

/// A GET that is answered at once.
pub(super) fn get() -> Vec<u8> {
    request("GET", "/p")
}

/// A POST that is answered once its body is there.
pub(super) fn post() -> Vec<u8> {
    request("POST", "/upload")
}

/// A GET whose answer never comes while the test lasts.
pub(super) fn held() -> Vec<u8> {
    request("GET", "/held")
}

/// Tries each row on a connection of its own.
pub(super) async fn check(rows: Vec<Row>) {
    let scenario = Setup::route("cache = false").start().await;
    let never = Barrier::new();
    scenario.origin.on("/p", reply(200).body("a page of some length"));
    scenario.origin.on("/held", reply(200).hold(&never).body("held"));
    scenario.origin.on("/upload", reply(200).echoing_the_body());
    scenario.origin.on("/malformed", reply(200).hold(&never).body("taken"));
    let address = scenario.running.data_address;
    let tries = rows.iter().map(|row| async move {
        let mut client = Client { frames: Frames::connect(address, 65_535).await, seen: Vec::new() };
        let result = client.runs(row).await;
        result.err().map(|reaction| format!("{}: {reaction}; allowed was {:?}", row.name, row.allowed))
    });
    let failed: Vec<String> = join_all(tries).await.into_iter().flatten().collect();
    assert!(failed.is_empty(), "{} rows:\n{}", failed.len(), failed.join("\n"));
}

struct Client {
    frames: Frames,
    seen: Vec<Frame>,
}

impl Client {
    async fn runs(&mut self, row: &Row) -> Result<(), String> {
        for step in &row.steps {
            match step {
                Step::Send(bytes) => {
                    self.frames.send_bytes(bytes).await;
                }
                Step::Head(stream) => self.until(|seen| is_head(seen, *stream)).await?,
                Step::End(stream) => self.until(|seen| ends(seen, *stream)).await?,
                Step::Data(stream, bytes) => {
                    let of = |seen: &[Frame]| -> usize { data(seen, *stream).map(|frame| frame.payload.len()).sum() };
                    self.until(|seen| seen.iter().any(|_| of(seen) >= *bytes)).await?;
                }
            }
        }
        match row.allowed {
            Allowed::Goes => self.goes_on().await,
            Allowed::Answer(stream) => {
                self.until(|seen| is_head(seen, stream)).await?;
                match self.seen.iter().find(|frame| frame.kind == kind::HEADERS && frame.stream == stream) {
                    Some(head) if head.payload.first() == Some(&0x88) => self.goes_on().await,
                    head => Err(format!("answered with {head:?}")),
                }
            }
            Allowed::Stream(stream, codes) => self.fails(Some(stream), codes).await,
            Allowed::Connection(codes) => self.fails(None, codes).await,
            Allowed::ErrorOrNothing(codes) => {
                self.settles().await?;
                if self.seen.iter().any(is_error) { self.fails(Some(1), codes).await } else { Ok(()) }
            }
            Allowed::Malformed => {
                self.until(|seen| seen.iter().any(|frame| is_error(frame) || frame.kind == kind::HEADERS)).await?;
                if self.seen.iter().any(is_refusal) {
                    return self.goes_on().await;
                }
                self.fails(Some(1), &[code::PROTOCOL]).await
            }
        }
    }

    /// Reads until what was seen is enough.
    async fn until(&mut self, enough: impl Fn(&[Frame]) -> bool) -> Result<(), String> {
        while !enough(&self.seen) {
            match timeout(DEADLINE, self.frames.next()).await {
                Ok(Some(frame)) => self.seen.push(frame),
                Ok(None) => return Err(format!("the connection ended after {:?}", self.told())),
                Err(_) => return Err(format!("nothing more came after {:?}", self.told())),
            }
        }
        Ok(())
    }

    /// What was seen but settings and windows.
    fn told(&self) -> Vec<&Frame> {
        self.seen.iter().filter(|frame| !matches!(frame.kind, kind::SETTINGS | kind::WINDOW_UPDATE)).collect()
    }

    /// Waits until the server has reacted: two answers to a PING stand behind whatever it has to say before.
    async fn settles(&mut self) -> Result<(), String> {
        for pongs in 1..=2 {
            self.frames.send(kind::PING, 0, 0, b"go on...").await;
            let is_told = |seen: &[Frame]| seen.iter().filter(|frame| is_pong(frame)).count() >= pongs;
            self.until(|seen| is_told(seen) || seen.iter().any(|frame| frame.kind == kind::GOAWAY)).await?;
        }
        Ok(())
    }

    async fn goes_on(&mut self) -> Result<(), String> {
        self.settles().await?;
        let errors: Vec<_> = self.seen.iter().filter(|frame| is_error(frame)).collect();
        if errors.is_empty() { Ok(()) } else { Err(format!("{errors:?}")) }
    }

    async fn fails(&mut self, stream: Option<u32>, codes: &[u32]) -> Result<(), String> {
        self.settles().await?;
        let is_reset = |frame: &&Frame| frame.kind == kind::RST_STREAM && Some(frame.stream) == stream;
        let error = self.seen.iter().find(|frame| is_reset(frame) || frame.kind == kind::GOAWAY);
        let found = error.map(code_of);
        if !found.is_some_and(|found| codes.contains(&found) || found == code::PROTOCOL) {
            return Err(format!("{:?}", self.told()));
        }
        if error.is_some_and(|frame| frame.kind == kind::GOAWAY) {
            self.frames.ended().await;
        }
        Ok(())
    }
}

fn is_head(seen: &[Frame], stream: u32) -> bool {
    seen.iter().any(|frame| frame.kind == kind::HEADERS && frame.stream == stream)
}

fn ends(seen: &[Frame], stream: u32) -> bool {
    let ends = |frame: &Frame| matches!(frame.kind, kind::HEADERS | kind::DATA) && frame.flags & flag::END_STREAM != 0;
    seen.iter().any(|frame| frame.stream == stream && ends(frame))
}

fn data(seen: &[Frame], stream: u32) -> impl Iterator<Item = &Frame> {
    seen.iter().filter(move |frame| frame.kind == kind::DATA && frame.stream == stream)
}

fn is_pong(frame: &Frame) -> bool {
    frame.kind == kind::PING && frame.flags & flag::ACK != 0 && frame.payload == b"go on..."
}

fn is_error(frame: &Frame) -> bool {
    matches!(frame.kind, kind::RST_STREAM | kind::GOAWAY)
}

/// Whether it is an answer whose status is none of 2xx: 304 and above by their index, or written out.
fn is_refusal(frame: &Frame) -> bool {
    frame.kind == kind::HEADERS && matches!(frame.payload.first(), Some(0x8b..=0x8e | 0x48))
}

fn code_of(frame: &Frame) -> u32 {
    let at = if frame.kind == kind::GOAWAY { 4 } else { 0 };
    frame
        .payload
        .get(at..at + 4)
        .map_or(u32::MAX, |bytes| bytes.iter().fold(0, |code, byte| code << 8 | u32::from(*byte)))
}
