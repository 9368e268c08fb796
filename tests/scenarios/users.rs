//! Users whose pages differ by a cookie, asking over either protocol.

use crate::support::client::Client;
use crate::support::deadline::within;
use crate::support::{Scenario, request};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::task::JoinHandle;

/// The user who comes first.
pub(super) const ALICE: &str = "user=alice";

/// The client's protocol.
#[derive(Debug, Clone, Copy)]
pub(super) enum Protocol {
    Http1,
    Http2,
}

/// One user's request.
#[derive(Debug, Clone)]
pub(super) struct User {
    pub(super) name: String,
    method: String,
    range: Option<String>,
    field: Option<(String, String)>,
}

/// Users who are not Alice.
pub(super) fn others(count: usize) -> impl Iterator<Item = User> {
    (0..count).map(|number| User::of(&format!("user=bob-{number}")))
}

impl User {
    /// A GET of the user with this cookie.
    pub(super) fn of(name: &str) -> Self {
        Self { name: name.to_owned(), method: "GET".to_owned(), range: None, field: None }
    }

    /// With this method and range.
    pub(super) fn with(mut self, method: &str, range: Option<&str>) -> Self {
        method.clone_into(&mut self.method);
        self.range = range.map(str::to_owned);
        self
    }

    /// With this field.
    pub(super) fn saying(mut self, name: &str, value: &str) -> Self {
        self.field = Some((name.to_owned(), value.to_owned()));
        self
    }

    fn lines(&self) -> Vec<(String, String)> {
        let cookie = ("Cookie".to_owned(), self.name.clone());
        let range = self.range.clone().map(|range| ("Range".to_owned(), range));
        std::iter::once(cookie).chain(range).chain(self.field.clone()).collect()
    }

    /// Sends the request on a connection of its own; the answer is still to come.
    pub(super) async fn ask(self, scenario: &Scenario, protocol: Protocol, target: &str) -> Asked {
        let method = self.method.clone();
        match protocol {
            Protocol::Http1 => {
                let lines = self.lines();
                let asked =
                    lines.iter().fold(request(&method, target), |asked, (name, value)| asked.header(name, value));
                Asked::Http1(Box::new(scenario.begin(&asked).await))
            }
            Protocol::Http2 => {
                Asked::Http2(tokio::spawn(self.over_http2(scenario.running.data_address, target.to_owned())))
            }
        }
    }

    async fn over_http2(self, address: std::net::SocketAddr, target: String) -> Answered {
        let stream = tokio::net::TcpStream::connect(address).await.expect("Larder listens");
        let handshake = hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream));
        let (mut sender, connection) = within("the HTTP/2 handshake", handshake).await.expect("a handshake");
        tokio::spawn(connection);
        let asked = hyper::Request::builder().method(self.method.as_str()).uri(format!("http://shop.test{target}"));
        let asked = self.lines().iter().fold(asked, |asked, (name, value)| asked.header(name, value));
        let response = within("the answer", sender.send_request(asked.body(Empty::<Bytes>::new()).expect("a request")));
        let (head, body) = response.await.expect("an answer").into_parts();
        let text = |value: &hyper::header::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        let body = within("the body", body.collect()).await.expect("a body").to_bytes();
        Answered {
            status: head.status.as_u16(),
            cache_status: head.headers.get("cache-status").map(text).unwrap_or_default(),
            fields: head.headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect(),
            body: String::from_utf8_lossy(&body).into_owned(),
        }
    }
}

/// An answer that is still to come.
pub(super) enum Asked {
    Http1(Box<Client>),
    Http2(JoinHandle<Answered>),
}

/// An answer.
#[derive(Debug)]
pub(super) struct Answered {
    pub(super) status: u16,
    pub(super) cache_status: String,
    pub(super) fields: Vec<(String, String)>,
    pub(super) body: String,
}

impl Asked {
    /// The answer.
    pub(super) async fn answered(self) -> Answered {
        match self {
            Self::Http1(mut client) => {
                let response = client.response().await;
                let cache_status = response.cache_status().to_owned();
                let fields = response.head.lines.clone();
                Answered { status: response.status, cache_status, fields, body: response.text() }
            }
            Self::Http2(task) => within("an answer", task).await.expect("the request's task ends"),
        }
    }

    /// Checks that it is this user's own page, and says so of no other.
    pub(super) async fn own(self, name: &str, what: &str) {
        let answered = self.answered().await;
        let shown = &answered.body[..answered.body.len().min(60)];
        let Answered { status, cache_status, .. } = &answered;
        assert!(matches!(status, 200 | 206), "{what}: {status} for {name}, {cache_status}");
        let of =
            answered.fields.iter().find(|(field, _)| field.eq_ignore_ascii_case("x-user")).map(|(_, of)| of.as_str());
        assert_eq!(of, Some(name), "{what}: the head, {cache_status}");
        assert!(name.starts_with(shown) || shown.starts_with(name), "{what}: {name} got {shown:?}, {cache_status}");
        assert!(!cache_status.contains("collapsed") && !cache_status.contains("hit"), "{what}: {name}: {cache_status}");
    }
}
