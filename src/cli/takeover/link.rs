//! The messages between two processes: JSON with its length before it, and sockets beside a single byte.

use crate::cli::sockets::Port;
use crate::invalidation::position::LogPosition;
use rustix::cmsg_space;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags,
    recvmsg, sendmsg,
};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::path::Path;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, Interest};
use tokio::net::UnixStream;

/// What both must speak. Grows with every change of what follows.
pub(super) const VERSION: u32 = 1;

/// What a process says that takes UDP ports, each with the socket for packets of the running process's connections.
pub(super) const TAKES_UDP: &str = "udp";

/// The longest message that is read, in bytes: barriers have a bound far below.
const MESSAGE_BYTES_MAX: u32 = 1 << 30;

/// The most sockets that are passed.
const SOCKETS_MAX: usize = 16;

/// From the new process to the running one.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum FromNew {
    Hello {
        version: u32,
        /// What it can take besides listening sockets. Earlier versions say nothing.
        #[serde(default)]
        takes: Vec<String>,
    },
    /// It would accept now.
    Ready,
    /// It accepts from now on.
    Serving,
    /// It has applied the purge that was passed on last.
    Applied,
}

/// From the running process to the new one.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum FromRunning {
    /// The sockets follow, in this order.
    Sockets { version: u32, ports: Vec<Port>, instance: String },
    /// The log to go on in; none in a fleet, whose log is everyone's.
    HandOver { position: Option<LogPosition> },
    /// What is purged meanwhile, as the log of a fleet writes it.
    Purge(HashMap<String, String>),
    /// What is in memory is in the snapshot.
    Snapshot,
    /// Nothing follows.
    Ended,
}

/// A connection to a process of the same user.
#[derive(Debug)]
pub(super) struct Link(UnixStream);

impl Link {
    /// Connects to the running process.
    pub(super) async fn connect(path: &Path) -> io::Result<Self> {
        Self::of(UnixStream::connect(path).await?)
    }

    /// A connection, if a process of the same user has the other end.
    pub(super) fn of(stream: UnixStream) -> io::Result<Self> {
        if stream.peer_cred()?.uid() != rustix::process::geteuid().as_raw() {
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, "the other process belongs to another user"));
        }
        Ok(Self(stream))
    }

    pub(super) async fn send(&mut self, message: &impl Serialize) -> io::Result<()> {
        let text = serde_json::to_vec(message)?;
        let length = u32::try_from(text.len()).ok().filter(|length| *length <= MESSAGE_BYTES_MAX);
        let length = length.ok_or(io::ErrorKind::InvalidData)?;
        self.0.write_all(&length.to_be_bytes()).await?;
        self.0.write_all(&text).await
    }

    /// The next message. Not to be given up half-way.
    pub(super) async fn receive<T: DeserializeOwned>(&mut self) -> io::Result<T> {
        let mut length = [0; 4];
        self.0.read_exact(&mut length).await?;
        let length = u32::from_be_bytes(length);
        if length > MESSAGE_BYTES_MAX {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let mut text = Vec::new();
        (&mut self.0).take(u64::from(length)).read_to_end(&mut text).await?;
        Ok(serde_json::from_slice(&text)?)
    }

    pub(super) async fn send_sockets(&self, sockets: &[OwnedFd]) -> io::Result<()> {
        let sockets: Vec<BorrowedFd<'_>> = sockets.iter().map(|socket| socket.as_fd()).collect();
        let send = || {
            let mut space = [MaybeUninit::uninit(); cmsg_space!(ScmRights(SOCKETS_MAX))];
            let mut beside = SendAncillaryBuffer::new(&mut space);
            if !beside.push(SendAncillaryMessage::ScmRights(&sockets)) {
                return Err(io::ErrorKind::InvalidInput.into());
            }
            Ok(sendmsg(&self.0, &[IoSlice::new(&[0])], &mut beside, SendFlags::empty()).map(drop)?)
        };
        self.0.async_io(Interest::WRITABLE, send).await
    }

    pub(super) async fn receive_sockets(&self) -> io::Result<Vec<OwnedFd>> {
        let receive = || {
            let (mut byte, mut space) = ([0], [MaybeUninit::uninit(); cmsg_space!(ScmRights(SOCKETS_MAX))]);
            let mut beside = RecvAncillaryBuffer::new(&mut space);
            let received = recvmsg(&self.0, &mut [IoSliceMut::new(&mut byte)], &mut beside, RecvFlags::CMSG_CLOEXEC)?;
            let mut sockets: Vec<OwnedFd> = Vec::new();
            for message in beside.drain() {
                if let RecvAncillaryMessage::ScmRights(passed) = message {
                    sockets.extend(passed);
                }
            }
            if received.bytes == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            Ok(sockets)
        };
        self.0.async_io(Interest::READABLE, receive).await
    }
}
