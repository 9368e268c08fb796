//! What goes with a request to the origin besides the message ([`Terms`]), and what comes back with a response that may be
//! silent for long.

use super::request_fields::{RequestFields, SharedFields};
use super::traced::Traced;
use crate::key::PrimaryKey;
use crate::rules::origin_request::PoolName;
use crate::semantics::answer_lines::AnswerLines;
use crate::semantics::spelling::Spelling;
use http::{HeaderMap, HeaderValue, StatusCode};
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// On which terms the origin is asked.
#[derive(Debug, Clone, Default)]
pub struct Terms {
    /// Which servers are asked; none: the default pool.
    pub pool: Option<PoolName>,
    /// The key of what is asked for; `None` if the request passes through.
    pub key: Option<PrimaryKey>,
    /// The host that the rules have the servers asked by in place of the client's: a server's certificate must be for it.
    pub host: Option<HeaderValue>,
    /// What is done where as many requests are under way as the servers are given at once.
    pub when_full: WhenFull,
    /// Until when the head of an answer is waited for; none: as long as each try may take.
    pub deadline: Option<Deadline>,
    /// How long the origin may be silent between two reads, where the route says so itself: its `read_timeout`.
    pub read_timeout: Option<Duration>,
    /// The client of the request; a fetch of Larder's own has none.
    pub client: Option<Client>,
    /// Where it is written down what the exchange came to.
    pub note: Option<ExchangeNote>,
    /// As what the request is traced, if it is.
    pub traced: Option<Arc<Traced>>,
    /// Whether a stream of events may be silent; decided once its head is there.
    pub quiet: Quiet,
    /// In which form the fields of the answer are given.
    pub fields: FieldsAs,
}

impl Terms {
    /// Has the fields of the request, and of its answer, be in them: for one who reads them.
    pub(crate) fn with_fields_in(&mut self, headers: &mut HeaderMap) {
        if let Some(client) = &mut self.client {
            client.request_fields.put_into(headers);
            client.fields = FieldsAs::Map;
        }
    }

    /// The fields that the request shares with others, if it does.
    pub(crate) fn shared_fields(&self) -> Option<&SharedFields> {
        self.client.as_ref()?.request_fields.shared()
    }
}

/// In which form the fields of an answer are given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum FieldsAs {
    /// In the response.
    #[default]
    Map,
    /// Where nothing has to be read of them, as the lines that they came as: in the note, and the response has none then. To be
    /// asked for only by one who leaves them as they are.
    Lines,
}

/// What is done where as many requests are under way as the servers are given at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum WhenFull {
    /// The request waits for its turn, within its deadline.
    #[default]
    Wait,
    /// It fails at once: there is something to serve in its place.
    Fail,
}

/// Until when the head of an answer is waited for, all tries together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deadline {
    /// Until then.
    At(Instant),
    /// So long from the last byte of the request's body.
    AfterUpload(Duration),
}

/// What the connection of a request's client can do.
#[derive(Debug, Clone)]
pub struct Client {
    /// Receives interim responses; `None` if the client can't get them (HTTP/1.0).
    pub interim: Option<InterimListener>,
    /// Whether the connection can change protocols: a 101 with the origin's end in its extensions
    /// ([`super::switched::Switched`]) then joins both.
    pub upgrade: UpgradeAbility,
    /// Where the fields of its request are.
    pub request_fields: RequestFields,
    /// In which form it can be given the fields of an answer.
    pub fields: FieldsAs,
}

/// Whether the client asks to change protocols (RFC 9110 section 7.8) on a connection that can.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UpgradeAbility {
    /// It does.
    Able,
    /// It does not.
    Unable,
}

/// Receives the interim responses (1xx, but 100 and 101) to a request.
#[derive(Clone)]
pub struct InterimListener(Arc<Heard>);

type Heard = dyn Fn(StatusCode, &HeaderMap) + Send + Sync;

impl InterimListener {
    /// A listener that calls `heard`, which must not block: it runs in the connection's task.
    #[must_use]
    pub fn new(heard: impl Fn(StatusCode, &HeaderMap) + Send + Sync + 'static) -> Self {
        Self(Arc::new(heard))
    }

    /// Passes one on.
    pub fn send(&self, status: StatusCode, headers: &HeaderMap) {
        (self.0)(status, headers);
    }
}

impl fmt::Debug for InterimListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("InterimListener(..)")
    }
}

/// The origin's part in one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exchanged {
    /// The server that was asked last, as `host:port`.
    pub server: Arc<str>,
    /// How long the origin was waited for: all tries, up to the head of the answer or the failure.
    pub took: Duration,
    /// How many tries there were.
    pub tries: u32,
}

/// Where the origin's client writes down what an exchange came to, for the one who asks afterwards. Empty where the origin
/// was not asked.
#[derive(Debug, Clone, Default)]
pub struct ExchangeNote(Arc<Mutex<Noted>>);

#[derive(Debug, Default)]
struct Noted {
    exchanged: Option<Exchanged>,
    came: Came,
}

/// The head of an answer, as far as it is kept as it came.
#[derive(Debug, Clone)]
pub(crate) enum Came {
    /// How the names of its fields were spelt. They are in the response.
    Fields(Spelling),
    /// As lines, which are not in the response.
    Lines(AnswerLines),
}

impl Default for Came {
    fn default() -> Self {
        Self::Fields(Spelling::default())
    }
}

impl ExchangeNote {
    fn noted(&self) -> MutexGuard<'_, Noted> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds an exchange. One request may need more than one, such as a validation and then the whole answer: the
    /// server is that of the last, times and tries are added up.
    pub fn add(&self, exchanged: Exchanged) {
        let noted = &mut self.noted().exchanged;
        let (took, tries) = noted.as_ref().map_or((Duration::ZERO, 0), |earlier| (earlier.took, earlier.tries));
        let took = took.saturating_add(exchanged.took);
        *noted = Some(Exchanged { took, tries: tries.saturating_add(exchanged.tries), ..exchanged });
    }

    /// What has been written down so far.
    #[must_use]
    pub fn read(&self) -> Option<Exchanged> {
        self.noted().exchanged.clone()
    }

    /// How the head of the last answer came.
    pub(crate) fn came_as(&self, came: Came) {
        self.noted().came = came;
    }

    /// The same, for the one who writes it.
    pub(crate) fn take_came(&self) -> Came {
        std::mem::take(&mut self.noted().came)
    }

    /// Reads of the lines of the last answer, where its fields came as those.
    pub(crate) fn of_lines<T>(&self, read: impl FnOnce(&AnswerLines) -> T) -> Option<T> {
        match &self.noted().came {
            Came::Fields(_) => None,
            Came::Lines(lines) => Some(read(lines)),
        }
    }
}

/// Whether the body of a response that is a stream of events may be silent for as long as it likes. To be allowed for a
/// response that goes to one client alone: no client that leaves ends one that is shared.
#[derive(Debug, Clone, Default)]
pub struct Quiet(Arc<AtomicBool>);

impl Quiet {
    /// Lets it be silent.
    pub(crate) fn allow(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether the body may be silent.
    pub(crate) fn is_allowed(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exchanges_of_one_request_add_up() {
        let note = ExchangeNote::default();
        assert_eq!(note.read(), None);
        let exchanged = |server: &str, millis, tries| Exchanged {
            server: server.into(),
            took: Duration::from_millis(millis),
            tries,
        };
        note.clone().add(exchanged("a:80", 2, 1));
        note.add(exchanged("b:80", 3, 2));
        assert_eq!(note.read(), Some(exchanged("b:80", 5, 3)));
    }
}
