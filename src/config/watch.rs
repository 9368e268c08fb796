//! Tells when the rules, or other files, may have changed on disk.
//!
//! The folder that holds them is watched as well as the files themselves, because editors and deployments rename a
//! new file or folder into place of the old one; and so are the folders of all links on the way to them, which deployments
//! swap to put another release in place. Events come in bursts: one callback answers each, after a quiet moment.

use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep, timeout};

/// How long it must be quiet before a burst counts as over.
const QUIET: Duration = Duration::from_millis(100);

/// How long a burst may go on before the callback is called all the same.
const BURST_MAX: Duration = Duration::from_secs(2);

/// How long it takes until a watch that the system did not give is asked for again.
const AGAIN: Duration = Duration::from_secs(30);

/// Why files can't be watched. Reloading on request still works.
#[derive(Debug, thiserror::Error)]
#[error("cannot watch `{}` for changes", .path.display())]
pub struct WatchError {
    path: PathBuf,
    #[source]
    cause: notify::Error,
}

/// Calls `on_change`, which may block, once the watch stands and after one of these files or folders may have changed: at
/// least once after the last change, and now and then for nothing. Ends only by a panic of `on_change`. Where the system
/// gives no watch, `on_failure` is called once, and the watch is asked for again every half minute.
pub async fn watch(
    paths: &[PathBuf],
    on_change: impl Fn() + Send + Sync + 'static,
    on_failure: impl FnOnce(WatchError),
) {
    let (on_change, mut on_failure) = (Arc::new(on_change), Some(on_failure));
    loop {
        if let Err(error) = watch_while_possible(paths, &on_change).await
            && let Some(on_failure) = on_failure.take()
        {
            on_failure(error);
        }
        sleep(AGAIN).await;
    }
}

/// Logs that these files are not watched.
pub(crate) fn warn(what: &'static str) -> impl FnOnce(WatchError) + Send {
    move |error| {
        let error: &dyn std::error::Error = &error;
        tracing::warn!(error, "{what} cannot be watched; until they can, reload them with SIGHUP or POST /reload");
    }
}

async fn watch_while_possible(
    paths: &[PathBuf],
    on_change: &Arc<impl Fn() + Send + Sync + 'static>,
) -> Result<(), WatchError> {
    let absolute = |path: &PathBuf| {
        std::path::absolute(path).map_err(|error| WatchError { path: path.clone(), cause: error.into() })
    };
    let paths = paths.iter().map(absolute).collect::<Result<Vec<_>, _>>()?;
    let failed = |cause| WatchError { path: paths.first().cloned().unwrap_or_default(), cause };
    let changed = Arc::new(Notify::new());
    let places = Arc::new(Mutex::new(Places::of(&paths)));
    let (notice, known, concerned) = (Arc::clone(&changed), Arc::clone(&places), paths.clone());
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
        // An error (a queue that ran over, say) may hide a change.
        if event.as_ref().map_or(true, |event| concerns(event, &concerned, &lock(&known).links)) {
            notice.notify_one();
        }
    })
    .map_err(failed)?;
    for path in &paths {
        let folder = path.parent().unwrap_or(path);
        let failed = |cause| WatchError { path: path.clone(), cause };
        watcher.watch(folder, RecursiveMode::NonRecursive).map_err(failed)?;
    }
    let mut watching = Watching { watcher, paths, places };
    loop {
        watching.begin_again();
        let on_change = Arc::clone(on_change);
        if let Err(error) = spawn_blocking(move || on_change()).await
            && let Ok(panic) = error.try_into_panic()
        {
            std::panic::resume_unwind(panic);
        }
        changed.notified().await;
        let burst_ends = Instant::now() + BURST_MAX;
        while Instant::now() < burst_ends && timeout(QUIET, changed.notified()).await.is_ok() {}
    }
}

fn concerns(event: &Event, paths: &[PathBuf], links: &BTreeSet<PathBuf>) -> bool {
    let is_change = !matches!(event.kind, EventKind::Access(_));
    // A mounted configuration map changes by a renamed link named `..data`.
    let is_link =
        |changed: &PathBuf| changed.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b".."));
    let is_within = |changed: &PathBuf| paths.iter().any(|path| changed.starts_with(path));
    let concerns = |changed: &PathBuf| is_within(changed) || is_link(changed) || links.contains(changed);
    is_change && (event.paths.is_empty() || event.paths.iter().any(concerns))
}

/// The links between the root and the rules, and the folders in which a change can put other rules in place.
#[derive(Debug, Default)]
struct Places {
    links: BTreeSet<PathBuf>,
    folders: BTreeSet<PathBuf>,
}

/// More links than this on the way are a circle.
const LINKS_MAX: usize = 40;

impl Places {
    fn of(paths: &[PathBuf]) -> Self {
        let mut places = Self::default();
        for path in paths {
            places.folders.extend(path.parent().map(Path::to_owned));
            if path.is_dir() {
                places.folders.insert(path.clone());
            }
            places.follow(path);
        }
        places
    }

    /// Notes each link that a look-up of `path` goes through, those behind links too.
    fn follow(&mut self, path: &Path) {
        let mut way = PathBuf::new();
        for part in path.components() {
            way.push(part);
            let Ok(to) = std::fs::read_link(&way) else { continue };
            let Some(folder) = way.parent().map(Path::to_owned) else { continue };
            self.folders.insert(folder.clone());
            if self.links.len() < LINKS_MAX && self.links.insert(way.clone()) {
                self.follow(&folder.join(to));
            }
        }
    }
}

fn lock(places: &Mutex<Places>) -> MutexGuard<'_, Places> {
    // It is replaced as a whole, so a panic elsewhere does not spoil it.
    places.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Watching {
    watcher: RecommendedWatcher,
    paths: Vec<PathBuf>,
    places: Arc<Mutex<Places>>,
}

impl Watching {
    /// Watches the folders themselves, which may be other ones than before under the same names.
    fn begin_again(&mut self) {
        let next = Places::of(&self.paths);
        let before = std::mem::replace(&mut *lock(&self.places), Places::of(&self.paths));
        for folder in &before.folders {
            // It may have gone, and the watch with it.
            let _ = self.watcher.unwatch(folder);
        }
        for folder in &next.folders {
            // One may vanish at this moment; the one above it shows when it is back.
            let _ = self.watcher.watch(folder, RecursiveMode::NonRecursive);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::sync::mpsc;
    use tokio::time::advance;

    #[tokio::test(start_paused = true)]
    async fn what_cannot_be_watched_is_reported_once_and_watched_as_soon_as_it_can_be() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("later");
        let (called, mut changed) = mpsc::unbounded_channel();
        let (failures, mut failed) = mpsc::unbounded_channel();
        let paths = [folder.join("rules.toml")];
        let watching = watch(
            &paths,
            move || called.send(()).expect("the test listens"),
            move |error| failures.send(error.to_string()).expect("the test listens"),
        );
        let script = async {
            assert!(failed.recv().await.unwrap().contains("cannot watch"));
            advance(AGAIN * 3).await;
            assert_eq!(failed.recv().await, None);
            std::fs::create_dir(&folder).unwrap();
            changed.recv().await.unwrap();
        };
        tokio::select! {
            () = watching => panic!("a watch does not end"),
            () = script => {}
        }
    }
}
