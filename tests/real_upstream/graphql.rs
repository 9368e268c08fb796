//! GraphQL through Larder, from a server of Ariadne's: queries are answered from the cache, and a mutation purges what it
//! returns before its client has the answer.

use crate::run;
use crate::support::deadline::within;
use crate::support::{Request, Scenario, Setup, post};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Stdio;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

const RULES: &str = "body_key = \"graphql\"\nttl = \"10m\"\ncookies = []\ntypes = { Product = \"product:{id}\" }\n";

/// The server; it ends with the value.
async fn server() -> (Child, SocketAddr) {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    run(&mut Command::new(root.join("scripts/install-ariadne.sh"))).await;
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    let mut command = Command::new(target.join("tools/ariadne/bin/python"));
    command.arg(root.join("tests/real_upstream/graphql_shop.py")).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut process = command.kill_on_drop(true).spawn().expect("the server starts");
    let mut said = BufReader::new(process.stdout.take().expect("piped above")).lines();
    let line = within("the server's address", said.next_line()).await.expect("text").expect("the server goes on");
    (process, line.parse().expect("an address"))
}

fn asking(text: &str) -> Request {
    post("/", &json!({ "query": text }).to_string()).header("Content-Type", "application/json")
}

async fn answer(larder: &Scenario, request: &Request) -> (Value, bool) {
    let response = larder.fetch(request).await;
    (serde_json::from_slice(&response.body).expect("an answer is JSON"), response.is_hit())
}

#[tokio::test]
async fn queries_are_cached_until_a_mutation_returns_what_they_show() {
    let (_server, address) = server().await;
    let larder = Setup::route(RULES).before(address).start().await;
    let one = asking("query One { product(id: 1) { __typename id cents } }");
    let two = asking("query Two { product(id: 2) { __typename id cents } }");
    let all = asking("{ products { __typename id cents } }");
    for asked in [&one, &two, &all] {
        let (first, is_hit) = answer(&larder, asked).await;
        assert!(!is_hit && first["errors"].is_null(), "{first}");
        assert_eq!(answer(&larder, asked).await, (first, true));
    }
    let sold = asking("mutation { setPrice(id: 1, cents: 150) { __typename id cents } }");
    larder.fetch(&sold).await.status(200).detail("graphql-mutation");
    let (changed, is_hit) = answer(&larder, &one).await;
    assert_eq!((changed["data"]["product"]["cents"].as_u64(), is_hit), (Some(150), false));
    let (changed, is_hit) = answer(&larder, &all).await;
    assert_eq!((changed["data"]["products"][0]["cents"].as_u64(), is_hit), (Some(150), false));
    larder.fetch(&two).await.hit();
    // It names nothing that it has changed, so all may have.
    larder.fetch(&asking("mutation { touch }")).await.status(200);
    larder.fetch(&two).await.not_a_hit();
    // This one is refused before it is executed.
    larder.fetch(&asking("mutation { nope }")).await.status(400);
    larder.fetch(&two).await.hit();
    for _ in 0..2 {
        larder.fetch(&asking("{ me }")).await.status(200).not_a_hit().detail("graphql-errors");
        larder.fetch(&asking("{ products { id } }")).await.status(200).not_a_hit().detail("types-unreadable");
    }
}

#[tokio::test]
async fn a_query_in_a_url_and_its_spelling_make_no_difference_to_what_is_executed() {
    let (_server, address) = server().await;
    let larder = Setup::route("body_key = \"graphql\"\nttl = \"10m\"\ncookies = []\n").before(address).start().await;
    let executed = async || answer(&larder, &asking("{ executed }").header("Cache-Control", "no-store")).await.0;
    for spelling in ["{ product(id: 1) { name } }", "{product(id:1){name}}", "# one\n{ product ( id : 1 ), { name } }"]
    {
        larder.fetch(&asking(spelling)).await.status(200);
    }
    for _ in 0..2 {
        larder.get("/?query=%7Bproducts%7Bid%7D%7D").await.status(200);
    }
    assert_eq!(executed().await["data"]["executed"], 2);
}
