//! The metrics of bodies under way.

use super::InFlight;
use crate::metric::{Measured, Metric, Samples};

pub(crate) const IN_FLIGHT: Metric = Metric::gauge(
    "larder_in_flight_bytes",
    &[],
    "Bytes that bodies under way hold and that their readers have not taken; what the tiers hold is not among them.",
);
const CUT_OFF: Metric = Metric::counter(
    "larder_in_flight_cut_off_total",
    &[],
    "Readers cut off because bodies under way had reached in_flight_bytes.",
);

/// The metrics of bodies under way.
pub(crate) const METRICS: &[&Metric] = &[&IN_FLIGHT, &CUT_OFF];

impl Measured for InFlight {
    fn sample(&self, samples: &mut Samples) {
        samples.number(&IN_FLIGHT, &[], self.held_bytes());
        samples.number(&CUT_OFF, &[], self.cut_off_total());
    }
}
