//! What is sent to a service manager (systemd's `sd_notify`): ready, reloading, stopping, and that this process still
//! lives. Where there is none, nothing is sent.

use sd_notify::NotifyState;
use std::time::Duration;

/// A process that has taken another one's place says which process to watch from now on.
pub(super) fn ready() {
    tell(&[NotifyState::Ready, NotifyState::MainPid(std::process::id())]);
}

/// The rules are read again; [`ready`] follows.
pub(super) fn reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => tell(&[NotifyState::Reloading, now]),
        Err(error) => tracing::debug!(%error, "the service manager was not notified of a reload"),
    }
}

/// The instance is on its way to its end.
pub(super) fn stopping() {
    tell(&[NotifyState::Stopping]);
}

/// Tells that the runtime still makes progress, as often as is asked for. Never ends.
pub(super) async fn watchdog() {
    let Some(within) = sd_notify::watchdog_enabled().filter(|within| *within > Duration::ZERO) else {
        return std::future::pending().await;
    };
    loop {
        tell(&[NotifyState::Watchdog]);
        tokio::time::sleep(within / 2).await;
    }
}

fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::warn!(%error, "the service manager cannot be notified");
    }
}
