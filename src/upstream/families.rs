//! Reaching a host that has an address of each family: RFC 8305. The second is tried once the first has failed, or has
//! been tried for a while, so that a family that leads nowhere costs no more than that.

use std::io;
use std::pin::pin;
use std::time::Duration;
use tokio::time::sleep;

/// What the first family has ahead of the second: RFC 8305 section 5, "Connection Attempt Delay".
const HEAD_START: Duration = Duration::from_millis(250);

/// What comes first of two tries, the second of which begins later. Where both fail, why the first did.
pub(super) async fn raced<T>(
    first: impl Future<Output = io::Result<T>>,
    second: impl Future<Output = io::Result<T>>,
) -> io::Result<T> {
    let (mut first, mut second) = (pin!(first), pin!(second));
    tokio::select! {
        biased;
        connected = &mut first => match connected {
            Err(error) => return second.await.map_err(|_| error),
            connected => return connected,
        },
        () = sleep(HEAD_START) => {}
    }
    tokio::select! {
        biased;
        connected = &mut first => match connected {
            Err(error) => second.await.map_err(|_| error),
            connected => connected,
        },
        connected = &mut second => match connected {
            Err(_) => first.await,
            connected => connected,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::ErrorKind::{ConnectionRefused, HostUnreachable};
    use tokio::time::{Instant, timeout};

    /// A try that takes so long and ends so; or never.
    async fn tried(millis: Option<u64>, ends: io::Result<&'static str>) -> io::Result<&'static str> {
        match millis {
            Some(millis) => drop(timeout(Duration::from_millis(millis), std::future::pending::<()>()).await),
            None => std::future::pending().await,
        }
        ends
    }

    #[tokio::test(start_paused = true)]
    async fn rfc_8305_the_second_family_is_tried_after_a_quarter_of_a_second_or_a_failure() {
        let refused = || Err(ConnectionRefused.into());
        let unreachable = || Err(HostUnreachable.into());
        let rows = [
            // How long each takes and how it ends; who is reached, and when.
            (Some(0), Ok("6"), Some(0), Ok("4"), Ok("6"), 0),
            (Some(240), Ok("6"), Some(0), Ok("4"), Ok("6"), 240),
            (Some(400), Ok("6"), Some(100), Ok("4"), Ok("4"), 350),
            (Some(300), Ok("6"), Some(100), Ok("4"), Ok("6"), 300),
            (None, Ok("6"), Some(10), Ok("4"), Ok("4"), 260),
            (Some(10), refused(), Some(10), Ok("4"), Ok("4"), 20),
            (Some(300), refused(), Some(100), Ok("4"), Ok("4"), 350),
            (Some(400), Ok("6"), Some(10), refused(), Ok("6"), 400),
            (Some(10), unreachable(), Some(10), refused(), Err(HostUnreachable), 20),
        ];
        for (first_takes, first, second_takes, second, expected, at) in rows {
            let began = Instant::now();
            let reached = raced(tried(first_takes, first), tried(second_takes, second)).await;
            let reached = reached.map_err(|error| error.kind());
            assert_eq!((reached, began.elapsed().as_millis()), (expected, at));
        }
    }
}
