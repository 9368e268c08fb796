//! Faults that tests switch on, to show that the simulation would find them. Not there outside tests.
//!
//! One fault at most is on in a thread, and a simulation stays on its thread.

use std::cell::Cell;

/// A mistake that someone could make.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Invariant 1: a fetch takes its stamp when the answer is there, not before it asks.
    LateStamp,
    /// Invariant 1: another run of Redis counts as the same.
    EpochIgnored,
    /// Invariant 1: an instance that is cut off goes on as if it were not.
    AlwaysCurrent,
    /// Invariant 1: what is stored is judged by what it was stored with alone, whatever the rules say since.
    RulesForgotten,
    /// Invariant 1: the exchange of a write ends with its client, and invalidates nothing.
    WriteEndsWithClient,
    /// Invariant 1: what is stored is served whatever purge covers it. Audits must name the purge.
    PurgeIgnored,
    /// Invariant 1: of an event that names many, the last are not purged.
    ListIsCut,
    /// Invariant 1: what a hard purge took is validated, where a soft purge had covered it before.
    HardAfterSoftIsSoft,
    /// Invariant 1: barriers that are forgotten for want of memory raise no floor.
    ForgottenWithoutFloor,
    /// Invariant 1: what is stored by a body is not asked for purges.
    BodiesUnpurged,
    /// Invariant 2: who asks by a body fetches on their own.
    BodiesGoAlone,
    /// Invariant 4: what a body says is not part of the key.
    BodyIsNotKeyed,
    /// Invariant 4: who asks by a body waits for whoever asks the same URL, whatever that one's body.
    BodyIsNotWaitedFor,
    /// Invariant 2: every request leads a fetch of its own.
    NobodyFollows,
    /// Invariant 2: every instance's claim to a fetch succeeds.
    EveryClaimWins,
    /// Invariant 4: an answer that is private is stored like any other.
    PrivateIsStored,
    /// Invariant 4: who waits for a fetch gets its answer, though the origin wants to be asked each time.
    UnaskedIsShared,
    /// Invariant 10: what was fetched before a stamp is as good as what was fetched since.
    OlderIsTaken,
    /// Invariant 10: an instance that has not reached a stamp answers from what it has.
    UnreachedIsTaken,
    /// Invariant 5: a look-up in Redis has no deadline worth the name.
    NoDeadline,
    /// Invariant 5: however often Redis fails, requests go on waiting for it.
    BreakerStaysClosed,
}

thread_local! {
    static ACTIVE: Cell<Option<Fault>> = const { Cell::new(None) };
}

/// Switches a fault on in this thread, and any other off.
pub(crate) fn switch(fault: Option<Fault>) {
    ACTIVE.set(fault);
}

/// Whether a fault is on in this thread.
pub(crate) fn is_on(fault: Fault) -> bool {
    ACTIVE.get() == Some(fault)
}
