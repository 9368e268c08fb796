//! The new process's side.

use super::link::{FromNew, FromRunning, Link, TAKES_UDP, VERSION};
use crate::cli::snapshot;
use crate::cli::sockets::Port;
use crate::clock::Clock;
use crate::engine::Engine;
use crate::invalidation::succession;
use crate::invalidation::{Invalidation, PurgeOptions};
use anyhow::{Context as _, bail, ensure};
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;

/// How long an answer of the running process may take.
const ANSWER_MAX: Duration = Duration::from_secs(10);

/// The running process, whose place is to be taken.
pub(in crate::cli) struct Predecessor {
    link: Link,
    /// Its name in the fleet.
    pub(in crate::cli) instance: String,
}

/// Asks the process that listens at `path` for its listening sockets. `None` if no process does.
pub(in crate::cli) async fn find(path: &Path) -> anyhow::Result<Option<(Predecessor, Vec<(Port, OwnedFd)>)>> {
    let mut link = match Link::connect(path).await {
        Ok(link) => link,
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) => {
            return Ok(None);
        }
        Err(error) => return Err(error.into()),
    };
    let asked = async {
        let takes = if cfg!(feature = "http3") { vec![TAKES_UDP.to_owned()] } else { Vec::new() };
        link.send(&FromNew::Hello { version: VERSION, takes }).await?;
        let FromRunning::Sockets { version, ports, instance } = link.receive().await? else {
            bail!("it answers with something else");
        };
        ensure!(version == VERSION, "it is of a version that hands over in another way");
        let sockets = link.receive_sockets().await?;
        ensure!(sockets.len() == ports.len(), "it has not sent all of its sockets");
        Ok((instance, ports.into_iter().zip(sockets).collect()))
    };
    let (instance, sockets) = timeout(ANSWER_MAX, asked).await.context("it does not answer")??;
    Ok(Some((Predecessor { link, instance }, sockets)))
}

impl Predecessor {
    /// Says that this process would accept now, and takes the log over. From then on it is its to serve.
    pub(in crate::cli) async fn take_over(&mut self, invalidation: &Invalidation) -> anyhow::Result<()> {
        self.link.send(&FromNew::Ready).await?;
        let answer = timeout(ANSWER_MAX, self.link.receive()).await.context("it does not answer")??;
        let FromRunning::HandOver { position } = answer else { bail!("it answers with something else") };
        match (position, invalidation.is_in_fleet()) {
            (Some(position), false) => invalidation.resume(&position)?,
            (None, true) => {}
            // One of them is in a fleet and the other is not: what either of them purges the other does not know of.
            (Some(_), true) | (None, false) => bail!("only one of the two processes has a Redis"),
        }
        self.link.send(&FromNew::Serving).await?;
        Ok(())
    }

    /// Applies what the other process still purges, and reads what that leaves at `snapshot`, until it has ended.
    pub(in crate::cli) async fn follow(
        mut self,
        engine: Arc<Engine>,
        clock: Arc<dyn Clock>,
        snapshot: Option<PathBuf>,
    ) {
        let invalidation = engine.invalidation();
        loop {
            match self.link.receive().await {
                Ok(FromRunning::Purge(fields)) => {
                    let purge = succession::read(&fields);
                    // What the log of a lone instance takes, it takes at once.
                    drop(invalidation.purge(purge, PurgeOptions::default()).await);
                    if let Err(error) = self.link.send(&FromNew::Applied).await {
                        tracing::debug!(%error, "the process before this one was not notified of a purge");
                    }
                }
                Ok(FromRunning::Snapshot) => {
                    if let Some(path) = &snapshot {
                        snapshot::load_predecessors(path, Arc::clone(&engine), Arc::clone(&clock));
                    }
                }
                Ok(FromRunning::Ended) => return tracing::info!("the process before this one has ended"),
                Ok(FromRunning::Sockets { .. } | FromRunning::HandOver { .. }) | Err(_) => {
                    if !invalidation.is_in_fleet() {
                        tracing::warn!(
                            "the process before this one has not said that it ended: what is older is validated"
                        );
                        invalidation.doubt_the_past();
                    }
                    return;
                }
            }
        }
    }
}
