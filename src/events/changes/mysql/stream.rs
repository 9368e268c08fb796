//! A connection that streams the binary log.
//!
//! The protocol, its frames and TLS are mysql_async's. That reads what a server sends on trust: where it panics, the log can't be read.

use super::position::Position;
use super::server::{ConnectError, DEADLINE, MysqlServer, answered};
use futures_util::{FutureExt as _, StreamExt as _};
use mysql_async::binlog::events::Event;
use mysql_async::prelude::Queryable as _;
use mysql_async::{BinlogStream, BinlogStreamRequest, DriverError, IoError};
use std::panic::AssertUnwindSafe;
use std::time::Duration;
use tokio::time::{Instant, timeout};

/// Between two signs of life of a server that has nothing to tell, in nanoseconds.
const HEARTBEAT_NANOS: u64 = 1_000_000_000;

/// What the server answers where it has not got what is asked for.
const NOT_IN_LOG: u16 = 1236;

/// Why a stream ends.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StreamError {
    /// It can't be begun, or the connection is broken.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The server ended it.
    #[error("the database ended the stream of its binary log")]
    Ended,
    /// What it sends can't be read.
    #[error("the binary log can't be read")]
    Malformed,
    /// The history that the server has is another.
    #[error("the database has begun its binary log anew")]
    OtherHistory,
}

impl StreamError {
    /// Whether it will be so again, if the log is asked for from the same place.
    pub(super) const fn is_lasting(&self) -> bool {
        match self {
            Self::Connect(ConnectError::Refused(error)) => error.code == NOT_IN_LOG,
            Self::Malformed | Self::OtherHistory => true,
            Self::Connect(_) | Self::Ended => false,
        }
    }
}

/// A connection that streams.
pub(super) struct Stream {
    events: BinlogStream,
    heard_at: Instant,
}

impl Stream {
    /// Begins behind a position, as the replica of this number.
    pub(super) async fn begin(server: &MysqlServer, as_server: u32, after: &Position) -> Result<Self, StreamError> {
        let mut conn = server.connect().await?;
        // It speaks of GTIDs, and where the log lacks one of those before, it says so.
        let settings = format!(
            "SET @mariadb_slave_capability = 4, @slave_connect_state = '{}', @slave_gtid_strict_mode = 1, \
             @slave_gtid_ignore_duplicates = 0, @master_heartbeat_period = {HEARTBEAT_NANOS}",
            after.gtids
        );
        answered(conn.query_drop(settings)).await?;
        let request = BinlogStreamRequest::new(as_server);
        let events = answered(conn.get_binlog_stream(request)).await?;
        Ok(Self { events, heard_at: Instant::now() })
    }

    /// The next event, if it has come already.
    pub(super) fn at_once(&mut self) -> Option<Result<Event, StreamError>> {
        let next = AssertUnwindSafe(self.events.next()).catch_unwind().now_or_never()?;
        self.heard_at = Instant::now();
        Some(Self::read(next))
    }

    /// Waits for the next event, for so long at most.
    pub(super) async fn within(&mut self, wait: Duration) -> Result<Option<Event>, StreamError> {
        match timeout(wait, AssertUnwindSafe(self.events.next()).catch_unwind()).await {
            Ok(next) => {
                self.heard_at = Instant::now();
                Self::read(next).map(Some)
            }
            Err(_) if self.heard_at.elapsed() > DEADLINE => Err(ConnectError::TimedOut.into()),
            Err(_) => Ok(None),
        }
    }

    fn read(next: std::thread::Result<Option<Result<Event, mysql_async::Error>>>) -> Result<Event, StreamError> {
        use mysql_async::Error;
        use std::io::ErrorKind;
        match next {
            Ok(Some(Ok(event))) => Ok(event),
            Ok(None) => Err(StreamError::Ended),
            Err(_)
            | Ok(Some(Err(Error::Driver(DriverError::UnexpectedPacket { .. } | DriverError::PacketTooLarge)))) => {
                Err(StreamError::Malformed)
            }
            // The end of the connection is one of an event, too: whoever asks again sees.
            Ok(Some(Err(Error::Io(IoError::Io(error)))))
                if matches!(error.kind(), ErrorKind::InvalidData | ErrorKind::Other | ErrorKind::InvalidInput) =>
            {
                Err(StreamError::Malformed)
            }
            Ok(Some(Err(error))) => Err(ConnectError::from(error).into()),
        }
    }
}
