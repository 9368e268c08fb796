//! GraphQL over HTTP: queries are answered from the cache by what they ask for.

use crate::support::reply::Reply;
use crate::support::{Barrier, Request, Scenario, Setup, get, post, reply, request};
use serde_json::{Value, json};

const GRAPHQL: &str = "body_key = \"graphql\"\nttl = \"1m\"\n";

fn asking(body: &Value) -> Request {
    post("/graphql", &body.to_string()).header("Content-Type", "application/json")
}

fn query(text: &str) -> Request {
    asking(&json!({ "query": text }))
}

/// A server with one answer.
async fn shop(keys: &str) -> Scenario {
    let scenario = Setup::route(keys).start().await;
    scenario.origin.on("/graphql", answer(&json!({ "data": { "stock": 7 } })));
    scenario
}

fn answer(body: &Value) -> Reply {
    reply(200).header("Content-Type", "application/graphql-response+json; charset=utf-8").body(body.to_string())
}

#[tokio::test]
async fn a_query_is_answered_from_the_cache_by_what_it_asks_for() {
    let scenario = shop(GRAPHQL).await;
    let asked = |text: &str, id: &str| asking(&json!({ "query": text, "variables": { "id": id, "n": 1 } }));
    let text = "query Product($id: ID!, $n: Int) { product(id: $id) { name } }";
    scenario.fetch(&asked(text, "7")).await.status(200).forwarded("uri-miss");
    scenario.fetch(&asked(text, "7")).await.hit();
    scenario.fetch(&asked("query Product($id:ID!,$n:Int){\n  product(id:$id) { name, } } # seven", "7")).await.hit();
    let named = json!({ "operationName": "Product", "variables": { "n": 1.0, "id": "7" }, "query": text });
    scenario.fetch(&asking(&named)).await.hit();
    scenario.fetch(&asked(text, "8")).await.not_a_hit();
    scenario.fetch(&asked("query Product($id: ID!, $n: Int) { product(id: $id) { price } }", "7")).await.not_a_hit();
    let seen = scenario.origin.requests("/graphql");
    assert_eq!(seen.len(), 3);
    assert_eq!(seen[0].body, json!({ "query": text, "variables": { "id": "7", "n": 1 } }).to_string().into_bytes());
}

#[tokio::test]
async fn a_query_in_a_url_is_answered_from_the_cache_and_nothing_else_in_one_is() {
    let scenario = shop(GRAPHQL).await;
    for url in ["/graphql?query=%7Bstock%7D", "/graphql?query=query+A%7Bstock%7D&variables=%7B%22a%22:1%7D"] {
        scenario.get(url).await.not_a_hit();
        scenario.get(url).await.hit();
    }
    for (url, reason) in [
        ("/graphql", "graphql-unreadable"),
        ("/graphql?query=%7Bstock", "graphql-unreadable"),
        ("/graphql?query=mutation%7Bstock%7D", "graphql-mutation"),
        ("/graphql?query=%7Bstock%7D&query=%7Bprice%7D", "request-body-ambiguous"),
    ] {
        for _ in 0..2 {
            scenario.get(url).await.status(200).forwarded("bypass").detail(reason);
        }
    }
    scenario.get("/graphql?query=%7Bstock%7D").await.hit();
}

#[tokio::test]
async fn what_is_no_query_passes_through_untouched_with_its_reason() {
    let scenario = Setup::route(GRAPHQL).start().await;
    scenario.origin.on("/graphql", reply(200).echoing_the_body());
    let deep = format!(r#"{{"query": "{}"}}"#, "{a".repeat(10_000));
    let long = format!(r#"{{"query": "{{ a }}", "x": "{}"}}"#, "x".repeat(70_000));
    for (body, reason) in [
        ("{\"query\":", "graphql-unreadable"),
        ("", "graphql-unreadable"),
        ("{ stock }", "graphql-unreadable"),
        (r#"{"query": "{ stock"}"#, "graphql-unreadable"),
        (r#"{"query": "{ a } { b }"}"#, "graphql-unreadable"),
        (&deep, "graphql-unreadable"),
        (&long, "request-body-too-large"),
        (r#"{"query": "{ a }", "query": "{ b }"}"#, "request-body-ambiguous"),
        (r#"{"query": "{ a }", "variables": {"id": 9007199254740993}}"#, "request-body-ambiguous"),
        (r#"[{"query": "{ a }"}]"#, "graphql-batch"),
        (r#"{"query": "mutation { a }"}"#, "graphql-mutation"),
        (r#"{"query": "query A { a } mutation B { b }", "operationName": "B"}"#, "graphql-mutation"),
        (r#"{"query": "subscription { a }"}"#, "graphql-subscription"),
        (r#"{"query": "query A { a } query B { b }"}"#, "graphql-operation-unknown"),
        (r#"{"query": "query A { a }", "operationName": "B"}"#, "graphql-operation-unknown"),
    ] {
        for _ in 0..2 {
            let asked = post("/graphql", body).header("Content-Type", "application/json");
            scenario.fetch(&asked).await.status(200).forwarded("bypass").detail(reason).body(body);
        }
    }
}

#[tokio::test]
async fn an_answer_with_errors_is_neither_stored_nor_shared() {
    let scenario = Setup::route(GRAPHQL).start().await;
    for (body, reason) in [
        (json!({ "data": { "stock": null }, "errors": [{ "message": "no" }] }), "graphql-errors"),
        (json!({ "errors": [{ "message": "PersistedQueryNotFound" }] }), "graphql-errors"),
        (json!({ "data": null }), "graphql-answer-unreadable"),
        (json!([{ "data": { "stock": 7 } }]), "graphql-answer-unreadable"),
    ] {
        scenario.origin.on("/graphql", answer(&body));
        let asked = query(&format!("{{ stock }} # {body}"));
        for _ in 0..2 {
            scenario.fetch(&asked).await.status(200).not_a_hit().detail(reason).body(body.to_string());
        }
    }
    scenario.origin.on("/graphql", reply(200).header("Content-Type", "text/html").body("<html>"));
    for _ in 0..2 {
        scenario.fetch(&query("{ page }")).await.not_a_hit().detail("graphql-answer-unreadable").body("<html>");
    }
}

#[tokio::test]
async fn requests_for_one_query_share_one_fetch_and_not_its_errors() {
    let scenario = Setup::route(GRAPHQL).start().await;
    let gate = Barrier::new();
    let good = json!({ "data": { "stock": 7 } }).to_string();
    let slow = reply(200).header("Content-Type", "application/json").chunked();
    scenario.origin.on("/graphql", slow.body(&good[..5]).wait(&gate).body(&good[5..]));
    let mut clients = Vec::new();
    for text in ["{stock}", "{ stock }", "{ stock, }"] {
        clients.push(scenario.begin(&query(text)).await);
        scenario.origin.requested("/graphql", 1).await;
    }
    gate.open();
    for client in &mut clients {
        client.response().await.status(200).body(&good);
    }
    scenario.origin.saw("/graphql", 1);
}

#[tokio::test]
async fn a_mutation_purges_what_the_routes_of_its_url_hold() {
    let scenario = shop(GRAPHQL).await;
    let stored = async || {
        for request in [query("{ stock }"), get("/graphql?query=%7Bstock%7D")] {
            scenario.fetch(&request).await;
            scenario.fetch(&request).await.hit();
        }
    };
    let gone = async |what: &str| {
        for request in [query("{ stock }"), get("/graphql?query=%7Bstock%7D")] {
            assert!(!scenario.fetch(&request).await.is_hit(), "{what}");
        }
    };
    for body in [
        json!({ "query": "mutation { sell }" }).to_string(),
        json!([{ "query": "mutation { sell }" }]).to_string(),
        json!({ "query": "mutation { sell }", "operationName": "Sell" }).to_string(),
        json!({ "extensions": { "persistedQuery": { "version": 1, "sha256Hash": "a".repeat(64) } } }).to_string(),
        "mutation { sell }".to_owned(),
    ] {
        stored().await;
        scenario.fetch(&post("/graphql", &body).header("Content-Type", "application/json")).await.status(200);
        gone(&body).await;
    }
    stored().await;
    scenario.fetch(&request("DELETE", "/graphql").body("x")).await.status(200);
    scenario.fetch(&query("{ stock }")).await.not_a_hit();
    // What reads changes nothing, whether or not it is cached.
    stored().await;
    for body in ["subscription { stock }", "query A { a } query B { b }", "{ other }"] {
        scenario.fetch(&query(body)).await.status(200);
    }
    scenario.get("/graphql?query=mutation%7Bsell%7D").await.status(200);
    scenario.fetch(&query("{ stock }")).await.hit();
}

#[tokio::test]
async fn a_mutation_of_a_user_for_whom_nothing_is_cached_purges_too() {
    let scenario = shop(&format!("{GRAPHQL}bypass = {{ cookies = [\"session\"] }}\n")).await;
    scenario.fetch(&query("{ stock }")).await;
    let of_user = |text: &str| query(text).header("Cookie", "session=1");
    scenario.fetch(&of_user("{ stock }")).await.not_a_hit().detail("bypass-cookie");
    scenario.fetch(&query("{ stock }")).await.hit();
    scenario.fetch(&of_user("mutation { sell }")).await.status(200).detail("graphql-mutation");
    scenario.fetch(&query("{ stock }")).await.not_a_hit();
}

#[tokio::test]
async fn a_hash_stands_for_a_query_once_that_was_seen_with_it() {
    let scenario = shop(GRAPHQL).await;
    let text = "query Stock { stock }";
    let digest = ring::digest::digest(&ring::digest::SHA256, text.as_bytes());
    let digits: Vec<String> = digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    let hash = digits.concat();
    let persisted = json!({ "persistedQuery": { "version": 1, "sha256Hash": hash } });
    let by_hash = asking(&json!({ "extensions": persisted, "operationName": "Stock" }));
    scenario.fetch(&by_hash).await.not_a_hit().detail("graphql-hash-unknown");
    scenario
        .fetch(&asking(&json!({ "extensions": persisted, "query": "{ other }" })))
        .await
        .detail("graphql-hash-mismatch");
    scenario.fetch(&by_hash).await.detail("graphql-hash-unknown");
    scenario.fetch(&asking(&json!({ "extensions": persisted, "query": text }))).await.forwarded("uri-miss");
    scenario.fetch(&by_hash).await.hit();
    scenario.fetch(&query(text)).await.hit();
    let other = asking(&json!({ "extensions": persisted, "variables": { "a": 1 } }));
    scenario.fetch(&other).await.not_a_hit();
    scenario.fetch(&other).await.hit();
    let url = format!(
        "/graphql?operationName=Stock&extensions=%7B%22persistedQuery%22:%7B%22version%22:1,%22sha256Hash%22:%22{hash}%22%7D%7D"
    );
    scenario.get(&url).await.not_a_hit();
    scenario.get(&url).await.hit();
}

#[tokio::test]
async fn routes_are_told_apart_by_the_operation() {
    let rules = r#"
        [[route]]
        path = "/graphql"
        operation = "Product"
        ttl = "1m"
        [[route]]
        path = "/graphql"
        operation = "Me"
        cache = false
        [[route]]
        name = "others"
        path = "/graphql"
        methods = ["POST"]
        body_key = "graphql"
        ttl = "2m"
        tags = ["lists"]
    "#;
    let scenario = Setup::rules(rules).start().await;
    scenario.origin.on("/graphql", answer(&json!({ "data": { "stock": 7 } })));
    let product = query("query Product { stock }");
    let list = query("query List { stock }");
    for asked in [&product, &list, &query("{ stock }")] {
        scenario.fetch(asked).await.not_a_hit();
        scenario.fetch(asked).await.hit();
    }
    for _ in 0..2 {
        scenario.fetch(&query("query Me { stock }")).await.not_a_hit().detail("route-passes");
    }
    scenario.get("/graphql?query=query+Product%7Bstock%7D").await.not_a_hit();
    scenario.get("/graphql?query=query+Product%7Bstock%7D").await.hit();
    scenario.get("/graphql?query=%7Bstock%7D").await.not_a_hit().detail("method-not-named");
    scenario.purge(r#"{"routes": ["graphql-product"]}"#).await;
    scenario.fetch(&product).await.not_a_hit();
    scenario.fetch(&list).await.hit();
    scenario.purge(r#"{"tags": ["lists"]}"#).await;
    scenario.fetch(&product).await.hit();
    scenario.fetch(&list).await.not_a_hit();
    scenario.fetch(&query("mutation Product { sell }")).await.status(200);
    scenario.fetch(&product).await.not_a_hit();
    scenario.fetch(&list).await.not_a_hit();
}

const TYPED: &str =
    "body_key = \"graphql\"\nttl = \"1m\"\ntypes = { Product = \"product:{id}\", Order = \"order:{code}\" }\n";

fn product(id: u32) -> Value {
    json!({ "__typename": "Product", "id": id, "name": "tea" })
}

/// A request that tells the shop which operation it asks for in a field, too.
fn operation(text: &str) -> Request {
    query(text).header("X-Operation", text.split_whitespace().nth(1).expect("each operation has a name"))
}

/// A shop whose products have a query each, and one for all; and mutations by what they return.
async fn typed_shop(keys: &str) -> Scenario {
    let scenario = Setup::route(keys).start().await;
    // It answers before it has read the body.
    scenario.origin.on_request("/graphql", |seen| {
        answer(&match seen.value("x-operation").expect("the test names what it asks for") {
            "One" | "Sell" | "Alias" => json!({ "data": { "product": product(1) } }),
            "Two" => json!({ "data": { "product": product(2) } }),
            "All" => json!({ "data": { "list": { "__typename": "List", "items": [product(1), product(2)] } } }),
            "Cart" => json!({ "data": { "add": { "__typename": "Order", "code": "A1" } } }),
            "Invalid" => json!({ "errors": [{ "message": "no such field" }] }),
            "Failed" => json!({ "data": null, "errors": [{ "message": "out of stock" }] }),
            "Unnamed" => json!({ "data": { "product": { "id": 1 } } }),
            "Mixed" => json!({ "data": { "product": product(2), "other": { "ok": true } } }),
            "Nothing" => json!({ "data": { "done": true } }),
            "Long" => json!({ "data": { "product": product(2), "text": "x".repeat(1_100_000) } }),
            other => panic!("{other} is not expected"),
        })
    });
    scenario
}

#[tokio::test]
async fn answers_are_tagged_by_the_types_of_their_objects() {
    let scenario = typed_shop(TYPED).await;
    let all = ["One", "Two", "All"].map(|name| operation(&format!("query {name} {{ x }}")));
    let store = async || {
        for asked in &all {
            scenario.fetch(asked).await;
            scenario.fetch(asked).await.hit();
        }
    };
    for (tag, kept) in
        [("product:1", [false, true, false]), ("product:2", [true, false, false]), ("order:1", [true; 3])]
    {
        store().await;
        scenario.purge(&json!({ "tags": [tag] }).to_string()).await;
        for (asked, kept) in all.iter().zip(kept) {
            assert_eq!(scenario.fetch(asked).await.is_hit(), kept, "{tag}");
        }
    }
}

#[tokio::test]
async fn an_answer_that_may_show_an_entity_without_its_name_is_not_stored() {
    let scenario = typed_shop(TYPED).await;
    for (asked, reason) in [
        ("query Unnamed { product { id } }", "types-unreadable"),
        ("query Mixed { x }", "types-unreadable"),
        ("query One { product { __typename id: sku } }", "types-renamed"),
        ("query One { product { __typename: sku id } }", "types-renamed"),
        ("query One { product { __typename id(form: 1) } }", "types-renamed"),
    ] {
        for _ in 0..2 {
            scenario.fetch(&operation(asked)).await.status(200).not_a_hit().detail(reason);
        }
    }
    scenario.fetch(&operation("query One { product { __typename id sku: id } }")).await.forwarded("uri-miss");
}

#[tokio::test]
async fn a_mutation_purges_the_entities_that_it_returns_and_else_the_routes() {
    let scenario = typed_shop(TYPED).await;
    let all = ["One", "Two", "All"].map(|name| operation(&format!("query {name} {{ x }}")));
    for (mutation, kept) in [
        ("mutation Sell { x }", [false, true, false]),
        ("mutation Alias { x { id: sku } }", [false; 3]),
        ("mutation Cart { x }", [true; 3]),
        ("mutation Invalid { x }", [true; 3]),
        ("mutation Failed { x }", [false; 3]),
        ("mutation Unnamed { x }", [false; 3]),
        ("mutation Mixed { x }", [false; 3]),
        ("mutation Nothing { x }", [false; 3]),
        ("mutation Long { x }", [false; 3]),
    ] {
        for asked in &all {
            scenario.fetch(asked).await;
            scenario.fetch(asked).await.hit();
        }
        scenario.fetch(&operation(mutation)).await.status(200).detail("graphql-mutation");
        for (asked, kept) in all.iter().zip(kept) {
            assert_eq!(scenario.fetch(asked).await.is_hit(), kept, "{mutation}");
        }
    }
}

#[tokio::test]
async fn a_fetch_that_began_before_a_mutation_is_not_stored_after_it() {
    let scenario = Setup::route(TYPED).start().await;
    let gate = Barrier::new();
    let old = json!({ "data": { "product": product(1) } });
    let slow = reply(200).header("Content-Type", "application/json").chunked().wait(&gate).body(old.to_string());
    scenario.origin.on_each("/graphql", [slow, answer(&old), answer(&old)]);
    let asked = query("query One { product { __typename id } }");
    let mut client = scenario.begin(&asked).await;
    scenario.origin.requested("/graphql", 1).await;
    scenario.fetch(&query("mutation Sell { sell { __typename id } }")).await.status(200);
    gate.open();
    client.response().await.status(200);
    scenario.fetch(&asked).await.not_a_hit();
}

#[tokio::test]
async fn answers_with_errors_and_data_are_stored_where_the_rule_says_so() {
    let scenario = Setup::route(&format!("{GRAPHQL}graphql_errors = \"store\"\n")).start().await;
    scenario.origin.on("/graphql", answer(&json!({ "data": { "a": null }, "errors": [{ "message": "no" }] })));
    scenario.fetch(&query("{ a }")).await.not_a_hit();
    scenario.fetch(&query("{ a }")).await.hit();
    scenario.origin.on("/graphql", answer(&json!({ "errors": [{ "message": "PersistedQueryNotFound" }] })));
    for _ in 0..2 {
        scenario.fetch(&query("{ b }")).await.not_a_hit().detail("graphql-errors");
    }
}

#[tokio::test]
async fn hints_shorten_a_lifetime_and_never_lengthen_it() {
    let scenario = Setup::route(GRAPHQL).start().await;
    for (seconds, bounds) in [(7, 0..=7), (3600, 8..=60)] {
        let hints = json!([{ "path": ["a"], "maxAge": 4000 }, { "path": ["a", "b"], "maxAge": seconds }]);
        let extensions = json!({ "cacheControl": { "version": 1, "hints": hints } });
        scenario.origin.on("/graphql", answer(&json!({ "data": { "a": 1 }, "extensions": extensions })));
        let asked = query(&format!("query Hinted{seconds} {{ a }}"));
        scenario.fetch(&asked).await.not_a_hit();
        let hit = scenario.fetch(&asked).await;
        let said = hit.hit().cache_status();
        let ttl = said.split("ttl=").nth(1).and_then(|ttl| ttl.split(';').next());
        let ttl: Option<u32> = ttl.and_then(|ttl| ttl.trim().parse().ok());
        assert!(ttl.is_some_and(|ttl| bounds.contains(&ttl)), "{said}");
    }
}

#[tokio::test]
async fn hints_that_forbid_it_keep_an_answer_from_the_cache() {
    let scenario = Setup::route(GRAPHQL).start().await;
    for hints in [json!([{ "path": ["a"], "maxAge": 0 }]), json!([{ "path": ["a"], "maxAge": 9, "scope": "PRIVATE" }])]
    {
        let extensions = json!({ "cacheControl": { "version": 1, "hints": hints } });
        scenario.origin.on("/graphql", answer(&json!({ "data": { "a": 1 }, "extensions": extensions })));
        for _ in 0..2 {
            scenario.fetch(&query(&format!("{{ a }} # {hints}"))).await.not_a_hit().detail("graphql-hint");
        }
    }
}
