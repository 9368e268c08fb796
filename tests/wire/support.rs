//! A small language for these tests: a handler as a closure, a client that sends bytes as they are, and what the
//! observers were told. Waiting is always for a condition, with a deadline that only a failure reaches.

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use larder::testing::engine::{Answer, Body, Decision, Failure, Handler, Outcome, RequestContext};
use larder::testing::proxy::{
    Closed, Ending, Finished, ListenAddress, ListenerOptions, Listening, Observer, Observers, OptionsInForce,
    ProxyOptions, Speaks, serve,
};
use larder::testing::semantics::Reason;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;

pub(crate) const DEADLINE: Duration = Duration::from_secs(20);

pub(crate) fn options() -> ProxyOptions {
    ProxyOptions {
        listeners: vec![ListenerOptions {
            address: ListenAddress::Tcp("127.0.0.1:0".parse().unwrap()),
            speaks: Speaks::Http,
        }],
        entrance: larder::testing::proxy::Entrance::default(),
        header_bytes_max: 4096,
        headers_max: 16,
        uri_bytes_max: 512,
        connections_max: 64,
        header_read_timeout: DEADLINE,
        idle_timeout: DEADLINE,
        drain_delay: Duration::ZERO,
        drain_timeout: DEADLINE,
        stall_timeout: DEADLINE,
    }
}

/// Fails the test where `future` takes too long.
pub(crate) async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    let result = tokio::time::timeout(DEADLINE, future).await;
    assert!(result.is_ok(), "{what}: not in time");
    result.unwrap()
}

type Handling = dyn Fn(Request<Body>) -> BoxFuture<'static, Answer> + Send + Sync;

/// A handler made of a closure, which counts the requests that it sees.
pub(crate) struct Script {
    handling: Box<Handling>,
    seen: Arc<Mutex<Vec<String>>>,
}

impl Handler for Script {
    async fn handle(self: &Arc<Self>, mut request: Request<Body>, context: RequestContext) -> Answer {
        request.extensions_mut().insert(context.terms.client.expect("it came over a connection"));
        self.seen.lock().unwrap().push(format!("{} {}", request.method(), request.uri()));
        (self.handling)(request).await
    }
}

pub(crate) fn decision(outcome: Outcome, reason: Reason) -> Decision {
    Decision { outcome, reason, route: None, cache_status: None, storing: None }
}

pub(crate) fn answer(response: Response<Body>) -> Answer {
    Answer { reply: Ok(response), decision: decision(Outcome::Pass, Reason::NoRoute) }
}

pub(crate) fn failure(status: StatusCode, reason: Reason) -> Answer {
    let cause = Some("what lies beneath".into());
    Answer { reply: Err(Failure { cause, ..Failure::of(status, reason) }), decision: decision(Outcome::Error, reason) }
}

pub(crate) fn full(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into()).map_err(|never| match never {}).boxed_unsync()
}

/// Answers 200 with the target as its body.
pub(crate) async fn tell_target(request: Request<Body>) -> Answer {
    answer(Response::new(full(request.uri().to_string())))
}

/// Answers 200 with the request's body, as it streams in; 400 where its first piece fails already.
pub(crate) async fn echo(request: Request<Body>) -> Answer {
    answer(Response::new(request.into_body()))
}

/// Answers with the whole body once it is there, or fails as an engine does where it breaks.
pub(crate) async fn collect(request: Request<Body>) -> Answer {
    match request.into_body().collect().await {
        Ok(body) => answer(Response::new(full(body.to_bytes()))),
        Err(_) => failure(StatusCode::BAD_REQUEST, Reason::ClientBody),
    }
}

/// What the tests compare of a request that is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) target: String,
    pub(crate) status: Option<u16>,
    pub(crate) reason: Option<&'static str>,
    pub(crate) body_bytes: u64,
    pub(crate) ending: Ending,
}

/// An observer that remembers.
#[derive(Default)]
pub(crate) struct Memory {
    finished: watch::Sender<Vec<Told>>,
    closed: watch::Sender<Vec<Closed>>,
    open: Mutex<(usize, usize)>,
    full: watch::Sender<usize>,
}

impl Observer for Memory {
    fn finished(&self, finished: &Finished) {
        let refused = finished.refused.as_ref().map(|(refusal, _)| refusal.label());
        let decided = finished.decision.as_ref().map(|decision| decision.reason.label());
        let told = Told {
            target: finished.target.to_string(),
            status: finished.status.map(|status| status.as_u16()),
            reason: refused.or(decided),
            body_bytes: finished.body_bytes,
            ending: finished.ending,
        };
        self.finished.send_modify(|all| all.push(told));
    }

    fn opened(&self, _client: SocketAddr) {
        let mut open = self.open.lock().unwrap();
        open.0 += 1;
        open.1 = open.1.max(open.0);
    }

    fn closed(&self, closed: &Closed) {
        self.open.lock().unwrap().0 -= 1;
        self.closed.send_modify(|all| all.push(*closed));
    }

    fn full(&self) {
        self.full.send_modify(|count| *count += 1);
    }
}

/// A proxy under test.
pub(crate) struct TestServer {
    pub(crate) address: SocketAddr,
    memory: Arc<Memory>,
    seen: Arc<Mutex<Vec<String>>>,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
}

impl TestServer {
    pub(crate) fn start<F>(handling: impl Fn(Request<Body>) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Answer> + Send + 'static,
    {
        Self::with(options(), handling)
    }

    pub(crate) fn with<F>(options: ProxyOptions, handling: impl Fn(Request<Body>) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Answer> + Send + 'static,
    {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let script = Script { handling: Box::new(move |request| Box::pin(handling(request))), seen: seen.clone() };
        Self { seen, ..Self::of(options, Arc::new(script)) }
    }

    /// A proxy in front of any handler; what that has seen is not told.
    pub(crate) fn of(options: ProxyOptions, handler: Arc<impl Handler>) -> Self {
        let listening = Listening::open(&options.listeners[0]).unwrap();
        let ListenAddress::Tcp(address) = listening.address else { panic!("it listens over TCP") };
        let memory = Arc::new(Memory::default());
        let observers: Observers = Arc::new([memory.clone() as Arc<dyn Observer>]);
        let (stop, stopped) = oneshot::channel();
        let shutdown = async move {
            let _ = stopped.await;
        };
        let (options, hurry) = (OptionsInForce::new(options), std::future::pending());
        let task = tokio::spawn(serve(vec![listening], handler, options, observers, shutdown, hurry));
        Self { address, memory, seen: Arc::default(), stop: Some(stop), task }
    }

    pub(crate) async fn client(&self) -> Client {
        Client { socket: TcpStream::connect(self.address).await.unwrap(), read: Vec::new() }
    }

    /// What the handler has seen: `METHOD target` of each request.
    pub(crate) fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }

    /// Sends these bytes on a connection of their own and returns all that comes back until it is closed.
    pub(crate) async fn exchange(&self, bytes: impl AsRef<[u8]>) -> String {
        let mut client = self.client().await;
        client.send(bytes).await;
        client.rest().await
    }

    /// What observers were told of, once it is so many requests.
    pub(crate) async fn told(&self, count: usize) -> Vec<Told> {
        let mut finished = self.memory.finished.subscribe();
        soon("requests are over", finished.wait_for(|all| all.len() >= count)).await.unwrap().clone()
    }

    /// The connections that were closed, once it is so many.
    pub(crate) async fn closed(&self, count: usize) -> Vec<Closed> {
        let mut closed = self.memory.closed.subscribe();
        soon("connections are closed", closed.wait_for(|all| all.len() >= count)).await.unwrap().clone()
    }

    /// Waits until it was told that every place is taken by a busy connection.
    pub(crate) async fn full(&self) {
        soon("the server is full", self.memory.full.subscribe().wait_for(|count| *count > 0)).await.unwrap();
    }

    /// The most connections that were open at once.
    pub(crate) fn open_max(&self) -> usize {
        self.memory.open.lock().unwrap().1
    }

    pub(crate) fn stop(&mut self) {
        self.stop.take().unwrap().send(()).unwrap();
    }

    /// Waits until the server has returned.
    pub(crate) async fn stopped(self) {
        soon("the server returns", self.task).await.unwrap();
    }
}

/// One message as a client reads it.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Reply {
    /// The `reason` of a problem.
    pub(crate) fn reason(&self) -> String {
        let problem: serde_json::Value = serde_json::from_str(&self.body).unwrap();
        assert_eq!(self.headers["content-type"], "application/problem+json");
        assert_eq!(problem["status"], self.status);
        assert_eq!(problem["request_id"].as_str().unwrap().len(), 32);
        problem["reason"].as_str().unwrap().to_owned()
    }
}

/// A client that sends bytes as they are.
pub(crate) struct Client {
    pub(crate) socket: TcpStream,
    read: Vec<u8>,
}

impl Client {
    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        soon("the client sends", self.socket.write_all(bytes.as_ref())).await.unwrap();
    }

    async fn fill(&mut self) -> std::io::Result<usize> {
        soon("the client reads", self.socket.read_buf(&mut self.read)).await
    }

    /// Reads until `text` has come, and returns all up to its end.
    pub(crate) async fn until(&mut self, text: &str) -> String {
        loop {
            if let Some(at) = find(&self.read, text.as_bytes()) {
                let rest = self.read.split_off(at + text.len());
                let read = std::mem::replace(&mut self.read, rest);
                return String::from_utf8(read).unwrap_or_else(|error| byte_by_byte(&error));
            }
            let read = self.fill().await.unwrap();
            assert!(read > 0, "{text:?} did not come before the end, but {:?}", String::from_utf8_lossy(&self.read));
        }
    }

    /// Reads so many bytes; those that are no text are shown one by one.
    pub(crate) async fn bytes(&mut self, count: usize) -> String {
        while self.read.len() < count {
            assert!(self.fill().await.unwrap() > 0, "the end came early");
        }
        let rest = self.read.split_off(count);
        String::from_utf8(std::mem::replace(&mut self.read, rest)).unwrap_or_else(|error| byte_by_byte(&error))
    }

    /// Reads one message whose length is told by Content-Length, or that has no body.
    pub(crate) async fn reply(&mut self) -> Reply {
        let head = self.until("\r\n\r\n").await;
        let mut lines = head.lines();
        let status_line = lines.next().unwrap();
        assert!(status_line.starts_with("HTTP/1.1 "), "{status_line}");
        let status = status_line[9..12].parse().unwrap();
        let mut headers = HeaderMap::new();
        for line in lines.take_while(|line| !line.is_empty()) {
            let (name, value) = line.split_once(": ").unwrap();
            headers.append(http::HeaderName::try_from(name).unwrap(), value.try_into().unwrap());
        }
        let length = headers.get("content-length").map_or(0, |value| value.to_str().unwrap().parse().unwrap());
        let body = self.bytes(length).await;
        Reply { status, headers, body }
    }

    /// Reads to the connection's end, which must be an orderly one.
    pub(crate) async fn rest(&mut self) -> String {
        while self.fill().await.unwrap() > 0 {}
        String::from_utf8(std::mem::take(&mut self.read)).unwrap()
    }

    /// Reads to the connection's end, of whichever kind.
    pub(crate) async fn ended(&mut self) {
        while self.fill().await.is_ok_and(|read| read > 0) {}
    }

    /// Reads to the connection's end, which must be a reset.
    pub(crate) async fn reset(&mut self) {
        loop {
            match self.fill().await {
                Ok(0) => panic!("an orderly end, not a reset"),
                Ok(_) => {}
                Err(error) => return assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset),
            }
        }
    }
}

fn byte_by_byte(no_text: &std::string::FromUtf8Error) -> String {
    no_text.as_bytes().iter().map(|byte| char::from(*byte)).collect()
}

fn find(within: &[u8], sought: &[u8]) -> Option<usize> {
    within.windows(sought.len()).position(|window| window == sought)
}
