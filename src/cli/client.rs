//! Talks to the admin API of a running instance.

use super::admin_connection::{TlsArguments, Trust, connect};
use crate::config::AdminOptions;
use clap::Args;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use http::{HeaderName, HeaderValue, Method, Request, StatusCode, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use serde_json::Value;
use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

/// How long an answer may take; longer than any purge waits.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(90);

/// The most bytes of an answer.
const ANSWER_BYTES_MAX: usize = 64 << 20;

/// Where the admin API is, if not where the configuration says, and how to print.
#[derive(Debug, Args)]
pub(super) struct Connection {
    /// The admin API, as ADDR or URL, instead of where the configuration file says; the token then comes from
    /// `LARDER_ADMIN_TOKEN` alone.
    #[arg(long, value_name = "ADDR", visible_alias = "admin-url")]
    admin: Option<String>,
    #[command(flatten)]
    tls: TlsArguments,
    /// Print the answer as it came, in JSON.
    #[arg(long)]
    pub(super) json: bool,
}

/// An admin API.
#[derive(Debug, Clone)]
pub(super) struct AdminClient {
    base: String,
    token: Option<String>,
    /// Whom it is believed by, where it speaks TLS.
    trust: Option<Trust>,
}

/// An answer.
#[derive(Debug)]
pub(super) struct Said {
    /// Below 400.
    pub(super) status: StatusCode,
    /// The body.
    pub(super) body: Value,
}

/// Why there is no answer, or it is no.
#[derive(Debug, thiserror::Error)]
pub(super) enum ClientError {
    /// Nothing answers.
    #[error("no admin API answers at {base} (hint: is `larder serve` running? --admin says where to look)")]
    Unreachable {
        /// Where.
        base: String,
        /// The underlying error.
        #[source]
        cause: Box<dyn std::error::Error + Send + Sync>,
    },
    /// It did not answer in time.
    #[error("the admin API at {base} did not answer within {} s", ANSWER_TIMEOUT.as_secs())]
    Timeout {
        /// Where.
        base: String,
    },
    /// It refused.
    #[error("{0}")]
    Refused(String),
    /// What answers is no admin API.
    #[error("what answers at {base} is not Larder's admin API (status {status})")]
    Foreign {
        /// Where.
        base: String,
        /// What it said.
        status: StatusCode,
    },
    /// The call can't be put into HTTP.
    #[error("this cannot be asked over HTTP")]
    Request(#[from] http::Error),
}

impl AdminClient {
    /// The API that `connection` names, or that of the configuration, which is read only where it is needed.
    ///
    /// # Errors
    /// Where the configuration can't be read, or names no port.
    pub(super) fn find(
        connection: &Connection,
        configured: impl FnOnce() -> anyhow::Result<AdminOptions>,
    ) -> anyhow::Result<Self> {
        if let Some(admin) = &connection.admin {
            let base = if admin.contains("://") { admin.clone() } else { format!("http://{admin}") };
            let token = std::env::var("LARDER_ADMIN_TOKEN").ok().filter(|token| !token.is_empty());
            let trust = if is_secure(&base) { Some(Trust::of(&connection.tls)?) } else { None };
            return Ok(Self { base: base.trim_end_matches('/').to_owned(), token, trust });
        }
        let options = configured()?;
        if options.listen.port() == 0 {
            anyhow::bail!("[admin] listen leaves the port open (hint: --admin says where the instance listens)");
        }
        // An instance that listens everywhere is asked at home, where its Host check knows the name.
        let address = match options.listen.ip() {
            IpAddr::V4(address) if address.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
            IpAddr::V6(address) if address.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
            address => address,
        };
        let trust = Trust::of_configured(&options, &connection.tls)?;
        let scheme = if trust.is_some() { "https" } else { "http" };
        let base = format!("{scheme}://{}", std::net::SocketAddr::new(address, options.listen.port()));
        Ok(Self { base, token: options.token, trust })
    }

    /// The API that listens here and wants no token.
    pub(super) fn at(address: std::net::SocketAddr) -> Self {
        Self { base: format!("http://{address}"), token: None, trust: None }
    }

    /// Asks with GET. `fields` are sent besides the token.
    ///
    /// # Errors
    /// Where there is no answer, or the answer is no.
    pub(super) async fn get(&self, path: &str, fields: &[(HeaderName, HeaderValue)]) -> Result<Said, ClientError> {
        self.get_about(path, fields, Vec::new()).await
    }

    /// Asks with GET about something that this is the body of.
    ///
    /// # Errors
    /// Where there is no answer, or the answer is no.
    pub(super) async fn get_about(
        &self,
        path: &str,
        fields: &[(HeaderName, HeaderValue)],
        body: Vec<u8>,
    ) -> Result<Said, ClientError> {
        let mut request = self.request(Method::GET, path).body(Full::from(body))?;
        for (name, value) in fields {
            request.headers_mut().append(name, value.clone());
        }
        self.send(request).await
    }

    /// Asks with POST.
    ///
    /// # Errors
    /// Where there is no answer, or the answer is no.
    pub(super) async fn post(&self, path: &str, body: &Value) -> Result<Said, ClientError> {
        let request = self.request(Method::POST, path).header(CONTENT_TYPE, "application/json");
        self.send(request.body(Full::from(body.to_string()))?).await
    }

    /// Asks with DELETE.
    ///
    /// # Errors
    /// Where there is no answer, or the answer is no.
    pub(super) async fn delete(&self, path: &str) -> Result<Said, ClientError> {
        let request = self.request(Method::DELETE, path).header(CONTENT_TYPE, "application/json");
        self.send(request.body(Full::default())?).await
    }

    pub(super) fn request(&self, method: Method, path: &str) -> http::request::Builder {
        // As it is on the wire: the path, and the authority in Host.
        let authority = self.base.split_once("://").map_or(self.base.as_str(), |(_, authority)| authority);
        let request = Request::builder().method(method).uri(path).header(HOST, authority);
        match &self.token {
            Some(token) => request.header(AUTHORIZATION, format!("Bearer {token}")),
            None => request,
        }
    }

    async fn send(&self, request: Request<Full<bytes::Bytes>>) -> Result<Said, ClientError> {
        let exchange = async {
            let (head, body) = self.answer_to(request).await?.into_parts();
            let body = Limited::new(body, ANSWER_BYTES_MAX).collect().await.map_err(|cause| self.unreachable(cause))?;
            Ok::<_, ClientError>((head.status, body.to_bytes()))
        };
        let answered = tokio::time::timeout(ANSWER_TIMEOUT, exchange).await;
        let (status, body) = answered.map_err(|_| ClientError::Timeout { base: self.base.clone() })??;
        self.judged(status, &body)
    }

    /// The answer to a request, its body yet to come.
    ///
    /// # Errors
    /// If there is no answer.
    pub(super) async fn answer_to(
        &self,
        request: Request<Full<bytes::Bytes>>,
    ) -> Result<http::Response<Incoming>, ClientError> {
        let base = self.base.parse::<Uri>().map_err(|cause| self.unreachable(cause))?;
        let mut api = connect(&base, self.trust.as_ref()).await.map_err(|cause| self.unreachable(cause))?;
        api.send_request(request).await.map_err(|cause| self.unreachable(cause))
    }

    /// What an answer with this body says.
    pub(super) fn judged(&self, status: StatusCode, body: &[u8]) -> Result<Said, ClientError> {
        let foreign = || ClientError::Foreign { base: self.base.clone(), status };
        let body: Value = serde_json::from_slice(body).map_err(|_| foreign())?;
        if status.is_success() {
            return Ok(Said { status, body });
        }
        Err(body["detail"].as_str().map_or_else(foreign, |detail| ClientError::Refused(refusal(detail, &body))))
    }

    pub(super) fn unreachable(&self, cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> ClientError {
        ClientError::Unreachable { base: self.base.clone(), cause: cause.into() }
    }
}

fn is_secure(base: &str) -> bool {
    base.get(..8).is_some_and(|scheme| scheme.eq_ignore_ascii_case("https://"))
}

/// A problem in one line: place, what is wrong, hint.
fn refusal(detail: &str, problem: &Value) -> String {
    let place = problem["field"].as_str().map_or_else(String::new, |field| format!("{field}: "));
    let hint = problem["hint"].as_str().map_or_else(String::new, |hint| format!(" (hint: {hint})"));
    printable(&format!("{place}{detail}{hint}"))
}

/// The instances that an answer lists.
pub(super) fn names(instances: &Value) -> String {
    let names: Vec<&str> = instances.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    if names.is_empty() { "nobody".to_owned() } else { printable(&names.join(", ")) }
}

/// A text from elsewhere without what a terminal would obey.
pub(super) fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

/// Runs one exchange to its end on a runtime of its own.
///
/// # Errors
/// Where the exchange fails, or there is no runtime.
pub(super) fn block_on<T>(exchange: impl Future<Output = Result<T, ClientError>>) -> anyhow::Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    Ok(runtime.block_on(exchange)?)
}

/// Writes lines to standard output. A reader that has left early is no error.
///
/// # Errors
/// Where the output takes nothing else.
pub(super) fn print(text: &str) -> anyhow::Result<()> {
    match writeln!(std::io::stdout().lock(), "{}", text.trim_end()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONNECTION: Connection = Connection { admin: None, tls: TlsArguments::NONE, json: false };

    fn options(listen: &str) -> AdminOptions {
        AdminOptions { token: Some("s3cret".to_owned()), ..AdminOptions::on(listen.parse().unwrap()) }
    }

    #[test]
    fn an_instance_that_listens_everywhere_is_asked_at_home() {
        let base = |listen: &str| {
            let connection = Connection { admin: None, ..CONNECTION };
            AdminClient::find(&connection, || Ok(options(listen))).map(|client| client.base)
        };
        assert_eq!(base("0.0.0.0:9180").unwrap(), "http://127.0.0.1:9180");
        assert_eq!(base("[::]:9180").unwrap(), "http://[::1]:9180");
        assert_eq!(base("192.0.2.1:9180").unwrap(), "http://192.0.2.1:9180");
        assert!(base("127.0.0.1:0").unwrap_err().to_string().contains("--admin"));
    }

    #[test]
    fn an_address_given_spares_the_configuration() {
        let base = |admin: &str| {
            let connection = Connection { admin: Some(admin.to_owned()), ..CONNECTION };
            AdminClient::find(&connection, || panic!("the configuration was read")).unwrap().base
        };
        assert_eq!(base("larder:9180"), "http://larder:9180");
        assert_eq!(base("http://larder:9180/"), "http://larder:9180");
    }

    #[test]
    fn where_nothing_listens_the_error_says_what_to_try() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        let client = AdminClient::at(address);
        let error = block_on(client.get("/stats", &[])).unwrap_err();
        assert!(error.to_string().contains("is `larder serve` running?"), "{error}");
    }

    #[test]
    fn a_refusal_names_place_and_mend_and_cannot_move_the_cursor() {
        let problem = serde_json::json!({"field": "tags[0]", "hint": "leave\u{1b}[2J it"});
        assert_eq!(refusal("no tag", &problem), "tags[0]: no tag (hint: leave\u{fffd}[2J it)");
    }
}
