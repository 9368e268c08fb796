//! The demo plays itself: real requests through the proxy, each timed, each with what it shows.

use super::shop::Shop;
use super::walkthrough::Places;
use crate::cli::client::AdminClient;
use anstyle::{AnsiColor, Style};
use anyhow::Context as _;
use bytes::Bytes;
use futures_util::future::join_all;
use http::header::CONTENT_TYPE;
use http::{Method, Request};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};
use std::io::Write;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// How many clients come for a cold key at once.
const CROWD: usize = 100;

const TITLE: Style = Style::new().bold();
const GOOD: Style = AnsiColor::Green.on_default();
const SLOW: Style = AnsiColor::Yellow.on_default();
const FAINT: Style = Style::new().dimmed();

/// Who is asked, and how fast the tour goes.
#[derive(Debug)]
pub(super) struct Tour<'a> {
    /// Where the proxy and its admin API are.
    pub(super) places: &'a Places,
    /// The shop, which counts what reaches it.
    pub(super) shop: &'a Shop,
    /// The pause before each step, for the reader.
    pub(super) pause: Duration,
}

/// An answer and how long it took.
struct Timed {
    status: String,
    cache_status: String,
    body: Value,
    took: Duration,
}

impl Tour<'_> {
    /// Plays every step once.
    ///
    /// # Errors
    /// Where a request gets no answer, or `out` can't be written to.
    pub(super) async fn play(&self, out: &mut impl Write) -> anyhow::Result<()> {
        let client = Client::builder(TokioExecutor::new()).build_http();
        self.title(out, "A search that takes the shop 300 ms, then the same again").await?;
        self.show(&client, out, "/api/search?q=green+jacket").await?;
        self.show(&client, out, "/api/search?q=green+jacket").await?;
        self.title(out, "A campaign adds a tracking parameter: still the same search").await?;
        self.show(&client, out, "/api/search?q=green+jacket&utm_source=mail").await?;
        self.title(out, "A price changes in the shop, and the shop purges the product").await?;
        self.show(&client, out, "/api/products/7").await?;
        self.reprice(&client, out, 1999).await?;
        self.show(&client, out, "/api/products/7").await?;
        self.purge(out, "product:7").await?;
        self.show(&client, out, "/api/products/7").await?;
        self.title(out, &format!("{CROWD} clients come at once for what nobody has asked for yet")).await?;
        self.crowd(&client, out, "/api/search?q=blue+tent").await
    }

    async fn title(&self, out: &mut impl Write, text: &str) -> anyhow::Result<()> {
        tokio::time::sleep(self.pause).await;
        writeln!(out, "\n{TITLE}{text}{TITLE:#}").context("cannot print")
    }

    async fn show(&self, client: &HttpClient, out: &mut impl Write, path: &str) -> anyhow::Result<()> {
        tokio::time::sleep(self.pause / 4).await;
        let timed = self.ask(client, Method::GET, self.places.larder, path, Bytes::new()).await?;
        let style = if timed.cache_status.contains("; hit") { GOOD } else { SLOW };
        let price = match &timed.body["price_cents"] {
            Value::Null => String::new(),
            cents => format!("  price_cents {cents}"),
        };
        let (took, status) = (milliseconds(timed.took), &timed.cache_status);
        writeln!(out, "  {style}{took:>9}{style:#}  GET {path}{price}\n             {FAINT}{status}{FAINT:#}")
            .context("cannot print")
    }

    /// Changes a price behind the proxy's back.
    async fn reprice(&self, client: &HttpClient, out: &mut impl Write, cents: u32) -> anyhow::Result<()> {
        let body = Bytes::from(json!({ "price_cents": cents }).to_string());
        let timed = self.ask(client, Method::PATCH, self.shop.address, "/api/products/7", body).await?;
        let status = timed.status;
        writeln!(out, "             the shop itself: price_cents is {cents} now ({status})").context("cannot print")
    }

    async fn purge(&self, out: &mut impl Write, tag: &str) -> anyhow::Result<()> {
        let begun = Instant::now();
        AdminClient::at(self.places.admin).post("/purge", &json!({ "tags": [tag] })).await?;
        let took = milliseconds(begun.elapsed());
        writeln!(out, "  {GOOD}{took:>9}{GOOD:#}  purge of the tag {tag}").context("cannot print")
    }

    async fn crowd(&self, client: &HttpClient, out: &mut impl Write, path: &str) -> anyhow::Result<()> {
        let (before, begun) = (self.shop.searches(), Instant::now());
        let asked = (0..CROWD).map(|_| self.ask(client, Method::GET, self.places.larder, path, Bytes::new()));
        let answers = join_all(asked).await.into_iter().collect::<anyhow::Result<Vec<_>>>()?;
        let took = milliseconds(begun.elapsed());
        let (good, fetches) =
            (answers.iter().filter(|answer| answer.status == "200 OK").count(), self.shop.searches() - before);
        let plural = if fetches == 1 { "" } else { "es" };
        writeln!(out, "  {GOOD}{took:>9}{GOOD:#}  {good} answers, {fetches} fetch{plural} from the shop")
            .context("cannot print")
    }

    async fn ask(
        &self,
        client: &HttpClient,
        method: Method,
        address: SocketAddr,
        path: &str,
        body: Bytes,
    ) -> anyhow::Result<Timed> {
        let request = Request::builder().method(method).uri(format!("http://{address}{path}"));
        let request = request.header(CONTENT_TYPE, "application/json").body(Full::from(body))?;
        let begun = Instant::now();
        let (head, body) = client.request(request).await.context("the demo gets no answer")?.into_parts();
        let body = body.collect().await.context("the demo's answer was cut short")?.to_bytes();
        let took = begun.elapsed();
        let cache_status = head.headers.get("cache-status").and_then(|value| value.to_str().ok()).unwrap_or_default();
        let body = serde_json::from_slice(&body).unwrap_or_default();
        Ok(Timed { status: head.status.to_string(), cache_status: cache_status.to_owned(), body, took })
    }
}

type HttpClient = Client<HttpConnector, Full<Bytes>>;

fn milliseconds(duration: Duration) -> String {
    format!("{:.1} ms", duration.as_secs_f64() * 1000.0)
}
