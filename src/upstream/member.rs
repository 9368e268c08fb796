//! The endpoints of a pool as its members: which are asked, what they have under way, what share each takes, and when one is
//! taken out, never the last.

use super::checks::{Change, Checked, Checks, Others, Thresholds};
use super::health::{Health, Reach, Recovery, ServerState, Verdict};
use super::options::{EjectOptions, UpstreamOptions};
use super::shared::Shared;
use std::borrow::Cow;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock, Weak};
use std::time::Duration;
use tokio::time::Instant;

/// The least share that one takes which has just come back: a tenth of its weight.
const SHARE_MIN: f64 = 0.1;

/// Whether an endpoint is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// It is.
    In,
    /// Only where nobody else can be: it has failed, but may have an answer.
    LastResort,
    /// It is not: it is being drained, or gives no answer to checks.
    Closed,
}

/// When an endpoint joins its pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Arrival {
    /// With the pool.
    AtFirst,
    /// It is new in a pool that is at work.
    Later,
}

/// One endpoint of a pool. Once it is dropped, it is none.
#[derive(Debug)]
pub(super) struct Member {
    roster: Arc<Roster>,
    pub(super) shared: Arc<Shared>,
    pub(super) address: SocketAddr,
    health: Health,
    checks: Checks,
    /// Why it is out.
    why: Mutex<Cow<'static, str>>,
    /// Requests whose answers have not ended.
    under_way: AtomicU32,
    /// What it has to its credit of turns, as the bits of a number.
    credit: AtomicU64,
    /// From when on its share grows, in milliseconds since the pool began; the largest number where it takes all of it.
    grows_from_ms: AtomicU64,
    /// Whether its server is no longer found there.
    gone: AtomicBool,
}

impl Member {
    pub(super) fn new(roster: &Arc<Roster>, shared: &Arc<Shared>, address: SocketAddr, arrival: Arrival) -> Self {
        let options = roster.options();
        let member = Self {
            roster: Arc::clone(roster),
            shared: Arc::clone(shared),
            address,
            health: Health::new(options.eject),
            checks: Checks::new(options.thresholds),
            why: Mutex::default(),
            under_way: AtomicU32::new(0),
            credit: AtomicU64::new(0.0_f64.to_bits()),
            grows_from_ms: AtomicU64::new(u64::MAX),
            gone: AtomicBool::new(false),
        };
        if arrival == Arrival::Later {
            member.grow();
        }
        member
    }

    pub(super) fn state(&self) -> ServerState {
        if self.checks.checked() == Checked::Well { self.health.state() } else { ServerState::Down }
    }

    /// Whether it gives no answer to checks.
    pub(super) fn is_unreached(&self) -> bool {
        self.checks.checked() == Checked::Unreached
    }

    /// Whether it could be asked, as far as is known.
    pub(super) fn is_in(&self) -> bool {
        !self.is_leaving() && !self.health.is_out() && self.checks.checked() == Checked::Well
    }

    /// Whether it is sent nothing new, and only ends what it has under way.
    pub(super) fn is_leaving(&self) -> bool {
        self.shared.is_draining() || self.is_gone()
    }

    /// Whether its server is no longer found there.
    pub(super) fn is_gone(&self) -> bool {
        self.gone.load(Ordering::Relaxed)
    }

    /// Whether its server is found there.
    pub(super) fn find(&self, is_found: bool) {
        self.gone.store(!is_found, Ordering::Relaxed);
    }

    /// Why it is not up.
    pub(super) fn why(&self) -> Option<String> {
        (self.state() == ServerState::Down).then(|| self.said().to_string()).filter(|why| !why.is_empty())
    }

    fn said(&self) -> std::sync::MutexGuard<'_, Cow<'static, str>> {
        self.why.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a request may be sent there now.
    pub(super) fn standing(&self) -> Standing {
        match self.checks.checked() {
            _ if self.is_leaving() => Standing::Closed,
            Checked::Unreached => Standing::Closed,
            Checked::Well if self.health.admits(self.roster.now()) => Standing::In,
            Checked::Well | Checked::Unwell => Standing::LastResort,
        }
    }

    /// A request is about to be sent there.
    pub(super) fn begin(&self) {
        self.health.begin(self.roster.now());
        self.under_way.fetch_add(1, Ordering::Relaxed);
    }

    /// Its answer has ended, or was given up.
    pub(super) fn end(&self) {
        self.under_way.fetch_sub(1, Ordering::Relaxed);
    }

    pub(super) fn under_way(&self) -> u32 {
        self.under_way.load(Ordering::Relaxed)
    }

    /// Adds to its credit of turns, which the caller alone touches at the time; what it comes to.
    pub(super) fn credit(&self, more: f64) -> f64 {
        let credit = f64::from_bits(self.credit.load(Ordering::Relaxed)) + more;
        self.credit.store(credit.to_bits(), Ordering::Relaxed);
        credit
    }

    /// Its weight, of which it takes a growing part once it has come or come back: `slow_start`.
    pub(super) fn weight(&self) -> f64 {
        f64::from(self.shared.weight()) * self.share()
    }

    /// The part of its weight that it takes, above 0, up to 1.
    pub(super) fn share(&self) -> f64 {
        let since = self.grows_from_ms.load(Ordering::Relaxed);
        if since == u64::MAX {
            return 1.0;
        }
        let grown = self.roster.now().saturating_sub(Duration::from_millis(since));
        let share = grown.as_secs_f64() / self.roster.options().slow_start.as_secs_f64();
        // It is no number where there is no slow start any more.
        if share >= 1.0 || share.is_nan() {
            self.grows_from_ms.store(u64::MAX, Ordering::Relaxed);
        }
        if share.is_nan() { 1.0 } else { share.clamp(SHARE_MIN, 1.0) }
    }

    /// It has come, or come back: its share grows from now on.
    pub(super) fn grow(&self) {
        if !self.roster.options().slow_start.is_zero() {
            let now = u64::try_from(self.roster.now().as_millis()).unwrap_or(u64::MAX - 1);
            self.grows_from_ms.store(now, Ordering::Relaxed);
        }
    }

    /// See [`Health::wants_probe`].
    pub(super) fn wants_probe(&self) -> bool {
        self.health.wants_probe(self.roster.now())
    }

    /// See [`Health::probed`].
    pub(super) fn probed(&self, reach: Reach) {
        self.health.probed(self.roster.now(), reach);
    }

    /// A check came to this; `why` says what was wrong.
    pub(super) fn checked(&self, came_to: Checked, why: impl FnOnce() -> String) {
        let (server, address) = (&self.shared.name, self.address);
        match self.checks.note(came_to, self.roster.others_of(self)) {
            Change::None => {}
            Change::Fell => {
                let why = why();
                tracing::warn!(%server, %address, why, "an upstream server fails its checks and is taken out");
                *self.said() = Cow::Owned(why);
                self.shared.falls.fetch_add(1, Ordering::Relaxed);
            }
            Change::Rose => {
                tracing::info!(%server, %address, "an upstream server passes its checks again and is back");
                self.grow();
            }
        }
        if self.wants_probe() {
            self.probed(if came_to == Checked::Well { Reach::Reached } else { Reach::Unknown });
        }
    }

    /// It answered what was asked at `asked`.
    pub(super) fn answered(&self, asked: Duration) {
        if self.health.answered(self.roster.now(), asked) == Recovery::Back {
            self.grow();
            let (server, address) = (&self.shared.name, self.address);
            tracing::info!(%server, %address, "an upstream server answers again and is back");
        }
    }

    /// It failed a request, in a way that is its own.
    pub(super) fn failed(&self, why: &'static str) {
        let now = self.roster.now();
        *self.said() = Cow::Borrowed(why);
        if self.health.failed(now) == Verdict::Kept {
            return;
        }
        let taken_out = self.roster.unless_last(self, || self.health.take_out(now));
        if taken_out.is_some() {
            self.shared.ejections.fetch_add(1, Ordering::Relaxed);
            let (server, address, pause) = (&self.shared.name, self.address, self.roster.options().eject.pause);
            tracing::warn!(%server, %address, why, ?pause, "an upstream server keeps failing and is taken out");
        }
    }
}

/// All endpoints of a pool.
#[derive(Debug)]
pub(super) struct Roster {
    began: Instant,
    options: RwLock<RosterOptions>,
    /// Locked while one is taken out, so that no two take each other for the one that stays.
    members: Mutex<Vec<Weak<Member>>>,
}

/// By what its members are judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RosterOptions {
    pub(super) eject: EjectOptions,
    pub(super) thresholds: Thresholds,
    pub(super) slow_start: Duration,
}

impl RosterOptions {
    fn of(options: &UpstreamOptions) -> Self {
        let (rise, fall) = options.health.as_ref().map_or((2, 3), |health| (health.rise, health.fall));
        let thresholds = Thresholds { rise, fall };
        Self { eject: options.eject, thresholds, slow_start: options.slow_start }
    }
}

impl Roster {
    pub(super) fn new(options: &UpstreamOptions) -> Arc<Self> {
        let options = RwLock::new(RosterOptions::of(options));
        Arc::new(Self { began: Instant::now(), options, members: Mutex::default() })
    }

    /// By what its members are judged now.
    fn options(&self) -> RosterOptions {
        *self.options.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on its members are judged by these options. Who is out stays out for as long as was said then.
    pub(super) fn judge_by(&self, options: &UpstreamOptions) {
        let options = RosterOptions::of(options);
        // Whoever joins meanwhile waits for it.
        let members = self.members.lock().unwrap_or_else(PoisonError::into_inner);
        let before = std::mem::replace(&mut *self.options.write().unwrap_or_else(PoisonError::into_inner), options);
        for member in members.iter().filter_map(Weak::upgrade) {
            if before.eject != options.eject {
                member.health.judge_by(options.eject);
            }
            member.checks.judge_by(options.thresholds);
        }
    }

    /// The time since the pool began.
    pub(super) fn now(&self) -> Duration {
        self.at(Instant::now())
    }

    /// The time from when the pool began to then.
    pub(super) fn at(&self, then: Instant) -> Duration {
        then.saturating_duration_since(self.began)
    }

    /// A member that is in.
    pub(super) fn join(self: &Arc<Self>, shared: &Arc<Shared>, address: SocketAddr, arrival: Arrival) -> Arc<Member> {
        let mut members = self.members.lock().unwrap_or_else(PoisonError::into_inner);
        let member = Arc::new(Member::new(self, shared, address, arrival));
        members.retain(|member| member.strong_count() > 0);
        members.push(Arc::downgrade(&member));
        member
    }

    /// All of them, those that are no longer found but have something under way included.
    pub(super) fn members(&self) -> Vec<Arc<Member>> {
        let members = self.members.lock().unwrap_or_else(PoisonError::into_inner);
        members.iter().filter_map(Weak::upgrade).collect()
    }

    /// Whether another could be asked.
    pub(super) fn others_of(&self, member: &Member) -> Others {
        let is_other_in = |other: &Arc<Member>| !std::ptr::eq(Arc::as_ptr(other), member) && other.is_in();
        if self.members().iter().any(is_other_in) { Others::In } else { Others::Out }
    }

    /// Takes a member out, unless it is out already or no other could be asked.
    pub(super) fn unless_last(&self, member: &Member, take_out: impl FnOnce()) -> Option<()> {
        let members = self.members.lock().unwrap_or_else(PoisonError::into_inner);
        let mut others =
            members.iter().filter_map(Weak::upgrade).filter(|other| !std::ptr::eq(Arc::as_ptr(other), member));
        (others.any(|other| other.is_in()) && member.is_in()).then(take_out)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A member of a server of its own.
    pub(in crate::upstream) fn join(roster: &Arc<Roster>, name: &str, weight: u16) -> Arc<Member> {
        let address = "127.0.0.1:80".parse().unwrap();
        roster.join(&Shared::new(&name.into(), weight), address, Arrival::AtFirst)
    }

    fn roster(slow_start: Duration) -> Arc<Roster> {
        let eject = EjectOptions { failures: 2, within: Duration::from_mins(1), pause: Duration::from_mins(1) };
        Roster::new(&UpstreamOptions { eject, slow_start, ..UpstreamOptions::of(Vec::new()) })
    }

    #[test]
    fn the_last_server_stays_in_whatever_it_does() {
        let roster = roster(Duration::ZERO);
        let (a, b, gone) = (join(&roster, "a", 1), join(&roster, "b", 1), join(&roster, "gone", 1));
        drop(gone);
        for _ in 0..5 {
            a.failed("status");
            b.failed("status");
        }
        assert_eq!((a.standing(), b.standing()), (Standing::LastResort, Standing::In));
        assert_eq!((a.state(), b.state()), (ServerState::Down, ServerState::Down));
        assert_eq!((a.why().as_deref(), a.shared.ejections.load(Ordering::Relaxed)), (Some("status"), 1));
        b.answered(roster.now());
        assert_eq!((b.state(), b.why()), (ServerState::Up, None));
    }

    #[test]
    fn one_that_is_drained_or_fails_its_checks_is_no_other_that_could_be_asked() {
        let drained = roster(Duration::ZERO);
        let (a, b) = (join(&drained, "a", 1), join(&drained, "b", 1));
        a.shared.draining.store(true, Ordering::Relaxed);
        (0..5).for_each(|_| b.failed("status"));
        assert_eq!((a.standing(), b.standing()), (Standing::Closed, Standing::In));

        let checked = roster(Duration::ZERO);
        let (a, b) = (join(&checked, "a", 1), join(&checked, "b", 1));
        (0..3).for_each(|_| a.checked(Checked::Unwell, || "503".to_owned()));
        (0..5).for_each(|_| b.failed("status"));
        assert_eq!((a.standing(), b.standing()), (Standing::LastResort, Standing::In));
        assert_eq!((a.state(), a.why().as_deref()), (ServerState::Down, Some("503")));
    }

    #[test]
    fn the_first_pass_brings_one_back_where_nobody_else_is_in() {
        let roster = roster(Duration::ZERO);
        let (a, b) = (join(&roster, "a", 1), join(&roster, "b", 1));
        for member in [&a, &b] {
            (0..3).for_each(|_| member.checked(Checked::Unreached, String::new));
            assert_eq!(member.standing(), Standing::Closed);
        }
        a.checked(Checked::Well, String::new);
        b.checked(Checked::Well, String::new);
        assert_eq!((a.standing(), b.standing()), (Standing::In, Standing::Closed), "with one in, it takes two");
    }

    #[test]
    fn the_share_of_one_that_comes_or_comes_back_grows() {
        let roster = roster(Duration::from_hours(1));
        let first = join(&roster, "a", 4);
        let new = Member::new(&roster, &first.shared, first.address, Arrival::Later);
        let is = |share: f64, expected: f64| (share - expected).abs() < 0.01;
        assert!(is(first.weight(), 4.0) && is(new.weight(), 0.4), "{} {}", first.weight(), new.weight());
        new.grows_from_ms.store(0, Ordering::Relaxed);
        first.grow();
        assert!(is(first.share(), 0.1));
    }
}
