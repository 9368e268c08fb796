//! The snapshot file (`memory.snapshot`): read by a process when it starts, written by it when it ends.
//!
//! Only its owner may read it, since it holds what clients were sent. It is removed before anything of it is served: what
//! is purged from then on is not in it. While it is written it has another name, so that there is a whole one or none.

use crate::clock::Clock;
use crate::engine::Engine;
use crate::engine::snapshot::Written;
use crate::invalidation::Invalidation;
use crate::invalidation::position::LogPosition;
use crate::store::memory::Admission;
use crate::store::snapshot::{SnapshotError, SnapshotReader, SnapshotWriter};
use anyhow::{Context as _, bail, ensure};
use rustix::fs::OFlags;
use serde::{Deserialize, Serialize};
use std::fs::{self, File, OpenOptions};
use std::io::{BufReader, BufWriter, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// Bytes that are read or written at once.
const BUFFER_BYTES: usize = 1 << 20;

/// Who may read and write it.
const OWNER_ALONE: u32 = 0o600;

/// What its mode must leave to nobody else.
const OTHERS: u32 = 0o077;

/// How long the first requests may be kept waiting for the snapshot.
const SMALL_WITHIN: Duration = Duration::from_millis(250);

/// So many ids of snapshots that were read are remembered.
const IDS_KEPT: usize = 1_000;

/// What the writer of a snapshot notes in it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Note {
    /// Its own in all the world.
    id: String,
    position: LogPosition,
}

/// What an earlier process has left: where it stood in the log, and what it had in memory.
pub(super) struct Earlier {
    pub(super) position: LogPosition,
    entries: SnapshotReader<BufReader<File>>,
}

/// Takes the file away from where it lies, and reads where its writer stood in the log. `None` if there is no file, or
/// none that can be used, which the log says.
pub(super) fn take(path: &Path) -> Option<Earlier> {
    let path_shown = path.display();
    match open(path) {
        Ok(earlier) => earlier,
        Err(error) => {
            tracing::warn!("the snapshot {path_shown} is not used: {error:#}");
            None
        }
    }
}

fn open(path: &Path) -> anyhow::Result<Option<Earlier>> {
    let flags = i32::try_from((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits()).unwrap_or_default();
    let file = match OpenOptions::new().read(true).custom_flags(flags).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    // Whatever it is, it is not read a second time.
    fs::remove_file(path).context("it cannot be removed")?;
    let about = file.metadata()?;
    ensure!(about.is_file(), "it is no file");
    ensure!(about.uid() == rustix::process::geteuid().as_raw(), "it belongs to another user");
    ensure!(about.mode() & OTHERS == 0, "others than its owner may open it: its mode must be 600");
    let (entries, note) = SnapshotReader::open(BufReader::with_capacity(BUFFER_BYTES, file))?;
    let Note { id, position } = serde_json::from_slice(&note).context("its writer's note cannot be read")?;
    note_as_read(path, &id).context("it cannot be noted that it was read")?;
    Ok(Some(Earlier { position, entries }))
}

/// Notes that the snapshot of this id is read. One that was read before, and was copied, lacks what was purged since.
fn note_as_read(path: &Path, id: &str) -> anyhow::Result<()> {
    let list = with_suffix(path, "read");
    let known = match fs::read_to_string(&list) {
        Ok(known) => known,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(error.into()),
    };
    let mut ids: Vec<&str> = known.lines().collect();
    ensure!(!ids.contains(&id), "it was read before");
    ids.push(id);
    let newest = ids[ids.len().saturating_sub(IDS_KEPT)..].join("\n");
    let temporary = beside(&list);
    create(&temporary)?.write_all(newest.as_bytes())?;
    Ok(fs::rename(temporary, list)?)
}

/// Reads what the process before this one has left, in whose log, or fleet, this one goes on already.
pub(super) fn load_predecessors(path: &Path, engine: Arc<Engine>, clock: Arc<dyn Clock>) {
    let Some(earlier) = take(path) else { return };
    // Alone, what was purged there since the log was handed over was passed on, and is in this log under other stamps.
    if engine.invalidation().is_in_fleet()
        && let Err(error) = engine.invalidation().learn(&earlier.position)
    {
        return tracing::warn!("the snapshot is not used: {error}");
    }
    // It ends by itself.
    drop(earlier.load(engine, clock));
}

/// Goes on in the log from where the earlier process stood; where that is another log, what it has left is of no use.
pub(super) fn resume(invalidation: &Invalidation, earlier: &mut Option<Earlier>) {
    if let Some(Err(error)) = earlier.as_ref().map(|earlier| invalidation.resume(&earlier.position)) {
        tracing::warn!("the snapshot is not used: {error}");
        *earlier = None;
    }
}

/// A snapshot that is being read into memory.
pub(super) struct Loading {
    goes_on: Arc<AtomicBool>,
    task: JoinHandle<()>,
}

impl Loading {
    /// Ends it, whether or not all is read.
    pub(super) async fn give_up(self) {
        self.goes_on.store(false, Ordering::Relaxed);
        if !self.task.is_finished() {
            let _ = self.task.await;
        }
    }
}

/// Waits until a snapshot is in memory, but not for long: a small one is there before the first request, a large one is read
/// while requests are served.
pub(super) async fn wait_for_small(loading: &mut Option<Loading>) {
    if let Some(loading) = loading {
        // What went wrong is in the log.
        let _ = timeout(SMALL_WITHIN, &mut loading.task).await;
    }
}

impl Earlier {
    /// Puts its entries into memory, on a thread of its own.
    pub(super) fn load(self, engine: Arc<Engine>, clock: Arc<dyn Clock>) -> Loading {
        let goes_on = Arc::new(AtomicBool::new(true));
        let still = Arc::clone(&goes_on);
        let task = tokio::task::spawn_blocking(move || {
            let records = self.entries.records();
            if let Err(error) = self.load_all(&engine, &*clock, &still) {
                let error: &dyn std::error::Error = &error;
                tracing::warn!(error, records, "the rest of the snapshot is not used");
            }
        });
        Loading { goes_on, task }
    }

    fn load_all(mut self, engine: &Arc<Engine>, clock: &dyn Clock, goes_on: &AtomicBool) -> Result<(), SnapshotError> {
        let began = Instant::now();
        let body_bytes_max = engine.memory().usage().size_bytes;
        let (mut loaded, mut passed_over, mut unreadable) = (0_u64, 0_u64, 0_u64);
        while goes_on.load(Ordering::Relaxed)
            && let Some(next) = self.entries.next(clock.now(), body_bytes_max)?
        {
            match next {
                Ok((key, entry)) => match engine.take_earlier(&key, entry) {
                    Admission::Stored => loaded += 1,
                    Admission::Gone | Admission::TooLarge => passed_over += 1,
                },
                Err(_) => unreadable += 1,
            }
        }
        let millis = began.elapsed().as_millis();
        tracing::info!(loaded, passed_over, unreadable, millis, "the snapshot is in memory");
        Ok(())
    }
}

/// Makes the folder of the file, and tries whether a file can be made there.
pub(super) fn make_folder(path: &Path) -> anyhow::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    if let Some(folder) = folder.filter(|folder| !folder.exists()) {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    }
    drop(create(&beside(path))?);
    Ok(fs::remove_file(beside(path))?)
}

/// The name under which it is written.
fn beside(path: &Path) -> PathBuf {
    with_suffix(path, &std::process::id().to_string())
}

pub(super) fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{suffix}"));
    name.into()
}

/// A new file, which nobody else can have put there.
pub(super) fn create(path: &Path) -> std::io::Result<File> {
    if let Err(error) = fs::remove_file(path)
        && error.kind() != std::io::ErrorKind::NotFound
    {
        return Err(error);
    }
    OpenOptions::new().write(true).create_new(true).mode(OWNER_ALONE).open(path)
}

/// A snapshot that is being written. Dropped before its end, it is given up.
pub(super) struct Writing {
    quiet: Option<mpsc::Sender<()>>,
    goes_on: Arc<AtomicBool>,
    task: JoinHandle<Finished>,
}

impl Writing {
    /// Begins to write what is in memory, on a thread of its own.
    pub(super) fn begin(path: PathBuf, engine: Arc<Engine>) -> Self {
        let (quiet, until_quiet) = mpsc::channel();
        let goes_on = Arc::new(AtomicBool::new(true));
        let still = Arc::clone(&goes_on);
        let task = tokio::task::spawn_blocking(move || {
            let temporary = beside(&path);
            let written = write(&temporary, &engine, &until_quiet, || still.load(Ordering::Relaxed));
            let named = written.and_then(|()| fs::rename(&temporary, &path).map_err(Into::into));
            if let Err(error) = named {
                let path = path.display();
                tracing::warn!("no snapshot is left at {path}: {error:#}");
                // Where it was not made, there is nothing to remove.
                let _ = fs::remove_file(temporary);
                return Finished::Not;
            }
            Finished::Whole
        });
        Self { quiet: Some(quiet), goes_on, task }
    }

    /// Says that nothing changes any more in memory or in the log, and waits until the file is whole.
    pub(super) async fn finish(mut self) -> Finished {
        if let Some(quiet) = self.quiet.take() {
            // A writer that has failed has logged why.
            let _ = quiet.send(());
        }
        (&mut self.task).await.unwrap_or(Finished::Not)
    }
}

/// Whether there is a snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Finished {
    Whole,
    Not,
}

impl Drop for Writing {
    fn drop(&mut self) {
        self.goes_on.store(false, Ordering::Relaxed);
    }
}

/// Writes what is in memory now; once all is quiet what has changed since, and where the instance stands in the log.
fn write(
    path: &Path,
    engine: &Arc<Engine>,
    until_quiet: &mpsc::Receiver<()>,
    goes_on: impl Fn() -> bool,
) -> anyhow::Result<()> {
    let began = Instant::now();
    let mut out = SnapshotWriter::begin(BufWriter::with_capacity(BUFFER_BYTES, create(path)?))?;
    let (mut written, rules) = (Written::default(), engine.rules().number());
    engine.write_entries(&mut out, &mut written, &goes_on)?;
    if until_quiet.recv().is_err() {
        bail!("the instance has ended before it was written");
    }
    written.left_out = 0;
    let gone = engine.write_entries(&mut out, &mut written, &goes_on)?;
    ensure!(engine.rules().number() == rules, "the rules have changed while it was written");
    let note = Note { id: format!("{:032x}", rand::random::<u128>()), position: engine.invalidation().position() };
    let (entries, left_out, bytes) = (written.entries() - gone.len(), written.left_out, out.bytes());
    out.finish(&gone, &serde_json::to_vec(&note)?)?;
    let millis = began.elapsed().as_millis();
    tracing::info!(entries, left_out, bytes, millis, "the snapshot is written");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn loading(task: JoinHandle<()>) -> Loading {
        Loading { goes_on: Arc::new(AtomicBool::new(true)), task }
    }

    #[tokio::test(start_paused = true)]
    async fn a_start_waits_for_a_small_snapshot_and_not_for_a_large_one() {
        let mut small = Some(loading(tokio::spawn(async {})));
        wait_for_small(&mut small).await;
        assert!(small.as_ref().is_some_and(|loading| loading.task.is_finished()));
        // What has ended is not waited for a second time.
        small.expect("it is there").give_up().await;

        let mut large = Some(loading(tokio::spawn(std::future::pending())));
        wait_for_small(&mut large).await;
        assert!(large.is_some_and(|loading| !loading.task.is_finished()));
        wait_for_small(&mut None).await;
    }
}
