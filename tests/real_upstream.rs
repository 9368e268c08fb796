//! Larder in front of an API server that this project did not write: Datasette over 100,000 products.
//!
//! Each request is asked of Datasette itself, then twice of Larder. What comes through must be what Datasette said, but
//! for the fields that a cache may touch; and what comes from the cache must be, byte for byte, what came through.

#[path = "real_upstream/admin_contract.rs"]
mod admin_contract;
#[path = "real_upstream/dashboard.rs"]
mod dashboard;
#[path = "real_upstream/django.rs"]
mod django;
#[path = "real_upstream/graphql.rs"]
mod graphql;
#[path = "real_upstream/grpc.rs"]
mod grpc;
#[path = "real_upstream/purge_clients.rs"]
mod purge_clients;
mod support;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use support::client::Client;
use support::deadline::within;
use support::expect::Response;
use support::{Request, Scenario, Setup, get, head, post, request};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

/// What the second request must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Second {
    Hit,
    Forwarded,
}
use Second::{Forwarded, Hit};

/// The session: a request, and what it must be when asked again.
fn session() -> Vec<(Request, Second)> {
    let page = "/shop/products";
    let gzip = |target: &str| get(target).header("Accept-Encoding", "gzip");
    vec![
        (get("/"), Hit),
        (get("/.json"), Hit),
        (get("/shop"), Hit),
        (get("/shop.json"), Hit),
        (get(page), Hit),
        (get("/shop/products.json"), Hit),
        (get("/shop/products.json?_shape=array&_size=100"), Hit),
        (get("/shop/products.json?_shape=array&_size=1000"), Hit),
        (get("/shop/products.json?_shape=array&_size=20&_sort_desc=price_cents"), Hit),
        (get("/shop/products.json?_shape=array&_size=20&_sort=price_cents"), Hit),
        (get("/shop/products.json?_shape=array&kind=boot&price_cents__gt=50000"), Hit),
        (get("/shop/products.json?_shape=array&name__contains=gr%C3%BCn&_size=5"), Hit),
        (get("/shop/products.json?_shape=array&_next=500&_size=10"), Hit),
        (get("/shop/products.csv?_size=100"), Hit),
        (get("/shop/products.csv?_stream=on&kind=lamp"), Hit),
        (get("/shop/products/42"), Hit),
        (get("/shop/products/42.json?_shape=array"), Hit),
        (head("/shop/products/42.json?_shape=array"), Hit),
        (get("/shop.json?sql=select+count(*)+from+products&_shape=array"), Hit),
        (get("/shop.json?sql=select+:word+as+word&word=%E6%97%A5&_shape=array"), Hit),
        (get("/-/static/app.css"), Hit),
        (head("/-/static/app.css"), Hit),
        (get("/-/static/table.js").header("Accept-Encoding", "gzip, br"), Hit),
        (gzip("/shop/products.json?_shape=array&_size=200"), Hit),
        (get("/-/versions.json"), Hit),
        (get("/-/settings.json"), Hit),
        (get("/shop/products/"), Hit),
        (get("/no-such-page"), Hit),
        (get("/shop/products/999999.json"), Hit),
        (get("/shop.json?sql=nonsense"), Forwarded),
        (request("OPTIONS", "/shop.json"), Forwarded),
        (post("/shop", ""), Forwarded),
        (get("/shop.json").header("Authorization", "Bearer nobody"), Forwarded),
        (get(page).header("Cache-Control", "no-cache"), Forwarded),
        // Datasette marks what it made for a visitor with a cookie as private.
        (get("/shop/products/7.json?_shape=array").header("Cookie", "theme=dark"), Forwarded),
    ]
}

const RULES: &str = "[[route]]\nname = \"all\"\npath = \"/**\"\nttl = \"1h\"\norigin = \"override\"\n\
                     ttl_by_status = { \"302\" = \"1h\", \"404\" = \"1h\" }\ncompress = false\n";

/// Fields that Larder may add or change on any answer, and those that describe one connection's framing.
const MAY_DIFFER: [&str; 7] =
    ["age", "cache-status", "via", "x-request-id", "connection", "transfer-encoding", "content-length"];

/// As [`ask`], but asks again while the answer is shared with the request before, whose own is still being stored.
async fn ask_once_stored(address: SocketAddr, request: &Request) -> Response {
    within("the answer stored", async {
        loop {
            let answer = ask(address, request).await;
            if !answer.value("cache-status").is_some_and(|status| status.contains("collapsed")) {
                return answer;
            }
        }
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_answer_through_larder_is_the_direct_one_first_as_a_miss_then_as_a_hit() {
    let folder = tempfile::TempDir::new().expect("a temporary folder");
    let (_datasette, address) = datasette(folder.path()).await;
    let larder = Setup::rules(RULES).before(address).start().await;
    let session = session();
    assert!(session.len() >= 30, "{} requests", session.len());
    for (request, second) in &session {
        let direct = ask(address, request).await;
        let through = ask(larder.running.data_address, request).await;
        let again = ask_once_stored(larder.running.data_address, request).await;
        same(request, "direct and through Larder", &direct, &through, Compare::AllButTimings);
        match second {
            Hit => {
                again.hit();
                same(request, "through Larder and from its cache", &through, &again, Compare::Everything);
            }
            Forwarded => {
                again.not_a_hit();
                same(request, "direct and through Larder again", &direct, &again, Compare::AllButTimings);
            }
        }
    }
    conditional_requests(&larder).await;
}

/// Static files have validators: what is stored answers a condition as Datasette does.
async fn conditional_requests(larder: &Scenario) {
    let stored = larder.get("/-/static/app.css").await;
    stored.hit();
    let range = larder.fetch(&get("/-/static/app.css").header("Range", "bytes=0-9")).await;
    range.status(206).body(&stored.body[..10]);
    if let Some(tag) = stored.value("ETag") {
        larder.fetch(&get("/-/static/app.css").header("If-None-Match", tag)).await.status(304).hit();
    }
}

async fn ask(address: SocketAddr, request: &Request) -> Response {
    let mut client = Client::connect(address).await;
    client.send(request).await;
    client.response().await
}

/// How closely two answers must agree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Compare {
    /// Byte for byte, Date included.
    Everything,
    /// But for Date and the times that Datasette writes into its own pages.
    AllButTimings,
}

#[track_caller]
fn same(request: &Request, which: &str, one: &Response, other: &Response, compare: Compare) {
    let asked = format!("{} {}: {which}", request.method, request.target);
    assert_eq!(one.status, other.status, "{asked}: status\n{one}\n{other}");
    assert_eq!(one.ending, other.ending, "{asked}: ending");
    assert_eq!(fields(one, compare), fields(other, compare), "{asked}: fields");
    let (one_body, other_body) = match compare {
        Compare::Everything => (one.body.clone(), other.body.clone()),
        Compare::AllButTimings => (without_timings(&one.body), without_timings(&other.body)),
    };
    assert!(one_body == other_body, "{asked}: bodies differ\n{one}\n{other}");
}

/// All fields in their order within a name, names in lower case and sorted.
fn fields(response: &Response, compare: Compare) -> Vec<(String, String)> {
    let lines = response.head.lines.iter().map(|(name, value)| (name.to_ascii_lowercase(), value.clone()));
    let counts = |name: &str| !MAY_DIFFER.contains(&name) && (compare == Compare::Everything || name != "date");
    let mut fields: Vec<(String, String)> = lines.filter(|(name, _)| counts(name)).collect();
    fields.sort_by(|(one, _), (other, _)| one.cmp(other));
    fields
}

/// The body without the milliseconds that Datasette says its queries took.
fn without_timings(body: &[u8]) -> Vec<u8> {
    let Ok(text) = std::str::from_utf8(body) else { return body.to_vec() };
    let timings = regex::Regex::new(r#""query_ms": [0-9.e-]+|Queries took [0-9.e-]+ms"#).expect("a valid expression");
    timings.replace_all(text, "").into_owned().into_bytes()
}

/// Starts Datasette over fresh products; it ends with its handle.
async fn datasette(folder: &Path) -> (Child, SocketAddr) {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    run(&mut Command::new(root.join("scripts/install-datasette.sh"))).await;
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    let bin = target.join("tools/datasette/bin");
    let products = folder.join("shop.db");
    run(Command::new(bin.join("python")).arg(root.join("tests/real_upstream/make_products.py")).arg(&products)).await;
    // Counted once, before it serves: counting rows within a time limit, as it does otherwise, fails on a busy machine,
    // and then two direct answers differ.
    let counted = folder.join("counted.json");
    run(Command::new(bin.join("datasette")).arg("inspect").arg(&products).arg("--inspect-file").arg(&counted)).await;
    let mut process = Command::new(bin.join("datasette"))
        .args(["serve", "--host", "127.0.0.1", "--port", "0", "--cors"])
        // Suggestions and limits that depend on how fast the machine is would make two direct answers differ.
        .args(["--setting", "suggest_facets", "off", "--setting", "sql_time_limit_ms", "60000"])
        .arg("--inspect-file")
        .arg(&counted)
        .arg("--immutable")
        .arg(&products)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("Datasette starts");
    let mut said = BufReader::new(process.stderr.take().expect("piped above")).lines();
    let address = loop {
        let line = within("Datasette's address", said.next_line()).await.expect("text").expect("Datasette goes on");
        if let Some((_, rest)) = line.split_once("running on http://") {
            break rest.split(' ').next().and_then(|word| word.parse().ok()).expect("an address");
        }
    };
    // Its access log must not fill the pipe.
    tokio::spawn(async move { while let Ok(Some(_)) = said.next_line().await {} });
    (process, address)
}

async fn run(command: &mut Command) {
    let output = command.output().await.expect("the command starts");
    assert!(output.status.success(), "{command:?}\n{}", String::from_utf8_lossy(&output.stderr));
}
