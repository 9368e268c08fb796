//! Tells when the rules may have changed on disk.
//!
//! The folder that holds the rules is watched as well as the rules themselves, because editors and deployments rename a
//! new file or folder into place of the old one. Events come in bursts: one thread waits for a quiet moment and then
//! calls back once. It ends when the watch is dropped.

use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

/// How long it must be quiet before a burst counts as over.
const QUIET: Duration = Duration::from_millis(100);

/// How long a burst may go on before the callback is called all the same.
const BURST_MAX: Duration = Duration::from_secs(2);

/// Watches until dropped.
#[derive(Debug)]
pub struct RulesWatch {
    messages: Sender<Message>,
}

impl Drop for RulesWatch {
    fn drop(&mut self) {
        // The thread, which holds the watcher, ends with it; it may have ended already.
        let _ = self.messages.send(Message::Stop);
    }
}

#[derive(Debug)]
enum Message {
    Changed,
    Stop,
}

/// Why the rules can't be watched. Reloading on request still works.
#[derive(Debug, thiserror::Error)]
#[error("cannot watch `{}` for changes", .path.display())]
pub struct WatchError {
    path: PathBuf,
    #[source]
    cause: notify::Error,
}

/// Calls `on_change` on a thread of its own after the rules at `path` may have changed: at least once after the last
/// change, and now and then for nothing.
///
/// # Errors
/// Where the system can't watch the folder.
pub fn watch_rules(path: &Path, on_change: impl Fn() + Send + 'static) -> Result<RulesWatch, WatchError> {
    let failed = |cause| WatchError { path: path.to_owned(), cause };
    let path = std::path::absolute(path).map_err(|error| failed(error.into()))?;
    let (sender, messages) = channel();
    let handle = sender.clone();
    let rules = path.clone();
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
        // An error (a queue that ran over, say) may hide a change.
        if event.as_ref().map_or(true, |event| concerns(event, &rules)) {
            // Nobody listens once the watch is dropped.
            let _ = sender.send(Message::Changed);
        }
    })
    .map_err(failed)?;
    watcher.watch(path.parent().unwrap_or(&path), RecursiveMode::NonRecursive).map_err(failed)?;
    watch_again(&mut watcher, &path);
    let spawned = thread::Builder::new().name("larder-rules".to_owned());
    let run = move || call_back(&messages, &mut watcher, &path, &on_change);
    spawned.spawn(run).map_err(|error| failed(error.into()))?;
    Ok(RulesWatch { messages: handle })
}

fn concerns(event: &Event, path: &Path) -> bool {
    let is_change = !matches!(event.kind, EventKind::Access(_));
    // A mounted configuration map changes by a renamed link named `..data`.
    let is_link =
        |changed: &PathBuf| changed.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b".."));
    is_change
        && (event.paths.is_empty() || event.paths.iter().any(|changed| changed.starts_with(path) || is_link(changed)))
}

/// Watches the folder itself, which may be another one than before under the same name.
fn watch_again(watcher: &mut RecommendedWatcher, path: &Path) {
    if path.is_dir() {
        // The folder may vanish at this moment; the one above it tells when it is back.
        let _ = watcher.unwatch(path);
        let _ = watcher.watch(path, RecursiveMode::NonRecursive);
    }
}

fn call_back(messages: &Receiver<Message>, watcher: &mut RecommendedWatcher, path: &Path, on_change: &impl Fn()) {
    while let Ok(Message::Changed) = messages.recv() {
        let started = Instant::now();
        while started.elapsed() < BURST_MAX {
            match messages.recv_timeout(QUIET) {
                Ok(Message::Changed) => {}
                Err(RecvTimeoutError::Timeout) => break,
                Ok(Message::Stop) | Err(RecvTimeoutError::Disconnected) => return,
            }
        }
        watch_again(watcher, path);
        on_change();
    }
}
