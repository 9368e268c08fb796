//! A Redis in memory, for simulations in virtual time.
//!
//! It understands the commands that this crate sends and panics at any other. Time is tokio's, so that a paused runtime
//! decides when values expire and readers stop waiting; its own clock, which ids and expiries go by, can be set wrong.
//! Everything is ordered: the same commands at the same times have the same replies.

mod cable;
#[cfg(test)]
mod command_tests;
mod link;
#[cfg(test)]
mod link_tests;
mod stream;
mod streams;
mod values;
mod words;

pub(crate) use cable::Cable;
pub(crate) use link::{Passage, SimulatedLink, Wire};

use crate::fleet::link::{LinkError, LinkFailure};
use redis::{Cmd, Value};
use std::fmt;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use streams::{NODE_ENTRIES, Reading};
use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};
use values::Keyspace;
use words::{Reply, Words};

/// What its clock shows when it is made, in milliseconds since the epoch.
pub(crate) const BORN_AT_MS: u64 = 1_700_000_000_000;

/// A Redis in memory.
pub(crate) struct SimulatedRedis {
    born: Instant,
    state: Mutex<State>,
    /// Wakes who waits for entries: some came, or Redis was started anew.
    news: Notify,
}

struct State {
    run: u64,
    clock_offset_ms: i64,
    node_entries: u64,
    keys: Keyspace,
}

impl SimulatedRedis {
    /// An empty one, in its first run.
    pub(crate) fn new() -> Arc<Self> {
        let state = State { run: 1, clock_offset_ms: 0, node_entries: NODE_ENTRIES, keys: Keyspace::default() };
        Arc::new(Self { born: Instant::now(), state: Mutex::new(state), news: Notify::new() })
    }

    /// A link to it of its own.
    pub(crate) fn link(self: &Arc<Self>, wire: Arc<dyn Wire>) -> Arc<SimulatedLink> {
        SimulatedLink::new(Arc::clone(self), wire)
    }

    /// Starts it anew without its data: another run, and every connection is broken.
    pub(crate) fn restart_empty(&self) {
        self.state().keys = Keyspace::default();
        self.restart_keeping();
    }

    /// Starts it anew with its data: another run, and every connection is broken.
    pub(crate) fn restart_keeping(&self) {
        self.state().run += 1;
        self.news.notify_waiters();
    }

    /// Sets its clock wrong by so many milliseconds. What has expired by either clock is gone.
    pub(crate) fn set_clock_offset(&self, offset_ms: i64) {
        self.state().keys.expire();
        let mut state = self.state();
        state.clock_offset_ms = offset_ms;
        state.keys.now_ms = self.now_ms(offset_ms);
        state.keys.expire();
    }

    /// Sets how many entries of a stream share a node, so that approximate trimming has an effect on short streams too.
    /// For entries still to come.
    pub(crate) fn set_node_entries(&self, entries: u64) {
        self.state().node_entries = entries;
    }

    /// Executes a command at once and without a network; one that would block does not. For those who look on.
    ///
    /// # Errors
    /// Where Redis refuses it.
    pub(crate) fn execute(&self, command: &Cmd) -> Result<Value, LinkError> {
        self.execute_words(&mut self.state(), &Words::of(command)).map_err(words::Refusal::into_error)
    }

    /// Which run it is in.
    fn run(&self) -> u64 {
        self.state().run
    }

    /// The state, as of now.
    fn state(&self) -> MutexGuard<'_, State> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.keys.now_ms = self.now_ms(state.clock_offset_ms);
        state
    }

    fn now_ms(&self, offset_ms: i64) -> u64 {
        let lived = u64::try_from(self.born.elapsed().as_millis()).expect("nobody simulates that long");
        (BORN_AT_MS + lived).checked_add_signed(offset_ms).expect("a clock shows a time after its epoch")
    }

    /// Executes a command that came over a connection to `run`.
    async fn serve(&self, run: u64, words: &Words) -> Result<Value, LinkError> {
        if words.name() != "XREAD" {
            let mut state = self.state_of(run)?;
            return self.execute_words(&mut state, words).map_err(words::Refusal::into_error);
        }
        let mut reading = Reading::parse(words).map_err(words::Refusal::into_error)?;
        let until = reading.block.map(|block| Instant::now() + block);
        loop {
            // Listening before looking: nothing is missed between the two.
            let mut news = pin!(self.news.notified());
            news.as_mut().enable();
            let reply = reading.answer(&mut self.state_of(run)?.keys).map_err(words::Refusal::into_error)?;
            let Some(until) = until.filter(|_| reply == Value::Nil) else { return Ok(reply) };
            if timeout_at(until, news).await.is_err() {
                return Ok(Value::Nil);
            }
        }
    }

    /// The state, if `run` is the present one.
    fn state_of(&self, run: u64) -> Result<MutexGuard<'_, State>, LinkError> {
        let state = self.state();
        if state.run == run { Ok(state) } else { Err(LinkError::of(LinkFailure::Away)) }
    }

    fn execute_words(&self, state: &mut State, words: &Words) -> Reply {
        match words.name().as_str() {
            "PING" => Ok(Value::SimpleString("PONG".to_owned())),
            "INFO" => {
                let (run, micros) = (state.run, state.keys.now_ms * 1000);
                let text = format!("# Server\r\nrun_id:run-{run}\r\nserver_time_usec:{micros}\r\n");
                Ok(Value::BulkString(text.into_bytes()))
            }
            name if name.starts_with('X') => {
                let reply = state.keys.execute_on_stream(words, state.node_entries);
                if name == "XADD" {
                    self.news.notify_waiters();
                }
                reply
            }
            _ => state.keys.execute(words),
        }
    }
}

impl fmt::Debug for SimulatedRedis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SimulatedRedis").field("run", &self.run()).finish_non_exhaustive()
    }
}
