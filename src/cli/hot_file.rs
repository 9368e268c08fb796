//! What was asked for most, beside the snapshot (`.hot` added to its name), one request a line: what `top` warms after a start.
//!
//! It says which URLs are asked for, and fields that choose answers; so only its owner may read it. It is written now and
//! then, too, so that it is there after a crash.

use super::snapshot::{create, with_suffix};
use crate::engine::hot_requests::HotRequest;
use crate::supervisor::Supervisor;
use crate::warming::Warming;
use std::fs::{self, File};
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// How often it is written.
const WRITTEN_EVERY: Duration = Duration::from_mins(1);

/// How many requests it holds.
const REQUESTS_MAX: usize = 4_096;

/// The most that is read of it, in bytes.
const BYTES_MAX: u64 = 64 << 20;

/// What an earlier process was asked for most; nothing where that is not known.
pub(super) fn read(snapshot: Option<&Path>) -> Vec<HotRequest> {
    let Some(path) = snapshot.map(|snapshot| with_suffix(snapshot, "hot")) else { return Vec::new() };
    let file = match File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Vec::new(),
        Err(error) => {
            tracing::warn!(%error, "what was asked for most cannot be read from {}", path.display());
            return Vec::new();
        }
    };
    let lines = BufReader::new(file.take(BYTES_MAX)).lines().map_while(Result::ok);
    // A line that is damaged costs one request that would have been warmed.
    lines.filter_map(|line| serde_json::from_str(&line).ok()).take(REQUESTS_MAX).collect()
}

/// Writes it, unless nothing is asked for.
pub(super) fn write(snapshot: &Path, warming: &Warming) {
    let path = with_suffix(snapshot, "hot");
    if let Err(error) = try_write(&path, &warming.hottest(REQUESTS_MAX)) {
        tracing::warn!(%error, "what is asked for most cannot be written to {}", path.display());
    }
}

fn try_write(path: &Path, hot: &[HotRequest]) -> io::Result<()> {
    if hot.is_empty() {
        return Ok(());
    }
    let temporary = with_suffix(path, &std::process::id().to_string());
    let mut text = Vec::new();
    for request in hot {
        serde_json::to_writer(&mut text, request)?;
        text.push(b'\n');
    }
    create(&temporary)?.write_all(&text)?;
    fs::rename(temporary, path)
}

/// Writes it now and then, where there is a snapshot to put it beside.
pub(super) fn keep_writing(snapshot: Option<PathBuf>, warming: &Arc<Warming>, tasks: &mut Supervisor) {
    let Some(snapshot) = snapshot else { return };
    let warming = Arc::clone(warming);
    tasks.restart("hot-requests", move || {
        let (snapshot, warming) = (snapshot.clone(), Arc::clone(&warming));
        async move {
            loop {
                tokio::time::sleep(WRITTEN_EVERY).await;
                let (snapshot, warming) = (snapshot.clone(), Arc::clone(&warming));
                // What went wrong is in the log.
                drop(tokio::task::spawn_blocking(move || write(&snapshot, &warming)).await);
            }
        }
    });
}
