//! `[stamps]`: what stamps are signed with, and how long they are waited for.

use super::problem::{Place, Problem};
use super::raw_stamps::RawStamps;
use super::resolve::Resolver;
use super::table::Placed;
use super::values::DurationText;
use crate::fleet::options::FleetOptions;
use crate::stamps::secret::StampKeys;
use crate::stamps::{StampCookie, StampOptions};
use std::ops::RangeInclusive;
use std::time::Duration;

/// `wait`
const WAIT_DEFAULT: Duration = Duration::from_millis(100);

/// The longest `wait`: the origin can be asked instead.
const WAIT_MAX: Duration = Duration::from_secs(10);

/// `cookie_max_age`
const COOKIE_MAX_AGE_DEFAULT: Duration = Duration::from_mins(2);

/// What `cookie_max_age` may be, in whole seconds as cookies have it.
const COOKIE_MAX_AGE: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_hours(1);

/// How a secret is made.
const HINT: &str = "make one with `openssl rand -base64 32`, the same for all instances";

impl Resolver<'_> {
    pub(super) fn stamps(
        &mut self,
        raw: Option<Placed<RawStamps>>,
        fleet: Option<&FleetOptions>,
    ) -> Option<StampOptions> {
        let Placed { value: raw, place } = raw?;
        let wait = raw.wait.as_ref().map_or(WAIT_DEFAULT, |wait| wait.value.0);
        if let Some(written) = raw.wait.as_ref().filter(|wait| wait.value.0 > WAIT_MAX) {
            self.problems.error(
                &written.place,
                "too long for a wait in place of the origin",
                Some("write at most 10s"),
            );
        }
        let cookie = self.stamp_cookie(raw.cookie.as_ref(), raw.cookie_max_age.as_ref(), fleet);
        let keys = self.stamp_keys(raw.secret_file.as_ref(), &place)?;
        Some(StampOptions { keys, wait, cookie })
    }

    fn stamp_cookie(
        &mut self,
        cookie: Option<&Placed<bool>>,
        max_age: Option<&Placed<DurationText>>,
        fleet: Option<&FleetOptions>,
    ) -> StampCookie {
        if let Some(written) = max_age.filter(|age| !COOKIE_MAX_AGE.contains(&age.value.0)) {
            let hint = "each request that presents it may cost a validation: write between 1s and 1h";
            self.problems.error(&written.place, "not a useful time for a stamp", Some(hint));
        }
        if !cookie.is_some_and(|cookie| cookie.value) {
            if let Some(written) = max_age {
                let hint = "set `stamps.cookie = true`";
                self.problems.push(Problem::warning(&written.place, "no cookie is set", hint));
            }
            return StampCookie::Off;
        }
        // Until an instance that is cut off serves nothing unasked any more.
        let cut_off = fleet.map(FleetOptions::lease).unwrap_or_default();
        if let Some(written) = max_age.filter(|age| age.value.0 < cut_off) {
            let hint = "write at least twice `redis.partition_grace`";
            self.problems.error(&written.place, "an instance may be cut off for longer", Some(hint));
        }
        StampCookie::For(max_age.map_or(COOKIE_MAX_AGE_DEFAULT.max(cut_off.saturating_mul(2)), |age| age.value.0))
    }

    fn stamp_keys(&mut self, file: Option<&Placed<String>>, place: &Place) -> Option<StampKeys> {
        let Some(file) = file else {
            if !self.problems.has_errors_within(place) {
                self.problems.error(place, "`stamps.secret_file` is missing", Some(HINT));
            }
            return None;
        };
        let (path, place) = (self.folder.join(&file.value), &file.place);
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) => {
                self.problems.error(place, format!("cannot read the secret: {error}"), Some(HINT));
                return None;
            }
        };
        let keys = StampKeys::parse(&text);
        keys.map_err(|error| self.problems.error(place, format!("no secret for stamps: {error}"), Some(HINT))).ok()
    }
}
