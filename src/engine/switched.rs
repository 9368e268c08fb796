//! The origin's end of a connection that has changed to another protocol.

use std::fmt;
use std::io::Cursor;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite};

/// Bytes both ways.
pub trait Duplex: AsyncRead + AsyncWrite + Unpin + Send + fmt::Debug {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + fmt::Debug> Duplex for S {}

/// Among the extensions of a 101: the origin's end, for whoever joins it to the client's.
#[derive(Debug, Clone)]
pub struct Switched(Arc<Mutex<Option<Box<dyn Duplex>>>>);

impl Switched {
    /// A connection, and what has come over it behind the head of the 101.
    pub fn new(connection: impl Duplex + 'static, behind: Vec<u8>) -> Self {
        let end: Box<dyn Duplex> = if behind.is_empty() {
            Box::new(connection)
        } else {
            let (read, write) = tokio::io::split(connection);
            Box::new(tokio::io::join(Cursor::new(behind).chain(read), write))
        };
        Self(Arc::new(Mutex::new(Some(end))))
    }

    /// The origin's end, the first time.
    #[must_use]
    pub fn take(&self) -> Option<Box<dyn Duplex>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}
