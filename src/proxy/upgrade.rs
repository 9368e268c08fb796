//! Two connections joined after a change of protocols: RFC 9110 section 7.8.

use super::observer::{Ending, Record};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use std::io;

/// Both ends of a change of protocols, before it has happened.
#[derive(Debug)]
pub(super) struct Tunnel {
    /// Resolves once hyper has let go of the client's connection.
    pub(super) client: OnUpgrade,
    /// Resolves once the origin's client has let go of the origin's.
    pub(super) origin: OnUpgrade,
    /// Told of when the tunnel ends.
    pub(super) record: Record,
}

impl Tunnel {
    /// Passes bytes both ways until both ends have closed or either fails. Buffers a fixed amount each way.
    pub(super) async fn run(mut self) {
        self.record.finished.ending = match self.join().await {
            Ok(bytes_to_client) => {
                self.record.finished.body_bytes = bytes_to_client;
                Ending::Complete
            }
            Err(error) => {
                self.record.finished.cause = Some(error.into());
                Ending::Truncated
            }
        };
    }

    async fn join(&mut self) -> io::Result<u64> {
        let client = (&mut self.client).await.map_err(io::Error::other)?;
        let origin = (&mut self.origin).await.map_err(io::Error::other)?;
        let (_, to_client) =
            tokio::io::copy_bidirectional(&mut TokioIo::new(client), &mut TokioIo::new(origin)).await?;
        Ok(to_client)
    }
}
