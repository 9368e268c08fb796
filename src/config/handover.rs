//! `memory.snapshot` and `listen.takeover`: what passes from one process to the next, and how.

use super::resolve::Resolver;
use super::table::Placed;
use std::path::PathBuf;

/// The folder that a service manager makes for the process, where it is systemd with `RuntimeDirectory=`.
const RUNTIME_VARIABLE: &str = "RUNTIME_DIRECTORY";

/// The name of the socket in that folder.
const SOCKET: &str = "takeover.sock";

/// See the module.
#[derive(Debug, Clone, Default)]
pub(crate) struct Handover {
    /// `listen.takeover`: where a new process asks for the place of this one; none: nowhere.
    pub(crate) takeover: Option<PathBuf>,
    /// `memory.snapshot`: what is in memory is left here; none: nowhere.
    pub(crate) snapshot: Option<PathBuf>,
}

impl Resolver<'_> {
    pub(super) fn handover(&self, takeover: Option<Placed<String>>, snapshot: Option<Placed<String>>) -> Handover {
        let place = |written: Placed<String>| self.folder.join(written.value);
        Handover { takeover: takeover.map(place).or_else(in_runtime_folder), snapshot: snapshot.map(place) }
    }
}

fn in_runtime_folder() -> Option<PathBuf> {
    let folders = std::env::var(RUNTIME_VARIABLE).ok()?;
    // systemd lists several with colons between them.
    let first = folders.split(':').next().filter(|first| !first.is_empty())?;
    Some(PathBuf::from(first).join(SOCKET))
}
