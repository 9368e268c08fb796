//! Whether an endpoint answers, seen without a request: one task for each, so that one that hangs delays no other's check,
//! and none is checked more than once at a time.
//!
//! With `health` it is asked for a path all the time. Without, a connection is opened while it is out, before a request
//! tries it. Waits are of random length, so that many instances don't check a server in step.

use super::checks::Checked;
use super::connections::Connections;
use super::endpoint::Endpoint;
use super::failure::ConnectError;
use super::health::Reach;
use super::options::{EjectOptions, HealthOptions};
use super::outgoing::Speaks;
use super::request_body::RequestBody;
use crate::engine::exchange::FieldsAs;
use crate::engine::origin::BodyError;
use crate::engine::request_fields::RequestFields;
use http::header::{CONNECTION, HOST, USER_AGENT};
use http::{HeaderValue, Request, StatusCode};
use std::error::Error as _;
use std::fmt::Write as _;
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout};

/// The longest wait for the first check of an endpoint.
const FIRST: Duration = Duration::from_secs(1);

/// Watches an endpoint until it is dropped.
pub(super) async fn watch(endpoint: Weak<Endpoint>, health: Option<Arc<HealthOptions>>, eject: EjectOptions) {
    let interval = health.as_ref().map_or_else(|| between_connections(eject), |health| health.interval);
    let mut wait = interval.min(FIRST).mul_f64(rand::random());
    loop {
        sleep(wait).await;
        let Some(endpoint) = endpoint.upgrade() else { return };
        match &health {
            Some(health) => endpoint.check(health).await,
            None if endpoint.member.wants_probe() => {
                let reach = if endpoint.probe().await.is_ok() { Reach::Reached } else { Reach::Unknown };
                endpoint.member.probed(reach);
            }
            None => {}
        }
        // Never longer than it says, so that whoever is back is found within that time.
        wait = interval.mul_f64(rand::random_range(0.8..1.0));
    }
}

/// How long an endpoint that is out waits at most, beyond its pause, for a connection to be tried.
fn between_connections(eject: EjectOptions) -> Duration {
    (eject.pause / 4).clamp(Duration::from_millis(50), Duration::from_secs(5))
}

/// Why a check failed.
#[derive(Debug, thiserror::Error)]
enum Missed {
    #[error("no answer to GET {path} within {timeout:?}")]
    TimedOut { path: String, timeout: Duration },
    #[error(transparent)]
    NoConnection(#[from] ConnectError),
    #[error("the connection broke before GET {path} was answered")]
    Broken {
        path: String,
        #[source]
        cause: BodyError,
    },
    #[error("GET {path} was answered with {status}, and {expect} is expected")]
    Status { path: String, status: u16, expect: String },
}

impl Missed {
    /// With what lies beneath.
    fn with_cause(&self) -> String {
        let mut text = self.to_string();
        let mut beneath = self.source();
        while let Some(cause) = beneath {
            let _ = write!(text, ": {cause}");
            beneath = cause.source();
        }
        text
    }
}

impl Endpoint {
    /// Tries it once: by `health` where there is one, else by a connection.
    ///
    /// # Errors
    /// Why it can't be used.
    pub(super) async fn try_once(&self, health: Option<&HealthOptions>) -> Result<(), String> {
        match health {
            Some(health) => self.missed(health).await.map_or(Ok(()), |missed| Err(missed.with_cause())),
            None => self.try_to_speak().await.map_err(|error| Missed::from(error).with_cause()),
        }
    }

    /// Opens a connection as requests would, to see whether its protocol is spoken there, and closes it.
    async fn try_to_speak(&self) -> Result<(), ConnectError> {
        let by = Instant::now() + self.server.connect_timeout;
        let apart = Connections::new(Duration::ZERO, 0);
        let name = self.server.proves(self.server.asked_by.as_ref())?;
        self.trial(&apart, name, by).connection(Speaks::Any, None).await.map(drop)
    }

    /// Why it does not answer as expected.
    async fn missed(&self, health: &HealthOptions) -> Option<Missed> {
        let timed_out = || Missed::TimedOut { path: health.path.to_string(), timeout: health.timeout };
        let status = timeout(health.timeout, self.ask_how_it_is(health)).await;
        match status.map_err(|_| timed_out()).and_then(|status| status) {
            Ok(status) if health.expect.contains(status) => None,
            Ok(status) => {
                let (path, expect) = (health.path.to_string(), health.expect.to_string());
                Some(Missed::Status { path, status: status.as_u16(), expect })
            }
            Err(missed) => Some(missed),
        }
    }

    async fn check(&self, health: &HealthOptions) {
        let Some(missed) = self.missed(health).await else {
            return self.member.checked(Checked::Well, String::new);
        };
        let came_to = if matches!(missed, Missed::Status { .. }) { Checked::Unwell } else { Checked::Unreached };
        self.member.checked(came_to, || missed.with_cause());
    }

    /// Asks over a connection of its own, which is closed after the head of the answer.
    async fn ask_how_it_is(&self, health: &HealthOptions) -> Result<StatusCode, Missed> {
        let (asked_by, by) = (self.server.asked_by.as_ref(), Instant::now() + self.server.connect_timeout);
        let apart = Connections::new(Duration::ZERO, 0);
        let opening = self.trial(&apart, self.server.proves(asked_by)?, by);
        let mut connection = opening.connection(Speaks::Any, None).await?;
        let mut request = Request::new(RequestFields::default());
        *request.uri_mut() = health.path.clone().into();
        let headers = request.headers_mut();
        headers.insert(HOST, asked_by.unwrap_or(&self.server.host).clone());
        headers.insert(USER_AGENT, HeaderValue::from_static("larder-health"));
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
        let answer = connection.session.send(&request, RequestBody::empty(), None, FieldsAs::Map).await;
        let broken = |cause| Missed::Broken { path: health.path.to_string(), cause };
        answer.map(|response| response.status()).map_err(|unanswered| broken(unanswered.failed.cause))
    }
}
