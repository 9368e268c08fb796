//! Client connections that met the bound on them.

use crate::metric::{Measured, Metric, Samples};
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

/// Those of connections.
pub(crate) const METRICS: &[&Metric] = &[&CLOSED_FOR_ROOM, &WAITED];

#[derive(Debug, Default)]
pub(super) struct Connections {
    pub(super) closed_for_room: AtomicU64,
    pub(super) waited: AtomicU64,
}

impl Measured for Connections {
    fn sample(&self, samples: &mut Samples) {
        samples.number(&CLOSED_FOR_ROOM, &[], self.closed_for_room.load(Ordering::Relaxed));
        samples.number(&WAITED, &[], self.waited.load(Ordering::Relaxed));
    }
}
