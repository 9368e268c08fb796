//! Follows server-sent events of the admin API.

use super::client::{AdminClient, ClientError};
use http::Method;
use http_body_util::{BodyExt, Full, Limited};
use std::ops::ControlFlow;

/// The most bytes of one line, and of a refusal.
const BYTES_MAX: usize = 256 << 10;

/// One event.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Event<'a> {
    /// One without a name: its data.
    Data(&'a str),
    /// One with a name.
    Named(&'a str, &'a str),
}

/// Why the events are over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Over {
    /// Enough were seen.
    Enough,
    /// The instance has ended them.
    Ended,
}

/// Gives each event of a call to `each`, until it has seen enough or there are no more.
///
/// # Errors
/// Where there is no answer, the answer is no, or it breaks off.
pub(super) async fn follow(
    client: &AdminClient,
    path: &str,
    mut each: impl FnMut(Event<'_>) -> ControlFlow<()>,
) -> Result<Over, ClientError> {
    let request = client.request(Method::GET, path).body(Full::<bytes::Bytes>::default())?;
    let (head, mut body) = client.answer_to(request).await?.into_parts();
    if !head.status.is_success() {
        let body = Limited::new(body, BYTES_MAX).collect().await.map_err(|cause| client.unreachable(cause))?;
        return client.judged(head.status, &body.to_bytes()).map(|_| Over::Ended);
    }
    let mut lines = Lines::default();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|cause| client.unreachable(cause))?.into_data() else { continue };
        if lines.take(&data, &mut each).is_break() {
            return Ok(Over::Enough);
        }
        if lines.begun.len() > BYTES_MAX {
            client.judged(head.status, b"a line without end")?;
        }
    }
    Ok(Over::Ended)
}

/// Lines as they come in pieces.
#[derive(Default)]
struct Lines {
    begun: Vec<u8>,
    /// The name of the event that is being read.
    name: Option<String>,
}

impl Lines {
    fn take(&mut self, piece: &[u8], each: &mut impl FnMut(Event<'_>) -> ControlFlow<()>) -> ControlFlow<()> {
        self.begun.extend_from_slice(piece);
        while let Some(end) = memchr::memchr(b'\n', &self.begun) {
            let line: Vec<u8> = self.begun.drain(..=end).collect();
            let line = String::from_utf8_lossy(&line);
            let line = line.trim_end();
            if let Some(name) = line.strip_prefix("event: ") {
                self.name = Some(name.to_owned());
            } else if let Some(data) = line.strip_prefix("data: ") {
                match self.name.take() {
                    Some(name) => each(Event::Named(&name, data))?,
                    None => each(Event::Data(data))?,
                }
            }
        }
        ControlFlow::Continue(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_read_however_they_are_cut() {
        let text = ": watching\n\ndata: {\"a\":1}\n\nevent: lost\ndata: {\"decisions\":2}\n\n:\n\ndata: {}\n\n";
        for size in [1, 3, 7, text.len()] {
            let (mut lines, mut seen) = (Lines::default(), Vec::new());
            for piece in text.as_bytes().chunks(size) {
                let over = lines.take(piece, &mut |event| {
                    seen.push(format!("{event:?}"));
                    ControlFlow::Continue(())
                });
                assert!(over.is_continue());
            }
            let expected = [r#"Data("{\"a\":1}")"#, r#"Named("lost", "{\"decisions\":2}")"#, r#"Data("{}")"#];
            assert_eq!(seen, expected, "{size}");
        }
    }
}
