//! A lazy timer: created when something first has to wait, moved only when it must ring earlier or has rung.

use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::time::{Instant, Sleep, sleep_until};

/// One timer that serves one deadline after another. Deadlines that move later, as they do with each request, leave
/// the timer where it is: it rings early, and the one that asks again then moves it.
#[derive(Debug, Default)]
pub(crate) struct Alarm {
    sleep: Option<Pin<Box<Sleep>>>,
}

impl Alarm {
    /// One that has never been asked.
    pub(crate) const fn new() -> Self {
        Self { sleep: None }
    }

    /// Ready once `deadline` has passed; otherwise the task is woken no later than then, and must ask again.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>, deadline: Instant) -> Poll<()> {
        let sleep = self.sleep.get_or_insert_with(|| Box::pin(sleep_until(deadline)));
        if sleep.deadline() > deadline {
            sleep.as_mut().reset(deadline);
        }
        while sleep.as_mut().poll(cx).is_ready() {
            if sleep.deadline() >= deadline {
                return Poll::Ready(());
            }
            sleep.as_mut().reset(deadline);
        }
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::poll_fn;
    use std::time::Duration;

    #[tokio::test(start_paused = true)]
    async fn the_alarm_rings_at_the_latest_deadline_asked_for() {
        let start = Instant::now();
        let mut alarm = Alarm::default();
        let mut asked = 0;
        poll_fn(|cx| {
            asked += 1;
            let after = if asked == 1 { 10 } else { 30 };
            alarm.poll(cx, start + Duration::from_secs(after))
        })
        .await;
        assert_eq!(start.elapsed().as_secs(), 30);
        assert_eq!(asked, 3, "asked, woken early and moved, rung");
    }

    #[tokio::test(start_paused = true)]
    async fn an_earlier_deadline_moves_the_alarm_forward() {
        let start = Instant::now();
        let mut alarm = Alarm::default();
        poll_fn(|cx| {
            let _ = alarm.poll(cx, start + Duration::from_mins(1));
            alarm.poll(cx, start + Duration::from_secs(5))
        })
        .await;
        assert_eq!(start.elapsed().as_secs(), 5);
    }
}
