//! The streams that go one way: RFC 9114 section 6.2. Of what a client sends there nothing changes how it is answered, but
//! whatever a server must not take ends the connection.

use super::code::Code;
use super::frames::{
    Broken, CANCEL_PUSH, DATA, FrameHead, Frames, GOAWAY, HEADERS, SETTINGS, frame, put_integer, take_integer,
};
use super::outgoing::Outgoing;
use crate::proxy::conversation::Conversation;
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use quinn::Connection;
use std::collections::HashSet;
use std::sync::{Arc, Mutex};

/// The kinds of streams.
const CONTROL: u64 = 0x0;
const PUSH: u64 = 0x1;
const ENCODER: u64 = 0x2;
const DECODER: u64 = 0x3;

/// The settings that are sent: RFC 9114 section 7.2.4.1, RFC 9220 section 3.
const MAX_FIELD_SECTION_SIZE: u64 = 0x6;
const ENABLE_CONNECT_PROTOCOL: u64 = 0x8;
/// Those of HTTP/2 that may not come: RFC 9114 section 7.2.4.1.
const OF_HTTP_2: std::ops::RangeInclusive<u64> = 0x2..=0x5;

/// Bytes of a client's settings.
const SETTINGS_BYTES_MAX: u64 = 4096;
/// Streams of kinds without a meaning that a client may open on one connection.
const IGNORED_MAX: u32 = 1000;
/// The one instruction of the encoder that needs no table: its capacity stays 0 (RFC 9204 section 4.3.1).
const CAPACITY_0: u8 = 0x20;

/// Begins the server's control stream: what Larder takes.
pub(super) fn settings(out: &mut Outgoing, header_bytes_max: usize) {
    let mut settings = Vec::new();
    for (setting, value) in [(MAX_FIELD_SECTION_SIZE, header_bytes_max as u64), (ENABLE_CONNECT_PROTOCOL, 1)] {
        put_integer(setting, &mut settings);
        put_integer(value, &mut settings);
    }
    let mut kind = Vec::new();
    put_integer(CONTROL, &mut kind);
    out.push(kind.into());
    out.push(frame(SETTINGS, &settings));
}

/// That requests from this stream on are not served: RFC 9114 section 5.2.
pub(super) fn goaway(stream: u64) -> Bytes {
    let mut payload = Vec::new();
    put_integer(stream, &mut payload);
    frame(GOAWAY, &payload)
}

/// Minds a client's streams that go one way; how they break the protocol, or that the connection is over.
pub(super) async fn mind(connection: &Connection, conversation: &Arc<Conversation>) -> Broken {
    let kinds = Mutex::default();
    let mut minded = FuturesUnordered::new();
    let mut ignored = 0;
    loop {
        tokio::select! {
            accepted = connection.accept_uni() => match accepted {
                Ok(stream) => minded.push(one(Frames::new(stream).speaking_of(conversation), &kinds)),
                Err(error) => return Broken::Read(error.into()),
            },
            Some(ended) = minded.next(), if !minded.is_empty() => match ended {
                Ok(()) => {
                    ignored += 1;
                    if ignored > IGNORED_MAX {
                        return Broken::Connection(Code::ExcessiveLoad);
                    }
                }
                Err(broken) => return broken,
            },
        }
    }
}

/// Minds one of them; ends well where it has no meaning.
async fn one(mut frames: Frames, kinds: &Mutex<HashSet<u64>>) -> Result<(), Broken> {
    // One that ends before it says its kind is tolerated.
    let Ok(Some(kind)) = frames.integer().await else { return Ok(()) };
    if kind == PUSH {
        return Err(Broken::Connection(Code::StreamCreationError));
    }
    if !matches!(kind, CONTROL | ENCODER | DECODER) {
        frames.stop(Code::StreamCreationError);
        return Ok(());
    }
    let is_first = kinds.lock().is_ok_and(|mut kinds| kinds.insert(kind));
    if !is_first {
        return Err(Broken::Connection(Code::StreamCreationError));
    }
    let ended = match kind {
        CONTROL => control(&mut frames).await,
        kind => instructions(&mut frames, kind).await,
    };
    match ended {
        // It may not end while the connection stands.
        Ok(()) | Err(Broken::Read(quinn::ReadError::Reset(_))) => Err(Broken::Connection(Code::ClosedCriticalStream)),
        Err(broken) => Err(broken),
    }
}

async fn control(frames: &mut Frames) -> Result<(), Broken> {
    let Some(first) = frames.next().await? else { return Ok(()) };
    if first.kind != SETTINGS {
        return Err(Broken::Connection(Code::MissingSettings));
    }
    read_settings(frames, first).await?;
    while let Some(frame) = frames.next().await? {
        match frame.kind {
            // Nothing was pushed.
            CANCEL_PUSH => return Err(Broken::Connection(Code::IdError)),
            DATA | HEADERS | SETTINGS => return Err(Broken::Connection(Code::FrameUnexpected)),
            _ => {}
        }
    }
    Ok(())
}

async fn read_settings(frames: &mut Frames, frame: FrameHead) -> Result<(), Broken> {
    if frame.bytes > SETTINGS_BYTES_MAX {
        return Err(Broken::Connection(Code::ExcessiveLoad));
    }
    let mut settings = BytesMut::new();
    std::future::poll_fn(|cx| frames.poll_whole(&mut settings, cx)).await?;
    let (mut rest, mut seen) = (&settings[..], HashSet::new());
    while !rest.is_empty() {
        let setting = take_integer(&mut rest).ok_or(Broken::Connection(Code::FrameError))?;
        take_integer(&mut rest).ok_or(Broken::Connection(Code::FrameError))?;
        if OF_HTTP_2.contains(&setting) || !seen.insert(setting) {
            return Err(Broken::Connection(Code::SettingsError));
        }
    }
    Ok(())
}

/// What an encoder or a decoder of field sections says, where there is no table that it could speak of.
async fn instructions(frames: &mut Frames, kind: u64) -> Result<(), Broken> {
    while let Some(bytes) = frames.bytes().await? {
        if kind == ENCODER && bytes.iter().any(|byte| *byte != CAPACITY_0) {
            return Err(Broken::Connection(Code::EncoderStreamError));
        }
    }
    Ok(())
}
