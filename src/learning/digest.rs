//! The body of an answer on its way to its client, digested under the session's key as it goes by. A gzipped one is
//! digested as what it holds, since the same text may be packed in several ways.

use super::exchange::PassedOver;
use crate::engine::origin::{Body, BodyError};
use bytes::Bytes;
use flate2::write::GzDecoder;
use http_body::{Body as _, Frame, SizeHint};
use std::io::{self, Write};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

/// The most bytes of a body that is digested, unpacked.
const BODY_BYTES_MAX: usize = 8 << 20;

/// What takes the digest, or why there is none. It is called once.
pub(super) type Told = Box<dyn FnOnce(Result<u64, PassedOver>) + Send>;

/// How a body is coded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Coding {
    Plain,
    Gzip,
}

/// A body that is digested.
pub(super) struct Digested {
    body: Body,
    digesting: Option<(Digesting, Told)>,
}

impl Digested {
    /// Digests a body. `key` and `begin` go into the digest before it.
    pub(super) fn new(body: Body, coding: Coding, (key, begin): (&[u8; 32], u64), told: Told) -> Self {
        let mut digested = Self { digesting: Some((Digesting::new(coding, key, begin), told)), body };
        if digested.body.is_end_stream() {
            digested.end();
        }
        digested
    }

    fn end(&mut self) {
        if let Some((digesting, told)) = self.digesting.take() {
            told(digesting.finish());
        }
    }

    fn give_up(&mut self, why: PassedOver) {
        if let Some((_, told)) = self.digesting.take() {
            told(Err(why));
        }
    }

    fn take(&mut self, data: &[u8]) {
        let written = self.digesting.as_mut().map_or(Ok(()), |(digesting, _)| digesting.write(data));
        if let Err(why) = written {
            self.give_up(why);
        }
    }
}

impl Drop for Digested {
    fn drop(&mut self) {
        // Who reads a body whose length is known may stop where it ends.
        if self.body.is_end_stream() { self.end() } else { self.give_up(PassedOver::CutShort) }
    }
}

impl http_body::Body for Digested {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        match &frame {
            Some(Ok(frame)) => {
                if let Some(data) = frame.data_ref() {
                    self.take(data);
                    // Who reads it may know that this was the end.
                    if self.body.is_end_stream() {
                        self.end();
                    }
                }
            }
            Some(Err(_)) => self.give_up(PassedOver::CutShort),
            None => self.end(),
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

enum Digesting {
    Plain(Box<Hashed>),
    Gzip(Box<GzDecoder<Hashed>>),
}

impl Digesting {
    fn new(coding: Coding, key: &[u8; 32], begin: u64) -> Self {
        let mut text = Hashed { hasher: blake3::Hasher::new_keyed(key), bytes: 0 };
        text.hasher.update(&begin.to_le_bytes());
        match coding {
            Coding::Plain => Self::Plain(Box::new(text)),
            Coding::Gzip => Self::Gzip(Box::new(GzDecoder::new(text))),
        }
    }

    fn write(&mut self, data: &[u8]) -> Result<(), PassedOver> {
        let written = match self {
            Self::Plain(text) => text.write_all(data),
            Self::Gzip(decoder) => decoder.write_all(data),
        };
        written.map_err(|error| why(&error))
    }

    fn finish(self) -> Result<u64, PassedOver> {
        match self {
            Self::Plain(text) => Ok(text.digest()),
            Self::Gzip(decoder) => decoder.finish().map(Hashed::digest).map_err(|error| why(&error)),
        }
    }
}

fn why(error: &io::Error) -> PassedOver {
    if error.kind() == io::ErrorKind::FileTooLarge { PassedOver::TooLarge } else { PassedOver::CutShort }
}

struct Hashed {
    hasher: blake3::Hasher,
    bytes: usize,
}

impl Hashed {
    fn digest(self) -> u64 {
        let hash = self.hasher.finalize();
        hash.as_bytes().first_chunk().copied().map(u64::from_le_bytes).unwrap_or_default()
    }
}

impl Write for Hashed {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        self.bytes = self.bytes.saturating_add(data.len());
        if self.bytes > BODY_BYTES_MAX {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.hasher.update(data);
        Ok(data.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::{BodyExt as _, Full};
    use std::sync::{Arc, Mutex};

    fn body(data: &[u8]) -> Body {
        Full::new(Bytes::copy_from_slice(data)).map_err(|never| match never {}).boxed_unsync()
    }

    async fn digest_of(data: &[u8], coding: Coding) -> Result<u64, PassedOver> {
        let said = Arc::new(Mutex::new(None));
        let hears = Arc::clone(&said);
        let told: Told = Box::new(move |digest| *hears.lock().expect("nobody panics") = Some(digest));
        let digested = Digested::new(body(data), coding, (&[7; 32], 1), told);
        assert_eq!(digested.collect().await.expect("it comes whole").to_bytes(), data);
        let said = said.lock().expect("nobody panics").take();
        said.expect("it was told")
    }

    fn gzipped(data: &[u8], level: u32) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::new(level));
        encoder.write_all(data).expect("memory takes it");
        encoder.finish().expect("memory takes it")
    }

    #[tokio::test]
    async fn a_digest_tells_texts_apart_however_they_are_packed() {
        let plain = digest_of(b"shoes", Coding::Plain).await.expect("it is digested");
        assert_ne!(Ok(plain), digest_of(b"boots", Coding::Plain).await);
        for level in [0, 9] {
            assert_eq!(digest_of(&gzipped(b"shoes", level), Coding::Gzip).await, Ok(plain));
        }
        assert!(digest_of(b"", Coding::Plain).await.is_ok());
    }

    #[tokio::test]
    async fn what_is_damaged_or_too_large_once_unpacked_has_no_digest_and_passes_on_whole() {
        assert_eq!(digest_of(b"no gzip", Coding::Gzip).await, Err(PassedOver::CutShort));
        let bomb = gzipped(&vec![0; BODY_BYTES_MAX + 1], 9);
        assert_eq!(digest_of(&bomb, Coding::Gzip).await, Err(PassedOver::TooLarge));
    }

    #[test]
    fn what_its_client_leaves_has_no_digest() {
        let said = Arc::new(Mutex::new(None));
        let hears = Arc::clone(&said);
        let told: Told = Box::new(move |digest| *hears.lock().expect("nobody panics") = Some(digest));
        drop(Digested::new(body(b"shoes"), Coding::Plain, (&[7; 32], 1), told));
        assert_eq!(*said.lock().expect("nobody panics"), Some(Err(PassedOver::CutShort)));
    }
}
