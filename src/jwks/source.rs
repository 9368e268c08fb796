//! Where a key set is, and reading it from there: a file, or a server that is asked as the upstream servers are.

use crate::engine::exchange::{Deadline, Terms};
use crate::engine::origin::{BodyError, Origin as _, OriginError, OriginErrorKind, empty_body};
use crate::rules::tokens::{KEY_SET_BYTES_MAX, KeySet, NoKeySet};
use crate::upstream::{ServerUrl, TlsOptions, UpstreamOptions, UpstreamPool};
use http::header::{ACCEPT, ACCEPT_ENCODING, HOST, USER_AGENT};
use http::uri::PathAndQuery;
use http::{HeaderValue, Request, StatusCode, Uri};
use http_body_util::BodyExt as _;
use jsonwebtoken::Algorithm;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, timeout};

/// How long reading may take.
const READ_TIMEOUT: Duration = Duration::from_secs(10);

/// `jwt.jwks`, resolved.
#[derive(Debug, Clone)]
pub(crate) enum JwksSource {
    /// A file.
    File(PathBuf),
    /// A URL.
    Url(Box<JwksUrl>),
}

/// The URL of a key set.
#[derive(Debug, Clone)]
pub(crate) struct JwksUrl {
    /// The server that has it.
    pub(crate) server: ServerUrl,
    /// The Host that it is asked by.
    pub(crate) host: HeaderValue,
    /// What it is asked for.
    pub(crate) path: PathAndQuery,
    /// How the server is trusted; `None` without TLS.
    pub(crate) tls: Option<TlsOptions>,
}

/// Why no keys were read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotRead {
    /// The system does not let the file be read.
    #[error("`{}` cannot be read: {cause}", .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The system's words.
        #[source]
        cause: io::Error,
    },
    /// There is no answer.
    #[error("{server} does not answer: {cause}")]
    NoAnswer {
        /// The server.
        server: ServerUrl,
        /// Why.
        #[source]
        cause: OriginError,
    },
    /// The answer is none that is meant.
    #[error("{server} answers {status} where 200 is meant; redirects are not followed")]
    Status {
        /// The server.
        server: ServerUrl,
        /// What it says.
        status: StatusCode,
    },
    /// The answer ends early.
    #[error("the answer of {server} cannot be read: {cause}")]
    Body {
        /// The server.
        server: ServerUrl,
        /// Why.
        #[source]
        cause: BodyError,
    },
    /// It takes too long.
    #[error("{0} has not answered within ten seconds")]
    TimedOut(ServerUrl),
    /// What is there is no set of keys.
    #[error(transparent)]
    NoKeySet(#[from] NoKeySet),
}

/// A source that can be read.
pub(super) enum Source {
    File(PathBuf),
    Url { url: Box<JwksUrl>, pool: Option<Arc<UpstreamPool>> },
}

impl Source {
    pub(super) fn new(source: &JwksSource) -> Self {
        match source {
            JwksSource::File(path) => Self::File(path.clone()),
            JwksSource::Url(url) => {
                let options = UpstreamOptions { tls: url.tls.clone(), ..UpstreamOptions::of(vec![url.server.clone()]) };
                Self::Url { url: url.clone(), pool: UpstreamPool::new(options).ok() }
            }
        }
    }

    /// Reads the set for signatures by these algorithms.
    ///
    /// # Errors
    /// Where there is none.
    pub(super) async fn read(&self, algorithms: &[Algorithm]) -> Result<KeySet, NotRead> {
        let text = match self {
            Self::File(path) => {
                let path = path.clone();
                let read = tokio::task::spawn_blocking(move || JwksSource::text(&path)).await;
                read.unwrap_or_else(|panicked| std::panic::resume_unwind(panicked.into_panic()))?
            }
            Self::Url { url, pool } => match timeout(READ_TIMEOUT, url.fetch(pool.as_deref())).await {
                Ok(fetched) => fetched?,
                Err(_) => return Err(NotRead::TimedOut(url.server.clone())),
            },
        };
        Ok(KeySet::read(&text, algorithms)?)
    }
}

impl JwksSource {
    /// The text of a file, as far as a set may go. Blocks on the file system.
    ///
    /// # Errors
    /// Where it can't be read.
    pub(crate) fn text(path: &Path) -> Result<Vec<u8>, NotRead> {
        let failed = |cause| NotRead::File { path: path.to_owned(), cause };
        let mut text = Vec::new();
        // One byte more shows that it goes on.
        let bound = KEY_SET_BYTES_MAX as u64 + 1;
        std::fs::File::open(path).map_err(failed)?.take(bound).read_to_end(&mut text).map_err(failed)?;
        Ok(text)
    }
}

impl JwksUrl {
    async fn fetch(&self, pool: Option<&UpstreamPool>) -> Result<Vec<u8>, NotRead> {
        let server = || self.server.clone();
        let no_answer = |cause| NotRead::NoAnswer { server: server(), cause };
        let pool = pool.ok_or_else(|| no_answer(OriginError { kind: OriginErrorKind::NoServer, cause: None }))?;
        let mut request = Request::new(empty_body());
        *request.uri_mut() = Uri::from(self.path.clone());
        for (name, value) in [
            (HOST, self.host.clone()),
            (ACCEPT, HeaderValue::from_static("application/jwk-set+json, application/json")),
            (ACCEPT_ENCODING, HeaderValue::from_static("identity")),
            (USER_AGENT, HeaderValue::from_static("larder")),
        ] {
            request.headers_mut().insert(name, value);
        }
        let terms = Terms { deadline: Some(Deadline::At(Instant::now() + READ_TIMEOUT)), ..Terms::default() };
        let response = pool.fetch(request, terms).await.map_err(no_answer)?;
        if response.status() != StatusCode::OK {
            return Err(NotRead::Status { server: server(), status: response.status() });
        }
        let (mut body, mut text) = (response.into_body(), Vec::new());
        // More than that is too much, whatever follows.
        while text.len() <= KEY_SET_BYTES_MAX {
            let Some(frame) = body.frame().await else { break };
            let frame = frame.map_err(|cause| NotRead::Body { server: server(), cause })?;
            text.extend(frame.into_data().unwrap_or_default());
        }
        Ok(text)
    }
}
