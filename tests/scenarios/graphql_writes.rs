//! What a mutation of GraphQL purges beyond its own URL, and what it leaves alone.

use crate::support::origin::Seen;
use crate::support::reply::Reply;
use crate::support::{Request, Scenario, Setup, post, reply};
use serde_json::{Value, json};

const RULES: &str = r#"
    [[route]]
    name = "shop"
    path = "/shop"
    body_key = "graphql"
    ttl = "1m"
    types = { Found = "product:{productId}" }
    private_mutations = ["login", "addItem"]
    [[route]]
    name = "shop-menu"
    path = "/menu"
    body_key = "graphql"
    ttl = "1m"
    types = { Category = "category:{id}" }
    [[route]]
    name = "staff"
    path = "/staff"
    operation = "Products"
    ttl = "1m"
    types = { Product = "product:{id}" }
"#;

fn asking(path: &str, text: &str) -> Request {
    post(path, &json!({ "query": text }).to_string()).header("Content-Type", "application/json")
}

fn answer(data: &Value) -> Reply {
    reply(200).header("Content-Type", "application/json").body(json!({ "data": data }).to_string())
}

/// Two APIs of one shop, each with one query that is stored; a mutation has the answer that it names.
async fn shop(mutated: Value) -> (Scenario, [Request; 3]) {
    let scenario = Setup::rules(RULES).start().await;
    let replies = |stored: Value| {
        let mutated = mutated.clone();
        // The origin answers before it has read the body.
        move |seen: &Seen| answer(if seen.value("x-mutates").is_some() { &mutated } else { &stored })
    };
    scenario.origin.on_request("/shop", replies(json!({ "search": { "__typename": "Found", "productId": 1 } })));
    scenario.origin.on_request("/menu", replies(json!({ "menu": { "__typename": "Category", "id": 1 } })));
    scenario.origin.on_request("/staff", replies(json!({ "product": { "__typename": "Product", "id": 2 } })));
    let asked =
        [asking("/shop", "{ search }"), asking("/menu", "{ menu }"), asking("/staff", "query Products { product }")];
    for asked in &asked {
        scenario.fetch(asked).await.not_a_hit();
        scenario.fetch(asked).await.hit();
    }
    (scenario, asked)
}

async fn check_kept(path: &str, text: &str, mutated: &Value, kept: [bool; 3]) {
    let (scenario, asked) = shop(mutated.clone()).await;
    let mutation = asking(path, text).header("X-Mutates", "yes");
    scenario.fetch(&mutation).await.status(200).not_a_hit();
    for (asked, kept) in asked.iter().zip(kept) {
        assert_eq!(scenario.fetch(asked).await.is_hit(), kept, "{path} {text} {mutated}");
    }
}

#[tokio::test]
async fn a_mutation_purges_what_it_returns_wherever_that_is_stored() {
    let returned = json!({ "updateProduct": { "__typename": "Product", "id": 1 } });
    check_kept("/staff", "mutation { updateProduct { id } }", &returned, [false, true, true]).await;
}

#[tokio::test]
async fn a_mutation_that_names_no_entity_purges_every_route_that_tags_the_same_entities() {
    for returned in
        [json!({ "delete": { "__typename": "Deletion" } }), json!({ "delete": { "id": 1 } }), json!({ "delete": true })]
    {
        check_kept("/staff", "mutation { delete }", &returned, [false, true, false]).await;
    }
    check_kept("/menu", "mutation { delete }", &json!({ "delete": true }), [true, false, true]).await;
}

#[tokio::test]
async fn a_private_mutation_purges_nothing_whatever_it_returns_and_whatever_it_is_called() {
    let returned = [
        json!({ "login": { "__typename": "User", "id": 1 } }),
        json!({ "addItem": { "__typename": "Found", "productId": 1 } }),
        json!({ "addItem": { "id": 1 } }),
    ];
    for returned in &returned {
        for mutation in ["mutation { login }", "mutation Any { a: addItem(id: 1) { id } __typename login }"] {
            check_kept("/shop", mutation, returned, [true; 3]).await;
        }
        for mutation in [
            "mutation login { sell }",
            "mutation { login: sell }",
            "mutation { login sell }",
            "mutation { login ...F } fragment F on Mutation { sell }",
            "mutation { login ... on Mutation { sell } }",
        ] {
            check_kept("/shop", mutation, &json!({ "sell": true }), [false, true, false]).await;
        }
    }
    check_kept("/staff", "mutation { login }", &json!({ "login": true }), [false, true, false]).await;
}

#[tokio::test]
async fn a_private_mutation_of_which_nobody_knows_what_came_of_it_purges_nothing_either() {
    for (mutation, kept) in [("mutation { login }", true), ("mutation { sell }", false)] {
        let (scenario, asked) = shop(json!({})).await;
        scenario.origin.on("/shop", reply(200).reset());
        scenario.fetch(&asking("/shop", mutation)).await.status(502);
        scenario.origin.on("/shop", answer(&json!({ "search": { "__typename": "Found", "productId": 1 } })));
        assert_eq!(scenario.fetch(&asked[0]).await.is_hit(), kept, "{mutation}");
    }
}
