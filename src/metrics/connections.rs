//! Client connections that met the bound on them.

use crate::metric::{Measured, Metric, Samples};
use crate::proxy::observer::HandshakeResult;
use std::sync::atomic::{AtomicU64, Ordering};

const CLOSED_FOR_ROOM: Metric = Metric::counter(
    "larder_connections_closed_for_room_total",
    &[],
    "Client connections closed, the longest idle first, because limits.connections was reached.",
);
const WAITED: Metric = Metric::counter(
    "larder_connections_waited_total",
    &[],
    "Client connections that had to wait because limits.connections was reached and none was idle.",
);

const HANDSHAKES: Metric =
    Metric::counter("larder_tls_handshakes_total", &["result"], "TLS handshakes of clients that are over.");

/// Those of connections.
pub(crate) const METRICS: &[&Metric] = &[&CLOSED_FOR_ROOM, &WAITED, &HANDSHAKES];

#[derive(Debug, Default)]
pub(super) struct Connections {
    pub(super) closed_for_room: AtomicU64,
    pub(super) waited: AtomicU64,
    /// By result, in the order of [`HandshakeResult::ALL`].
    handshakes: [AtomicU64; HandshakeResult::ALL.len()],
}

impl Connections {
    pub(super) fn handshake(&self, result: HandshakeResult) {
        if let Some(count) = self.handshakes.get(result as usize) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Measured for Connections {
    fn sample(&self, samples: &mut Samples) {
        samples.number(&CLOSED_FOR_ROOM, &[], self.closed_for_room.load(Ordering::Relaxed));
        samples.number(&WAITED, &[], self.waited.load(Ordering::Relaxed));
        let handshakes = HandshakeResult::ALL.iter().zip(&self.handshakes);
        let handshakes = handshakes.map(|(result, count)| (result.label(), count.load(Ordering::Relaxed)));
        samples.numbers(&HANDSHAKES, &[], handshakes);
    }
}
